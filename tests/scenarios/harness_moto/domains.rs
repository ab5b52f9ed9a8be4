//! Custom domains: one registry, seen through both versions of API Gateway.

use std::collections::BTreeMap;

use grail_tests::account::Account;
use grail_tests::account::sdk::apigateway::error::ProvideErrorMetadata;
use grail_tests::account::sdk::apigateway::types::{
    EndpointConfiguration, EndpointType, Op, PatchOperation, SecurityPolicy,
};
use grail_tests::account::sdk::apigatewayv2::types::{DomainNameConfiguration, EndpointType as SecondType};
use grail_tests::emulator::Moto;
use grail_tests::proxy::Proxy;
use grail_tests::runtime::block_on;
use grail_tests::world::World;
use serde_json::json;

use super::imported;

const CERTIFICATE: &str = "arn:aws:acm:us-east-1:123456789012:certificate/one";
const DOMAIN: &str = "shop.example.com";

fn create(account: &Account, name: &str, kind: EndpointType) {
    let edge = kind == EndpointType::Edge;
    let asked = account
        .apigateway()
        .create_domain_name()
        .domain_name(name)
        .endpoint_configuration(EndpointConfiguration::builder().types(kind).build())
        .security_policy(SecurityPolicy::Tls12)
        .tags("team", "front")
        .tags("grail", "token");
    let asked = match edge {
        true => asked.certificate_arn(CERTIFICATE),
        false => asked.regional_certificate_arn(CERTIFICATE),
    };
    block_on(asked.send()).unwrap();
}

fn replace(path: &str, value: &str) -> PatchOperation {
    let patch = PatchOperation::builder().op(Op::Replace);
    patch.path(path).value(value).build()
}

/// A deployed REST API: its id.
fn served(account: &Account) -> String {
    let client = account.apigateway();
    let id = imported(&client);
    block_on(
        client
            .create_deployment()
            .rest_api_id(&id)
            .stage_name("api")
            .send(),
    )
    .unwrap();
    id
}

#[test]
fn a_domain_made_by_one_version_is_seen_changed_and_deleted_by_the_other() {
    let moto = Moto::start();
    let proxy = Proxy::before_moto(&moto.endpoint());
    let account = Account::at(&proxy.endpoint());
    let (first, second) = (account.apigateway(), account.apigatewayv2());
    create(&account, DOMAIN, EndpointType::Regional);

    let seen = block_on(second.get_domain_name().domain_name(DOMAIN).send()).unwrap();
    let configuration = &seen.domain_name_configurations()[0];
    assert_eq!(configuration.endpoint_type(), Some(&SecondType::Regional));
    assert_eq!(configuration.certificate_arn(), Some(CERTIFICATE));
    let alias = configuration.api_gateway_domain_name().unwrap().to_owned();
    assert!(
        alias.starts_with("d-") && alias.ends_with(".execute-api.us-east-1.amazonaws.com"),
        "{alias}"
    );
    let zone = configuration.hosted_zone_id().unwrap().to_owned();

    let other = format!("{CERTIFICATE}-other");
    let changed = DomainNameConfiguration::builder().certificate_arn(&other).build();
    let asked = second.update_domain_name().domain_name(DOMAIN);
    block_on(asked.domain_name_configurations(changed).send()).unwrap();
    let asked = first.update_domain_name().domain_name(DOMAIN);
    let patched = block_on(
        asked
            .patch_operations(replace("/securityPolicy", "TLS_1_0"))
            .send(),
    )
    .unwrap();
    assert_eq!(patched.security_policy(), Some(&SecurityPolicy::Tls10));
    assert_eq!(patched.regional_certificate_arn(), Some(other.as_str()));
    assert_eq!(patched.regional_domain_name(), Some(alias.as_str()));
    assert_eq!(patched.regional_hosted_zone_id(), Some(zone.as_str()));
    assert_eq!(patched.distribution_domain_name(), None);

    let arn = format!("arn:aws:apigateway:us-east-1::/domainnames/{DOMAIN}");
    block_on(
        second
            .tag_resource()
            .resource_arn(&arn)
            .tags("team", "back")
            .send(),
    )
    .unwrap();
    let untagged = second.untag_resource().resource_arn(&arn);
    block_on(untagged.tag_keys("grail").tag_keys("unknown").send()).unwrap();
    let tags = block_on(second.get_tags().resource_arn(&arn).send()).unwrap();
    let expected: std::collections::HashMap<_, _> = [("team".to_owned(), "back".to_owned())].into();
    assert_eq!(tags.tags(), Some(&expected));
    let world = World::read(&account).section("domains")[DOMAIN].take();
    assert_eq!(world["tags"], json!({ "team": "back" }));

    block_on(second.delete_domain_name().domain_name(DOMAIN).send()).unwrap();
    let gone = block_on(first.get_domain_name().domain_name(DOMAIN).send()).unwrap_err();
    assert_eq!(gone.code(), Some("NotFoundException"));
    let again = block_on(second.delete_domain_name().domain_name(DOMAIN).send()).unwrap_err();
    assert_eq!(again.code(), Some("NotFoundException"));
}

