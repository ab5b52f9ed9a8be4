use std::path::PathBuf;

use grail_providers::policy::same_meaning;

use super::*;
use crate::source::chalice::app::Analysis;
use crate::source::chalice::diagnostic::Severity;
use crate::source::chalice::probe::SCRIPT;
use crate::source::chalice::test_python::{run_json, stage_of, testdata};

fn sources() -> Vec<(String, String)> {
    let folder = testdata().join("policy");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let name = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    files
        .iter()
        .map(|path| (name(path), std::fs::read_to_string(path).unwrap()))
        .collect()
}

/// Analyses each source twice: as the probe does, and with Chalice's own `policy_from_source_code`.
fn analysed() -> Vec<(String, Analysis, Option<Value>)> {
    let script = r#"
import contextlib, json, os, sys, tempfile
asked = json.load(sys.stdin)
probe = {"__name__": "probe"}
exec(compile(asked["probe"], "probe.py", "exec"), probe)
import chalice
from chalice.policy import policy_from_source_code
answers = []
for name, source in asked["sources"]:
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file, contextlib.redirect_stdout(sys.stderr):
        file.write(source)
        file.flush()
        ours = probe["analyse"](file.name, os.path.dirname(chalice.__file__))
        try:
            theirs = policy_from_source_code(source)
        except KeyError:
            theirs = None
    answers.append([name, ours, theirs])
json.dump(answers, sys.stdout)
"#;
    let answers = run_json(script, &json!({"probe": SCRIPT, "sources": sources()}));
    serde_json::from_value(answers).unwrap()
}

fn statements(found: &Analysis) -> Value {
    document(found.statements.iter().map(of_service).collect())
}

#[test]
fn the_analysis_agrees_with_policy_from_source_code() {
    let analysed = analysed();
    assert!(analysed.len() >= 20);
    for (name, ours, theirs) in &analysed {
        let crashes = name.starts_with("crash");
        assert_eq!(
            theirs.is_none(),
            crashes,
            "{name}: does Chalice's analyser still crash here?"
        );
        assert_eq!(ours.crash.is_some(), crashes, "{name}: {ours:?}");
        let Some(theirs) = theirs else { continue };
        assert!(
            same_meaning(&statements(ours), theirs),
            "{name}: {ours:?} against {theirs}"
        );
    }
    let grants = |name: &str| {
        let found = analysed.iter().find(|(one, ..)| one == name).unwrap();
        found
            .1
            .statements
            .iter()
            .map(|one| one.actions.len())
            .sum::<usize>()
    };
    // The corpus would show little if it found nothing.
    assert_eq!(
        (
            grants("17_odd_names"),
            grants("10_every_decorator"),
            grants("15_no_boto")
        ),
        (7, 6, 0)
    );
}

/// Both tools grant the same, so what is lacking is told and not granted.
#[test]
fn calls_under_decorators_that_the_analyser_overlooks_are_told() {
    let analysed = analysed();
    let overlooked = |name: &str| {
        let found = analysed.iter().find(|(one, ..)| one == name).unwrap();
        found.1.overlooked.clone()
    };
    let expected = json!([{"service": "iam", "actions": ["iam:ListRoles", "iam:ListUsers"]}]);
    assert_eq!(json!(overlooked("10_every_decorator")), expected);
    assert_eq!(overlooked("02_client_in_view"), []);
    let mut app = app(json!({"unsupported": [], "crash": null, "statements": []}));
    app.policy.overlooked = overlooked("10_every_decorator");
    let told = doubts(&app);
    assert!(
        told[0].message.contains("iam:ListRoles, iam:ListUsers") && told[0].severity == Severity::Warning
    );
}

/// Method names of every operation in Chalice's table against botocore's own. Operations that botocore has dropped have no
/// method any more; an app cannot call them, so granting them or not is all the same.
#[test]
fn every_method_name_of_the_table_is_botocores() {
    let script = r#"
import json, os, sys
asked = json.load(sys.stdin)
probe = {"__name__": "probe"}
exec(compile(asked, "probe.py", "exec"), probe)
import botocore.session, chalice
table = json.load(open(os.path.join(os.path.dirname(chalice.__file__), "policies.json")))
session = botocore.session.get_session()
known = set(session.get_available_services())
compared, wrong, dropped = 0, [], {}
for service in table:
    if service not in known:
        dropped[service] = len(table[service])
        continue
    methods = session.create_client(service).meta.method_to_api_mapping
    theirs = {operation: method for method, operation in methods.items()}
    for operation in table[service]:
        if operation not in theirs:
            dropped[service] = dropped.get(service, 0) + 1
        elif theirs[operation] != probe["method_name"](operation):
            wrong.append([service, operation])
        else:
            compared += 1
json.dump({"compared": compared, "wrong": wrong, "dropped": dropped, "services": sorted(table)}, sys.stdout)
"#;
    let answer = run_json(script, &json!(SCRIPT));
    assert_eq!(answer["wrong"], json!([]));
    assert!(answer["compared"].as_u64().unwrap() > 5_000, "{answer}");
    // 20 services are gone from botocore as a whole, two have lost operations.
    assert_eq!(
        answer["dropped"].as_object().unwrap().len(),
        22,
        "{}",
        answer["dropped"]
    );

    let services: Vec<String> = serde_json::from_value(answer["services"].clone()).unwrap();
    let ids: std::collections::BTreeSet<_> = services.iter().map(|service| statement_id(service)).collect();
    assert_eq!(ids.len(), services.len(), "two services share a statement id");
    assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_alphanumeric())));
}

fn app(policy: Value) -> App {
    let mut app = crate::source::chalice::test_python::empty_app();
    app.policy = serde_json::from_value(policy).unwrap();
    app
}

