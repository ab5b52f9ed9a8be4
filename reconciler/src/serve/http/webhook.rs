//! `POST /api/v1/webhooks/{project}`: a host of repositories says that something was pushed.
//!
//! It only wakes: nothing of the body is believed or even kept, except that it was signed with the project's secret as GitHub
//! does. Whoever repeats an old delivery makes the source be looked at once more. Whoever cannot sign costs no memory: the body
//! is signed piece by piece as it comes, under a key that nobody has where the project has no webhook.

use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use futures::StreamExt as _;

use super::problem::Problem;
use super::secret::Signing;
use super::site::Site;
use super::stages::accepted;

/// The largest body that is taken. What is larger is refused, and the timer finds what was pushed.
pub(super) const LARGEST: usize = 2 * 1024 * 1024;

const SIGNATURE: &str = "x-hub-signature-256";

/// Wakes the project.
pub(super) async fn wake(
    State(site): State<Arc<Site>>,
    project: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Path(project) = project.map_err(|wrong| Problem::bad_request(wrong.body_text()))?;
    let signature = shown(&headers).ok_or_else(unsigned)?;
    let keys = site.keys();
    let secret = keys.webhooks.get(&project);
    let signing = match secret {
        Some(secret) => Signing::under(secret.bytes()),
        None => site.key.signing(),
    };
    let signing = signed(signing, body).await?;
    // Whether a project has a webhook is no business of who cannot sign.
    if !signing.verifies(&signature) || secret.is_none() {
        return Err(unsigned());
    }
    site.control.wake(&project)?;
    Ok(accepted(format!("{project} is looked at soon.")))
}

/// The signature that is shown, where it can be one.
fn shown(headers: &HeaderMap) -> Option<[u8; 32]> {
    let value = headers.get(SIGNATURE)?.to_str().ok()?;
    let mut signature = [0; 32];
    let digits = value.strip_prefix("sha256=")?;
    hex::decode_to_slice(digits, &mut signature).ok()?;
    Some(signature)
}

async fn signed(mut signing: Signing, body: Body) -> Result<Signing, Problem> {
    let most = LARGEST as u64;
    if body.size_hint().lower() > most {
        return Err(Problem::too_large());
    }
    let (mut pieces, mut length) = (body.into_data_stream(), 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_cut| Problem::unreadable())?;
        length += piece.len() as u64;
        if length > most {
            return Err(Problem::too_large());
        }
        signing.add(&piece);
    }
    Ok(signing)
}

fn unsigned() -> Problem {
    let detail = format!("The body is not signed with the secret of this webhook ({SIGNATURE}).");
    Problem::unauthorized(detail)
}
