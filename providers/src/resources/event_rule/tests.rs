use grail_state::digest::Digester;
use grail_state::{Handle, Observed, Proof, ResourceId, StepToken};
use serde_json::json;

use super::*;
use crate::aws::testing::{Canned, Reply, Stand, refusal, reply};
use crate::port::{Effect, Retry, erase};

mod ending;
mod looking;

const NAME: &str = "shop-dev-tick-event";
const ARN: &str = "arn:aws:events:us-east-1:123456789012:rule/shop-dev-tick-event";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:shop-dev-tick";
const OTHER: &str = "arn:aws:lambda:us-east-1:123456789012:function:other";

fn stand(replies: Vec<Reply>) -> Stand {
    Stand::new("tick-event", replies, |context| EventRule::new(Arc::new(context)))
}

fn schedule() -> Value {
    json!({"name": NAME, "schedule": "rate(5 minutes)", "function": FUNCTION})
}

fn pattern() -> Value {
    json!({"name": NAME, "pattern": r#"{"source": ["aws.ec2"], "detail": {"state": ["running"]}}"#, "function": FUNCTION})
}

fn with(mut form: Value, field: &str, value: Value) -> Value {
    form[field] = value;
    form
}

/// A rule as EventBridge tells it.
fn told(form: &Value) -> Value {
    let mut rule = json!({"Name": form["name"], "Arn": format!("arn:aws:events:us-east-1:123456789012:rule/{}", form["name"].as_str().unwrap()),
        "State": if form.get("enabled") == Some(&json!(false)) {"DISABLED"} else {"ENABLED"}, "EventBusName": "default"});
    for (field, key) in [
        ("schedule", "ScheduleExpression"),
        ("pattern", "EventPattern"),
        ("description", "Description"),
    ] {
        if let Some(text) = form.get(field) {
            rule[key] = text.clone();
        }
    }
    rule
}

fn rule(form: &Value) -> Reply {
    reply(200, told(form))
}

fn targets(targets: &[(&str, &str)]) -> Reply {
    let targets: Vec<_> = targets
        .iter()
        .map(|(id, arn)| json!({"Id": id, "Arn": arn}))
        .collect();
    reply(200, json!({"Targets": targets}))
}

fn tags(mark: Option<&str>) -> Reply {
    let tags: Vec<_> = mark
        .iter()
        .map(|mark| json!({"Key": "grail", "Value": mark}))
        .collect();
    reply(200, json!({"Tags": tags}))
}

fn gone() -> Reply {
    refusal(
        400,
        "ResourceNotFoundException",
        "Rule shop-dev-tick-event does not exist.",
    )
}

fn made() -> Reply {
    reply(200, json!({"RuleArn": ARN}))
}

fn done() -> Reply {
    reply(200, json!({"FailedEntryCount": 0, "FailedEntries": []}))
}

fn entry(code: &str) -> Reply {
    let entry = json!({"TargetId": "1", "ErrorCode": code, "ErrorMessage": "because"});
    reply(200, json!({"FailedEntryCount": 1, "FailedEntries": [entry]}))
}

#[tokio::test]
async fn a_rule_disabled_by_hand_is_drift_and_is_enabled_again() {
    let off = with(schedule(), "enabled", json!(false));
    let stand = stand(vec![rule(&off), targets(&[("1", FUNCTION)]), rule(&off), made()]);
    let there = stand.present(None, Some(&schedule())).await;
    let diff = stand.provider.diff(&schedule().into(), &there).unwrap();
    assert_eq!(
        diff.fields
            .iter()
            .map(|field| field.path.as_str())
            .collect::<Vec<_>>(),
        ["enabled"]
    );
    stand.update(NAME, &off, &schedule()).await.unwrap();
    let sent =
        json!({"Name": NAME, "ScheduleExpression": "rate(5 minutes)", "Description": "", "State": "ENABLED"});
    assert_eq!(stand.aws.json(3), sent);
}

#[tokio::test]
async fn a_rule_is_made_with_its_mark_as_chalice_makes_it() {
    let at_noon = with(schedule(), "schedule", json!("cron(0 12 * * ? *)"));
    for (wish, extra) in [
        (
            at_noon,
            json!({"ScheduleExpression": "cron(0 12 * * ? *)", "Description": ""}),
        ),
        (
            with(schedule(), "description", json!("ticks")),
            json!({"ScheduleExpression": "rate(5 minutes)", "Description": "ticks"}),
        ),
        (pattern(), json!({"EventPattern": pattern()["pattern"]})),
    ] {
        let stand = stand(vec![gone(), made(), done()]);
        let there = stand.create(&wish).await.unwrap();
        assert_eq!(there.proof, Proof::Mark(stand.token.clone()));
        assert_eq!(stand.aws.operations(), ["DescribeRule", "PutRule", "PutTargets"]);
        let mut sent =
            json!({"Name": NAME, "State": "ENABLED", "Tags": [{"Key": "grail", "Value": "token-1"}]});
        sent.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        assert_eq!(stand.aws.json(1), sent);
        assert_eq!(
            stand.aws.json(2),
            json!({"Rule": NAME, "Targets": [{"Id": "1", "Arn": FUNCTION}]})
        );
    }
}

#[tokio::test]
async fn a_rule_that_exists_is_taken_with_proof_only_and_never_written_over() {
    let look = ["DescribeRule", "ListTargetsByRule"];
    let mine = stand(vec![rule(&schedule()), targets(&[("1", FUNCTION)])]);
    assert_eq!(
        mine.create(&pattern()).await.unwrap().spec["schedule"],
        "rate(5 minutes)"
    );
    assert_eq!(mine.aws.operations(), look);
    let half = stand(vec![rule(&schedule()), targets(&[]), tags(Some("token-1"))]);
    assert_eq!(half.create(&schedule()).await.unwrap().spec["function"], "");
    for (target, mark) in [
        (vec![("1", OTHER)], None),
        (vec![], None),
        (vec![("1", OTHER)], Some("token-0")),
    ] {
        let theirs = stand(vec![rule(&schedule()), targets(&target), tags(mark)]);
        let failed = theirs.create(&schedule()).await.unwrap_err();
        assert!(failed.foreign && failed.effect == Effect::None && failed.hint.is_some());
        assert_eq!(theirs.aws.operations(), [look[0], look[1], "ListTagsForResource"]);
    }
}

#[tokio::test]
async fn a_target_that_eventbridge_would_not_take_is_a_failure() {
    for (code, retry) in [
        ("AccessDenied", Retry::Never),
        (
            "ConcurrentModificationException",
            Retry::After(std::time::Duration::from_secs(1)),
        ),
        (
            "InternalException",
            Retry::After(std::time::Duration::from_secs(1)),
        ),
    ] {
        let failed = stand(vec![gone(), made(), entry(code)])
            .create(&schedule())
            .await
            .unwrap_err();
        assert_eq!((failed.effect, failed.retry), (Effect::Maybe, retry));
        assert!(failed.chain().contains(&format!("{code}: because")));
    }
    let first = stand(vec![entry("AccessDenied")]);
    let failed = first
        .update(NAME, &with(schedule(), "function", json!("")), &schedule())
        .await
        .unwrap_err();
    assert_eq!(failed.effect, Effect::None);
    assert_eq!(first.aws.operations(), ["PutTargets"]);
}

#[tokio::test]
async fn an_update_makes_only_the_calls_that_the_difference_needs() {
    let mut theirs = told(&schedule());
    theirs["RoleArn"] = json!("arn:aws:iam::123456789012:role/theirs");
    let both = stand(vec![reply(200, theirs), made(), done()]);
    both.update(NAME, &with(schedule(), "function", json!(OTHER)), &pattern())
        .await
        .unwrap();
    assert_eq!(both.aws.operations(), ["DescribeRule", "PutRule", "PutTargets"]);
    let sent = json!({"Name": NAME, "EventPattern": pattern()["pattern"], "State": "ENABLED",
        "RoleArn": "arn:aws:iam::123456789012:role/theirs"});
    assert_eq!(both.aws.json(1), sent);
    let target = stand(vec![done()]);
    target
        .update(NAME, &with(schedule(), "function", json!(OTHER)), &schedule())
        .await
        .unwrap();
    assert_eq!(target.aws.operations(), ["PutTargets"]);
    let back = stand(vec![done()]);
    back.update(NAME, &schedule(), &with(schedule(), "function", json!("")))
        .await
        .unwrap();
    assert_eq!(back.aws.operations(), ["RemoveTargets"]);
}

/// A rule with a target that somebody has changed in the console.
fn tuned() -> Reply {
    let target = json!({"Id": "1", "Arn": FUNCTION, "Input": "{\"key\": \"hunter2\"}",
        "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60},
        "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:123456789012:dead"}});
    reply(200, json!({"Targets": [target]}))
}

#[tokio::test]
async fn a_target_that_was_changed_by_hand_is_drift_and_is_set_again() {
    let stand = stand(vec![rule(&schedule()), tuned(), done()]);
    let there = stand.present(None, Some(&schedule())).await;
    let diff = stand.provider.diff(&schedule().into(), &there).unwrap();
    assert!(diff.fields.len() == 1 && diff.touches("target") && !diff.replaces());
    assert_eq!(
        there.spec["target"],
        json!(["Input", "DeadLetterConfig", "RetryPolicy"])
    );
    let (id, want, token) = (&stand.id, &schedule(), &stand.token);
    let request = crate::port::Update {
        id,
        have: &there,
        want,
        diff: &diff,
        token,
    };
    stand.provider.update(request).await.unwrap();
    assert_eq!(
        stand.aws.operations(),
        ["DescribeRule", "ListTargetsByRule", "PutTargets"]
    );
    let sent = json!({"Rule": NAME, "Targets": [{"Id": "1", "Arn": FUNCTION}]});
    assert_eq!(stand.aws.json(2), sent);
}

#[tokio::test]
async fn the_way_back_has_what_the_target_had_besides() {
    let stand = stand(vec![rule(&schedule()), tuned(), gone(), made(), done()]);
    let secured = stand
        .provider
        .secure(&stand.remote(NAME, &schedule()))
        .await
        .unwrap();
    assert!(secured.secret);
    let typed: Spec = serde_json::from_value(secured.spec.clone()).unwrap();
    assert!(!format!("{typed:?}").contains("hunter2"));
    stand.create(&secured.spec).await.unwrap();
    let sent = json!([{"Id": "1", "Arn": FUNCTION, "Input": "{\"key\": \"hunter2\"}",
        "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60},
        "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:123456789012:dead"}}]);
    stand.aws.operations();
    assert_eq!(stand.aws.json(4)["Targets"], sent);
}

