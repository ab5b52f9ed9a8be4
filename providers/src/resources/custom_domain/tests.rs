use std::time::Duration;

use grail_state::digest::Digester;
use grail_state::{Observed, Record, Remote, ResourceId, Template};

use super::*;
use crate::aws::LocalCloud;
use crate::aws::testing::{Canned, Reply, refusal, reply};
use crate::port::{Create, Delete, Effect, Provider, Retry, Update, erase};

const NAME: &str = "api.example.com";
const EDGE_CERTIFICATE: &str = "arn:aws:acm:us-east-1:123456789012:certificate/edge";
const CERTIFICATE: &str = "arn:aws:acm:us-east-1:123456789012:certificate/c1";

fn provider(cloud: &Canned) -> Arc<dyn Provider> {
    erase(
        CustomDomain::new(cloud.context_of::<CustomDomain>()),
        Arc::new(Digester::new([7; 32])),
    )
}

fn id(protocol: &str) -> ResourceId {
    let name = match protocol {
        "rest" => "api_gateway_custom_domain",
        _ => "websocket_api_custom_domain",
    };
    ResourceId::new(CustomDomain::KIND, name)
}

fn spec(protocol: &str) -> Value {
    json!({
        "name": NAME, "protocol": protocol, "endpoint_type": "REGIONAL", "certificate_arn": CERTIFICATE,
        "security_policy": "TLS_1_2", "tags": {"team": "web"},
    })
}

fn edge() -> Value {
    let mut spec = spec("rest");
    spec["endpoint_type"] = json!("EDGE");
    spec["certificate_arn"] = json!(EDGE_CERTIFICATE);
    spec
}

/// A domain as the first version gives it.
fn first(tags: Value) -> Value {
    json!({
        "domainName": NAME, "endpointConfiguration": {"types": ["REGIONAL"]}, "securityPolicy": "TLS_1_2",
        "regionalCertificateArn": CERTIFICATE, "regionalDomainName": "d-1.execute-api.us-east-1.amazonaws.com",
        "regionalHostedZoneId": "Z1", "domainNameStatus": "AVAILABLE", "tags": tags,
    })
}

fn first_edge(status: &str) -> Value {
    json!({
        "domainName": NAME, "endpointConfiguration": {"types": ["EDGE"]}, "securityPolicy": "TLS_1_2",
        "certificateArn": EDGE_CERTIFICATE, "distributionDomainName": "d1.cloudfront.net",
        "distributionHostedZoneId": "Z2FDTNDATAQYW2", "domainNameStatus": status,
        "tags": {"team": "web", "grail": "t1"},
    })
}

/// A domain as the second version gives it.
fn second(tags: Value) -> Value {
    json!({
        "domainName": NAME, "tags": tags, "domainNameConfigurations": [{
            "apiGatewayDomainName": "d-2.execute-api.us-east-1.amazonaws.com", "certificateArn": CERTIFICATE,
            "domainNameStatus": "AVAILABLE", "endpointType": "REGIONAL", "hostedZoneId": "Z3", "securityPolicy": "TLS_1_2",
        }],
    })
}

fn marked() -> Value {
    json!({"team": "web", "grail": "t1"})
}

fn absent() -> Reply {
    refusal(
        404,
        "NotFoundException",
        "Invalid domain name identifier specified",
    )
}

fn protocol_of(spec: &Value) -> &str {
    spec["protocol"].as_str().unwrap()
}

async fn created(cloud: &Canned, spec: &Value) -> Result<Remote, Failure> {
    let (id, token) = (id(protocol_of(spec)), StepToken("t1".into()));
    let request = Create {
        id: &id,
        spec,
        token: &token,
        first: false,
    };
    provider(cloud).create(request).await
}

fn remote(spec: &Value) -> Remote {
    Remote {
        handle: Handle(NAME.into()),
        spec: spec.clone(),
        outputs: BTreeMap::new(),
        proof: Proof::Ours,
        additions: Vec::new(),
    }
}

async fn updated(cloud: &Canned, have: &Value, want: &Value) -> Result<Remote, Failure> {
    let (id, token, provider) = (id(protocol_of(want)), StepToken("t2".into()), provider(cloud));
    let have = remote(have);
    let diff = provider.diff(&Template::from_value(want.clone()), &have).unwrap();
    let request = Update {
        id: &id,
        have: &have,
        want,
        diff: &diff,
        token: &token,
    };
    provider.update(request).await
}

