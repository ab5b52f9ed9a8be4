//! Event sources, WebSocket APIs and domains against what Chalice makes of them, and the order of its file.

use grail_state::chalice::Wires;
use grail_state::{Handle, Record, Several, Wire};

use super::*;

/// Where the tests deploy, as in the ARNs of their expectations.
const HERE: &str = "eu-west-1:123456789012";

/// The wires of every kind that has entries in Chalice's file, as far as they decide which and in which order.
pub(super) fn wires() -> Wires {
    const S3: &[Wire] = &[Wire {
        handle: Some("bucket"),
        several: Some(Several {
            output: "entries",
            beside: "lambda_arn",
        }),
        ..Wire::to("s3_event")
    }];
    const fn named(resource_type: &'static str) -> Wire {
        Wire {
            handle: Some("it"),
            ..Wire::to(resource_type)
        }
    }
    const fn polled(resource_type: &'static str, service: &'static str) -> Wire {
        Wire {
            when: Some(("service", service)),
            ..named(resource_type)
        }
    }
    const POLLED: &[Wire] = &[
        polled("sqs_event", "sqs"),
        polled("kinesis_event", "kinesis"),
        polled("dynamodb_event", "dynamodb"),
    ];
    const WIRES: &[(&str, &[Wire])] = &[
        ("iam_role", &[named("iam_role")]),
        ("lambda_layer", &[named("lambda_layer")]),
        ("log_group", &[named("log_group")]),
        ("lambda_function", &[named("lambda_function")]),
        ("s3_notification", S3),
        ("sns_subscription", &[named("sns_event")]),
        ("event_source_mapping", POLLED),
        ("event_rule", &[named("cloudwatch_event")]),
        ("rest_api", &[named("rest_api")]),
        ("api_stage", &[Wire::to("rest_api")]),
        ("websocket_api", &[named("websocket_api")]),
        ("websocket_stage", &[Wire::to("websocket_api")]),
        ("custom_domain", &[named("domain_name")]),
        ("api_mapping", &[Wire::to("domain_name")]),
    ];
    let wires = WIRES.iter().map(|(kind, wires)| (Kind::new(kind), *wires));
    wires.collect()
}

/// What would be recorded of a resource once it is there: its handle is the text by which others refer to its ARN.
pub(super) fn recorded(desired: &Desired) -> (ResourceId, Record) {
    let spec = shown(&desired.spec);
    let entries = spec["entries"].as_object().map(|entries| {
        let beside = |entry: &Value| json!({"bucket": spec["bucket"], "lambda_arn": entry["function"]});
        entries
            .iter()
            .map(|(name, entry)| (name.clone(), beside(entry)))
            .collect::<Value>()
    });
    let mut outputs = BTreeMap::from([("service".to_owned(), spec["service"].clone())]);
    outputs.extend(entries.map(|entries| ("entries".to_owned(), entries)));
    let record = Record {
        handle: Handle(format!("{}/arn", desired.id)),
        spec,
        outputs,
        depends_on: desired.depends_on(),
        rank: desired.rank,
        token: None,
    };
    (desired.id.clone(), record)
}

fn needs(state: &DesiredState, kind: &str, name: &str) -> Vec<String> {
    let id = ResourceId::new(Kind::named(kind), name);
    let needs = state.resources[&id].depends_on();
    needs.iter().map(ToString::to_string).collect()
}

/// A permission of `function`, and that the resource waits for it.
fn permitted(state: &DesiredState, kind: &str, name: &str, permission: &str, source: &str) -> Value {
    assert!(needs(state, kind, name).contains(&format!("lambda_permission.{permission}")));
    let spec = form(state, "lambda_permission", permission);
    assert_eq!(spec["source_arn"], source);
    assert_eq!(
        spec["function"],
        format!("lambda_function.{}/name", permission.split('/').next().unwrap())
    );
    json!([spec["principal"], spec["source_account"]])
}

