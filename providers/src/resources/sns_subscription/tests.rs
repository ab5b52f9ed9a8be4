use grail_state::{Handle, Observed, Record, Remote};
use serde_json::json;

use super::*;
use crate::aws::testing::{Reply, Stand, form_field, xml, xml_refusal};
use crate::port::{Delete, Retry};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:shop-dev-orders";
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:orders";
const FOREIGN: &str = "arn:aws:sns:eu-west-1:999999999999:news";

fn stand(replies: Vec<Reply>) -> Stand {
    Stand::new("orders-sns-subscription", replies, |context| {
        SnsSubscription::new(Arc::new(context))
    })
}

fn spec(topic: &str, topic_arn: &str) -> Value {
    json!({"topic": topic, "topic_arn": topic_arn, "function": FUNCTION})
}

fn subscription(topic: &str) -> String {
    format!("{topic}:6f1e")
}

fn attributes(topic: &str, function: &str, pending: bool) -> Reply {
    attributes_with(topic, function, pending, &[])
}

fn attributes_with(topic: &str, function: &str, pending: bool, more: &[(&str, &str)]) -> Reply {
    let entry = |name: &str, value: &str| format!("<entry><key>{name}</key><value>{value}</value></entry>");
    let more: String = more.iter().map(|(name, value)| entry(name, value)).collect();
    let all = [
        more,
        entry("TopicArn", topic),
        entry("Protocol", "lambda"),
        entry("Endpoint", function),
        entry("PendingConfirmation", if pending { "true" } else { "false" }),
    ];
    xml(
        "GetSubscriptionAttributes",
        &format!("<Attributes>{}</Attributes>", all.concat()),
    )
}

fn member(arn: &str, topic: &str, protocol: &str, endpoint: &str) -> String {
    format!(
        "<member><SubscriptionArn>{arn}</SubscriptionArn><TopicArn>{topic}</TopicArn><Protocol>{protocol}</Protocol>\
         <Endpoint>{endpoint}</Endpoint><Owner>123456789012</Owner></member>"
    )
}

fn list(members: &[String], next: Option<&str>) -> Reply {
    let next = next
        .map(|next| format!("<NextToken>{next}</NextToken>"))
        .unwrap_or_default();
    xml(
        "ListSubscriptionsByTopic",
        &format!("<Subscriptions>{}</Subscriptions>{next}", members.concat()),
    )
}

fn gone() -> Reply {
    xml_refusal(404, "NotFound", "Subscription does not exist")
}

fn denied() -> Reply {
    xml_refusal(
        403,
        "AuthorizationError",
        "User is not authorized to perform: SNS:ListSubscriptionsByTopic on resource",
    )
}

fn subscribed(arn: &str) -> Reply {
    xml("Subscribe", &format!("<SubscriptionArn>{arn}</SubscriptionArn>"))
}

fn record(handle: &str, topic: &str, topic_arn: &str) -> Record {
    let outputs = json!({"topic": topic, "topic_arn": topic_arn, "function_arn": FUNCTION});
    Record {
        handle: Handle(handle.to_owned()),
        spec: Value::Null,
        outputs: serde_json::from_value(outputs).unwrap(),
        depends_on: Default::default(),
        rank: 0,
        token: None,
    }
}

