//! The least that grail needs: every call that it makes, from the first deployment of everything to its deletion, is one that its
//! policy allows on the very thing that it is about.

use std::collections::BTreeSet;

use grail_providers::privileges::action_of;
use grail_tests::account::Account;
use grail_tests::fixtures::{self, Fixture};
use grail_tests::proxy::{Call, Fault, On};
use serde_json::{Value, json};

use crate::stand::Stand;

/// What `grail policy` prints.
struct Policy(Value);

impl Policy {
    fn of(stand: &Stand, words: &[&str]) -> Policy {
        let run = stand.grail.run(&[&["policy"], words].concat()).expect_success();
        Policy(serde_json::from_str(&run.stdout).unwrap())
    }

    /// Whether a statement allows the call, and allows it there.
    fn allows(&self, call: &Call) -> bool {
        let action = action_of(&call.operation.service, call.name());
        let statements = self.0["Statement"].as_array().unwrap();
        let about = statements
            .iter()
            .filter(|statement| texts(&statement["Action"]).any(|it| it == action));
        let mut places = about.flat_map(|statement| texts(&statement["Resource"]));
        match arn(call) {
            Some(arn) => places.any(|place| fits(place, &arn)),
            None => places.next().is_some(),
        }
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().unwrap().iter().filter_map(Value::as_str)
}

/// Whether `text` is of the form `pattern`, in which a `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            rest.is_empty() || ends.into_iter().any(|at| fits(rest, &text[at..]))
        }),
    }
}

/// The ARN of what a call is about, where its path or body says it.
fn arn(call: &Call) -> Option<String> {
    let here = |service: &str, path: &str| format!("arn:aws:{service}:us-east-1:123456789012:{path}");
    let body = |key: &str| call.body[key].as_str().map(str::to_owned);
    let whole = |text: &str| text.starts_with("arn:").then(|| text.to_owned());
    let path = call.path.replace("%3A", ":").replace("%2F", "/");
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match (call.operation.service.as_str(), &parts[..]) {
        ("lambda", [_, "functions"]) => Some(here("lambda", &format!("function:{}", body("FunctionName")?))),
        ("lambda", [_, "functions", name, ..]) => {
            Some(whole(name).unwrap_or_else(|| here("lambda", &format!("function:{name}"))))
        }
        ("lambda", [_, "layers", name, "versions"]) => Some(here("lambda", &format!("layer:{name}"))),
        ("lambda", [_, "layers", name, "versions", number]) => {
            Some(here("lambda", &format!("layer:{name}:{number}")))
        }
        ("lambda", [_, "tags", name]) => whole(name),
        ("lambda", [_, "event-source-mappings", id]) => {
            Some(here("lambda", &format!("event-source-mapping:{id}")))
        }
        ("iam", _) => Some(format!("arn:aws:iam::123456789012:role/{}", body("RoleName")?)),
        ("events", _) if call.name() == "ListTagsForResource" => body("ResourceARN"),
        ("events", _) => Some(here(
            "events",
            &format!("rule/{}", body("Rule").or_else(|| body("Name"))?),
        )),
        ("logs", _) => Some(here("logs", &format!("log-group:{}", body("logGroupName")?))),
        ("sns", _) => body("TopicArn"),
        ("s3", [bucket]) => Some(format!("arn:aws:s3:::{bucket}")),
        ("apigateway", _) => {
            let path = path.strip_prefix("/v2").unwrap_or(&path);
            Some(format!("arn:aws:apigateway:us-east-1::{path}"))
        }
        _ => None,
    }
}

/// A whole life: made, unchanged, changed, brought back from a change that failed, deleted.
fn live(fixture: Fixture) {
    let app = fixture.project().read(".chalice/config.json");
    let app: Value = serde_json::from_str(&app).unwrap();
    let stand = Stand::of(fixture.project());
    let account = Account::at(&stand.proxy.quiet_endpoint());
    fixture.prepare(&account);
    fixture.fit(&account, &stand.project);
    let stage = fixture.stages[0];
    let deploy = ["deploy", "--stage", stage];
    stand.grail.run(&deploy).expect_success();
    stand.grail.run(&deploy).expect_success();
    let change = |memory: u64, tag: &str| {
        stand.project.configure(|config| {
            let settings = &mut config["stages"][stage];
            settings["lambda_memory_size"] = memory.into();
            settings["tags"] = json!({ tag: "1" });
            settings["log_retention_in_days"] = json!(3);
            settings["environment_variables"]["CHANGED"] = tag.into();
        });
    };
    change(512, "first");
    stand.grail.run(&deploy).expect_success();
    change(256, "second");
    let last = On::operation("UpdateFunctionConfiguration").nth(2);
    let failed = stand.proxy.inject(
        last,
        Fault::refuse(400, "InvalidParameterValueException", "not this one"),
    );
    stand.grail.run(&deploy).expect_code(3);
    assert_eq!(failed.struck(), 1);
    stand.proxy.heal();
    stand.grail.run(&["delete", "--stage", stage]).expect_success();

    let name = app["app_name"].as_str().unwrap();
    let narrow = ["--app", name, "--stage", stage, "--region", "us-east-1"];
    let calls = stand.proxy.calls();
    assert!(calls.len() > 50, "only {} calls were made", calls.len());
    for words in [&[][..], &narrow] {
        let policy = Policy::of(&stand, words);
        for call in &calls {
            assert!(
                policy.allows(call),
                "{words:?} {} {} {:?}",
                call.name(),
                call.path,
                arn(call)
            );
        }
    }
}

#[test]
fn what_a_life_of_everything_calls_is_in_the_policy() {
    live(fixtures::EVERYTHING);
}

#[test]
fn what_a_life_of_blueprints_calls_is_in_the_policy() {
    live(fixtures::BLUEPRINTS);
}

#[test]
fn what_a_life_with_a_layer_calls_is_in_the_policy() {
    live(fixtures::LAYERED);
}

/// The check itself finds what is missing.
#[test]
fn a_policy_for_another_stage_allows_nothing_of_this_one() {
    let stand = Stand::with_the_shop_open();
    stand.run(&["deploy"]).0.expect_success();
    let calls = stand.proxy.calls();
    let refused = |words: &[&str]| -> BTreeSet<&str> {
        let policy = Policy::of(&stand, words);
        calls
            .iter()
            .filter(|call| !policy.allows(call))
            .map(Call::name)
            .collect()
    };
    assert_eq!(refused(&["--app", "shop"]), BTreeSet::new());
    // Names are its own; ids, and who one is, are nobody's.
    let other = refused(&["--app", "sho"]);
    assert!(
        other.is_superset(&BTreeSet::from(["GetFunction", "GetRole"])),
        "{other:?}"
    );
    assert!(
        other.is_disjoint(&BTreeSet::from(["GetRestApi", "GetCallerIdentity"])),
        "{other:?}"
    );
    let abroad = refused(&["--app", "shop", "--region", "eu-west-1"]);
    assert!(
        abroad.is_superset(&BTreeSet::from(["GetFunction", "GetRestApi"])),
        "{abroad:?}"
    );
    assert!(
        abroad.is_disjoint(&BTreeSet::from(["GetRole", "GetCallerIdentity"])),
        "{abroad:?}"
    );
}
