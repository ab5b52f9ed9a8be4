use grail_state::{Observed, Record, Remote, ResourceId, Template};

use super::*;
use crate::aws::LocalCloud;
use crate::aws::testing::{Canned, Reply, refusal, reply};
use crate::port::{Create, Delete, Effect, Provider, Retry, Update, erase};

fn id() -> ResourceId {
    ResourceId::new(WebsocketStage::KIND, "websocket_api")
}

fn digest(of: char) -> String {
    of.to_string().repeat(64)
}

fn spec(of: char) -> Value {
    json!({"api": "w1", "stage": "api", "definition": digest(of)})
}

fn provider(cloud: &Canned) -> Arc<dyn Provider> {
    erase(
        WebsocketStage::new(cloud.context_of::<WebsocketStage>()),
        Arc::new(Digester::new([7; 32])),
    )
}

fn deployment(id: &str, of: char, made: u32) -> Value {
    json!({
        "deploymentId": id, "description": format!("grail:t0:{}", digest(of)), "deploymentStatus": "DEPLOYED",
        "createdDate": format!("2026-01-01T00:00:{made:02}Z"),
    })
}

fn deployed(id: &str) -> Reply {
    reply(201, json!({"deploymentId": id, "deploymentStatus": "DEPLOYED"}))
}

fn list(deployments: &[Value]) -> Reply {
    reply(200, json!({"items": deployments}))
}

fn stage(deployment: &str) -> Reply {
    reply(
        200,
        json!({"stageName": "api", "deploymentId": deployment, "autoDeploy": false}),
    )
}

fn remote(deployment: &str, definition: &str) -> Remote {
    let mut spec = spec('a');
    spec["definition"] = json!(definition);
    Remote {
        handle: Handle("w1/api".into()),
        spec,
        outputs: BTreeMap::from([("deployment_id".to_owned(), json!(deployment))]),
        proof: Proof::Ours,
        additions: Vec::new(),
    }
}

