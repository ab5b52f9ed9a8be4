//! Exact calls, what is published, and what is not.

use grail_state::Observed;

use super::*;
use crate::aws::testing::{Reply, Stand, refusal, reply};
use crate::port::{Create, Effect, Retry};

const NAME: &str = "shop-dev-work";
const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:shop-dev-work";

fn content() -> String {
    "0f".repeat(32)
}

fn stand(replies: Vec<Reply>) -> Stand {
    Stand::new("work", replies, |context| LambdaVersion::new(Arc::new(context)))
}

/// The attempt that every stand here makes.
fn described(number: u32, token: &str) -> Value {
    let description = format!("stage=dev:app=shop keep=1 grail:{token}:{}", content());
    json!({"Version": number.to_string(), "FunctionArn": format!("{ARN}:{number}"), "Description": description})
}

fn spec() -> Value {
    json!({
        "function": NAME, "code_sha256": "c2hh", "keep": 1,
        "form": {
            "name": NAME, "handler": "main.handler", "runtime": "python3.12", "role": "arn:aws:iam::123456789012:role/r",
            "memory": 128, "timeout": 60, "environment": {"TABLE": "orders"}, "ephemeral_storage": 512,
            "code": {"content": content(), "artifact": "", "size": 1},
        },
    })
}

fn configuration(more: &Value) -> Value {
    let mut all = json!({
        "FunctionName": NAME, "FunctionArn": ARN, "Runtime": "python3.12", "Handler": "main.handler",
        "Role": "arn:aws:iam::123456789012:role/r", "CodeSize": 1, "Timeout": 60, "MemorySize": 128, "CodeSha256": "c2hh",
        "Environment": {"Variables": {"TABLE": "orders"}}, "Description": "of the function", "RevisionId": "r1",
        "Architectures": ["x86_64"], "State": "Active", "LastUpdateStatus": "Successful", "Version": "$LATEST",
    });
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    all
}

/// The function, or with a version's description that version.
fn there(more: Value) -> Reply {
    let answer = json!({"Configuration": configuration(&more), "Code": {}, "Tags": {"team": "x"}});
    reply(200, answer)
}

fn version(number: u32, token: &str) -> Reply {
    there(described(number, token))
}

fn none() -> Reply {
    refusal(404, "ResourceNotFoundException", "not there")
}

fn listed(versions: &[Value]) -> Reply {
    let latest = json!({"Version": "$LATEST", "FunctionArn": ARN, "Description": "of the function"});
    let all: Vec<_> = std::iter::once(latest).chain(versions.to_vec()).collect();
    reply(200, json!({"Versions": all}))
}

fn aliases(of: &[(&str, &[(&str, f64)])]) -> Reply {
    let alias = |(version, weights): &(&str, &[(&str, f64)])| {
        let weights: serde_json::Map<_, _> = weights
            .iter()
            .map(|(of, weight)| ((*of).to_owned(), json!(weight)))
            .collect();
        json!({"Name": "a", "FunctionVersion": version, "RoutingConfig": {"AdditionalVersionWeights": weights}})
    };
    reply(200, json!({"Aliases": of.iter().map(alias).collect::<Vec<_>>()}))
}

#[tokio::test]
async fn what_is_published_is_held_to_the_code_and_the_revision_that_were_read() {
    let stand = stand(vec![
        listed(&[]),
        there(json!({})),
        reply(201, configuration(&described(1, "token-1"))),
        version(1, "token-1"),
    ]);
    let made = stand.create(&spec()).await.unwrap();
    assert_eq!(made.handle.0, format!("{ARN}:1"));
    assert_eq!(
        (&made.outputs["version"], &made.outputs["arn"]),
        (&json!("1"), &json!(format!("{ARN}:1")))
    );
    let operations = [
        "ListVersionsByFunction",
        "GetFunction",
        "PublishVersion",
        "GetFunction",
    ];
    assert_eq!(stand.aws.operations(), operations);
    let description = format!("stage=dev:app=shop keep=1 grail:token-1:{}", content());
    let sent = json!({"CodeSha256": "c2hh", "RevisionId": "r1", "Description": description});
    assert_eq!(stand.aws.json(2), sent);
}

#[tokio::test]
async fn the_first_try_looks_for_no_earlier_one_and_a_later_one_finds_it() {
    let spec = spec();
    let stand = stand(vec![
        there(json!({})),
        reply(201, configuration(&described(1, "token-1"))),
        version(1, "token-1"),
        listed(&[described(1, "token-1")]),
        version(1, "token-1"),
    ]);
    let birth = |first| Create {
        id: &stand.id,
        spec: &spec,
        token: &stand.token,
        first,
    };
    let first = stand.provider.create(birth(true)).await.unwrap();
    let again = stand.provider.create(birth(false)).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(
        stand.aws.operations(),
        [
            "GetFunction",
            "PublishVersion",
            "GetFunction",
            "ListVersionsByFunction",
            "GetFunction"
        ]
    );
}

#[tokio::test]
async fn a_function_that_is_not_as_it_was_left_is_not_published() {
    for (changed, said) in [
        (json!({"MemorySize": 256}), "(memory)"),
        (json!({"CodeSha256": "b3RoZXI="}), "(code)"),
        (
            json!({"Environment": {"Variables": {"TABLE": "others"}}}),
            "(environment.TABLE)",
        ),
    ] {
        let stand = stand(vec![listed(&[]), there(changed)]);
        let failed = stand.create(&spec()).await.unwrap_err();
        assert!(failed.chain().contains(said), "{}", failed.chain());
        assert!(!failed.chain().contains("others"), "a value is shown");
        assert_eq!(failed.effect, Effect::None);
        assert!(matches!(failed.retry, Retry::After(_)));
        assert_eq!(stand.aws.operations(), ["ListVersionsByFunction", "GetFunction"]);
    }
}

