//! Answers: documents with their type.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What is known changes all the time, and may not lie about.
const NOT_KEPT: &str = "no-store";

/// A document as JSON.
pub(super) fn json(document: &impl Serialize) -> Response {
    json_as(StatusCode::OK, "application/json", document)
}

/// A document as JSON, of a type and with a status of its own.
pub(super) fn json_as(code: StatusCode, media: &'static str, document: &impl Serialize) -> Response {
    // Only maps with keys that are no text cannot be written, and no form has one.
    let text = serde_json::to_string(document).unwrap_or_else(|_| "null".to_owned());
    text_as(code, media, text)
}

/// A text of some type.
pub(super) fn text_as(code: StatusCode, media: &'static str, text: String) -> Response {
    (code, [(CONTENT_TYPE, media), (CACHE_CONTROL, NOT_KEPT)], text).into_response()
}
