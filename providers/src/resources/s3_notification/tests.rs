use grail_state::{Observed, Record};
use sha2::Digest as _;

use super::document::Rule;
use super::*;
use crate::aws::testing::{Reply, Stand, reply};
use crate::port::{Delete, Effect, Retry, Update};

mod looking;
mod refusing;
mod writing;

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