fn actions(document: &Value) -> Vec<String> {
    let statements = document["Statement"].as_array().unwrap();
    statements
        .iter()
        .map(|statement| statement["Action"][0].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn generated_statements_come_in_chalices_order() {
    let app = app(json!({"unsupported": [], "crash": null, "statements": [
        {"service": "acm-pca", "actions": ["acm-pca:X"]}, {"service": "s3", "actions": ["s3:Y", "s3:Y"]}]}));
    let config =
        stage_of(r#"{"app_name": "a", "xray": true, "subnet_ids": ["s"], "security_group_ids": ["g"]}"#);
    let document = generated(&app, &config, &[config.function("f")]);
    let expected = [
        "acm-pca:X",
        "s3:Y",
        "logs:CreateLogGroup",
        "ec2:CreateNetworkInterface",
        "xray:PutTraceSegments",
    ];
    assert_eq!(actions(&document), expected);
    assert_eq!(document["Statement"][0]["Sid"], "AcmPca");
    assert_eq!(
        document,
        generated(&app, &config, &[]),
        "the same app gives the same document"
    );
}

#[test]
fn a_function_in_a_vpc_gives_the_statement_even_where_the_api_has_none() {
    let app = app(json!({"unsupported": [], "crash": null, "statements": []}));
    let config = stage_of(
        r#"{"app_name": "a", "stages": {"dev": {"lambda_functions": {"f":
            {"subnet_ids": ["s"], "security_group_ids": ["g"], "xray": true}}}}}"#,
    );
    assert_eq!(actions(&generated(&app, &config, &[])), ["logs:CreateLogGroup"]);
    let with_f = generated(&app, &config, &[config.function("f")]);
    assert_eq!(
        actions(&with_f),
        ["logs:CreateLogGroup", "ec2:CreateNetworkInterface"]
    );
}

#[test]
fn an_analyser_that_crashes_is_a_warning() {
    let app = app(json!({"unsupported": ["bedrock-runtime"], "crash": "KeyError: 'x'", "statements": []}));
    let told = doubts(&app);
    assert!(
        told.iter()
            .all(|problem| problem.severity == Severity::Warning && problem.hint.is_some())
    );
    assert!(told[0].message.contains("KeyError: 'x'") && told[1].message.contains("`bedrock-runtime`"));
}

#[test]
fn policy_files_are_read_and_what_is_wrong_with_them_is_placed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(folder.path().join("p.json"), text).unwrap();
    let read = || {
        from_file(
            folder.path(),
            Path::new("p.json"),
            Some(Place::point("config.json", 3, 4)),
        )
    };
    let missing = read().unwrap_err();
    assert_eq!(
        (
            missing.0[0].code,
            missing.0[0].place.as_ref().unwrap().to_string().as_str()
        ),
        ("policy::unreadable", "config.json:3:4")
    );
    write("{\"Statement\": [],\n}");
    let broken = read().unwrap_err();
    assert_eq!(
        (
            broken.0[0].code,
            broken.0[0].place.as_ref().unwrap().to_string().as_str()
        ),
        ("policy::broken-json", "p.json:2:1")
    );
    write("{}");
    assert_eq!(read().unwrap_err().0[0].code, "policy::no-policy");
    write("{\"Statement\": []}");
    assert_eq!(read().unwrap(), json!({"Statement": []}));
}

fn source(decorator: &str, name: &str) -> Value {
    json!({"decorator": decorator, "name": name, "handler": "app.f", "place": null})
}

/// Which services Lambda may poll, and whether the functions may answer over the connections, by the first action.
#[test]
fn the_first_source_of_each_service_whose_function_shares_the_role_adds_a_statement() {
    let mut app = app(json!({"unsupported": [], "crash": null, "statements": []}));
    let sources = json!([
        source("on_dynamodb_record", "d"),
        source("on_sqs_message", "one"),
        source("on_s3_event", "s"),
        source("on_kinesis_record", "k"),
        source("on_sqs_message", "two"),
        source("on_dynamodb_record", "e")
    ]);
    app.event_sources = serde_json::from_value(sources).unwrap();
    let config = stage_of(r#"{"app_name": "a"}"#);
    let of = |names: &[&str]| {
        let sharing: Vec<_> = names.iter().map(|name| config.function(name)).collect();
        actions(&generated(&app, &config, &sharing))[1..].to_vec()
    };
    let all = [
        "dynamodb:DescribeStream",
        "sqs:ReceiveMessage",
        "kinesis:GetRecords",
    ];
    assert_eq!(of(&["d", "one", "s", "k", "two", "e"]), all);
    assert_eq!(of(&["two", "s"]), ["sqs:ReceiveMessage"]);
    assert_eq!(of(&["s"]), [""; 0]);
}

/// Chalice asks only the first handler in its order, and forgets the statement where that one has another role.
#[test]
fn a_websocket_handler_may_answer_whatever_role_the_others_have() {
    let mut app = app(json!({"unsupported": [], "crash": null, "statements": []}));
    let handler = |key: &str| json!({"route_key": key, "decorator": "on_ws", "name": "n", "handler": "app.n", "place": null});
    app.websocket_handlers =
        serde_json::from_value(json!([handler("$default"), handler("$connect")])).unwrap();
    let config = stage_of(r#"{"app_name": "a"}"#);
    let of = |name: &str| actions(&generated(&app, &config, &[config.function(name)]))[1..].to_vec();
    assert_eq!(of("websocket_connect"), ["execute-api:ManageConnections"]);
    assert_eq!(of("websocket_message"), ["execute-api:ManageConnections"]);
    assert_eq!(of("websocket_disconnect"), [""; 0], "no such handler");
}
