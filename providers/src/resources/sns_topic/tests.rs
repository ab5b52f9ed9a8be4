use grail_state::{Observed, Proof};
use serde_json::{Value, json};

use super::*;
use crate::aws::testing::{Reply, Stand, form_field, xml, xml_refusal};
use crate::port::Effect;

const NAME: &str = "shop-dev-news";
const ARN: &str = "arn:aws:sns:us-east-1:123456789012:shop-dev-news";

fn stand(replies: Vec<Reply>) -> Stand {
    Stand::new("news", replies, |context| SnsTopic::new(Arc::new(context)))
}

fn spec(more: Value) -> Value {
    let mut spec = json!({
        "name": NAME, "fifo": false, "content_deduplication": false, "display_name": "",
        "tags": {"grail": "stage=dev:app=shop", "team": "x"},
    });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

fn attributes(all: &[(&str, &str)]) -> Reply {
    let each = all.iter();
    let each = each.map(|(key, value)| format!("<entry><key>{key}</key><value>{value}</value></entry>"));
    xml(
        "GetTopicAttributes",
        &format!("<Attributes>{}</Attributes>", each.collect::<String>()),
    )
}

fn tags(all: &[(&str, &str)]) -> Reply {
    let each = all.iter();
    let each = each.map(|(key, value)| format!("<member><Key>{key}</Key><Value>{value}</Value></member>"));
    xml(
        "ListTagsForResource",
        &format!("<Tags>{}</Tags>", each.collect::<String>()),
    )
}

fn missing() -> Reply {
    xml_refusal(404, "NotFound", "Topic does not exist")
}

const OURS: &[(&str, &str)] = &[("grail", "stage=dev:app=shop"), ("team", "x")];

#[tokio::test]
async fn a_topic_is_read_whole_in_two_calls() {
    let stand = stand(vec![
        attributes(&[("DisplayName", "News"), ("Policy", "{}")]),
        tags(OURS),
    ]);
    let remote = stand.present(None, Some(&spec(json!({})))).await;
    assert_eq!((remote.handle.0.as_str(), &remote.proof), (NAME, &Proof::Ours));
    assert_eq!(remote.spec, spec(json!({"display_name": "News"})));
    assert_eq!(remote.outputs["arn"], ARN);
    assert_eq!(
        stand.aws.operations(),
        ["GetTopicAttributes", "ListTagsForResource"]
    );
}

#[tokio::test]
async fn a_topic_is_made_whole_and_one_of_others_is_not_taken() {
    let made = stand(vec![
        missing(),
        xml("CreateTopic", &format!("<TopicArn>{ARN}.fifo</TopicArn>")),
    ]);
    let want = spec(json!({"name": "shop-dev-news.fifo", "fifo": true, "display_name": "News"}));
    made.create(&want).await.unwrap();
    assert_eq!(made.aws.operations(), ["GetTopicAttributes", "CreateTopic"]);
    let body = made.aws.asked()[1].body.clone();
    for text in ["FifoTopic", "ContentBasedDeduplication", "DisplayName", "grail"] {
        assert!(body.contains(text), "{text} in {body}");
    }
    let theirs = stand(vec![attributes(&[]), tags(&[("by", "others")])]);
    let failed = theirs.create(&spec(json!({}))).await.unwrap_err();
    assert!(failed.foreign && failed.effect == Effect::None);
    let ours = stand(vec![attributes(&[]), tags(OURS)]);
    ours.create(&spec(json!({}))).await.unwrap();
    assert_eq!(
        ours.aws.operations(),
        ["GetTopicAttributes", "ListTagsForResource"]
    );
}

#[tokio::test]
async fn only_what_differs_is_sent() {
    let done = |operation: &str| xml(operation, "");
    let stand = stand(vec![
        done("SetTopicAttributes"),
        done("TagResource"),
        done("UntagResource"),
    ]);
    let want = spec(json!({"display_name": "News", "tags": {"grail": "stage=dev:app=shop", "owner": "y"}}));
    stand.update(NAME, &spec(json!({})), &want).await.unwrap();
    assert_eq!(
        stand.aws.operations(),
        ["SetTopicAttributes", "TagResource", "UntagResource"]
    );
    let asked = stand.aws.asked();
    assert_eq!(form_field(&asked[0].body, "AttributeValue").unwrap(), "News");
    assert_eq!(form_field(&asked[1].body, "Tags.member.1.Key").unwrap(), "owner");
    assert_eq!(form_field(&asked[2].body, "TagKeys.member.1").unwrap(), "team");
}

#[tokio::test]
async fn what_is_gone_is_deleted() {
    for answer in [xml("DeleteTopic", ""), missing()] {
        let stand = stand(vec![answer]);
        stand.delete(NAME).await.unwrap();
        assert_eq!(form_field(&stand.aws.asked()[0].body, "TopicArn").unwrap(), ARN);
    }
    let stand = stand(vec![missing()]);
    assert_eq!(stand.observe(Some(NAME), None).await.unwrap(), Observed::Absent);
}

#[test]
fn what_sns_would_refuse_is_named_by_field() {
    for (more, field) in [
        (json!({"name": "a b"}), "name"),
        (json!({"fifo": true}), "name"),
        (json!({"content_deduplication": true}), "content_deduplication"),
        (json!({"display_name": "x".repeat(101)}), "display_name"),
        (json!({"tags": {"aws:x": "y"}}), "tags"),
    ] {
        let form: Spec = serde_json::from_value(spec(more.clone())).unwrap();
        let fields: Vec<_> = SnsTopic::check(&form).into_iter().map(|one| one.field).collect();
        assert_eq!(fields, [field], "{more}");
    }
}
