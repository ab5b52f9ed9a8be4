use grail_state::{Observed, Record};
use sha2::Digest as _;

use super::document::Rule;
use super::*;
use crate::aws::testing::{Reply, Stand, reply};
use crate::port::{Delete, Effect, Retry, Update};

const A: &str = "arn:aws:lambda:us-east-1:123456789012:function:shop-dev-a";
const B: &str = "arn:aws:lambda:us-east-1:123456789012:function:shop-dev-b";
const OTHER: &str = "arn:aws:lambda:us-east-1:123456789012:function:other-dev";
const XMLNS: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
/// What others have in the bucket, in no spelling of ours.
const TOPIC: &str = "<TopicConfiguration><Id>t</Id><Filter><S3Key><FilterRule><Name>Suffix</Name><Value>.t</Value>\
    </FilterRule></S3Key></Filter><Topic>arn:aws:sns:us-east-1:1:t</Topic><Event>s3:Novel:*</Event></TopicConfiguration>";
const UNASKED: &str = "x-amz-skip-destination-validation";
const BRIDGE: &str = "<EventBridgeConfiguration/>";

fn stand(replies: Vec<Reply>) -> Stand {
    Stand::new("photos", replies, |context| {
        S3Notification::new(Arc::new(context))
    })
}

fn document(parts: &[&str]) -> String {
    format!(
        "<NotificationConfiguration xmlns=\"{XMLNS}\">{}</NotificationConfiguration>",
        parts.concat()
    )
}

fn there(parts: &[&str]) -> Reply {
    reply(200, document(parts))
}

fn done() -> Reply {
    reply(200, "")
}

fn refusal(status: u16, code: &str, message: &str) -> Reply {
    reply(
        status,
        format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"),
    )
}

fn no_bucket() -> Reply {
    refusal(404, "NoSuchBucket", "The specified bucket does not exist")
}

/// A notification as S3 shows it.
fn live(id: &str, function: &str, event: &str, prefix: &str) -> String {
    let filter = match prefix {
        "" => String::new(),
        prefix => format!(
            "<Filter><S3Key><FilterRule><Name>Prefix</Name><Value>{prefix}</Value></FilterRule></S3Key></Filter>"
        ),
    };
    format!(
        "<CloudFunctionConfiguration><Id>{id}</Id>{filter}<CloudFunction>{function}</CloudFunction><Event>s3:{event}</Event>\
         </CloudFunctionConfiguration>"
    )
}

/// The same as we write it.
fn ours(key: &str, function: &str, event: &str, prefix: &str) -> String {
    written(&id_of(key), function, event, prefix)
}

fn written(id: &str, function: &str, event: &str, prefix: &str) -> String {
    let rule = Rule {
        id: Some(id.to_owned()),
        to: function.to_owned(),
        events: vec![format!("s3:{event}")],
        prefix: prefix.to_owned(),
        suffix: String::new(),
    };
    document::Part::new(rule).raw
}

fn id_of(key: &str) -> String {
    let context = stand(Vec::new()).aws.bare_context();
    let entry = BTreeMap::from([(key.to_owned(), entry(A, "ObjectCreated:*", ""))]);
    let merged = merge(
        &Notifications::default(),
        &Claim::new(&context.stack, "photos"),
        &entry,
    );
    merged.parts[0].id().unwrap().to_owned()
}

fn entry(function: &str, event: &str, prefix: &str) -> Entry {
    Entry {
        function: function.to_owned(),
        events: vec![format!("s3:{event}")],
        prefix: Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty()),
        suffix: None,
        id: None,
    }
}

fn spec(entries: &[(&str, Entry)]) -> Value {
    let entries: BTreeMap<_, _> = entries.iter().map(|(key, entry)| (*key, entry)).collect();
    json!({"bucket": "photos", "entries": entries})
}

fn one(prefix: &str) -> Value {
    spec(&[("a-s3event", entry(A, "ObjectCreated:*", prefix))])
}

fn two() -> Value {
    spec(&[
        ("a-s3event", entry(A, "ObjectCreated:*", "a/")),
        ("b-s3event", entry(B, "ObjectCreated:*", "b/")),
    ])
}

fn record(outputs: Value) -> Record {
    Record {
        handle: Handle("photos".into()),
        spec: Value::Null,
        outputs: serde_json::from_value(outputs).unwrap(),
        depends_on: Default::default(),
        rank: 0,
        token: None,
    }
}

fn chalice(entries: &[(&str, &str)]) -> Record {
    let entries: BTreeMap<_, _> = entries
        .iter()
        .map(|(key, function)| (*key, json!({"bucket": "photos", "lambda_arn": function})))
        .collect();
    record(json!({"entries": entries}))
}

async fn look(stand: &Stand, spec: &Value, record: Option<&Record>) -> Option<grail_state::Remote> {
    let at = Locator {
        id: &stand.id,
        handle: record.map(|record| &record.handle),
        spec: Some(spec),
        token: None,
        record,
    };
    match stand.provider.observe(at).await.unwrap() {
        Observed::Present(remote) => Some(remote),
        Observed::Absent => None,
    }
}

