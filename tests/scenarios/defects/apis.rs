//! REST and WebSocket APIs.

use grail_tests::account::sdk::apigateway::types::{GatewayResponseType, IntegrationType};
use grail_tests::documents;
use grail_tests::runtime::block_on;
use serde_json::{Value, json};

use super::{ROUTE, function, project};
use crate::ground::Ground;

/// The id of the stage's REST API.
fn api(ground: &Ground) -> String {
    let recorded = ground.project.recorded("dev", "rest_api");
    recorded["rest_api_id"].as_str().unwrap().to_owned()
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

/// An authorizer that no route uses broke a deploy of Chalice's (issue 674 of Chalice).
#[test]
fn authorizer_that_no_route_uses() {
    let idle = "@app.authorizer()\ndef idle(request):\n    pass\n\n\n";
    let ground = Ground::new(project(&format!("{idle}{ROUTE}")));
    ground.deploy();
    assert_eq!(
        ground.world().names()["functions"],
        ["mended-dev", "mended-dev-idle"]
    );
    ground.assert_at_rest();
}

/// Chalice leaves a statement in the function's policy for every API that ever called it, until the policy is full (issue 48 of
/// Chalice).
#[test]
fn statements_of_apis_that_are_gone() {
    let ground = Ground::new(project(ROUTE));
    ground.deploy();
    let before = api(&ground);
    let gateway = ground.account.apigateway();
    block_on(gateway.delete_rest_api().rest_api_id(&before).send()).unwrap();
    ground.deploy();
    let now = api(&ground);
    assert_ne!(before, now);
    let policy = ground
        .account
        .lambda()
        .get_policy()
        .function_name("mended-dev")
        .send();
    let policy = block_on(policy).unwrap().policy.unwrap();
    assert!(policy.contains(&now) && !policy.contains(&before), "{policy}");
}

/// Chalice wipes the gateway responses and resources that somebody made in the console (issues 123 and 787 of Chalice).
#[test]
fn parts_of_an_api_that_were_made_by_hand() {
    let ground = Ground::new(project(ROUTE));
    ground.deploy();
    let (id, gateway) = (api(&ground), ground.account.apigateway());
    let answer = gateway
        .put_gateway_response()
        .rest_api_id(&id)
        .response_type(GatewayResponseType::Default4Xx)
        .response_parameters("gatewayresponse.header.Access-Control-Allow-Origin", "'*'");
    block_on(answer.send()).unwrap();
    let resources = || block_on(gateway.get_resources().rest_api_id(&id).send()).unwrap();
    let paths = || {
        let found = resources();
        let mut paths: Vec<_> = found
            .items()
            .iter()
            .filter_map(|one| one.path().map(str::to_owned))
            .collect();
        paths.sort();
        paths
    };
    let root = resources()
        .items()
        .iter()
        .find_map(|one| one.id().map(str::to_owned))
        .unwrap();
    let made = gateway
        .create_resource()
        .rest_api_id(&id)
        .parent_id(root)
        .path_part("console");
    let console = block_on(made.send()).unwrap().id.unwrap();
    let method = gateway
        .put_method()
        .rest_api_id(&id)
        .resource_id(&console)
        .http_method("GET");
    block_on(method.authorization_type("NONE").send()).unwrap();
    let answer = gateway
        .put_integration()
        .rest_api_id(&id)
        .resource_id(&console)
        .http_method("GET");
    block_on(answer.r#type(IntegrationType::Mock).send()).unwrap();

    ground.project.edit(
        "app.py",
        "@app.route('/')",
        "@app.route('/more')\n@app.route('/')",
    );
    let run = ground.run(&["plan"]).expect_success();
    assert!(
        run.stdout.contains("/console") && run.stdout.contains("DEFAULT_4XX"),
        "{run}"
    );
    ground.deploy();
    assert_eq!(paths(), ["/", "/console", "/more"]);
    let responses = block_on(gateway.get_gateway_responses().rest_api_id(&id).send()).unwrap();
    let kept = responses.items().iter().any(|one| {
        one.response_type() == Some(&GatewayResponseType::Default4Xx)
            && one
                .response_parameters()
                .is_some_and(|parameters| !parameters.is_empty())
    });
    assert!(kept, "{responses:?}");
    ground.assert_at_rest();
}

/// A changed `api_gateway_stage` leaves the stage before it behind in Chalice, for anybody to call.
#[test]
fn api_stage_of_another_name() {
    let ground = Ground::new(project(ROUTE));
    ground.deploy();
    ground
        .project
        .configure(|config| config["api_gateway_stage"] = json!("v2"));
    ground.deploy();
    let stages = ground
        .account
        .apigateway()
        .get_stages()
        .rest_api_id(api(&ground))
        .send();
    let stages = block_on(stages).unwrap();
    let names: Vec<_> = stages
        .item()
        .iter()
        .filter_map(|stage| stage.stage_name())
        .collect();
    assert_eq!(names, ["v2"]);
    ground.assert_at_rest();
}

/// Chalice changes the routes of a WebSocket API and deploys nothing: the stage goes on with what it had.
#[test]
fn websocket_routes_without_a_deployment() {
    let connect = "@app.on_ws_connect()\ndef hello(event):\n    pass\n\n\n";
    let message = "@app.on_ws_message()\ndef heard(event):\n    pass\n";
    let experimental = "app.experimental_feature_flags.update(['WEBSOCKETS'])\n\n\n";
    let ground = Ground::new(project(&format!("{experimental}{connect}")));
    ground.deploy();
    let live = || {
        let client = ground.account.apigatewayv2();
        let id = ground.project.recorded("dev", "websocket_api")["websocket_api_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let stage = client.get_stage().api_id(&id).stage_name("api").send();
        block_on(stage).unwrap().deployment_id.unwrap()
    };
    let before = live();
    ground
        .project
        .write("app.py", &(ground.project.read("app.py") + message));
    ground.deploy();
    assert_ne!(live(), before);
    ground.assert_at_rest();
    assert_eq!(
        function(&ground, "mended-dev-websocket_message").handler(),
        Some("app.heard")
    );
}