async fn seen(cloud: &Canned, wanted: Option<&Value>, recorded: Option<&Value>) -> Option<Remote> {
    let id = id(wanted.or(recorded).map_or("rest", protocol_of));
    let record = recorded.map(|spec| Record {
        handle: Handle(spec["name"].as_str().unwrap().into()),
        spec: spec.clone(),
        outputs: BTreeMap::new(),
        depends_on: BTreeSet::new(),
        rank: 0,
        token: None,
    });
    let at = Locator {
        id: &id,
        handle: record.as_ref().map(|record| &record.handle),
        spec: wanted.or(recorded),
        token: None,
        record: record.as_ref(),
    };
    match provider(cloud).observe(at).await.unwrap() {
        Observed::Present(remote) => Some(remote),
        Observed::Absent => None,
    }
}

async fn deleted(cloud: &Canned, spec: &Value) -> Result<(), Failure> {
    let (id, remote) = (id(protocol_of(spec)), remote(spec));
    let request = Delete {
        id: &id,
        handle: &remote.handle,
        spec,
        outputs: &remote.outputs,
    };
    provider(cloud).delete(request).await
}

fn fits(want: &Value, have: &Remote) -> bool {
    let want = Template::from_value(want.clone());
    provider(&Canned::new([])).diff(&want, have).unwrap().is_empty()
}

#[tokio::test]
async fn a_rest_domain_is_made_as_chalice_makes_it_and_bears_a_mark() {
    let cloud = Canned::new([absent(), reply(201, first(marked()))]);
    let made = created(&cloud, &spec("rest")).await.unwrap();
    assert_eq!(cloud.operations(), ["GetDomainName", "CreateDomainName"]);
    let body = json!({
        "domainName": NAME, "endpointConfiguration": {"types": ["REGIONAL"]}, "securityPolicy": "TLS_1_2",
        "regionalCertificateArn": CERTIFICATE, "tags": marked(),
    });
    assert_eq!(
        (cloud.asked()[1].line.as_str(), cloud.json(1)),
        ("POST /domainnames", body)
    );
    let outputs = json!({
        "name": NAME, "hosted_zone_id": "Z1", "alias_domain_name": "d-1.execute-api.us-east-1.amazonaws.com",
        "certificate_arn": CERTIFICATE, "security_policy": "TLS_1_2",
    });
    assert_eq!(json!(made.outputs), outputs);
    assert_eq!(
        (made.handle.0.as_str(), &made.proof),
        (NAME, &Proof::Mark(StepToken("t1".into())))
    );
    assert!(fits(&spec("rest"), &made));
}

#[tokio::test]
async fn an_edge_optimised_domain_has_its_certificate_elsewhere_and_is_not_waited_for() {
    let cloud = Canned::new([absent(), reply(201, first_edge("UPDATING"))]);
    let made = created(&cloud, &edge()).await.unwrap();
    let body = cloud.json(1);
    assert_eq!(
        (&body["certificateArn"], body.get("regionalCertificateArn")),
        (&json!(EDGE_CERTIFICATE), None)
    );
    assert_eq!(made.outputs["alias_domain_name"], json!("d1.cloudfront.net"));
    assert!(fits(&edge(), &made));
    cloud.operations();
}

#[tokio::test]
async fn a_websocket_domain_goes_by_the_second_version() {
    let cloud = Canned::new([absent(), reply(201, second(marked()))]);
    let made = created(&cloud, &spec("websocket")).await.unwrap();
    let asked = cloud.asked();
    assert_eq!(
        (asked[0].line.as_str(), asked[1].line.as_str()),
        ("GET /v2/domainnames/api.example.com", "POST /v2/domainnames")
    );
    let body = json!({
        "domainName": NAME, "tags": marked(), "domainNameConfigurations": [{
            "apiGatewayDomainName": NAME, "certificateArn": CERTIFICATE, "endpointType": "REGIONAL",
            "securityPolicy": "TLS_1_2", "domainNameStatus": "AVAILABLE",
        }],
    });
    assert_eq!(cloud.json(1), body);
    assert_eq!(
        (
            &made.outputs["hosted_zone_id"],
            &made.outputs["alias_domain_name"]
        ),
        (&json!("Z3"), &json!("d-2.execute-api.us-east-1.amazonaws.com"))
    );
    assert!(fits(&spec("websocket"), &made));
}

