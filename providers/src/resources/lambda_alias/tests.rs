//! Exact calls, and canaries on a paused clock.

use grail_state::Observed;
use tokio::time::Instant;

use super::*;
use crate::aws::testing::{Reply, Stand, cbor, refusal, reply};
use crate::port::{Effect, Retry};

const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:shop-dev-work:live";

fn stand(replies: Vec<Reply>) -> Stand {
    Stand::new("work/live", replies, |context| {
        LambdaAlias::new(Arc::new(context))
    })
}

fn spec(version: &str) -> Value {
    json!({"function": "shop-dev-work", "name": "live", "version": version})
}

/// Led to `version` in two steps, for a minute each.
fn by_canary(version: &str) -> Value {
    let mut spec = spec(version);
    spec["canary"] = json!({
        "steps": [{"weight": 10.0, "seconds": 60}, {"weight": 50.0, "seconds": 60}],
        "alarms": ["errors", "arn:aws:cloudwatch:us-east-1:123456789012:alarm:slow"],
    });
    spec
}

fn alias(version: &str, other: Option<(&str, f64)>) -> Reply {
    let mut answer = json!({"AliasArn": ARN, "Name": "live", "FunctionVersion": version, "RevisionId": "r"});
    if let Some((version, weight)) = other {
        answer["RoutingConfig"] = json!({"AdditionalVersionWeights": {version: weight}});
    }
    reply(200, answer)
}

fn none() -> Reply {
    refusal(404, "ResourceNotFoundException", "not there")
}

fn alarms(state: &str) -> Reply {
    cbor(&json!({
        "MetricAlarms": [{"AlarmName": "errors", "StateValue": state}],
        "CompositeAlarms": [{"AlarmName": "slow", "StateValue": "INSUFFICIENT_DATA"}],
    }))
}

fn quiet(times: usize) -> Vec<Reply> {
    vec![alarms("OK"); times]
}

/// Where each of the writes led: the version, and the shares beside it.
fn moves(stand: &Stand) -> Vec<(String, Value)> {
    let asked = stand.aws.asked();
    let writes = asked.iter().filter(|one| one.operation == "UpdateAlias");
    let bodies = writes.map(|one| serde_json::from_str::<Value>(&one.body).unwrap());
    bodies
        .map(|body| {
            let version = body["FunctionVersion"].as_str().unwrap().to_owned();
            (version, body["RoutingConfig"]["AdditionalVersionWeights"].clone())
        })
        .collect()
}

#[tokio::test]
async fn an_alias_leads_to_a_version_or_to_two() {
    let one = stand(vec![alias("3", None)]);
    let made = one.create(&spec("3")).await.unwrap();
    assert_eq!((made.handle.0.as_str(), &made.outputs["arn"]), (ARN, &json!(ARN)));
    assert_eq!(
        (&made.outputs["name"], &made.outputs["version"]),
        (&json!("live"), &json!("3"))
    );
    assert_eq!(one.aws.operations(), ["CreateAlias"]);
    assert_eq!(one.aws.json(0), json!({"Name": "live", "FunctionVersion": "3"}));

    let two = stand(vec![alias("3", Some(("4", 0.29)))]);
    let mut shared = spec("3");
    shared["other"] = json!({"version": "4", "weight": 29.0});
    let made = two.create(&shared).await.unwrap();
    assert_eq!(made.spec["version"], "71 % 3, 29 % 4");
    assert_eq!(
        two.aws.json(0)["RoutingConfig"],
        json!({"AdditionalVersionWeights": {"4": 0.29}})
    );
}

#[tokio::test]
async fn what_was_made_before_is_led_to_the_version() {
    let stand = stand(vec![
        refusal(409, "ResourceConflictException", "Alias already exists"),
        alias("3", None),
    ]);
    stand.create(&spec("3")).await.unwrap();
    assert_eq!(stand.aws.operations(), ["CreateAlias", "UpdateAlias"]);
}

