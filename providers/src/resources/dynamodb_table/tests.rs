use grail_state::{Observed, Proof};
use serde_json::{Value, json};

use super::*;
use crate::aws::testing::{Reply, Stand, refusal, reply};
use crate::port::Effect;

const NAME: &str = "shop-dev-orders";
const STREAM: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/shop-dev-orders/stream/2026";

fn stand(replies: Vec<Reply>) -> Stand {
    Stand::new("orders", replies, |context| DynamodbTable::new(Arc::new(context)))
}

fn with(mut form: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        form[key] = value.clone();
    }
    form
}

fn spec(more: Value) -> Value {
    let form = json!({
        "name": NAME, "attributes": {"id": "S"}, "key": {"partition": "id"}, "indexes": {}, "point_in_time_recovery": false,
        "deletion_protection": false, "tags": {"grail": "stage=dev:app=shop"},
    });
    with(form, more)
}

fn full(more: Value) -> Value {
    let form = spec(json!({
        "attributes": {"id": "S", "at": "N", "who": "S"}, "key": {"partition": "id", "sort": "at"}, "stream": "NEW_IMAGE",
        "indexes": {"by-who": {"key": {"partition": "who"}, "projection": ["note"]}}, "ttl": "gone", "point_in_time_recovery": true,
    }));
    with(form, more)
}

/// What `DescribeTable` tells of the full form.
fn described(more: Value) -> Reply {
    let table = json!({
        "TableName": NAME, "TableStatus": "ACTIVE", "LatestStreamArn": STREAM,
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "at", "AttributeType": "N"},
            {"AttributeName": "who", "AttributeType": "S"},
        ],
        "KeySchema": [{"AttributeName": "at", "KeyType": "RANGE"}, {"AttributeName": "id", "KeyType": "HASH"}],
        "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
        "ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0},
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"},
        "GlobalSecondaryIndexes": [{
            "IndexName": "by-who", "IndexStatus": "ACTIVE", "KeySchema": [{"AttributeName": "who", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["note"]},
        }],
    });
    reply(200, json!({"Table": with(table, more)}))
}