#[tokio::test]
async fn a_second_try_of_a_birth_finds_the_domain_and_a_strangers_is_refused() {
    let cloud = Canned::new([reply(200, first(marked()))]);
    created(&cloud, &spec("rest")).await.unwrap();
    assert_eq!(cloud.operations(), ["GetDomainName"]);

    for tags in [json!({}), json!({"grail": "another attempt"})] {
        let cloud = Canned::new([reply(200, first(tags))]);
        let failure = created(&cloud, &spec("rest")).await.unwrap_err();
        assert!(failure.foreign && failure.hint.is_some_and(|hint| hint.contains("--adopt")));
    }
    // Made by somebody between our look and our call; either code has been seen.
    for (status, code) in [(409, "ConflictException"), (400, "BadRequestException")] {
        let taken = refusal(status, code, "The domain name you provided already exists.");
        let cloud = Canned::new([absent(), taken, reply(200, first(json!({})))]);
        assert!(created(&cloud, &spec("rest")).await.unwrap_err().foreign);
        cloud.operations();
    }
}

#[tokio::test]
async fn a_look_is_one_read_and_shows_only_our_tags() {
    let cloud = Canned::new([reply(
        200,
        first(json!({"team": "web", "cost": "7", "grail": "t1"})),
    )]);
    let found = seen(&cloud, Some(&spec("rest")), None).await.unwrap();
    assert_eq!(cloud.operations().len(), CustomDomain::READS.each as usize);
    assert_eq!(
        (&found.spec, &found.proof),
        (&spec("rest"), &Proof::Mark(StepToken("t1".into())))
    );

    // A tag that was ours and is wanted no more is shown, so that it goes.
    let mut before = spec("rest");
    before["tags"] = json!({"team": "web", "old": "x"});
    let cloud = Canned::new([reply(200, first(json!({"team": "web", "old": "x", "cost": "7"})))]);
    let found = seen(&cloud, Some(&spec("rest")), Some(&before)).await.unwrap();
    assert_eq!(
        (&found.spec["tags"], &found.proof),
        (&before["tags"], &Proof::NameOnly)
    );
}

#[tokio::test]
async fn a_domain_is_found_by_its_record_and_then_by_its_name() {
    let mut old = spec("rest");
    old["name"] = json!("old.example.com");
    let cloud = Canned::new([reply(200, {
        let mut domain = first(json!({}));
        domain["domainName"] = json!("old.example.com");
        domain
    })]);
    let found = seen(&cloud, Some(&spec("rest")), Some(&old)).await.unwrap();
    // The name differs, so it is replaced: the new one is made beside it, and it goes in the sweep.
    let provider = provider(&cloud);
    assert!(
        provider
            .diff(&Template::from_value(spec("rest")), &found)
            .unwrap()
            .replaces()
    );
    assert!(!provider.name_bound() && provider.undelete() == Undelete::Never);
    assert!(provider.spared_in_use());

    let cloud = Canned::new([absent(), reply(200, first(json!({})))]);
    assert_eq!(
        seen(&cloud, Some(&spec("rest")), Some(&old))
            .await
            .unwrap()
            .handle
            .0,
        NAME
    );
    let cloud = Canned::new([absent()]);
    assert_eq!(
        seen(&cloud, Some(&spec("websocket")), Some(&spec("websocket"))).await,
        None
    );
    assert_eq!(cloud.operations().len(), 1);
}

