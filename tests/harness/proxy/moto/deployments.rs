//! Deployments of an API: AWS refuses to delete one while a stage points to it. moto asks instead whether the stage exists
//! for which it was made, so that no old deployment could ever go. What should be gone and is not is hidden here.

use std::collections::BTreeSet;

use bytes::Bytes;
use hyper::{Method, Response};
use serde_json::{Value, json};

use super::super::lock;
use super::super::refusal::{Answer, refusal};
use super::super::upstream::{Asked, Upstream};
use super::memory::Memory;

/// Paths of the deployments that are gone although moto still has them: `/restapis/<api>/deployments/<id>`.
#[derive(Debug, Clone, Default)]
pub(super) struct Deployments {
    gone: Memory<BTreeSet<String>>,
}

impl Deployments {
    pub(super) async fn delete(&self, upstream: &Upstream, asked: Asked) -> Answer {
        let path = asked.parts.uri.path().to_owned();
        if self.is_gone(&path) {
            return not_found();
        }
        if is_pointed_to(upstream, &asked).await {
            let message = "Active stages pointing to this deployment must be moved or deleted";
            return refusal("apigateway", 400, "BadRequestException", message);
        }
        let answer = upstream.send(asked).await;
        if answer.status().as_u16() != 400 {
            return answer;
        }
        lock(&self.gone).insert(path);
        Response::builder()
            .status(202)
            .body(Bytes::new())
            .expect("building a 202 answer")
    }

    pub(super) async fn show(&self, upstream: &Upstream, asked: Asked) -> Answer {
        if self.is_gone(asked.parts.uri.path()) {
            not_found()
        } else {
            upstream.send(asked).await
        }
    }

    pub(super) async fn list(&self, upstream: &Upstream, asked: Asked) -> Answer {
        let path = asked.parts.uri.path().to_owned();
        super::rewritten(upstream.send(asked).await, |listed| {
            if let Some(items) = listed.get_mut("item").and_then(Value::as_array_mut) {
                items.retain(|item| {
                    !self.is_gone(&format!("{path}/{}", item["id"].as_str().unwrap_or_default()))
                });
            }
        })
    }

    fn is_gone(&self, path: &str) -> bool {
        lock(&self.gone).contains(path)
    }
}

/// Deploys, and sets on the stage what moto does not take from the call.
pub(super) async fn create(upstream: &Upstream, asked: Asked) -> Answer {
    let answer = upstream.send(asked.clone()).await;
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let (stage, tracing) = (body["stageName"].as_str(), body["tracingEnabled"].as_bool());
    let api = asked.parts.uri.path().strip_suffix("/deployments");
    if let (true, Some(api), Some(stage), Some(tracing)) = (answer.status().is_success(), api, stage, tracing)
    {
        let patch = json!({ "op": "replace", "path": "/tracingEnabled", "value": tracing.to_string() });
        let patches = Bytes::from(json!({ "patchOperations": [patch] }).to_string());
        let patched = upstream
            .ask(&asked, Method::PATCH, &format!("{api}/stages/{stage}"), patches)
            .await;
        if !patched.status().is_success() {
            return patched;
        }
    }
    answer
}

async fn is_pointed_to(upstream: &Upstream, asked: &Asked) -> bool {
    let Some((api, id)) = asked.parts.uri.path().split_once("/deployments/") else {
        return false;
    };
    let answer = upstream
        .ask(asked, Method::GET, &format!("{api}/stages"), Bytes::new())
        .await;
    let stages: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    stages["item"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|stage| stage["deploymentId"] == id)
}

fn not_found() -> Answer {
    refusal(
        "apigateway",
        404,
        "NotFoundException",
        "Invalid Deployment identifier specified",
    )
}