#[tokio::test]
async fn a_share_that_was_moved_by_hand_is_a_difference_and_is_taken_away() {
    // What 29 percent is as a fraction is no whole number of hundredths.
    for (other, words) in [
        (None, "3"),
        (Some(("4", 0.1)), "90 % 3, 10 % 4"),
        (Some(("4", 0.29)), "71 % 3, 29 % 4"),
    ] {
        let stand = stand(vec![alias("3", other)]);
        let seen = stand.present(None, Some(&spec("3"))).await;
        assert_eq!(seen.spec["version"], words);
        let diff = stand.provider.diff(&spec("3").into(), &seen).unwrap();
        assert_eq!((diff.is_empty(), diff.replaces()), (other.is_none(), false));
        assert_eq!(stand.aws.operations(), ["GetAlias"]);
    }
    let stand = stand(vec![alias("3", None)]);
    stand.update(ARN, &spec("4"), &spec("3")).await.unwrap();
    assert_eq!(moves(&stand), [("3".to_owned(), json!({}))]);
}

#[tokio::test]
async fn what_is_not_there_is_absent_and_goes_without_a_word() {
    let look = stand(vec![none()]);
    assert_eq!(look.observe(Some(ARN), None).await.unwrap(), Observed::Absent);
    let removal = stand(vec![none()]);
    removal.delete(ARN).await.unwrap();
    assert_eq!(removal.aws.operations(), ["DeleteAlias"]);
}