/// Chalice makes one call for each operation, and API Gateway allows one in 30 s (issue 2043 of Chalice).
#[tokio::test]
async fn a_change_is_one_call_with_all_its_operations() {
    let mut want = spec("rest");
    want["certificate_arn"] = json!("arn:aws:acm:us-east-1:123456789012:certificate/c2");
    want["security_policy"] = json!("TLS_1_0");
    let mut after = first(json!({}));
    after["regionalCertificateArn"] = want["certificate_arn"].clone();
    after["securityPolicy"] = json!("TLS_1_0");
    let cloud = Canned::new([reply(200, first(marked())), reply(200, after)]);
    let made = updated(&cloud, &spec("rest"), &want).await.unwrap();
    assert_eq!(cloud.operations(), ["GetDomainName", "UpdateDomainName"]);
    let patches = json!([
        {"op": "replace", "path": "/regionalCertificateArn", "value": want["certificate_arn"]},
        {"op": "replace", "path": "/securityPolicy", "value": "TLS_1_0"},
    ]);
    assert_eq!(cloud.json(1)["patchOperations"], patches);
    assert!(fits(&want, &made));
    assert_eq!(made.outputs["security_policy"], json!("TLS_1_0"));
    assert_eq!(made.proof, Proof::Mark(StepToken("t1".into())));
}

#[tokio::test]
async fn a_websocket_domain_is_changed_as_a_whole() {
    let mut want = spec("websocket");
    want["certificate_arn"] = json!("arn:aws:acm:us-east-1:123456789012:certificate/c2");
    let cloud = Canned::new([reply(200, second(marked())), reply(200, second(marked()))]);
    updated(&cloud, &spec("websocket"), &want).await.unwrap();
    let asked = &cloud.asked()[1];
    assert_eq!(asked.line, "PATCH /v2/domainnames/api.example.com");
    assert_eq!(
        cloud.json(1)["domainNameConfigurations"][0]["certificateArn"],
        want["certificate_arn"]
    );
}

#[tokio::test]
async fn another_endpoint_type_is_added_and_the_old_one_stays_until_dns_is_turned() {
    let mut both = first_edge("AVAILABLE");
    both["endpointConfiguration"] = json!({"types": ["EDGE", "REGIONAL"]});
    both["regionalCertificateArn"] = json!(CERTIFICATE);
    both["regionalDomainName"] = json!("d-1.execute-api");
    both["regionalHostedZoneId"] = json!("Z1");
    let cloud = Canned::new([reply(200, first_edge("AVAILABLE")), reply(200, &both)]);
    let made = updated(&cloud, &edge(), &spec("rest")).await.unwrap();
    let patches = json!([
        {"op": "add", "path": "/endpointConfiguration/types", "value": "REGIONAL"},
        {"op": "add", "path": "/regionalCertificateArn", "value": CERTIFICATE},
    ]);
    assert_eq!(cloud.json(1)["patchOperations"], patches);
    assert_eq!(made.outputs["alias_domain_name"], json!("d-1.execute-api"));
    assert!(fits(&spec("rest"), &made));
    let found = seen(&Canned::new([reply(200, &both)]), Some(&spec("rest")), None)
        .await
        .unwrap();
    assert!(fits(&spec("rest"), &found));
    let found = seen(&Canned::new([reply(200, &both)]), Some(&edge()), None)
        .await
        .unwrap();
    assert!(fits(&edge(), &found));
    assert_eq!(found.outputs["alias_domain_name"], json!("d1.cloudfront.net"));
}

#[tokio::test]
async fn tags_are_synced_and_strangers_and_the_mark_stay() {
    let mut have = spec("rest");
    have["tags"] = json!({"team": "api", "old": "x"});
    let there = json!({"team": "api", "old": "x", "cost": "7", "grail": "t1"});
    let cloud = Canned::new([reply(200, first(there)), reply(204, ""), reply(204, "")]);
    let made = updated(&cloud, &have, &spec("rest")).await.unwrap();
    assert_eq!(
        cloud.operations(),
        ["GetDomainName", "TagResource", "UntagResource"]
    );
    let asked = cloud.asked();
    let arn = "arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fdomainnames%2Fapi.example.com";
    assert_eq!(asked[1].line, format!("POST /v2/tags/{arn}"));
    assert_eq!(cloud.json(1), json!({"tags": {"team": "web"}}));
    assert_eq!(asked[2].line, format!("DELETE /v2/tags/{arn}?tagKeys=old"));
    assert_eq!(
        (&made.spec["tags"], &made.proof),
        (&json!({"team": "web"}), &Proof::Mark(StepToken("t1".into())))
    );
}

