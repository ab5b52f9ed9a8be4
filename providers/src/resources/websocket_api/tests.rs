use grail_state::{Observed, Record, Remote, ResourceId, StepToken, Template};

use super::*;
use crate::aws::testing::{Canned, Reply, refusal, reply};
use crate::port::{Create, Delete, Effect, Provider, Retry, Update, erase};

const KEYS: [&str; 3] = ["$connect", "$default", "$disconnect"];
const LOOK: [&str; 3] = ["GetApi", "GetRoutes", "GetIntegrations"];

fn id() -> ResourceId {
    ResourceId::new(WebsocketApi::KIND, "websocket_api")
}

fn provider(cloud: &Canned) -> Arc<dyn Provider> {
    erase(
        WebsocketApi::new(cloud.context_of::<WebsocketApi>()),
        Arc::new(Digester::new([7; 32])),
    )
}

fn handler(key: &str) -> &'static str {
    HANDLERS.iter().find(|(handled, _)| *handled == key).unwrap().1
}

fn arn(handler: &str) -> String {
    format!("arn:aws:lambda:us-east-1:123456789012:function:shop-dev-websocket_{handler}")
}

fn uri(function: &str) -> String {
    format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations")
}

fn spec(keys: &[&str]) -> Value {
    let route = |key: &&str| {
        let handler = handler(key);
        (
            key.to_string(),
            json!({"function": arn(handler), "description": handler}),
        )
    };
    let routes: serde_json::Map<_, _> = keys.iter().map(route).collect();
    json!({"name": "shop-dev-websocket-api", "routes": routes})
}

fn api(description: &str) -> Value {
    json!({
        "apiId": "w1", "name": "shop-dev-websocket-api", "protocolType": "WEBSOCKET", "description": description,
        "routeSelectionExpression": "$request.body.action", "apiEndpoint": "wss://w1.execute-api",
    })
}

fn integration(id: &str, handler: &str) -> Value {
    json!({
        "integrationId": id, "connectionType": "INTERNET", "contentHandlingStrategy": "CONVERT_TO_TEXT",
        "description": handler, "integrationType": "AWS_PROXY", "integrationUri": uri(&arn(handler)),
        "integrationMethod": "POST", "payloadFormatVersion": "1.0", "timeoutInMillis": 29000,
    })
}

fn route(id: &str, key: &str, integration: &str) -> Value {
    json!({
        "routeId": id, "routeKey": key, "target": format!("integrations/{integration}"), "authorizationType": "NONE",
        "apiKeyRequired": false, "routeResponseSelectionExpression": "$default",
    })
}

/// The three answers to a look.
fn look(routes: &[Value], integrations: &[Value]) -> Vec<Reply> {
    vec![
        reply(200, api("")),
        reply(200, json!({"items": routes})),
        reply(200, json!({"items": integrations})),
    ]
}

/// An API with all three handlers, as a look sees it.
fn whole() -> (Vec<Value>, Vec<Value>) {
    let each = KEYS.iter().enumerate();
    each.map(|(n, key)| {
        let integration_id = format!("i{n}");
        (
            route(&format!("r{n}"), key, &integration_id),
            integration(&integration_id, handler(key)),
        )
    })
    .unzip()
}

async fn observed(
    replies: Vec<Reply>,
    handle: Option<&str>,
    wanted: Option<&Value>,
    token: Option<&str>,
) -> (Canned, Option<Remote>) {
    let cloud = Canned::new(replies);
    let (id, handle) = (id(), handle.map(|id| Handle(id.into())));
    let token = token.map(|text| StepToken(text.into()));
    let at = Locator {
        id: &id,
        handle: handle.as_ref(),
        spec: wanted,
        token: token.as_ref(),
        record: None,
    };
    let seen = match provider(&cloud).observe(at).await.unwrap() {
        Observed::Present(remote) => Some(remote),
        Observed::Absent => None,
    };
    (cloud, seen)
}

/// What a look at the API `w1` sees.
async fn seen(routes: &[Value], integrations: &[Value], wanted: Option<&Value>) -> Remote {
    let (cloud, seen) = observed(look(routes, integrations), Some("w1"), wanted, None).await;
    assert_eq!(cloud.operations(), LOOK);
    seen.unwrap()
}

