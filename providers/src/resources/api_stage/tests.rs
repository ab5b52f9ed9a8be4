use grail_state::{Observed, Record, Remote, ResourceId, Template};

use super::*;
use crate::aws::LocalCloud;
use crate::aws::testing::{Canned, Reply, refusal, reply};
use crate::port::{Create, Delete, Effect, Provider, Retry, Update, erase};

fn id() -> ResourceId {
    ResourceId::new(ApiStage::KIND, "rest_api")
}

fn digest(of: char) -> String {
    of.to_string().repeat(64)
}

fn spec(of: char) -> Value {
    json!({"api": "a1", "stage": "api", "definition": digest(of), "tracing": false})
}

fn provider(cloud: &Canned) -> Arc<dyn Provider> {
    erase(
        ApiStage::new(cloud.context_of::<ApiStage>()),
        Arc::new(Digester::new([7; 32])),
    )
}

fn deployment(id: &str, of: char, made: f64) -> Value {
    json!({"id": id, "description": format!("grail:t0:{}", digest(of)), "createdDate": made})
}

fn theirs(made: f64) -> Value {
    json!({"id": "theirs", "createdDate": made})
}

fn remote(deployment: &str, definition: &str) -> Remote {
    let mut spec = spec('a');
    spec["definition"] = json!(definition);
    Remote {
        handle: Handle("a1/api".into()),
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
async fn a_stage_is_born_in_one_call() {
    let cloud = Canned::new([reply(201, json!({"id": "d1"}))]);
    let remote = created(&cloud, &spec('a')).await.unwrap();
    assert_eq!(cloud.operations(), ["CreateDeployment"]);
    let asked = &cloud.asked()[0];
    assert_eq!(asked.line, "POST /restapis/a1/deployments");
    let body = json!({"stageName": "api", "description": format!("grail:t1:{}", digest('a')), "tracingEnabled": false});
    assert_eq!(cloud.json(0), body);
    assert_eq!(remote.handle.0, "a1/api");
    assert_eq!(
        remote.outputs["url"],
        json!("https://a1.execute-api.us-east-1.amazonaws.com/api/")
    );
    assert_eq!(remote.outputs["deployment_id"], json!("d1"));
    let want = Template::from_value(spec('a'));
    assert!(provider(&cloud).diff(&want, &remote).unwrap().is_empty());
}

#[tokio::test]
async fn the_url_of_the_local_cloud_is_of_another_form() {
    let cloud = Canned::new([reply(201, json!({"id": "d1"}))]);
    let mut context = cloud.bare_context();
    context.local = Some(LocalCloud { port: 4444 });
    let stage = ApiStage::new(Arc::new(context));
    let spec: Spec = serde_json::from_value(spec('a')).unwrap();
    let token = StepToken("t1".into());
    let birth = Birth {
        id: &id(),
        spec: &spec,
        token: &token,
        first: false,
    };
    let made = stage.create(birth).await.unwrap();
    assert_eq!(
        made.outputs["url"],
        json!("http://a1.execute-api.localhost:4444/api/")
    );
}

#[tokio::test]
async fn tracing_that_the_deployment_did_not_set_is_patched() {
    let mut want = spec('a');
    want["tracing"] = json!(true);
    let cloud = Canned::new([
        reply(201, json!({"id": "d1"})),
        reply(200, json!({"stageName": "api", "deploymentId": "d1"})),
        reply(200, json!({"stageName": "api", "tracingEnabled": true})),
    ]);
    created(&cloud, &want).await.unwrap();
    assert_eq!(
        cloud.operations(),
        ["CreateDeployment", "GetStage", "UpdateStage"]
    );
    let patches = json!([{"op": "replace", "path": "/tracingEnabled", "value": "true"}]);
    assert_eq!(cloud.json(2)["patchOperations"], patches);

    let cloud = Canned::new([
        reply(201, json!({"id": "d1"})),
        reply(200, json!({"stageName": "api", "tracingEnabled": true})),
    ]);
    created(&cloud, &want).await.unwrap();
    assert_eq!(cloud.operations(), ["CreateDeployment", "GetStage"]);
}

#[tokio::test]
async fn while_the_stage_shows_the_recorded_deployment_one_read_is_enough() {
    let cloud = Canned::new([reply(200, json!({"stageName": "api", "deploymentId": "d1"}))]);
    let record = record(remote("d1", &digest('a')));
    let found = seen(&cloud, Some(&record), None).await.unwrap();
    assert_eq!(cloud.operations().len(), ApiStage::READS.each as usize);
    assert_eq!(
        (found.spec["definition"].as_str().unwrap(), found.proof),
        (digest('a').as_str(), Proof::Ours)
    );
}

#[tokio::test]
async fn a_deployment_that_the_state_does_not_know_is_looked_at() {
    for (description, shown) in [
        (format!("grail:t0:{}", digest('b')), digest('b')),
        (String::new(), "deployment d2".to_owned()),
    ] {
        let cloud = Canned::new([
            reply(
                200,
                json!({"stageName": "api", "deploymentId": "d2", "tracingEnabled": true}),
            ),
            reply(200, json!({"id": "d2", "description": description})),
        ]);
        let record = record(remote("d1", &digest('a')));
        let found = seen(&cloud, Some(&record), None).await.unwrap();
        assert_eq!(cloud.operations(), ["GetStage", "GetDeployment"]);
        assert_eq!(
            (&found.spec["definition"], &found.spec["tracing"]),
            (&json!(shown), &json!(true))
        );
        assert_eq!(found.outputs["deployment_id"], json!("d2"));
    }
}

#[tokio::test]
async fn a_stage_of_an_api_that_is_not_made_yet_is_absent_without_a_call() {
    let cloud = Canned::new([]);
    let spec = json!({"api": "(known after deploy: rest_api.rest_api/id)", "stage": "api"});
    assert_eq!(seen(&cloud, None, Some(&spec)).await, None);
    assert!(cloud.operations().is_empty());

    let cloud = Canned::new([refusal(
        404,
        "NotFoundException",
        "Invalid stage identifier specified",
    )]);
    assert_eq!(
        seen(&cloud, None, Some(&json!({"api": "a1", "stage": "api"}))).await,
        None
    );
}

#[tokio::test]
async fn a_new_definition_is_deployed_and_what_has_had_its_day_is_retired() {
    let old = (0..9).map(|n| deployment(&format!("d{n}"), char::from(b'0' + n), f64::from(n)));
    let list: Vec<_> = old.chain([theirs(0.5)]).collect();
    let cloud = Canned::new([
        reply(200, json!({"item": list})),
        reply(201, json!({"id": "new"})),
        reply(202, ""),
        refusal(
            400,
            "BadRequestException",
            "Active stages pointing to this deployment must be moved or deleted",
        ),
        reply(202, ""),
    ]);
    // The stage comes from d0, the oldest of all: it must stay, for the way back.
    let after = updated(&cloud, &remote("d0", &digest('0')), &spec('f'))
        .await
        .unwrap();
    let gone = "DeleteDeployment";
    assert_eq!(
        cloud.operations(),
        ["GetDeployments", "CreateDeployment", gone, gone, gone]
    );
    let retired: Vec<_> = cloud.asked()[2..].iter().map(|one| one.line.clone()).collect();
    let line = |id| format!("DELETE /restapis/a1/deployments/{id}");
    assert_eq!(retired, [line("d3"), line("d2"), line("d1")]);
    assert_eq!(after.outputs["deployment_id"], json!("new"));
}

#[tokio::test]
async fn the_newest_deployment_is_pointed_to_if_it_is_of_the_definition() {
    let cloud = Canned::new([
        reply(
            200,
            json!({"item": [deployment("d1", 'a', 3.0)], "position": "p"}),
        ),
        reply(200, json!({"item": [deployment("d2", 'b', 2.0), theirs(1.0)]})),
        reply(200, json!({"stageName": "api"})),
    ]);
    let mut want = spec('a');
    want["tracing"] = json!(true);
    let after = updated(&cloud, &remote("d2", &digest('b')), &want).await.unwrap();
    assert_eq!(
        cloud.operations(),
        ["GetDeployments", "GetDeployments", "UpdateStage"]
    );
    let patches = json!([
        {"op": "replace", "path": "/deploymentId", "value": "d1"},
        {"op": "replace", "path": "/tracingEnabled", "value": "true"},
    ]);
    assert_eq!(cloud.json(2)["patchOperations"], patches);
    assert_eq!(after.outputs["deployment_id"], json!("d1"));
}

/// A gateway response that was deployed from the console is live in the newest deployment only.
#[tokio::test]
async fn an_older_deployment_of_the_definition_is_not_pointed_to() {
    for newer in [deployment("d2", 'b', 2.0), theirs(2.0), theirs(1.0)] {
        let cloud = Canned::new([
            reply(200, json!({"item": [newer, deployment("d1", 'a', 1.0)]})),
            reply(201, json!({"id": "d3"})),
        ]);
        let have = remote("theirs", "deployment theirs");
        let after = updated(&cloud, &have, &spec('a')).await.unwrap();
        assert_eq!(cloud.operations(), ["GetDeployments", "CreateDeployment"]);
        assert_eq!(after.outputs["deployment_id"], json!("d3"));
    }
}

#[tokio::test]
async fn tracing_that_ends_with_a_new_definition_is_turned_off() {
    let mut before = remote("d1", &digest('a'));
    before.spec["tracing"] = json!(true);
    let cloud = Canned::new([
        reply(200, json!({"item": []})),
        reply(201, json!({"id": "d2"})),
        reply(200, json!({"stageName": "api", "tracingEnabled": true})),
        reply(200, json!({"stageName": "api"})),
    ]);
    updated(&cloud, &before, &spec('b')).await.unwrap();
    assert_eq!(
        cloud.operations(),
        ["GetDeployments", "CreateDeployment", "GetStage", "UpdateStage"]
    );
    let patches = json!([{"op": "replace", "path": "/tracingEnabled", "value": "false"}]);
    assert_eq!(cloud.json(3)["patchOperations"], patches);
}

#[tokio::test]
async fn tracing_alone_is_one_patch() {
    let cloud = Canned::new([reply(200, json!({"stageName": "api"}))]);
    let mut want = spec('a');
    want["tracing"] = json!(true);
    let after = updated(&cloud, &remote("d1", &digest('a')), &want).await.unwrap();
    assert_eq!(cloud.operations(), ["UpdateStage"]);
    let patches = json!([{"op": "replace", "path": "/tracingEnabled", "value": "true"}]);
    assert_eq!(cloud.json(0)["patchOperations"], patches);
    assert_eq!(after.outputs["deployment_id"], json!("d1"));
}

#[tokio::test]
async fn the_way_back_is_one_pointer() {
    // Chalice's deployment: it bears no mark, so its id is all there is.
    let before = remote("theirs", "deployment theirs");
    let look: [Reply; 1] = [reply(200, json!({"stageName": "api", "deploymentId": "theirs"}))];
    let secured = provider(&Canned::new(look)).secure(&before).await.unwrap();
    assert_eq!(secured.spec["deployment"], json!("theirs"));

    let cloud = Canned::new([reply(200, json!({"stageName": "api"}))]);
    let back = updated(&cloud, &remote("d2", &digest('b')), &secured.spec)
        .await
        .unwrap();
    assert_eq!(cloud.operations(), ["UpdateStage"]);
    assert_eq!(
        (back.spec, &back.outputs["deployment_id"]),
        (before.spec.clone(), &json!("theirs"))
    );

    // The same where the stage itself has gone, and where it has come back already.
    let cloud = Canned::new([reply(201, json!({"stageName": "api"}))]);
    created(&cloud, &secured.spec).await.unwrap();
    assert_eq!(cloud.operations(), ["CreateStage"]);
    assert_eq!(cloud.json(0)["deploymentId"], json!("theirs"));
    let cloud = Canned::new([
        refusal(409, "ConflictException", "Stage already exists"),
        reply(200, json!({"stageName": "api"})),
    ]);
    created(&cloud, &secured.spec).await.unwrap();
    assert_eq!(cloud.operations(), ["CreateStage", "UpdateStage"]);
}

#[tokio::test]
async fn doubt_and_throttling() {
    let cloud = Canned::new([Reply::Broken]);
    assert_eq!(
        created(&cloud, &spec('a')).await.unwrap_err().effect,
        Effect::Maybe
    );
    // An answer without the one thing that is needed of it is an answer: nobody waits for a lost request.
    for answer in [reply(201, "{}"), refusal(500, "InternalFailure", "x")] {
        let failure = created(&Canned::new([answer]), &spec('a')).await.unwrap_err();
        assert_eq!((failure.effect, failure.unanswered), (Effect::Maybe, false));
    }
    let cloud = Canned::new([refusal(429, "TooManyRequestsException", "Rate exceeded")]);
    let failure = created(&cloud, &spec('a')).await.unwrap_err();
    assert!(matches!(failure.retry, Retry::Await { after, .. } if after == Duration::from_secs(5)));
    let cloud = Canned::new([]);
    let mut want = spec('a');
    want["definition"] = json!("changed outside: 0");
    assert_eq!(created(&cloud, &want).await.unwrap_err().effect, Effect::None);
    assert!(cloud.operations().is_empty());
}

#[tokio::test]
async fn a_deletion_is_one_call_and_gone_is_fine() {
    let (id, handle, outputs) = (id(), Handle("a1/api".into()), BTreeMap::new());
    for answer in [
        reply(202, ""),
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
        assert_eq!(cloud.asked()[0].line, "DELETE /restapis/a1/stages/api");
        cloud.operations();
    }
}