fn ttl(attribute: &str) -> Reply {
    reply(
        200,
        json!({"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}}),
    )
}

fn recovery(status: &str) -> Reply {
    let told = json!({"PointInTimeRecoveryStatus": status});
    let told = json!({"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": told});
    reply(200, json!({"ContinuousBackupsDescription": told}))
}

fn tags(owner: &str) -> Reply {
    reply(200, json!({"Tags": [{"Key": "grail", "Value": owner}]}))
}

fn whole(owner: &str) -> Vec<Reply> {
    vec![
        described(json!({})),
        ttl("gone"),
        recovery("ENABLED"),
        tags(owner),
    ]
}

fn missing() -> Reply {
    refusal(400, "ResourceNotFoundException", "Requested resource not found")
}

fn done() -> Reply {
    reply(200, "{}")
}

#[tokio::test]
async fn a_table_is_read_whole_in_four_calls() {
    let stand = stand(whole("stage=dev:app=shop"));
    let remote = stand.present(None, Some(&full(json!({})))).await;
    assert_eq!((&remote.spec, &remote.proof), (&full(json!({})), &Proof::Ours));
    assert_eq!(remote.outputs["stream_arn"], STREAM);
    let mut asked = stand.aws.operations();
    asked.sort();
    assert_eq!(
        asked,
        [
            "DescribeContinuousBackups",
            "DescribeTable",
            "DescribeTimeToLive",
            "ListTagsOfResource"
        ]
    );
}

#[tokio::test]
async fn a_table_that_is_deleted_or_missing_is_absent_and_one_of_others_is_not_taken() {
    for answer in [described(json!({"TableStatus": "DELETING"})), missing()] {
        let stand = stand(vec![answer]);
        assert_eq!(stand.observe(Some(NAME), None).await.unwrap(), Observed::Absent);
    }
    let theirs = stand(whole("stage=prod:app=shop"));
    let failed = theirs.create(&full(json!({}))).await.unwrap_err();
    assert!(
        failed.foreign && failed.effect == Effect::None,
        "{}",
        failed.chain()
    );
    let other = stand(whole("stage=dev:app=shop"));
    let failed = other.create(&spec(json!({}))).await.unwrap_err();
    assert!(failed.chain().contains("another `key"), "{}", failed.chain());
}

#[tokio::test(start_paused = true)]
async fn a_table_is_made_and_waited_for_and_then_given_what_no_creation_takes() {
    let stand = stand(vec![
        missing(),
        done(),
        described(json!({"TableStatus": "CREATING"})),
        described(json!({})),
        done(),
        done(),
    ]);
    let made = stand
        .create(&full(json!({"capacity": {"read": 2, "write": 3}})))
        .await
        .unwrap();
    assert_eq!(made.outputs["stream_arn"], STREAM);
    assert_eq!(
        stand.aws.operations(),
        [
            "DescribeTable",
            "CreateTable",
            "DescribeTable",
            "DescribeTable",
            "UpdateTimeToLive",
            "UpdateContinuousBackups"
        ]
    );
    let sent = stand.aws.json(1);
    assert_eq!(sent["BillingMode"], "PROVISIONED");
    assert_eq!(
        sent["ProvisionedThroughput"],
        json!({"ReadCapacityUnits": 2, "WriteCapacityUnits": 3})
    );
    assert_eq!(
        sent["KeySchema"],
        json!([{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}])
    );
    assert_eq!(
        sent["GlobalSecondaryIndexes"][0]["Projection"]["NonKeyAttributes"],
        json!(["note"])
    );
    assert_eq!(
        sent["Tags"],
        json!([{"Key": "grail", "Value": "stage=dev:app=shop"}])
    );
    assert_eq!(
        sent["StreamSpecification"],
        json!({"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"})
    );
}

#[tokio::test]
async fn each_change_of_a_table_is_a_call_of_its_own() {
    let ready = || described(json!({}));
    // Protection; the index goes; payment; the new index; the stream ends and begins.
    let mut replies = vec![ready()];
    for _ in 0..6 {
        replies.extend([done(), ready()]);
    }
    let stand = stand(replies);
    let want = full(json!({
        "deletion_protection": true, "capacity": {"read": 1, "write": 1}, "stream": "OLD_IMAGE",
        "indexes": {"by-who": {"key": {"partition": "who"}, "projection": "keys"}},
    }));
    stand.update(NAME, &full(json!({})), &want).await.unwrap();
    let asked = stand.aws.operations();
    let sent: Vec<_> = (0..asked.len())
        .filter(|n| asked[*n] == "UpdateTable")
        .map(|n| {
            let keys = stand.aws.json(n);
            let keys = keys.as_object().unwrap().keys().filter(|key| *key != "TableName");
            keys.cloned().collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(
        sent,
        [
            "DeletionProtectionEnabled",
            "GlobalSecondaryIndexUpdates",
            "BillingMode ProvisionedThroughput",
            "AttributeDefinitions GlobalSecondaryIndexUpdates",
            "StreamSpecification",
            "StreamSpecification",
        ]
    );
}

#[tokio::test]
async fn what_a_try_before_has_changed_is_not_asked_for_again() {
    let stand = stand(vec![described(json!({"DeletionProtectionEnabled": true}))]);
    let want = full(json!({"deletion_protection": true}));
    stand.update(NAME, &full(json!({})), &want).await.unwrap();
    assert_eq!(stand.aws.operations(), ["DescribeTable"]);
}

#[tokio::test]
async fn another_time_to_live_gives_up_the_old_one_first() {
    let stand = stand(vec![done(), done(), done()]);
    let want = full(json!({"ttl": "end", "point_in_time_recovery": false}));
    stand.update(NAME, &full(json!({})), &want).await.unwrap();
    let told = |n: usize| stand.aws.json(n)["TimeToLiveSpecification"].clone();
    assert_eq!(told(0), json!({"AttributeName": "gone", "Enabled": false}));
    assert_eq!(told(1), json!({"AttributeName": "end", "Enabled": true}));
    assert_eq!(stand.aws.operations()[2], "UpdateContinuousBackups");
}

#[tokio::test(start_paused = true)]
async fn a_deletion_waits_and_what_is_gone_is_deleted() {
    let gone = stand(vec![missing()]);
    gone.delete(NAME).await.unwrap();
    let deleted = stand(vec![
        done(),
        described(json!({"TableStatus": "DELETING"})),
        missing(),
    ]);
    deleted.delete(NAME).await.unwrap();
    assert_eq!(
        deleted.aws.operations(),
        ["DeleteTable", "DescribeTable", "DescribeTable"]
    );
    let message = "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.";
    let held = stand(vec![refusal(400, "ValidationException", message)]);
    let failed = held.delete(NAME).await.unwrap_err();
    assert!(failed.hint.unwrap().contains("deletion_protection: false"));
    let busy = refusal(
        400,
        "ResourceInUseException",
        "Attempt to change a resource which is still in use: Table is being updated",
    );
    let failed = stand(vec![busy]).delete(NAME).await.unwrap_err();
    assert!(
        matches!(failed.retry, crate::port::Retry::Await { .. }),
        "{failed:?}"
    );
}

#[test]
fn what_dynamodb_would_refuse_is_named_by_field() {
    for (more, field) in [
        (json!({"name": "ab"}), "name"),
        (json!({"key": {"partition": "id", "sort": "at"}}), "attributes"),
        (json!({"attributes": {"id": "S", "at": "N"}}), "attributes"),
        (json!({"attributes": {"id": "X"}}), "attributes"),
        (json!({"stream": "ALL"}), "stream"),
        (json!({"capacity": {"read": 0, "write": 1}}), "capacity"),
        (json!({"tags": {"aws:x": "y"}}), "tags"),
    ] {
        let form: Spec = serde_json::from_value(spec(more.clone())).unwrap();
        let fields: Vec<_> = DynamodbTable::check(&form)
            .into_iter()
            .map(|one| one.field)
            .collect();
        assert_eq!(fields, [field], "{more}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_what_is_gone_is_refused_at_once() {
    let stand = stand(vec![missing()]);
    let want = full(json!({"deletion_protection": true}));
    let failed = stand.update(NAME, &full(json!({})), &want).await.unwrap_err();
    assert!(failed.chain().contains("is gone"), "{}", failed.chain());
}
