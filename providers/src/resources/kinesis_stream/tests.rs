use grail_state::{Observed, Proof};
use serde_json::{Value, json};

use super::*;
use crate::aws::testing::{Reply, Stand, refusal, reply};
use crate::port::Effect;

const NAME: &str = "shop-dev-clicks";

fn stand(replies: Vec<Reply>) -> Stand {
    Stand::new("clicks", replies, |context| KinesisStream::new(Arc::new(context)))
}

fn spec(more: Value) -> Value {
    let mut form = json!({"name": NAME, "retention": 24, "tags": {"grail": "stage=dev:app=shop"}});
    for (key, value) in more.as_object().unwrap() {
        form[key] = value.clone();
    }
    form
}

fn summary(status: &str, mode: &str, shards: u32, hours: u32) -> Reply {
    let told = json!({
        "StreamName": NAME, "StreamARN": "arn", "StreamStatus": status, "StreamModeDetails": {"StreamMode": mode},
        "RetentionPeriodHours": hours, "StreamCreationTimestamp": 1.0, "EnhancedMonitoring": [], "OpenShardCount": shards,
    });
    reply(200, json!({"StreamDescriptionSummary": told}))
}

fn active(mode: &str, shards: u32, hours: u32) -> Reply {
    summary("ACTIVE", mode, shards, hours)
}

fn tags(owner: &str) -> Reply {
    reply(
        200,
        json!({"Tags": [{"Key": "grail", "Value": owner}], "HasMoreTags": false}),
    )
}

fn missing() -> Reply {
    refusal(400, "ResourceNotFoundException", "Stream not found")
}

fn done() -> Reply {
    reply(200, "{}")
}