pub(super) fn event_agrees(state: &DesiredState, kind: &str, logical: &str, wanted: &Value) {
    let function = wanted["function"]["arn"].as_str().unwrap();
    let arn = json!(format!("lambda_function.{function}/arn"));
    match kind {
        "s3_event" => {
            let bucket = wanted["bucket"].as_str().unwrap();
            let spec = form(state, "s3_notification", bucket);
            let mut entry = json!({"function": arn, "events": wanted["events"]});
            for filter in ["prefix", "suffix"]
                .into_iter()
                .filter(|name| !wanted[*name].is_null())
            {
                entry[filter] = wanted[filter].clone();
            }
            assert_eq!(
                (&spec["bucket"], &spec["entries"][logical]),
                (&wanted["bucket"], &entry)
            );
            let (permission, source) = (format!("{function}/s3"), format!("arn:aws:s3:::{bucket}"));
            let caller = permitted(state, "s3_notification", bucket, &permission, &source);
            assert_eq!(caller, json!(["s3.amazonaws.com", "123456789012"]));
        }
        "sns_event" => {
            let topic = wanted["topic"].as_str().unwrap();
            let topic_arn = match topic.starts_with("arn:") {
                true => topic.to_owned(),
                false => format!("arn:aws:sns:{HERE}:{topic}"),
            };
            let wish = json!({"topic": topic, "topic_arn": topic_arn, "function": arn});
            assert_eq!(form(state, "sns_subscription", logical), wish);
            let permission = format!("{function}/sns");
            let caller = permitted(state, "sns_subscription", logical, &permission, &topic_arn);
            assert_eq!(caller, json!(["sns.amazonaws.com", null]));
        }
        "cloudwatch_event" => {
            let name = wanted["rule_name"].as_str().unwrap();
            let mut wish = json!({"name": name, "function": arn});
            let fields = [
                ("schedule", "schedule_expression"),
                ("pattern", "event_pattern"),
                ("description", "rule_description"),
            ];
            for (ours, theirs) in fields
                .into_iter()
                .filter(|(_, theirs)| wanted.get(*theirs).is_some())
            {
                wish[ours] = wanted[theirs].clone();
            }
            assert_eq!(form(state, "event_rule", logical), wish);
            let (permission, source) = (
                format!("{function}/event"),
                format!("arn:aws:events:{HERE}:rule/{name}"),
            );
            let caller = permitted(state, "event_rule", logical, &permission, &source);
            assert_eq!(caller, json!(["events.amazonaws.com", null]));
        }
        _ => assert_eq!(
            form(state, "event_source_mapping", logical),
            mapping(kind, wanted, &arn)
        ),
    }
}

fn mapping(kind: &str, wanted: &Value, function: &Value) -> Value {
    let mut wish = json!({
        "service": kind.trim_end_matches("_event"),
        "function": function,
        "batch_size": wanted["batch_size"],
        "maximum_batching_window": wanted["maximum_batching_window_in_seconds"],
    });
    for field in ["maximum_concurrency", "starting_position"] {
        if wanted.get(field).is_some_and(|value| !value.is_null()) {
            wish[field] = wanted[field].clone();
        }
    }
    let (arn, name) = match kind {
        "sqs_event" if wanted["queue"].is_object() => (
            wanted["queue"]["queue_arn"].clone(),
            Some(&wanted["queue"]["queue"]),
        ),
        "sqs_event" => (
            json!(format!(
                "arn:aws:sqs:{HERE}:{}",
                wanted["queue"].as_str().unwrap()
            )),
            Some(&wanted["queue"]),
        ),
        "kinesis_event" => {
            let stream = wanted["stream"].as_str().unwrap();
            (
                json!(format!("arn:aws:kinesis:{HERE}:stream/{stream}")),
                Some(&wanted["stream"]),
            )
        }
        _ => (wanted["stream_arn"].clone(), None),
    };
    wish["source_arn"] = arn;
    if let Some(name) = name {
        wish["name"] = name.clone();
    }
    wish
}

