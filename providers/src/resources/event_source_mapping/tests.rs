use grail_state::{Observed, Proof, ResourceId};
use serde_json::json;

use super::*;
use crate::aws::testing::{Canned, Reply, Stand, refusal, reply};
use crate::port::{Effect, Retry, erase};

mod limits;
mod looking;
mod sources;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:shop-dev-worker";
const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:jobs";
const STREAM: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/clicks";
const TABLE: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/Orders/stream/2026-01-01T00:00:00.000";

fn stand(replies: Vec<Reply>) -> Stand {
    Stand::new("worker-sqs-event-source", replies, |context| {
        EventSourceMapping::new(Arc::new(context))
    })
}

fn queue() -> Value {
    json!({"service": "sqs", "source_arn": QUEUE, "name": "jobs", "function": FUNCTION, "batch_size": 1,
        "maximum_batching_window": 0})
}

fn stream() -> Value {
    json!({"service": "kinesis", "source_arn": STREAM, "name": "clicks", "function": FUNCTION, "batch_size": 100,
        "starting_position": "LATEST"})
}

fn table() -> Value {
    json!({"service": "dynamodb", "source_arn": TABLE, "function": FUNCTION, "batch_size": 100,
        "starting_position": "LATEST"})
}

fn with(mut form: Value, field: &str, value: Value) -> Value {
    form[field] = value;
    form
}

/// A mapping as Lambda tells it.
fn mapping(uuid: &str, form: &Value, state: &str) -> Value {
    let mut told = json!({
        "UUID": uuid, "EventSourceArn": form["source_arn"], "FunctionArn": form["function"], "State": state,
        "BatchSize": form["batch_size"], "StateTransitionReason": "User action", "LastModified": 1.5e9,
        "MaximumBatchingWindowInSeconds": form.get("maximum_batching_window").unwrap_or(&json!(0)),
    });
    if let Some(position) = form.get("starting_position") {
        told["StartingPosition"] = position.clone();
    }
    if let Some(limit) = form.get("maximum_concurrency") {
        told["ScalingConfig"] = json!({"MaximumConcurrency": limit});
    }
    told
}

fn told(uuid: &str, form: &Value, state: &str) -> Reply {
    reply(200, mapping(uuid, form, state))
}

fn list(mappings: &[Value], next: Option<&str>) -> Reply {
    reply(200, json!({"EventSourceMappings": mappings, "NextMarker": next}))
}

fn gone() -> Reply {
    refusal(
        404,
        "ResourceNotFoundException",
        "The resource you requested does not exist.",
    )
}

fn exists() -> Reply {
    let said = "The event source arn (\" ... \") and function (\" ... \") provided mapping already exists.";
    refusal(409, "ResourceConflictException", said)
}

#[tokio::test(start_paused = true)]
async fn a_mapping_is_made_as_chalice_makes_it_and_waited_for() {
    let wish = with(queue(), "maximum_concurrency", json!(5));
    let stand = stand(vec![
        told("u-1", &wish, "Creating"),
        gone(),
        told("u-1", &wish, "Creating"),
        told("u-1", &wish, "Enabled"),
    ]);
    let made = stand.create(&wish).await.unwrap();
    assert_eq!((made.handle.0.as_str(), &made.proof), ("u-1", &Proof::Ours));
    assert_eq!(
        json!(made.outputs),
        json!({"uuid": "u-1", "service": "sqs", "source_arn": QUEUE, "name": "jobs", "function_arn": FUNCTION})
    );
    assert_eq!(
        stand.aws.operations(),
        [
            "CreateEventSourceMapping",
            "GetEventSourceMapping",
            "GetEventSourceMapping",
            "GetEventSourceMapping"
        ]
    );
    let sent = json!({"EventSourceArn": QUEUE, "FunctionName": FUNCTION, "BatchSize": 1,
        "MaximumBatchingWindowInSeconds": 0, "ScalingConfig": {"MaximumConcurrency": 5}});
    assert_eq!(stand.aws.json(0), sent);
}

