//! WebSocket APIs: deployments, and stages that serve one of them.

use grail_tests::account::Account;
use grail_tests::account::sdk::apigateway::error::ProvideErrorMetadata;
use grail_tests::account::sdk::apigatewayv2::Client;
use grail_tests::account::sdk::apigatewayv2::types::{IntegrationType, ProtocolType};
use grail_tests::emulator::Moto;
use grail_tests::proxy::Proxy;
use grail_tests::runtime::block_on;
use grail_tests::world::World;

/// A chat with one route: its id, the id of the route and of the integration.
fn chat(client: &Client) -> (String, String, String) {
    let asked = client
        .create_api()
        .name("chat")
        .protocol_type(ProtocolType::Websocket);
    let made = block_on(asked.route_selection_expression("$request.body.action").send()).unwrap();
    let api = made.api_id().unwrap().to_owned();
    let asked = client.create_integration().api_id(&api);
    let made = block_on(
        asked
            .integration_type(IntegrationType::AwsProxy)
            .integration_uri("uri")
            .send(),
    );
    let integration = made.unwrap().integration_id().unwrap().to_owned();
    let asked = client.create_route().api_id(&api).route_key("$default");
    let made = block_on(asked.target(format!("integrations/{integration}")).send()).unwrap();
    (api, made.route_id().unwrap().to_owned(), integration)
}

#[test]
fn a_stage_serves_the_deployment_it_was_given() {
    let moto = Moto::start();
    let proxy = Proxy::before_moto(&moto.endpoint());
    let account = Account::at(&proxy.endpoint());
    let client = account.apigatewayv2();
    let (api, ..) = chat(&client);
    let deploy = |mark: &str| {
        let asked = client.create_deployment().api_id(&api).description(mark);
        block_on(asked.send())
            .unwrap()
            .deployment_id()
            .unwrap()
            .to_owned()
    };
    let first = deploy("one");
    let create = client.create_stage().api_id(&api).stage_name("live");
    let nowhere = block_on(create.clone().deployment_id("nowhere").send());
    assert_eq!(nowhere.unwrap_err().code(), Some("NotFoundException"));
    let made = block_on(create.clone().deployment_id(&first).send()).unwrap();
    assert_eq!(made.deployment_id(), Some(first.as_str()));
    let again = block_on(create.deployment_id(&first).send());
    assert_eq!(again.unwrap_err().code(), Some("ConflictException"));

    let second = deploy("two");
    let serves =
        || World::read(&account).section("websocket_apis")["chat"]["stages"]["live"]["serves"].take();
    assert_eq!(serves(), "an older deployment");
    let update = client.update_stage().api_id(&api).stage_name("live");
    let nowhere = block_on(update.clone().deployment_id("nowhere").send());
    assert_eq!(nowhere.unwrap_err().code(), Some("NotFoundException"));
    block_on(update.deployment_id(&second).description("shown").send()).unwrap();
    assert_eq!(serves(), "the newest deployment");
    let stage = block_on(client.get_stage().api_id(&api).stage_name("live").send()).unwrap();
    assert_eq!(
        (stage.deployment_id(), stage.description()),
        (Some(second.as_str()), Some("shown"))
    );

    let shown = block_on(client.get_deployment().api_id(&api).deployment_id(&first).send()).unwrap();
    assert_eq!(shown.description(), Some("one"));
    let asked = client.update_deployment().api_id(&api).deployment_id(&first);
    block_on(asked.description("first").send()).unwrap();
    let marks = block_on(client.get_deployments().api_id(&api).send()).unwrap();
    let marks: Vec<_> = marks.items().iter().filter_map(|one| one.description()).collect();
    assert_eq!(marks, ["first", "two"]);

    let delete = |id: &str| {
        let sent = block_on(client.delete_deployment().api_id(&api).deployment_id(id).send());
        sent.map(|_| ())
            .map_err(|error| error.code().unwrap_or_default().to_owned())
    };
    assert_eq!(delete(&second), Err("BadRequestException".to_owned()));
    assert_eq!(delete(&first), Ok(()));
    assert_eq!(delete(&first), Err("NotFoundException".to_owned()));
    let asked = client.delete_stage().api_id(&api).stage_name("live");
    block_on(asked.clone().send()).unwrap();
    assert_eq!(
        block_on(asked.send()).unwrap_err().code(),
        Some("NotFoundException")
    );
    assert_eq!(delete(&second), Ok(()));
}

#[test]
fn what_is_in_use_or_there_or_gone_is_refused() {
    let moto = Moto::start();
    let proxy = Proxy::before_moto(&moto.endpoint());
    let client = Account::at(&proxy.endpoint()).apigatewayv2();
    let (api, route, integration) = chat(&client);
    let asked = client.create_route().api_id(&api).route_key("$default");
    assert_eq!(
        block_on(asked.send()).unwrap_err().code(),
        Some("ConflictException")
    );
    let drop_integration = client
        .delete_integration()
        .api_id(&api)
        .integration_id(&integration);
    let used = block_on(drop_integration.clone().send());
    assert_eq!(used.unwrap_err().code(), Some("ConflictException"));

    let drop_route = client.delete_route().api_id(&api).route_id(&route);
    block_on(drop_route.clone().send()).unwrap();
    assert_eq!(
        block_on(drop_route.send()).unwrap_err().code(),
        Some("NotFoundException")
    );
    block_on(drop_integration.clone().send()).unwrap();
    assert_eq!(
        block_on(drop_integration.send()).unwrap_err().code(),
        Some("NotFoundException")
    );
    let bare = block_on(client.create_deployment().api_id(&api).send());
    assert_eq!(bare.unwrap_err().code(), Some("BadRequestException"));

    block_on(client.delete_api().api_id(&api).send()).unwrap();
    let again = block_on(client.delete_api().api_id(&api).send());
    assert_eq!(again.unwrap_err().code(), Some("NotFoundException"));
    let gone = block_on(client.create_deployment().api_id(&api).send());
    assert_eq!(gone.unwrap_err().code(), Some("NotFoundException"));
}
