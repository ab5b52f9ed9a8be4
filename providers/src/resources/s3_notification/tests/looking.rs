//! What is there, and which of it is ours.

use super::*;

#[tokio::test]
async fn what_chalice_made_is_ours_and_needs_no_write() {
    let chalice_made = live("Zj", A, "ObjectCreated:*", "a/");
    let stand = stand(vec![there(&[
        TOPIC,
        &chalice_made,
        &live("x", OTHER, "ObjectCreated:*", "b/"),
    ])]);
    let wish = one("a/");
    let seen = look(&stand, &wish, None).await.unwrap();
    assert!(stand.provider.diff(&wish.into(), &seen).unwrap().is_empty());
    assert_eq!((seen.handle.0.as_str(), &seen.proof), ("photos", &Proof::Ours));
    assert_eq!(
        seen.outputs["entries"],
        json!({"a-s3event": {"bucket": "photos", "lambda_arn": A}})
    );
    assert_eq!(stand.aws.operations(), [GET]);
    let asked = &stand.aws.asked()[0];
    assert_eq!(
        (asked.host.as_str(), asked.line.as_str()),
        ("photos.s3.us-east-1.amazonaws.com", "GET /?notification")
    );
}

#[tokio::test]
async fn without_anything_of_ours_nothing_is_there() {
    let emulated = reply(200, "<GetBucketNotificationResponse/>");
    for answer in [
        emulated,
        there(&[]),
        there(&[TOPIC, BRIDGE, &live("x", OTHER, "ObjectCreated:*", "")]),
        no_bucket(),
    ] {
        assert!(look(&stand(vec![answer]), &one(""), None).await.is_none());
    }
    let elsewhere = refusal(
        301,
        "PermanentRedirect",
        "The bucket must be addressed using the specified endpoint.",
    );
    assert!(look(&stand(vec![elsewhere]), &one(""), None).await.is_none());
    let denied = stand(vec![refusal(403, "AccessDenied", "Access Denied")]);
    let failed = denied.observe(None, Some(&one(""))).await.unwrap_err();
    assert!(
        failed.hint.as_ref().unwrap().contains("s3:GetBucketNotification"),
        "{failed:?}"
    );
    assert_eq!(failed.effect, Effect::None);
}

#[tokio::test]
async fn a_function_that_is_not_known_yet_is_found_by_the_record() {
    let unknown = "(known after deploy: lambda_function.a/arn)";
    let wish = spec(&[("a-s3event", entry(unknown, "ObjectCreated:*", ""))]);
    let stand = stand(vec![there(&[&live("1", A, "ObjectCreated:*", "")])]);
    let seen = look(&stand, &wish, Some(&chalice(&[("a-s3event", A)])))
        .await
        .unwrap();
    assert_eq!(seen.spec["entries"]["a-s3event"]["function"], A);
}

#[tokio::test]
async fn ours_that_nobody_wants_are_seen_by_their_record_or_their_id() {
    let left = ours("c-s3event", OTHER, "ObjectCreated:*", "c/");
    let stand = stand(vec![there(&[
        &left,
        &live("1", A, "ObjectCreated:*", "a/"),
        &live("2", B, "ObjectCreated:*", "b/"),
    ])]);
    let known = chalice(&[("a-s3event", A), ("b-s3event", B)]);
    let seen = look(&stand, &one("a/"), Some(&known)).await.unwrap();
    let keys: Vec<_> = seen.spec["entries"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["a-s3event", "b-s3event", "c-s3event"]);
    // What is in doubt is no entry of Chalice's file.
    let told: Vec<_> = seen.outputs["entries"].as_object().unwrap().keys().collect();
    assert_eq!(told, ["a-s3event", "b-s3event"]);
}
