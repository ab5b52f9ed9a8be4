use serde_json::{Value, json};

use super::*;
use crate::source::chalice::diagnostic::Severity;
use crate::source::chalice::test_python::{empty_app, stage_of};

fn route(path: &str, method: &str, line: usize) -> Value {
    json!({"path": path, "method": method, "view_name": format!("view{line}"), "view_args": [],
        "api_key_required": false, "content_types": ["application/json"], "doc": [], "cors": null, "authorizer": null,
        "place": {"file": "app.py", "line": line}})
}

fn function(name: &str, line: usize) -> Value {
    json!({"name": name, "handler": format!("app.{name}"), "place": {"file": "app.py", "line": line}})
}

fn event(decorator: &str, name: &str, details: Value) -> Value {
    let mut event = function(name, 9);
    event["decorator"] = json!(decorator);
    event
        .as_object_mut()
        .unwrap()
        .extend(details.as_object().unwrap().clone());
    event
}

/// The empty app with some of its lists replaced.
fn app(parts: Value) -> App {
    let mut app = serde_json::to_value(empty_app()).unwrap();
    app.as_object_mut()
        .unwrap()
        .extend(parts.as_object().unwrap().clone());
    serde_json::from_value(app).unwrap()
}

/// What is told, as `code place`, warnings in brackets.
fn told(app: &App, config: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let problems = match validate(app, &stage_of(config), (3, 12), folder.path()) {
        Ok(warnings) => warnings,
        Err(problems) => problems.0,
    };
    let one = |problem: &Problem| {
        let place = problem
            .place
            .as_ref()
            .map(|place| format!(" {place}"))
            .unwrap_or_default();
        match problem.severity {
            Severity::Error => format!("{}{place}", problem.code),
            Severity::Warning => format!("({}{place})", problem.code),
        }
    };
    problems.iter().map(one).collect()
}

const PLAIN: &str = r#"{"app_name": "a"}"#;

fn routes(routes: &[Value]) -> App {
    app(json!({"routes": routes}))
}

fn cors(origin: &str) -> Value {
    json!({"allow_origin": origin, "response_headers": [["Access-Control-Allow-Origin", origin], ["B", "c"]]})
}

#[test]
fn an_app_in_order_has_no_problem() {
    let app = app(
        json!({"routes": [route("/", "GET", 3), route("/a/{b}", "POST", 4)], "functions": [function("f", 5)]}),
    );
    assert_eq!(told(&app, PLAIN), [""; 0]);
}

#[test]
fn routes_need_a_path_without_a_slash_at_the_end() {
    let app = routes(&[route("", "GET", 1), route("/a/", "GET", 2), route("/", "GET", 3)]);
    assert_eq!(
        told(&app, PLAIN),
        ["route::empty app.py:1", "route::slash app.py:2"]
    );
}

#[test]
fn cors_excludes_a_view_for_options() {
    let mut with = route("/a", "GET", 1);
    with["cors"] = cors("*");
    assert_eq!(
        told(&routes(&[with.clone(), route("/a", "OPTIONS", 2)]), PLAIN),
        ["route::options app.py:2"]
    );
    assert_eq!(told(&routes(&[with, route("/b", "OPTIONS", 2)]), PLAIN), [""; 0]);
}

#[test]
fn cors_settings_of_a_path_must_be_equal() {
    let mut views = [
        route("/a", "GET", 1),
        route("/a", "PUT", 2),
        route("/a", "POST", 3),
    ];
    views[0]["cors"] = cors("*");
    views[2]["cors"] = cors("*");
    views[2]["cors"]["response_headers"]
        .as_array_mut()
        .unwrap()
        .reverse();
    assert_eq!(
        told(&routes(&views), PLAIN),
        [""; 0],
        "a view without CORS and another order of headers are fine"
    );
    views[2]["cors"] = cors("https://x");
    assert_eq!(told(&routes(&views), PLAIN), ["route::cors app.py:3"]);
}

#[test]
fn content_types_are_all_binary_or_none() {
    let mut view = route("/a", "GET", 1);
    view["content_types"] = json!(["image/png", "application/json"]);
    assert_eq!(
        told(&routes(&[view.clone()]), PLAIN),
        ["route::content-types app.py:1"]
    );
    view["content_types"] = json!(["image/png"]);
    assert_eq!(told(&routes(&[view]), PLAIN), [""; 0]);
}

#[test]
fn a_method_that_does_not_exist_is_doubted() {
    assert_eq!(
        told(&routes(&[route("/a", "get", 1)]), PLAIN),
        ["(route::method app.py:1)"]
    );
}

