//! What went wrong, as RFC 9457 says it to programs. Pages say the same in words ([`super::page`]).

use axum::http::StatusCode;
use axum::http::header::{self, HeaderValue};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::json_as;
use crate::serve::board::Refused;

/// The media type.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// Something that is not done, or not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Problem {
    /// What kind of problem, for programs: it stays the same.
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    /// The kind in words.
    pub(super) title: &'static str,
    /// The status of the answer.
    pub(super) status: u16,
    /// What is wrong this time.
    pub(super) detail: String,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind,
            title,
            status: status.as_u16(),
            detail: detail.into(),
        }
    }

    pub(super) fn code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub(super) fn unknown_stage() -> Self {
        let detail = "The configuration names no such stage.";
        Self::new(
            StatusCode::NOT_FOUND,
            "urn:grail:unknown-stage",
            "No such stage",
            detail,
        )
    }

    pub(super) fn no_plan() -> Self {
        let detail = "No pass of this process has come to a plan for this stage.";
        Self::new(StatusCode::NOT_FOUND, "urn:grail:no-plan", "No plan yet", detail)
    }

    pub(super) fn not_found() -> Self {
        let detail = "There is nothing under this address.";
        Self::new(StatusCode::NOT_FOUND, "urn:grail:not-found", "Not found", detail)
    }

    pub(super) fn wrong_method() -> Self {
        let detail = "This address does not take requests of this method.";
        let code = StatusCode::METHOD_NOT_ALLOWED;
        Self::new(code, "urn:grail:wrong-method", "Method not allowed", detail)
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "urn:grail:bad-request",
            "Bad request",
            detail,
        )
    }

    pub(super) fn paused() -> Self {
        let detail = "The stage is paused; resume it first.";
        Self::new(StatusCode::CONFLICT, "urn:grail:paused", "Paused", detail)
    }

    pub(super) fn unreadable() -> Self {
        Self::bad_request("The body could not be read.")
    }

    pub(super) fn unauthorized(detail: impl Into<String>) -> Self {
        let code = StatusCode::UNAUTHORIZED;
        Self::new(code, "urn:grail:unauthorized", "Not signed in", detail)
    }

    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "urn:grail:forbidden",
            "Not allowed",
            detail,
        )
    }

    pub(super) fn too_large() -> Self {
        let code = StatusCode::PAYLOAD_TOO_LARGE;
        Self::new(
            code,
            "urn:grail:too-large",
            "Too large",
            "The body is larger than is taken here.",
        )
    }

    pub(super) fn too_slow() -> Self {
        let code = StatusCode::REQUEST_TIMEOUT;
        Self::new(
            code,
            "urn:grail:too-slow",
            "Too slow",
            "The request was not complete in time.",
        )
    }

    pub(super) fn too_many_listeners() -> Self {
        let detail = "Too many clients listen to events at once.";
        let code = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(code, "urn:grail:too-many-listeners", "Too many listeners", detail)
    }

    pub(super) fn not_ready(detail: impl Into<String>) -> Self {
        let code = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(code, "urn:grail:not-ready", "Not ready", detail)
    }

    pub(super) fn internal(detail: &str) -> Self {
        let code = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(code, "urn:grail:internal", "Internal error", detail)
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unknown => Self::unknown_stage(),
            Refused::Paused => Self::paused(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = json_as(self.code(), PROBLEM_JSON, &self);
        let headers = response.headers_mut();
        match self.code() {
            StatusCode::UNAUTHORIZED => {
                let asks = HeaderValue::from_static("Bearer realm=\"grail\"");
                headers.insert(header::WWW_AUTHENTICATE, asks);
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        // The gate makes a page of it for who reads pages.
        response.extensions_mut().insert(self);
        response
    }
}
