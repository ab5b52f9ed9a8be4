//! The names that Chalice gives, and what AWS takes for a name.
//!
//! A logical name stands in the state file and in `config.json`; a physical name is the one in AWS. Both must be Chalice's to
//! the letter, or one tool would not recognise what the other made. The single exception is the log group of the API's
//! function: Chalice sets the retention of a group that nothing writes to (`/aws/lambda/<app>-<stage>-api_handler`), grail
//! that of the group in use.

/// The longest name of a Lambda function, an IAM role or a rule, in characters (CreateFunction, CreateRole, PutRule).
pub const MAX_NAME: usize = 64;

/// The logical name of the REST API, in Chalice's state file and here.
pub const REST_API: &str = "rest_api";

/// The logical name of the WebSocket API.
pub const WEBSOCKET_API: &str = "websocket_api";

/// The logical name of the REST API's domain, and the key of the configuration that asks for it.
pub const REST_DOMAIN: &str = "api_gateway_custom_domain";

/// The logical name of the WebSocket API's domain, and the key of the configuration that asks for it.
pub const WEBSOCKET_DOMAIN: &str = "websocket_api_custom_domain";

/// The logical name of the layer with the requirements.
pub const LAYER: &str = "managed-layer";

/// The name of the function with the logical name `name`.
pub fn function(app: &str, stage: &str, name: &str) -> String {
    format!("{app}-{stage}-{name}")
}

/// The name of the function behind the REST API.
pub fn api_function(app: &str, stage: &str) -> String {
    format!("{app}-{stage}")
}

/// The name of the layer with the requirements.
pub fn layer(app: &str, stage: &str) -> String {
    format!("{app}-{stage}-{LAYER}")
}

/// The name of the WebSocket API.
pub fn websocket_api(app: &str, stage: &str) -> String {
    format!("{app}-{stage}-websocket-api")
}

/// The logical name of the role that functions share.
pub const SHARED_ROLE: &str = "default-role";

/// The name of the role that functions share, and of its inline policy.
pub fn shared_role(app: &str, stage: &str) -> String {
    format!("{app}-{stage}")
}

/// The logical name of a function's own role.
pub fn own_role_logical(function: &str) -> String {
    format!("{function}_role")
}

/// The name of a function's own role, and of its inline policy. Here the API's function is no exception.
pub fn own_role(app: &str, stage: &str, function: &str) -> String {
    format!("{app}-{stage}-{function}")
}

/// The logical name of a function's log group.
pub fn log_group_logical(function: &str) -> String {
    format!("{function}-log-group")
}

/// The log group that the function called `function` in AWS writes to.
pub fn log_group(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

/// The logical name of a function's notification from a bucket.
pub fn s3_event(function: &str) -> String {
    format!("{function}-s3event")
}

/// The logical name of a function's subscription.
pub fn sns_subscription(function: &str) -> String {
    format!("{function}-sns-subscription")
}

/// The logical name of a function's event source mapping; `service` is `sqs`, `kinesis` or `dynamodb`.
pub fn event_source(function: &str, service: &str) -> String {
    format!("{function}-{service}-event-source")
}

/// The logical name of a function's schedule or event pattern.
pub fn rule_logical(function: &str) -> String {
    format!("{function}-event")
}

/// The name of a function's schedule or event pattern.
pub fn rule(app: &str, stage: &str, function: &str) -> String {
    format!("{app}-{stage}-{}", rule_logical(function))
}

/// Whether a topic is given by its ARN and not by its name, as Chalice tells them apart: `^arn:aws[a-z-]*:sns:`.
pub fn is_topic_arn(topic: &str) -> bool {
    let partition = topic
        .strip_prefix("arn:aws")
        .and_then(|rest| rest.split_once(":sns:"));
    partition.is_some_and(|(rest, _)| rest.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
}

/// Whether AWS takes `name` for a function: letters, digits, `-` and `_`, at most [`MAX_NAME`] of them.
pub fn is_function_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_chalice() {
        assert_eq!(api_function("shop", "dev"), "shop-dev");
        assert_eq!(function("shop", "dev", "work"), "shop-dev-work");
        assert_eq!(own_role("shop", "dev", "api_handler"), "shop-dev-api_handler");
        assert_eq!(log_group("shop-dev"), "/aws/lambda/shop-dev");
        assert_eq!(rule("shop", "dev", "tidy"), "shop-dev-tidy-event");
        assert_eq!(event_source("work", "sqs"), "work-sqs-event-source");
    }

    #[test]
    fn a_topic_is_an_arn_where_chalice_takes_it_for_one() {
        assert!(is_topic_arn("arn:aws:sns:eu-west-1:1:t") && is_topic_arn("arn:aws-us-gov:sns:x"));
        for name in [
            "t",
            "arn:aws:sqs:eu-west-1:1:t",
            "arn:AWS:sns:x",
            "arn:aws1:sns:x",
            " arn:aws:sns:x",
        ] {
            assert!(!is_topic_arn(name), "{name}");
        }
    }

    #[test]
    fn a_name_of_65_characters_is_too_long() {
        assert!(is_function_name(&"a".repeat(64)));
        assert!(!is_function_name(&"a".repeat(65)));
        assert!(!is_function_name("my app-dev"));
    }
}
