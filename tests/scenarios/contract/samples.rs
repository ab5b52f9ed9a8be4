//! A sample of each kind, with what it needs made beforehand: bucket, topic, queue, stream, table, certificate, role, API.

use std::io::Cursor;

use grail_providers::contract::Sample;
use grail_providers::package::{Limits, content_of_zip};
use grail_state::artifacts::Artifacts;
use grail_state::{Kind, ResourceId};
use grail_tests::fixtures;
use serde_json::{Value, json};

use super::account::{Ours, STACK};
use super::{strangers, things};
use crate::emulated::function_arn;

/// Who may assume a role of a function, in either of two forms.
fn trust(effect: &str) -> Value {
    let statement = json!({
        "Sid": effect, "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
    });
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

fn policy(action: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": [action], "Resource": "*"}]})
}

/// Code of one file, kept as a deployment keeps it.
pub(super) fn code(ground: &Ours, answer: &str) -> Value {
    let text = format!("def app(event, context):\n    return {answer:?}\n");
    let zip = fixtures::archive(&[("app.py", &text)]);
    let content = content_of_zip(Cursor::new(&zip), Limits::default()).unwrap();
    let artifact = ground.artifacts.put(&zip).unwrap();
    json!({"content": content.as_str(), "artifact": artifact, "size": zip.len()})
}

/// An API definition that calls our handler at these paths.
fn definition(title: &str, paths: &[&str]) -> Value {
    let uri = format!(
        "arn:aws:apigateway:{}:lambda:path/2015-03-31/functions/{}/invocations",
        grail_tests::REGION,
        function_arn(STACK)
    );
    let integration = json!({
        "uri": uri, "type": "aws_proxy", "httpMethod": "POST", "passthroughBehavior": "when_no_match",
        "contentHandling": "CONVERT_TO_TEXT", "responses": {"default": {"statusCode": "200"}},
    });
    let method = json!({
        "responses": {"200": {"description": "200 response"}}, "x-amazon-apigateway-integration": integration,
    });
    let each = paths
        .iter()
        .map(|path| ((*path).to_owned(), json!({"get": method})));
    json!({
        "openapi": "3.0.1",
        "info": {"version": "1.0", "title": title, "description": ""},
        "paths": each.collect::<serde_json::Map<_, _>>(),
        "components": {"schemas": {"Empty": {"type": "object", "title": "Empty Schema"}}},
        "x-amazon-apigateway-binary-media-types": ["image/png"],
    })
}

fn rest_api(name: &str, endpoint_type: &str) -> Value {
    json!({"name": name, "endpoint_type": endpoint_type, "definition": definition(name, &["/"])})
}

fn websocket_api(name: &str) -> Value {
    let route =
        |function: &str, description| json!({"function": function_arn(function), "description": description});
    json!({
        "name": name,
        "routes": {"$connect": route(STACK, "connect"), "$default": route(STACK, "message")},
    })
}

/// An API of ours, its id and the digest of its definition.
async fn an_api(ground: &Ours, rest: bool, name: &str) -> (Value, Value) {
    let (kind, spec) = if rest {
        ("rest_api", rest_api(name, "REGIONAL"))
    } else {
        ("websocket_api", websocket_api(name))
    };
    let made = ground.make(kind, name, &spec).await;
    (
        made.outputs["id"].clone(),
        made.outputs["definition_digest"].clone(),
    )
}

/// An API with a stage of its own name.
pub(super) async fn a_served_api(ground: &Ours, rest: bool, name: &str) -> Value {
    let (api, digest) = an_api(ground, rest, name).await;
    let kind = if rest { "api_stage" } else { "websocket_stage" };
    let spec = json!({"api": api, "stage": name, "definition": digest});
    ground.make(kind, name, &spec).await;
    api
}

/// The form with other values in some fields.
fn with(form: &Value, fields: Value) -> Option<Value> {
    let mut changed = form.clone();
    for (key, value) in fields.as_object()? {
        changed[key] = value.clone();
    }
    Some(changed)
}

/// The `number`th sample.
pub(super) async fn sample(ground: &Ours, kind: &Kind, number: usize) -> Sample {
    let (name, spec, changed) = match kind.as_str() {
        "iam_role" => role(ground, number),
        "lambda_function" => function(ground, number),
        "function_url" => url(ground, number),
        "lambda_alias" => alias(ground, number).await,
        "lambda_version" => version(ground, number),
        "provisioned_concurrency" => provisioned(ground, number).await,
        "lambda_layer" => layer(ground, number),
        "lambda_permission" => permission(number),
        "log_group" => log_group(number),
        "rest_api" => {
            let name = format!("contract{number}");
            let endpoint_type = ground.face.to_ascii_uppercase();
            let spec = with(
                &rest_api(&name, &endpoint_type),
                json!({"minimum_compression": 10}),
            )
            .unwrap();
            let more = definition(&name, &["/", "/more/{part}"]);
            let changed = with(&spec, json!({"definition": more, "minimum_compression": null}));
            ("rest_api".to_owned(), spec, changed)
        }
        "api_stage" | "websocket_stage" => stage(ground, kind.as_str() == "api_stage", number).await,
        "websocket_api" => {
            let spec = websocket_api(&format!("contract{number}"));
            let route = |function: &str, description| json!({"function": function_arn(function), "description": description});
            let routes = json!({
                "$default": route("contract-dev-two", "message"), "$disconnect": route(STACK, "disconnect"),
            });
            (
                "websocket_api".to_owned(),
                spec.clone(),
                with(&spec, json!({"routes": routes})),
            )
        }
        "custom_domain" => custom_domain(ground, number),
        "api_mapping" => api_mapping(ground, number).await,
        "s3_notification" => notification(ground, number),
        "sns_subscription" => subscription(ground, number),
        "event_source_mapping" => event_source(ground, number),
        "event_rule" => event_rule(ground, number),
        thing if things::KINDS.contains(&thing) => things::sample(thing, ground.face, number),
        other => panic!("there is no sample of {other}"),
    };
    Sample {
        id: ResourceId::new(kind.clone(), name),
        spec,
        changed,
    }
}

type Made = (String, Value, Option<Value>);

fn role(ground: &Ours, number: usize) -> Made {
    let mut spec = json!({
        "name": format!("contract-dev-role{number}"), "trust": trust("one"),
        "policies": {"a": policy("logs:CreateLogGroup"), "b": policy("logs:PutLogEvents")},
    });
    let changed = with(
        &spec,
        json!({"trust": trust("two"), "policies": {"a": policy("s3:GetObject"), "c": policy("sqs:SendMessage")}}),
    );
    if ground.face == "with a boundary" {
        spec["boundary"] = "arn:aws:iam::aws:policy/PowerUserAccess".into();
        let lower = json!({"boundary": "arn:aws:iam::aws:policy/ReadOnlyAccess"});
        return (format!("role{number}"), spec.clone(), with(&spec, lower));
    }
    (format!("role{number}"), spec, changed)
}

fn function(ground: &Ours, number: usize) -> Made {
    let owner = "version=1.34.0:stage=dev:app=contract";
    let spec = json!({
        "name": format!("contract-dev-fn{number}"), "handler": "app.app", "runtime": "python3.12",
        "role": arn_of_role(), "memory": 128, "timeout": 60,
        "environment": {"SECRET": "s", "PLACE": "here"}, "tags": {"aws-chalice": owner, "team": "x"},
        "reserved_concurrency": 5, "code": code(ground, "one"),
    });
    let changed = with(
        &spec,
        json!({
            "memory": 256, "timeout": 30, "handler": "app.app", "environment": {"SECRET": "t"},
            "tags": {"aws-chalice": owner, "stage": "y"}, "code": code(ground, "two"), "tracing": "active",
            "reserved_concurrency": null,
        }),
    );
    let (before, after) = stated(ground, number);
    let spec = with(&spec, before).unwrap_or_default();
    let changed = changed.and_then(|changed| with(&changed, after));
    (format!("fn{number}"), spec, changed)
}

/// What only a manifest can state, before a change and after it.
fn stated(ground: &Ours, number: usize) -> (Value, Value) {
    let queue = |name: &str| ground.account().make_queue(&format!("contract-{name}{number}"));
    match ground.face {
        "of a manifest" => (
            json!({"description": "one", "ephemeral_storage": 1024}),
            json!({"description": "two", "ephemeral_storage": 1024}),
        ),
        "with dead letters" => (
            json!({"dead_letter": queue("first"), "ephemeral_storage": 1024}),
            json!({"dead_letter": queue("second"), "ephemeral_storage": 2048}),
        ),
        _ => (json!({}), json!({})),
    }
}

/// The role under which the functions around the samples run.
fn arn_of_role() -> String {
    format!("arn:aws:iam::{}:role/{STACK}-role", grail_tests::ACCOUNT)
}

fn layer(ground: &Ours, number: usize) -> Made {
    let spec = json!({
        "name": format!("contract-dev-layer{number}"), "runtime": "python3.12", "architecture": "arm64",
        "code": code(ground, "layer"),
    });
    (format!("layer{number}"), spec, None)
}

/// The version of a function that strangers have made the function of.
fn version(ground: &Ours, number: usize) -> Made {
    let function = format!("contract-dev-version{number}");
    ground.account().make_function(&function);
    let zip = fixtures::archive(&[("app.py", "def app(event, context):\n    return {}\n")]);
    let content = content_of_zip(Cursor::new(&zip), Limits::default()).unwrap();
    let form = json!({
        "name": function, "handler": "app.app", "runtime": "python3.12", "memory": 128, "timeout": 3,
        "role": format!("arn:aws:iam::{}:role/{function}-role", grail_tests::ACCOUNT),
        "code": {"content": content.as_str(), "artifact": "", "size": zip.len()},
    });
    let spec = json!({"function": function, "form": form, "keep": 0});
    (format!("version{number}"), spec, None)
}

/// Two versions of a function, which strangers have published.
async fn two_versions(ground: &Ours, function: &str) {
    ground.account().make_function(function);
    let lambda = ground.account().lambda();
    for memory in [256, 512] {
        let update = lambda.update_function_configuration().function_name(function);
        update.memory_size(memory).send().await.unwrap();
        lambda
            .publish_version()
            .function_name(function)
            .send()
            .await
            .unwrap();
    }
}

async fn alias(ground: &Ours, number: usize) -> Made {
    let function = format!("contract-dev-alias{number}");
    two_versions(ground, &function).await;
    let spec = json!({"function": function, "name": "live", "version": "1"});
    let other = json!({"version": "1", "weight": 25.0});
    let changed = with(&spec, json!({"version": "2", "other": other}));
    (format!("alias{number}"), spec, changed)
}

async fn provisioned(ground: &Ours, number: usize) -> Made {
    let function = format!("contract-dev-ready{number}");
    two_versions(ground, &function).await;
    let spec = json!({"function": function, "qualifier": "2", "count": 2});
    let changed = with(&spec, json!({"count": 3}));
    (format!("ready{number}"), spec, changed)
}

fn permission(number: usize) -> Made {
    let spec = json!({
        "function": STACK, "principal": "s3.amazonaws.com", "source_arn": format!("arn:aws:s3:::a{number}"),
        "source_account": grail_tests::ACCOUNT,
    });
    let changed = with(&spec, json!({"source_arn": format!("arn:aws:s3:::b{number}")}));
    (format!("api_handler/s3-{number}"), spec, changed)
}

fn url(ground: &Ours, number: usize) -> Made {
    let function = format!("contract-dev-url{number}");
    ground.account().make_function(&function);
    let cors =
        |age: u32| json!({"origins": ["https://shop.example.com"], "methods": ["GET"], "max_age": age});
    let spec = json!({"function": function_arn(&function), "auth": "aws_iam", "cors": cors(60)});
    let changed = with(&spec, json!({"auth": "none", "cors": cors(90)}));
    (format!("url{number}"), spec, changed)
}

fn log_group(number: usize) -> Made {
    let spec = json!({"name": format!("/aws/lambda/contract-dev-fn{number}"), "retention_days": 7});
    let changed = with(&spec, json!({"retention_days": 14}));
    (format!("fn{number}-log-group"), spec, changed)
}

async fn stage(ground: &Ours, rest: bool, number: usize) -> Made {
    let name = format!("contract{number}");
    let (api, digest) = an_api(ground, rest, &name).await;
    let mut spec = json!({"api": api, "stage": "live", "definition": digest});
    let mut changed = None;
    if rest {
        spec["tracing"] = json!(false);
        changed = with(&spec, json!({"tracing": true}));
    }
    let name = if rest { "rest_api" } else { "websocket_api" };
    (name.to_owned(), spec, changed)
}

fn custom_domain(ground: &Ours, number: usize) -> Made {
    let (protocol, endpoint_type, id) = match ground.face {
        "websocket" => ("websocket", "REGIONAL", "websocket_api_custom_domain"),
        "edge" => ("rest", "EDGE", "api_gateway_custom_domain"),
        _ => ("rest", "REGIONAL", "api_gateway_custom_domain"),
    };
    let spec = json!({
        "name": format!("d{number}.example.com"), "protocol": protocol, "endpoint_type": endpoint_type,
        "certificate_arn": strangers::certificate(ground.account()), "security_policy": "TLS_1_2", "tags": {"team": "x", "a": "b"},
    });
    let changed = with(
        &spec,
        json!({"certificate_arn": strangers::certificate(ground.account()), "tags": {"team": "y"}}),
    );
    (id.to_owned(), spec, changed)
}

async fn api_mapping(ground: &Ours, number: usize) -> Made {
    let rest = ground.face != "websocket";
    let domain = format!("m{number}.example.com");
    let api = a_served_api(ground, rest, &format!("one{number}")).await;
    let other = a_served_api(ground, rest, &format!("two{number}")).await;
    let foreign = a_served_api(ground, rest, &format!("theirs{number}")).await;
    let account = ground.account();
    strangers::domain(account, &domain);
    strangers::mapping(account, &domain, "theirs", &foreign, &format!("theirs{number}"));
    let spec = json!({
        "domain": domain, "prefix": if ground.face == "several parts" { "v1/more" } else { "v1" },
        "protocol": if rest { "rest" } else { "websocket" }, "api": api, "stage": format!("one{number}"),
    });
    let changed = with(&spec, json!({"api": other, "stage": format!("two{number}")}));
    let id = if rest {
        "api_gateway_custom_domain"
    } else {
        "websocket_api_custom_domain"
    };
    (id.to_owned(), spec, changed)
}

fn notification(ground: &Ours, number: usize) -> Made {
    let bucket = format!("contract-bucket{number}");
    ground.account().make_bucket(&bucket);
    for function in [STACK, "contract-dev-two", strangers::FUNCTION] {
        ground.account().let_bucket_call(&bucket, function);
    }
    strangers::notifications(ground.account(), &bucket);
    let entry = |function: &str, prefix| json!({"function": function_arn(function), "events": ["s3:ObjectCreated:*"], "prefix": prefix});
    let both =
        |one, two| json!({"one-s3event": entry(STACK, one), "two-s3event": entry("contract-dev-two", two)});
    let spec = json!({"bucket": bucket, "entries": both("a/", "b/")});
    let changed = with(&spec, json!({"entries": both("b/", "a/")}));
    (bucket, spec, changed)
}

fn subscription(ground: &Ours, number: usize) -> Made {
    let topic = format!("contract-topic{number}");
    let topic_arn = ground.account().make_topic(&topic);
    strangers::subscription(ground.account(), &topic_arn);
    let spec = json!({"topic": topic, "topic_arn": topic_arn, "function": function_arn(STACK)});
    (format!("fn{number}-sns-subscription"), spec, None)
}

fn event_source(ground: &Ours, number: usize) -> Made {
    let name = format!("contract-source{number}");
    let account = ground.account();
    let service = ground.face;
    let mut spec = json!({
        "service": service, "function": function_arn(STACK), "batch_size": 1, "maximum_batching_window": 0,
    });
    let mut changes = json!({"batch_size": 10, "enabled": false});
    match service {
        "sqs" => {
            spec["source_arn"] = account.make_queue(&name).into();
            spec["name"] = name.into();
            spec["maximum_concurrency"] = 5.into();
            changes["maximum_concurrency"] = Value::Null;
        }
        "kinesis" => {
            spec["source_arn"] = account.make_stream(&name).into();
            spec["name"] = name.into();
            spec["starting_position"] = "LATEST".into();
            changes["maximum_batching_window"] = 5.into();
        }
        _ => {
            spec["source_arn"] = account.make_table(&name).into();
            spec["starting_position"] = "TRIM_HORIZON".into();
        }
    }
    let changed = with(&spec, changes);
    (format!("fn{number}-{service}-event-source"), spec, changed)
}

fn event_rule(ground: &Ours, number: usize) -> Made {
    let name = format!("contract-dev-fn{number}-event");
    let (ours, two) = (function_arn(STACK), function_arn("contract-dev-two"));
    let pattern = r#"{"source": ["contract"], "detail": {"a": [{"prefix": "b"}]}}"#;
    let scheduled = json!({
        "name": name, "schedule": "rate(1 hour)", "description": "hourly", "function": ours,
    });
    let matched = json!({"name": name, "pattern": pattern, "function": two});
    let (spec, changed) = if ground.face == "schedule" {
        let later =
            json!({"schedule": "cron(0 12 * * ? *)", "description": "", "function": two, "enabled": false});
        (scheduled.clone(), with(&scheduled, later))
    } else {
        (matched, Some(scheduled))
    };
    (format!("fn{number}-event"), spec, changed)
}
