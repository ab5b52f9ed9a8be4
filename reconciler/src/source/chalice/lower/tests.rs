mod connected;

use std::path::PathBuf;

use grail_providers::policy::same_meaning;
use grail_state::OutputRef;

use super::rest::{API_STAGE, REST_API};
use super::roles::ROLE;
use super::*;
use crate::source::chalice::openapi::tests::{address, translated};
use crate::source::chalice::test_python::{imported, run_json, testdata};
use crate::source::chalice::{names, openapi};

const ORACLE: &str = include_str!("../testdata/oracle.py");

fn account() -> Account {
    Account {
        account: "123456789012".into(),
        region: "eu-west-1".into(),
        partition: "aws".into(),
    }
}

fn package(runtime: &str) -> PackageFacts {
    PackageFacts {
        code: Zip {
            content: "c0".into(),
            artifact: "a0".into(),
            size: 7,
        },
        layer: None,
        runtime: runtime.into(),
    }
}

/// A project of the test data, or one of the examples that users see (`examples/...`).
fn project(name: &str) -> PathBuf {
    match name.starts_with("examples/") {
        true => Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name),
        false => testdata().join("apps").join(name),
    }
}

async fn lowered(name: &str, stage: &str, runtime: &str) -> (App, DesiredState) {
    let project = project(name);
    let (app, config) = imported(&project, stage).await;
    super::super::validate::validate(&app, &config, (3, 12), &project).unwrap();
    let state = lower(&app, &config, &project, &account(), &package(runtime)).unwrap();
    (app, state)
}

/// A reference becomes `<kind>.<name>/<output>`, which no document holds by itself.
fn shown(template: &Template) -> Value {
    template
        .resolve(&|output: &OutputRef| Some(json!(output.to_string())))
        .unwrap()
}

/// Everything that Chalice would make, in its order, is what we make: same names, same fields, same meaning.
async fn agrees_with_chalice(name: &str, stage: &str) {
    let theirs = run_json(ORACLE, &json!({"project": project(name), "stage": stage}));
    let theirs: Vec<(String, String, Value)> = serde_json::from_value(theirs).unwrap();
    let runtimes: Vec<_> = theirs
        .iter()
        .filter_map(|one| one.2.get("runtime")?.as_str())
        .collect();
    let (app, state) = lowered(name, stage, runtimes.first().unwrap()).await;
    let order = in_chalices_file(&state);
    let wanted: Vec<_> = theirs
        .iter()
        .map(|(kind, name, _)| (kind.clone(), name.clone()))
        .collect();
    assert_eq!(order, wanted, "{name}: the resources and their order");
    for (kind, logical, wanted) in &theirs {
        match kind.as_str() {
            "iam_role" => role_agrees(&form(&state, kind, logical), wanted),
            "log_group" => log_group_agrees(&form(&state, kind, logical), wanted, logical),
            "lambda_function" => function_agrees(&form(&state, kind, logical), wanted),
            "rest_api" => api_agrees(&app, &state, &form(&state, kind, logical), wanted),
            "websocket_api" => connected::websocket_agrees(&state, wanted),
            "domain_name" => connected::domain_agrees(&state, logical, wanted),
            _ => connected::event_agrees(&state, kind, logical, wanted),
        }
    }
}

/// The form of a resource, its references shown.
fn form(state: &DesiredState, kind: &str, name: &str) -> Value {
    shown(&state.resources[&ResourceId::new(Kind::named(kind), name)].spec)
}

/// Types and names of the entries of Chalice's file once all of `state` is there.
fn in_chalices_file(state: &DesiredState) -> Vec<(String, String)> {
    let records = state.resources.values().map(connected::recorded).collect();
    let deployed = grail_state::chalice::project(&records, &connected::wires(), &[]);
    let entries = deployed.entries.into_iter();
    entries.map(|entry| (entry.resource_type, entry.name)).collect()
}

