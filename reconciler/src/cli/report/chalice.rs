//! Chalice's own words, to the letter, where its users and their scripts look for them (Chalice 1.34.0,
//! `chalice/deploy/planner.py`, `sweeper.py` and `deployer.py`).

mod connections;

use grail_state::chalice::DeployedEntry;
use serde_json::{Map, Value, json};

use crate::plan::{Action, Step};

/// What Chalice prints just before it makes the calls of a step, one of `steps`. Nothing for the steps that it makes silently,
/// or not at all.
pub fn started(step: &Step, steps: &[Step]) -> Vec<String> {
    let name = step.label.as_deref().unwrap_or(&step.resource.name);
    let handle = step.have.as_ref().map_or(name, |have| have.handle.0.as_str());
    match (step.resource.kind.as_str(), &step.action) {
        ("iam_role", Action::Create { .. }) => vec![format!("Creating IAM role: {name}")],
        ("iam_role", Action::Update { .. }) => vec![format!("Updating policy for IAM role: {name}")],
        ("iam_role", Action::Delete { .. }) => vec![format!("Deleting IAM role: {handle}")],
        ("lambda_function", Action::Create { .. }) => {
            with_limit(format!("Creating lambda function: {name}"), step, name, true)
        }
        ("lambda_function", Action::Update { diff }) => {
            let limited = diff.touches("reserved_concurrency");
            with_limit(format!("Updating lambda function: {name}"), step, name, limited)
        }
        ("lambda_function", Action::Delete { .. }) => vec![format!("Deleting function: {handle}")],
        ("rest_api", Action::Create { .. }) => vec!["Creating Rest API".to_owned()],
        ("rest_api", Action::Update { .. }) => vec!["Updating rest API".to_owned()],
        ("rest_api", Action::Delete { .. }) => vec![format!("Deleting Rest API: {handle}")],
        ("lambda_layer", Action::Create { replaces: None }) => vec![format!("Creating lambda layer: {name}")],
        ("lambda_layer", Action::Create { .. }) => vec![format!("Updating lambda layer: {name}")],
        ("lambda_layer", Action::Delete { replaced_by: None }) => {
            vec![format!("Deleting layer version: {handle}")]
        }
        ("websocket_api", Action::Create { .. }) => vec![format!("Creating websocket api: {name}")],
        ("websocket_api", Action::Delete { .. }) => vec![format!("Deleting Websocket API: {handle}")],
        ("log_group", Action::Delete { .. }) => {
            vec![format!("Deleting retention policy for log group: {handle}")]
        }
        _ => connections::started(step, steps),
    }
}

fn with_limit(line: String, step: &Step, name: &str, sets: bool) -> Vec<String> {
    let limit = step
        .wanted
        .as_ref()
        .and_then(|wanted| wanted.get("reserved_concurrency"));
    let limited = sets && limit.is_some_and(|limit| !limit.is_null());
    let more = limited.then(|| format!("Updating lambda function concurrency limit: {name}"));
    std::iter::once(line).chain(more).collect()
}

/// Chalice's report at the end of `deploy`, from the entries of `deployed/<stage>.json`.
pub fn deployed(entries: &[DeployedEntry]) -> String {
    let last = |entry: &&DeployedEntry| is_api(&entry.resource_type);
    let (apis, others): (Vec<_>, Vec<_>) = entries.iter().partition(last);
    let mut text = String::from("Resources deployed:\n");
    for entry in others.into_iter().chain(apis) {
        let said = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        match entry.resource_type.as_str() {
            "lambda_layer" => {
                text.push_str(&format!("  - Lambda Layer ARN: {}\n", said("layer_version_arn")))
            }
            "lambda_function" => text.push_str(&format!("  - Lambda ARN: {}\n", said("lambda_arn"))),
            "rest_api" => text.push_str(&format!("  - Rest API URL: {}\n", said("rest_api_url"))),
            "websocket_api" => {
                text.push_str(&format!("  - Websocket API URL: {}\n", said("websocket_api_url")))
            }
            "domain_name" => text.push_str(&format!(
                "  - Custom domain name:\n      HostedZoneId: {}\n      AliasDomainName: {}\n",
                said("hosted_zone_id"),
                said("alias_domain_name")
            )),
            _ => {}
        }
    }
    text
}

/// The same for programs: the entries as they stand in the file.
pub fn json(entries: &[DeployedEntry]) -> Value {
    let entry = |entry: &DeployedEntry| {
        let mut fields = Map::from_iter(entry.keys.iter().cloned());
        fields.insert("name".to_owned(), Value::from(entry.name.clone()));
        fields.insert(
            "resource_type".to_owned(),
            Value::from(entry.resource_type.clone()),
        );
        Value::Object(fields)
    };
    json!({"resources": entries.iter().map(entry).collect::<Vec<_>>()})
}