#[test]
fn a_domain_exists_once_and_an_edge_one_has_a_distribution() {
    let moto = Moto::start();
    let proxy = Proxy::before_moto(&moto.endpoint());
    let account = Account::at(&proxy.endpoint());
    create(&account, DOMAIN, EndpointType::Edge);
    let client = account.apigateway();
    let seen = block_on(client.get_domain_name().domain_name(DOMAIN).send()).unwrap();
    assert_eq!(seen.certificate_arn(), Some(CERTIFICATE));
    assert!(
        seen.distribution_domain_name()
            .unwrap()
            .ends_with(".cloudfront.net")
    );
    assert_eq!(
        (seen.regional_domain_name(), seen.regional_certificate_arn()),
        (None, None)
    );
    let wrong = client.update_domain_name().domain_name(DOMAIN);
    let wrong = wrong.patch_operations(replace("/regionalCertificateArn", CERTIFICATE));
    assert_eq!(
        block_on(wrong.send()).unwrap_err().code(),
        Some("BadRequestException")
    );

    let asked = client
        .create_domain_name()
        .domain_name(DOMAIN)
        .certificate_arn(CERTIFICATE);
    assert_eq!(
        block_on(asked.send()).unwrap_err().code(),
        Some("BadRequestException")
    );
    let configuration = DomainNameConfiguration::builder()
        .certificate_arn(CERTIFICATE)
        .build();
    let asked = account.apigatewayv2().create_domain_name().domain_name(DOMAIN);
    let asked = asked.domain_name_configurations(configuration);
    assert_eq!(
        block_on(asked.send()).unwrap_err().code(),
        Some("ConflictException")
    );
}

#[test]
fn mappings_of_both_versions_are_the_same_mappings() {
    let moto = Moto::start();
    let proxy = Proxy::before_moto(&moto.endpoint());
    let account = Account::at(&proxy.endpoint());
    let (first, second) = (account.apigateway(), account.apigatewayv2());
    create(&account, DOMAIN, EndpointType::Regional);
    let api = served(&account);
    let map = |path: &str, api: &str, stage: &str| {
        let asked = first
            .create_base_path_mapping()
            .domain_name(DOMAIN)
            .base_path(path);
        let sent = block_on(asked.rest_api_id(api).stage(stage).send());
        sent.map_err(|error| error.code().unwrap_or_default().to_owned())
    };
    let map_second = |key: &str| {
        let asked = second
            .create_api_mapping()
            .domain_name(DOMAIN)
            .api_mapping_key(key);
        let sent = block_on(asked.api_id(&api).stage("api").send());
        sent.map_err(|error| error.code().unwrap_or_default().to_owned())
    };
    assert_eq!(map("(none)", &api, "api").unwrap().base_path(), Some("(none)"));
    map("v1", &api, "api").unwrap();
    map_second("v2/deep").unwrap();
    assert_eq!(map("v1", &api, "api").unwrap_err(), "ConflictException");
    assert_eq!(map_second("v1").unwrap_err(), "ConflictException");
    assert_eq!(map_second("(none)").unwrap_err(), "ConflictException");
    assert_eq!(map("v3/deep", &api, "api").unwrap_err(), "BadRequestException");
    assert_eq!(map("v3", &api, "nowhere").unwrap_err(), "BadRequestException");
    assert_eq!(map("v3", "nobody", "api").unwrap_err(), "BadRequestException");

    let listed = block_on(second.get_api_mappings().domain_name(DOMAIN).send()).unwrap();
    let keys = |key: Option<&str>| key.unwrap_or_default().to_owned();
    let ids: BTreeMap<String, String> = listed
        .items()
        .iter()
        .map(|one| (keys(one.api_mapping_key()), keys(one.api_mapping_id())))
        .collect();
    assert_eq!(ids.keys().collect::<Vec<_>>(), ["", "v1", "v2/deep"]);

    let asked = first
        .update_base_path_mapping()
        .domain_name(DOMAIN)
        .base_path("v1");
    let wrong = block_on(
        asked
            .clone()
            .patch_operations(replace("/stage", "nowhere"))
            .send(),
    );
    assert_eq!(wrong.unwrap_err().code(), Some("BadRequestException"));
    let stage = block_on(
        account
            .apigateway()
            .create_deployment()
            .rest_api_id(&api)
            .stage_name("other")
            .send(),
    );
    stage.unwrap();
    block_on(asked.patch_operations(replace("/stage", "other")).send()).unwrap();
    let asked = second
        .update_api_mapping()
        .domain_name(DOMAIN)
        .api_mapping_id(&ids[""]);
    block_on(asked.api_id(&api).stage("other").send()).unwrap();
    let world = World::read(&account).section("domains")[DOMAIN]["mappings"].take();
    let leads = |stage: &str| json!({ "api": "<api shop>", "stage": stage });
    assert_eq!(
        world,
        json!({ "/": leads("other"), "/v1": leads("other"), "/v2/deep": leads("api") })
    );

    let asked = first
        .delete_base_path_mapping()
        .domain_name(DOMAIN)
        .base_path("(none)");
    block_on(asked.clone().send()).unwrap();
    assert_eq!(
        block_on(asked.send()).unwrap_err().code(),
        Some("NotFoundException")
    );
    let asked = second
        .delete_api_mapping()
        .domain_name(DOMAIN)
        .api_mapping_id(&ids["v2/deep"]);
    block_on(asked.send()).unwrap();
    let left = block_on(first.get_base_path_mappings().domain_name(DOMAIN).send()).unwrap();
    let left: Vec<_> = left.items().iter().filter_map(|one| one.base_path()).collect();
    assert_eq!(left, ["v1"]);
    // With a mapping left, as on AWS: both go.
    block_on(second.delete_domain_name().domain_name(DOMAIN).send()).unwrap();
    create(&account, DOMAIN, EndpointType::Edge);
    let left = block_on(second.get_api_mappings().domain_name(DOMAIN).send()).unwrap();
    assert!(left.items().is_empty());
    assert_eq!(map_second("v2/deep").unwrap_err(), "BadRequestException");
}
