use std::collections::BTreeMap;

use grail_state::{Observed, Record, Remote, ResourceId, Template};

use super::*;
use crate::aws::testing::{Canned, Reply, refusal, reply};
use crate::port::{Create, Delete, Effect, Provider, Update, erase};

const HANDLER: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/\
                       arn:aws:lambda:us-east-1:123456789012:function:shop-dev/invocations";

fn id() -> ResourceId {
    ResourceId::new(RestApi::KIND, "rest_api")
}

fn token(text: &str) -> StepToken {
    StepToken(text.to_owned())
}

fn definition(path: &str) -> Value {
    json!({
        "openapi": "3.0.1",
        "info": {"title": "shop", "version": "1.0"},
        "paths": {path: {"get": {"x-amazon-apigateway-integration": {"type": "aws_proxy", "uri": HANDLER}}}},
        "components": {"securitySchemes": {"auth": {"type": "apiKey", "name": "Authorization", "in": "header"}}},
    })
}

fn spec(path: &str) -> Value {
    json!({"name": "shop", "endpoint_type": "EDGE", "definition": definition(path)})
}

fn digest(path: &str) -> String {
    Digest::of_value(&definition(path)).0
}

fn mark(attempt: &str, path: &str) -> String {
    format!("grail:{attempt}:{}", digest(path))
}

/// An API as API Gateway answers it.
fn api(description: &str) -> Value {
    json!({
        "id": "a1", "name": "shop", "description": description, "version": "1.0", "createdDate": 1.0,
        "apiKeySource": "HEADER", "endpointConfiguration": {"types": ["EDGE"]},
    })
}

/// Its resources: `ids` are what a put renews.
fn resources(path: &str, ids: &str) -> Value {
    json!({"item": [
        {"id": format!("{ids}0"), "path": "/"},
        {"id": format!("{ids}1"), "parentId": format!("{ids}0"), "path": path, "resourceMethods": {"GET": {
            "httpMethod": "GET", "authorizationType": "CUSTOM", "authorizerId": format!("{ids}2"),
            "methodResponses": {"200": {"statusCode": "200"}},
            "methodIntegration": {
                "type": "AWS_PROXY", "httpMethod": "POST", "uri": HANDLER, "cacheNamespace": format!("{ids}1"),
            },
        }}},
    ]})
}

fn authorizers(ids: &str) -> Value {
    json!({"item": [{"id": format!("{ids}2"), "name": "auth", "type": "TOKEN", "authType": "custom",
        "authorizerUri": HANDLER, "identitySource": "method.request.header.Authorization"}]})
}

/// The four answers to a look.
fn look(description: &str, path: &str, ids: &str) -> Vec<Reply> {
    vec![
        reply(200, api(description)),
        reply(200, resources(path, ids)),
        reply(200, authorizers(ids)),
        nothing(),
    ]
}

/// An empty list.
fn nothing() -> Reply {
    reply(200, json!({"item": []}))
}

/// The six answers to a look at everything, as each put has before it.
fn survey(path: &str) -> Vec<Reply> {
    let mut replies = look("", path, "s");
    replies.extend([nothing(), nothing()]);
    replies
}

fn provider(cloud: &Canned) -> Arc<dyn Provider> {
    erase(RestApi::new(cloud.context_of::<RestApi>()), digester())
}

fn digester() -> Arc<Digester> {
    Arc::new(Digester::new([7; 32]))
}

const LOOK: [&str; 4] = ["GetRestApi", "GetResources", "GetAuthorizers", "GetGatewayResponses"];
const SURVEY: [&str; 6] = [
    "GetRestApi",
    "GetResources",
    "GetAuthorizers",
    "GetGatewayResponses",
    "GetModels",
    "GetRequestValidators",
];

async fn created(cloud: &Canned, spec: &Value) -> Result<Remote, Failure> {
    let (id, token) = (id(), token("t1"));
    let request = Create {
        id: &id,
        spec,
        token: &token,
    };
    provider(cloud).create(request).await
}