#[tokio::test]
async fn a_stream_is_read_from_its_starting_position() {
    for (wish, arn, name) in [(stream(), STREAM, json!("clicks")), (table(), TABLE, Value::Null)] {
        let stand = stand(vec![told("u-1", &wish, "Enabled")]);
        let made = stand.create(&wish).await.unwrap();
        assert_eq!(made.outputs.get("name").cloned().unwrap_or_default(), name);
        let sent = json!({"EventSourceArn": arn, "FunctionName": FUNCTION, "BatchSize": 100,
            "MaximumBatchingWindowInSeconds": 0, "StartingPosition": "LATEST"});
        assert_eq!(stand.aws.json(0), sent);
    }
}

#[tokio::test(start_paused = true)]
async fn a_mapping_that_exists_is_taken_and_not_made_twice() {
    let there = with(queue(), "batch_size", json!(7));
    let stand = stand(vec![
        exists(),
        list(&[mapping("u-0", &there, "Enabling")], None),
        told("u-0", &there, "Enabled"),
    ]);
    let made = stand.create(&queue()).await.unwrap();
    assert_eq!(
        (made.handle.0.as_str(), &made.spec["batch_size"]),
        ("u-0", &json!(7))
    );
    assert_eq!(
        stand.aws.operations(),
        [
            "CreateEventSourceMapping",
            "ListEventSourceMappings",
            "GetEventSourceMapping"
        ]
    );
    assert_eq!(
        stand
            .aws
            .asked()
            .iter()
            .filter(|asked| !asked.line.starts_with("GET"))
            .count(),
        1
    );
}

#[tokio::test]
async fn a_new_mapping_waits_until_the_old_one_is_gone() {
    let leaving = list(&[mapping("u-0", &queue(), "Deleting")], None);
    for (answer, awaited) in [
        (leaving, "the old event source mapping to be gone"),
        (list(&[], None), "the event source mapping to become visible"),
    ] {
        let failed = stand(vec![exists(), answer]).create(&queue()).await.unwrap_err();
        assert_eq!(failed.effect, Effect::None);
        assert!(
            matches!(failed.retry, Retry::Await { on, .. } if on == awaited),
            "{failed:?}"
        );
    }
}

#[test]
fn another_starting_position_is_no_difference_once_the_mapping_lives() {
    let digester = Digester::new([7; 32]);
    let projected =
        |spec: &Value| EventSourceMapping::project(&serde_json::from_value(spec.clone()).unwrap(), &digester);
    let there = with(stream(), "starting_position", json!("TRIM_HORIZON"));
    assert_eq!(projected(&there), projected(&stream()));
}

#[tokio::test]
async fn what_is_kept_of_a_streams_mapping_is_a_whole_form() {
    for (told_position, kept) in [("LATEST", "LATEST"), ("AT_TIMESTAMP", "TRIM_HORIZON")] {
        let there = with(stream(), "starting_position", json!(told_position));
        let stand = stand(vec![told("u-1", &there, "Enabled")]);
        let secured = stand
            .provider
            .secure(&stand.remote("u-1", &stream()))
            .await
            .unwrap();
        assert_eq!(secured.spec["starting_position"], kept);
        assert_eq!(
            stand.provider.check(&grail_state::Template::Lit(secured.spec)),
            Ok(())
        );
    }
    let stand = stand(vec![told("u-1", &queue(), "Enabled")]);
    let secured = stand
        .provider
        .secure(&stand.remote("u-1", &queue()))
        .await
        .unwrap();
    assert_eq!(secured.spec.get("starting_position"), None);
}

