use std::collections::BTreeMap;

use grail_state::digest::Digester;
use grail_state::{Observed, Record, Remote, ResourceId, StepToken, Template};

use super::*;
use crate::aws::testing::{Canned, Reply, refusal, reply};
use crate::port::{Create, Delete, Provider, Update, erase};

const DOMAIN: &str = "api.example.com";

fn provider(cloud: &Canned) -> Arc<dyn Provider> {
    erase(
        ApiMapping::new(cloud.context_of::<ApiMapping>()),
        Arc::new(Digester::new([7; 32])),
    )
}

fn id(protocol: &str) -> ResourceId {
    let name = match protocol {
        "rest" => "api_gateway_custom_domain",
        _ => "websocket_api_custom_domain",
    };
    ResourceId::new(ApiMapping::KIND, name)
}

fn spec(protocol: &str, prefix: &str) -> Value {
    json!({"domain": DOMAIN, "prefix": prefix, "protocol": protocol, "api": "a1", "stage": "api"})
}

fn protocol_of(spec: &Value) -> &str {
    spec["protocol"].as_str().unwrap()
}

fn first(base_path: &str, api: &str, stage: &str) -> Reply {
    reply(
        200,
        json!({"basePath": base_path, "restApiId": api, "stage": stage}),
    )
}

fn second(mappings: &[(&str, &str, &str)]) -> Reply {
    let items = mappings.iter().enumerate().map(|(n, (key, api, stage))| {
        json!({"apiMappingId": format!("m{n}"), "apiMappingKey": key, "apiId": api, "stage": stage})
    });
    reply(200, json!({"items": items.collect::<Vec<_>>()}))
}

fn missing() -> Reply {
    refusal(
        404,
        "NotFoundException",
        "Invalid base path mapping identifier specified",
    )
}

fn taken() -> Reply {
    refusal(
        409,
        "ConflictException",
        "Base path already exists for this domain name",
    )
}