/// What Chalice lists after everything else.
fn is_api(resource_type: &str) -> bool {
    matches!(resource_type, "rest_api" | "websocket_api" | "domain_name")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::report::plan::tests::{created, deleted, updated};

    fn entry(resource_type: &str, keys: Value) -> DeployedEntry {
        let keys = keys
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        DeployedEntry {
            name: "x".into(),
            resource_type: resource_type.into(),
            keys,
        }
    }

    #[test]
    fn the_report_lists_what_chalice_lists_and_apis_last() {
        let entries = [
            entry("iam_role", json!({"role_arn": "arn:role"})),
            entry("rest_api", json!({"rest_api_url": "https://x/api/"})),
            entry("lambda_layer", json!({"layer_version_arn": "arn:layer:1"})),
            entry(
                "domain_name",
                json!({"hosted_zone_id": "Z1", "alias_domain_name": "d.example"}),
            ),
            entry("lambda_function", json!({"lambda_arn": "arn:f"})),
            entry("websocket_api", json!({"websocket_api_url": "wss://x/api/"})),
        ];
        insta::assert_snapshot!(deployed(&entries), @r"
        Resources deployed:
          - Lambda Layer ARN: arn:layer:1
          - Lambda ARN: arn:f
          - Rest API URL: https://x/api/
          - Custom domain name:
              HostedZoneId: Z1
              AliasDomainName: d.example
          - Websocket API URL: wss://x/api/
        ");
        assert_eq!(deployed(&[]), "Resources deployed:\n");
        let role = json!({"name": "x", "resource_type": "iam_role", "role_arn": "arn:role"});
        assert_eq!(super::json(&entries[..1]), json!({"resources": [role]}));
    }

    #[test]
    fn each_step_has_chalices_line_or_none() {
        let limited = json!({"name": "shop-dev", "reserved_concurrency": 5});
        let steps = [
            created(0, "iam_role.default-role", json!({"name": "shop-dev"})),
            updated(
                1,
                "iam_role.default-role",
                json!({"name": "shop-dev"}),
                json!({"name": "shop-dev", "trust": 1}),
            ),
            deleted(2, "iam_role.default-role", "shop-dev"),
            created(3, "lambda_function.api_handler", json!({"name": "shop-dev"})),
            created(4, "lambda_function.api_handler", limited.clone()),
            updated(
                5,
                "lambda_function.api_handler",
                limited.clone(),
                json!({"name": "shop-dev"}),
            ),
            updated(
                6,
                "lambda_function.api_handler",
                limited.clone(),
                json!({"memory": 1, "reserved_concurrency": 5}),
            ),
            deleted(
                7,
                "lambda_function.api_handler",
                "arn:aws:lambda:us-east-1:1:function:shop-dev",
            ),
            created(8, "rest_api.rest_api", json!({"name": "shop"})),
            updated(
                9,
                "rest_api.rest_api",
                json!({"name": "shop"}),
                json!({"name": "shop", "definition": "x"}),
            ),
            deleted(10, "rest_api.rest_api", "abc123"),
            created(11, "log_group.a-log-group", json!({"name": "/aws/lambda/a"})),
            deleted(12, "log_group.a-log-group", "/aws/lambda/a"),
            created(13, "lambda_permission.api_handler/rest_api", json!({})),
            created(
                14,
                "lambda_layer.managed-layer",
                json!({"name": "shop-dev-managed-layer"}),
            ),
            replaced(created(
                15,
                "lambda_layer.managed-layer",
                json!({"name": "shop-dev-managed-layer"}),
            )),
            deleted(16, "lambda_layer.managed-layer", "arn:layer:1"),
            replaced(deleted(17, "lambda_layer.managed-layer", "arn:layer:1")),
            created(
                18,
                "websocket_api.websocket_api",
                json!({"name": "shop-dev-websocket-api"}),
            ),
            deleted(19, "websocket_api.websocket_api", "w1"),
        ];
        let lines: Vec<_> = steps
            .iter()
            .map(|step| format!("{}: {}", step.id.0, started(step, &steps).join(" | ")))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        0: Creating IAM role: shop-dev
        1: Updating policy for IAM role: shop-dev
        2: Deleting IAM role: shop-dev
        3: Creating lambda function: shop-dev
        4: Creating lambda function: shop-dev | Updating lambda function concurrency limit: shop-dev
        5: Updating lambda function: shop-dev | Updating lambda function concurrency limit: shop-dev
        6: Updating lambda function: shop-dev
        7: Deleting function: arn:aws:lambda:us-east-1:1:function:shop-dev
        8: Creating Rest API
        9: Updating rest API
        10: Deleting Rest API: abc123
        11: 
        12: Deleting retention policy for log group: /aws/lambda/a
        13: 
        14: Creating lambda layer: shop-dev-managed-layer
        15: Updating lambda layer: shop-dev-managed-layer
        16: Deleting layer version: arn:layer:1
        17: 
        18: Creating websocket api: shop-dev-websocket-api
        19: Deleting Websocket API: w1
        ");
    }

    /// The step as half of a replacement.
    fn replaced(mut step: Step) -> Step {
        step.action = match step.action {
            Action::Delete { .. } => Action::Delete {
                replaced_by: Some(step.id),
            },
            _ => Action::Create {
                replaces: Some(step.id),
            },
        };
        step
    }
}
