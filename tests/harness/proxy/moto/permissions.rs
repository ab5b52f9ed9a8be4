//! Statements of a function's policy: an id stands there once. moto adds a second statement of the same id.

use bytes::Bytes;
use hyper::Method;
use serde_json::Value;

use super::super::refusal::{Answer, refusal};
use super::super::upstream::{Asked, Upstream};

pub(super) async fn add(upstream: &Upstream, asked: Asked) -> Answer {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let path = asked.parts.uri.path().to_owned();
    let there = upstream.ask(&asked, Method::GET, &path, Bytes::new()).await;
    let there: Value = serde_json::from_slice(there.body()).unwrap_or_default();
    let policy: Value =
        serde_json::from_str(there["Policy"].as_str().unwrap_or_default()).unwrap_or_default();
    let mut statements = policy["Statement"].as_array().into_iter().flatten();
    if statements.any(|statement| statement["Sid"] == body["StatementId"]) {
        let id = body["StatementId"].as_str().unwrap_or_default();
        let message = format!(
            "The statement id ({id}) provided already exists. Please provide a new statement id, or remove the existing statement."
        );
        return refusal("lambda", 409, "ResourceConflictException", &message);
    }
    upstream.send(asked).await
}
