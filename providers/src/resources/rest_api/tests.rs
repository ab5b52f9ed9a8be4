use std::collections::BTreeMap;

use grail_state::{Observed, Record, Remote, ResourceId, StepToken, Template};

use super::*;
use crate::aws::testing::{Canned, Reply, refusal, reply};
use crate::port::{Create, Delete, Effect, Provider, Retry, Update, erase};

mod birth;
mod change;
mod others;

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

const LOOK: [&str; 4] = [
    "GetRestApi",
    "GetResources",
    "GetAuthorizers",
    "GetGatewayResponses",
];
const SURVEY: [&str; 6] = [
    "GetRestApi",
    "GetResources",
    "GetAuthorizers",
    "GetGatewayResponses",
    "GetModels",
    "GetRequestValidators",
];

async fn created(cloud: &Canned, spec: &Value) -> Result<Remote, Failure> {
    born(cloud, spec, false).await
}

async fn born(cloud: &Canned, spec: &Value, first: bool) -> Result<Remote, Failure> {
    let (id, token) = (id(), token("t1"));
    let request = Create {
        id: &id,
        spec,
        token: &token,
        first,
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
        first: false,
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
