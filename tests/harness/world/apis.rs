//! REST APIs: resources, methods, integrations, authorizers and stages, each by its name instead of its id.

use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::types::{Integration, Method, RestApi};
use serde_json::{Map, Value, json};

use super::{IDENTITY, answered, numbered, sorted};
use crate::account::Account;

/// APIs by title; several of one title get a number.
pub(super) async fn read(account: &Account) -> Value {
    let client = account.apigateway();
    let listed = answered(
        "GetRestApis",
        client
            .get_rest_apis()
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await,
    );
    let mut described = Vec::new();
    for api in &listed {
        described.push((api.name().unwrap_or_default().to_owned(), one(&client, api).await));
    }
    numbered(described)
}

async fn one(client: &Client, api: &RestApi) -> Value {
    let id = api.id().unwrap_or_default();
    let endpoint = api.endpoint_configuration();
    let types: Vec<&str> = endpoint
        .map(|it| it.types())
        .unwrap_or_default()
        .iter()
        .map(|kind| kind.as_str())
        .collect();
    let policy = api
        .policy()
        .filter(|text| !text.is_empty())
        .map(super::policy::parsed);
    let deployments = answered(
        "GetDeployments",
        client
            .get_deployments()
            .rest_api_id(id)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await,
    );
    let marks: Vec<Option<&str>> = deployments.iter().map(|one| one.description()).collect();
    json!({
        "endpoint_types": types,
        "vpc_endpoints": sorted(endpoint.map(|it| it.vpc_endpoint_ids()).unwrap_or_default()),
        "binary_types": sorted(api.binary_media_types()),
        "minimum_compression": api.minimum_compression_size(),
        "policy": policy.as_ref().map(super::policy::meaning),
        "api_key_source": api.api_key_source().map(|source| source.as_str()),
        "tags": api.tags(),
        "resources": resources(client, id).await,
        "authorizers": authorizers(client, id).await,
        "stages": stages(client, id).await,
        IDENTITY: { "id": id, "description": api.description(), "deployments": marks },
    })
}

async fn resources(client: &Client, id: &str) -> Value {
    let asked = client
        .get_resources()
        .rest_api_id(id)
        .embed("methods")
        .into_paginator()
        .items()
        .send();
    let mut resources = Map::new();
    for resource in answered("GetResources", asked.try_collect().await) {
        let mut methods = Map::new();
        for name in resource
            .resource_methods()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
        {
            let asked = client
                .get_method()
                .rest_api_id(id)
                .resource_id(resource.id().unwrap_or_default());
            let got = answered("GetMethod", asked.http_method(name).send().await);
            let method = Method::builder()
                .set_authorization_type(got.authorization_type)
                .set_api_key_required(got.api_key_required)
                .set_authorization_scopes(got.authorization_scopes)
                .set_request_parameters(got.request_parameters)
                .set_method_integration(got.method_integration)
                .set_method_responses(got.method_responses);
            methods.insert(name.clone(), method_as_json(&method.build()));
        }
        resources.insert(resource.path().unwrap_or_default().to_owned(), methods.into());
    }
    resources.into()
}

fn method_as_json(method: &Method) -> Value {
    let responses = method
        .method_responses()
        .into_iter()
        .flatten()
        .map(|(status, one)| {
            (
                status.clone(),
                json!({ "models": one.response_models(), "parameters": one.response_parameters() }),
            )
        });
    json!({
        "authorization": method.authorization_type(),
        "api_key": method.api_key_required(),
        "scopes": method.authorization_scopes(),
        "parameters": method.request_parameters(),
        "responses": Value::Object(responses.collect()),
        "integration": method.method_integration().map(integration),
    })
}

fn integration(from: &Integration) -> Value {
    let responses = from
        .integration_responses()
        .into_iter()
        .flatten()
        .map(|(status, one)| {
            let shape = json!({
                "pattern": one.selection_pattern(),
                "parameters": one.response_parameters(),
                "templates": one.response_templates(),
            });
            (status.clone(), shape)
        });
    json!({
        "type": from.r#type().map(|kind| kind.as_str()),
        // The proxy gives moto an empty one for mock integrations.
        "method": from.http_method().filter(|method| !method.is_empty()),
        "uri": from.uri().filter(|uri| !uri.is_empty()),
        "credentials": from.credentials(),
        "passthrough": from.passthrough_behavior().map(str::to_lowercase),
        "content_handling": from.content_handling().map(|handling| handling.as_str()),
        "templates": from.request_templates(),
        "responses": Value::Object(responses.collect()),
    })
}

async fn authorizers(client: &Client, id: &str) -> Value {
    let got = answered(
        "GetAuthorizers",
        client.get_authorizers().rest_api_id(id).send().await,
    );
    let mut authorizers = Map::new();
    for one in got.items() {
        let name = one.name().unwrap_or_default().to_owned();
        let twice = authorizers.insert(
            name.clone(),
            json!({
                "type": one.r#type().map(|kind| kind.as_str()),
                "provider_arns": sorted(one.provider_arns()),
                "uri": one.authorizer_uri(),
                "credentials": one.authorizer_credentials(),
                "identity_source": one.identity_source(),
                "ttl_seconds": one.authorizer_result_ttl_in_seconds(),
                IDENTITY: { "id": one.id() },
            }),
        );
        assert!(twice.is_none(), "one API has two authorizers {name}");
    }
    authorizers.into()
}

async fn stages(client: &Client, id: &str) -> Value {
    let got = answered("GetStages", client.get_stages().rest_api_id(id).send().await);
    let each = got.item().iter().map(|stage| {
        let shape = json!({
            "deployed": stage.deployment_id().is_some_and(|id| !id.is_empty()),
            "tracing": stage.tracing_enabled(),
            "variables": stage.variables(),
            "tags": stage.tags(),
            IDENTITY: { "deployment": stage.deployment_id() },
        });
        (stage.stage_name().unwrap_or_default().to_owned(), shape)
    });
    Value::Object(each.collect::<Map<_, _>>())
}
