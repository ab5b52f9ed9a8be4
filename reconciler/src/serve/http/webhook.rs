//! `POST /api/v1/webhooks/{project}`: a host of repositories says that something was pushed.
//!
//! It only wakes: nothing of the body is believed or even read, except that it was signed with the project's secret as GitHub
//! does. Whoever repeats an old delivery makes the source be looked at once more.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::problem::Problem;
use super::secret::{Secret, verifies};
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
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let Path(project) = project.map_err(|wrong| Problem::bad_request(wrong.body_text()))?;
    let body = body.map_err(|wrong| match wrong.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
        _ => Problem::bad_request("The body could not be read."),
    })?;
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    // Whether a project has a webhook is no business of who cannot sign.
    if !is_signed(site.webhooks.get(&project), &body, signature) {
        let detail = format!("The body is not signed with the secret of this webhook ({SIGNATURE}).");
        return Err(Problem::unauthorized(detail));
    }
    site.control.wake(&project)?;
    Ok(accepted(format!("{project} is looked at soon.")))
}

fn is_signed(secret: Option<&Secret>, body: &[u8], signature: Option<&str>) -> bool {
    let signature = signature.and_then(|value| value.strip_prefix("sha256="));
    match (secret, signature) {
        (Some(secret), Some(signature)) => verifies(secret.bytes(), body, signature),
        _ => false,
    }
}