fn role_agrees(spec: &Value, wanted: &Value) {
    let name = wanted["name"].as_str().unwrap();
    assert_eq!(spec["name"], wanted["name"]);
    assert!(same_meaning(&spec["trust"], &wanted["trust"]));
    let policies = spec["policies"].as_object().unwrap();
    assert_eq!(
        policies.keys().collect::<Vec<_>>(),
        [name],
        "one inline policy, named like the role"
    );
    assert!(
        same_meaning(&policies[name], &wanted["policy"]),
        "{} against {}",
        policies[name],
        wanted["policy"]
    );
}

fn log_group_agrees(spec: &Value, wanted: &Value, logical: &str) {
    assert_eq!(spec["retention_days"], wanted["retention_days"]);
    if logical == "api_handler-log-group" {
        // Chalice names a group that nothing writes to.
        assert_eq!(
            format!("{}-api_handler", spec["name"].as_str().unwrap()),
            wanted["name"].as_str().unwrap()
        );
    } else {
        assert_eq!(spec["name"], wanted["name"]);
    }
}

fn function_agrees(spec: &Value, wanted: &Value) {
    let plain = [
        "name",
        "handler",
        "runtime",
        "memory",
        "timeout",
        "environment",
        "tags",
        "architecture",
        "layers",
        "reserved_concurrency",
    ];
    for field in plain {
        assert_eq!(spec[field], wanted[field], "{field} of {}", wanted["name"]);
    }
    assert_eq!(
        spec["tracing"],
        if wanted["xray"] == true {
            "active"
        } else {
            "pass_through"
        }
    );
    let role = wanted["role"].as_str().unwrap();
    let given = role.starts_with("arn:");
    let reference = if given {
        role.to_owned()
    } else {
        format!("iam_role.{role}/arn")
    };
    assert_eq!(spec["role"], json!(reference));
    let vpc = &wanted["vpc"];
    let none = vpc[0] == json!([]);
    assert_eq!(
        spec["vpc"],
        if none {
            Value::Null
        } else {
            json!({"subnet_ids": vpc[0], "security_group_ids": vpc[1]})
        }
    );
    assert_eq!(
        spec["code"],
        json!({"content": "c0", "artifact": "a0", "size": 7})
    );
}

fn api_agrees(app: &App, state: &DesiredState, spec: &Value, wanted: &Value) {
    assert_eq!(spec["name"], wanted["swagger"]["info"]["title"]);
    assert_eq!(spec["endpoint_type"], wanted["endpoint_type"]);
    let compression = spec["minimum_compression"]
        .as_u64()
        .map(|size| size.to_string())
        .unwrap_or_default();
    assert_eq!(json!(compression), wanted["minimum_compression"]);
    let wanted_document = translated(&wanted["swagger"]);
    let settings = openapi::Settings {
        policy: spec["definition"].get("x-amazon-apigateway-policy").cloned(),
        vpc_endpoints: spec["definition"]
            .pointer("/servers/0/x-amazon-apigateway-endpoint-configuration/vpcEndpointIds")
            .map(|ids| serde_json::from_value(ids.clone()).unwrap())
            .unwrap_or_default(),
        ..openapi::Settings::default()
    };
    assert_eq!(
        spec["definition"].get("x-amazon-apigateway-minimum-compression-size"),
        spec.get("minimum_compression").filter(|size| !size.is_null()),
    );
    let document = openapi::document(app, &settings, &address);
    assert_eq!(document, wanted_document);
    let stage = shown(&state.resources[&ResourceId::new(API_STAGE, names::REST_API)].spec);
    assert_eq!(stage["stage"], wanted["stage"]);
    assert_eq!(stage["tracing"], wanted["xray"]);
}

#[tokio::test]
async fn the_rest_example_agrees_with_chalice() {
    agrees_with_chalice("examples/rest-api", "dev").await;
}

#[tokio::test]
async fn a_plain_rest_api_agrees_with_chalice() {
    agrees_with_chalice("rest", "dev").await;
}

#[tokio::test]
async fn authorizers_and_cors_agree_with_chalice() {
    agrees_with_chalice("authorizers", "dev").await;
}

#[tokio::test]
async fn plain_functions_agree_with_chalice() {
    agrees_with_chalice("functions", "dev").await;
}

#[tokio::test]
async fn blueprints_with_roles_of_their_own_agree_with_chalice() {
    agrees_with_chalice("blueprints", "prod").await;
}

