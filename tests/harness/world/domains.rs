//! Custom domains, with the mappings of either kind of API.

use serde_json::{Map, Value, json};

use super::{IDENTITY, answered, split_mark};
use crate::account::Account;

pub(super) async fn read(account: &Account) -> Value {
    let (first, second) = (account.apigateway(), account.apigatewayv2());
    let listed = answered(
        "GetDomainNames",
        first
            .get_domain_names()
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await,
    );
    let mut domains = Map::new();
    for domain in listed {
        let name = domain.domain_name().unwrap_or_default();
        let got = answered(
            "GetApiMappings",
            second.get_api_mappings().domain_name(name).send().await,
        );
        let mappings = got.items().iter().map(|mapping| {
            let key = format!("/{}", mapping.api_mapping_key().unwrap_or_default());
            let shape = json!({
                "api": mapping.api_id(),
                "stage": mapping.stage(),
                IDENTITY: { "id": mapping.api_mapping_id() },
            });
            (key, shape)
        });
        let mappings: Map<String, Value> = mappings.collect();
        let types = domain
            .endpoint_configuration()
            .map(|it| it.types())
            .unwrap_or_default();
        let pairs = domain.tags().into_iter().flatten();
        let (tags, mark) = split_mark(pairs.map(|(key, value)| (key.as_str(), value.as_str())));
        domains.insert(
            name.to_owned(),
            json!({
                "endpoint_types": types.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
                "certificate": domain.certificate_arn(),
                "regional_certificate": domain.regional_certificate_arn(),
                "security_policy": domain.security_policy().map(|policy| policy.as_str()),
                "tags": tags,
                "mappings": mappings,
                IDENTITY: {
                    "alias": domain.regional_domain_name().or(domain.distribution_domain_name()),
                    "mark": mark,
                },
            }),
        );
    }
    domains.into()
}
