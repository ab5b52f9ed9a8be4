//! The status page.
use super::problem::Problem;
use super::site::Site;
use axum::Router;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

pub(super) const LOGIN: &str = "/login";
pub(super) const ASSETS: &str = "/assets/";

pub(super) fn routes() -> Router<Arc<Site>> {
    Router::new()
}
pub(super) fn problem(_site: &Site, problem: &Problem) -> Response {
    problem.clone().into_response()
}
pub(super) fn content_policy() -> HeaderValue {
    HeaderValue::from_static("default-src 'none'")
}
