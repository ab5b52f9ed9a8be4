//! One write for a bucket, merged with what others have, and read again.

use super::*;

#[tokio::test]
async fn ours_is_added_and_everything_of_others_goes_back_to_the_byte() {
    let other = live("x", OTHER, "ObjectRemoved:*", "é&amp;");
    let new = ours("a-s3event", A, "ObjectCreated:*", "a/");
    let after = [TOPIC, &other, &new, BRIDGE];
    let stand = stand(vec![there(&[TOPIC, &other, BRIDGE]), done(), there(&after)]);
    let made = stand.create(&one("a/")).await.unwrap();
    assert_eq!(stand.aws.operations(), [GET, PUT, GET]);
    let put = &stand.aws.asked()[1];
    assert_eq!(
        (put.line.as_str(), put.body.as_str()),
        ("PUT /?notification", document(&after).as_str())
    );
    assert_eq!(put.headers["content-length"], put.body.len().to_string());
    assert!(!put.headers.contains_key(UNASKED));
    // Nothing tells of the body that the SDK had in mind.
    let names: Vec<_> = put
        .headers
        .keys()
        .filter(|name| name.contains("checksum") || name.contains("md5"))
        .collect();
    assert_eq!(names, [""; 0]);
    let sent = sha2::Sha256::digest(put.body.as_bytes());
    assert_eq!(put.headers["x-amz-content-sha256"], hex::encode(sent));
    let others = [
        "notification t to arn:aws:sns:us-east-1:1:t",
        &format!("notification x to {OTHER}"),
        "EventBridgeConfiguration",
    ];
    assert_eq!(made.additions, others);
    assert_eq!(
        made.outputs["entries"],
        json!({"a-s3event": {"bucket": "photos", "lambda_arn": A}})
    );
    assert!(stand.provider.diff(&one("a/").into(), &made).unwrap().is_empty());
}

#[tokio::test]
async fn what_is_there_already_is_not_written() {
    let stand = stand(vec![there(&[TOPIC, &live("1", A, "ObjectCreated:*", "a/")])]);
    stand.create(&one("a/")).await.unwrap();
    assert_eq!(stand.aws.operations(), [GET]);
}

#[tokio::test]
async fn two_handlers_swap_their_filters_in_one_write() {
    let before = [
        live("1", A, "ObjectCreated:*", "b/"),
        live("2", B, "ObjectCreated:*", "a/"),
    ];
    let after = [
        written("1", A, "ObjectCreated:*", "a/"),
        written("2", B, "ObjectCreated:*", "b/"),
    ];
    let have = spec(&[
        ("a-s3event", entry(A, "ObjectCreated:*", "b/")),
        ("b-s3event", entry(B, "ObjectCreated:*", "a/")),
    ]);
    let stand = stand(vec![
        there(&[&before[0], TOPIC, &before[1]]),
        done(),
        there(&[&after[0], TOPIC, &after[1]]),
    ]);
    stand.update("photos", &have, &two()).await.unwrap();
    assert_eq!(stand.aws.operations(), [GET, PUT, GET]);
    assert_eq!(
        stand.aws.asked()[1].body,
        document(&[&after[0], TOPIC, &after[1]])
    );
}

#[tokio::test]
async fn a_renamed_handler_takes_the_place_of_the_old_one_in_one_write() {
    let have = spec(&[("b-s3event", entry(B, "ObjectCreated:*", "a/"))]);
    let new = ours("a-s3event", A, "ObjectCreated:*", "a/");
    let stand = stand(vec![
        there(&[&live("2", B, "ObjectCreated:*", "a/"), TOPIC]),
        done(),
        there(&[TOPIC, &new]),
    ]);
    stand.update("photos", &have, &one("a/")).await.unwrap();
    assert_eq!(stand.aws.asked()[1].body, document(&[TOPIC, &new]));
}

/// Chalice writes both of two entries for one function anew, which makes a duplicate (`chalice-deployer.md` 3.6).
#[tokio::test]
async fn chalices_duplicate_notification_becomes_one() {
    let twice = live("1", A, "ObjectCreated:*", "a/");
    let again = live("2", A, "ObjectCreated:*", "a/");
    let both = || there(&[&twice, TOPIC, &again]);
    let stand = stand(vec![both(), both(), done(), there(&[&twice, TOPIC])]);
    let seen = look(&stand, &one("a/"), Some(&chalice(&[("a-s3event", A)])))
        .await
        .unwrap();
    let diff = stand.provider.diff(&one("a/").into(), &seen).unwrap();
    let paths: Vec<_> = diff.fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, ["entries.a-s3event (2)"]);
    assert_eq!(seen.outputs["entries"].as_object().unwrap().len(), 1);
    let request = Update {
        id: &stand.id,
        have: &seen,
        want: &one("a/"),
        diff: &diff,
        token: &stand.token,
    };
    stand.provider.update(request).await.unwrap();
    assert_eq!(stand.aws.operations(), [GET, GET, PUT, GET]);
    assert_eq!(stand.aws.asked()[2].body, document(&[&twice, TOPIC]));
}

#[tokio::test]
async fn a_handler_has_one_notification_whatever_was_there_twice() {
    let twice = live("1", A, "ObjectCreated:*", "a/");
    let again = live("2", A, "ObjectRemoved:*", "z/");
    let stand = stand(vec![
        there(&[&again, TOPIC, &twice]),
        done(),
        there(&[TOPIC, &twice]),
    ]);
    stand.create(&one("a/")).await.unwrap();
    // The one that says it already is kept as it is, wherever it stands.
    let put = &stand.aws.asked()[1];
    assert_eq!(
        (put.body.as_str(), put.headers.contains_key(UNASKED)),
        (document(&[TOPIC, &twice]).as_str(), true)
    );
}

