//! What is read by name, or by little more: log groups, layers, buckets.

use serde_json::{Map, Value, json};

use super::answered;
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

pub(super) async fn layers(account: &Account) -> Value {
    let asked = account.lambda().list_layers().into_paginator().items().send();
    let layers = answered("ListLayers", asked.try_collect().await);
    let each = layers.iter().map(|layer| {
        let latest = layer.latest_matching_version().map(|version| version.version());
        (
            layer.layer_name().unwrap_or_default().to_owned(),
            json!({ "latest": latest }),
        )
    });
    Value::Object(each.collect::<Map<_, _>>())
}

pub(super) async fn buckets(account: &Account) -> Value {
    let got = answered("ListBuckets", account.s3().list_buckets().send().await);
    let each = got
        .buckets()
        .iter()
        .map(|bucket| (bucket.name().unwrap_or_default().to_owned(), json!({})));
    Value::Object(each.collect::<Map<_, _>>())
}