#[tokio::test]
async fn a_failure_after_the_first_change_leaves_doubt() {
    let mut want = spec("rest");
    want["security_policy"] = json!("TLS_1_0");
    want["tags"] = json!({"team": "other"});
    let cloud = Canned::new([
        reply(200, first(marked())),
        reply(200, first(json!({}))),
        refusal(400, "BadRequestException", "no"),
    ]);
    let failure = updated(&cloud, &spec("rest"), &want).await.unwrap_err();
    assert_eq!((failure.effect, failure.retry), (Effect::Maybe, Retry::Never));
}

#[tokio::test(start_paused = true)]
async fn a_domain_that_is_being_changed_is_waited_for_before_and_after() {
    let moving = || {
        let mut domain = first(marked());
        domain["domainNameStatus"] = json!("UPDATING");
        reply(200, domain)
    };
    let ready = || reply(200, first(marked()));
    let mut want = spec("rest");
    want["security_policy"] = json!("TLS_1_0");
    let cloud = Canned::new([moving(), moving(), ready(), moving(), moving(), ready()]);
    updated(&cloud, &spec("rest"), &want).await.unwrap();
    let look = "GetDomainName";
    assert_eq!(
        cloud.operations(),
        [look, look, look, "UpdateDomainName", look, look]
    );
}

#[tokio::test]
async fn a_domain_that_waits_for_a_person_says_so() {
    let mut stuck = first(marked());
    stuck["domainNameStatus"] = json!("PENDING_OWNERSHIP_VERIFICATION");
    stuck["domainNameStatusMessage"] = json!("prove it");
    let cloud = Canned::new([absent(), reply(201, stuck)]);
    let failure = created(&cloud, &spec("rest")).await.unwrap_err();
    assert_eq!((failure.effect, failure.retry), (Effect::Maybe, Retry::Never));
    assert!(
        failure.hint.is_some()
            && failure
                .chain()
                .contains("PENDING_OWNERSHIP_VERIFICATION: prove it")
    );
}

/// Chalice tries again every 5 s, six times, where API Gateway allows one call in 30 s (issue 2043 of Chalice).
#[tokio::test]
async fn being_throttled_is_a_wait_of_half_a_minute() {
    let throttled = || refusal(429, "TooManyRequestsException", "Too Many Requests");
    let waits = |failure: Failure| {
        assert_eq!(failure.effect, Effect::None);
        matches!(failure.retry, Retry::Await { after, .. } if after == Duration::from_secs(30))
    };
    let mut want = spec("rest");
    want["security_policy"] = json!("TLS_1_0");
    let cloud = Canned::new([absent(), throttled()]);
    assert!(waits(created(&cloud, &spec("rest")).await.unwrap_err()));
    let cloud = Canned::new([reply(200, first(marked())), throttled()]);
    assert!(waits(updated(&cloud, &spec("rest"), &want).await.unwrap_err()));
    let cloud = Canned::new([
        reply(200, json!({"items": []})),
        reply(200, json!({"item": []})),
        throttled(),
    ]);
    assert!(waits(deleted(&cloud, &spec("rest")).await.unwrap_err()));
}

/// After a lost answer what is seen may be a change that has not ended. CloudFront is not waited for.
#[tokio::test]
async fn a_regional_domain_that_is_being_changed_is_awaited() {
    let mut moving = first(marked());
    moving["domainNameStatus"] = json!("UPDATING");
    let cloud = Canned::new([reply(200, moving)]);
    let (id, wish) = (id("rest"), spec("rest"));
    let at = Locator {
        id: &id,
        handle: None,
        spec: Some(&wish),
        token: None,
        record: None,
    };
    let failed = provider(&cloud).observe(at).await.unwrap_err();
    assert!(matches!(failed.retry, Retry::Await { .. }), "{failed:?}");
    let edge_moves = Canned::new([reply(200, first_edge("UPDATING"))]);
    assert!(seen(&edge_moves, Some(&edge()), None).await.is_some());
}