async fn look(stand: &Stand, spec: &Value, record: Option<&Record>) -> Option<Remote> {
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

async fn delete(stand: &Stand, record: &Record) -> Result<(), Failure> {
    let request = Delete {
        id: &stand.id,
        handle: &record.handle,
        spec: &Value::Null,
        outputs: &record.outputs,
    };
    stand.provider.delete(request).await
}

/// Chalice compares the topic's name with the ARN that the project says, and subscribes at every deploy
/// (`chalice-deployer.md` 3.7).
#[tokio::test]
async fn a_topic_given_as_arn_is_not_subscribed_to_again() {
    let arn = subscription(TOPIC);
    for topic in [TOPIC, "orders"] {
        let stand = stand(vec![attributes(TOPIC, FUNCTION, false)]);
        let wish = spec(topic, TOPIC);
        let seen = look(&stand, &wish, Some(&record(&arn, topic, TOPIC)))
            .await
            .unwrap();
        assert!(stand.provider.diff(&wish.into(), &seen).unwrap().is_empty());
        assert_eq!((&seen.handle.0, &seen.proof), (&arn, &Proof::Ours));
        let outputs = json!({"arn": arn, "topic": topic, "topic_arn": TOPIC, "function_arn": FUNCTION});
        assert_eq!(json!(seen.outputs), outputs);
        assert_eq!(stand.aws.operations(), ["GetSubscriptionAttributes"]);
        assert_eq!(SnsSubscription::READS.each, 1);
    }
}

#[tokio::test]
async fn a_lost_subscription_is_found_by_topic_and_function_on_any_page() {
    let arn = subscription(TOPIC);
    let others = [
        member("PendingConfirmation", TOPIC, "lambda", FUNCTION),
        member(&format!("{TOPIC}:1"), TOPIC, "sqs", FUNCTION),
        member(
            &format!("{TOPIC}:2"),
            TOPIC,
            "lambda",
            &format!("{FUNCTION}:prod"),
        ),
    ];
    let stand = stand(vec![
        list(&others, Some("n")),
        list(&[member(&arn, TOPIC, "lambda", FUNCTION)], None),
    ]);
    let wish = spec("orders", TOPIC);
    let seen = look(&stand, &wish, None).await.unwrap();
    assert_eq!((&seen.handle.0, &seen.proof), (&arn, &Proof::Ours));
    assert!(stand.provider.diff(&wish.into(), &seen).unwrap().is_empty());
    assert_eq!(stand.aws.operations(), ["ListSubscriptionsByTopic"; 2]);
    assert_eq!(form_field(&stand.aws.asked()[1].body, "NextToken").unwrap(), "n");
}

#[tokio::test]
async fn a_subscription_that_is_gone_is_looked_for_under_its_topic() {
    let stand = stand(vec![gone(), list(&[], None)]);
    assert!(
        look(
            &stand,
            &spec("orders", TOPIC),
            Some(&record(&subscription(TOPIC), "orders", TOPIC))
        )
        .await
        .is_none()
    );
    assert_eq!(
        stand.aws.operations(),
        ["GetSubscriptionAttributes", "ListSubscriptionsByTopic"]
    );
    let no_topic = stand_without_topic();
    assert!(look(&no_topic, &spec("orders", TOPIC), None).await.is_none());
}

fn stand_without_topic() -> Stand {
    stand(vec![xml_refusal(404, "NotFound", "Topic does not exist")])
}

/// What Chalice wrote down where the subscription was not confirmed.
#[tokio::test]
async fn a_recorded_pending_confirmation_is_no_subscription() {
    let arn = subscription(FOREIGN);
    let pending = record("pending confirmation", FOREIGN, FOREIGN);
    let found = stand(vec![list(&[member(&arn, FOREIGN, "lambda", FUNCTION)], None)]);
    let seen = look(&found, &spec(FOREIGN, FOREIGN), Some(&pending))
        .await
        .unwrap();
    assert_eq!(seen.handle.0, arn);
    assert_eq!(found.aws.operations(), ["ListSubscriptionsByTopic"]);

    let gone = stand(vec![
        list(&[member(&arn, FOREIGN, "lambda", FUNCTION)], None),
        xml("Unsubscribe", ""),
    ]);
    delete(&gone, &pending).await.unwrap();
    assert_eq!(gone.aws.operations(), ["ListSubscriptionsByTopic", "Unsubscribe"]);
    let never = stand(vec![list(&[], None)]);
    delete(&never, &pending).await.unwrap();
}

#[tokio::test]
async fn an_unconfirmed_subscription_is_there() {
    let stand = stand(vec![attributes(FOREIGN, FUNCTION, true)]);
    let wish = spec(FOREIGN, FOREIGN);
    let seen = look(
        &stand,
        &wish,
        Some(&record(&subscription(FOREIGN), FOREIGN, FOREIGN)),
    )
    .await
    .unwrap();
    assert!(stand.provider.diff(&wish.into(), &seen).unwrap().is_empty());
}

#[tokio::test]
async fn a_topic_of_another_account_that_may_not_be_listed_is_subscribed_to() {
    let stand = stand(vec![denied(), subscribed(&subscription(FOREIGN))]);
    assert!(look(&stand, &spec(FOREIGN, FOREIGN), None).await.is_none());
    let made = stand.create(&spec(FOREIGN, FOREIGN)).await.unwrap();
    assert_eq!(
        (made.handle.0.as_str(), &made.outputs["topic"]),
        (subscription(FOREIGN).as_str(), &json!(FOREIGN))
    );
    assert_eq!(stand.aws.operations(), ["ListSubscriptionsByTopic", "Subscribe"]);
}

/// SNS shows a subscription to who owns the topic; ours to a topic of others it may not show.
#[tokio::test]
async fn a_subscription_to_a_topic_of_another_account_that_may_not_be_seen_is_there_as_recorded() {
    let arn = subscription(FOREIGN);
    let wish = spec(FOREIGN, FOREIGN);
    let hidden = stand(vec![denied()]);
    let seen = look(&hidden, &wish, Some(&record(&arn, FOREIGN, FOREIGN)))
        .await
        .unwrap();
    assert_eq!((&seen.handle.0, &seen.proof), (&arn, &Proof::Ours));
    assert!(
        hidden
            .provider
            .diff(&wish.clone().into(), &seen)
            .unwrap()
            .is_empty()
    );
    assert_eq!(hidden.aws.operations(), ["GetSubscriptionAttributes"]);
    // Without a record it is sought under its topic.
    let unknown = stand(vec![denied(), denied()]);
    let seen = unknown.observe(Some(&arn), Some(&wish)).await.unwrap();
    assert_eq!(seen, Observed::Absent);
    assert_eq!(
        unknown.aws.operations(),
        ["GetSubscriptionAttributes", "ListSubscriptionsByTopic"]
    );
    // One to a topic of our own lacks a right.
    let ours = stand(vec![denied()]);
    let failed = ours.observe(Some(&subscription(TOPIC)), None).await.unwrap_err();
    assert!(failed.hint.is_some());
}

#[tokio::test]
async fn a_topic_of_ours_that_may_not_be_listed_is_an_error() {
    let stand = stand(vec![denied()]);
    let failed = stand
        .observe(None, Some(&spec("orders", TOPIC)))
        .await
        .unwrap_err();
    assert!(failed.hint.unwrap().contains("SNS:ListSubscriptionsByTopic"));
}

#[tokio::test]
async fn what_others_have_set_on_a_subscription_is_told_and_comes_back_with_it() {
    let set = [
        ("FilterPolicy", "{\"store\": [\"north\"]}"),
        ("FilterPolicyScope", "MessageBody"),
        ("RawMessageDelivery", "false"),
        ("RedrivePolicy", "{}"),
    ];
    let look_of = || attributes_with(TOPIC, FUNCTION, false, &set);
    let arn = subscription(TOPIC);
    let stand = stand(vec![look_of(), look_of(), subscribed(&arn)]);
    let wish = spec("orders", TOPIC);
    let seen = look(&stand, &wish, Some(&record(&arn, "orders", TOPIC)))
        .await
        .unwrap();
    assert_eq!(seen.additions, ["FilterPolicy", "FilterPolicyScope"]);
    assert!(stand.provider.diff(&wish.into(), &seen).unwrap().is_empty());
    let secured = stand.provider.secure(&seen).await.unwrap();
    stand.create(&secured.spec).await.unwrap();
    stand.aws.operations();
    let sent = stand.aws.asked()[2].body.clone();
    let entry = |n: usize| {
        let field = |part: &str| form_field(&sent, &format!("Attributes.entry.{n}.{part}"));
        field("key").zip(field("value"))
    };
    let mut entries: Vec<_> = (1..4).filter_map(entry).collect();
    entries.sort();
    let kept = set[..2]
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    assert_eq!(entries, kept.collect::<Vec<_>>());
}

#[tokio::test]
async fn every_request_goes_to_the_region_of_the_topic() {
    let arn = subscription(FOREIGN);
    let stand = stand(vec![
        attributes(FOREIGN, FUNCTION, false),
        list(&[], None),
        subscribed(&arn),
        xml("GetTopicAttributes", "<Attributes/>"),
        xml("Unsubscribe", ""),
    ]);
    let wish = spec(FOREIGN, FOREIGN);
    look(&stand, &wish, Some(&record(&arn, FOREIGN, FOREIGN)))
        .await
        .unwrap();
    assert!(look(&stand, &wish, None).await.is_none());
    stand.create(&wish).await.unwrap();
    assert_eq!(stand.provider.verify(&wish).await.unwrap(), []);
    delete(&stand, &record(&arn, FOREIGN, FOREIGN)).await.unwrap();
    stand.aws.operations();
    assert!(
        stand
            .aws
            .asked()
            .iter()
            .all(|asked| asked.host == "sns.eu-west-1.amazonaws.com")
    );
}

#[tokio::test]
async fn subscribing_asks_for_the_arn() {
    let stand = stand(vec![subscribed(&subscription(TOPIC))]);
    let made = stand.create(&spec("orders", TOPIC)).await.unwrap();
    assert_eq!(made.proof, Proof::Ours);
    assert_eq!(stand.aws.operations(), ["Subscribe"]);
    let asked = &stand.aws.asked()[0];
    assert_eq!(asked.host, "sns.us-east-1.amazonaws.com");
    for (name, value) in [
        ("TopicArn", TOPIC),
        ("Protocol", "lambda"),
        ("Endpoint", FUNCTION),
        ("ReturnSubscriptionArn", "true"),
    ] {
        assert_eq!(form_field(&asked.body, name).as_deref(), Some(value));
    }
}

#[tokio::test]
async fn subscribing_in_vain_says_why() {
    let failed = stand_without_topic()
        .create(&spec("orders", TOPIC))
        .await
        .unwrap_err();
    assert_eq!((failed.effect, failed.retry), (Effect::None, Retry::Never));
    assert!(failed.hint.unwrap().contains("make the topic"));
    let pending = stand(vec![subscribed("pending confirmation")]);
    let failed = pending.create(&spec(FOREIGN, FOREIGN)).await.unwrap_err();
    assert_eq!(failed.effect, Effect::Maybe);
    assert!(matches!(
        failed.retry,
        Retry::Await {
            on: "the subscription to be confirmed",
            ..
        }
    ));
}

#[tokio::test]
async fn what_the_project_calls_the_topic_changes_without_a_call() {
    let stand = stand(Vec::new());
    let made = stand
        .update(&subscription(TOPIC), &spec("orders", TOPIC), &spec(TOPIC, TOPIC))
        .await
        .unwrap();
    assert_eq!(
        (made.outputs["topic"].as_str(), made.handle.0),
        (Some(TOPIC), subscription(TOPIC))
    );
    let have = stand.remote("x", &spec("orders", TOPIC));
    assert!(
        !stand
            .provider
            .diff(&spec(TOPIC, TOPIC).into(), &have)
            .unwrap()
            .replaces()
    );
    let moved = stand
        .provider
        .diff(&spec("orders", FOREIGN).into(), &have)
        .unwrap();
    assert!(moved.replaces() && !stand.provider.name_bound());
    assert_eq!(stand.aws.operations(), [""; 0]);
}

#[tokio::test]
async fn another_topic_is_called_by_its_own_name() {
    let stand = stand(vec![attributes(TOPIC, FUNCTION, false)]);
    let old = record(&subscription(TOPIC), FOREIGN, FOREIGN);
    assert_eq!(
        look(&stand, &spec(FOREIGN, FOREIGN), Some(&old))
            .await
            .unwrap()
            .spec["topic"],
        "orders"
    );
}

#[tokio::test]
async fn unsubscribing_takes_gone_for_done() {
    let arn = subscription(TOPIC);
    let pending = xml_refusal(
        400,
        "InvalidParameter",
        "Cannot unsubscribe a subscription that is pending confirmation",
    );
    for answer in [xml("Unsubscribe", ""), gone(), pending] {
        let stand = stand(vec![answer]);
        delete(&stand, &record(&arn, "orders", TOPIC)).await.unwrap();
        assert_eq!(stand.aws.operations(), ["Unsubscribe"]);
        assert_eq!(
            form_field(&stand.aws.asked()[0].body, "SubscriptionArn"),
            Some(arn.clone())
        );
    }
    let refused = stand(vec![denied()]);
    assert!(delete(&refused, &record(&arn, "orders", TOPIC)).await.is_err());
}

async fn verified(answer: Reply) -> Result<Vec<Invalid>, Failure> {
    let stand = stand(vec![answer]);
    let found = stand.provider.verify(&spec("orders", TOPIC)).await;
    assert_eq!(stand.aws.operations(), ["GetTopicAttributes"]);
    found
}

#[tokio::test]
async fn planning_finds_a_topic_that_is_not_there() {
    let missing = verified(xml_refusal(404, "NotFound", "Topic does not exist"))
        .await
        .unwrap();
    assert_eq!(missing[0].field, "topic");
    assert!(missing[0].why.contains(&format!("there is no topic {TOPIC}")));
    let odd = xml_refusal(400, "InvalidParameter", "Invalid parameter: TopicArn");
    assert!(
        verified(odd).await.unwrap()[0]
            .why
            .contains("Invalid parameter: TopicArn")
    );
    // Not for us to look at is not missing.
    assert_eq!(verified(denied()).await.unwrap(), []);
    assert_eq!(
        verified(xml("GetTopicAttributes", "<Attributes/>"))
            .await
            .unwrap(),
        []
    );
    assert!(
        verified(xml_refusal(400, "ExpiredToken", "expired"))
            .await
            .is_err()
    );
}

#[test]
fn what_is_no_topic_is_found_by_looking_at_the_form() {
    let problems = |arn: &str| {
        let checked = SnsSubscription::check(&serde_json::from_value(spec("written", arn)).unwrap());
        checked.into_iter().map(|problem| problem.why).collect::<Vec<_>>()
    };
    for fine in [
        TOPIC,
        FOREIGN,
        "arn:aws-cn:sns:cn-north-1:123456789012:a_B-1",
        "(known after deploy: x.y/arn)",
    ] {
        assert_eq!(problems(fine), [""; 0]);
    }
    for (arn, words) in [
        ("arn:aws:sqs:us-east-1:123456789012:q", "is not a topic's ARN"),
        ("arn:aws:sns:us-east-1:1:q", "account"),
        ("arn:aws:sns::123456789012:q", "region"),
        (
            "arn:aws:sns:us-east-1:123456789012:my topic",
            "is not a topic's name",
        ),
        (
            "arn:aws:sns:us-east-1:123456789012:q:6f1e",
            "is not a topic's name",
        ),
        ("arn:aws:sns:us-east-1:123456789012:", "is not a topic's name"),
        ("arn:aws:sns:us-east-1:123456789012:q.fifo", "queues only"),
    ] {
        let found = problems(arn);
        assert!(
            found.len() == 1 && found[0].contains(words) && found[0].contains("`written`"),
            "{found:?}"
        );
    }
}
