use grail_state::{Observed, Proof};
use serde_json::{Value, json};

use super::*;
use crate::aws::testing::{Reply, Stand, refusal, reply};
use crate::port::Effect;

const NAME: &str = "shop-dev-door";
const ARN: &str = "arn:aws:events:us-east-1:123456789012:event-bus/shop-dev-door";

fn stand(replies: Vec<Reply>) -> Stand {
    Stand::new("door", replies, |context| EventBus::new(Arc::new(context)))
}

fn spec(tags: Value) -> Value {
    json!({"name": NAME, "tags": tags})
}

fn ours() -> Value {
    json!({"grail": "stage=dev:app=shop"})
}

fn there(owner: &str) -> Vec<Reply> {
    vec![
        reply(200, json!({"Name": NAME, "Arn": ARN})),
        reply(200, json!({"Tags": [{"Key": "grail", "Value": owner}]})),
    ]
}

fn missing() -> Reply {
    refusal(400, "ResourceNotFoundException", "Event bus does not exist.")
}

#[tokio::test]
async fn a_bus_is_read_made_and_not_taken_from_others() {
    let seen = stand(there("stage=dev:app=shop"));
    let remote = seen.present(None, Some(&spec(ours()))).await;
    assert_eq!((&remote.spec, &remote.proof), (&spec(ours()), &Proof::Ours));
    assert_eq!(remote.outputs["arn"], ARN);
    let made = stand(vec![missing(), reply(200, json!({"EventBusArn": ARN}))]);
    made.create(&spec(ours())).await.unwrap();
    assert_eq!(made.aws.operations(), ["DescribeEventBus", "CreateEventBus"]);
    assert_eq!(
        made.aws.json(1)["Tags"],
        json!([{"Key": "grail", "Value": "stage=dev:app=shop"}])
    );
    let theirs = stand(there("stage=prod:app=shop"));
    let failed = theirs.create(&spec(ours())).await.unwrap_err();
    assert!(failed.foreign && failed.effect == Effect::None);
}

#[tokio::test]
async fn only_tags_change_and_what_is_gone_is_deleted() {
    let stand = stand(vec![reply(200, "{}"), reply(200, "{}")]);
    let have = spec(json!({"grail": "stage=dev:app=shop", "a": "1"}));
    let want = spec(json!({"grail": "stage=dev:app=shop", "b": "2"}));
    stand.update(NAME, &have, &want).await.unwrap();
    assert_eq!(stand.aws.operations(), ["TagResource", "UntagResource"]);
    for answer in [reply(200, "{}"), missing()] {
        let stand = self::stand(vec![answer]);
        stand.delete(NAME).await.unwrap();
        assert_eq!(stand.aws.json(0), json!({"Name": NAME}));
    }
    let stand = self::stand(vec![missing()]);
    assert_eq!(stand.observe(Some(NAME), None).await.unwrap(), Observed::Absent);
}

#[test]
fn what_eventbridge_would_refuse_is_named_by_field() {
    for (name, tags, field) in [
        ("a b", ours(), "name"),
        ("default", ours(), "name"),
        (NAME, json!({"aws:x": "y"}), "tags"),
    ] {
        let form: Spec = serde_json::from_value(json!({"name": name, "tags": tags})).unwrap();
        let fields: Vec<_> = EventBus::check(&form).into_iter().map(|one| one.field).collect();
        assert_eq!(fields, [field], "{name}");
    }
}
