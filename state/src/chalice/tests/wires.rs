//! A table of kinds that covers all of Chalice's types.

use super::*;

/// One wire, its keys with our outputs.
macro_rules! wire {
    ($resource_type:literal, $entry:expr, $handle:expr, [$($key:literal = $output:literal),*]) => {
        &Wire { resource_type: $resource_type, entry: $entry, keys: &[$(($key, $output)),*], handle: $handle }
    };
}

pub(super) use wire;

/// One kind for each of Chalice's types, and the stage, which is a kind of ours that shares the API's entry.
pub(super) fn wires() -> Wires {
    let table: [(&str, &'static Wire); 14] = [
        (
            "iam_role",
            wire!(
                "iam_role",
                None,
                Some("role_name"),
                ["role_arn" = "arn", "role_name" = "name"]
            ),
        ),
        (
            "lambda_layer",
            wire!(
                "lambda_layer",
                None,
                Some("layer_version_arn"),
                ["layer_version_arn" = "version_arn"]
            ),
        ),
        (
            "log_group",
            wire!(
                "log_group",
                None,
                Some("log_group_name"),
                ["log_group_name" = "name"]
            ),
        ),
        (
            "lambda_function",
            wire!(
                "lambda_function",
                None,
                Some("lambda_arn"),
                ["lambda_arn" = "arn"]
            ),
        ),
        (
            "event_rule",
            wire!(
                "cloudwatch_event",
                None,
                Some("rule_name"),
                ["rule_name" = "name"]
            ),
        ),
        (
            "s3_notification",
            wire!("s3_event", None, Some("bucket"), ["lambda_arn" = "function"]),
        ),
        (
            "sns_subscription",
            wire!(
                "sns_event",
                None,
                Some("subscription_arn"),
                [
                    "topic" = "topic",
                    "topic_arn" = "topic_arn",
                    "lambda_arn" = "function"
                ]
            ),
        ),
        (
            "sqs_mapping",
            wire!(
                "sqs_event",
                None,
                Some("event_uuid"),
                [
                    "lambda_arn" = "function",
                    "queue" = "queue",
                    "queue_arn" = "source"
                ]
            ),
        ),
        (
            "kinesis_mapping",
            wire!(
                "kinesis_event",
                None,
                Some("event_uuid"),
                [
                    "lambda_arn" = "function",
                    "stream" = "stream",
                    "kinesis_arn" = "source"
                ]
            ),
        ),
        (
            "dynamodb_mapping",
            wire!(
                "dynamodb_event",
                None,
                Some("event_uuid"),
                ["lambda_arn" = "function", "stream_arn" = "source"]
            ),
        ),
        (
            "rest_api",
            wire!(
                "rest_api",
                Some("rest_api"),
                Some("rest_api_id"),
                ["rest_api_id" = "id"]
            ),
        ),
        (
            "api_stage",
            wire!("rest_api", Some("rest_api"), None, ["rest_api_url" = "url"]),
        ),
        (
            "websocket_api",
            wire!(
                "websocket_api",
                Some("websocket_api"),
                Some("websocket_api_id"),
                ["websocket_api_url" = "url"]
            ),
        ),
        (
            "domain_name",
            wire!(
                "domain_name",
                None,
                Some("domain_name"),
                [
                    "api_mapping" = "mappings",
                    "security_policy" = "policy",
                    "certificate_arn" = "certificate",
                    "alias_domain_name" = "alias",
                    "hosted_zone_id" = "zone"
                ]
            ),
        ),
    ];
    table
        .into_iter()
        .map(|(kind, wire)| (Kind::named(kind), wire))
        .collect()
}
