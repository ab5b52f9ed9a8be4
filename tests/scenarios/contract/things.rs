//! Samples of things that functions attach to, and somebody else's under their names.

use grail_tests::account::Account;
use grail_tests::account::sdk::s3::types::{Tag, Tagging};
use grail_tests::runtime::block_on;
use serde_json::{Value, json};

/// What is made: the resource's name, its form, and the form that it is changed to.
type Made = (String, Value, Option<Value>);

/// The kinds.
pub(super) const KINDS: [&str; 6] = [
    "dynamodb_table",
    "event_bus",
    "kinesis_stream",
    "s3_bucket",
    "sns_topic",
    "sqs_queue",
];

/// How the names of all samples begin.
pub(super) const NAME: &str = "contract-dev-thing";

fn tags(team: &str) -> Value {
    json!({"grail": "stage=dev:app=contract", "team": team})
}

/// The `number`th sample of one of [`KINDS`].
pub(super) fn sample(kind: &str, face: &str, number: usize) -> Made {
    let fifo = face == "fifo";
    let ending = if fifo { ".fifo" } else { "" };
    let name = format!("{NAME}{number}{ending}");
    let (form, changes) = match kind {
        "sqs_queue" => (
            json!({
                "fifo": fifo, "content_deduplication": fifo, "visibility_timeout": 30, "retention": 345_600, "delay": 0,
                "receive_wait": 0, "encryption": "sqs",
            }),
            json!({"visibility_timeout": 60, "retention": 3600, "content_deduplication": false, "receive_wait": 5}),
        ),
        "sns_topic" => (
            json!({"fifo": fifo, "content_deduplication": false, "display_name": ""}),
            json!({"display_name": "News", "content_deduplication": fifo}),
        ),
        "dynamodb_table" => (
            json!({
                "attributes": {"id": "S", "who": "S"}, "key": {"partition": "id"}, "point_in_time_recovery": false,
                "indexes": {"by-who": {"key": {"partition": "who"}, "projection": "all"}}, "deletion_protection": false,
            }),
            json!({
                "attributes": {"id": "S", "at": "N"}, "capacity": {"read": 2, "write": 1}, "stream": "NEW_IMAGE", "ttl": "gone",
                "indexes": {"by-time": {"key": {"partition": "id", "sort": "at"}, "projection": "keys"}},
                "point_in_time_recovery": true,
            }),
        ),
        "s3_bucket" => (
            json!({"versioning": false, "encryption": "s3", "public_access_blocked": true}),
            json!({"versioning": true, "public_access_blocked": false}),
        ),
        "kinesis_stream" => (
            json!({"shards": 1, "retention": 24}),
            json!({"shards": 2, "retention": 48}),
        ),
        _ => (json!({}), json!({})),
    };
    let mut spec = with(&form, &json!({"name": name}));
    spec["tags"] = tags("x");
    let mut changed = with(&spec, &changes);
    changed["tags"] = tags("y");
    (format!("thing{number}"), spec, Some(changed))
}

fn with(form: &Value, fields: &Value) -> Value {
    let mut changed = form.clone();
    for (key, value) in fields.as_object().into_iter().flatten() {
        changed[key] = value.clone();
    }
    changed
}

/// Puts somebody else's thing of this kind under `name`.
pub(super) fn squat(account: &Account, kind: &str, name: &str) {
    match kind {
        "sqs_queue" => {
            let mut asked = account.sqs().create_queue().queue_name(name);
            if name.ends_with(".fifo") {
                asked = asked.attributes("FifoQueue".into(), "true");
            }
            drop(block_on(asked.send()).unwrap());
        }
        "sns_topic" => {
            let mut asked = account.sns().create_topic().name(name);
            if name.ends_with(".fifo") {
                asked = asked.attributes("FifoTopic", "true");
            }
            drop(block_on(asked.send()).unwrap());
        }
        "dynamodb_table" => drop(account.make_table(name)),
        "s3_bucket" => {
            account.make_bucket(name);
            let tag = Tag::builder().key("by").value("theirs").build().unwrap();
            let tagging = Tagging::builder().tag_set(tag).build().unwrap();
            let asked = account.s3().put_bucket_tagging().bucket(name).tagging(tagging);
            drop(block_on(asked.send()).unwrap());
        }
        "kinesis_stream" => drop(account.make_stream(name)),
        _ => drop(block_on(account.events().create_event_bus().name(name).send()).unwrap()),
    }
}