#[tokio::test]
async fn who_is_overwritten_between_writing_and_reading_merges_anew() {
    let theirs = live("x", OTHER, "ObjectCreated:*", "x/");
    let new = ours("a-s3event", A, "ObjectCreated:*", "a/");
    let stand = stand(vec![
        there(&[TOPIC]),
        done(),
        // Read before our write, written after it.
        there(&[TOPIC, &theirs]),
        done(),
        there(&[TOPIC, &theirs, &new]),
    ]);
    stand.create(&one("a/")).await.unwrap();
    assert_eq!(stand.aws.operations(), [GET, PUT, GET, PUT, GET]);
    assert_eq!(stand.aws.asked()[3].body, document(&[TOPIC, &theirs, &new]));
}

#[tokio::test]
async fn what_others_take_away_after_our_write_is_not_brought_back() {
    let new = ours("a-s3event", A, "ObjectCreated:*", "a/");
    let stand = stand(vec![there(&[TOPIC, BRIDGE]), done(), there(&[&new, BRIDGE])]);
    stand.create(&one("a/")).await.unwrap();
    assert_eq!(stand.aws.operations(), [GET, PUT, GET]);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_does_not_show_yet_is_looked_for_again() {
    let new = ours("a-s3event", A, "ObjectCreated:*", "a/");
    let stand = stand(vec![
        there(&[TOPIC]),
        done(),
        there(&[TOPIC]),
        there(&[TOPIC]),
        there(&[TOPIC, &new]),
    ]);
    stand.create(&one("a/")).await.unwrap();
    assert_eq!(stand.aws.operations(), [GET, PUT, GET, GET, GET]);
}

#[tokio::test(start_paused = true)]
async fn who_is_overwritten_again_and_again_says_so() {
    let theirs = |number: usize| there(&[&live(&number.to_string(), OTHER, "ObjectCreated:*", "x/")]);
    let mut replies = vec![there(&[])];
    for number in 0..4 {
        replies.extend([done(), theirs(number)]);
    }
    let stand = stand(replies);
    let failed = stand.create(&one("a/")).await.unwrap_err();
    assert_eq!((failed.effect, failed.unanswered), (Effect::Maybe, false));
    assert!(matches!(failed.retry, Retry::After(_)));
    assert!(
        failed.chain().contains("overwritten 4 times") && failed.hint.is_some(),
        "{}",
        failed.chain()
    );
    assert_eq!(stand.aws.operations().iter().filter(|one| *one == PUT).count(), 4);
}

#[tokio::test]
async fn a_destination_that_s3_may_not_call_is_tried_again_and_counted() {
    let said = "Unable to validate the following destination configurations";
    let stand = stand(vec![there(&[]), refusal(400, "InvalidArgument", said)]);
    let failed = stand.create(&one("")).await.unwrap_err();
    assert_eq!(failed.effect, Effect::None);
    assert!(matches!(failed.retry, Retry::After(_)), "{failed:?}");
    assert!(
        failed
            .hint
            .unwrap()
            .contains("every destination of the bucket photos")
    );
}

#[tokio::test]
async fn a_failure_after_the_write_is_a_maybe_and_before_it_none() {
    let denied = || refusal(403, "AccessDenied", "Access Denied");
    let after = stand(vec![there(&[]), done(), denied()])
        .create(&one(""))
        .await
        .unwrap_err();
    assert_eq!((after.effect, after.retry), (Effect::Maybe, Retry::Never));
    let before = stand(vec![there(&[]), denied()])
        .create(&one(""))
        .await
        .unwrap_err();
    assert_eq!((before.effect, before.retry), (Effect::None, Retry::Never));
    assert!(before.hint.unwrap().contains("s3:PutBucketNotification"));
    let lost = stand(vec![there(&[]), Reply::Broken])
        .create(&one(""))
        .await
        .unwrap_err();
    assert_eq!((lost.effect, lost.unanswered), (Effect::Maybe, true));
    let busy = refusal(
        409,
        "OperationAborted",
        "A conflicting conditional operation is currently in progress",
    );
    let busy = stand(vec![there(&[]), busy]).create(&one("")).await.unwrap_err();
    assert!(busy.effect == Effect::None && matches!(busy.retry, Retry::After(_)));
    let overlap = refusal(
        400,
        "InvalidArgument",
        "Configurations overlap. Configurations on the same bucket cannot share a common event type.",
    );
    let overlap = stand(vec![there(&[]), overlap])
        .create(&one(""))
        .await
        .unwrap_err();
    assert!(overlap.retry == Retry::Never && overlap.hint.unwrap().contains("one destination"));
}

#[tokio::test]
async fn without_its_bucket_a_notification_cannot_be_made() {
    for answer in [no_bucket(), refusal(301, "PermanentRedirect", "elsewhere")] {
        let failed = stand(vec![answer]).create(&one("")).await.unwrap_err();
        assert_eq!((failed.effect, failed.retry), (Effect::None, Retry::Never));
        assert!(
            failed
                .hint
                .unwrap()
                .contains("make the bucket `photos` in us-east-1 first")
        );
    }
}
