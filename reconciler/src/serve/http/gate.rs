//! Who may come in, from where, and what every answer says to browsers.
//!
//! On loopback without a token a browser is what could be turned against us: a page from elsewhere that posts forms to
//! `localhost`, or whose name is made to mean 127.0.0.1 (DNS rebinding). The first is told by what browsers say of where a request
//! comes from, the second by the name that they use; both are refused. Programs say neither, and may.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use tokio::time::timeout;

use super::listener::Peer;
use super::page;
use super::problem::Problem;
use super::site::{Door, Keys, Site};

/// Who makes a request that was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Visitor {
    /// The session of a browser that came in with the token; empty for everybody else.
    pub(super) session: String,
    /// It was let in; who was not can ask only for what is open to everybody.
    pub(super) known: bool,
}

/// The layer around all routes.
pub(super) async fn gate(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let reads_pages = reads_pages(&request);
    let path = request.uri().path().to_owned();
    let entered = enter(&site, &request);
    let mut response = match entered {
        Err(problem) => problem.into_response(),
        Ok(visitor) => {
            request.extensions_mut().insert(visitor);
            let answer = timeout(site.limits.request, next.run(request)).await;
            answer.unwrap_or_else(|_elapsed| Problem::too_slow().into_response())
        }
    };
    if reads_pages && let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = for_people(&site, &problem, &path);
    }
    protect(response.headers_mut());
    response
}

/// What a problem is to who reads pages: signing in, or a page.
fn for_people(site: &Site, problem: &Problem, path: &str) -> Response {
    let by_token = matches!(site.keys().door, Door::Guarded { token: Some(_) });
    if problem.code() == StatusCode::UNAUTHORIZED && by_token && path != page::LOGIN {
        return Redirect::to(page::LOGIN).into_response();
    }
    page::problem(site, problem)
}

/// Whether an answer is read by a person.
fn reads_pages(request: &Request) -> bool {
    let accepts = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accepts.is_some_and(|accepts| accepts.contains("text/html")) && !request.uri().path().starts_with("/api/")
}

/// What is open to everybody, since it holds nothing.
fn is_open(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | page::LOGIN) || path.starts_with(page::ASSETS)
}

/// What is signed.
fn is_signed(path: &str) -> bool {
    path.starts_with("/api/v1/webhooks/")
}

fn enter(site: &Site, request: &Request) -> Result<Visitor, Problem> {
    let (path, headers) = (request.uri().path(), request.headers());
    let stranger = Visitor {
        session: String::new(),
        known: false,
    };
    if is_signed(path) {
        return Ok(stranger);
    }
    if *request.method() != Method::GET && *request.method() != Method::HEAD {
        check_origin(path, headers)?;
    }
    let entered = let_in(site, request);
    match &site.keys().door {
        Door::Guarded { .. } if is_open(path) => Ok(entered.unwrap_or(stranger)),
        _ => entered,
    }
}

fn let_in(site: &Site, request: &Request) -> Result<Visitor, Problem> {
    let keys = site.keys();
    let somebody = Visitor {
        session: String::new(),
        known: true,
    };
    let Door::Guarded { token } = &keys.door else {
        return check_host(request).map(|()| somebody);
    };
    let peer = request.extensions().get::<Peer>();
    if peer.is_some_and(|peer| peer.certified) {
        return Ok(somebody);
    }
    let Some(token) = token else {
        return Err(Problem::forbidden("A certificate of the client is required."));
    };
    if let Some(shown) = bearer(request.headers()) {
        let same = site.key.same(shown, token.bytes());
        return same
            .then_some(somebody)
            .ok_or_else(|| Problem::unauthorized("The token is another one."));
    }
    let found = session(site, &keys, request.headers());
    found.ok_or_else(|| Problem::unauthorized("A token is required (Authorization: Bearer)."))
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| token.trim_ascii())
}

fn session(site: &Site, keys: &Keys, headers: &HeaderMap) -> Option<Visitor> {
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut found = cookies.filter_map(|cookies| keys.sessions.found(cookies, site.clock.now()));
    found.next().map(|session| Visitor { session, known: true })
}

/// Refuses what names this machine by anything but a name of its loopback.
fn check_host(request: &Request) -> Result<(), Problem> {
    let named = request.headers().get_all(header::HOST).iter();
    let mut hosts: Vec<Option<Authority>> = named
        .map(|value| value.to_str().ok().and_then(|host| host.parse().ok()))
        .collect();
    hosts.extend(request.uri().authority().map(|authority| Some(authority.clone())));
    let fine = |host: &Option<Authority>| host.as_ref().is_some_and(|host| is_loopback(host.host()));
    if !hosts.is_empty() && hosts.iter().all(fine) {
        return Ok(());
    }
    let detail = "Here only localhost, 127.0.0.1 and [::1] are answered for; other names need a token.";
    Err(Problem::forbidden(detail))
}

fn is_loopback(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Refuses a write that a browser makes for another origin. What a browser says of itself (`Sec-Fetch-Site`) goes before
/// `Origin`, which is `null` for forms of our own pages because they send no referrer; those carry a proof of their own.
fn check_origin(path: &str, headers: &HeaderMap) -> Result<(), Problem> {
    let refused = || {
        Err(Problem::forbidden(
            "The request comes from a page of another origin.",
        ))
    };
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return if matches!(site, "same-origin" | "none") {
            Ok(())
        } else {
            refused()
        };
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        (None, _) => Ok(()),
        (Some("null"), _) if !path.starts_with("/api/") => Ok(()),
        (Some(origin), Some(host)) => {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            let same = authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host));
            if same { Ok(()) } else { refused() }
        }
        (Some(_), None) => refused(),
    }
}

/// Headers of every answer.
fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, page::content_policy());
}