pub(super) fn websocket_agrees(state: &DesiredState, wanted: &Value) {
    let spec = form(state, "websocket_api", "websocket_api");
    assert_eq!(spec["name"], wanted["name"]);
    let keys = [
        ("$connect", "connect"),
        ("$default", "message"),
        ("$disconnect", "disconnect"),
    ];
    let mut functions: Vec<String> = serde_json::from_value(wanted["functions"].clone()).unwrap();
    for ((key, description), function) in keys.into_iter().zip(&functions) {
        let route =
            json!({"function": format!("lambda_function.{function}/arn"), "description": description});
        assert_eq!(spec["routes"][key], route);
        let source = "websocket_api.websocket_api/execution_arn/*";
        let permission = format!("{function}/websocket_api");
        let caller = permitted(state, "websocket_stage", "websocket_api", &permission, source);
        assert_eq!(caller, json!(["apigateway.amazonaws.com", null]));
    }
    assert_eq!(
        spec["routes"].as_object().unwrap().len(),
        wanted["routes"].as_array().unwrap().len()
    );
    let api = "websocket_api.websocket_api";
    let stage = json!({"api": format!("{api}/id"), "stage": wanted["stage"], "definition": format!("{api}/definition_digest")});
    assert_eq!(form(state, "websocket_stage", "websocket_api"), stage);
    functions.push("api_handler".into());
    let waits = needs(state, "websocket_stage", "websocket_api");
    assert!(
        functions
            .iter()
            .all(|function| waits.contains(&format!("lambda_function.{function}")))
    );
}

pub(super) fn domain_agrees(state: &DesiredState, logical: &str, wanted: &Value) {
    let (protocol, api, stage) = match logical {
        "api_gateway_custom_domain" => ("rest", "rest_api.rest_api", "api_stage.rest_api"),
        _ => (
            "websocket",
            "websocket_api.websocket_api",
            "websocket_stage.websocket_api",
        ),
    };
    assert_eq!(
        wanted["protocol"],
        if protocol == "rest" { "HTTP" } else { "WEBSOCKET" }
    );
    let spec = form(state, "custom_domain", logical);
    let endpoint_type = match protocol {
        "rest" => form(state, "rest_api", "rest_api")["endpoint_type"].clone(),
        _ => json!("REGIONAL"),
    };
    let tags = if wanted["tags"].is_null() {
        json!({})
    } else {
        wanted["tags"].clone()
    };
    let wish = json!({
        "name": wanted["domain_name"], "protocol": protocol, "endpoint_type": endpoint_type,
        "certificate_arn": wanted["certificate_arn"], "security_policy": wanted["tls_version"], "tags": tags,
    });
    assert_eq!(spec, wish);
    let path = wanted["path"].as_str().unwrap();
    let wish = json!({
        "domain": format!("custom_domain.{logical}/name"), "prefix": if path == "(none)" { "" } else { path },
        "protocol": protocol, "api": format!("{api}/id"), "stage": wanted["stage"],
    });
    assert_eq!(form(state, "api_mapping", logical), wish);
    assert!(needs(state, "api_mapping", logical).contains(&stage.to_owned()));
    assert_eq!(needs(state, "custom_domain", logical), [""; 0]);
}

#[tokio::test]
async fn all_notifications_of_a_bucket_are_one_resource() {
    let (_, state) = lowered("events", "dev", "python3.12").await;
    let buckets: Vec<_> = state
        .resources
        .keys()
        .filter(|id| id.kind.as_str() == "s3_notification")
        .collect();
    assert_eq!(
        buckets.iter().map(|id| id.name.as_str()).collect::<Vec<_>>(),
        ["inbox", "outbox"]
    );
    let entries = form(&state, "s3_notification", "inbox")["entries"].clone();
    assert_eq!(
        entries.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["arrived-s3event", "more_gone-s3event"]
    );
    assert_eq!(
        needs(&state, "s3_notification", "inbox"),
        [
            "lambda_function.arrived",
            "lambda_function.more_gone",
            "lambda_permission.arrived/s3",
            "lambda_permission.more_gone/s3"
        ]
    );
}

#[tokio::test]
async fn what_events_need_comes_from_the_line_of_the_decorator() {
    let (_, state) = lowered("events", "dev", "python3.12").await;
    let origin = |kind: &str, name: &str| {
        state.resources[&ResourceId::new(Kind::named(kind), name)]
            .origin
            .clone()
    };
    assert_eq!(
        origin("event_source_mapping", "more_far-sqs-event-source").as_deref(),
        Some("chalicelib/more.py:6")
    );
    for (kind, name) in [
        ("lambda_function", "hourly"),
        ("event_rule", "hourly-event"),
        ("lambda_permission", "hourly/event"),
    ] {
        assert_eq!(origin(kind, name).as_deref(), Some("app.py:60"), "{kind}");
    }
}
