//! API documents in one form: Chalice's Swagger 2.0 and grail's OpenAPI 3.0.1 read alike, so that equal means the same API.
//!
//! The mapping between the two versions is that of the OpenAPI Initiative and of AWS's page on its extensions: a response's
//! schema appears once for each of `produces`, the `type` of a parameter or header moves into its `schema`, `definitions` and
//! `securityDefinitions` move into `components`, and the endpoint configuration moves from the top into the server.
//! Everything else has the same form in both.
//!
//! What has no meaning for the API is left out: the version of the form itself, `schemes`, a server's URL, and
//! `info.description`, where grail leaves its mark. So is `consumes` of a method without a body parameter, which is what
//! Chalice writes: Swagger lets it speak of the body only, and API Gateway keeps media types of requests nowhere but in the
//! models of a body. What this module does not know it keeps, so that it counts.
//!
//! A tool defines an API in several calls. [`defined`] folds them: import, puts, and patches of the API itself.

mod defined;
mod openapi3;
mod swagger2;

pub use defined::{defined, only_defined};

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

/// An API as a document describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ApiDocument {
    /// `info.title`: the API's name.
    pub title: String,
    /// `info.version`.
    pub version: String,
    /// Media types that pass as bytes.
    pub binary_types: BTreeSet<String>,
    /// Resource policy; null where there is none.
    pub policy: Value,
    /// Endpoint types: `EDGE`, `REGIONAL`, `PRIVATE`. They stand in the call, not in the document.
    pub endpoint_types: BTreeSet<String>,
    /// VPC endpoints through which a private API is reached.
    pub vpc_endpoints: BTreeSet<String>,
    /// Smallest answer in bytes that is compressed; none where compression is off.
    pub minimum_compression: Option<u64>,
    /// Security schemes with their authorizers, by name.
    pub security_schemes: BTreeMap<String, Value>,
    /// Schemas by name, references by name alone.
    pub models: BTreeMap<String, Value>,
    /// Methods by path and by name in lower case.
    pub paths: BTreeMap<String, BTreeMap<String, Method>>,
    /// Whatever else stands at the top.
    pub other: BTreeMap<String, Value>,
}

/// One method of one path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Method {
    /// First line of the docstring.
    pub summary: Option<String>,
    /// The rest of the docstring.
    pub description: Option<String>,
    /// Media types of a request body that the document describes.
    pub requests: BTreeMap<String, Value>,
    /// Parameters by place and name.
    pub parameters: BTreeMap<String, Value>,
    /// Requirements in their order, each with its scopes in their order.
    pub security: Vec<Value>,
    /// Answers by status.
    pub responses: BTreeMap<String, Answer>,
    /// `x-amazon-apigateway-integration`.
    pub integration: Value,
    /// Whatever else stands at the method.
    pub other: BTreeMap<String, Value>,
}

/// One answer of a method.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Its description.
    pub description: String,
    /// Media types, each with what the document says of it.
    pub content: BTreeMap<String, Value>,
    /// Headers by name.
    pub headers: BTreeMap<String, Value>,
    /// Whatever else stands at the answer.
    pub other: BTreeMap<String, Value>,
}

impl ApiDocument {
    /// Reads a document of either version.
    ///
    /// # Panics
    /// On a value that is neither.
    pub fn read(document: &Value) -> ApiDocument {
        match (document["swagger"].as_str(), document["openapi"].as_str()) {
            (Some("2.0"), None) => swagger2::read(document),
            (None, Some(version)) if version.starts_with("3.0.") => openapi3::read(document),
            _ => panic!("neither Swagger 2.0 nor OpenAPI 3.0: {document:#}"),
        }
    }

    /// As JSON, for a readable difference.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("a document of maps and strings is JSON")
    }

    /// Takes in what both versions keep at the top, and returns whether it did.
    fn take_shared(&mut self, key: &str, value: &Value) -> bool {
        match key {
            "info" => {
                self.title = text(&value["title"]);
                self.version = text(&value["version"]);
                for (name, more) in entries(value) {
                    if !matches!(name.as_str(), "title" | "version" | "description") {
                        self.other.insert(format!("info {name}"), more.clone());
                    }
                }
            }
            "x-amazon-apigateway-binary-media-types" => self.binary_types = strings(value),
            "x-amazon-apigateway-policy" => self.policy = value.clone(),
            "x-amazon-apigateway-minimum-compression-size" => self.minimum_compression = value.as_u64(),
            _ => return false,
        }
        true
    }

    fn take_endpoint(&mut self, configuration: &Value) {
        for (key, value) in entries(configuration) {
            match key.as_str() {
                "vpcEndpointIds" => self.vpc_endpoints = strings(value),
                "types" => self.endpoint_types = strings(value),
                _ => {
                    self.other.insert(format!("endpoint {key}"), value.clone());
                }
            }
        }
    }
}

impl Method {
    /// Takes in what both versions write alike, and returns whether it did.
    fn take_shared(&mut self, key: &str, value: &Value) -> bool {
        match key {
            "summary" => self.summary = Some(text(value)),
            "description" => self.description = Some(text(value)),
            "security" => self.security = value.as_array().cloned().unwrap_or_default(),
            "x-amazon-apigateway-integration" => self.integration = integration(value),
            _ => return false,
        }
        true
    }
}

/// An integration with its keywords in one case: AWS takes both.
fn integration(value: &Value) -> Value {
    let mut integration = value.clone();
    for key in ["type", "passthroughBehavior", "contentHandling"] {
        if let Some(word) = integration.get_mut(key) {
            *word = text(word).to_lowercase().into();
        }
    }
    integration
}

/// A security scheme with its keywords in one case.
fn scheme(value: &Value) -> Value {
    let mut scheme = value.clone();
    if let Some(kind) = scheme
        .get_mut("x-amazon-apigateway-authorizer")
        .and_then(|it| it.get_mut("type"))
    {
        *kind = text(kind).to_lowercase().into();
    }
    scheme
}

/// A schema in which references name the model alone.
fn schema(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let each = fields
                .iter()
                .map(|(key, inner)| match (key.as_str(), inner.as_str()) {
                    ("$ref", Some(target)) => {
                        (key.clone(), target.rsplit('/').next().unwrap_or(target).into())
                    }
                    _ => (key.clone(), schema(inner)),
                });
            Value::Object(each.collect())
        }
        Value::Array(items) => items.iter().map(schema).collect(),
        _ => value.clone(),
    }
}

fn models(value: &Value) -> BTreeMap<String, Value> {
    entries(value)
        .map(|(name, model)| (name.clone(), schema(model)))
        .collect()
}

fn schemes(value: &Value) -> BTreeMap<String, Value> {
    entries(value)
        .map(|(name, one)| (name.clone(), scheme(one)))
        .collect()
}

fn parameters(value: &Value, read: impl Fn(&Value) -> Value) -> BTreeMap<String, Value> {
    let each = value.as_array().into_iter().flatten();
    each.map(|one| (format!("{} {}", text(&one["in"]), text(&one["name"])), read(one)))
        .collect()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn strings(value: &Value) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

/// A string as it is; anything else as its JSON, so that a wrong type shows as a difference.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests;