fn remote(spec: &Value) -> Remote {
    Remote {
        handle: Handle(format!("{DOMAIN}/{}", spec["prefix"].as_str().unwrap())),
        spec: spec.clone(),
        outputs: BTreeMap::new(),
        proof: Proof::Ours,
        additions: Vec::new(),
    }
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

async fn seen(cloud: &Canned, spec: &Value, record: Option<&Record>) -> Option<Remote> {
    let id = id(protocol_of(spec));
    let at = Locator {
        id: &id,
        handle: record.map(|record| &record.handle),
        spec: Some(spec),
        token: None,
        record,
    };
    match provider(cloud).observe(at).await.unwrap() {
        Observed::Present(remote) => Some(remote),
        Observed::Absent => None,
    }
}

fn record(spec: &Value) -> Record {
    let remote = remote(spec);
    Record {
        handle: remote.handle,
        spec: remote.spec,
        outputs: remote.outputs,
        depends_on: Default::default(),
        rank: 0,
        token: None,
    }
}

#[tokio::test]
async fn plain_prefixes_of_rest_domains_are_made_as_chalice_makes_them() {
    for (prefix, base_path, key) in [("", "(none)", "/"), ("v1", "v1", "/v1")] {
        let cloud = Canned::new([first(base_path, "a1", "api")]);
        let made = created(&cloud, &spec("rest", prefix)).await.unwrap();
        assert_eq!(cloud.operations(), ["CreateBasePathMapping"]);
        let asked = &cloud.asked()[0];
        assert_eq!(asked.line, "POST /domainnames/api.example.com/basepathmappings");
        assert_eq!(
            cloud.json(0),
            json!({"basePath": base_path, "restApiId": "a1", "stage": "api"})
        );
        assert_eq!(made.handle.0, format!("{DOMAIN}/{prefix}"));
        assert_eq!(
            (&made.outputs["key"], &made.outputs["mapping"]),
            (&json!(key), &json!([{"key": key}]))
        );
    }
}

/// The first version refuses a prefix with an inner slash, and Chalice with it (issue 1897 of Chalice).
#[tokio::test]
async fn a_prefix_of_several_parts_goes_by_the_second_version() {
    let cloud = Canned::new([reply(201, json!({"apiMappingId": "m0", "apiMappingKey": "a/b"}))]);
    let made = created(&cloud, &spec("rest", "a/b")).await.unwrap();
    assert_eq!(cloud.operations(), ["CreateApiMapping"]);
    assert_eq!(
        cloud.asked()[0].line,
        "POST /v2/domainnames/api.example.com/apimappings"
    );
    assert_eq!(
        cloud.json(0),
        json!({"apiId": "a1", "apiMappingKey": "a/b", "stage": "api"})
    );
    assert_eq!(made.outputs["mapping"], json!([{"key": "/a/b"}]));
}

#[tokio::test]
async fn the_root_of_a_websocket_domain_has_an_empty_key() {
    let cloud = Canned::new([reply(201, json!({"apiMappingId": "m0"}))]);
    created(&cloud, &spec("websocket", "")).await.unwrap();
    assert_eq!(cloud.operations(), ["CreateApiMapping"]);
    assert_eq!(cloud.json(0), json!({"apiId": "a1", "stage": "api"}));
}

#[tokio::test]
async fn the_root_is_recognised_however_it_is_written() {
    let want = spec("websocket", "");
    for key in ["", "(none)", "/"] {
        let cloud = Canned::new([second(&[("v1", "a9", "x"), (key, "a1", "api")])]);
        let found = seen(&cloud, &want, None).await.unwrap();
        assert_eq!((found.spec, found.proof), (want.clone(), Proof::Ours), "{key}");
        assert_eq!(cloud.operations().len(), ApiMapping::READS.each as usize);
    }
    let cloud = Canned::new([first("(none)", "a1", "api")]);
    let found = seen(&cloud, &spec("rest", ""), None).await.unwrap();
    assert_eq!(cloud.operations(), ["GetBasePathMapping"]);
    assert!(
        cloud.asked()[0].line.ends_with("/basepathmappings/%28none%29"),
        "{:?}",
        cloud.asked()
    );
    assert_eq!(found.handle.0, "api.example.com/");
}

#[tokio::test]
async fn pages_of_mappings_are_read_to_the_end() {
    let cloud = Canned::new([
        reply(200, json!({"items": [], "nextToken": "n"})),
        second(&[("a/b", "a1", "api")]),
    ]);
    assert!(seen(&cloud, &spec("rest", "a/b"), None).await.is_some());
    assert_eq!(cloud.operations(), ["GetApiMappings", "GetApiMappings"]);
}

#[tokio::test]
async fn nothing_is_there_where_the_domain_or_the_mapping_is_not() {
    let cloud = Canned::new([]);
    let mut wanted = spec("rest", "v1");
    wanted["domain"] = json!("(known after deploy: custom_domain.api_gateway_custom_domain/name)");
    assert_eq!(seen(&cloud, &wanted, None).await, None);
    let cloud = Canned::new([missing()]);
    assert_eq!(seen(&cloud, &spec("rest", "v1"), None).await, None);
    for there in [
        refusal(404, "NotFoundException", "no domain"),
        second(&[("other", "a1", "api")]),
    ] {
        assert_eq!(
            seen(&Canned::new([there]), &spec("websocket", "v1"), None).await,
            None
        );
    }
    // The old place is empty, the wanted one is not.
    let cloud = Canned::new([missing(), first("v2", "a1", "api")]);
    let found = seen(&cloud, &spec("rest", "v2"), Some(&record(&spec("rest", "v1"))))
        .await
        .unwrap();
    assert_eq!(found.handle.0, "api.example.com/v2");
}

#[tokio::test]
async fn a_mapping_to_another_api_is_somebody_elses() {
    let cloud = Canned::new([first("v1", "theirs", "prod")]);
    assert_eq!(
        seen(&cloud, &spec("rest", "v1"), None).await.unwrap().proof,
        Proof::NameOnly
    );

    for (protocol, there) in [
        ("rest", first("v1", "theirs", "api")),
        ("websocket", second(&[("v1", "theirs", "api")])),
    ] {
        let cloud = Canned::new([taken(), there]);
        let failure = created(&cloud, &spec(protocol, "v1")).await.unwrap_err();
        assert!(failure.foreign && failure.hint.is_some(), "{failure:?}");
    }
}

#[tokio::test]
async fn a_mapping_that_leads_to_our_api_already_is_taken() {
    let (look, make) = ("GetBasePathMapping", "CreateBasePathMapping");
    let cloud = Canned::new([taken(), first("v1", "a1", "api")]);
    created(&cloud, &spec("rest", "v1")).await.unwrap();
    assert_eq!(cloud.operations(), [make, look]);
    let cloud = Canned::new([taken(), first("v1", "a1", "old"), first("v1", "a1", "api")]);
    created(&cloud, &spec("rest", "v1")).await.unwrap();
    assert_eq!(cloud.operations(), [make, look, "UpdateBasePathMapping"]);
    let patches = json!({"patchOperations": [{"op": "replace", "path": "/stage", "value": "api"}]});
    assert_eq!(cloud.json(2), patches);
}

/// Chalice never turns an existing mapping to another API or stage (`chalice-deployer.md` 3.12).
#[tokio::test]
async fn an_existing_mapping_is_re_pointed() {
    let want = spec("rest", "v1");
    let mut have = want.clone();
    have["api"] = json!("a0");
    have["stage"] = json!("old");
    let cloud = Canned::new([first("v1", "a1", "api")]);
    let made = updated(&cloud, &have, &want).await.unwrap();
    assert_eq!(cloud.operations(), ["UpdateBasePathMapping"]);
    assert_eq!(
        cloud.asked()[0].line,
        "PATCH /domainnames/api.example.com/basepathmappings/v1"
    );
    let patches = json!([
        {"op": "replace", "path": "/restapiId", "value": "a1"},
        {"op": "replace", "path": "/stage", "value": "api"},
    ]);
    assert_eq!(cloud.json(0)["patchOperations"], patches);
    assert_eq!(made.spec, want);

    let want = spec("websocket", "");
    let mut have = want.clone();
    have["stage"] = json!("old");
    let cloud = Canned::new([
        second(&[("v1", "a1", "x"), ("(none)", "a1", "old")]),
        reply(200, json!({"apiMappingId": "m1"})),
    ]);
    updated(&cloud, &have, &want).await.unwrap();
    assert_eq!(cloud.operations(), ["GetApiMappings", "UpdateApiMapping"]);
    assert_eq!(
        cloud.asked()[1].line,
        "PATCH /v2/domainnames/api.example.com/apimappings/m1"
    );
    assert_eq!(cloud.json(1), json!({"apiId": "a1", "stage": "api"}));
}

/// With Chalice a changed prefix takes the old mapping away as the very first step.
#[test]
fn another_prefix_or_domain_is_another_mapping_beside_the_old_one() {
    let provider = provider(&Canned::new([]));
    for (field, value) in [("prefix", "v2"), ("domain", "other.example.com")] {
        let mut want = spec("rest", "v1");
        want[field] = json!(value);
        let have = remote(&spec("rest", "v1"));
        assert!(
            provider
                .diff(&Template::from_value(want), &have)
                .unwrap()
                .replaces()
        );
    }
    assert!(!provider.name_bound());
}

#[tokio::test]
async fn only_our_own_mapping_is_deleted() {
    let ours = spec("rest", "");
    let cloud = Canned::new([first("(none)", "a1", "api"), reply(202, "")]);
    deleted(&cloud, &ours).await.unwrap();
    assert_eq!(
        cloud.operations(),
        ["GetBasePathMapping", "DeleteBasePathMapping"]
    );

    let ours = spec("websocket", "v1");
    let cloud = Canned::new([
        second(&[("v2", "a1", "api"), ("v1", "a1", "api")]),
        reply(204, ""),
    ]);
    deleted(&cloud, &ours).await.unwrap();
    assert_eq!(
        cloud.asked()[1].line,
        "DELETE /v2/domainnames/api.example.com/apimappings/m1"
    );

    let cloud = Canned::new([first("v1", "theirs", "api")]);
    deleted(&cloud, &spec("rest", "v1")).await.unwrap();
    assert_eq!(cloud.operations(), ["GetBasePathMapping"]);
}

#[tokio::test]
async fn gone_is_done() {
    let cloud = Canned::new([missing()]);
    deleted(&cloud, &spec("rest", "v1")).await.unwrap();
    let cloud = Canned::new([first("v1", "a1", "api"), missing()]);
    deleted(&cloud, &spec("rest", "v1")).await.unwrap();
    for there in [refusal(404, "NotFoundException", "no domain"), second(&[])] {
        deleted(&Canned::new([there]), &spec("websocket", "v1"))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn anybodys_mapping_keeps_a_domain() {
    let asks = |replies: Vec<Reply>, protocol| async move {
        let cloud = Canned::new(replies);
        let mapped = is_mapped(&cloud.context(), DOMAIN, protocol).await.unwrap();
        (mapped, cloud.operations())
    };
    let base = |items: Value| reply(200, json!({"item": items}));
    let (v2, v1) = ("GetApiMappings", "GetBasePathMappings");
    let cases = [
        (
            vec![second(&[("x", "theirs", "s")])],
            Protocol::Rest,
            true,
            vec![v2],
        ),
        (
            vec![second(&[]), base(json!([]))],
            Protocol::Rest,
            false,
            vec![v2, v1],
        ),
        (
            vec![second(&[]), base(json!([{"basePath": "x"}]))],
            Protocol::Rest,
            true,
            vec![v2, v1],
        ),
        (vec![missing(), missing()], Protocol::Rest, false, vec![v2, v1]),
        (vec![second(&[])], Protocol::Websocket, false, vec![v2]),
    ];
    for (replies, protocol, mapped, asked) in cases {
        let asked = asked.into_iter().map(ToOwned::to_owned).collect();
        assert_eq!(asks(replies, protocol).await, (mapped, asked));
    }
}

#[test]
fn prefixes_are_checked() {
    let check = |prefix: &str| {
        let spec: Spec = serde_json::from_value(spec("rest", prefix)).unwrap();
        ApiMapping::check(&spec).len()
    };
    for good in ["", "v1", "a/b/c", "a-b_c.d"] {
        assert_eq!(check(good), 0, "{good}");
    }
    for bad in ["/v1", "v1/", "a//b", "a b", "(none)", "ä", &"x".repeat(301)] {
        assert_eq!(check(bad), 1, "{bad}");
    }
}