/// Chalice deletes the domain whoever uses it (issues 1898 and 1918 of Chalice).
#[tokio::test(start_paused = true)]
async fn a_domain_goes_only_when_nobody_has_a_mapping_on_it() {
    let theirs =
        json!({"items": [{"apiMappingId": "m", "apiMappingKey": "theirs", "apiId": "x", "stage": "s"}]});
    let theirs = || reply(200, &theirs);
    let cloud = Canned::new([theirs(), theirs(), theirs()]);
    deleted(&cloud, &spec("rest")).await.unwrap();
    assert_eq!(cloud.operations(), ["GetApiMappings"; 3]);
    // The first list shows a mapping that is gone.
    let none = || reply(200, json!({"items": []}));
    let cloud = Canned::new([theirs(), none(), reply(204, "")]);
    deleted(&cloud, &spec("websocket")).await.unwrap();
    assert_eq!(
        cloud.operations(),
        ["GetApiMappings", "GetApiMappings", "DeleteDomainName"]
    );

    for last in [reply(202, ""), absent()] {
        let cloud = Canned::new([none(), reply(200, json!({"item": []})), last]);
        deleted(&cloud, &spec("rest")).await.unwrap();
        assert_eq!(
            cloud.operations(),
            ["GetApiMappings", "GetBasePathMappings", "DeleteDomainName"]
        );
        assert_eq!(cloud.asked()[2].line, "DELETE /domainnames/api.example.com");
    }
    let cloud = Canned::new([none(), reply(204, "")]);
    deleted(&cloud, &spec("websocket")).await.unwrap();
    assert_eq!(cloud.asked()[1].line, "DELETE /v2/domainnames/api.example.com");
}

fn certificate(status: &str, names: &[&str]) -> Reply {
    reply(
        200,
        json!({"Certificate": {
            "CertificateArn": CERTIFICATE, "DomainName": names[0], "SubjectAlternativeNames": names, "Status": status,
        }}),
    )
}

async fn verified(replies: Vec<Reply>, spec: &Value) -> (Vec<String>, usize) {
    let cloud = Canned::new(replies);
    let found = provider(&cloud).verify(spec).await.unwrap();
    let fields = found.iter().all(|one| one.field == "certificate_arn");
    assert!(fields, "{found:?}");
    (
        found.into_iter().map(|one| one.why).collect(),
        cloud.operations().len(),
    )
}

#[tokio::test]
async fn the_certificate_is_verified() {
    let good = vec![certificate("ISSUED", &["example.com", "*.example.com"])];
    assert_eq!(verified(good, &spec("rest")).await, (vec![], 1));
    let gone = vec![refusal(
        400,
        "ResourceNotFoundException",
        "Could not find certificate",
    )];
    let (found, _) = verified(gone, &spec("rest")).await;
    assert_eq!(found, [format!("there is no certificate {CERTIFICATE}")]);
    let bad = vec![certificate("PENDING_VALIDATION", &["example.org", "example.org"])];
    let (found, _) = verified(bad, &spec("rest")).await;
    assert_eq!(
        found,
        [
            "the certificate is not issued: it is PENDING_VALIDATION",
            "the certificate is for `example.org`, not for `api.example.com`",
        ]
    );
}

#[tokio::test]
async fn a_certificate_of_another_place_is_not_asked_for() {
    for (arn, word) in [
        (
            "arn:aws:acm:eu-west-1:123456789012:certificate/c1",
            "lies in eu-west-1",
        ),
        (
            "arn:aws:acm:us-east-1:999999999999:certificate/c1",
            "belongs to account 999999999999",
        ),
    ] {
        let mut spec = spec("rest");
        spec["certificate_arn"] = json!(arn);
        let (found, calls) = verified(Vec::new(), &spec).await;
        assert!(
            calls == 0 && found.len() == 1 && found[0].contains(word),
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn the_certificate_of_an_edge_optimised_domain_is_looked_for_in_its_own_region() {
    let cloud = Canned::new([certificate("ISSUED", &[NAME])]);
    let mut context = cloud.bare_context();
    context.region = "eu-west-1".to_owned();
    let provider = erase(
        CustomDomain::new(Arc::new(context)),
        Arc::new(Digester::new([7; 32])),
    );
    assert_eq!(provider.verify(&edge()).await.unwrap(), []);
    assert_eq!(cloud.operations(), ["DescribeCertificate"]);
}

#[tokio::test]
async fn the_local_cloud_needs_no_certificate() {
    let cloud = Canned::new([]);
    let mut context = cloud.bare_context();
    context.local = Some(LocalCloud { port: 4444 });
    let provider = erase(
        CustomDomain::new(Arc::new(context)),
        Arc::new(Digester::new([7; 32])),
    );
    assert_eq!(provider.verify(&spec("rest")).await.unwrap(), []);
}
