//! WebSocket APIs: routes with what they lead to, and which deployment each stage serves.

use std::collections::BTreeMap;

use aws_sdk_apigatewayv2::Client;
use aws_sdk_apigatewayv2::types::{Api, Deployment, Integration};
use serde_json::{Map, Value, json};

use super::{IDENTITY, answered, numbered};
use crate::account::Account;

/// APIs of version 2 by name; several of one name get a number.
pub(super) async fn read(account: &Account) -> Value {
    let client = account.apigatewayv2();
    let listed = answered("GetApis", client.get_apis().send().await);
    let mut described = Vec::new();
    for api in listed.items() {
        described.push((api.name().unwrap_or_default().to_owned(), one(&client, api).await));
    }
    numbered(described)
}

async fn one(client: &Client, api: &Api) -> Value {
    let id = api.api_id().unwrap_or_default();
    let integrations = answered(
        "GetIntegrations",
        client.get_integrations().api_id(id).send().await,
    );
    let mut left: BTreeMap<&str, Value> = BTreeMap::new();
    for integration in integrations.items() {
        left.insert(
            integration.integration_id().unwrap_or_default(),
            shape(integration),
        );
    }
    let mut routes = Map::new();
    let mut used = Vec::new();
    let listed = answered("GetRoutes", client.get_routes().api_id(id).send().await);
    for route in listed.items() {
        let target = route
            .target()
            .unwrap_or_default()
            .trim_start_matches("integrations/");
        used.push(target.to_owned());
        let key = route.route_key().unwrap_or_default().to_owned();
        let twice = routes.insert(
            key.clone(),
            json!({
                "leads_to": left.get(target),
                "response": route.route_response_selection_expression(),
                "authorization": route.authorization_type().map(|kind| kind.as_str()),
                IDENTITY: { "id": route.route_id(), "integration": target },
            }),
        );
        assert!(twice.is_none(), "one API has two routes {key}");
    }
    left.retain(|id, _| !used.iter().any(|target| target == id));
    let deployments = answered("GetDeployments", client.get_deployments().api_id(id).send().await);
    json!({
        "protocol": api.protocol_type().map(|kind| kind.as_str()),
        "selection": api.route_selection_expression(),
        "tags": api.tags(),
        "routes": routes,
        "integrations_without_route": left.into_values().collect::<Vec<_>>(),
        "stages": stages(client, id, deployments.items()).await,
        IDENTITY: {
            "id": id,
            "description": api.description(),
            "deployments": deployments.items().iter().map(Deployment::description).collect::<Vec<_>>(),
        },
    })
}

fn shape(from: &Integration) -> Value {
    json!({
        "type": from.integration_type().map(|kind| kind.as_str()),
        "uri": from.integration_uri(),
        "method": from.integration_method(),
        "connection": from.connection_type().map(|kind| kind.as_str()),
        "content_handling": from.content_handling_strategy().map(|kind| kind.as_str()),
        "description": from.description(),
    })
}

async fn stages(client: &Client, id: &str, deployments: &[Deployment]) -> Value {
    let newest = deployments
        .iter()
        .max_by_key(|one| one.created_date().map(|date| date.secs()))
        .and_then(Deployment::deployment_id);
    let got = answered("GetStages", client.get_stages().api_id(id).send().await);
    let each = got.items().iter().map(|stage| {
        let serves = match stage.deployment_id() {
            None => "nothing",
            served if served == newest => "the newest deployment",
            Some(_) => "an older deployment",
        };
        let shape = json!({
            "serves": serves,
            "variables": stage.stage_variables(),
            "tags": stage.tags(),
            IDENTITY: { "deployment": stage.deployment_id(), "description": stage.description() },
        });
        (stage.stage_name().unwrap_or_default().to_owned(), shape)
    });
    Value::Object(each.collect::<Map<_, _>>())
}
