//! What moto 5.2.5 lacks and AWS has, made up for on the way, so that the real Chalice and grail can both work against it.
//!
//! | Operation | moto | The proxy |
//! | --- | --- | --- |
//! | ImportRestApi, PutRestApi | OpenAPI 3 only, needs `info.description`, and `uri` and `httpMethod` on mock integrations | translates Swagger 2.0, adds what is missing |
//! | the same | forgets endpoint type, binary types, policy, and on put the description | sets them by UpdateRestApi, answers with the result |
//! | the same, UpdateRestApi | keeps no compression size and no VPC endpoints | remembers them and writes them into every answer |
//! | DeleteRestApi | dies where there is none | NotFoundException |
//! | CreateDeployment | forgets `tracingEnabled` | sets it by UpdateStage |
//! | DeleteDeployment | refused while the stage exists that it was made for, whatever that points to | see [`deployments`] |
//! | API Gateway v2: deployments, UpdateStage, a stage's deployment | missing | keeps them itself, see [`websockets`] |
//! | v2 CreateStage, CreateRoute | overwrite, or make a second one | ConflictException |
//! | v2 DeleteApi, DeleteRoute, DeleteIntegration | succeed where there is nothing, and for an integration that a route uses | NotFoundException, ConflictException |
//! | every operation of domain names, base path mappings and API mappings | two registries that do not know of each other; no updates, no hosted zone, no tags; deleting a mapped domain fails | one registry of its own, seen through both versions, see [`domains`] |
//! | Lambda UpdateFunctionConfiguration, UpdateFunctionCode | ignore `TracingConfig`, `Architectures` | remembers them and writes them into every answer |
//! | Lambda GetFunction | shows no reserved concurrency of 0 | remembers and shows it |
//! | Lambda GetFunction, GetLayerVersion | `Location` leads nowhere | remembers uploads and serves them itself |
//! | Lambda GetLayerVersionByArn | missing | asks GetLayerVersion |
//! | CreateEventSourceMapping | takes a second mapping of one source to one function; a missing source is a missing resource | ResourceConflictException; InvalidParameterValueException |
//! | ListEventSourceMappings | finds a function only in the form in which the mapping was made | by name and by ARN |
//! | every answer with a mapping | no `MaximumBatchingWindowInSeconds` where none was sent | 0 |
//! | S3 PutBucketNotificationConfiguration | dies of `Prefix` and `Suffix` | writes them in lower case; reading shows them as AWS does |
//! | the same | takes filters that overlap, and functions that S3 may not call | InvalidArgument, see [`notifications`] |
//! | S3 GetBucketVersioning and its like | called after the question | called as S3 calls it |
//! | S3 GetBucketNotificationConfiguration | does not show EventBridge | remembers and shows it |
//!
//! Authorizers, models and api keys of an imported document stay forgotten: compare the documents for them.

mod code;
mod deployments;
mod domains;
mod event_sources;
mod functions;
mod layers;
mod memory;
mod notifications;
mod rest_apis;
mod websockets;

use std::net::SocketAddr;

use bytes::Bytes;
use hyper::Response;
use serde_json::Value;

use super::operation;
use super::refusal::Answer;
use super::upstream::{Asked, Upstream};

/// What the proxy remembers on behalf of one moto server.
#[derive(Debug, Clone, Default)]
pub(super) struct MotoGaps {
    rest_apis: rest_apis::RestApis,
    deployments: deployments::Deployments,
    websockets: websockets::WebSockets,
    domains: domains::Domains,
    code: code::Code,
    functions: functions::Functions,
    notifications: notifications::Notifications,
}

impl MotoGaps {
    pub(super) async fn forward(&self, upstream: &Upstream, asked: Asked, own: SocketAddr) -> Answer {
        let parts = &asked.parts;
        if let Some(digest) = parts.uri.path().strip_prefix(code::PATH) {
            return self.code.serve(digest);
        }
        let asked_for = operation::identify(&parts.method, &parts.uri, &parts.headers, &asked.body);
        match asked_for.service.as_str() {
            "apigateway" if domains::concerns(&asked) => {
                self.domains.answer(&asked_for.name, upstream, asked).await
            }
            "apigateway" if parts.uri.path().starts_with("/v2/") => {
                self.websockets.answer(&asked_for.name, upstream, asked).await
            }
            "apigateway" => self.rest(&asked_for.name, upstream, asked).await,
            "lambda" => self.lambda(&asked_for.name, upstream, asked, own).await,
            "s3" => self.notifications.answer(&asked_for.name, upstream, asked).await,
            _ => upstream.send(asked).await,
        }
    }

    async fn rest(&self, name: &str, upstream: &Upstream, asked: Asked) -> Answer {
        match name {
            "ImportRestApi" | "PutRestApi" => self.rest_apis.define(upstream, asked).await,
            "UpdateRestApi" => self.rest_apis.update(upstream, asked).await,
            "DeleteRestApi" => rest_apis::delete(upstream, asked).await,
            "GetRestApi" | "GetRestApis" | "CreateRestApi" => self.rest_apis.show(upstream, asked).await,
            "CreateDeployment" => deployments::create(upstream, asked).await,
            "DeleteDeployment" => self.deployments.delete(upstream, asked).await,
            "GetDeployment" => self.deployments.show(upstream, asked).await,
            "GetDeployments" => self.deployments.list(upstream, asked).await,
            _ => upstream.send(asked).await,
        }
    }

    async fn lambda(&self, name: &str, upstream: &Upstream, asked: Asked, own: SocketAddr) -> Answer {
        match name {
            "CreateFunction" => self.functions.create(&self.code, upstream, asked).await,
            "UpdateFunctionCode" | "UpdateFunctionConfiguration" => {
                self.functions.update(&self.code, upstream, asked).await
            }
            "GetFunction" | "GetFunctionConfiguration" | "ListFunctions" => {
                self.functions.show(upstream, asked, own).await
            }
            "PutFunctionConcurrency" | "DeleteFunctionConcurrency" => {
                self.functions.reserve(upstream, asked).await
            }
            "AddPermission" => functions::permit(upstream, asked).await,
            "PublishLayerVersion" => layers::publish(&self.code, upstream, asked, own).await,
            "GetLayerVersion" | "GetLayerVersionByArn" => layers::show(upstream, asked, own).await,
            "CreateEventSourceMapping" => event_sources::create(upstream, asked).await,
            "ListEventSourceMappings" => event_sources::list(upstream, asked).await,
            "GetEventSourceMapping" | "UpdateEventSourceMapping" | "DeleteEventSourceMapping" => {
                event_sources::show(upstream, asked).await
            }
            _ => upstream.send(asked).await,
        }
    }
}

/// An answer with its JSON body rewritten; a refusal, or a body that is no JSON, stays as it is.
fn rewritten(answer: Answer, rewrite: impl FnOnce(&mut Value)) -> Answer {
    if !answer.status().is_success() {
        return answer;
    }
    let (parts, body) = answer.into_parts();
    let body = match serde_json::from_slice::<Value>(&body) {
        Ok(mut value) => {
            rewrite(&mut value);
            Bytes::from(value.to_string())
        }
        Err(_) => body,
    };
    Response::from_parts(parts, body)
}

/// An answer of the proxy's own with a JSON body.
fn told(status: u16, body: &Value) -> Answer {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_string()))
        .expect("building an answer")
}

/// An answer of the proxy's own without a body.
fn done(status: u16) -> Answer {
    Response::builder()
        .status(status)
        .body(Bytes::new())
        .expect("building an answer")
}
