//! The status page: read without a script, live with one.
//!
//! Pages are written by the server and hold everything. The script (`assets/live.js`) only listens to events, colours the
//! picture as they come and asks for the page again when more has changed, of which it takes the parts that differ: so what is
//! shown is said in one place. What can be asked for is asked by forms that need no script; each carries a proof that it was made
//! by our own page. **Given up:** anything that only a script could do.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::Uri;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::gate::Visitor;
use super::problem::Problem;
use super::sent::Sent;
use super::site::Site;
use crate::graph::{Detail, Graph, svg};
use crate::serve::board::StageKey;

mod frame;
mod html;
mod overview;
mod parts;
mod plan;
mod sign_in;
mod stage;

use frame::Frame;

/// Where one signs in.
pub(super) const LOGIN: &str = "/login";
/// Under which assets are. They are the same for everybody and hold nothing.
pub(super) const ASSETS: &str = "/assets/";

/// A file of the page.
struct Asset {
    path: &'static str,
    media: &'static str,
    text: &'static str,
}

const SHEET: Asset = Asset {
    path: "/assets/page.css",
    media: "text/css; charset=utf-8",
    text: include_str!("page/assets/page.css"),
};
const SCRIPT: Asset = Asset {
    path: "/assets/live.js",
    media: "text/javascript; charset=utf-8",
    text: include_str!("page/assets/live.js"),
};
const ICON: Asset = Asset {
    path: "/assets/icon.svg",
    media: "image/svg+xml",
    text: include_str!("page/assets/icon.svg"),
};

/// The pages and what belongs to them.
pub(super) fn routes() -> Router<Arc<Site>> {
    [&SHEET, &SCRIPT, &ICON]
        .into_iter()
        .fold(Router::new(), |router, asset| {
            router.route(asset.path, get(move || async move { served(asset) }))
        })
        .route("/", get(overview::page))
        .route("/stages/{project}/{stage}", get(stage::page))
        .route("/stages/{project}/{stage}/{what}", post(ask))
        .route(LOGIN, get(sign_in::page).post(sign_in::enter))
        .route("/logout", post(sign_in::leave))
}

fn served(asset: &'static Asset) -> Response {
    let headers = [(CONTENT_TYPE, asset.media), (CACHE_CONTROL, "no-cache")];
    (headers, asset.text).into_response()
}

/// A problem for who reads pages.
pub(super) fn problem(site: &Site, problem: &Problem) -> Response {
    let frame = Frame {
        title: problem.title,
        events: "",
        visitor: None,
    };
    frame.around(site, problem.code(), |html| {
        html.line("h1", "", problem.title);
        html.line("p", "", &problem.detail);
        html.tag("p", &[], |html| {
            html.tag("a", &[("href", "/")], |html| html.text("To the stages"));
        });
    })
}

/// The policy of every answer: nothing from elsewhere, no script and no style that is not a file of ours, but for the style
/// sheet of a picture, which is known by its digest.
pub(super) fn content_policy() -> HeaderValue {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        let picture = svg(&Graph::default(), Detail::default());
        let sheet = picture
            .split("<style>")
            .nth(1)
            .and_then(|rest| rest.split("</style>").next());
        let digest = STANDARD.encode(Sha256::digest(sheet.unwrap_or_default()));
        let policy = format!(
            "default-src 'none'; style-src 'self' 'sha256-{digest}'; script-src 'self'; img-src 'self'; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
    });
    POLICY.clone()
}

/// The fields of a form.
fn fields<T: DeserializeOwned>(body: &Bytes) -> Option<T> {
    // A form is written as a query is.
    let uri = Uri::builder()
        .path_and_query([b"/?", &body[..]].concat())
        .build()
        .ok()?;
    Query::try_from_uri(&uri).ok().map(|Query(fields)| fields)
}

#[derive(Debug, Deserialize)]
struct Proof {
    proof: String,
}

/// Refuses a form that our own page has not made for this visitor.
fn check(site: &Site, visitor: &Visitor, body: &Bytes) -> Result<(), Problem> {
    let proof: Option<Proof> = fields(body);
    let proven = proof.is_some_and(|shown| site.keys().sessions.proves(&visitor.session, &shown.proof));
    let detail = "The form is out of date. Go back, load the page again, and try once more.";
    proven.then_some(()).ok_or_else(|| Problem::forbidden(detail))
}

/// `POST /stages/{project}/{stage}/{what}`
async fn ask(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    path: Result<Path<(String, String, String)>, PathRejection>,
    Sent(body): Sent,
) -> Result<Response, Problem> {
    let Path((project, stage, what)) = path.map_err(|wrong| Problem::bad_request(wrong.body_text()))?;
    check(&site, &visitor, &body)?;
    let key = StageKey { project, stage };
    match &*what {
        "reconcile" => site.control.reconcile(&key)?,
        "pause" => site.control.pause(&key, true)?,
        "resume" => site.control.pause(&key, false)?,
        _ => return Err(Problem::not_found()),
    }
    let address = format!("{}?asked={what}", parts::address(&key));
    Ok(Redirect::to(&address).into_response())
}

#[cfg(test)]
pub(super) fn test_address(key: &StageKey) -> String {
    parts::address(key)
}