#[tokio::test]
async fn a_rule_that_fires_for_more_than_usual_stays_so() {
    let more = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS";
    let mut theirs = told(&pattern());
    theirs["State"] = json!(more);
    for (wish, state) in [
        (with(pattern(), "description", json!("new")), more),
        (with(pattern(), "enabled", json!(false)), "DISABLED"),
    ] {
        let stand = stand(vec![reply(200, theirs.clone()), made()]);
        stand.update(NAME, &pattern(), &wish).await.unwrap();
        stand.aws.operations();
        assert_eq!(stand.aws.json(1)["State"], state);
    }
}

#[tokio::test]
async fn a_description_that_goes_is_sent_empty() {
    let described = with(pattern(), "description", json!("old"));
    let stand = stand(vec![rule(&described), made()]);
    stand.update(NAME, &described, &pattern()).await.unwrap();
    assert_eq!(stand.aws.json(1)["Description"], "");
}

#[tokio::test]
async fn an_update_makes_no_rule() {
    let off = with(schedule(), "enabled", json!(false));
    let rule = stand(vec![gone()]);
    let failed = rule.update(NAME, &off, &schedule()).await.unwrap_err();
    assert_eq!((failed.effect, failed.retry), (Effect::None, Retry::Never));
    assert_eq!(rule.aws.operations(), ["DescribeRule"]);
    let managed = refusal(
        400,
        "ManagedRuleException",
        "This rule was created by an AWS service",
    );
    let failed = stand(vec![self::rule(&off), managed])
        .update(NAME, &off, &schedule())
        .await
        .unwrap_err();
    assert!(
        failed
            .hint
            .unwrap()
            .contains("a service of AWS manages this rule")
    );
}