async fn created(cloud: &Canned, spec: &Value) -> Result<Remote, Failure> {
    born(cloud, spec, false).await
}

async fn born(cloud: &Canned, spec: &Value, first: bool) -> Result<Remote, Failure> {
    let (id, token) = (id(), StepToken("t1".into()));
    let request = Create {
        id: &id,
        spec,
        token: &token,
        first,
    };
    provider(cloud).create(request).await
}

async fn updated(cloud: &Canned, have: &Remote, want: &Value) -> Result<Remote, Failure> {
    let (id, token, provider) = (id(), StepToken("t2".into()), provider(cloud));
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

fn fits(want: &Value, have: &Remote) -> bool {
    let want = Template::from_value(want.clone());
    provider(&Canned::new([])).diff(&want, have).unwrap().is_empty()
}

/// What was asked after the look, in order, each with what it was about.
fn writes(cloud: &Canned) -> Vec<String> {
    let about = |line: &str| line.rsplit('/').next().unwrap_or_default().to_owned();
    let asked = cloud.asked();
    let writes = asked.iter().filter(|one| !one.operation.starts_with("Get"));
    writes
        .map(|one| format!("{} {}", one.operation, about(&one.line)))
        .collect()
}

#[tokio::test]
async fn a_birth_is_chalices_calls_and_a_mark() {
    let mut replies = vec![reply(201, api("x"))];
    for n in 0..3 {
        replies.push(reply(201, json!({"integrationId": format!("i{n}")})));
        replies.push(reply(201, json!({"routeId": format!("r{n}")})));
    }
    let cloud = Canned::new(replies);
    let want = spec(&KEYS);
    let made = born(&cloud, &want, true).await.unwrap();

    let (one, two) = ("CreateIntegration", "CreateRoute");
    assert_eq!(cloud.operations(), ["CreateApi", one, two, one, two, one, two]);
    let digest = made.outputs["definition_digest"].as_str().unwrap();
    let birth = json!({
        "name": "shop-dev-websocket-api", "protocolType": "WEBSOCKET",
        "routeSelectionExpression": "$request.body.action", "description": format!("grail:t1:{digest}"),
    });
    assert_eq!(cloud.json(0), birth);
    let first = json!({
        "connectionType": "INTERNET", "contentHandlingStrategy": "CONVERT_TO_TEXT", "description": "connect",
        "integrationType": "AWS_PROXY", "integrationUri": uri(&arn("connect")),
    });
    assert_eq!(cloud.json(1), first);
    let lead = json!({"routeKey": "$connect", "routeResponseSelectionExpression": "$default", "target": "integrations/i0"});
    assert_eq!(cloud.json(2), lead);
    assert_eq!(cloud.json(3)["description"], json!("message"));
    assert_eq!(cloud.json(4)["routeKey"], json!("$default"));

    assert_eq!(made.handle.0, "w1");
    assert_eq!(
        made.outputs["execution_arn"],
        json!("arn:aws:execute-api:us-east-1:123456789012:w1")
    );
    assert!(fits(&want, &made));
    let (routes, integrations) = whole();
    let looked_at = seen(&routes, &integrations, Some(&want)).await;
    assert_eq!((&looked_at.outputs, &looked_at.spec), (&made.outputs, &made.spec));
    assert_eq!(looked_at.proof, Proof::Ours);
}

#[tokio::test]
async fn an_api_that_was_cut_off_shows_only_whole_routes_and_is_completed() {
    let (mut routes, mut integrations) = whole();
    // Cut off between the second integration and its route.
    routes.truncate(1);
    integrations.truncate(2);
    let want = spec(&KEYS);
    let half = seen(&routes, &integrations, Some(&want)).await;
    let shown = half.spec["routes"].as_object().unwrap();
    assert_eq!(shown.keys().collect::<Vec<_>>(), ["$connect", "$default"]);
    assert_ne!(
        shown["$default"], want["routes"]["$default"],
        "what has no route is not whole"
    );

    let mut replies = look(&routes, &integrations);
    replies.extend([
        reply(201, json!({"routeId": "r1"})),
        reply(201, json!({"integrationId": "i2"})),
        reply(201, json!({"routeId": "r2"})),
    ]);
    let cloud = Canned::new(replies);
    let made = updated(&cloud, &half, &want).await.unwrap();
    cloud.operations();
    assert_eq!(
        writes(&cloud),
        [
            "CreateRoute routes",
            "CreateIntegration integrations",
            "CreateRoute routes"
        ]
    );
    assert_eq!(cloud.json(3)["target"], json!("integrations/i1"));
    assert!(fits(&want, &made));
}

#[tokio::test]
async fn a_second_try_of_a_birth_completes_what_the_first_made() {
    let (routes, integrations) = whole();
    let theirs = json!({"apiId": "x", "name": "shop-dev-websocket-api", "protocolType": "WEBSOCKET"});
    let http = json!({"apiId": "h", "name": "n", "protocolType": "HTTP", "description": format!("grail:t1:{}", "0".repeat(64))});
    let ours = api(&format!("grail:t1:{}", "0".repeat(64)));
    let cloud = Canned::new([
        reply(200, json!({"items": [http, theirs], "nextToken": "n"})),
        reply(200, json!({"items": [ours]})),
        reply(200, json!({"items": routes[..2]})),
        reply(200, json!({"items": integrations})),
        reply(201, json!({"routeId": "r2"})),
    ]);
    let made = created(&cloud, &spec(&KEYS)).await.unwrap();
    assert_eq!(made.handle.0, "w1");
    assert_eq!(
        cloud.operations(),
        [
            "GetApis",
            "GetApis",
            "GetRoutes",
            "GetIntegrations",
            "CreateRoute"
        ]
    );
    assert_eq!(cloud.json(4)["target"], json!("integrations/i2"));
}

#[tokio::test]
async fn a_route_is_pointed_to_its_new_integration_before_the_old_one_goes() {
    let (routes, integrations) = whole();
    let want = spec(&KEYS);
    let have = seen(&routes, &integrations, Some(&want)).await;
    let mut changed = want.clone();
    changed["routes"]["$default"]["function"] = json!(arn("other"));
    let mut replies = look(&routes, &integrations);
    replies.extend([
        reply(201, json!({"integrationId": "i9"})),
        reply(200, json!({"routeId": "r1"})),
        reply(204, ""),
    ]);
    let cloud = Canned::new(replies);
    let made = updated(&cloud, &have, &changed).await.unwrap();
    cloud.operations();
    assert_eq!(
        writes(&cloud),
        [
            "CreateIntegration integrations",
            "UpdateRoute r1",
            "DeleteIntegration i1"
        ]
    );
    let lead = json!({"routeResponseSelectionExpression": "$default", "target": "integrations/i9"});
    assert_eq!(cloud.json(4), lead);
    assert!(fits(&changed, &made));
    assert_ne!(
        made.outputs["definition_digest"],
        have.outputs["definition_digest"]
    );
}

#[tokio::test]
async fn a_handler_that_is_gone_takes_its_route_and_integration_along_and_nothing_else() {
    let (mut routes, mut integrations) = whole();
    routes.push(route("r7", "shout", "i7"));
    integrations.push(json!({"integrationId": "i7", "integrationType": "MOCK"}));
    // Somebody's draft, of another form than ours, and somebody's route to our own integration.
    integrations
        .push(json!({"integrationId": "i8", "integrationType": "HTTP_PROXY", "integrationUri": "https://x"}));
    routes.push(route("r8", "again", "i1"));
    let want = spec(&KEYS);
    let have = seen(&routes, &integrations, Some(&want)).await;
    let less = spec(&["$connect"]);
    let mut replies = look(&routes, &integrations);
    replies.extend([reply(204, ""), reply(204, ""), reply(204, "")]);
    let cloud = Canned::new(replies);
    updated(&cloud, &have, &less).await.unwrap();
    cloud.operations();
    assert_eq!(
        writes(&cloud),
        ["DeleteRoute r1", "DeleteRoute r2", "DeleteIntegration i2"]
    );
}

/// An update that was cut off between `DeleteRoute` and `DeleteIntegration`.
#[tokio::test]
async fn an_integration_that_was_left_without_its_route_goes_or_is_led_to_again() {
    let (mut routes, mut integrations) = whole();
    routes.truncate(2);
    // Of a stranger: it looks alike, but calls another function.
    let mut theirs = integration("i8", "disconnect");
    theirs["integrationUri"] = json!(uri("arn:aws:lambda:us-east-1:123456789012:function:theirs"));
    integrations.push(theirs);
    let less = spec(&KEYS[..2]);
    let have = seen(&routes, &integrations, Some(&less)).await;
    assert!(!fits(&less, &have), "it would stay for ever");
    let mut replies = look(&routes, &integrations);
    replies.push(reply(204, ""));
    let cloud = Canned::new(replies);
    let made = updated(&cloud, &have, &less).await.unwrap();
    cloud.operations();
    assert_eq!(writes(&cloud), ["DeleteIntegration i2"]);
    assert!(fits(&less, &made));

    let mut replies = look(&routes, &integrations);
    replies.push(reply(201, json!({"routeId": "r2"})));
    let cloud = Canned::new(replies);
    let made = updated(&cloud, &have, &spec(&KEYS)).await.unwrap();
    cloud.operations();
    assert_eq!(writes(&cloud), ["CreateRoute routes"]);
    assert_eq!(cloud.json(3)["target"], json!("integrations/i2"));
    assert!(fits(&spec(&KEYS), &made));
}

#[tokio::test]
async fn strangers_routes_are_not_shown_and_are_no_reason_for_a_deployment() {
    let (mut routes, mut integrations) = whole();
    let want = spec(&KEYS);
    let before = seen(&routes, &integrations, Some(&want)).await;
    routes.push(route("r7", "shout", "i7"));
    integrations.push(json!({"integrationId": "i7", "integrationType": "MOCK"}));
    let after = seen(&routes, &integrations, Some(&want)).await;
    assert_eq!((before.spec, before.outputs), (after.spec, after.outputs));
    assert_eq!(
        (before.additions, after.additions),
        (vec![], vec!["route shout".to_owned()])
    );
    // A handler that the application does not have, answered by somebody else's function.
    let theirs = json!({
        "integrationId": "i2", "integrationType": "AWS_PROXY", "contentHandlingStrategy": "CONVERT_TO_TEXT",
        "integrationUri": uri("arn:aws:lambda:us-east-1:123456789012:function:theirs"),
    });
    integrations[2] = theirs;
    let less = spec(&KEYS[..2]);
    assert!(fits(&less, &seen(&routes, &integrations, Some(&less)).await));
}

#[tokio::test]
async fn a_route_that_was_changed_by_hand_is_drift_and_can_be_brought_back() {
    let (mut routes, mut integrations) = whole();
    routes[1]["target"] = json!("integrations/i5");
    integrations.push(json!({"integrationId": "i5", "integrationType": "MOCK", "description": "by hand"}));
    let want = spec(&KEYS);
    let have = seen(&routes, &integrations, Some(&want)).await;
    assert_eq!(
        have.spec["routes"]["$default"]["function"],
        json!("changed outside: integration i5")
    );

    let cloud = Canned::new(look(&routes, &integrations));
    let secured = provider(&cloud).secure(&have).await.unwrap();
    assert_eq!(secured.spec["routes"]["$default"]["integration"], json!("i5"));

    let mut replies = look(&routes, &integrations);
    replies.push(reply(200, json!({"routeId": "r1"})));
    let cloud = Canned::new(replies);
    let repaired = updated(&cloud, &have, &want).await.unwrap();
    cloud.operations();
    // The integration that leads elsewhere stays.
    assert_eq!(writes(&cloud), ["UpdateRoute r1"]);
    assert_eq!(cloud.json(3)["target"], json!("integrations/i1"));

    routes[1]["target"] = json!("integrations/i1");
    let mut replies = look(&routes, &integrations);
    replies.extend([reply(200, json!({"routeId": "r1"})), reply(204, "")]);
    let cloud = Canned::new(replies);
    let back = updated(&cloud, &repaired, &secured.spec).await.unwrap();
    assert_eq!(writes(&cloud), ["UpdateRoute r1", "DeleteIntegration i1"]);
    assert_eq!(cloud.json(3)["target"], json!("integrations/i5"));
    assert_eq!(back.spec, have.spec);
}

#[tokio::test]
async fn an_authorizer_that_somebody_set_on_our_route_is_taken_off() {
    let (mut routes, integrations) = whole();
    routes[0]["authorizationType"] = json!("AWS_IAM");
    routes[0]["apiKeyRequired"] = json!(true);
    let want = spec(&KEYS);
    let have = seen(&routes, &integrations, Some(&want)).await;
    assert!(!fits(&want, &have));
    let mut replies = look(&routes, &integrations);
    replies.push(reply(200, json!({"routeId": "r0"})));
    let cloud = Canned::new(replies);
    updated(&cloud, &have, &want).await.unwrap();
    assert_eq!(writes(&cloud), ["UpdateRoute r0"]);
    let body = cloud.json(3);
    assert_eq!(
        (&body["authorizationType"], &body["apiKeyRequired"]),
        (&json!("NONE"), &json!(false))
    );
}

#[tokio::test]
async fn an_api_is_found_again_by_mark_and_by_name_with_our_function() {
    let (routes, integrations) = whole();
    let want = spec(&KEYS);
    let contents = || {
        [
            reply(200, json!({"items": routes})),
            reply(200, json!({"items": integrations})),
        ]
    };
    let marked = json!({"items": [api(&format!("grail:t1:{}", "0".repeat(64)))]});
    let [a, b] = contents();
    let (cloud, found) = observed(vec![reply(200, &marked), a, b], None, Some(&want), Some("t1")).await;
    assert_eq!(found.unwrap().handle.0, "w1");
    assert_eq!(cloud.operations(), ["GetApis", "GetRoutes", "GetIntegrations"]);

    let named = json!({"items": [{"apiId": "x", "name": "shop-dev-websocket-api", "protocolType": "WEBSOCKET"}, api("")]});
    let empty = || reply(200, json!({"items": []}));
    let [a, b] = contents();
    let (_, found) = observed(
        vec![reply(200, &named), empty(), empty(), a, b],
        None,
        Some(&want),
        None,
    )
    .await;
    assert_eq!(found.unwrap().handle.0, "w1");

    let (_, found) = observed(
        vec![reply(200, &named), empty(), empty(), empty(), empty()],
        None,
        Some(&want),
        None,
    )
    .await;
    assert_eq!(found, None);
    let (cloud, found) = observed(Vec::new(), None, None, None).await;
    assert_eq!((found, cloud.operations().len()), (None, 0));
}

#[tokio::test]
async fn two_apis_that_could_be_meant_are_named() {
    let (routes, integrations) = whole();
    let named = json!({"items": [api(""), api("")]});
    let mut replies = vec![reply(200, named)];
    for _ in 0..2 {
        replies.extend([
            reply(200, json!({"items": routes})),
            reply(200, json!({"items": integrations})),
        ]);
    }
    let cloud = Canned::new(replies);
    let (id, want) = (id(), spec(&KEYS));
    let at = Locator {
        id: &id,
        handle: None,
        spec: Some(&want),
        token: None,
        record: None,
    };
    let failure = provider(&cloud).observe(at).await.unwrap_err();
    assert!(
        failure
            .chain()
            .contains("2 WebSocket APIs are called `shop-dev-websocket-api`"),
        "{}",
        failure.chain()
    );
    assert!(failure.hint.is_some());
}

#[tokio::test]
async fn a_stranger_of_our_name_proves_nothing_and_pages_are_read_to_the_end() {
    let (routes, integrations) = whole();
    let theirs = "arn:aws:lambda:us-east-1:123456789012:function:shop-dev-extra-websocket_connect";
    let mut foreign = integrations[0].clone();
    foreign["integrationUri"] = json!(uri(theirs));
    let replies = vec![
        reply(200, api("made by hand")),
        reply(200, json!({"items": [routes[0]], "nextToken": "a"})),
        reply(200, json!({"items": [routes[1]], "nextToken": ""})),
        reply(200, json!({"items": [foreign], "nextToken": "b"})),
        reply(200, json!({"items": []})),
    ];
    let (cloud, found) = observed(replies, Some("w1"), None, None).await;
    let found = found.unwrap();
    assert_eq!(
        (found.proof, &found.spec["routes"]),
        (Proof::NameOnly, &json!({}))
    );
    assert_eq!(
        cloud.operations(),
        [
            "GetApi",
            "GetRoutes",
            "GetRoutes",
            "GetIntegrations",
            "GetIntegrations"
        ]
    );
    assert!(cloud.asked()[2].line.ends_with("nextToken=a"));
}

#[tokio::test]
async fn an_old_record_leads_to_an_api_that_is_gone() {
    let gone = refusal(404, "NotFoundException", "Invalid API identifier specified w1");
    let record = Record {
        handle: Handle("w1".into()),
        spec: Value::Null,
        outputs: BTreeMap::new(),
        depends_on: BTreeSet::new(),
        rank: 0,
        token: None,
    };
    let cloud = Canned::new([gone, reply(200, json!({"items": []}))]);
    let (id, want) = (id(), spec(&KEYS));
    let at = Locator {
        id: &id,
        handle: Some(&record.handle),
        spec: Some(&want),
        token: None,
        record: Some(&record),
    };
    assert_eq!(provider(&cloud).observe(at).await.unwrap(), Observed::Absent);
    assert_eq!(cloud.operations(), ["GetApi", "GetApis"]);
}

#[tokio::test]
async fn a_new_name_is_one_call() {
    let (routes, integrations) = whole();
    let want = spec(&KEYS);
    let have = seen(&routes, &integrations, Some(&want)).await;
    let mut renamed = want.clone();
    renamed["name"] = json!("other");
    let cloud = Canned::new([reply(200, api(""))]);
    let made = updated(&cloud, &have, &renamed).await.unwrap();
    assert_eq!(cloud.operations(), ["UpdateApi"]);
    assert_eq!(cloud.json(0), json!({"name": "other"}));
    assert_eq!(made.outputs, have.outputs);
}

#[tokio::test]
async fn a_failure_after_the_first_change_leaves_doubt() {
    let cloud = Canned::new([
        reply(200, json!({"items": []})),
        reply(201, api("x")),
        refusal(400, "BadRequestException", "Invalid integration URI specified"),
    ]);
    let failure = created(&cloud, &spec(&KEYS)).await.unwrap_err();
    assert_eq!((failure.effect, failure.retry), (Effect::Maybe, Retry::Never));

    let cloud = Canned::new([
        reply(200, json!({"items": []})),
        refusal(429, "TooManyRequestsException", "Rate exceeded"),
    ]);
    let failure = created(&cloud, &spec(&KEYS)).await.unwrap_err();
    assert_eq!(failure.effect, Effect::None);
    assert!(matches!(failure.retry, Retry::Await { .. }));

    let cloud = Canned::new([
        reply(200, json!({"items": []})),
        reply(201, api("x")),
        reply(201, json!({"integrationId": "i0"})),
        refusal(
            409,
            "ConflictException",
            "Route with key $connect already exists for this API",
        ),
    ]);
    let failure = created(&cloud, &spec(&KEYS)).await.unwrap_err();
    assert!(
        failure.effect == Effect::Maybe && matches!(failure.retry, Retry::After(_)),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_deletion_is_one_call_and_gone_is_fine() {
    let (id, handle, outputs) = (id(), Handle("w1".into()), BTreeMap::new());
    for answer in [
        reply(204, ""),
        refusal(404, "NotFoundException", "Invalid API identifier specified w1"),
    ] {
        let cloud = Canned::new([answer]);
        let removal = Delete {
            id: &id,
            handle: &handle,
            spec: &Value::Null,
            outputs: &outputs,
        };
        provider(&cloud).delete(removal).await.unwrap();
        assert_eq!(cloud.asked()[0].line, "DELETE /v2/apis/w1");
    }
}

#[test]
fn a_form_with_references_can_be_checked_and_compared() {
    let stand_in = "(known after deploy: lambda_function.websocket_connect/arn)";
    let form = Spec {
        name: "n".into(),
        routes: [(
            "$connect".to_owned(),
            Route {
                function: stand_in.into(),
                description: "connect".into(),
                integration: None,
            },
        )]
        .into(),
    };
    assert_eq!(WebsocketApi::check(&form), []);
    let empty = Spec {
        name: String::new(),
        ..form
    };
    assert_eq!(WebsocketApi::check(&empty)[0].field, "name");
}