#[tokio::test]
async fn a_stream_is_read_whole_with_all_pages_of_its_tags() {
    let first = reply(
        200,
        json!({"Tags": [{"Key": "a", "Value": "1"}], "HasMoreTags": true}),
    );
    let stand = stand(vec![
        active("PROVISIONED", 2, 48),
        first,
        tags("stage=dev:app=shop"),
    ]);
    let remote = stand.present(None, Some(&spec(json!({})))).await;
    let owner = json!({"grail": "stage=dev:app=shop", "a": "1"});
    assert_eq!(
        remote.spec,
        spec(json!({"shards": 2, "retention": 48, "tags": owner}))
    );
    assert_eq!(remote.proof, Proof::Ours);
    assert_eq!(stand.aws.json(2)["ExclusiveStartTagKey"], "a");
    let by_need = self::stand(vec![active("ON_DEMAND", 4, 24), tags("stage=dev:app=shop")]);
    assert_eq!(
        by_need.present(None, Some(&spec(json!({})))).await.spec,
        spec(json!({}))
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_made_waited_for_and_given_what_it_lacks() {
    let none = reply(200, json!({"Tags": [], "HasMoreTags": false}));
    let stand = stand(vec![
        missing(),
        done(),
        summary("CREATING", "PROVISIONED", 0, 24),
        active("PROVISIONED", 2, 24),
        none,
        done(),
        done(),
        active("PROVISIONED", 2, 48),
    ]);
    stand
        .create(&spec(json!({"shards": 2, "retention": 48})))
        .await
        .unwrap();
    assert_eq!(
        stand.aws.operations(),
        [
            "DescribeStreamSummary",
            "CreateStream",
            "DescribeStreamSummary",
            "DescribeStreamSummary",
            "ListTagsForStream",
            "AddTagsToStream",
            "IncreaseStreamRetentionPeriod",
            "DescribeStreamSummary"
        ]
    );
    assert_eq!(
        stand.aws.json(1),
        json!({
            "StreamName": NAME, "ShardCount": 2, "StreamModeDetails": {"StreamMode": "PROVISIONED"},
            "Tags": {"grail": "stage=dev:app=shop"},
        })
    );
}

#[tokio::test]
async fn a_stream_of_others_is_not_taken() {
    let stand = stand(vec![active("ON_DEMAND", 4, 24), tags("stage=prod:app=shop")]);
    let failed = stand.create(&spec(json!({}))).await.unwrap_err();
    assert!(failed.foreign && failed.effect == Effect::None);
}

#[tokio::test]
async fn shards_are_changed_by_halves_and_doubles() {
    let stand = stand(vec![
        active("PROVISIONED", 2, 24),
        done(),
        active("PROVISIONED", 4, 24),
        done(),
        active("PROVISIONED", 5, 24),
    ]);
    let (have, want) = (spec(json!({"shards": 2})), spec(json!({"shards": 5})));
    stand.update(NAME, &have, &want).await.unwrap();
    assert_eq!(stand.aws.json(1)["TargetShardCount"], 4);
    assert_eq!(stand.aws.json(3)["TargetShardCount"], 5);
    let by_need = self::stand(vec![
        active("PROVISIONED", 2, 24),
        done(),
        active("ON_DEMAND", 4, 24),
    ]);
    by_need.update(NAME, &have, &spec(json!({}))).await.unwrap();
    assert_eq!(
        by_need.aws.operations(),
        [
            "DescribeStreamSummary",
            "UpdateStreamMode",
            "DescribeStreamSummary"
        ]
    );
}

#[tokio::test]
async fn retention_goes_up_and_down_and_no_further_than_it_is() {
    for (have, now, want, call) in [
        (24, 24, 48, Some("IncreaseStreamRetentionPeriod")),
        (48, 48, 24, Some("DecreaseStreamRetentionPeriod")),
        (24, 48, 48, None),
    ] {
        let mut replies = vec![active("ON_DEMAND", 4, now)];
        if call.is_some() {
            replies.extend([done(), active("ON_DEMAND", 4, want)]);
        }
        let stand = stand(replies);
        let (have, want) = (spec(json!({"retention": have})), spec(json!({"retention": want})));
        stand.update(NAME, &have, &want).await.unwrap();
        let asked = stand.aws.operations();
        assert_eq!(asked.get(1).map(String::as_str), call);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_waits_and_what_is_gone_is_deleted() {
    stand(vec![missing()]).delete(NAME).await.unwrap();
    let deleted = stand(vec![done(), summary("DELETING", "ON_DEMAND", 4, 24), missing()]);
    deleted.delete(NAME).await.unwrap();
    assert_eq!(
        deleted.aws.operations(),
        ["DeleteStream", "DescribeStreamSummary", "DescribeStreamSummary"]
    );
    assert_eq!(deleted.aws.json(0)["EnforceConsumerDeletion"], true);
    let stand = stand(vec![summary("DELETING", "ON_DEMAND", 4, 24)]);
    assert_eq!(stand.observe(Some(NAME), None).await.unwrap(), Observed::Absent);
}

#[test]
fn what_kinesis_would_refuse_is_named_by_field() {
    for (more, field) in [
        (json!({"name": "a b"}), "name"),
        (json!({"shards": 0}), "shards"),
        (json!({"retention": 23}), "retention"),
        (json!({"tags": {"aws:x": "y"}}), "tags"),
    ] {
        let form: Spec = serde_json::from_value(spec(more.clone())).unwrap();
        let fields: Vec<_> = KinesisStream::check(&form)
            .into_iter()
            .map(|one| one.field)
            .collect();
        assert_eq!(fields, [field], "{more}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_what_is_gone_is_refused_at_once() {
    let stand = stand(vec![missing()]);
    let want = spec(json!({"shards": 2}));
    let failed = stand
        .update(NAME, &spec(json!({"shards": 1})), &want)
        .await
        .unwrap_err();
    assert!(failed.chain().contains("is gone"), "{}", failed.chain());
    // What was made just now may be seen late, and not be missing for ever.
    let mut replies = vec![missing(), done()];
    replies.extend((0..7).map(|_| missing()));
    let lost = self::stand(replies);
    let failed = lost.create(&want).await.unwrap_err();
    assert_eq!(failed.effect, Effect::Maybe, "{}", failed.chain());
    assert_eq!(lost.aws.operations().len(), 9);
}