#[tokio::test]
async fn the_way_back_has_the_pattern_to_the_letter_and_a_missing_target() {
    let stand = stand(vec![rule(&pattern()), targets(&[]), tags(None)]);
    let secured = stand
        .provider
        .secure(&stand.remote(NAME, &pattern()))
        .await
        .unwrap();
    assert_eq!(
        (&secured.spec["pattern"], &secured.spec["function"]),
        (&pattern()["pattern"], &json!(""))
    );
    assert!(stand.provider.check(&secured.spec.into()).is_ok());
}

#[test]
fn what_eventbridge_would_refuse_is_found_beforehand() {
    let provider = stand(vec![]).provider;
    for fine in [
        schedule(),
        pattern(),
        with(schedule(), "pattern", pattern()["pattern"].clone()),
    ] {
        assert!(provider.check(&fine.into()).is_ok());
    }
    for (form, said) in [
        (
            with(schedule(), "schedule", json!("rate(5 minute)")),
            "schedule: `rate(5 minute)`: after 5 the unit is `minutes`",
        ),
        (
            with(pattern(), "pattern", json!(r#"{"source": "aws.ec2"}"#)),
            "pattern: `source` must be a list",
        ),
        (
            with(schedule(), "schedule", Value::Null),
            "a rule needs a schedule or an event pattern",
        ),
        (
            with(schedule(), "name", json!("a/b")),
            "name: `a/b` may have letters, digits, `.`, `-` and `_`",
        ),
        (with(schedule(), "name", json!("")), "a rule's name 1 to 64"),
        (
            with(schedule(), "name", json!("x".repeat(65))),
            "has 65 characters, and a rule's name 1 to 64",
        ),
        (
            with(schedule(), "description", json!("x".repeat(513))),
            "description: has 513 characters, and may have 512",
        ),
    ] {
        let problems = provider.check(&form.clone().into()).unwrap_err();
        assert!(
            problems.len() == 1 && problems[0].to_string().contains(said),
            "{form}: {problems:?}"
        );
    }
}

#[test]
fn a_rule_has_a_lane_and_its_name_is_its_label() {
    let provider = stand(vec![]).provider;
    let form = provider.project(&schedule().into()).unwrap();
    assert_eq!(provider.lane(&form), Some(Lane(format!("rule:{NAME}"))));
    assert_eq!(provider.label(&form).as_deref(), Some(NAME));
    let renamed = provider.diff(
        &with(schedule(), "name", json!("x")).into(),
        &stand(vec![]).remote(NAME, &schedule()),
    );
    assert!(renamed.unwrap().replaces() && provider.name_bound());
}