async fn delete(stand: &Stand, spec: &Value, record: &Record) -> Result<(), Failure> {
    let request = Delete {
        id: &stand.id,
        handle: &record.handle,
        spec,
        outputs: &record.outputs,
    };
    stand.provider.delete(request).await
}

const GET: &str = "GetBucketNotificationConfiguration";
const PUT: &str = "PutBucketNotificationConfiguration";

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

#[tokio::test]
async fn deleting_takes_ours_alone_and_asks_no_destination() {
    let unknown = ours("c-s3event", OTHER, "ObjectCreated:*", "c/");
    let other = live("x", OTHER, "ObjectCreated:*", "x/");
    let before = [
        TOPIC,
        &live("1", A, "ObjectCreated:*", "a/"),
        &other,
        &live("2", B, "ObjectCreated:*", "b/"),
        &unknown,
        BRIDGE,
    ];
    let left = [TOPIC, &other, BRIDGE];
    let stand = stand(vec![there(&before), done(), there(&left)]);
    delete(&stand, &one("a/"), &chalice(&[("b-s3event", B)]))
        .await
        .unwrap();
    assert_eq!(stand.aws.operations(), [GET, PUT, GET]);
    let put = &stand.aws.asked()[1];
    assert_eq!(put.body, document(&left));
    // A dead destination of others does not keep ours there.
    assert_eq!(put.headers[UNASKED], "true");
}

#[tokio::test]
async fn what_is_gone_is_deleted_and_so_is_what_was_in_a_bucket_that_is_gone() {
    let none = record(json!({}));
    for answer in [
        there(&[TOPIC]),
        no_bucket(),
        refusal(
            400,
            "AuthorizationHeaderMalformed",
            "the region 'a' is wrong; expecting 'b'",
        ),
    ] {
        let stand = stand(vec![answer]);
        delete(&stand, &one("a/"), &none).await.unwrap();
        assert_eq!(stand.aws.operations(), [GET]);
    }
    let meanwhile = stand(vec![
        there(&[&live("1", A, "ObjectCreated:*", "a/")]),
        no_bucket(),
    ]);
    delete(&meanwhile, &one("a/"), &none).await.unwrap();
    assert_eq!(meanwhile.aws.operations(), [GET, PUT]);
}

#[tokio::test]
async fn a_way_back_knows_the_ids() {
    let was = [
        live("its own", A, "ObjectCreated:*", "a/"),
        live("2", B, "ObjectCreated:*", "b/"),
    ];
    let again = [
        written("its own", A, "ObjectCreated:*", "a/"),
        written("2", B, "ObjectCreated:*", "b/"),
    ];
    let both = || there(&[&was[0], &was[1]]);
    let stand = stand(vec![
        both(),
        both(),
        there(&[TOPIC]),
        done(),
        there(&[TOPIC, &again[0], &again[1]]),
    ]);
    let seen = look(&stand, &two(), None).await.unwrap();
    let secured = stand.provider.secure(&seen).await.unwrap();
    assert!(!secured.secret);
    assert_eq!(secured.spec["entries"]["a-s3event"]["id"], "its own");
    stand.create(&secured.spec).await.unwrap();
    assert_eq!(
        stand.aws.asked()[3].body,
        document(&[TOPIC, &again[0], &again[1]])
    );
}

fn problems(spec: Value) -> Vec<(String, String)> {
    let checked = S3Notification::check(&serde_json::from_value(spec).unwrap());
    checked
        .into_iter()
        .map(|problem| (problem.field, problem.why))
        .collect()
}

#[test]
fn what_s3_would_refuse_is_found_by_looking_at_the_form() {
    assert_eq!(problems(two()), []);
    let fields = |spec| {
        problems(spec)
            .into_iter()
            .map(|(field, _)| field)
            .collect::<Vec<_>>()
    };
    let odd = spec(&[("a", entry(A, "ObjectMade:*", ""))]);
    let said = problems(odd);
    assert_eq!(said[0].0, "entries.a.events");
    assert!(
        said[0].1.contains("`s3:ObjectMade:*`") && said[0].1.contains("s3:ObjectCreated:Put"),
        "{said:?}"
    );
    assert_eq!(
        fields(json!({"bucket": "photos", "entries": {"a": {"function": A, "events": []}}})),
        ["entries.a.events"]
    );
    assert_eq!(
        fields(spec(&[("a", entry("shop-dev", "ObjectCreated:*", ""))])),
        ["entries.a.function"]
    );
    assert_eq!(
        fields(spec(&[("a", entry(A, "ObjectCreated:*", "a\n"))])),
        ["entries.a.prefix"]
    );
    assert_eq!(
        fields(spec(&[("a", entry(A, "ObjectCreated:*", &"é".repeat(513)))])),
        ["entries.a.prefix"]
    );
    assert_eq!(
        fields(json!({"bucket": "arn:aws:s3:::photos", "entries": {}})),
        ["bucket"]
    );
    let overlapping = spec(&[
        ("a", entry(A, "ObjectCreated:*", "")),
        ("b", entry(B, "ObjectCreated:Put", "b/")),
    ]);
    let said = problems(overlapping);
    assert_eq!((said.len(), said[0].0.as_str()), (1, "entries.b"));
    assert!(said[0].1.contains("`b` and `a` overlap"));
}

