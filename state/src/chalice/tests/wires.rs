//! A table of kinds that covers all of Chalice's types.

use super::*;
use crate::wire::Several;

/// One wire, its keys with our outputs.
macro_rules! wire {
    ($resource_type:literal, $handle:expr, [$($key:literal = $output:literal),*]) => {
        const { &[Wire { keys: &[$(($key, $output)),*], handle: $handle, ..Wire::to($resource_type) }] }
    };
}

pub(super) use wire;

/// One kind for each of Chalice's types, and the stage, which is a kind of ours that shares the API's entry.
pub(super) fn wires() -> Wires {
    let table: [(&str, &'static [Wire]); 12] = [
        (
            "iam_role",
            wire!(
                "iam_role",
                Some("role_name"),
                ["role_arn" = "arn", "role_name" = "name"]
            ),
        ),
        (
            "lambda_layer",
            wire!(
                "lambda_layer",
                Some("layer_version_arn"),
                ["layer_version_arn" = "version_arn"]
            ),
        ),
        (
            "log_group",
            wire!("log_group", Some("log_group_name"), ["log_group_name" = "name"]),
        ),
        (
            "lambda_function",
            wire!("lambda_function", Some("lambda_arn"), ["lambda_arn" = "arn"]),
        ),
        (
            "event_rule",
            wire!("cloudwatch_event", Some("rule_name"), ["rule_name" = "name"]),
        ),
        (
            "s3_notification",
            const {
                &[Wire {
                    handle: Some("bucket"),
                    several: Some(Several {
                        output: "entries",
                        beside: "lambda_arn",
                    }),
                    ..Wire::to("s3_event")
                }]
            },
        ),
        (
            "sns_subscription",
            wire!(
                "sns_event",
                Some("subscription_arn"),
                [
                    "topic" = "topic",
                    "topic_arn" = "topic_arn",
                    "lambda_arn" = "function"
                ]
            ),
        ),
        (
            "mapping",
            const {
                &[
                    Wire {
                        keys: &[
                            ("lambda_arn", "function"),
                            ("queue", "name"),
                            ("queue_arn", "source"),
                        ],
                        handle: Some("event_uuid"),
                        when: Some(("service", "sqs")),
                        ..Wire::to("sqs_event")
                    },
                    Wire {
                        keys: &[
                            ("lambda_arn", "function"),
                            ("stream", "name"),
                            ("kinesis_arn", "source"),
                        ],
                        handle: Some("event_uuid"),
                        when: Some(("service", "kinesis")),
                        ..Wire::to("kinesis_event")
                    },
                    Wire {
                        keys: &[("lambda_arn", "function"), ("stream_arn", "source")],
                        handle: Some("event_uuid"),
                        when: Some(("service", "dynamodb")),
                        ..Wire::to("dynamodb_event")
                    },
                ]
            },
        ),
        (
            "rest_api",
            wire!("rest_api", Some("rest_api_id"), ["rest_api_id" = "id"]),
        ),
        ("api_stage", wire!("rest_api", None, ["rest_api_url" = "url"])),
        (
            "websocket_api",
            wire!(
                "websocket_api",
                Some("websocket_api_id"),
                ["websocket_api_url" = "url"]
            ),
        ),
        (
            "domain_name",
            wire!(
                "domain_name",
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
