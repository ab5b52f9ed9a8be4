//! Swagger 2.0, as Chalice writes it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, ApiDocument, Method, entries, models, parameters, schema, schemes, text};

pub(super) fn read(document: &Value) -> ApiDocument {
    let mut api = ApiDocument::default();
    for (key, value) in entries(document) {
        match key.as_str() {
            "swagger" | "schemes" => {}
            "paths" => api.paths = paths(value),
            "definitions" => api.models = models(value),
            "securityDefinitions" => api.security_schemes = schemes(value),
            "x-amazon-apigateway-endpoint-configuration" => api.take_endpoint(value),
            _ if api.take_shared(key, value) => {}
            _ => {
                api.other.insert(key.clone(), value.clone());
            }
        }
    }
    api
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
            "produces" => {}
            "consumes" if has_body(value) => {
                let kinds = inner.as_array().into_iter().flatten();
                method.requests = kinds.map(|kind| (text(kind), json!({}))).collect();
            }
            "consumes" => {}
            "parameters" => method.parameters = parameters(inner, typed),
            "responses" => {
                let each =
                    entries(inner).map(|(status, one)| (status.clone(), answer(one, &value["produces"])));
                method.responses = each.collect();
            }
            _ if method.take_shared(key, inner) => {}
            _ => {
                method.other.insert(key.clone(), inner.clone());
            }
        }
    }
    method
}

fn has_body(method: &Value) -> bool {
    method["parameters"]
        .as_array()
        .is_some_and(|all| all.iter().any(|one| one["in"] == "body"))
}

fn answer(value: &Value, produces: &Value) -> Answer {
    let mut answer = Answer::default();
    for (key, inner) in entries(value) {
        match key.as_str() {
            "description" => answer.description = text(inner),
            "schema" => {
                let kinds = produces.as_array().into_iter().flatten();
                answer.content = kinds
                    .map(|kind| (text(kind), json!({ "schema": schema(inner) })))
                    .collect();
            }
            "headers" => {
                answer.headers = entries(inner)
                    .map(|(name, one)| (name.clone(), typed(one)))
                    .collect()
            }
            _ => {
                answer.other.insert(key.clone(), inner.clone());
            }
        }
    }
    answer
}

/// A parameter or header with its `type` inside a `schema`, where OpenAPI 3 has it.
fn typed(value: &Value) -> Value {
    let mut fields = value.as_object().cloned().unwrap_or_default();
    if let Some(kind) = fields.remove("type") {
        fields.insert("schema".into(), json!({ "type": kind }));
    }
    fields.into()
}