async fn verified(answer: Reply, spec: &Value) -> Vec<(String, String)> {
    let stand = stand(vec![answer]);
    let found = stand.provider.verify(spec).await.unwrap();
    assert_eq!(stand.aws.operations(), [GET]);
    found
        .into_iter()
        .map(|problem| (problem.field, problem.why))
        .collect()
}

#[tokio::test]
async fn planning_finds_a_bucket_that_is_not_there_or_not_ours() {
    let says = |found: Vec<(String, String)>, words: &str| {
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].0 == "bucket" && found[0].1.contains(words), "{found:?}");
    };
    says(
        verified(no_bucket(), &one("")).await,
        "there is no bucket `photos`: a project names",
    );
    says(
        verified(refusal(403, "AccessDenied", "Access Denied"), &one("")).await,
        "belongs to another account",
    );
    let region = vec![("x-amz-bucket-region", "eu-west-1".to_owned())];
    let moved = Reply::Answer(
        301,
        region,
        "<Error><Code>PermanentRedirect</Code></Error>".to_owned(),
    );
    says(verified(moved, &one("")).await, "is in eu-west-1");
    let signed = refusal(
        400,
        "AuthorizationHeaderMalformed",
        "the region 'us-east-1' is wrong; expecting 'eu-west-3'",
    );
    says(verified(signed, &one("")).await, "is in eu-west-3");
}

#[tokio::test]
async fn planning_finds_a_notification_of_others_that_overlaps() {
    let queue = "<QueueConfiguration><Id>q1</Id><Queue>arn:aws:sqs:us-east-1:1:q</Queue><Event>s3:ObjectCreated:Put</Event>\
                 </QueueConfiguration>";
    let found = verified(there(&[queue, TOPIC, BRIDGE]), &one("a/")).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "entries.a-s3event");
    assert!(
        found[0].1.contains("arn:aws:sqs:us-east-1:1:q") && found[0].1.contains("`q1`"),
        "{found:?}"
    );
    let other = verified(there(&[&live("x", OTHER, "ObjectCreated:*", "a/b")]), &one("a/")).await;
    assert!(other[0].1.contains(OTHER), "{other:?}");
    assert_eq!(
        verified(there(&[queue]), &spec(&[("a", entry(A, "ObjectRemoved:*", ""))])).await,
        []
    );
}

/// A handler's old name goes in the same write. A name tells less than the tag: `shop-dev-b` may be `b` of the stage `dev`,
/// and the only function of a stage `dev-b`.
#[tokio::test]
async fn a_function_with_our_prefix_is_ours_unless_its_tag_says_otherwise() {
    let tagged = |tag: &str| reply(200, json!({"Tags": {"aws-chalice": tag}}));
    let ours = tagged("version=1.34.0:stage=dev:app=shop");
    let theirs = tagged("version=1.34.0:stage=dev-b:app=shop");
    let refused = crate::aws::testing::refusal;
    let gone = refused(404, "ResourceNotFoundException", "Function not found");
    let denied = refused(403, "AccessDeniedException", "no");
    for (answer, count) in [(ours, 0), (theirs, 1), (gone, 0), (denied, 0)] {
        let stand = stand(vec![there(&[&live("1", B, "ObjectCreated:*", "a/")]), answer]);
        let found = stand.provider.verify(&one("a/")).await.unwrap();
        assert_eq!(found.len(), count, "{found:?}");
        assert_eq!(stand.aws.operations(), [GET, "ListTags"]);
    }
    // Nobody is asked about what is in nobody's way.
    let apart = stand(vec![there(&[&live("1", B, "ObjectCreated:*", "b/")])]);
    assert_eq!(apart.provider.verify(&one("a/")).await.unwrap(), []);
    assert_eq!(apart.aws.operations(), [GET]);
}

#[test]
fn equal_meanings_have_one_form_and_one_lane() {
    let stand = stand(Vec::new());
    let form = |events: Value, prefix: Value| {
        let wish = json!({"bucket": "photos", "entries": {"a": {"function": A, "events": events, "prefix": prefix}}});
        stand.provider.project(&wish.into()).unwrap()
    };
    let (put, copy) = ("s3:ObjectCreated:Put", "s3:ObjectCreated:Copy");
    assert_eq!(
        form(json!([put, copy, put]), json!("")),
        form(json!([copy, put]), Value::Null)
    );
    assert_ne!(form(json!([put]), json!("a")), form(json!([put]), json!("A")));
    let lane = stand.provider.lane(&form(json!([put]), Value::Null));
    assert_eq!(lane, Some(Lane("s3:photos".into())));
    assert_eq!(S3Notification::READS.each, 1);
}
