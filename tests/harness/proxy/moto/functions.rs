//! Functions: their code can be fetched, what an update says of tracing and architecture is kept, and a reserved concurrency
//! of nothing is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use super::super::refusal::{Answer, refusal};
use super::super::upstream::{Asked, Upstream};
use super::super::{call, lock};
use super::code::{self, Code};
use super::memory::Memory;
use super::rewritten;

/// What updates may carry and moto keeps from creations alone.
const FORGOTTEN: [&str; 2] = ["TracingConfig", "Architectures"];

/// What the proxy remembers of functions.
#[derive(Debug, Clone, Default)]
pub(super) struct Functions {
    /// By function name, then by field.
    updated: Memory<BTreeMap<String, BTreeMap<&'static str, Value>>>,
    /// Functions that may not run at all: their reserved concurrency is 0.
    stopped: Memory<BTreeSet<String>>,
}

impl Functions {
    pub(super) async fn create(&self, code: &Code, upstream: &Upstream, asked: Asked) -> Answer {
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        code.remember(upstream, &asked, &body["Code"]).await;
        let answer = upstream.send(asked).await;
        if answer.status().is_success() {
            let name = body["FunctionName"].as_str().unwrap_or_default();
            lock(&self.updated).remove(name);
            lock(&self.stopped).remove(name);
        }
        answer
    }

    pub(super) async fn update(&self, code: &Code, upstream: &Upstream, asked: Asked) -> Answer {
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        code.remember(upstream, &asked, &body).await;
        let name = name_in(asked.parts.uri.path());
        let answer = upstream.send(asked).await;
        if answer.status().is_success() {
            let told = FORGOTTEN
                .iter()
                .filter(|key| !body[**key].is_null())
                .map(|key| (*key, body[*key].clone()));
            lock(&self.updated).entry(name).or_default().extend(told);
        }
        self.completed(answer)
    }

    pub(super) async fn reserve(&self, upstream: &Upstream, asked: Asked) -> Answer {
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let name = name_in(asked.parts.uri.path());
        let answer = upstream.send(asked).await;
        if answer.status().is_success() {
            let mut stopped = lock(&self.stopped);
            if body["ReservedConcurrentExecutions"] == 0 {
                stopped.insert(name)
            } else {
                stopped.remove(&name)
            };
        }
        answer
    }

    pub(super) async fn show(&self, upstream: &Upstream, asked: Asked, own: SocketAddr) -> Answer {
        let name = name_in(asked.parts.uri.path());
        let answer = located(self.completed(upstream.send(asked).await), own);
        let stopped = lock(&self.stopped).contains(&name);
        rewritten(answer, |body| {
            if stopped && body.get("Configuration").is_some() {
                body["Concurrency"] = json!({ "ReservedConcurrentExecutions": 0 });
            }
        })
    }

    /// Writes what moto forgot into an answer that shows one or many functions.
    fn completed(&self, answer: Answer) -> Answer {
        rewritten(answer, |body| {
            let updated = lock(&self.updated);
            let complete = |function: &mut Value| {
                let fields = function["FunctionName"]
                    .as_str()
                    .and_then(|name| updated.get(name));
                for (key, value) in fields.into_iter().flatten() {
                    function[*key] = value.clone();
                }
            };
            if let Some(functions) = body.get_mut("Functions").and_then(Value::as_array_mut) {
                functions.iter_mut().for_each(complete);
            } else if let Some(function) = body.get_mut("Configuration") {
                complete(function);
            } else if body.is_object() {
                complete(body);
            }
        })
    }
}

/// Adds a statement to a function's policy, unless it has one of that id.
pub(super) async fn permit(upstream: &Upstream, asked: Asked) -> Answer {
    let sent: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let there = upstream
        .ask(&asked, Method::GET, asked.parts.uri.path(), Bytes::new())
        .await;
    let there: Value = serde_json::from_slice(there.body()).unwrap_or_default();
    let policy: Value =
        serde_json::from_str(there["Policy"].as_str().unwrap_or_default()).unwrap_or_default();
    let mut statements = policy["Statement"].as_array().into_iter().flatten();
    if statements.any(|statement| statement["Sid"] == sent["StatementId"]) {
        let message = format!(
            "The statement id ({}) provided already exists. Please provide a new statement id, or remove the existing statement.",
            sent["StatementId"].as_str().unwrap_or_default()
        );
        return refusal("lambda", 409, "ResourceConflictException", &message);
    }
    upstream.send(asked).await
}

/// The function's name in a path: alone, or at the end of an ARN.
fn name_in(path: &str) -> String {
    let named = path.split("/functions/").nth(1).unwrap_or_default();
    let named = call::decoded(named.split('/').next().unwrap_or_default());
    named.rsplit(':').next().unwrap_or_default().to_owned()
}

/// `Code.Location` points at the proxy, which has the archive.
fn located(answer: Answer, own: SocketAddr) -> Answer {
    rewritten(answer, |body| {
        let location = code::location(own, &body["Configuration"]["CodeSha256"]);
        if let (Some(location), Some(code)) = (location, body.get_mut("Code").filter(|code| code.is_object()))
        {
            code["Location"] = location.into();
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_alone_or_by_its_arn() {
        let arn =
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Ashop/code";
        assert_eq!(name_in(arn), "shop");
        assert_eq!(name_in("/2015-03-31/functions/shop/configuration"), "shop");
        assert_eq!(name_in("/2015-03-31/functions/shop"), "shop");
    }
}
