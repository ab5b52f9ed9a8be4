//! What calls functions from outside: rules with their targets, subscriptions, bucket notifications, event source mappings.

use aws_sdk_s3::types::NotificationConfigurationFilter;
use serde_json::{Map, Value, json};

use super::{IDENTITY, answered, sorted, split_mark};
use crate::account::Account;

/// Rules of the default event bus.
pub(super) async fn rules(account: &Account) -> Value {
    let events = account.events();
    let listed = answered("ListRules", events.list_rules().send().await);
    let mut rules = Map::new();
    for rule in listed.rules() {
        let name = rule.name().unwrap_or_default();
        let targets = answered(
            "ListTargetsByRule",
            events.list_targets_by_rule().rule(name).send().await,
        );
        let targets = targets.targets().iter().map(|target| {
            let shape = json!({ "arn": target.arn(), "input": target.input(), "role": target.role_arn() });
            (target.id().to_owned(), shape)
        });
        let targets: Map<String, Value> = targets.collect();
        let arn = rule.arn().unwrap_or_default();
        let tagged = events.list_tags_for_resource().resource_arn(arn).send();
        let tagged = answered("ListTagsForResource", tagged.await);
        let (tags, mark) = split_mark(tagged.tags().iter().map(|tag| (tag.key(), tag.value())));
        let pattern: Option<Value> = rule
            .event_pattern()
            .and_then(|text| serde_json::from_str(text).ok());
        rules.insert(
            name.to_owned(),
            json!({
                "schedule": rule.schedule_expression().unwrap_or_default(),
                "pattern": pattern,
                "description": rule.description().unwrap_or_default(),
                "state": rule.state().map(|state| state.as_str()),
                "targets": targets,
                "tags": tags,
                IDENTITY: { "mark": mark, "pattern": rule.event_pattern() },
            }),
        );
    }
    rules.into()
}

/// Topics with their subscriptions, which are named by their endpoints.
pub(super) async fn topics(account: &Account) -> Value {
    let sns = account.sns();
    let listed = answered(
        "ListTopics",
        sns.list_topics()
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await,
    );
    let mut topics = Map::new();
    for arn in listed.iter().filter_map(|topic| topic.topic_arn()) {
        topics.insert(arn.to_owned(), json!({}));
    }
    topics.into()
}

/// Subscriptions, by topic and endpoint.
pub(super) async fn subscriptions(account: &Account) -> Value {
    let sns = account.sns();
    let listed = answered(
        "ListSubscriptions",
        sns.list_subscriptions()
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await,
    );
    let mut subscriptions = Map::new();
    for one in listed {
        let arn = one.subscription_arn().unwrap_or_default();
        let asked = sns.get_subscription_attributes().subscription_arn(arn).send();
        let got = answered("GetSubscriptionAttributes", asked.await);
        let attribute = |name: &str| got.attributes().and_then(|all| all.get(name)).cloned();
        let key = format!(
            "{} to {}",
            one.topic_arn().unwrap_or_default(),
            one.endpoint().unwrap_or_default()
        );
        let twice = subscriptions.insert(
            key.clone(),
            json!({
                "protocol": one.protocol(),
                "filter": attribute("FilterPolicy"),
                "raw": attribute("RawMessageDelivery"),
                IDENTITY: { "arn": arn },
            }),
        );
        assert!(twice.is_none(), "the account has two subscriptions {key}");
    }
    subscriptions.into()
}

/// What a bucket tells whom: entries without their ids, in order of their content.
pub(super) async fn notifications(account: &Account, bucket: &str) -> Value {
    let asked = account
        .s3()
        .get_bucket_notification_configuration()
        .bucket(bucket)
        .send();
    let got = answered("GetBucketNotificationConfiguration", asked.await);
    let functions = got.lambda_function_configurations().iter();
    let functions =
        functions.map(|one| entry(one.lambda_function_arn(), one.events(), one.filter(), one.id()));
    let queues = got.queue_configurations().iter();
    let queues = queues.map(|one| entry(one.queue_arn(), one.events(), one.filter(), one.id()));
    let topics = got.topic_configurations().iter();
    let topics = topics.map(|one| entry(one.topic_arn(), one.events(), one.filter(), one.id()));
    json!({
        "functions": in_order(functions),
        "queues": in_order(queues),
        "topics": in_order(topics),
        "eventbridge": got.event_bridge_configuration().is_some(),
    })
}

fn entry(
    arn: &str,
    events: &[aws_sdk_s3::types::Event],
    filter: Option<&NotificationConfigurationFilter>,
    id: Option<&str>,
) -> Value {
    let events: Vec<String> = events.iter().map(|event| event.as_str().to_owned()).collect();
    let rules = filter
        .and_then(|filter| filter.key())
        .map(|key| key.filter_rules());
    let mut filters = Map::new();
    for rule in rules.unwrap_or_default() {
        let name = rule.name().map(|name| name.as_str().to_lowercase());
        filters.insert(name.unwrap_or_default(), rule.value().into());
    }
    json!({ "arn": arn, "events": sorted(&events), "filters": filters, IDENTITY: { "id": id } })
}

fn in_order(entries: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut entries: Vec<Value> = entries.collect();
    entries.sort_by_key(|one| super::bare(one, &[]).to_string());
    entries
}

/// Event source mappings, by source and function.
pub(super) async fn sources(account: &Account) -> Value {
    let lambda = account.lambda();
    let asked = lambda
        .list_event_source_mappings()
        .into_paginator()
        .items()
        .send();
    let mut mappings = Map::new();
    for one in answered("ListEventSourceMappings", asked.try_collect().await) {
        let key = format!(
            "{} to {}",
            one.event_source_arn().unwrap_or_default(),
            one.function_arn().unwrap_or_default()
        );
        let scaling = one
            .scaling_config()
            .and_then(|scaling| scaling.maximum_concurrency());
        let twice = mappings.insert(
            key.clone(),
            json!({
                "batch_size": one.batch_size(),
                "window": one.maximum_batching_window_in_seconds(),
                "maximum_concurrency": scaling,
                "starting_position": one.starting_position().map(|position| position.as_str()),
                "state": one.state(),
                IDENTITY: { "uuid": one.uuid() },
            }),
        );
        assert!(twice.is_none(), "the account has two event source mappings {key}");
    }
    mappings.into()
}
