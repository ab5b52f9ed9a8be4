//! The harness itself: the real Chalice deploys, redeploys and deletes every fixture on moto, and what it made is read.

use grail_tests::account::Account;
use grail_tests::chalice::Chalice;
use grail_tests::documents;
use grail_tests::emulator::Moto;
use grail_tests::fixtures::{self, Fixture};
use grail_tests::proxy::Proxy;
use grail_tests::world::World;

fn goes_round(fixture: Fixture) {
    for stage in fixture.stages {
        let moto = Moto::start();
        let proxy = Proxy::before_moto(&moto.endpoint());
        let account = Account::at(&proxy.quiet_endpoint());
        let project = fixture.prepared(&account);
        let before = World::read(&account);
        let chalice = Chalice::new(&project, &proxy.endpoint());

        chalice.deploy(stage);
        let first = World::read(&account);
        let defined = documents::defined(&proxy.calls());
        let again = chalice.deploy(stage);
        assert!(again.stdout.contains("Resources deployed:"), "{again}");
        World::read(&account).assert_same_as(&first, ("after the second deployment", "after the first"));
        assert_eq!(
            documents::defined(&proxy.calls()),
            defined,
            "the second deployment defines another API"
        );

        chalice.delete(stage);
        assert_eq!(project.deployed(stage)["resources"], serde_json::json!([]));
        let mut left = World::read(&account).comparable();
        // Chalice never deletes a log group, only its retention.
        left["log_groups"] = before.comparable()["log_groups"].clone();
        grail_tests::difference::assert_same(("before", "after"), &before.comparable(), &left);
    }
}

#[test]
fn chalice_goes_round_with_rest() {
    goes_round(fixtures::REST);
}

#[test]
fn chalice_goes_round_with_rest_auth() {
    goes_round(fixtures::REST_AUTH);
}

#[test]
fn chalice_goes_round_with_functions() {
    goes_round(fixtures::FUNCTIONS);
}

#[test]
fn chalice_goes_round_with_blueprints() {
    goes_round(fixtures::BLUEPRINTS);
}

#[test]
fn chalice_goes_round_with_settings() {
    goes_round(fixtures::SETTINGS);
}

#[test]
fn chalice_goes_round_with_schedules() {
    goes_round(fixtures::SCHEDULES);
}

#[test]
fn chalice_goes_round_with_buckets() {
    goes_round(fixtures::BUCKETS);
}

#[test]
fn chalice_goes_round_with_topics() {
    goes_round(fixtures::TOPICS);
}

#[test]
fn chalice_goes_round_with_queues() {
    goes_round(fixtures::QUEUES);
}

#[test]
fn chalice_goes_round_with_streams() {
    goes_round(fixtures::STREAMS);
}

#[test]
fn chalice_goes_round_with_websocket() {
    goes_round(fixtures::WEBSOCKET);
}

#[test]
fn chalice_goes_round_with_domains() {
    goes_round(fixtures::DOMAINS);
}

#[test]
fn chalice_goes_round_with_layered() {
    goes_round(fixtures::LAYERED);
}

#[test]
fn chalice_goes_round_with_private_api() {
    goes_round(fixtures::PRIVATE_API);
}

#[test]
fn chalice_goes_round_with_everything() {
    goes_round(fixtures::EVERYTHING);
}

/// Two accounts with the same deployment differ in ids only, and what is compared is really there.
#[test]
fn two_accounts_compare_equal_ids_apart() {
    let deployed = || {
        let moto = Moto::start();
        let proxy = Proxy::before_moto(&moto.endpoint());
        let project = fixtures::REST_AUTH.project();
        let chalice = Chalice::new(&project, &proxy.endpoint());
        chalice.deploy("private");
        let world = World::read(&Account::at(&proxy.quiet_endpoint()));
        let url = chalice.url("private");
        assert_eq!(url, project.recorded("private", "rest_api")["rest_api_url"]);
        (
            world,
            project.deployed_without_ids("private"),
            documents::only_defined(&proxy.calls()),
        )
    };
    let ((one, one_record, one_api), (other, other_record, other_api)) = (deployed(), deployed());
    one.assert_same_as(&other, ("one account", "the other"));
    assert_ne!(one.exact(), other.exact());
    assert_eq!(one_record, other_record);
    assert_eq!(one_api, other_api);

    let api = &one.section("rest_apis")["vault"];
    assert_eq!(
        api["vpc_endpoints"],
        serde_json::json!(["vpce-0a1b2c3d", "vpce-1a2b3c4d"])
    );
    assert_eq!(api["endpoint_types"], serde_json::json!(["PRIVATE"]));
    assert_eq!(api["stages"]["api"]["deployed"], true);
    assert_eq!(
        api["resources"]["/secrets/{name}"]
            .as_object()
            .map(serde_json::Map::len),
        Some(5)
    );
    let handler = &one.section("functions")["vault-private"];
    assert_eq!(handler["configuration"]["handler"], "app.app");
    assert!(
        handler["code"].is_string(),
        "the code could not be read: {handler:#}"
    );
    let permitted = handler["policy"][0]["Condition"]["ArnLike"]["AWS:SourceArn"][0]
        .as_str()
        .unwrap_or_default();
    assert!(permitted.ends_with(":<api vault>/*"), "{permitted}");

    let schemes: Vec<&str> = one_api.security_schemes.keys().map(String::as_str).collect();
    assert_eq!(
        schemes,
        [
            "api_key", "guest", "partner", "people", "plain", "robots", "sigv4", "strict"
        ]
    );
    assert_eq!(one_api.endpoint_types, ["PRIVATE".to_owned()].into());
    let scopes = &one_api.paths["/secrets/{name}"]["put"].security;
    assert_eq!(
        scopes,
        &[serde_json::json!({ "people": ["vault/write", "vault/admin"] })]
    );
}
