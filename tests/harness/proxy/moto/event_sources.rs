//! Event source mappings: one for each source and function, and found by either form of the function's name.

use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use super::super::call;
use super::super::refusal::{Answer, refusal};
use super::super::upstream::{Asked, Upstream};
use super::rewritten;

const MAPPINGS: &str = "/2015-03-31/event-source-mappings";

pub(super) async fn create(upstream: &Upstream, asked: Asked) -> Answer {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let (source, function) = (&body["EventSourceArn"], function_in(&body["FunctionName"]));
    let there = upstream.ask(&asked, Method::GET, MAPPINGS, Bytes::new()).await;
    let there: Value = serde_json::from_slice(there.body()).unwrap_or_default();
    let mut mappings = there["EventSourceMappings"].as_array().into_iter().flatten();
    let same =
        |one: &&Value| one["EventSourceArn"] == *source && function_in(&one["FunctionArn"]) == function;
    if let Some(same) = mappings.find(same) {
        let message = format!(
            "The event source arn (\" {} \") and function (\" {function} \") provided mapping already exists. Please update or \
             delete the existing mapping with UUID {}",
            source.as_str().unwrap_or_default(),
            same["UUID"].as_str().unwrap_or_default()
        );
        return refusal("lambda", 409, "ResourceConflictException", &message);
    }
    let answer = upstream.send(asked).await;
    if String::from_utf8_lossy(answer.body()).contains("Invalid EventSourceArn") {
        let message = "Invalid event source: it does not exist.";
        return refusal("lambda", 400, "InvalidParameterValueException", message);
    }
    rewritten(answer, complete)
}

/// Lists all, and picks those of the function that was asked for.
pub(super) async fn list(upstream: &Upstream, asked: Asked) -> Answer {
    let query = call::fields(asked.parts.uri.query().unwrap_or_default());
    let function = query.get("FunctionName").map(|name| function_in(&json!(name)));
    let source = query.get("EventSourceArn");
    let answer = upstream.ask(&asked, Method::GET, MAPPINGS, Bytes::new()).await;
    rewritten(answer, |body| {
        if let Some(mappings) = body["EventSourceMappings"].as_array_mut() {
            mappings.retain(|one| {
                source.is_none_or(|arn| one["EventSourceArn"] == **arn)
                    && function
                        .as_ref()
                        .is_none_or(|name| function_in(&one["FunctionArn"]) == *name)
            });
            mappings.iter_mut().for_each(complete);
        }
    })
}

pub(super) async fn show(upstream: &Upstream, asked: Asked) -> Answer {
    rewritten(upstream.send(asked).await, complete)
}

fn complete(mapping: &mut Value) {
    if mapping.get("UUID").is_some() && mapping.get("MaximumBatchingWindowInSeconds").is_none() {
        mapping["MaximumBatchingWindowInSeconds"] = 0.into();
    }
}

/// The name of a function, which may be given by its ARN.
fn function_in(given: &Value) -> String {
    let given = given.as_str().unwrap_or_default();
    given.rsplit(':').next().unwrap_or_default().to_owned()
}