async fn updated(cloud: &Canned, have: &Remote, want: &Value) -> Result<Remote, Failure> {
    let (id, token, provider) = (id(), token("t2"), provider(cloud));
    let diff = provider.diff(&Template::from_value(want.clone()), have).unwrap();
    let request = Update {
        id: &id,
        have,
        want,
        diff: &diff,
        token: &token,
    };
    provider.update(request).await
}

/// What a record of `remote` knows.
fn record(remote: &Remote) -> Record {
    Record {
        handle: remote.handle.clone(),
        spec: remote.spec.clone(),
        outputs: remote.outputs.clone(),
        depends_on: Default::default(),
        rank: 0,
        token: None,
    }
}

/// A look as the planner has it: with the token of the attempt that made the thing.
async fn seen_with(cloud: &Canned, record: &Record) -> Remote {
    let (id, made_by) = (id(), token("t1"));
    let at = Locator {
        id: &id,
        handle: Some(&record.handle),
        spec: Some(&record.spec),
        token: Some(&made_by),
        record: Some(record),
    };
    match provider(cloud).observe(at).await.unwrap() {
        Observed::Present(remote) => remote,
        Observed::Absent => panic!("nothing was seen"),
    }
}

/// A remote as a first deploy leaves it.
async fn deployed() -> Remote {
    let mut replies = vec![
        reply(200, json!({"item": []})),
        reply(201, api(&mark("t1", "/items"))),
    ];
    replies.extend(look(&mark("t1", "/items"), "/items", "x"));
    created(&Canned::new(replies), &spec("/items")).await.unwrap()
}

#[tokio::test]
async fn a_birth_is_one_import_of_the_marked_document() {
    let mut replies = vec![
        reply(200, json!({"item": []})),
        reply(201, api(&mark("t1", "/items"))),
    ];
    replies.extend(look(&mark("t1", "/items"), "/items", "x"));
    let cloud = Canned::new(replies);
    let remote = created(&cloud, &spec("/items")).await.unwrap();

    assert_eq!(cloud.operations(), [&["GetRestApis", "ImportRestApi"][..], &LOOK].concat());
    let asked = &cloud.asked()[1];
    assert!(
        asked.line.contains("mode=import") && asked.line.contains("endpointConfigurationTypes=EDGE"),
        "{asked:?}"
    );
    let mut sent = definition("/items");
    sent["info"]["description"] = json!(mark("t1", "/items"));
    assert_eq!(cloud.json(1), sent);
    assert_eq!(remote.handle, Handle("a1".into()));
    assert_eq!(remote.proof, Proof::Ours);
    assert_eq!(remote.outputs["definition_digest"], json!(digest("/items")));
    assert_eq!(
        remote.outputs["execution_arn"],
        json!("arn:aws:execute-api:us-east-1:123456789012:a1")
    );
    assert_eq!(
        remote.spec,
        json!({"name": "shop", "endpoint_type": "EDGE", "definition": digest("/items")})
    );
    let want = Template::from_value(spec("/items"));
    assert!(provider(&cloud).diff(&want, &remote).unwrap().is_empty());
}

#[tokio::test]
async fn a_second_try_of_a_birth_puts_the_same_into_what_the_first_made() {
    let theirs = json!({"id": "b9", "name": "shop", "description": "grail:other:no mark"});
    let list = json!({"item": [theirs, api(&mark("t1", "/items"))]});
    let mut replies = vec![reply(200, list), reply(200, api(&mark("t1", "/items")))];
    replies.extend(look(&mark("t1", "/items"), "/items", "x"));
    let cloud = Canned::new(replies);
    assert_eq!(created(&cloud, &spec("/items")).await.unwrap().handle.0, "a1");
    assert_eq!(cloud.operations(), [&["GetRestApis", "PutRestApi"][..], &LOOK].concat());
    let mut sent = definition("/items");
    sent["info"]["description"] = json!(mark("t1", "/items"));
    assert_eq!(cloud.json(1), sent);
}