#[test]
fn an_authorizer_must_be_registered() {
    let mut view = route("/a", "GET", 1);
    view["authorizer"] =
        json!({"kind": "builtin", "name": "x", "scopes": [], "function": null, "security_scheme": null});
    assert_eq!(
        told(&routes(&[view]), PLAIN),
        ["authorizer::unregistered app.py:1"]
    );
}

#[test]
fn a_role_that_is_not_managed_needs_an_arn() {
    let app = app(json!({"functions": [function("f", 1)]}));
    assert_eq!(
        told(&app, r#"{"app_name": "a", "manage_iam_role": false}"#),
        ["config::no-role .chalice/config.json:1:38"]
    );
    assert_eq!(
        told(
            &app,
            r#"{"app_name": "a", "manage_iam_role": false, "iam_role_arn": "arn:x"}"#
        ),
        [""; 0]
    );
    let one = "{\"app_name\": \"a\",\n \"lambda_functions\": {\"f\": {\"manage_iam_role\": false}}}";
    assert_eq!(told(&app, one), ["config::no-role .chalice/config.json:2:48"]);
}

#[test]
fn another_python_than_lambdas_is_doubted() {
    let config = stage_of(PLAIN);
    let warnings = validate(&app(json!({})), &config, (3, 9), Path::new("/")).unwrap();
    assert_eq!(
        warnings[0].message,
        "app.py was imported by python3.9, and the functions will run on python3.10"
    );
    assert!(
        validate(&app(json!({})), &config, (3, 10), Path::new("/"))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn names_are_unique_among_authorizers_events_and_functions() {
    let mut authorizer = function("f", 3);
    authorizer.as_object_mut().unwrap().extend([
        ("ttl_seconds".to_owned(), Value::Null),
        ("execution_role".to_owned(), Value::Null),
        ("header".to_owned(), json!("Authorization")),
    ]);
    let app = app(
        json!({"authorizers": [authorizer], "functions": [function("g", 4), function("f", 5), function("api_handler", 6)]}),
    );
    assert_eq!(
        told(&app, PLAIN),
        ["function::duplicate app.py:5", "function::reserved app.py:6"]
    );
    let folder = tempfile::tempdir().unwrap();
    let problems = validate(&app, &stage_of(PLAIN), (3, 12), folder.path()).unwrap_err();
    assert_eq!(
        problems.0[0].message,
        "two functions are called `f` (first at app.py:3)"
    );
}

#[test]
fn names_must_fit_aws() {
    let long = "x".repeat(60);
    let app =
        app(json!({"functions": [function(&long, 1), function("f", 2)], "routes": [route("/", "GET", 3)]}));
    assert_eq!(told(&app, PLAIN), ["function::long-name app.py:1"]);
    assert_eq!(
        told(&routes(&[route("/", "GET", 3)]), r#"{"app_name": "my shop"}"#),
        ["function::bad-name .chalice/config.json:1:14"]
    );
    // The role of the API's function has a longer name than the function.
    let name = "n".repeat(56);
    let config = format!(r#"{{"app_name": "{name}", "autogen_policy": false}}"#);
    assert_eq!(
        told(&routes(&[route("/", "GET", 3)]), &config),
        ["function::long-name .chalice/config.json:1:14"]
    );
    assert_eq!(
        told(&routes(&[route("/", "GET", 3)]), &config.replace("false", "true")),
        [""; 0]
    );
    let config = r#"{"app_name": "a", "api_gateway_stage": "v 1"}"#;
    assert_eq!(
        told(&routes(&[route("/", "GET", 3)]), config),
        ["config::bad-api-stage .chalice/config.json:1:40"]
    );
}

#[test]
fn experimental_features_need_a_word_in_the_app() {
    let with = |flags: &[&str]| app(json!({"features_used": ["WEBSOCKETS"], "feature_flags": flags}));
    assert_eq!(told(&with(&[]), PLAIN), ["app::experimental app.py"]);
    assert_eq!(told(&with(&["WEBSOCKETS"]), PLAIN), [""; 0]);
}

#[test]
fn endpoint_type_architecture_and_vpc_endpoints_fit_together() {
    let cases = [
        (r#""api_gateway_endpoint_type": "REGIONAL""#, ""),
        (
            r#""api_gateway_endpoint_type": "regional""#,
            "config::endpoint-type .chalice/config.json:1:48",
        ),
        (r#""lambda_architecture": "arm64""#, ""),
        (
            r#""lambda_architecture": "arm""#,
            "config::architecture .chalice/config.json:1:42",
        ),
        (
            r#""api_gateway_endpoint_vpce": "v""#,
            "config::endpoint-vpce .chalice/config.json:1:48",
        ),
        (
            r#""api_gateway_endpoint_type": "PRIVATE", "api_gateway_endpoint_vpce": "v""#,
            "",
        ),
        (
            r#""api_gateway_endpoint_type": "PRIVATE", "api_gateway_policy_file": "p""#,
            "",
        ),
        (
            r#""api_gateway_endpoint_type": "PRIVATE""#,
            "config::private-api .chalice/config.json:1:48",
        ),
        (
            r#""api_gateway_endpoint_type": "PRIVATE", "api_gateway_policy_file": "p", "api_gateway_endpoint_vpce": "v""#,
            "config::private-api .chalice/config.json:1:86",
        ),
        (r#""api_gateway_policy_file": "p""#, ""),
    ];
    for (setting, expected) in cases {
        let config = format!(r#"{{"app_name": "a", {setting}}}"#);
        assert_eq!(told(&app(json!({})), &config).join(" "), expected, "{setting}");
    }
}

#[test]
fn a_vpc_needs_both_lists() {
    let app = app(json!({"functions": [function("f", 1), function("g", 2)]}));
    let config = r#"{"app_name": "a", "security_group_ids": ["g"], "stages": {"dev": {"lambda_functions": {"g": {"subnet_ids": ["s"]}}}}}"#;
    assert_eq!(told(&app, config), ["config::vpc .chalice/config.json:1:41"]);
}

#[test]
fn queues_are_named_or_given_as_arn() {
    let queue = |details: Value| {
        let app = app(json!({"event_sources": [event("on_sqs_message", "f", details)]}));
        told(&app, PLAIN)
            .into_iter()
            .filter(|told| told.starts_with("event::"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        queue(json!({"queue": "https://sqs/q"})),
        ["event::queue app.py:9"]
    );
    assert_eq!(
        queue(json!({"queue": "arn:aws:sqs:q"})),
        ["event::queue app.py:9"]
    );
    assert_eq!(
        queue(json!({"queue": null, "queue_arn": "q"})),
        ["event::queue app.py:9"]
    );
    assert_eq!(queue(json!({"queue": "q"})), [""; 0]);
    assert_eq!(queue(json!({"queue": null, "queue_arn": "arn:q"})), [""; 0]);
}

#[test]
fn what_comes_later_is_refused_by_name() {
    let decorators = [
        "schedule",
        "on_cw_event",
        "on_s3_event",
        "on_sns_message",
        "on_sqs_message",
        "on_kinesis_record",
        "on_dynamodb_record",
    ];
    for decorator in decorators {
        let app = app(json!({"event_sources": [event(decorator, "f", json!({}))]}));
        let folder = tempfile::tempdir().unwrap();
        let problems = validate(&app, &stage_of(PLAIN), (3, 12), folder.path()).unwrap_err();
        assert_eq!(
            problems.0[0].message,
            format!("grail cannot deploy `@app.{decorator}` yet (function `f`)")
        );
        assert_eq!(problems.0[0].place.as_ref().unwrap().to_string(), "app.py:9");
    }
    let websocket = json!({"websocket_handlers": [{"route_key": "$default", "decorator": "on_ws_message", "name": "m",
        "handler": "app.m", "place": {"file": "app.py", "line": 4}}]});
    assert_eq!(told(&app(websocket), PLAIN), ["app::not-yet app.py:4"]);
}

#[test]
fn a_section_for_a_function_that_is_not_there_is_doubted() {
    let app = app(json!({"functions": [function("resize", 1)]}));
    let config = r#"{"app_name": "a", "lambda_functions": {"resise": {}, "api_handler": {}}}"#;
    assert_eq!(
        told(&app, config),
        ["(config::unknown-function .chalice/config.json:1:40)"]
    );
}

#[test]
fn all_problems_come_at_once_and_show_the_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.py"), "one\n@app.route('/a/')\n").unwrap();
    let app = app(
        json!({"routes": [route("/a/", "GET", 2), route("", "GET", 1)], "functions": [function("f", 3), function("f", 4)]}),
    );
    let problems = validate(&app, &stage_of(PLAIN), (3, 12), folder.path()).unwrap_err();
    assert_eq!(problems.errors().count(), 3);
    let drawn = format!("{:?}", miette::Report::new(problems));
    assert!(
        drawn.contains("@app.route('/a/')") && drawn.contains("[app.py:2:1]"),
        "{drawn}"
    );
}
