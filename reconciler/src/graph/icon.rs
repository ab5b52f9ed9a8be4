//! A small drawing for each kind, on a tile of its family's colour, so that an API is found among functions without reading.

/// How a kind is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Icon {
    /// Its lines, in a square of 16 by 16.
    pub(super) path: &'static str,
    /// The colour of its tile: white lines are read on it, on either ground.
    pub(super) tile: &'static str,
}

const COMPUTE: &str = "#c45e0a";
const RIGHTS: &str = "#a83250";
const EVENTS: &str = "#7546b8";
const DOORS: &str = "#1f66c7";
const NAMES: &str = "#0c7580";
const STORES: &str = "#3c7a2a";
const OTHERS: &str = "#5c6875";

/// The icon of a kind; a plain square for one that is not known here.
pub(super) fn icon(kind: &str) -> Icon {
    let (path, tile) = match kind {
        "lambda_function" => ("M3.5 3h2.3L11 13h2M7.6 6.8L3.8 13", COMPUTE),
        "lambda_layer" => ("M8 2.5l6 3-6 3-6-3zM2.5 9.2L8 12l5.5-2.8", COMPUTE),
        "lambda_version" => ("M4 13V3l4 3 4-3v10l-4-3z", COMPUTE),
        "lambda_alias" => ("M3 5h6l4 3-4 3H3zM5.5 8h1", COMPUTE),
        "provisioned_concurrency" => ("M4 13V8M8 13V3M12 13V6", COMPUTE),
        "iam_role" => (
            "M3 10.5a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0M7.4 8.7L13 3M10.5 5.5l2 2",
            RIGHTS,
        ),
        "lambda_permission" => ("M4 7.5h8V13H4zM5.5 7.5v-2a2.5 2.5 0 0 1 5 0v2", RIGHTS),
        "log_group" => ("M3 4h10M3 8h10M3 12h6", OTHERS),
        "event_rule" => ("M8 2.5a5.5 5.5 0 1 0 .01 0M8 5v3.2l2.2 1.5", EVENTS),
        "event_source_mapping" => ("M2 5.5c2-2 4 2 6 0s4 2 6 0M2 10.5c2-2 4 2 6 0s4 2 6 0", EVENTS),
        "sns_subscription" => ("M4 11h8l-1-1.5V7a3 3 0 0 0-6 0v2.5zM7 13.4h2", EVENTS),
        "s3_notification" => ("M3 4.5h10L11.7 13H4.3zM3 4.5c0-2 10-2 10 0", EVENTS),
        "sqs_queue" => ("M2.5 5h11v6h-11zM5.5 5v6M8.5 5v6M11 5v6", STORES),
        "sns_topic" => ("M3 8.5v-2l7-3v8zM5 9l.8 3.5h2L7 9.7M12 6c1 1 1 2.5 0 3.5", STORES),
        "dynamodb_table" => (
            "M3 4c0-2 10-2 10 0v8c0 2-10 2-10 0zM3 4c0 2 10 2 10 0M3 8c0 2 10 2 10 0",
            STORES,
        ),
        "s3_bucket" => ("M3 4.5h10L11.7 13H4.3zM3 4.5c0-2 10-2 10 0M6 8h4", STORES),
        "kinesis_stream" => (
            "M2 4.5c3 0 3 2 6 2s3-2 6-2M2 8c3 0 3 2 6 2s3-2 6-2M2 11.5c3 0 3 2 6 2s3-2 6-2",
            STORES,
        ),
        "event_bus" => ("M2.5 8h11M5 8V4M8 8v4M11 8V4", STORES),
        "function_url" => (
            "M6.5 9.5l3-3M7.5 4.5l1-1a2.8 2.8 0 0 1 4 4l-1 1M8.5 11.5l-1 1a2.8 2.8 0 0 1-4-4l1-1",
            DOORS,
        ),
        "rest_api" => (
            "M6.5 3C4.5 3 5.5 7 3.5 8c2 1 1 5 3 5M9.5 3c2 0 1 4 3 5c-2 1-1 5-3 5",
            DOORS,
        ),
        "websocket_api" => ("M3 6h10l-3-3M13 10H3l3 3", DOORS),
        "api_stage" | "websocket_stage" => ("M4.5 14V3h8l-2 2.7 2 2.7h-8", DOORS),
        "api_mapping" => ("M3 8h10M9.5 4.5L13 8l-3.5 3.5", NAMES),
        "custom_domain" => (
            "M8 2.5a5.5 5.5 0 1 0 .01 0M2.5 8h11M8 2.5c-3 3-3 8 0 11c3-3 3-8 0-11",
            NAMES,
        ),
        _ => ("M3.5 3.5h9v9h-9z", OTHERS),
    };
    Icon { path, tile }
}
