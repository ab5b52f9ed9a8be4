//! Pairs of documents, and the rule over drawn ones: what the new one lets through and the old one did not is always told.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn allow(actions: Value, resources: Value) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}

fn policy(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

#[track_caller]
fn check(old: &[Value], new: &[Value], told: &[&str]) {
    assert_eq!(gained(Some(&policy(old)), &policy(new)), told);
}

#[test]
fn what_was_allowed_before_is_no_more() {
    let all = allow(json!("s3:*"), json!("*"));
    let one = allow(json!("s3:GetObject"), json!("arn:aws:s3:::a/*"));
    check(&[all.clone()], &[one.clone()], &[]);
    check(&[one.clone()], &[all.clone()], &["allows s3:* on *"]);
    check(&[one.clone(), all.clone()], &[all.clone()], &[]);
    check(&[one.clone()], &[], &[]);
    let two = allow(
        json!(["s3:GetObject", "s3:PutObject"]),
        json!(["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"]),
    );
    check(
        &[one],
        &[two],
        &[
            "allows s3:getobject, s3:putobject on arn:aws:s3:::b/*",
            "allows s3:putobject on arn:aws:s3:::a/*",
        ],
    );
}

#[test]
fn negations_are_weighed() {
    let but = |names: Value| json!({"Effect": "Allow", "NotAction": names, "Resource": "*"});
    let get = allow(json!("s3:GetObject"), json!("*"));
    check(&[but(json!("iam:*"))], &[get.clone()], &[]);
    check(
        &[but(json!("s3:*"))],
        &[get.clone()],
        &["allows s3:getobject on *"],
    );
    check(&[but(json!("iam:*"))], &[but(json!(["iam:*", "s3:*"]))], &[]);
    check(
        &[but(json!(["iam:*", "s3:*"]))],
        &[but(json!("iam:*"))],
        &["allows all but iam:* on *"],
    );
    check(&[get], &[but(json!("iam:*"))], &["allows all but iam:* on *"]);
    check(&[allow(json!("*"), json!("*"))], &[but(json!("iam:*"))], &[]);
    let elsewhere = json!({"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::a/*"});
    check(
        &[elsewhere.clone()],
        &[allow(json!("s3:*"), json!("arn:aws:s3:::b/*"))],
        &[],
    );
    check(
        &[elsewhere],
        &[allow(json!("s3:*"), json!("arn:aws:s3:::*"))],
        &["allows s3:* on arn:aws:s3:::*"],
    );
}

#[test]
fn a_denial_that_goes_is_more() {
    let deny = |actions: Value| json!({"Effect": "Deny", "Action": actions, "Resource": "*"});
    let all = allow(json!("*"), json!("*"));
    check(
        &[all.clone(), deny(json!("iam:*"))],
        &[all.clone()],
        &["no longer denies iam:* on *"],
    );
    check(
        &[all.clone(), deny(json!("iam:*"))],
        &[all.clone(), deny(json!("iam:PassRole"))],
        &["no longer denies iam:* on *"],
    );
    check(
        &[all.clone(), deny(json!("iam:PassRole"))],
        &[all.clone(), deny(json!("iam:*"))],
        &[],
    );
    check(&[all.clone()], &[all, deny(json!("iam:*"))], &[]);
}

#[test]
fn conditions_are_weighed_as_far_as_they_are_known() {
    let with = |condition: Value| {
        let mut statement = allow(json!("s3:*"), json!("*"));
        statement["Condition"] = condition;
        statement
    };
    let plain = allow(json!("s3:*"), json!("*"));
    let here = with(json!({"StringEquals": {"aws:SourceVpc": ["vpc-1", "vpc-2"]}}));
    let one = with(json!({"StringEquals": {"AWS:sourcevpc": "vpc-1"}}));
    let harder =
        with(json!({"StringEquals": {"aws:SourceVpc": "vpc-1"}, "Bool": {"aws:SecureTransport": true}}));
    check(&[plain.clone()], &[here.clone()], &[]);
    check(&[here.clone()], &[plain], &["allows s3:* on *"]);
    check(&[here.clone()], &[one.clone()], &[]);
    check(&[one.clone()], &[harder.clone()], &[]);
    check(
        &[harder],
        &[one.clone()],
        &["allows s3:* on * if StringEquals aws:sourcevpc [\"vpc-1\"]"],
    );
    check(
        &[one],
        &[here],
        &["allows s3:* on * if StringEquals aws:sourcevpc [\"vpc-1\",\"vpc-2\"]"],
    );
    let not = |values: Value| with(json!({"NotIpAddress": {"aws:SourceIp": values}}));
    check(
        &[not(json!("10.0.0.0/8"))],
        &[not(json!(["10.0.0.0/8", "192.168.0.0/16"]))],
        &[],
    );
    assert_eq!(
        gained(
            Some(&policy(&[not(json!(["10.0.0.0/8", "192.168.0.0/16"]))])),
            &policy(&[not(json!("10.0.0.0/8"))])
        )
        .len(),
        1
    );
    // What an operator does that is not known here is not guessed.
    let odd = |values: Value| with(json!({"ForAllValues:StringEquals": {"aws:TagKeys": values}}));
    check(&[odd(json!(["a", "b"]))], &[odd(json!(["b", "a"]))], &[]);
    assert_eq!(
        gained(
            Some(&policy(&[odd(json!(["a", "b"]))])),
            &policy(&[odd(json!("a"))])
        )
        .len(),
        1
    );
}

#[test]
fn principals_are_weighed() {
    let by = |who: Value| json!({"Effect": "Allow", "Principal": who, "Action": "sts:AssumeRole"});
    let lambda = by(json!({"Service": "lambda.amazonaws.com"}));
    let account = by(json!({"AWS": "arn:aws:iam::123456789012:root"}));
    check(
        &[lambda.clone()],
        &[lambda.clone(), account.clone()],
        &["allows sts:assumerole by AWS 123456789012"],
    );
    check(&[account.clone()], &[by(json!({"AWS": "123456789012"}))], &[]);
    check(
        &[account.clone()],
        &[by(json!("*"))],
        &["allows sts:assumerole by *"],
    );
    check(&[by(json!({"AWS": "*"}))], &[account.clone()], &[]);
    check(&[by(json!("*"))], &[by(json!({"AWS": "*"}))], &[]);
    let but = json!({"Effect": "Allow", "NotPrincipal": {"AWS": "1"}, "Action": "sts:AssumeRole"});
    check(
        &[account],
        &[but.clone()],
        &["allows sts:assumerole by all but AWS 1"],
    );
    check(&[but.clone()], &[but], &[]);
}

#[test]
fn what_cannot_be_compared_counts_and_says_so() {
    let good = policy(&[allow(json!("s3:*"), json!("*"))]);
    for odd in [
        json!("text"),
        json!({"Statement": [{"Effect": "Perhaps", "Action": "a", "Resource": "b"}]}),
        json!({"Statement": [{"Effect": "Allow", "Resource": "b"}]}),
        json!({"Statement": [{"Effect": "Allow", "Action": "a", "Resource": "b", "Magic": 1}]}),
        json!({"Statement": [{"Effect": "Allow", "Action": {"a": 1}, "Resource": "b"}]}),
        json!({"Statement": [{"Effect": "Allow", "Action": "a", "NotAction": "b", "Resource": "b"}]}),
        json!({"Statement": [{"Effect": "Allow", "Action": "a", "Resource": "b", "Condition": 1}]}),
        json!({"Statement": 7, "Version": "2012-10-17"}),
        json!({"Statement": [], "Extra": 1}),
    ] {
        assert_eq!(gained(Some(&odd), &odd), [""; 0], "{odd}");
        for (old, new) in [(&odd, &good), (&good, &odd)] {
            let told = gained(Some(old), new);
            assert!(
                told.len() == 1 && told[0].contains("cannot be compared"),
                "{odd}: {told:?}"
            );
        }
    }
    let text = |version: &str| json!({"Version": version, "Statement": [allow(json!("s3:*"), json!("${aws:username}"))]});
    assert!(gained(Some(&text("2008-10-17")), &text("2012-10-17"))[0].contains("different versions"));
}

#[test]
fn a_new_document_is_more_as_a_whole() {
    let all = policy(&[allow(json!(["a:b", "a:c"]), json!("*"))]);
    assert_eq!(gained(None, &all), ["allows a:b, a:c on *"]);
    assert_eq!(gained(None, &policy(&[])), [""; 0]);
}

const ACTIONS: &[&str] = &["s3:getobject", "s3:putobject", "iam:passrole", "s3:get"];
const ACTION_PATTERNS: &[&str] = &[
    "*",
    "s3:*",
    "s3:Get*",
    "S3:GetObject",
    "iam:*",
    "s3:?etObject",
    "s3:put*",
];
const RESOURCES: &[&str] = &["arn:a", "arn:a:b", "arn:b", "arn:ax:b"];
const RESOURCE_PATTERNS: &[&str] = &["*", "arn:a", "arn:a*", "arn:a*:b", "arn:*", "arn:?", "arn:a:*"];
const WHO: &[&str] = &["1", "2"];
const VPCS: &[&str] = &["v1", "v2", "v3"];

fn statement() -> impl Strategy<Value = Value> {
    let some = |all: &'static [&'static str]| prop::collection::btree_set(prop::sample::select(all), 1..3);
    (
        any::<bool>(),
        (any::<bool>(), some(ACTION_PATTERNS)),
        (prop::bool::weighted(0.3), some(RESOURCE_PATTERNS)),
        (prop::bool::weighted(0.2), some(&["1", "2", "*"])),
        prop::option::of((
            prop::sample::select(&["StringEquals", "StringNotEquals"][..]),
            some(VPCS),
        )),
    )
        .prop_map(
            |(allows, (not_action, actions), (not_resource, resources), (not_who, who), condition)| {
                let key = |not: bool, key: &str| if not { format!("Not{key}") } else { key.to_owned() };
                let mut one = json!({"Effect": if allows { "Allow" } else { "Deny" }});
                one[key(not_action, "Action")] = json!(actions);
                one[key(not_resource, "Resource")] = json!(resources);
                // Who is left out must be named: that all but everybody are meant is nobody's wish.
                let who: Vec<_> = who.into_iter().filter(|who| !(not_who && *who == "*")).collect();
                one[key(not_who, "Principal")] = json!({"AWS": who});
                if let Some((operator, values)) = condition {
                    one["Condition"] = json!({operator: {"aws:SourceVpc": values}});
                }
                one
            },
        )
}

