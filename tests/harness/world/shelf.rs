//! What functions stand beside: log groups, layers, buckets, tables.

use serde_json::{Map, Value, json};

use super::{IDENTITY, answered};
use crate::account::Account;

pub(super) async fn log_groups(account: &Account) -> Value {
    let asked = account
        .logs()
        .describe_log_groups()
        .into_paginator()
        .items()
        .send();
    let groups = answered("DescribeLogGroups", asked.try_collect().await);
    let each = groups.iter().map(|group| {
        let name = group.log_group_name().unwrap_or_default();
        (
            name.to_owned(),
            json!({ "retention_days": group.retention_in_days() }),
        )
    });
    Value::Object(each.collect::<Map<_, _>>())
}

/// Layers with their versions, oldest first. A version's number says only how many were published before.
pub(super) async fn layers(account: &Account) -> Value {
    let lambda = account.lambda();
    let asked = lambda.list_layers().into_paginator().items().send();
    let mut layers = Map::new();
    for layer in answered("ListLayers", asked.try_collect().await) {
        let name = layer.layer_name().unwrap_or_default();
        let listed = lambda.list_layer_versions().layer_name(name).into_paginator();
        let mut listed = answered("ListLayerVersions", listed.items().send().try_collect().await);
        listed.sort_by_key(|version| version.version());
        let mut versions = Vec::new();
        for version in listed {
            let asked = lambda.get_layer_version().layer_name(name);
            let got = answered(
                "GetLayerVersion",
                asked.version_number(version.version()).send().await,
            );
            let runtimes = got.compatible_runtimes().iter().map(|one| one.as_str());
            let architectures = got.compatible_architectures().iter().map(|one| one.as_str());
            versions.push(json!({
                "content": super::code::at(got.content().and_then(|content| content.location())).await,
                "runtimes": runtimes.collect::<Vec<_>>(),
                "architectures": architectures.collect::<Vec<_>>(),
                IDENTITY: { "arn": got.layer_version_arn(), "description": got.description() },
            }));
        }
        // A layer without versions is none, whatever a list says.
        if !versions.is_empty() {
            layers.insert(name.to_owned(), json!({ "versions": versions }));
        }
    }
    layers.into()
}

/// A word for each version's ARN: what it holds counts, not its number.
pub(super) fn layer_words(layers: &Value) -> Vec<(String, String)> {
    let named = layers.as_object().into_iter().flatten();
    let each = named.flat_map(|(name, layer)| {
        let versions = layer["versions"].as_array().into_iter().flatten();
        versions.filter_map(move |version| {
            let content = version["content"].as_str().unwrap_or("unknown content");
            let arn = version[IDENTITY]["arn"].as_str()?;
            Some((
                arn.to_owned(),
                format!("<layer {name} with {}>", &content[..content.len().min(12)]),
            ))
        })
    });
    each.collect()
}

pub(super) async fn buckets(account: &Account) -> Value {
    let got = answered("ListBuckets", account.s3().list_buckets().send().await);
    let mut buckets = Map::new();
    for name in got.buckets().iter().filter_map(|bucket| bucket.name()) {
        let notifications = super::events::notifications(account, name).await;
        buckets.insert(name.to_owned(), json!({ "notifications": notifications }));
    }
    buckets.into()
}

/// Tables, and a word for each one's stream, whose name has the time of its making.
pub(super) fn tables(account: &Account) -> (Value, Vec<(String, String)>) {
    let listed = account.ask("dynamodb", "DynamoDB_20120810.ListTables", &json!({}));
    let mut tables = Map::new();
    let mut words = Vec::new();
    for name in listed["TableNames"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        let stream = account.stream_of_table(name);
        words.extend(
            stream
                .iter()
                .map(|arn| (arn.clone(), format!("<stream of {name}>"))),
        );
        tables.insert(name.to_owned(), json!({ "stream": stream }));
    }
    (tables.into(), words)
}
