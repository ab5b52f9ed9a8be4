use serde_json::{Value, json};

use super::*;
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
    let policy = folder.path().join(".chalice/policy-dev.json");
    std::fs::create_dir(policy.parent().unwrap()).unwrap();
    std::fs::write(policy, r#"{"Statement": []}"#).unwrap();
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
    let app = app(json!({"authorizers": [authorizer], "functions": [function("g", 4), function("f", 5)]}));
    assert_eq!(told(&app, PLAIN), ["function::duplicate app.py:5"]);
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

fn websocket(route_key: &str) -> Value {
    json!({"route_key": route_key, "decorator": "on_ws", "name": "m", "handler": "app.m",
        "place": {"file": "app.py", "line": 4}})
}

#[test]
fn a_websocket_handler_of_a_blueprint_is_not_wrapped() {
    let mut raw = websocket("$default");
    raw["handler"] = json!("chalicelib.chat.said");
    let app = app(json!({"websocket_handlers": [raw, websocket("$connect")]}));
    assert_eq!(told(&app, PLAIN), ["(websocket::raw app.py:4)"]);
}

#[test]
fn an_event_source_of_an_unknown_class_is_refused() {
    let of = |decorator| app(json!({"event_sources": [event(decorator, "f", json!({}))]}));
    assert_eq!(told(&of("MyEventConfig"), PLAIN), ["event::unknown app.py:9"]);
    assert_eq!(told(&of("on_cw_event"), PLAIN), [""; 0]);
}

#[test]
fn function_named_api_handler_is_refused_beside_a_rest_api_only() {
    let alone = json!({"functions": [function("api_handler", 6)]});
    assert_eq!(told(&app(alone), PLAIN), [""; 0]);
    let beside = json!({"routes": [route("/", "GET", 3)], "functions": [function("api_handler", 6)]});
    assert_eq!(told(&app(beside), PLAIN), ["function::reserved app.py:6"]);
}

/// Two entries of one name in Chalice's file: the later hides the earlier, which is then orphaned.
#[test]
fn names_that_chalice_gives_by_itself_are_taken() {
    let domain = r#"{"domain_name": "d", "certificate_arn": "c"}"#;
    let config = format!(
        r#"{{"app_name": "a", "automatic_layer": false, "api_gateway_custom_domain": {domain},
            "websocket_api_custom_domain": {{"domain_name": "e", "certificate_arn": "c"}},
            "lambda_functions": {{"g": {{"autogen_policy": false, "log_retention_in_days": 1}}}}}}"#
    );
    let taken = [
        "rest_api",
        "api_gateway_custom_domain",
        "websocket_api",
        "websocket_api_custom_domain",
        "websocket_message",
        "default-role",
        "g_role",
        "g-log-group",
        "s-s3event",
        "t-event",
        "k-kinesis-event-source",
    ];
    let free = [
        "websocket_connect",
        "managed-layer",
        "f-log-group",
        "f_role",
        "t-s3event",
    ];
    let refused = |name: &str| {
        let app = app(json!({
            "routes": [route("/", "GET", 3)],
            "websocket_handlers": [websocket("$default")],
            "functions": [function("g", 5), function(name, 6)],
            "event_sources": [
                event("on_s3_event", "s", json!({})),
                event("schedule", "t", json!({})),
                event("on_kinesis_record", "k", json!({})),
            ],
        }));
        let told = told(&app, &config);
        assert!(
            told.len() < 2 && told.iter().all(|one| one == "function::reserved app.py:6"),
            "{told:?}"
        );
        !told.is_empty()
    };
    assert_eq!(taken.map(refused), [true; 11]);
    assert_eq!(free.map(refused), [false; 5]);
}

#[test]
fn one_domain_cannot_serve_both_apis() {
    let config = r#"{"app_name": "a", "api_gateway_custom_domain": {"domain_name": "d", "certificate_arn": "c"},
        "websocket_api_custom_domain": {"domain_name": "d", "certificate_arn": "c"}}"#;
    let both = json!({"routes": [route("/", "GET", 3)], "websocket_handlers": [websocket("$default")]});
    assert_eq!(
        told(&app(both), config),
        ["config::domain .chalice/config.json:2:40"]
    );
    assert_eq!(told(&routes(&[route("/", "GET", 3)]), config), [""; 0]);
}

#[test]
fn the_name_of_a_rule_is_longer_than_that_of_its_function() {
    let name = "n".repeat(56);
    let of = |decorator| app(json!({"event_sources": [event(decorator, &name, json!({}))]}));
    assert_eq!(told(&of("schedule"), PLAIN), ["function::long-name app.py:9"]);
    assert_eq!(told(&of("on_sns_message"), PLAIN), [""; 0]);
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

#[test]
fn a_domain_of_an_api_that_the_app_lacks_stops_nobody() {
    let config = r#"{"app_name": "a",
 "api_gateway_custom_domain": {"domain_name": "d"},
 "websocket_api_custom_domain": {"domain_name": "e", "certificate_arn": "c", "tls_version": "TLS_1_0",
  "url_prefix": "a/b"}}"#;
    let (rest, socket) = (
        "config::domain .chalice/config.json:2:31",
        "config::domain .chalice/config.json:4:17",
    );
    assert_eq!(
        told(&routes(&[route("/", "GET", 1)]), config),
        [rest.to_owned(), format!("({socket})")]
    );
    assert_eq!(
        told(&app(json!({})), config),
        [format!("({rest})"), format!("({socket})")]
    );
}

#[test]
fn policy_files_are_read_before_anything_is_built() {
    let own = r#"{"app_name": "a", "autogen_policy": false, "iam_policy_file": "mine.json", "api_gateway_policy_file": "api.json"}"#;
    let unreadable = told(&routes(&[route("/", "GET", 1)]), own);
    assert_eq!(
        unreadable,
        [
            "policy::unreadable .chalice/config.json:1:63",
            "policy::unreadable .chalice/config.json:1:103"
        ]
    );
    // Without a route nobody asks for them.
    assert_eq!(told(&app(json!({})), own), [""; 0]);
}