/// What a look sees after an import of `/items` without an answer; its document is `kept` or not.
async fn after_a_lost_import(cloud: &Canned, kept: bool) -> (Arc<dyn Provider>, Remote) {
    let context = cloud.context();
    if kept {
        let sent = canonical(&definition("/items"));
        context.artifacts.put(sent.as_bytes()).unwrap();
    }
    let provider = erase(RestApi::new(context), digester());
    let (id, attempt, wanted) = (id(), token("t1"), spec("/items"));
    let at = Locator {
        id: &id,
        handle: None,
        spec: Some(&wanted),
        token: Some(&attempt),
        record: None,
    };
    let remote = provider.observe(at).await.unwrap().remote().unwrap().clone();
    (provider, remote)
}

fn listed() -> Reply {
    reply(200, json!({"item": [api(&mark("t1", "/items"))]}))
}

#[tokio::test]
async fn a_whole_import_without_answer_needs_no_put() {
    let mut replies = vec![listed()];
    replies.extend(look(&mark("t1", "/items"), "/items", "x"));
    let cloud = Canned::new(replies);
    let (provider, remote) = after_a_lost_import(&cloud, true).await;
    assert_eq!(remote.spec["definition"], json!(digest("/items")));
    let want = Template::from_value(spec("/items"));
    assert!(provider.diff(&want, &remote).unwrap().is_empty());
    assert_eq!(cloud.operations(), [&["GetRestApis"][..], &LOOK].concat());
}

#[tokio::test]
async fn a_partial_import_without_answer_is_put_again() {
    let mut partial = look(&mark("t1", "/items"), "/items", "x");
    partial[1] = reply(200, json!({"item": [{"id": "x0", "path": "/"}]}));
    let mut replies = vec![listed()];
    replies.extend(partial);
    replies.extend(survey("/items"));
    replies.push(reply(200, api(&mark("t2", "/items"))));
    replies.extend(look(&mark("t2", "/items"), "/items", "y"));
    let cloud = Canned::new(replies);
    let (_, remote) = after_a_lost_import(&cloud, true).await;
    let told = remote.spec["definition"].as_str().unwrap();
    assert!(told.starts_with("not known: "), "{told}");
    let whole = updated(&cloud, &remote, &spec("/items")).await.unwrap();
    assert_eq!(whole.spec["definition"], json!(digest("/items")));
    assert_eq!(whole.outputs["baseline"], deployed().await.outputs["baseline"]);
    assert_eq!(
        cloud.operations(),
        [&["GetRestApis"][..], &LOOK, &SURVEY, &["PutRestApi"], &LOOK].concat()
    );
}

#[tokio::test]
async fn an_import_without_answer_is_not_believed_without_its_document() {
    let mut replies = vec![listed()];
    replies.extend(look(&mark("t1", "/items"), "/items", "x"));
    let (_, remote) = after_a_lost_import(&Canned::new(replies), false).await;
    let told = remote.spec["definition"].as_str().unwrap();
    assert!(told.starts_with("not known: "), "{told}");
}

#[tokio::test]
async fn what_the_import_did_not_take_is_patched() {
    let mut want = spec("/items");
    want["endpoint_type"] = json!("REGIONAL");
    want["minimum_compression"] = json!(1024);
    let mut replies = vec![
        reply(200, json!({"item": []})),
        reply(201, api(&mark("t1", "/items"))),
        reply(200, api("")),
    ];
    replies.extend(look(&mark("t1", "/items"), "/items", "x"));
    let cloud = Canned::new(replies);
    created(&cloud, &want).await.unwrap();
    assert_eq!(cloud.asked()[2].operation, "UpdateRestApi");
    let patches = json!([
        {"op": "replace", "path": "/minimumCompressionSize", "value": "1024"},
        {"op": "replace", "path": "/endpointConfiguration/types/EDGE", "value": "REGIONAL"},
    ]);
    assert_eq!(cloud.json(2)["patchOperations"], patches);
    cloud.operations();
}

