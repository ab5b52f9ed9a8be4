use grail_state::{Observed, Proof, Remote};
use serde_json::{Value, json};

use super::*;
use crate::aws::testing::{Reply, Stand, refusal, reply};
use crate::port::Effect;

const NAME: &str = "shop-dev-jobs";
const URL: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/shop-dev-jobs";
const ARN: &str = "arn:aws:sqs:us-east-1:123456789012:shop-dev-jobs";
const DEAD: &str = "arn:aws:sqs:us-east-1:123456789012:shop-dev-dead";

fn stand(replies: Vec<Reply>) -> Stand {
    Stand::new("jobs", replies, |context| SqsQueue::new(Arc::new(context)))
}

fn spec(more: Value) -> Value {
    let mut spec = json!({
        "name": NAME, "fifo": false, "content_deduplication": false, "visibility_timeout": 30, "retention": 345_600, "delay": 0,
        "receive_wait": 0, "encryption": "sqs", "tags": {"grail": "stage=dev:app=shop", "team": "x"},
    });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

fn url() -> Reply {
    reply(200, json!({"QueueUrl": URL}))
}

fn missing() -> Reply {
    refusal(
        400,
        "com.amazonaws.sqs#QueueDoesNotExist",
        "The specified queue does not exist.",
    )
}

fn attributes(more: Value) -> Reply {
    let mut all = json!({
        "VisibilityTimeout": "30", "MessageRetentionPeriod": "345600", "DelaySeconds": "0", "SqsManagedSseEnabled": "true",
        "ReceiveMessageWaitTimeSeconds": "0", "MaximumMessageSize": "1048576", "QueueArn": ARN,
    });
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    reply(200, json!({"Attributes": all}))
}

fn tags(tags: Value) -> Reply {
    reply(200, json!({"Tags": tags}))
}

fn ours() -> Reply {
    tags(json!({"grail": "stage=dev:app=shop", "team": "x", "aws:cost": "1"}))
}

#[tokio::test]
async fn a_queue_is_read_whole_in_three_calls() {
    let dead = json!({"deadLetterTargetArn": DEAD, "maxReceiveCount": "5"}).to_string();
    let stand = stand(vec![
        url(),
        attributes(json!({"RedrivePolicy": dead, "KmsMasterKeyId": "alias/jobs"})),
        ours(),
    ]);
    let remote = stand.present(Some(NAME), None).await;
    let want = spec(json!({"dead_letter": {"target": DEAD, "max_receives": 5}, "encryption": "alias/jobs"}));
    assert_eq!(
        remote,
        Remote {
            outputs: remote.outputs.clone(),
            ..stand.remote(NAME, &want)
        }
    );
    assert_eq!(remote.outputs["arn"], ARN);
    assert_eq!(remote.outputs["url"], URL);
    assert_eq!(
        stand.aws.operations(),
        ["GetQueueUrl", "GetQueueAttributes", "ListQueueTags"]
    );
}

#[tokio::test]
async fn a_queue_of_others_is_not_taken_for_ours() {
    for (told, proof) in [
        (json!({}), Proof::NameOnly),
        (
            json!({"grail": "stage=prod:app=shop"}),
            Proof::Theirs {
                owner: "stage=prod:app=shop".to_owned(),
            },
        ),
    ] {
        let looked = stand(vec![url(), attributes(json!({})), tags(told.clone())]);
        assert_eq!(looked.present(None, Some(&spec(json!({})))).await.proof, proof);
        let born = stand(vec![url(), attributes(json!({})), tags(told)]);
        let failed = born.create(&spec(json!({}))).await.unwrap_err();
        assert!(
            failed.foreign && failed.effect == Effect::None,
            "{}",
            failed.chain()
        );
    }
}

#[tokio::test]
async fn a_queue_is_made_in_one_call_with_its_form_and_its_tags() {
    let stand = stand(vec![missing(), url()]);
    let want = spec(
        json!({"name": "shop-dev-jobs.fifo", "fifo": true, "content_deduplication": true, "visibility_timeout": 360}),
    );
    let made = stand.create(&want).await.unwrap();
    assert_eq!(
        (made.handle.0.as_str(), made.proof),
        ("shop-dev-jobs.fifo", Proof::Ours)
    );
    assert_eq!(stand.aws.operations(), ["GetQueueUrl", "CreateQueue"]);
    assert_eq!(
        stand.aws.json(1),
        json!({
            "QueueName": "shop-dev-jobs.fifo",
            "Attributes": {
                "FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "360", "DelaySeconds": "0",
                "MessageRetentionPeriod": "345600", "ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true",
            },
            "tags": {"grail": "stage=dev:app=shop", "team": "x"},
        })
    );
}

#[tokio::test]
async fn what_an_earlier_try_has_made_is_brought_to_the_form() {
    let stand = stand(vec![
        url(),
        attributes(json!({"DelaySeconds": "5"})),
        ours(),
        reply(200, "{}"),
    ]);
    stand.create(&spec(json!({}))).await.unwrap();
    assert_eq!(
        stand.aws.json(3),
        json!({"QueueUrl": URL, "Attributes": {"DelaySeconds": "0"}})
    );
    let other = spec(json!({"name": "shop-dev-jobs.fifo", "fifo": true}));
    let there = self::stand(vec![url(), attributes(json!({})), ours()]);
    let failed = there.create(&other).await.unwrap_err();
    assert!(failed.chain().contains("another `fifo`"), "{}", failed.chain());
}

#[tokio::test(start_paused = true)]
async fn the_name_of_a_deleted_queue_is_waited_for() {
    let recently = refusal(
        400,
        "com.amazonaws.sqs#QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
    );
    let stand = stand(vec![missing(), recently]);
    let failed = stand.create(&spec(json!({}))).await.unwrap_err();
    assert!(
        matches!(failed.retry, crate::port::Retry::Await { .. }),
        "{failed:?}"
    );
}

#[tokio::test]
async fn only_what_differs_is_sent() {
    let stand = stand(vec![url(), reply(200, "{}"), reply(200, "{}"), reply(200, "{}")]);
    let have = spec(json!({"dead_letter": {"target": DEAD, "max_receives": 5}, "encryption": "alias/jobs"}));
    let want = spec(json!({"delay": 3, "tags": {"grail": "stage=dev:app=shop", "owner": "y"}}));
    stand.update(NAME, &have, &want).await.unwrap();
    assert_eq!(
        stand.aws.operations(),
        ["GetQueueUrl", "SetQueueAttributes", "TagQueue", "UntagQueue"]
    );
    assert_eq!(
        stand.aws.json(1),
        json!({"QueueUrl": URL, "Attributes": {
            "DelaySeconds": "3", "RedrivePolicy": "", "KmsMasterKeyId": "", "SqsManagedSseEnabled": "true",
        }})
    );
    assert_eq!(stand.aws.json(2)["Tags"], json!({"owner": "y"}));
    assert_eq!(stand.aws.json(3)["TagKeys"], json!(["team"]));
}

#[tokio::test]
async fn a_failure_after_a_change_is_a_maybe() {
    let stand = stand(vec![
        url(),
        reply(200, "{}"),
        refusal(400, "InvalidParameterValue", "no"),
    ]);
    let want = spec(json!({"delay": 3, "tags": {"grail": "stage=dev:app=shop"}}));
    let failed = stand.update(NAME, &spec(json!({})), &want).await.unwrap_err();
    assert_eq!(failed.effect, Effect::Maybe);
}

#[tokio::test]
async fn what_is_gone_is_deleted() {
    let gone = stand(vec![missing()]);
    gone.delete(NAME).await.unwrap();
    for answer in [reply(200, "{}"), missing()] {
        let stand = stand(vec![url(), answer]);
        stand.delete(NAME).await.unwrap();
        assert_eq!(stand.aws.operations(), ["GetQueueUrl", "DeleteQueue"]);
    }
    let stand = stand(vec![missing()]);
    assert_eq!(stand.observe(Some(NAME), None).await.unwrap(), Observed::Absent);
}

#[test]
fn what_sqs_would_refuse_is_named_by_field() {
    for (more, field) in [
        (json!({"name": "a b"}), "name"),
        (json!({"name": "jobs.fifo"}), "name"),
        (json!({"fifo": true}), "name"),
        (json!({"content_deduplication": true}), "content_deduplication"),
        (json!({"visibility_timeout": 43_201}), "visibility_timeout"),
        (json!({"retention": 59}), "retention"),
        (json!({"delay": 901}), "delay"),
        (json!({"receive_wait": 21}), "receive_wait"),
        (
            json!({"dead_letter": {"target": DEAD, "max_receives": 0}}),
            "dead_letter",
        ),
        (
            json!({"dead_letter": {"target": "dead", "max_receives": 1}}),
            "dead_letter",
        ),
        (json!({"encryption": ""}), "encryption"),
        (json!({"tags": {"aws:x": "y"}}), "tags"),
    ] {
        let form: Spec = serde_json::from_value(spec(more.clone())).unwrap();
        let fields: Vec<_> = SqsQueue::check(&form).into_iter().map(|one| one.field).collect();
        assert_eq!(fields, [field], "{more}");
    }
    let plain: Spec = serde_json::from_value(json!({"name": "jobs"})).unwrap();
    assert_eq!(SqsQueue::check(&plain), []);
}