#[tokio::test]
async fn a_private_api_agrees_with_chalice() {
    agrees_with_chalice("private", "dev").await;
    agrees_with_chalice("private", "one").await;
}

#[tokio::test]
async fn an_api_with_a_policy_file_agrees_with_chalice() {
    agrees_with_chalice("policyfile", "dev").await;
}

#[tokio::test]
async fn event_sources_agree_with_chalice() {
    agrees_with_chalice("events", "dev").await;
    agrees_with_chalice("events", "own").await;
}

#[tokio::test]
async fn websockets_and_domains_agree_with_chalice() {
    agrees_with_chalice("sockets", "dev").await;
    agrees_with_chalice("sockets", "regional").await;
}

#[tokio::test]
async fn edges_say_what_is_needed_and_the_stage_comes_last() {
    let (_, state) = lowered("authorizers", "dev", "python3.12").await;
    let needs = |kind: Kind, name: &str| {
        let one = &state.resources[&ResourceId::new(kind, name)];
        one.depends_on()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(needs(ROLE, "default-role"), [""; 0]);
    assert_eq!(needs(FUNCTION, "door"), ["iam_role.default-role"]);
    let functions = [
        "lambda_function.api_handler",
        "lambda_function.door",
        "lambda_function.renamed",
    ];
    assert_eq!(needs(REST_API, names::REST_API), functions);
    assert_eq!(
        needs(PERMISSION, "door/rest_api"),
        ["lambda_function.door", "rest_api.rest_api"]
    );
    let everything: Vec<_> = functions
        .into_iter()
        .chain([
            "lambda_permission.api_handler/rest_api",
            "lambda_permission.door/rest_api",
        ])
        .chain(["lambda_permission.renamed/rest_api", "rest_api.rest_api"])
        .collect();
    assert_eq!(needs(API_STAGE, names::REST_API), everything);
    let permission = shown(&state.resources[&ResourceId::new(PERMISSION, "door/rest_api")].spec);
    assert_eq!(
        permission,
        json!({"function": "lambda_function.door/name", "principal": "apigateway.amazonaws.com",
            "source_account": null, "source_arn": "rest_api.rest_api/execution_arn/*"})
    );
    let origins: Vec<_> = state
        .resources
        .values()
        .filter_map(|one| one.origin.as_deref())
        .collect();
    assert!(origins.contains(&"app.py:20"), "{origins:?}");
}

#[tokio::test]
async fn the_document_calls_functions_by_reference() {
    let (_, state) = lowered("authorizers", "dev", "python3.12").await;
    let definition =
        shown(&state.resources[&ResourceId::new(REST_API, names::REST_API)].spec)["definition"].clone();
    let uri = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/lambda_function.api_handler/arn/invocations";
    assert_eq!(
        definition["paths"]["/iam"]["get"]["x-amazon-apigateway-integration"]["uri"],
        uri
    );
    let door = &definition["components"]["securitySchemes"]["door"]["x-amazon-apigateway-authorizer"];
    assert_eq!(door["authorizerUri"], uri.replace("api_handler", "door"));
}

#[tokio::test]
async fn a_missing_policy_file_is_told_once_with_the_setting_that_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let text = "{\"app_name\": \"a\",\n \"autogen_policy\": false}";
    std::fs::create_dir(folder.path().join(".chalice")).unwrap();
    std::fs::write(folder.path().join(".chalice/config.json"), text).unwrap();
    let app = "from chalice import Chalice\napp = Chalice(app_name='a')\n\n@app.lambda_function()\ndef f(e, c): pass\n\n@app.lambda_function()\ndef g(e, c): pass\n";
    std::fs::write(folder.path().join("app.py"), app).unwrap();
    let (app, config) = imported(folder.path(), "dev").await;
    let problems = lower(&app, &config, folder.path(), &account(), &package("python3.12")).unwrap_err();
    assert_eq!(problems.0.len(), 1);
    assert!(
        problems.0[0]
            .message
            .starts_with("the policy file `.chalice/policy-dev.json` cannot be read")
    );
    assert_eq!(
        problems.0[0].place.as_ref().unwrap().to_string(),
        ".chalice/config.json:2:20"
    );
}
