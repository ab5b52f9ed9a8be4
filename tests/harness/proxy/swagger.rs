//! Chalice's Swagger 2.0 as OpenAPI 3.0.1, which is all that moto reads.
//!
//! The translation serves moto only. What two tools sent is compared in the form in which each sent it, by
//! [`crate::documents`], which does not use this module.

use serde_json::{Map, Value, json};

/// The document as OpenAPI 3.0.1; one that is no Swagger 2.0 is returned as it is.
pub(super) fn as_openapi3(document: &Value) -> Value {
    if document.get("swagger").is_none() {
        return document.clone();
    }
    let mut out = Map::new();
    out.insert("openapi".into(), "3.0.1".into());
    let mut components = Map::new();
    for (key, value) in entries(document) {
        match key.as_str() {
            "swagger" | "schemes" => {}
            "paths" => {
                out.insert(key.clone(), paths(value));
            }
            "definitions" => {
                components.insert("schemas".into(), value.clone());
            }
            "securityDefinitions" => {
                components.insert("securitySchemes".into(), value.clone());
            }
            "x-amazon-apigateway-endpoint-configuration" => {
                out.insert("servers".into(), json!([{ "url": "/", key.clone(): value }]));
            }
            _ => {
                out.insert(key.clone(), value.clone());
            }
        }
    }
    out.insert("components".into(), components.into());
    out.into()
}

fn paths(paths: &Value) -> Value {
    let each = entries(paths).map(|(path, item)| {
        let methods: Map<String, Value> = entries(item)
            .map(|(name, method)| (name.clone(), translated(method)))
            .collect();
        (path.clone(), methods.into())
    });
    Value::Object(each.collect())
}

fn translated(method: &Value) -> Value {
    let produces = strings(&method["produces"]);
    let mut out = Map::new();
    for (key, value) in entries(method) {
        match key.as_str() {
            "produces" | "consumes" => {}
            "parameters" => {
                let each = value.as_array().into_iter().flatten().map(typed);
                out.insert(key.clone(), each.collect());
            }
            "responses" => {
                let each =
                    entries(value).map(|(status, answer)| (status.clone(), response(answer, &produces)));
                out.insert(key.clone(), Value::Object(each.collect()));
            }
            _ => {
                out.insert(key.clone(), value.clone());
            }
        }
    }
    out.into()
}

fn response(answer: &Value, produces: &[String]) -> Value {
    let mut out = Map::new();
    for (key, value) in entries(answer) {
        match key.as_str() {
            "schema" => {
                let schema = renamed(value);
                let each = produces
                    .iter()
                    .map(|kind| (kind.clone(), json!({ "schema": schema })));
                out.insert("content".into(), Value::Object(each.collect()));
            }
            "headers" => {
                let each = entries(value).map(|(name, header)| (name.clone(), typed(header)));
                out.insert(key.clone(), Value::Object(each.collect()));
            }
            _ => {
                out.insert(key.clone(), value.clone());
            }
        }
    }
    out.into()
}

/// `{type: string, ...}` becomes `{schema: {type: string}, ...}`.
fn typed(value: &Value) -> Value {
    let mut out = value.as_object().cloned().unwrap_or_default();
    if let Some(kind) = out.remove("type") {
        out.insert("schema".into(), json!({ "type": kind }));
    }
    out.into()
}

fn renamed(schema: &Value) -> Value {
    match schema["$ref"].as_str() {
        Some(target) => json!({ "$ref": target.replace("#/definitions/", "#/components/schemas/") }),
        None => schema.clone(),
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn strings(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}
