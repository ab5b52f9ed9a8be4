//! REST APIs: documents are imported with all that they say, and what moto forgets of them is remembered.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::Method;
use serde_json::{Map, Value, json};

use super::super::refusal::Answer;
use super::super::upstream::{Asked, Upstream};
use super::super::{call, lock, swagger};
use super::memory::Memory;
use super::rewritten;

/// What the proxy remembers of REST APIs, by id.
#[derive(Debug, Clone, Default)]
pub(super) struct RestApis {
    apis: Memory<BTreeMap<String, Forgotten>>,
}

/// What moto forgets of a REST API.
#[derive(Debug, Clone, Default)]
struct Forgotten {
    compression: Option<i64>,
    vpc_endpoints: Vec<String>,
}

impl RestApis {
    pub(super) async fn update(&self, upstream: &Upstream, asked: Asked) -> Answer {
        self.remember_patches(&asked);
        self.completed(upstream.send(asked).await)
    }

    pub(super) async fn show(&self, upstream: &Upstream, asked: Asked) -> Answer {
        self.completed(upstream.send(asked).await)
    }

    /// Imports or puts a document, then sets by hand what moto did not take from it.
    pub(super) async fn define(&self, upstream: &Upstream, asked: Asked) -> Answer {
        let Ok(sent) = serde_json::from_slice::<Value>(&asked.body) else {
            return upstream.send(asked).await;
        };
        let document = acceptable(swagger::as_openapi3(&sent));
        let body = Bytes::from(document.to_string());
        let answer = upstream
            .send(Asked {
                parts: asked.parts.clone(),
                body,
            })
            .await;
        let Some(id) = id_in(&answer) else { return answer };
        let query = call::fields(asked.parts.uri.query().unwrap_or_default());
        self.remember_document(&id, &document, &query);
        let target = format!("/restapis/{id}");
        let patches =
            json!({ "patchOperations": patches(&document, &query, asked.parts.method == Method::PUT) });
        let patched = upstream
            .ask(&asked, Method::PATCH, &target, Bytes::from(patches.to_string()))
            .await;
        let mut completed = self.completed(patched);
        if completed.status().is_success() {
            *completed.status_mut() = answer.status();
        }
        completed
    }

    fn remember_document(&self, id: &str, document: &Value, query: &BTreeMap<String, String>) {
        let mut apis = lock(&self.apis);
        let api = apis.entry(id.to_owned()).or_default();
        if let Some(endpoints) = endpoint_configuration(document)["vpcEndpointIds"].as_array() {
            api.vpc_endpoints = endpoints
                .iter()
                .filter_map(|id| id.as_str().map(str::to_owned))
                .collect();
        } else if let Some(endpoint) = query.get("endpointConfigurationVpcEndpointIds") {
            api.vpc_endpoints = vec![endpoint.clone()];
        }
        if let Some(size) = document["x-amazon-apigateway-minimum-compression-size"].as_i64() {
            api.compression = Some(size);
        }
    }

    fn remember_patches(&self, asked: &Asked) {
        let id = asked
            .parts
            .uri
            .path()
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let mut apis = lock(&self.apis);
        let api = apis.entry(id).or_default();
        for patch in body["patchOperations"].as_array().into_iter().flatten() {
            let (path, value) = (
                patch["path"].as_str().unwrap_or_default(),
                patch["value"].as_str(),
            );
            match (path, patch["op"].as_str().unwrap_or_default()) {
                ("/minimumCompressionSize", _) => {
                    api.compression = value.and_then(|size| size.parse().ok());
                }
                ("/endpointConfiguration/vpcEndpointIds", "add") => {
                    api.vpc_endpoints.extend(value.map(str::to_owned));
                }
                ("/endpointConfiguration/vpcEndpointIds", "remove") => {
                    api.vpc_endpoints.retain(|id| Some(id.as_str()) != value);
                }
                _ => {}
            }
        }
    }