#[tokio::test]
async fn a_patch_that_is_refused_after_the_import_leaves_doubt() {
    let mut want = spec("/items");
    want["minimum_compression"] = json!(1024);
    let cloud = Canned::new([
        reply(200, json!({"item": []})),
        reply(201, api(&mark("t1", "/items"))),
        refusal(400, "BadRequestException", "no"),
    ]);
    let failure = created(&cloud, &want).await.unwrap_err();
    assert_eq!((failure.effect, failure.retry), (Effect::Maybe, Retry::Never));
}

#[tokio::test]
async fn being_throttled_is_a_wait_and_no_failed_attempt() {
    let cloud = Canned::new([
        reply(200, json!({"item": []})),
        refusal(429, "TooManyRequestsException", "Rate exceeded"),
    ]);
    let failure = created(&cloud, &spec("/items")).await.unwrap_err();
    assert_eq!(failure.effect, Effect::None);
    assert!(matches!(failure.retry, Retry::Await { after, .. } if after == Duration::from_secs(30)));
}

#[tokio::test]
async fn the_same_api_with_new_ids_is_the_recorded_one() {
    let record = record(&deployed().await);
    // Chalice's patch to the description, and another put of the same: all ids are new.
    let cloud = Canned::new(look("", "/items", "y"));
    let remote = seen_with(&cloud, &record).await;
    assert_eq!(cloud.operations(), LOOK);
    assert_eq!(RestApi::READS.each as usize, LOOK.len());
    assert_eq!((remote.spec, remote.outputs), (record.spec, record.outputs));
}

#[tokio::test]
async fn a_change_by_another_hand_is_told_and_one_put_repairs_it() {
    let before = record(&deployed().await);
    let cloud = Canned::new(look(&mark("t1", "/items"), "/else", "x"));
    let drifted = seen_with(&cloud, &before).await;
    let told = drifted.spec["definition"].as_str().unwrap();
    assert!(told.starts_with("changed outside: "), "{told}");

    let mut replies = survey("/else");
    replies.push(reply(200, api(&mark("t2", "/items"))));
    replies.extend(look(&mark("t2", "/items"), "/items", "z"));
    let cloud = Canned::new(replies);
    let repaired = updated(&cloud, &drifted, &spec("/items")).await.unwrap();
    assert_eq!(cloud.operations(), [&SURVEY[..], &["PutRestApi"], &LOOK].concat());
    assert!(cloud.asked()[6].line.contains("mode=overwrite"));
    assert_eq!(repaired.outputs["baseline"], before.outputs["baseline"]);
}

#[tokio::test]
async fn an_emulator_that_keeps_the_old_description_gets_it_patched() {
    let before = deployed().await;
    let mut replies = survey("/items");
    replies.push(reply(200, api(&mark("t1", "/items"))));
    replies.push(reply(200, api(&mark("t2", "/more"))));
    replies.extend(look(&mark("t2", "/more"), "/more", "y"));
    let cloud = Canned::new(replies);
    let after = updated(&cloud, &before, &spec("/more")).await.unwrap();
    assert_eq!(
        cloud.operations(),
        [&SURVEY[..], &["PutRestApi", "UpdateRestApi"], &LOOK].concat()
    );
    let patches = json!([{"op": "replace", "path": "/description", "value": mark("t2", "/more")}]);
    assert_eq!(cloud.json(7)["patchOperations"], patches);
    assert_eq!(after.outputs["definition_digest"], json!(digest("/more")));
}

#[tokio::test]
async fn a_setting_alone_is_patched_without_a_put() {
    let before = deployed().await;
    let mut want = spec("/items");
    want["endpoint_type"] = json!("PRIVATE");
    let mut replies = vec![reply(200, api(""))];
    replies.extend(look("", "/items", "x"));
    let cloud = Canned::new(replies);
    let after = updated(&cloud, &before, &want).await.unwrap();
    assert_eq!(cloud.operations(), [&["UpdateRestApi"][..], &LOOK].concat());
    let patches = json!([{"op": "replace", "path": "/endpointConfiguration/types/EDGE", "value": "PRIVATE"}]);
    assert_eq!(cloud.json(0)["patchOperations"], patches);
    assert_eq!(after.spec["definition"], json!(digest("/items")));
    let template = Template::from_value(want);
    assert!(provider(&cloud).diff(&template, &after).unwrap().is_empty());
}