async fn created(cloud: &Canned, spec: &Value) -> Result<Remote, Failure> {
    let (id, token) = (id(), StepToken("t1".into()));
    let request = Create {
        id: &id,
        spec,
        token: &token,
        first: false,
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

async fn seen(cloud: &Canned, record: Option<&Record>, spec: Option<&Value>) -> Option<Remote> {
    let id = id();
    let at = Locator {
        id: &id,
        handle: record.map(|record| &record.handle),
        spec,
        token: None,
        record,
    };
    match provider(cloud).observe(at).await.unwrap() {
        Observed::Present(remote) => Some(remote),
        Observed::Absent => None,
    }
}

fn record(remote: Remote) -> Record {
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
async fn a_stage_is_born_on_a_deployment_that_bears_the_digest() {
    let cloud = Canned::new([list(&[]), deployed("d1"), reply(201, json!({"stageName": "api"}))]);
    let made = created(&cloud, &spec('a')).await.unwrap();
    assert_eq!(
        cloud.operations(),
        ["GetDeployments", "CreateDeployment", "CreateStage"]
    );
    assert_eq!(
        cloud.json(1),
        json!({"description": format!("grail:t1:{}", digest('a'))})
    );
    assert_eq!(cloud.json(2), json!({"stageName": "api", "deploymentId": "d1"}));
    assert_eq!(made.handle.0, "w1/api");
    assert_eq!(
        made.outputs["url"],
        json!("wss://w1.execute-api.us-east-1.amazonaws.com/api/")
    );
    let want = Template::from_value(spec('a'));
    assert!(provider(&cloud).diff(&want, &made).unwrap().is_empty());
}

#[tokio::test]
async fn the_url_of_the_local_cloud_is_of_another_form() {
    let cloud = Canned::new([stage("d1"), reply(404, json!({"message": "no"}))]);
    let mut context = cloud.bare_context();
    context.local = Some(LocalCloud { port: 4444 });
    let provider = erase(
        WebsocketStage::new(Arc::new(context)),
        Arc::new(Digester::new([7; 32])),
    );
    let record = record(remote("d1", &digest('a')));
    let id = id();
    let at = Locator {
        id: &id,
        handle: Some(&record.handle),
        spec: None,
        token: None,
        record: Some(&record),
    };
    let seen = provider.observe(at).await.unwrap();
    assert_eq!(
        seen.remote().unwrap().outputs["url"],
        json!("ws://127.0.0.1:4444/_aws/execute-api/w1/api/")
    );
}

/// Chalice deploys a WebSocket API once and never again (`chalice-app.md` A.3, 10).
#[tokio::test]
async fn a_changed_websocket_route_is_deployed() {
    let cloud = Canned::new([list(&[deployment("d1", 'a', 1)]), deployed("d2"), stage("d2")]);
    let made = updated(&cloud, &remote("d1", &digest('a')), &spec('b'))
        .await
        .unwrap();
    assert_eq!(
        cloud.operations(),
        ["GetDeployments", "CreateDeployment", "UpdateStage"]
    );
    assert_eq!(cloud.json(2), json!({"deploymentId": "d2", "autoDeploy": false}));
    assert_eq!(cloud.asked()[2].line, "PATCH /v2/apis/w1/stages/api");
    assert_eq!(made.outputs["deployment_id"], json!("d2"));
}

#[tokio::test]
async fn a_deployment_whose_answer_was_lost_is_found_again() {
    let cloud = Canned::new([Reply::Broken]);
    assert!(created(&cloud, &spec('a')).await.is_err());
    let cloud = Canned::new([
        list(&[deployment("d1", 'b', 1), deployment("d2", 'a', 2)]),
        refusal(409, "ConflictException", "Stage already exists"),
        stage("d2"),
    ]);
    let made = created(&cloud, &spec('a')).await.unwrap();
    assert_eq!(
        cloud.operations(),
        ["GetDeployments", "CreateStage", "UpdateStage"]
    );
    assert_eq!(made.outputs["deployment_id"], json!("d2"));
}

#[tokio::test]
async fn an_older_deployment_of_the_same_routes_is_not_taken_since_strangers_may_have_changed_theirs() {
    let theirs =
        json!({"deploymentId": "x", "createdDate": "2026-01-01T00:00:09Z", "description": "by hand"});
    let all = [deployment("d1", 'a', 1), theirs];
    let cloud = Canned::new([list(&all), deployed("d3"), stage("d3")]);
    updated(&cloud, &remote("x", "deployment x"), &spec('a'))
        .await
        .unwrap();
    assert_eq!(
        cloud.operations(),
        ["GetDeployments", "CreateDeployment", "UpdateStage"]
    );
}

#[tokio::test]
async fn while_the_stage_shows_the_recorded_deployment_one_read_is_enough() {
    let cloud = Canned::new([stage("d1")]);
    let record = record(remote("d1", &digest('a')));
    let found = seen(&cloud, Some(&record), None).await.unwrap();
    assert_eq!(cloud.operations().len(), WebsocketStage::READS.each as usize);
    assert_eq!(found.spec, spec('a'));
}

#[tokio::test]
async fn a_deployment_that_the_state_does_not_know_is_looked_at() {
    for (description, shown) in [
        (format!("grail:t0:{}", digest('b')), digest('b')),
        (String::new(), "deployment d2".to_owned()),
    ] {
        let cloud = Canned::new([
            stage("d2"),
            reply(200, json!({"deploymentId": "d2", "description": description})),
        ]);
        let record = record(remote("d1", &digest('a')));
        let found = seen(&cloud, Some(&record), None).await.unwrap();
        assert_eq!(cloud.operations(), ["GetStage", "GetDeployment"]);
        assert_eq!(found.spec["definition"], json!(shown));
    }
}

#[tokio::test]
async fn a_stage_that_deploys_by_itself_or_shows_nothing_is_drift() {
    let record = record(remote("d1", &digest('a')));
    for (there, shown) in [
        (
            json!({"stageName": "api", "deploymentId": "d1", "autoDeploy": true}),
            "deployed by itself",
        ),
        (json!({"stageName": "api"}), "not deployed"),
    ] {
        let cloud = Canned::new([reply(200, there)]);
        let found = seen(&cloud, Some(&record), None).await.unwrap();
        assert_eq!(found.spec["definition"], json!(shown));
        cloud.operations();
    }
    // The way back to a stage that showed nothing asks for nothing.
    let cloud = Canned::new([]);
    let mut nothing = spec('a');
    nothing["definition"] = json!("not deployed");
    let back = updated(&cloud, &remote("d1", &digest('a')), &nothing)
        .await
        .unwrap();
    assert_eq!(back.outputs["deployment_id"], json!("d1"));
}

#[tokio::test]
async fn a_stage_of_an_api_that_is_not_made_yet_is_absent_without_a_call() {
    let cloud = Canned::new([]);
    let spec = json!({"api": "(known after deploy: websocket_api.websocket_api/id)", "stage": "api"});
    assert_eq!(seen(&cloud, None, Some(&spec)).await, None);
    let cloud = Canned::new([refusal(
        404,
        "NotFoundException",
        "Invalid stage identifier specified",
    )]);
    assert_eq!(
        seen(&cloud, None, Some(&json!({"api": "w1", "stage": "api"}))).await,
        None
    );
}

#[tokio::test]
async fn what_has_had_its_day_is_retired_but_for_the_one_to_go_back_to() {
    let old = (0..9).map(|n| deployment(&format!("d{n}"), char::from(b'0' + u8::try_from(n).unwrap()), n));
    let foreign = json!({"deploymentId": "theirs", "createdDate": "2025-01-01T00:00:00Z"});
    let all: Vec<_> = old.chain([foreign]).collect();
    let cloud = Canned::new([
        reply(200, json!({"items": all[..4], "nextToken": "n"})),
        list(&all[4..]),
        deployed("new"),
        stage("new"),
        reply(204, ""),
        refusal(409, "ConflictException", "Deployment is in use"),
        reply(204, ""),
    ]);
    updated(&cloud, &remote("d0", &digest('0')), &spec('f'))
        .await
        .unwrap();
    let gone = "DeleteDeployment";
    let list = "GetDeployments";
    assert_eq!(
        cloud.operations(),
        [list, list, "CreateDeployment", "UpdateStage", gone, gone, gone]
    );
    let retired: Vec<_> = cloud.asked()[4..].iter().map(|one| one.line.clone()).collect();
    let line = |id| format!("DELETE /v2/apis/w1/deployments/{id}");
    assert_eq!(retired, [line("d3"), line("d2"), line("d1")]);
}

#[tokio::test]
async fn the_way_back_is_one_pointer() {
    let before = remote("theirs", "deployment theirs");
    let looked = Canned::new([stage("theirs")]);
    let secured = provider(&looked).secure(&before).await.unwrap();
    assert_eq!(secured.spec["deployment"], json!("theirs"));

    let cloud = Canned::new([stage("theirs")]);
    let back = updated(&cloud, &remote("d2", &digest('b')), &secured.spec)
        .await
        .unwrap();
    assert_eq!(cloud.operations(), ["UpdateStage"]);
    assert_eq!(
        (back.spec, &back.outputs["deployment_id"]),
        (before.spec.clone(), &json!("theirs"))
    );

    let cloud = Canned::new([reply(201, json!({"stageName": "api"}))]);
    created(&cloud, &secured.spec).await.unwrap();
    assert_eq!(cloud.operations(), ["CreateStage"]);
    assert_eq!(cloud.json(0)["deploymentId"], json!("theirs"));
}

#[tokio::test(start_paused = true)]
async fn a_deployment_is_waited_for() {
    let now = |status: &str| {
        reply(
            200,
            json!({"deploymentId": "d1", "deploymentStatus": status, "deploymentStatusMessage": "no route"}),
        )
    };
    let cloud = Canned::new([
        list(&[]),
        now("PENDING"),
        now("PENDING"),
        now("DEPLOYED"),
        reply(201, json!({})),
    ]);
    created(&cloud, &spec('a')).await.unwrap();
    let look = "GetDeployment";
    assert_eq!(
        cloud.operations(),
        ["GetDeployments", "CreateDeployment", look, look, "CreateStage"]
    );

    let cloud = Canned::new([list(&[]), now("FAILED")]);
    let failure = created(&cloud, &spec('a')).await.unwrap_err();
    assert!(
        failure.effect == Effect::Maybe && failure.chain().contains("no route"),
        "{}",
        failure.chain()
    );
}

#[tokio::test]
async fn doubt_and_throttling() {
    let cloud = Canned::new([list(&[]), Reply::Broken]);
    assert_eq!(
        created(&cloud, &spec('a')).await.unwrap_err().effect,
        Effect::Maybe
    );
    let cloud = Canned::new([
        list(&[]),
        refusal(429, "TooManyRequestsException", "Rate exceeded"),
    ]);
    let failure = created(&cloud, &spec('a')).await.unwrap_err();
    assert!(matches!(failure.retry, Retry::Await { after, .. } if after == Duration::from_secs(5)));
    let cloud = Canned::new([
        list(&[]),
        deployed("d1"),
        refusal(400, "BadRequestException", "no"),
    ]);
    let failure = updated(&cloud, &remote("d0", "deployment d0"), &spec('a'))
        .await
        .unwrap_err();
    assert_eq!((failure.effect, failure.retry), (Effect::Maybe, Retry::Never));
    let cloud = Canned::new([]);
    let mut want = spec('a');
    want["definition"] = json!("changed outside");
    assert_eq!(created(&cloud, &want).await.unwrap_err().effect, Effect::None);
}

#[tokio::test]
async fn a_deletion_is_one_call_and_gone_is_fine() {
    let (id, handle, outputs) = (id(), Handle("w1/api".into()), BTreeMap::new());
    for answer in [
        reply(204, ""),
        refusal(404, "NotFoundException", "Invalid stage identifier specified"),
    ] {
        let cloud = Canned::new([answer]);
        let removal = Delete {
            id: &id,
            handle: &handle,
            spec: &Value::Null,
            outputs: &outputs,
        };
        provider(&cloud).delete(removal).await.unwrap();
        assert_eq!(cloud.asked()[0].line, "DELETE /v2/apis/w1/stages/api");
    }
}
