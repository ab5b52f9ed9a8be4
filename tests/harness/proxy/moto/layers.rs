//! Layer versions: they are found by ARN, and their content can be fetched.

use std::net::SocketAddr;

use bytes::Bytes;
use hyper::Method;
use serde_json::Value;

use super::super::call;
use super::super::refusal::{Answer, refusal};
use super::super::upstream::{Asked, Upstream};
use super::code::{self, Code};
use super::rewritten;

pub(super) async fn publish(code: &Code, upstream: &Upstream, asked: Asked, own: SocketAddr) -> Answer {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    code.remember(upstream, &asked, &body["Content"]).await;
    located(upstream.send(asked).await, own)
}

/// GetLayerVersion, and GetLayerVersionByArn, which asks for the same by `Arn`.
pub(super) async fn show(upstream: &Upstream, asked: Asked, own: SocketAddr) -> Answer {
    let query = call::fields(asked.parts.uri.query().unwrap_or_default());
    let Some(arn) = query.get("Arn") else {
        return located(upstream.send(asked).await, own);
    };
    // arn:aws:lambda:<region>:<account>:layer:<name>:<version>
    let mut words = arn.split(':').skip(6);
    let (Some(name), Some(version)) = (words.next(), words.next()) else {
        let message = "no layer version ARN";
        return refusal("lambda", 400, "InvalidParameterValueException", message);
    };
    let target = format!("/2018-10-31/layers/{name}/versions/{version}");
    let answer = upstream.ask(&asked, Method::GET, &target, Bytes::new()).await;
    located(answer, own)
}

fn located(answer: Answer, own: SocketAddr) -> Answer {
    rewritten(answer, |body| {
        if let Some(location) = code::location(own, &body["Content"]["CodeSha256"]) {
            body["Content"]["Location"] = location.into();
        }
    })
}