/// An API of an endpoint type as API Gateway answers it.
fn api_of(endpoint: &str, description: &str) -> Value {
    let mut api = api(description);
    api["endpointConfiguration"]["types"] = json!([endpoint]);
    api
}

/// A cloud after a change of definition and endpoint type: `replies` are the answers to the writes.
async fn moved(from: &str, to: &str, replies: Vec<Reply>) -> Canned {
    let mut before = deployed().await;
    before.spec["endpoint_type"] = json!(from);
    let mut want = spec("/more");
    want["endpoint_type"] = json!(to);
    let description = mark("t2", "/more");
    let mut replies: Vec<_> = survey("/items").into_iter().chain(replies).collect();
    replies.push(reply(200, api_of(to, &description)));
    replies.extend(look(&description, "/more", "y").split_off(1));
    let cloud = Canned::new(replies);
    updated(&cloud, &before, &want).await.unwrap();
    cloud
}

#[tokio::test]
async fn an_api_is_private_before_its_document_names_vpc_endpoints() {
    let description = mark("t2", "/more");
    let answers = || reply(200, api_of("PRIVATE", &description));

    let into = moved("EDGE", "PRIVATE", vec![answers(), answers()]).await;
    assert_eq!(into.operations(), [&SURVEY[..], &["UpdateRestApi", "PutRestApi"], &LOOK].concat());
    let patches = json!([{"op": "replace", "path": "/endpointConfiguration/types/EDGE", "value": "PRIVATE"}]);
    assert_eq!(into.json(6)["patchOperations"], patches);

    let out = moved("PRIVATE", "REGIONAL", vec![answers(), answers()]).await;
    assert_eq!(out.operations(), [&SURVEY[..], &["PutRestApi", "UpdateRestApi"], &LOOK].concat());
    let patches = json!([{"op": "replace", "path": "/endpointConfiguration/types/PRIVATE", "value": "REGIONAL"}]);
    assert_eq!(out.json(7)["patchOperations"], patches);
}

#[tokio::test]
async fn a_put_that_is_refused_after_the_change_to_private_leaves_doubt() {
    let before = deployed().await;
    let mut want = spec("/more");
    want["endpoint_type"] = json!("PRIVATE");
    let mut replies = survey("/items");
    replies.push(reply(200, api_of("PRIVATE", "")));
    replies.push(refusal(400, "BadRequestException", "no"));
    let cloud = Canned::new(replies);
    let failure = updated(&cloud, &before, &want).await.unwrap_err();
    assert_eq!((failure.effect, failure.retry), (Effect::Maybe, Retry::Never));
}

#[tokio::test]
async fn a_put_without_answer_is_recognised_by_its_mark() {
    let before = record(&deployed().await);
    let cloud = Canned::new(look(&mark("t2", "/more"), "/more", "y"));
    let context = cloud.context();
    let sent = canonical(&definition("/more"));
    context.artifacts.put(sent.as_bytes()).unwrap();
    let provider = erase(RestApi::new(context), digester());
    let (id, attempt) = (id(), token("t2"));
    let at = Locator {
        id: &id,
        handle: Some(&before.handle),
        spec: None,
        token: Some(&attempt),
        record: Some(&before),
    };
    let seen = provider.observe(at).await.unwrap();
    let remote = seen.remote().unwrap();
    assert_eq!(remote.spec["definition"], json!(digest("/more")));
}

