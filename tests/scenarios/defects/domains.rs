//! Custom domains.

use grail_tests::account::sdk::apigateway::Client;
use grail_tests::account::sdk::apigateway::types::IntegrationType;
use grail_tests::fixtures;
use grail_tests::runtime::block_on;

use crate::ground::Ground;

/// An API with a stage `live`; its id.
fn api_of_others(gateway: &Client) -> String {
    let made = block_on(gateway.create_rest_api().name("theirs").send()).unwrap();
    let id = made.id().unwrap();
    let root = made.root_resource_id().unwrap();
    let method = gateway
        .put_method()
        .rest_api_id(id)
        .resource_id(root)
        .http_method("GET");
    block_on(method.authorization_type("NONE").send()).unwrap();
    let answer = gateway
        .put_integration()
        .rest_api_id(id)
        .resource_id(root)
        .http_method("GET");
    block_on(answer.r#type(IntegrationType::Mock).send()).unwrap();
    block_on(
        gateway
            .create_deployment()
            .rest_api_id(id)
            .stage_name("live")
            .send(),
    )
    .unwrap();
    id.to_owned()
}

/// Chalice deletes a domain with the mappings of other applications on it (issues 1898 and 1918 of Chalice, "critical").
#[test]
fn domain_of_several_projects() {
    let fixture = fixtures::DOMAINS;
    let ground = Ground::new(fixture.project());
    fixture.prepare(&ground.account);
    ground.deploy();
    let gateway = ground.account.apigateway();
    let theirs = api_of_others(&gateway);
    let mapped = gateway
        .create_base_path_mapping()
        .domain_name("window.example.com")
        .base_path("theirs")
        .rest_api_id(theirs)
        .stage("live");
    block_on(mapped.send()).unwrap();
    ground.assert_at_rest();
    ground.run(&["delete"]).expect_success();
    let left = block_on(
        gateway
            .get_base_path_mappings()
            .domain_name("window.example.com")
            .send(),
    )
    .unwrap();
    let paths: Vec<_> = left.items().iter().filter_map(|one| one.base_path()).collect();
    assert_eq!(paths, ["theirs"]);
}

/// Chalice leaves a mapping that leads elsewhere as it is.
#[test]
fn mapping_that_leads_elsewhere() {
    let fixture = fixtures::DOMAINS;
    let ground = Ground::new(fixture.project());
    fixture.prepare(&ground.account);
    ground.deploy();
    ground
        .project
        .configure(|config| config["api_gateway_stage"] = "other".into());
    ground.deploy();
    let gateway = ground.account.apigateway();
    let mappings = block_on(
        gateway
            .get_base_path_mappings()
            .domain_name("window.example.com")
            .send(),
    )
    .unwrap();
    let stages: Vec<_> = mappings.items().iter().filter_map(|one| one.stage()).collect();
    assert_eq!(stages, ["other"]);
    ground.assert_at_rest();
}
