//! An API is changed by one put, and by patches where a put does not reach.

use super::*;

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
    assert_eq!(
        into.operations(),
        [&SURVEY[..], &["UpdateRestApi", "PutRestApi"], &LOOK].concat()
    );
    let patches = json!([{"op": "replace", "path": "/endpointConfiguration/types/EDGE", "value": "PRIVATE"}]);
    assert_eq!(into.json(6)["patchOperations"], patches);

    let out = moved("PRIVATE", "REGIONAL", vec![answers(), answers()]).await;
    assert_eq!(
        out.operations(),
        [&SURVEY[..], &["PutRestApi", "UpdateRestApi"], &LOOK].concat()
    );
    let patches =
        json!([{"op": "replace", "path": "/endpointConfiguration/types/PRIVATE", "value": "REGIONAL"}]);
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

/// All that the record knows is still there, and `GET /status` besides: only the mark tells whose doing that is.
#[tokio::test]
async fn a_put_that_only_added_is_recognised_by_its_mark() {
    let before = record(&deployed().await);
    let mut grown = definition("/items");
    let one = grown["paths"]["/items"].clone();
    grown["paths"]["/status"] = one;
    let digest = Digest::of_value(&grown).0;
    let mut resources = resources("/items", "y");
    let mut added = resources["item"][1].clone();
    (added["id"], added["path"]) = (json!("y9"), json!("/status"));
    resources["item"].as_array_mut().unwrap().push(added);
    let mut replies = look(&format!("grail:t2:{digest}"), "/items", "y");
    replies[1] = reply(200, resources);
    let cloud = Canned::new(replies);
    let context = cloud.context();
    context.artifacts.put(canonical(&grown).as_bytes()).unwrap();
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
    assert_eq!(seen.remote().unwrap().spec["definition"], json!(digest));
}