#[tokio::test]
async fn an_unknown_api_is_ours_only_if_it_calls_our_handler() {
    let foreign = resources("/x", "f")
        .to_string()
        .replace("function:shop-dev/", "function:shop-prod/");
    let list = json!({"item": [
        {"id": "f1", "name": "shop"}, {"id": "g1", "name": "shop-dev"}, {"id": "a1", "name": "shop"},
    ]});
    let mut replies = vec![
        reply(200, list),
        reply(200, foreign),
        reply(200, resources("/items", "x")),
    ];
    replies.extend(look("", "/items", "x"));
    let cloud = Canned::new(replies);
    let (id, wanted) = (id(), spec("/items"));
    let at = Locator {
        id: &id,
        handle: None,
        spec: Some(&wanted),
        token: None,
        record: None,
    };
    let seen = provider(&cloud).observe(at).await.unwrap();
    let remote = seen.remote().unwrap();
    assert_eq!((remote.handle.0.as_str(), &remote.proof), ("a1", &Proof::Ours));
    assert!(
        remote.spec["definition"]
            .as_str()
            .unwrap()
            .starts_with("not known: ")
    );
    assert_eq!(
        cloud.operations(),
        [&["GetRestApis", "GetResources", "GetResources"][..], &LOOK].concat()
    );
}

#[tokio::test]
async fn two_that_could_be_meant_are_named_and_none_is_taken() {
    let list = json!({"item": [{"id": "a1", "name": "shop"}, {"id": "a2", "name": "shop"}]});
    let cloud = Canned::new([
        reply(200, list),
        reply(200, resources("/items", "x")),
        reply(200, resources("/items", "y")),
    ]);
    let (id, wanted) = (id(), spec("/items"));
    let at = Locator {
        id: &id,
        handle: None,
        spec: Some(&wanted),
        token: None,
        record: None,
    };
    let failure = provider(&cloud).observe(at).await.unwrap_err();
    assert!(
        failure.chain().ends_with("a1, a2") && failure.hint.is_some(),
        "{}",
        failure.chain()
    );
}

#[tokio::test]
async fn a_deletion_is_one_call_and_gone_is_fine() {
    let (id, handle, outputs) = (id(), Handle("a1".into()), BTreeMap::new());
    for (answer, after) in [
        (reply(202, ""), None),
        (
            refusal(404, "NotFoundException", "Invalid API identifier specified"),
            None,
        ),
        (
            refusal(429, "TooManyRequestsException", "Rate exceeded"),
            Some(30),
        ),
    ] {
        let cloud = Canned::new([answer]);
        let removal = Delete {
            id: &id,
            handle: &handle,
            spec: &Value::Null,
            outputs: &outputs,
        };
        let result = provider(&cloud).delete(removal).await;
        assert_eq!(cloud.operations(), ["DeleteRestApi"]);
        let waits = result.err().map(|failure| match failure.retry {
            Retry::Await { after, .. } => after.as_secs(),
            other => panic!("{other:?}"),
        });
        assert_eq!(waits, after);
    }
}

#[tokio::test]
async fn the_way_back_is_the_document_that_was_sent() {
    let mut replies = vec![
        reply(200, json!({"item": []})),
        reply(201, api(&mark("t1", "/items"))),
    ];
    for _ in 0..2 {
        replies.extend(look(&mark("t1", "/items"), "/items", "x"));
    }
    replies.extend(survey("/more"));
    replies.push(reply(200, api(&mark("t2", "/items"))));
    replies.extend(look(&mark("t2", "/items"), "/items", "z"));
    let cloud = Canned::new(replies);
    let context = cloud.context();
    let provider = erase(RestApi::new(context), digester());
    let (id, attempt) = (id(), token("t1"));
    let request = Create {
        id: &id,
        spec: &spec("/items"),
        token: &attempt,
    };
    let remote = provider.create(request).await.unwrap();
    let secured = provider.secure(&remote).await.unwrap();
    assert_eq!(secured.artifacts, [Digest(digest("/items"))]);

    let moved = Remote {
        spec: json!({"name": "shop", "endpoint_type": "EDGE", "definition": digest("/more")}),
        ..remote.clone()
    };
    let diff = provider
        .diff(&Template::from_value(secured.spec.clone()), &moved)
        .unwrap();
    assert!(!diff.is_empty() && diff.clone().without(&["definition".to_owned()]).is_empty());
    let attempt = token("t2");
    let request = Update {
        id: &id,
        have: &moved,
        want: &secured.spec,
        diff: &diff,
        token: &attempt,
    };
    let back = provider.update(request).await.unwrap();
    assert_eq!(
        (back.spec, &back.outputs["baseline"]),
        (remote.spec, &remote.outputs["baseline"])
    );
    let sent: Value = cloud.json(16);
    assert_eq!(sent["paths"], definition("/items")["paths"]);
}

