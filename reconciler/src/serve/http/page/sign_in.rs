//! `/login` and `/logout`: the token for a session.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, SET_COOKIE};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::fields;
use super::frame::Frame;
use super::html::Html;
use crate::serve::http::gate::Visitor;
use crate::serve::http::problem::Problem;
use crate::serve::http::sent::Sent;
use crate::serve::http::site::{Door, Site};

/// What the form says.
#[derive(Debug, Deserialize)]
struct Shown {
    token: String,
}

/// `GET /login`
pub(super) async fn page(State(site): State<Arc<Site>>) -> Response {
    match site.keys().door {
        Door::Guarded { token: Some(_) } => form(&site, StatusCode::OK, None),
        _ => Redirect::to("/").into_response(),
    }
}

/// `POST /login`
pub(super) async fn enter(State(site): State<Arc<Site>>, Sent(body): Sent) -> Response {
    let keys = site.keys();
    let Door::Guarded { token: Some(token) } = &keys.door else {
        return Redirect::to("/").into_response();
    };
    let shown: Option<Shown> = fields(&body);
    if !shown.is_some_and(|shown| site.key.same(shown.token.trim().as_bytes(), token.bytes())) {
        return form(
            &site,
            StatusCode::UNAUTHORIZED,
            Some("That is not the token of this server."),
        );
    }
    with_cookie(
        Redirect::to("/").into_response(),
        &keys.sessions.begun(site.clock.now()),
    )
}

/// `POST /logout`
pub(super) async fn leave(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Sent(body): Sent,
) -> Result<Response, Problem> {
    super::check(&site, &visitor, &body)?;
    Ok(with_cookie(
        Redirect::to(super::LOGIN).into_response(),
        &site.keys().sessions.ended(),
    ))
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

fn form(site: &Site, code: StatusCode, wrong: Option<&str>) -> Response {
    let frame = Frame {
        title: "Sign in",
        events: "",
        visitor: None,
    };
    frame.around(site, code, |html| {
        html.line("h1", "", "Sign in");
        if let Some(wrong) = wrong {
            html.tag("p", &[("class", "note bad"), ("role", "alert")], |html| {
                html.text(wrong)
            });
        }
        html.tag(
            "form",
            &[("method", "post"), ("action", super::LOGIN), ("class", "card")],
            field,
        );
    })
}

fn field(html: &mut Html) {
    html.tag("label", &[("for", "token")], |html| {
        html.text("The token of this server")
    });
    let attributes = [
        ("id", "token"),
        ("name", "token"),
        ("type", "password"),
        ("autocomplete", "current-password"),
        ("required", ""),
    ];
    html.void("input", &attributes);
    html.tag("button", &[("class", "main")], |html| html.text("Sign in"));
}