/// Whether a pattern names a text, by trying every length of each star: a second opinion.
fn names(pattern: &[char], text: &[char]) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        return text.is_empty();
    };
    match first {
        '*' => {
            let last = rest.first().is_none_or(|next| *next == ':');
            (0..=text.len())
                .any(|length| (last || !text[..length].contains(&':')) && names(rest, &text[length..]))
        }
        '?' => text.first().is_some_and(|letter| *letter != ':') && names(rest, &text[1..]),
        letter => text.first() == Some(letter) && names(rest, &text[1..]),
    }
}

fn any_names(patterns: &Value, text: &str) -> bool {
    let letters = |text: &str| text.chars().collect::<Vec<_>>();
    patterns
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .any(|pattern| names(&letters(pattern), &letters(text)))
}

fn applies(statement: &Value, [action, resource, who, vpc]: [&str; 4]) -> bool {
    let lower = |value: &Value| serde_json::from_str::<Value>(&value.to_string().to_lowercase()).unwrap();
    let side = |key: &str, of: &dyn Fn(&Value) -> bool| match statement.get(key) {
        Some(given) => of(given),
        None => !of(&statement[format!("Not{key}")]),
    };
    let condition = statement.get("Condition").is_none_or(|condition| {
        let equals = condition
            .get("StringEquals")
            .map(|keys| any_names(&keys["aws:SourceVpc"], vpc));
        let differs = condition
            .get("StringNotEquals")
            .map(|keys| !any_names(&keys["aws:SourceVpc"], vpc));
        equals.or(differs).unwrap()
    });
    condition
        && side("Action", &|all| any_names(&lower(all), action))
        && side("Resource", &|all| any_names(all, resource))
        && side("Principal", &|all| any_names(&all["AWS"], who))
}

fn lets_through(statements: &[Value], request: [&str; 4]) -> bool {
    let with = |effect: &str| {
        statements
            .iter()
            .any(|statement| statement["Effect"] == effect && applies(statement, request))
    };
    with("Allow") && !with("Deny")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_that_is_gained_goes_untold(
        old in prop::collection::vec(statement(), 0..4),
        new in prop::collection::vec(statement(), 0..4),
        kept in any::<bool>(),
    ) {
        let new = if kept { [old.clone(), new].concat() } else { new };
        let told = gained(Some(&policy(&old)), &policy(&new));
        for action in ACTIONS {
            for resource in RESOURCES {
                for who in WHO {
                    for vpc in VPCS {
                        let request = [*action, *resource, *who, *vpc];
                        if lets_through(&new, request) && !lets_through(&old, request) {
                            prop_assert!(!told.is_empty(), "{request:?}");
                        }
                    }
                }
            }
        }
    }
}
