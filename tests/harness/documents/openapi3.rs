//! OpenAPI 3.0, as grail writes it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Answer, ApiDocument, Method, entries, models, parameters, schema, schemes, text};

pub(super) fn read(document: &Value) -> ApiDocument {
    let mut api = ApiDocument::default();
    for (key, value) in entries(document) {
        match key.as_str() {
            "openapi" => {}
            "paths" => api.paths = paths(value),
            "components" => components(&mut api, value),
            "servers" => value
                .as_array()
                .into_iter()
                .flatten()
                .for_each(|one| server(&mut api, one)),
            _ if api.take_shared(key, value) => {}
            _ => {
                api.other.insert(key.clone(), value.clone());
            }
        }
    }
    api
}

fn components(api: &mut ApiDocument, value: &Value) {
    for (key, inner) in entries(value) {
        match key.as_str() {
            "schemas" => api.models = models(inner),
            "securitySchemes" => api.security_schemes = schemes(inner),
            _ => {
                api.other.insert(format!("components {key}"), inner.clone());
            }
        }
    }
}

fn server(api: &mut ApiDocument, value: &Value) {
    for (key, inner) in entries(value) {
        match key.as_str() {
            "url" => {}
            "x-amazon-apigateway-endpoint-configuration" => api.take_endpoint(inner),
            _ => {
                api.other.insert(format!("server {key}"), inner.clone());
            }
        }
    }
}

fn paths(value: &Value) -> BTreeMap<String, BTreeMap<String, Method>> {
    let methods = |item| {
        entries(item)
            .map(|(name, one)| (name.to_lowercase(), method(one)))
            .collect()
    };
    entries(value)
        .map(|(path, item)| (path.clone(), methods(item)))
        .collect()
}

fn method(value: &Value) -> Method {
    let mut method = Method::default();
    for (key, inner) in entries(value) {
        match key.as_str() {
            "requestBody" => request_body(&mut method, inner),
            "parameters" => method.parameters = parameters(inner, schema),
            "responses" => {
                method.responses = entries(inner)
                    .map(|(status, one)| (status.clone(), answer(one)))
                    .collect();
            }
            _ if method.take_shared(key, inner) => {}
            _ => {
                method.other.insert(key.clone(), inner.clone());
            }
        }
    }
    method
}

fn request_body(method: &mut Method, value: &Value) {
    for (key, inner) in entries(value) {
        match key.as_str() {
            "content" => method.requests = content(inner),
            _ => {
                method.other.insert(format!("requestBody {key}"), inner.clone());
            }
        }
    }
}

fn answer(value: &Value) -> Answer {
    let mut answer = Answer::default();
    for (key, inner) in entries(value) {
        match key.as_str() {
            "description" => answer.description = text(inner),
            "content" => answer.content = content(inner),
            "headers" => {
                answer.headers = entries(inner)
                    .map(|(name, one)| (name.clone(), schema(one)))
                    .collect()
            }
            _ => {
                answer.other.insert(key.clone(), inner.clone());
            }
        }
    }
    answer
}

fn content(value: &Value) -> BTreeMap<String, Value> {
    entries(value)
        .map(|(kind, one)| (kind.clone(), schema(one)))
        .collect()
}
