//! An API is made once, whatever happens to the answer.

use super::*;

#[tokio::test]
async fn a_birth_is_one_import_of_the_marked_document() {
    let mut replies = vec![reply(201, api(&mark("t1", "/items")))];
    replies.extend(look(&mark("t1", "/items"), "/items", "x"));
    let cloud = Canned::new(replies);
    let remote = born(&cloud, &spec("/items"), true).await.unwrap();

    assert_eq!(cloud.operations(), [&["ImportRestApi"][..], &LOOK].concat());
    let asked = &cloud.asked()[0];
    assert!(
        asked.line.contains("mode=import") && asked.line.contains("endpointConfigurationTypes=EDGE"),
        "{asked:?}"
    );
    let mut sent = definition("/items");
    sent["info"]["description"] = json!(mark("t1", "/items"));
    assert_eq!(cloud.json(0), sent);
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
    assert_eq!(
        cloud.operations(),
        [&["GetRestApis", "PutRestApi"][..], &LOOK].concat()
    );
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
