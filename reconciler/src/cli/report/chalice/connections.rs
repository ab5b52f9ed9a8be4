//! What Chalice says of what connects a function with the outside: event sources, domains and their mappings.
//!
//! Chalice repeats its line for a bucket and for a domain at every deploy, and prints a queue that is given by its ARN as a
//! Python object. Here a line is said of a step that is made, and a queue by its name.

use grail_state::template::has_stand_in;
use serde_json::Value;

use crate::plan::{Action, Step};

/// The lines of a step, one of `steps`, that is about a connection; none for any other.
pub(super) fn started(step: &Step, steps: &[Step]) -> Vec<String> {
    let wanted = step.wanted.as_ref();
    let had = step.have.as_ref().map(|have| &have.spec);
    let field = |name: &str| wanted.and_then(|wanted| wanted.get(name)?.as_str());
    let create = matches!(step.action, Action::Create { .. });
    match (step.resource.kind.as_str(), &step.action) {
        ("s3_notification", Action::Create { .. } | Action::Update { .. }) => {
            let (Some(bucket), Some(entries)) =
                (field("bucket"), wanted.and_then(|wanted| wanted.get("entries")))
            else {
                return Vec::new();
            };
            let entries = entries.as_object().into_iter().flatten();
            let functions = entries.filter_map(|(_, entry)| entry.get("function")?.as_str());
            let line = |function| {
                let function = physical(function, steps);
                format!("Configuring S3 events in bucket {bucket} to function {function}")
            };
            functions.map(line).collect()
        }
        ("sns_subscription", Action::Create { .. }) => {
            subscribing(wanted, steps, "SNS topic", field("topic"))
        }
        ("event_source_mapping", Action::Create { .. }) => match field("service") {
            Some("sqs") => subscribing(wanted, steps, "SQS queue", field("name")),
            Some("kinesis") => subscribing(wanted, steps, "Kinesis stream", field("name")),
            _ => subscribing(wanted, steps, "DynamoDB stream", field("source_arn")),
        },
        ("custom_domain", Action::Create { .. } | Action::Update { .. }) => {
            let doing = if create { "Creating" } else { "Updating" };
            let name = field("name").into_iter();
            name.map(|name| format!("{doing} custom domain name: {name}"))
                .collect()
        }
        // Chalice names the entry of its file here, not the domain.
        ("custom_domain", Action::Delete { .. }) => {
            vec![format!("Deleting custom domain name: {}", step.resource.name)]
        }
        ("api_mapping", Action::Create { .. }) => {
            vec![format!(
                "Creating api mapping: /{}",
                field("prefix").unwrap_or_default()
            )]
        }
        ("api_mapping", Action::Delete { .. }) => {
            let handle = step
                .have
                .as_ref()
                .map(|have| have.handle.0.as_str())
                .unwrap_or_default();
            let (domain, _) = handle.split_once('/').unwrap_or((handle, ""));
            let prefix = had
                .and_then(|had| had.get("prefix")?.as_str())
                .unwrap_or_default();
            vec![format!(
                "Deleting base path mapping from {domain} custom domain name: /{prefix}"
            )]
        }
        _ => Vec::new(),
    }
}

fn subscribing(wanted: Option<&Value>, steps: &[Step], to: &str, source: Option<&str>) -> Vec<String> {
    let function = wanted.and_then(|wanted| wanted.get("function")?.as_str());
    let (Some(function), Some(source)) = (function, source) else {
        return Vec::new();
    };
    let function = physical(function, steps);
    vec![format!("Subscribing {function} to {to} {source}")]
}

/// The name of a function of which the ARN is known, or of one that this very plan makes.
fn physical<'a>(arn: &'a str, steps: &'a [Step]) -> &'a str {
    if !has_stand_in(arn) {
        return arn.rsplit(':').next().unwrap_or(arn);
    }
    let makes = |step: &&Step| {
        let named = arn.contains(&format!(" {}/", step.resource));
        named && !matches!(step.action, Action::Delete { .. })
    };
    let name = |step: &'a Step| step.label.as_deref();
    steps.iter().find(makes).and_then(name).unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::report::plan::tests::{created, deleted, updated};

    #[test]
    fn each_connection_has_chalices_line_or_none() {
        let known = "arn:aws:lambda:us-east-1:1:function:shop-dev-old";
        let later = "(known after deploy: lambda_function.work/arn)";
        let entries = json!({"work-s3event": {"function": later}, "old-s3event": {"function": known}});
        let domain = |name: &str| json!({"name": name});
        let source = |service: &str, name: Value| json!({"service": service, "name": name, "source_arn": "arn:s", "function": later});
        let mut away = deleted(11, "api_mapping.api_gateway_custom_domain", "api.example.com/v1");
        if let Some(have) = &mut away.have {
            have.spec = json!({"prefix": "v1"});
        }
        let steps = [
            created(0, "lambda_function.work", json!({"name": "shop-dev-work"})),
            created(
                1,
                "s3_notification.inbox",
                json!({"bucket": "inbox", "entries": entries}),
            ),
            created(
                2,
                "sns_subscription.work-sns-subscription",
                json!({"topic": "news", "function": later}),
            ),
            created(3, "event_source_mapping.a", source("sqs", json!("jobs"))),
            created(4, "event_source_mapping.b", source("kinesis", json!("clicks"))),
            created(5, "event_source_mapping.c", source("dynamodb", Value::Null)),
            updated(
                6,
                "event_source_mapping.a",
                source("sqs", json!("jobs")),
                json!({}),
            ),
            created(
                7,
                "event_rule.work-event",
                json!({"name": "shop-dev-work-event", "function": known}),
            ),
            created(
                8,
                "custom_domain.api_gateway_custom_domain",
                domain("api.example.com"),
            ),
            updated(
                9,
                "custom_domain.api_gateway_custom_domain",
                domain("api.example.com"),
                json!({}),
            ),
            created(10, "api_mapping.api_gateway_custom_domain", json!({"prefix": ""})),
            away,
            deleted(12, "custom_domain.api_gateway_custom_domain", "api.example.com"),
        ];
        let line = |step: &Step| format!("{}: {}", step.id.0, started(step, &steps).join(" | "));
        let lines: Vec<_> = steps.iter().map(line).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        0: 
        1: Configuring S3 events in bucket inbox to function shop-dev-old | Configuring S3 events in bucket inbox to function shop-dev-work
        2: Subscribing shop-dev-work to SNS topic news
        3: Subscribing shop-dev-work to SQS queue jobs
        4: Subscribing shop-dev-work to Kinesis stream clicks
        5: Subscribing shop-dev-work to DynamoDB stream arn:s
        6: 
        7: 
        8: Creating custom domain name: api.example.com
        9: Updating custom domain name: api.example.com
        10: Creating api mapping: /
        11: Deleting base path mapping from api.example.com custom domain name: /v1
        12: Deleting custom domain name: api_gateway_custom_domain
        ");
    }
}
