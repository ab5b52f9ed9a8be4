//! The API itself, without what is in it: the part that five calls answer with, each in a type of its own.

use aws_sdk_apigateway::operation::get_rest_api::GetRestApiOutput;
use aws_sdk_apigateway::operation::import_rest_api::ImportRestApiOutput;
use aws_sdk_apigateway::operation::put_rest_api::PutRestApiOutput;
use aws_sdk_apigateway::operation::update_rest_api::UpdateRestApiOutput;
use aws_sdk_apigateway::types::{Op, PatchOperation, RestApi};
use serde_json::{Value, json};

use super::mark::Mark;
use super::{EndpointType, Spec};

/// An API without its contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: String,
    version: String,
    binary_types: Vec<String>,
    pub(super) minimum_compression: Option<i32>,
    endpoint_types: Vec<String>,
    vpc_endpoints: Vec<String>,
    policy: Option<String>,
    key_source: Option<String>,
    disabled: bool,
}

macro_rules! heads {
    ($($answer:ty),+) => {
        $(impl From<$answer> for Head {
            fn from(api: $answer) -> Self {
                let endpoint = api.endpoint_configuration;
                let types = endpoint.as_ref().and_then(|one| one.types.clone()).unwrap_or_default();
                let mut vpc_endpoints = endpoint.and_then(|one| one.vpc_endpoint_ids).unwrap_or_default();
                vpc_endpoints.sort();
                let mut binary_types = api.binary_media_types.unwrap_or_default();
                binary_types.sort();
                Self {
                    id: api.id.unwrap_or_default(),
                    name: api.name.unwrap_or_default(),
                    description: api.description.unwrap_or_default(),
                    version: api.version.unwrap_or_default(),
                    binary_types,
                    minimum_compression: api.minimum_compression_size,
                    endpoint_types: types.iter().map(|one| one.as_str().to_owned()).collect(),
                    vpc_endpoints,
                    policy: api.policy,
                    key_source: api.api_key_source.map(|one| one.as_str().to_owned()),
                    disabled: api.disable_execute_api_endpoint,
                }
            }
        })+
    };
}

heads!(
    GetRestApiOutput,
    ImportRestApiOutput,
    PutRestApiOutput,
    UpdateRestApiOutput,
    RestApi
);

impl Head {
    /// The mark that it bears.
    pub(super) fn mark(&self) -> Option<Mark> {
        Mark::read(&self.description)
    }

    /// How it is reached. API Gateway has one type for an API, in a list.
    pub(super) fn endpoint_type(&self) -> EndpointType {
        let named = self.endpoint_types.first().map(String::as_str);
        named.and_then(EndpointType::named).unwrap_or(EndpointType::Edge)
    }

    /// Its part of a reading.
    pub(super) fn form(&self) -> Value {
        json!({
            "name": self.name,
            "version": self.version,
            "binary_types": self.binary_types,
            "minimum_compression": self.minimum_compression,
            "endpoint_type": self.endpoint_type().as_str(),
            "vpc_endpoints": self.vpc_endpoints,
            "policy": self.policy.as_deref().map(policy_form),
            "key_source": self.key_source,
            "disabled": self.disabled,
        })
    }

    /// The changes that make it what `spec` and `description` say.
    pub(super) fn lacks(&self, spec: &Spec, description: &str) -> Vec<PatchOperation> {
        let mut patches = Vec::new();
        if self.name != spec.name {
            patches.push(replace("/name", &spec.name));
        }
        if self.description != description {
            patches.push(replace("/description", description));
        }
        if self.minimum_compression != spec.compression() {
            patches.push(compression(spec));
        }
        if self.endpoint_type() != spec.endpoint_type {
            patches.push(endpoint(self.endpoint_type(), spec));
        }
        patches
    }
}

/// The change to the wanted compression; without one the empty text turns it off, as Chalice sends it.
pub(super) fn compression(spec: &Spec) -> PatchOperation {
    let size = spec.minimum_compression.map(|size| size.to_string());
    replace("/minimumCompressionSize", &size.unwrap_or_default())
}

/// The change of the endpoint type: API Gateway wants the present one in the path.
pub(super) fn endpoint(present: EndpointType, spec: &Spec) -> PatchOperation {
    replace(
        &format!("/endpointConfiguration/types/{}", present.as_str()),
        spec.endpoint_type.as_str(),
    )
}

pub(super) fn replace(path: &str, value: &str) -> PatchOperation {
    PatchOperation::builder()
        .op(Op::Replace)
        .path(path)
        .value(value)
        .build()
}

/// A policy as a document. API Gateway gives it as JSON text with its quotes escaped once more.
fn policy_form(text: &str) -> Value {
    let unescaped = serde_json::from_str::<String>(&format!("\"{text}\""));
    let text = unescaped.as_deref().unwrap_or(text);
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_escaped_or_plain() {
        let plain = r#"{"Statement":[{"Effect":"Allow"}]}"#;
        let escaped = r#"{\"Statement\":[{\"Effect\":\"Allow\"}]}"#;
        assert_eq!(policy_form(plain), policy_form(escaped));
        assert!(policy_form(plain).is_object());
        assert_eq!(policy_form("no policy"), json!("no policy"));
    }

    #[test]
    fn only_what_differs_is_patched() {
        let head = Head {
            name: "shop".into(),
            description: "mark".into(),
            minimum_compression: Some(5),
            endpoint_types: vec!["EDGE".into()],
            ..Head::default()
        };
        let mut spec = Spec {
            name: "shop".into(),
            endpoint_type: EndpointType::Edge,
            minimum_compression: Some(5),
            definition: Value::Null,
        };
        assert_eq!(head.lacks(&spec, "mark"), []);
        spec.minimum_compression = None;
        spec.endpoint_type = EndpointType::Regional;
        let patches = head.lacks(&spec, "new");
        let paths: Vec<_> = patches
            .iter()
            .map(|one| (one.path().unwrap_or_default(), one.value().unwrap_or_default()))
            .collect();
        assert_eq!(
            paths,
            [
                ("/description", "new"),
                ("/minimumCompressionSize", ""),
                ("/endpointConfiguration/types/EDGE", "REGIONAL"),
            ]
        );
    }
}