#[tokio::test]
async fn the_way_back_to_another_s_api_is_rebuilt_from_a_whole_reading() {
    let mut replies = look("", "/items", "x");
    replies.extend(look("", "/items", "x"));
    replies.pop();
    replies.push(reply(
        200,
        json!({"item": [
            {"responseType": "DEFAULT_4XX", "defaultResponse": true},
            {"responseType": "THROTTLED", "statusCode": "420", "defaultResponse": false},
        ]}),
    ));
    replies.push(reply(
        200,
        json!({"item": [{"id": "m", "name": "Item", "contentType": "application/json",
        "schema": "{\"type\":\"object\"}"}]}),
    ));
    replies.push(reply(200, json!({"item": []})));
    let cloud = Canned::new(replies);
    let context = cloud.context();
    let provider = erase(RestApi::new(Arc::clone(&context)), digester());
    let theirs = Remote {
        handle: Handle("a1".into()),
        spec: json!({"name": "shop", "endpoint_type": "EDGE", "definition": "not known: 0"}),
        outputs: BTreeMap::new(),
        proof: Proof::Ours, additions: Vec::new(), };
    let secured = provider.secure(&theirs).await.unwrap();
    let kept = context.artifacts.get(&secured.artifacts[0]).unwrap().unwrap();
    let document: Value = serde_json::from_slice(&kept).unwrap();
    assert_eq!(secured.spec["definition"], json!(Digest::of_value(&document)));
    insta::assert_json_snapshot!(document, @r##"
    {
      "components": {
        "schemas": {
          "Item": {
            "type": "object"
          }
        },
        "securitySchemes": {
          "auth": {
            "in": "header",
            "name": "Authorization",
            "type": "apiKey",
            "x-amazon-apigateway-authorizer": {
              "authorizerUri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:shop-dev/invocations",
              "type": "token"
            },
            "x-amazon-apigateway-authtype": "custom"
          }
        }
      },
      "info": {
        "title": "shop",
        "version": "1.0"
      },
      "openapi": "3.0.1",
      "paths": {
        "/items": {
          "get": {
            "responses": {
              "200": {
                "description": "200 response"
              }
            },
            "security": [
              {
                "auth": []
              }
            ],
            "x-amazon-apigateway-integration": {
              "httpMethod": "POST",
              "type": "aws_proxy",
              "uri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:shop-dev/invocations"
            }
          }
        }
      },
      "x-amazon-apigateway-api-key-source": "HEADER",
      "x-amazon-apigateway-gateway-responses": {
        "THROTTLED": {
          "statusCode": "420"
        }
      }
    }
    "##);
    let asked = cloud.operations();
    assert_eq!(asked[4..], SURVEY);
}

/// What somebody has made in the console beside our routes: a method, and an answer to requests that fail.
fn handmade(path: &str) -> Vec<Reply> {
    let mut resources = resources(path, "h");
    let method = json!({"GET": {"httpMethod": "GET", "authorizationType": "NONE",
        "methodIntegration": {"type": "HTTP_PROXY", "httpMethod": "GET", "uri": "https://example.com"}}});
    let made = json!({"id": "h9", "path": "/status", "resourceMethods": method});
    resources["item"].as_array_mut().unwrap().push(made);
    let answer = json!({"responseType": "DEFAULT_4XX", "statusCode": "418", "defaultResponse": false,
        "responseParameters": {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}});
    vec![
        reply(200, api(&mark("t1", path))),
        reply(200, resources),
        reply(200, authorizers("h")),
        reply(200, json!({"item": [answer]})),
    ]
}

#[tokio::test]
async fn what_others_made_by_hand_is_told_and_no_drift() {
    let mut replies = vec![nothing(), reply(201, api(&mark("t1", "/items")))];
    replies.extend(look(&mark("t1", "/items"), "/items", "x"));
    replies.extend(handmade("/items"));
    let cloud = Canned::new(replies);
    let provider = provider(&cloud);
    let (id, attempt) = (id(), token("t1"));
    let request = Create {
        id: &id,
        spec: &spec("/items"),
        token: &attempt,
    };
    let before = provider.create(request).await.unwrap();
    let before = record(&before);
    let at = Locator {
        id: &id,
        handle: Some(&before.handle),
        spec: Some(&before.spec),
        token: Some(&attempt),
        record: Some(&before),
    };
    let seen = provider.observe(at).await.unwrap();
    let remote = seen.remote().unwrap();
    assert_eq!((&remote.spec, &remote.outputs), (&before.spec, &before.outputs));
    assert_eq!(
        remote.additions,
        ["method GET /status", "gateway response DEFAULT_4XX"]
    );
}

/// Chalice wipes them with each deploy (aws/chalice 787, 123).
#[tokio::test]
async fn what_others_made_by_hand_goes_into_the_document_that_is_put() {
    let before = deployed().await;
    let mut replies = handmade("/items");
    replies.extend([nothing(), nothing(), reply(200, api(&mark("t2", "/more")))]);
    let mut after = handmade("/more");
    after[0] = reply(200, api(&mark("t2", "/more")));
    replies.extend(after);
    let cloud = Canned::new(replies);
    let after = updated(&cloud, &before, &spec("/more")).await.unwrap();
    let sent: Value = cloud.json(6);
    assert_eq!(sent["paths"]["/more"], definition("/more")["paths"]["/more"]);
    assert_eq!(sent["paths"].get("/items"), None, "it called our handler: it was ours");
    assert_eq!(
        sent["paths"]["/status"]["get"]["x-amazon-apigateway-integration"]["uri"],
        "https://example.com"
    );
    let answers = &sent["x-amazon-apigateway-gateway-responses"];
    assert_eq!(answers["DEFAULT_4XX"]["statusCode"], "418");
    assert_eq!(after.outputs["definition_digest"], json!(digest("/more")), "ours alone");
    assert_eq!(after.additions.len(), 2);
    let plain = Canned::new(look("", "/more", "z"));
    let unseen = RestApi::new(plain.context_of::<RestApi>());
    let reading = Reading::take(&unseen.context, "a1", Depth::Core).await.unwrap().unwrap();
    assert_eq!(after.outputs["baseline"], json!(reading.baseline(&reading.form)));
}

#[test]
fn a_definition_is_compared_by_the_digest_of_what_it_resolves_to() {
    let resolved: Spec = serde_json::from_value(spec("/items")).unwrap();
    assert_eq!(
        RestApi::project(&resolved, &digester())["definition"],
        json!(digest("/items"))
    );
    let text = spec("/items")
        .to_string()
        .replace("function:shop-dev", "(known after deploy: x.y/arn)");
    let open: Spec = serde_json::from_str(&text).unwrap();
    assert!(has_stand_in(
        RestApi::project(&open, &digester())["definition"]
            .as_str()
            .unwrap()
    ));
    assert_eq!(RestApi::check(&open), []);
}

#[test]
fn what_is_wrong_with_a_spec_is_said_at_once() {
    let mut spec: Spec = serde_json::from_value(spec("/items")).unwrap();
    spec.name = "other".into();
    spec.minimum_compression = Some(LARGEST_COMPRESSION + 1);
    let fields: Vec<_> = RestApi::check(&spec).into_iter().map(|one| one.field).collect();
    assert_eq!(fields, ["minimum_compression", "definition.info.title"]);
}
