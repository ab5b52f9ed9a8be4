//! Defects of Chalice 1.34.0 that are not copied. Each test is named after its defect; what else is decided about defects
//! stands in ARCHITECTURE.md.

use grail_tests::documents;
use grail_tests::project::Project;
use grail_tests::runtime::block_on;
use serde_json::{Value, json};

use crate::ground::Ground;

/// A project with these lines after the making of the app.
fn project(lines: &str) -> Project {
    let project = Project::empty();
    let head = "from chalice import Chalice\n\napp = Chalice(app_name='mended')\n\n\n";
    project.write("app.py", &format!("{head}{lines}"));
    let config = json!({"version": "2.0", "app_name": "mended", "stages": {"dev": {}}});
    project.write(".chalice/config.json", &config.to_string());
    project
}

const WORK: &str = "@app.lambda_function(name='work')\ndef first(event, context):\n    return 1\n";

/// The configuration of a function in the account.
fn function(
    ground: &Ground,
    name: &str,
) -> grail_tests::account::sdk::lambda::operation::get_function_configuration::GetFunctionConfigurationOutput
{
    let lambda = ground.account.lambda();
    block_on(lambda.get_function_configuration().function_name(name).send()).unwrap()
}

/// Chalice never sends a changed `Handler`, so that the function fails to import what is gone.
#[test]
fn handler_updates() {
    let ground = Ground::new(project(WORK));
    ground.deploy();
    assert_eq!(function(&ground, "mended-dev-work").handler(), Some("app.first"));
    ground.project.edit("app.py", "def first", "def second");
    ground.deploy();
    assert_eq!(function(&ground, "mended-dev-work").handler(), Some("app.second"));
    ground.assert_at_rest();
}

/// Chalice sends the tracing mode only where it is on.
#[test]
fn xray_off() {
    let ground = Ground::new(project(WORK));
    let traced = |ground: &Ground| {
        let function = function(ground, "mended-dev-work");
        function
            .tracing_config()
            .and_then(|tracing| tracing.mode())
            .map(|mode| mode.as_str().to_owned())
    };
    ground.project.configure(|config| config["xray"] = json!(true));
    ground.deploy();
    assert_eq!(traced(&ground).as_deref(), Some("Active"));
    ground.project.configure(|config| config["xray"] = json!(false));
    ground.deploy();
    assert_eq!(traced(&ground).as_deref(), Some("PassThrough"));
    ground.assert_at_rest();
}

/// Chalice sets the retention of a group that nothing writes to.
#[test]
fn api_handler_log_group() {
    let ground = Ground::new(project("@app.route('/')\ndef index():\n    return {}\n"));
    ground
        .project
        .configure(|config| config["log_retention_in_days"] = json!(7));
    ground.deploy();
    let logs = ground.account.logs();
    let groups = block_on(logs.describe_log_groups().send()).unwrap();
    let kept: Vec<_> = groups
        .log_groups()
        .iter()
        .map(|group| {
            (
                group.log_group_name().unwrap_or_default(),
                group.retention_in_days(),
            )
        })
        .collect();
    assert_eq!(kept, [("/aws/lambda/mended-dev", Some(7))]);
    let recorded = ground.project.recorded("dev", "api_handler-log-group");
    assert_eq!(recorded["log_group_name"], "/aws/lambda/mended-dev");
}

/// Chalice dies with a KeyError after it has made the API.
#[test]
fn blueprint_authorizer_with_name_prefix() {
    let ground = Ground::new(project(
        "from chalicelib.doors import doors\n\napp.register_blueprint(doors, name_prefix='front_')\n",
    ));
    ground.project.write("chalicelib/__init__.py", "");
    let doors = "from chalice import Blueprint\n\ndoors = Blueprint(__name__)\n\n\n\
                 @doors.authorizer()\ndef door(request):\n    pass\n\n\n\
                 @doors.route('/', authorizer=door)\ndef hall():\n    return {}\n";
    ground.project.write("chalicelib/doors.py", doors);
    let calls = ground.deploy();
    assert_eq!(
        function(&ground, "mended-dev-front_door").handler(),
        Some("chalicelib.doors.door")
    );
    let sent = documents::defined(&calls)
        .values()
        .map(documents::ApiDocument::to_json)
        .collect::<Value>();
    assert!(
        sent.to_string()
            .contains(":function:mended-dev-front_door/invocations"),
        "{sent:#}"
    );
    ground.assert_at_rest();
    ground.run(&["delete"]).expect_success();
}

/// Chalice's sweep dies with a KeyError on any entry whose name holds these words.
#[test]
fn names_with_api_mapping() {
    let lines = "@app.lambda_function()\ndef my_api_mapping(event, context):\n    return 1\n\n\n";
    let ground = Ground::new(project(&format!("{lines}{WORK}")));
    ground.deploy();
    ground.project.edit("app.py", lines, "");
    ground.deploy();
    assert_eq!(ground.world().names()["functions"], ["mended-dev-work"]);
    ground.run(&["delete"]).expect_success();
}

/// Where nothing else is called that, Chalice and grail deploy it; beside a REST API Chalice loses one of the two.
#[test]
fn function_named_api_handler() {
    let lines = "@app.lambda_function()\ndef api_handler(event, context):\n    return 1\n";
    let ground = Ground::new(project(lines));
    ground.deploy();
    assert_eq!(ground.world().names()["functions"], ["mended-dev-api_handler"]);
    ground.project.edit(
        "app.py",
        lines,
        &format!("{lines}\n\n@app.route('/')\ndef index():\n    return {{}}\n"),
    );
    let refused = ground.run(&["deploy"]).expect_code(1);
    let told = "`api_handler` is the name of the function behind the REST API";
    assert!(
        refused.stderr.contains(told) && refused.stderr.contains("app.py:6"),
        "{refused}"
    );
}

/// Chalice stops at the first thing that somebody else has removed, at every further try.
#[test]
fn delete_with_parts_already_gone() {
    let ground = Ground::new(project(&format!(
        "{WORK}\n\n@app.route('/')\ndef index():\n    return {{}}\n"
    )));
    ground
        .project
        .configure(|config| config["log_retention_in_days"] = json!(7));
    ground.deploy();
    let (lambda, gateway, logs) = (
        ground.account.lambda(),
        ground.account.apigateway(),
        ground.account.logs(),
    );
    block_on(lambda.delete_function().function_name("mended-dev-work").send()).unwrap();
    let api = ground.project.recorded("dev", "rest_api")["rest_api_id"]
        .as_str()
        .unwrap()
        .to_owned();
    block_on(gateway.delete_rest_api().rest_api_id(api).send()).unwrap();
    block_on(
        logs.delete_log_group()
            .log_group_name("/aws/lambda/mended-dev")
            .send(),
    )
    .unwrap();
    ground.run(&["delete"]).expect_success();
    let left = ground.world();
    assert_eq!(
        (left.names()["functions"].len(), left.names()["roles"].len()),
        (0, 0)
    );
    assert_eq!(ground.project.deployed("dev")["resources"], json!([]));
}