#[tokio::test]
async fn what_the_role_or_the_mapping_is_not_ready_for_is_awaited() {
    for said in [
        "The provided execution role does not have permissions to call ReceiveMessage on SQS",
        "The role defined for the function cannot be assumed by Lambda.",
        "Cannot access stream arn:aws:kinesis:x. Please ensure the role can perform the GetRecords, GetShardIterator, \
         DescribeStream, ListShards, and ListStreams Actions on your stream in IAM.",
    ] {
        let refused = refusal(400, "InvalidParameterValueException", said);
        let failed = stand(vec![refused]).create(&queue()).await.unwrap_err();
        let awaited = Retry::Await {
            after: std::time::Duration::from_millis(250),
            on: "the role to become usable",
        };
        assert_eq!((failed.effect, failed.retry), (Effect::None, awaited));
    }
    let busy = || {
        let said = "Cannot delete the event source mapping because it is in use.";
        refusal(400, "ResourceInUseException", said)
    };
    let deleted = stand(vec![busy()]).delete("u-1").await.unwrap_err();
    let changed = with(queue(), "batch_size", json!(2));
    let updated = stand(vec![busy()])
        .update("u-1", &queue(), &changed)
        .await
        .unwrap_err();
    for failed in [deleted, updated] {
        assert_eq!(failed.effect, Effect::None);
        assert!(matches!(
            failed.retry,
            Retry::Await {
                on: "the event source mapping to become free",
                ..
            }
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_says_what_differs_and_waits() {
    let want = with(
        with(queue(), "batch_size", json!(50)),
        "maximum_batching_window",
        json!(3),
    );
    let stand = stand(vec![
        told("u-1", &want, "Updating"),
        told("u-1", &want, "Updating"),
        told("u-1", &want, "Enabled"),
    ]);
    stand.update("u-1", &queue(), &want).await.unwrap();
    assert_eq!(
        stand.aws.operations(),
        [
            "UpdateEventSourceMapping",
            "GetEventSourceMapping",
            "GetEventSourceMapping"
        ]
    );
    assert_eq!(
        stand.aws.json(0),
        json!({"BatchSize": 50, "MaximumBatchingWindowInSeconds": 3})
    );
    assert_eq!(
        stand.aws.asked()[0].line,
        "PUT /2015-03-31/event-source-mappings/u-1"
    );
}

#[tokio::test]
async fn a_mapping_goes_on_for_another_function() {
    let want = with(
        queue(),
        "function",
        json!("arn:aws:lambda:us-east-1:123456789012:function:shop-dev-renamed"),
    );
    let stand = stand(vec![told("u-1", &want, "Enabled")]);
    let changed = stand.update("u-1", &queue(), &want).await.unwrap();
    assert_eq!(stand.aws.json(0), json!({"FunctionName": want["function"]}));
    assert_eq!(
        (changed.handle.0.as_str(), &changed.outputs["function_arn"]),
        ("u-1", &want["function"])
    );
}

#[tokio::test]
async fn an_update_makes_no_mapping() {
    let want = with(queue(), "batch_size", json!(2));
    for answer in [gone(), reply(404, "{}"), reply(202, "{}")] {
        let stand = stand(vec![answer]);
        let failed = stand.update("u-1", &queue(), &want).await.unwrap_err();
        assert_eq!((failed.effect, failed.retry), (Effect::None, Retry::Never));
        assert_eq!(stand.aws.operations(), ["UpdateEventSourceMapping"]);
    }
}

#[tokio::test]
async fn removing_maximum_concurrency_removes_it() {
    let limited = with(queue(), "maximum_concurrency", json!(5));
    let stand = stand(vec![told("u-1", &queue(), "Enabled")]);
    let changed = stand.update("u-1", &limited, &queue()).await.unwrap();
    assert_eq!(stand.aws.json(0), json!({"ScalingConfig": {}}));
    assert!(changed.spec.get("maximum_concurrency").is_none());
}

#[tokio::test]
async fn a_mapping_disabled_by_hand_is_drift_and_is_enabled_again() {
    let stand = stand(vec![
        told("u-1", &queue(), "Disabled"),
        told("u-1", &queue(), "Enabled"),
    ]);
    let there = stand.present(Some("u-1"), Some(&queue())).await;
    let diff = stand.provider.diff(&queue().into(), &there).unwrap();
    assert_eq!(
        diff.fields
            .iter()
            .map(|field| field.path.as_str())
            .collect::<Vec<_>>(),
        ["enabled"]
    );
    stand
        .update("u-1", &with(queue(), "enabled", json!(false)), &queue())
        .await
        .unwrap();
    assert_eq!(stand.aws.json(1), json!({"Enabled": true}));
}

#[tokio::test(start_paused = true)]
async fn a_mapping_that_lambda_switches_off_is_a_failure_with_its_reason() {
    let mut off = mapping("u-1", &queue(), "Disabled");
    off["StateTransitionReason"] = json!("The role was deleted");
    let mut replies = vec![told("u-1", &queue(), "Creating")];
    replies.extend(std::iter::repeat_n(reply(200, &off), 7));
    let stand = stand(replies);
    let failed = stand.create(&queue()).await.unwrap_err();
    assert_eq!((failed.effect, failed.retry), (Effect::Maybe, Retry::Never));
    assert!(
        failed.chain().contains("Disabled: The role was deleted"),
        "{}",
        failed.chain()
    );
    assert_eq!(stand.aws.operations().len(), 8);
}

/// Chalice compares the recorded stream with itself, so that a changed one is never seen (`chalice-deployer.md` 3.8).
#[tokio::test]
async fn chalice_ignores_a_changed_stream_arn_for_ever_and_here_it_is_replaced() {
    let newer = TABLE.replace("2026-01-01", "2026-02-02");
    let stand = stand(vec![told("u-1", &table(), "Enabled")]);
    let there = stand
        .present(Some("u-1"), Some(&with(table(), "source_arn", json!(newer))))
        .await;
    let diff = stand
        .provider
        .diff(&with(table(), "source_arn", json!(newer)).into(), &there)
        .unwrap();
    assert!(diff.replaces() && !stand.provider.name_bound());
}

/// Chalice compares the last part of the ARN alone.
#[tokio::test]
async fn chalice_takes_a_queue_of_another_account_for_the_same_and_here_it_is_replaced() {
    let other = QUEUE.replace("123456789012", "210987654321");
    let stand = stand(vec![told("u-1", &queue(), "Enabled")]);
    let wish = with(queue(), "source_arn", json!(other));
    let there = stand.present(Some("u-1"), Some(&wish)).await;
    assert!(stand.provider.diff(&wish.into(), &there).unwrap().replaces());
}

#[tokio::test(start_paused = true)]
async fn a_deletion_is_over_when_the_mapping_is_gone() {
    let stand = stand(vec![
        reply(202, mapping("u-1", &queue(), "Deleting")),
        told("u-1", &queue(), "Deleting"),
        gone(),
    ]);
    stand.delete("u-1").await.unwrap();
    assert_eq!(
        stand.aws.operations(),
        [
            "DeleteEventSourceMapping",
            "GetEventSourceMapping",
            "GetEventSourceMapping"
        ]
    );
}

#[tokio::test]
async fn what_is_gone_is_deleted() {
    for answer in [gone(), reply(404, "{}")] {
        let stand = stand(vec![answer]);
        stand.delete("u-1").await.unwrap();
        assert_eq!(stand.aws.operations(), ["DeleteEventSourceMapping"]);
    }
}

#[tokio::test]
async fn each_service_is_another_type_in_chalices_file() {
    let keys = |resource_type: &str| {
        let wire = EventSourceMapping::WIRES
            .iter()
            .find(|wire| wire.resource_type == resource_type)
            .unwrap();
        (wire.when.unwrap().1, wire.keys)
    };
    for (resource_type, wish) in [
        ("sqs_event", queue()),
        ("kinesis_event", stream()),
        ("dynamodb_event", table()),
    ] {
        let made = stand(vec![told("u-1", &wish, "Enabled")])
            .create(&wish)
            .await
            .unwrap();
        let (service, keys) = keys(resource_type);
        assert_eq!(made.outputs["service"], service);
        assert!(
            keys.iter().all(|(_, output)| made.outputs.contains_key(*output)),
            "{resource_type}"
        );
    }
}