    /// Writes what moto forgot into an answer that shows one or many REST APIs.
    fn completed(&self, answer: Answer) -> Answer {
        rewritten(answer, |body| {
            match body.get_mut("item").and_then(Value::as_array_mut) {
                Some(items) => items.iter_mut().for_each(|item| self.complete(item)),
                None => self.complete(body),
            }
        })
    }

    fn complete(&self, api: &mut Value) {
        let id = api["id"].as_str().unwrap_or_default();
        let Some(forgotten) = lock(&self.apis).get(id).cloned() else {
            return;
        };
        api["minimumCompressionSize"] = forgotten.compression.into();
        if !forgotten.vpc_endpoints.is_empty() {
            api["endpointConfiguration"]["vpcEndpointIds"] = forgotten.vpc_endpoints.into();
        }
    }
}

/// The document with what moto cannot do without.
fn acceptable(mut document: Value) -> Value {
    if let Some(info) = document["info"].as_object_mut() {
        info.entry("description").or_insert_with(|| "".into());
    }
    let items = document["paths"]
        .as_object_mut()
        .into_iter()
        .flat_map(Map::values_mut);
    for method in items.filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        let integration = method
            .get_mut("x-amazon-apigateway-integration")
            .and_then(Value::as_object_mut);
        let is_mock = |kind: Option<&Value>| {
            kind.and_then(Value::as_str)
                .is_some_and(|kind| kind.eq_ignore_ascii_case("mock"))
        };
        if let Some(mock) = integration.filter(|integration| is_mock(integration.get("type"))) {
            mock.entry("uri").or_insert_with(|| "".into());
            mock.entry("httpMethod").or_insert_with(|| "".into());
        }
    }
    document
}

fn patches(document: &Value, query: &BTreeMap<String, String>, put: bool) -> Vec<Value> {
    let replace = |path: &str, value: &str| json!({ "op": "replace", "path": path, "value": value });
    let mut patches = Vec::new();
    if put {
        patches.push(replace(
            "/description",
            document["info"]["description"].as_str().unwrap_or_default(),
        ));
    }
    if let Some(kind) = query.get("endpointConfigurationTypes") {
        patches.push(replace("/endpointConfiguration/types/EDGE", kind));
    }
    if document["x-amazon-apigateway-policy"].is_object() {
        patches.push(replace(
            "/policy",
            &document["x-amazon-apigateway-policy"].to_string(),
        ));
    }
    let types = document["x-amazon-apigateway-binary-media-types"].as_array();
    for (index, kind) in types.into_iter().flatten().filter_map(Value::as_str).enumerate() {
        // moto's `replace` makes a list of this one type, `add` appends to it.
        let op = if index == 0 { "replace" } else { "add" };
        patches.push(json!({ "op": op, "path": "/binaryMediaTypes", "value": kind }));
    }
    patches
}

/// The endpoint configuration of a document: OpenAPI 3 keeps it at the server, Swagger 2.0 at the top.
fn endpoint_configuration(document: &Value) -> &Value {
    const KEY: &str = "x-amazon-apigateway-endpoint-configuration";
    let servers = document["servers"].as_array().into_iter().flatten();
    servers
        .map(|server| &server[KEY])
        .find(|found| found.is_object())
        .unwrap_or(&document[KEY])
}

/// Deletes an API, where there is one.
pub(super) async fn delete(upstream: &Upstream, asked: Asked) -> Answer {
    let there = upstream
        .ask(&asked, Method::GET, asked.parts.uri.path(), Bytes::new())
        .await;
    if there.status().as_u16() == 404 {
        return there;
    }
    upstream.send(asked).await
}

fn id_in(answer: &Answer) -> Option<String> {
    let body: Value = serde_json::from_slice(answer.body()).ok()?;
    answer
        .status()
        .is_success()
        .then(|| body["id"].as_str().map(str::to_owned))
        .flatten()
}