#[tokio::test(start_paused = true)]
async fn a_canary_goes_step_by_step_while_its_alarms_are_quiet() {
    let mut replies = vec![alias("3", None)];
    replies.extend(quiet(1));
    replies.push(alias("3", Some(("4", 0.1))));
    replies.extend(quiet(6));
    replies.extend([alias("3", Some(("4", 0.1))), alias("3", Some(("4", 0.5)))]);
    replies.extend(quiet(6));
    replies.extend([alias("3", Some(("4", 0.5))), alias("4", None)]);
    let stand = stand(replies);
    let begun = Instant::now();
    let done = stand.update(ARN, &spec("3"), &by_canary("4")).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(120));
    assert_eq!(done.spec["version"], "4");
    let expected = [
        ("3", json!({"4": 0.1})),
        ("3", json!({"4": 0.5})),
        ("4", json!({})),
    ];
    assert_eq!(
        moves(&stand),
        expected.map(|(version, shares)| (version.to_owned(), shares))
    );
    let asked = stand.aws.asked();
    let writes = asked.iter().filter(|one| one.operation == "UpdateAlias");
    for write in writes {
        assert!(write.body.contains(r#""RevisionId":"r""#), "{}", write.body);
    }
    stand.aws.operations();
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_rings_ends_a_canary_as_a_failure() {
    let mut replies = vec![alias("3", None), alarms("OK"), alias("3", Some(("4", 0.1)))];
    replies.extend(quiet(2));
    replies.push(alarms("ALARM"));
    let stand = stand(replies);
    let begun = Instant::now();
    let failed = stand.update(ARN, &spec("3"), &by_canary("4")).await.unwrap_err();
    assert_eq!(begun.elapsed(), Duration::from_secs(30));
    assert!(
        failed.chain().contains("the alarm `errors` rings"),
        "{}",
        failed.chain()
    );
    assert_eq!((failed.effect, failed.retry), (Effect::Maybe, Retry::Never));
    assert_eq!(moves(&stand).len(), 1);
    stand.aws.operations();
}

#[tokio::test(start_paused = true)]
async fn where_an_alarm_rings_or_is_missing_nothing_is_moved() {
    let missing = cbor(&json!({"MetricAlarms": [{"AlarmName": "errors", "StateValue": "OK"}]}));
    for (answer, said) in [(alarms("ALARM"), "rings"), (missing, "there is no alarm `slow`")] {
        let stand = stand(vec![alias("3", None), answer]);
        let failed = stand.update(ARN, &spec("3"), &by_canary("4")).await.unwrap_err();
        assert!(failed.chain().contains(said), "{}", failed.chain());
        assert_eq!((failed.effect, failed.retry), (Effect::None, Retry::Never));
        assert_eq!(stand.aws.operations(), ["GetAlias", "DescribeAlarms"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_was_cut_off_goes_on_at_the_share_that_is_live() {
    let mut replies = vec![alias("3", Some(("4", 0.5)))];
    replies.extend(quiet(7));
    replies.extend([alias("3", Some(("4", 0.5))), alias("4", None)]);
    let stand = stand(replies);
    stand.update(ARN, &spec("3"), &by_canary("4")).await.unwrap();
    assert_eq!(moves(&stand), [("4".to_owned(), json!({}))]);
    stand.aws.operations();
}

#[tokio::test(start_paused = true)]
async fn a_share_of_another_version_begins_anew() {
    let mut replies = vec![alias("3", Some(("4", 0.5)))];
    replies.extend(quiet(1));
    replies.push(alias("3", Some(("5", 0.1))));
    replies.push(alarms("ALARM"));
    let stand = stand(replies);
    stand.update(ARN, &spec("3"), &by_canary("5")).await.unwrap_err();
    assert_eq!(moves(&stand), [("3".to_owned(), json!({"5": 0.1}))]);
    stand.aws.operations();
}

#[tokio::test(start_paused = true)]
async fn who_moves_the_alias_in_the_middle_has_the_last_word() {
    let mut replies = vec![alias("3", None), alarms("OK"), alias("3", Some(("4", 0.1)))];
    replies.extend(quiet(6));
    replies.push(alias("3", None));
    let stand = stand(replies);
    let failed = stand.update(ARN, &spec("3"), &by_canary("4")).await.unwrap_err();
    assert!(
        failed.chain().contains("somebody else has moved the alias"),
        "{}",
        failed.chain()
    );
    assert_eq!((failed.effect, failed.retry), (Effect::Maybe, Retry::Never));
    stand.aws.operations();
}

#[tokio::test(start_paused = true)]
async fn what_leads_there_already_has_no_steps() {
    let stand = stand(vec![alias("4", Some(("3", 0.2))), alias("4", None)]);
    stand.update(ARN, &spec("3"), &by_canary("4")).await.unwrap();
    assert_eq!(stand.aws.operations(), ["GetAlias", "UpdateAlias"]);
}

#[tokio::test]
async fn a_way_back_knows_no_canary() {
    let stand = stand(vec![alias("3", None)]);
    let have = stand.remote(ARN, &spec("3"));
    let secured = stand.provider.secure(&have).await.unwrap();
    assert_eq!(secured.spec, spec("3"));
    assert_eq!(stand.provider.lasts(&secured.spec), Duration::ZERO);
    assert_eq!(stand.provider.lasts(&by_canary("4")), Duration::from_secs(120));
}

#[tokio::test]
async fn alarms_that_nobody_has_are_told_by_the_plan() {
    let stand = stand(vec![cbor(
        &json!({"MetricAlarms": [{"AlarmName": "errors", "StateValue": "OK"}]}),
    )]);
    let told = stand.provider.verify(&by_canary("4")).await.unwrap();
    assert_eq!(told.len(), 1);
    assert!(told[0].why.contains("`slow`") && told[0].field == "canary.alarms");
    let asked = stand.aws.asked().remove(0);
    assert!(
        asked.body.contains("CompositeAlarm") || asked.line.contains("CompositeAlarm"),
        "{asked:?}"
    );
}

#[test]
fn forms_that_cannot_be_are_told() {
    let typed = |value: Value| serde_json::from_value::<Spec>(value).unwrap();
    assert_eq!(typed(by_canary("4")).problems(), []);
    let fields = |value: Value| {
        typed(value)
            .problems()
            .into_iter()
            .map(|one| one.field)
            .collect::<Vec<_>>()
    };
    let with = |fields: Value| {
        let mut spec = by_canary("4");
        for (key, value) in fields.as_object().unwrap() {
            spec[key] = value.clone();
        }
        spec
    };
    assert_eq!(fields(with(json!({"name": "7"}))), ["name"]);
    assert_eq!(fields(with(json!({"name": "a.b"}))), ["name"]);
    assert_eq!(
        fields(with(json!({"other": {"version": "3", "weight": 10}}))),
        ["canary"]
    );
    let mut plain = spec("4");
    plain["other"] = json!({"version": "4", "weight": 101});
    assert_eq!(fields(plain), ["other.weight", "other.version"]);
    assert_eq!(
        fields(with(json!({"canary": {"steps": [], "alarms": []}}))),
        ["canary.alarms"]
    );
    let falling =
        json!({"steps": [{"weight": 50, "seconds": 1}, {"weight": 10, "seconds": 1}], "alarms": ["a"]});
    assert_eq!(fields(with(json!({"canary": falling}))), ["canary.steps"]);
}
