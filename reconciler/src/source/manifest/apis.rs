//! What may be said of APIs and of domains.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::form::{Brief, Document, Phrase, Word, without_nulls};
use super::shape::NAME;

/// The name of the stage of an API that names none: Chalice's.
pub const DEFAULT_STAGE: &str = "api";

/// A REST API.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestApi {
    /// Its name in AWS; without it `<app>-<stage>-<logical name>`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 1024))]
    pub name: Option<String>,
    /// The name of its stage, the first part of the path of its URL; without it `api`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 128), extend("pattern" = NAME))]
    pub stage: Option<String>,
    /// How it is reached; without it at the edge.
    #[serde(default)]
    pub endpoint: Option<Endpoint>,
    /// VPC endpoints of a private API.
    #[serde(default)]
    pub vpc_endpoints: Option<Vec<String>>,
    /// Answers of this many bytes and more are compressed.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10485760))]
    pub minimum_compression: Option<u32>,
    /// An OpenAPI 3.0 document, as a file (`.yaml` or `.json`) in which functions are named by
    /// `${functions.<name>.invocation_uri}`. Then no function has routes in this API.
    #[serde(default)]
    pub openapi: Option<String>,
    /// Who may call it: a resource policy, or the file of one.
    #[serde(default)]
    pub policy: Option<Brief<Document, Word>>,
    /// Media types that are passed on as bytes.
    #[serde(default)]
    pub binary_types: Option<Vec<String>>,
    /// Whether X-Ray traces its requests.
    #[serde(default)]
    pub tracing: Option<bool>,
    /// What pages of other origins may do, on routes with `cors: true`.
    #[serde(default)]
    pub cors: Option<Cors>,
    /// Who decides on requests, by name.
    #[serde(default)]
    pub authorizers: Option<BTreeMap<String, Authorizer>>,
    /// Functions that the document calls although it does not name them by a reference of this manifest.
    #[serde(default)]
    pub calls: Option<Vec<String>>,
}

/// How an API is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// Through CloudFront, wherever the caller is.
    #[default]
    Edge,
    /// In its region.
    Regional,
    /// From VPCs alone.
    Private,
}

impl Endpoint {
    /// API Gateway's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Edge => "EDGE",
            Self::Regional => "REGIONAL",
            Self::Private => "PRIVATE",
        }
    }
}

/// What pages of other origins may do.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// The origin that may call; without it any.
    #[serde(default)]
    pub origin: Option<String>,
    /// Headers beside the usual that may be sent.
    #[serde(default)]
    pub headers: Option<Vec<String>>,
    /// Headers that pages may read.
    #[serde(default)]
    pub expose: Option<Vec<String>>,
    /// How long an answer to a preflight may be kept, in seconds.
    #[serde(default)]
    #[schemars(range(min = 0, max = 86400))]
    pub max_age: Option<u32>,
    /// Whether credentials may be sent.
    #[serde(default)]
    pub credentials: Option<bool>,
}

/// Who decides on requests: exactly one of the two.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = serde_json::json!([{"required": ["function"]}, {"required": ["user_pools"]}])))]
pub struct Authorizer {
    /// A function of this manifest, by its logical name.
    #[serde(default)]
    pub function: Option<String>,
    /// ARNs of Cognito user pools.
    #[serde(default)]
    pub user_pools: Option<Vec<Phrase>>,
    /// The header that it looks at; without it `Authorization`.
    #[serde(default)]
    pub header: Option<String>,
    /// How long its answer holds, in seconds.
    #[serde(default)]
    #[schemars(range(min = 0, max = 3600))]
    pub ttl: Option<u32>,
}

/// A WebSocket API.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebsocketApi {
    /// Its name in AWS; without it `<app>-<stage>-<logical name>`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 128))]
    pub name: Option<String>,
    /// The name of its stage; without it `api`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 128), extend("pattern" = NAME))]
    pub stage: Option<String>,
}

/// A custom domain.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// The name: `api.example.com`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 512))]
    pub name: Option<String>,
    /// The ARN of its certificate: of `us-east-1` for a domain at the edge, else of the domain's region.
    #[serde(default)]
    pub certificate: Option<String>,
    /// How it is reached; without it at the edge, and in its region for WebSocket APIs.
    #[serde(default)]
    pub endpoint: Option<Endpoint>,
    /// The lowest version of TLS; without it 1.2.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Its tags. `null` takes one away.
    #[serde(default, deserialize_with = "without_nulls")]
    #[schemars(with = "Option<BTreeMap<String, Option<String>>>")]
    pub tags: Option<BTreeMap<String, String>>,
    /// Where its paths lead.
    #[serde(default)]
    pub mappings: Option<Vec<Mapping>>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Tls {
    /// 1.0, for domains at the edge.
    #[serde(rename = "TLS_1_0")]
    V1,
    /// 1.2.
    #[default]
    #[serde(rename = "TLS_1_2")]
    V12,
}

impl Tls {
    /// API Gateway's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "TLS_1_0",
            Self::V12 => "TLS_1_2",
        }
    }
}

/// A path of a domain.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Which of several.
    #[serde(default)]
    #[schemars(length(max = 40), extend("pattern" = NAME))]
    pub name: Option<String>,
    /// The API, by its logical name.
    pub api: String,
    /// The path, without slashes at its ends; without it the root.
    #[serde(default)]
    pub path: Option<String>,
}