#[tokio::test]
async fn a_change_between_look_and_publishing_is_looked_at_again() {
    let raced = refusal(
        412,
        "PreconditionFailedException",
        "the revision id provided does not match",
    );
    let stand = stand(vec![listed(&[]), there(json!({})), raced]);
    let failed = stand.create(&spec()).await.unwrap_err();
    assert_eq!((failed.effect, failed.unanswered), (Effect::None, false));
    assert!(matches!(failed.retry, Retry::After(_)));
}

#[tokio::test(start_paused = true)]
async fn a_version_with_a_snapshot_is_waited_for() {
    let mut pending = described(1, "token-1");
    pending["State"] = json!("Pending");
    let stand = stand(vec![
        listed(&[]),
        there(json!({})),
        reply(201, configuration(&pending)),
        none(),
        there(pending),
        version(1, "token-1"),
    ]);
    stand.create(&spec()).await.unwrap();
    assert_eq!(
        stand.aws.operations()[3..],
        ["GetFunction", "GetFunction", "GetFunction"]
    );
}

#[tokio::test]
async fn a_recorded_version_is_one_look_and_tells_which_field_calls_for_another() {
    let stand = stand(vec![version(3, "t")]);
    let seen = stand.present(Some(&format!("{ARN}:3")), Some(&spec())).await;
    assert!(stand.provider.diff(&spec().into(), &seen).unwrap().is_empty());
    let mut other = spec();
    other["form"]["memory"] = json!(256);
    other["form"]["description"] = json!("what the function is for is no part of a version");
    other["form"]["tags"] = json!({"team": "y"});
    let diff = stand.provider.diff(&other.into(), &seen).unwrap();
    let paths: Vec<_> = diff.fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, ["form.memory"]);
    assert!(diff.replaces());
    assert_eq!(stand.aws.operations(), ["GetFunction"]);
    assert!(
        stand.aws.asked()[0].line.ends_with("?Qualifier=3"),
        "{:?}",
        stand.aws.asked()
    );
}

#[tokio::test]
async fn a_lost_version_is_the_newest_of_ours_and_an_attempts_is_by_its_mark_alone() {
    let theirs = json!({"Version": "9", "Description": "by hand"});
    let all = [theirs, described(7, "b"), described(4, "a")];
    let newest = stand(vec![listed(&all), version(7, "b")]);
    let seen = newest.present(None, Some(&spec())).await;
    assert_eq!(seen.handle.0, format!("{ARN}:7"));

    for (token, found) in [("a", true), ("c", false)] {
        let replies = [listed(&all), version(4, "a")];
        let stand = stand(replies.into_iter().take(if found { 2 } else { 1 }).collect());
        let token = grail_state::StepToken(token.to_owned());
        let spec = spec();
        let at = Locator {
            id: &stand.id,
            handle: None,
            spec: Some(&spec),
            token: Some(&token),
            record: None,
        };
        let seen = stand.provider.observe(at).await.unwrap();
        assert_eq!(seen != Observed::Absent, found);
        stand.aws.operations();
    }
}

#[tokio::test]
async fn what_is_retired_goes_unless_it_is_kept_or_an_alias_leads_there() {
    let all = [
        described(6, "f"),
        described(5, "e"),
        described(4, "d"),
        described(3, "c"),
        described(2, "b"),
    ];
    let stand = stand(vec![
        listed(&all),
        aliases(&[("6", &[]), ("5", &[("3", 0.1)])]),
        reply(204, ""),
        none(),
    ]);
    // 6 is the newest and keeps one: 5. An alias leads to 3.
    stand.delete(&format!("{ARN}:5")).await.unwrap();
    let gone: Vec<_> = stand.aws.asked()[2..]
        .iter()
        .map(|one| one.line.clone())
        .collect();
    assert_eq!(
        gone,
        [
            format!("DELETE /2015-03-31/functions/{NAME}?Qualifier=4"),
            format!("DELETE /2015-03-31/functions/{NAME}?Qualifier=2")
        ]
    );
}

#[tokio::test]
async fn the_newest_itself_goes_when_it_is_meant_and_nobody_uses_it() {
    let newest = format!("{ARN}:2");
    let all = [described(2, "b"), described(1, "a")];
    let taken_back = stand(vec![listed(&all), aliases(&[("1", &[])]), reply(204, "")]);
    taken_back.delete(&newest).await.unwrap();
    assert_eq!(
        taken_back.aws.operations(),
        ["ListVersionsByFunction", "ListAliases", "DeleteFunction"]
    );

    let used = stand(vec![listed(&all), aliases(&[("1", &[("2", 0.5)])])]);
    used.delete(&newest).await.unwrap();
    assert_eq!(used.aws.operations(), ["ListVersionsByFunction", "ListAliases"]);

    let theirs = json!({"Version": "2", "Description": "by hand"});
    for listing in [
        listed(&[theirs, described(1, "a")]),
        listed(&[described(1, "a")]),
        none(),
    ] {
        let stand = stand(vec![listing]);
        stand.delete(&newest).await.unwrap();
        assert_eq!(stand.aws.operations(), ["ListVersionsByFunction"]);
    }
}
