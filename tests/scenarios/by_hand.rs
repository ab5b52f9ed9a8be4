//! `grail state`: what is recorded is looked at and changed by hand, and the account never hears of it.

use grail_tests::account::Account;
use grail_tests::cli::Run;
use grail_tests::proxy::{Effect, Fault, On};
use grail_tests::runtime::block_on;
use serde_json::{Value, json};

use crate::ground::{Ground, grow};

/// Everything that the shop records.
const RECORDED: [&str; 6] = [
    "api_stage.rest_api",
    "iam_role.default-role",
    "lambda_function.api_handler",
    "lambda_function.door",
    "lambda_permission.api_handler/rest_api",
    "rest_api.rest_api",
];

/// A shop that was deployed once.
fn deployed() -> Ground {
    let ground = Ground::shop();
    ground.deploy();
    ground
}

/// Runs `grail state` with these words, without Python, and fails where that makes a call to the account.
#[track_caller]
fn state(ground: &Ground, words: &[&str]) -> Run {
    ground.proxy.forget_calls();
    let all = [&["state"], words].concat();
    let run = ground.grail().without_python(&ground.project).run(&all);
    let calls = ground.proxy.calls();
    assert!(calls.is_empty(), "{run}\nmade calls: {:?}", calls.names());
    run
}

/// The ids that are recorded.
#[track_caller]
fn ids(ground: &Ground) -> Vec<String> {
    let events = state(ground, &["list", "--output", "json"])
        .expect_success()
        .events();
    let resources = events[0]["resources"].as_array().unwrap();
    let text = |value: &Value| value["id"].as_str().unwrap().to_owned();
    resources.iter().map(text).collect()
}

#[track_caller]
fn assert_told(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "it does not tell of `{word}`: {said}");
    }
}

fn own_state(ground: &Ground) -> String {
    ground.project.read(".chalice/grail/dev/state.json")
}

#[test]
fn what_is_recorded_is_listed_and_shown() {
    let ground = Ground::shop();
    let nothing = state(&ground, &["list"]).expect_success();
    assert_eq!(
        (nothing.stdout.as_str(), nothing.stderr.as_str()),
        ("", "nothing is recorded\n")
    );
    ground.project.configure(|config| {
        config["stages"]["dev"]["environment_variables"]["SECRET"] = "canary-51f3".into();
    });
    ground.deploy();

    let listed = state(&ground, &["list"]).expect_success();
    let first = |line: &str| line.split_whitespace().next().unwrap().to_owned();
    let lines: Vec<_> = listed.stdout.lines().map(first).collect();
    assert_eq!(ids(&ground), lines);
    for id in RECORDED {
        assert!(lines.contains(&id.to_owned()), "{id} is not listed: {listed}");
    }
    assert_told(
        &listed.stdout,
        &["arn:aws:lambda:us-east-1:123456789012:function:shop-dev-door\n"],
    );

    let shown = state(&ground, &["show", "lambda_function.door"])
        .expect_success()
        .stdout;
    assert_told(
        &shown,
        &[
            "lambda_function.door\n",
            "handle        arn:aws:lambda:us-east-1:123456789012:function:shop-dev-door\n",
            "needs         iam_role.default-role\n",
            "needed by     api_stage.rest_api, lambda_permission.door/rest_api, rest_api.rest_api\n",
            "    environment.SECRET: (secret ",
            "    memory: 128\n",
            "    name: \"shop-dev-door\"\n",
            "in Chalice's file, `door`\n    lambda_arn: ",
        ],
    );
    assert!(!shown.contains("canary"), "{shown}");
    let whole = state(&ground, &["show", "rest_api", "--output", "json"]);
    // The name stands for the API and its stage.
    assert_told(
        &whole.expect_code(1).stdout,
        &["`rest_api` is the name of several resources"],
    );
    let run = state(&ground, &["show", "rest_api.rest_api", "--output", "json"]).expect_success();
    assert!(!run.stdout.contains("canary"), "{run}");
    let resource = run.events()[0]["resource"].clone();
    assert_eq!(resource["chalice"]["rest_api"]["resource_type"], "rest_api");
    assert_eq!(resource["chalice"]["rest_api"]["rest_api_id"], resource["handle"]);
    assert_told(
        &state(&ground, &["show", "lambda_function.dor"])
            .expect_code(1)
            .stderr,
        &[
            "no resource `lambda_function.dor` is recorded",
            "`lambda_function.door` may be meant",
        ],
    );
}

#[test]
fn what_is_forgotten_stays_and_is_found_again() {
    let ground = deployed();
    let (world, record) = (ground.world(), ground.project.deployed_text("dev").unwrap());
    let before = own_state(&ground);
    // Without a word nobody is asked here, and nothing is done.
    let asked = state(&ground, &["forget", "door"]).expect_code(1);
    assert_told(
        &asked.stderr,
        &["nobody is there to be asked", "say `--yes`", "shop-dev-door"],
    );
    let no = ground
        .grail()
        .on_terminal(&["state", "forget", "door"], "[y/N]", "no\r");
    assert_told(
        &no.expect_code(1).stdout,
        &["it was not agreed to, and nothing was changed"],
    );
    assert_eq!(own_state(&ground), before);

    let yes = ground
        .grail()
        .on_terminal(&["state", "forget", "door"], "[y/N]", "y\r");
    assert_told(
        &yes.expect_success().stdout,
        &[
            "needed by api_stage.rest_api, lambda_permission.door/rest_api, rest_api.rest_api, which stay recorded",
        ],
    );
    assert!(!ids(&ground).contains(&"lambda_function.door".to_owned()));
    assert!(!ground.project.deployed_text("dev").unwrap().contains("\"door\""));
    let run = state(&ground, &["forget", "iam_role.default-role", "--yes"]).expect_success();
    let place = run
        .stdout
        .split("is kept in ")
        .nth(1)
        .unwrap()
        .trim()
        .trim_end_matches('.');
    assert!(place.contains(".chalice/grail/dev/backups/state-"), "{run}");
    let kept = std::fs::read_to_string(place).unwrap();
    assert!(
        kept.contains("iam_role.default-role") && !kept.contains("\"lambda_function.door\": {"),
        "{kept}"
    );
    assert_told(
        &ground.run(&["history"]).expect_success().stdout,
        &[
            "state forget: done",
            "forgotten: iam_role.default-role",
            "forgotten: lambda_function.door",
        ],
    );
    assert_told(
        &state(&ground, &["forget", "door", "--yes"]).expect_code(1).stderr,
        &["no resource `door` is recorded"],
    );

    // The function bears our tag, and the role hangs on it.
    let writes = ground.deploy().writes();
    assert!(writes.is_empty(), "{:?}", writes.names());
    ground.world().assert_untouched_since(&world);
    assert_eq!(ground.project.deployed_text("dev"), Some(record));
    ground.assert_at_rest();
}

#[test]
fn what_is_forgotten_is_not_deleted() {
    let ground = deployed();
    state(&ground, &["forget", "lambda_function.door", "--yes"]).expect_success();
    ground.run(&["delete"]).expect_success();
    assert_eq!(ground.world().names()["functions"], ["shop-dev-door"]);
    assert_eq!(ids(&ground), Vec::<String>::new());
}

#[test]
fn nothing_is_changed_by_hand_while_a_transaction_is_open() {
    let ground = deployed();
    state(&ground, &["pull", "--out", "copy.json"]).expect_success();
    grow(&ground.project);
    let fault = Fault::Silence(Effect::Done);
    let name = fault.name();
    ground.proxy.forget_calls();
    ground.proxy.inject(On::writes().nth(3), fault);
    let mut running = ground.grail().start(&["deploy"]);
    assert!(
        ground.proxy.wait_for(name, || running.has_ended()),
        "{}",
        running.wait()
    );
    running.kill();
    ground.proxy.heal();
    let journal = ground.journal();
    for words in [
        &["forget", "door"][..],
        &["forget", "door", "--yes"],
        &["move", "lambda_function.door", "lambda_function.gate"],
        &["push", "copy.json", "--force"],
    ] {
        let said = state(&ground, words).expect_code(6).stderr;
        assert_told(
            &said,
            &[
                "a transaction of `grail deploy` is open",
                "`grail deploy` goes on, `grail rollback` goes back",
            ],
        );
    }
    let import = ground
        .run(&["state", "import", "lambda_function.count"])
        .expect_code(6);
    assert_told(&import.stderr, &["a transaction of `grail deploy` is open"]);
    assert_eq!(ground.journal(), journal);
    let listed = state(&ground, &["list"]).expect_success();
    assert_told(&listed.stderr, &["a transaction is open (building)"]);
    let events = state(&ground, &["list", "--output", "json"])
        .expect_success()
        .events();
    assert_eq!(events[0]["phase"], "building");
    let copied = state(&ground, &["pull", "--out", "another.json"]).expect_success();
    assert_told(&copied.stdout, &["A transaction is open"]);
    ground.run(&["rollback"]).expect_success();
    let back = state(&ground, &["push", "copy.json"]).expect_success();
    assert_told(&back.stdout, &["has this state already"]);
}

#[test]
fn a_record_is_moved_with_what_needs_it() {
    let ground = deployed();
    let world = ground.world();
    let run = state(&ground, &["move", "lambda_function.door", "gate"]).expect_success();
    assert_told(
        &run.stdout,
        &[
            "`lambda_function.door` is recorded as `lambda_function.gate` now",
            "it is still arn:aws:lambda:us-east-1:123456789012:function:shop-dev-door",
            "Where the project gives `lambda_function.gate` another one, the next plan shows a replacement",
            "is kept in ",
        ],
    );
    let shown = state(&ground, &["show", "gate"]).expect_success().stdout;
    assert_told(
        &shown,
        &[
            "needed by     api_stage.rest_api, lambda_permission.door/rest_api, rest_api.rest_api",
            "`gate`",
        ],
    );
    assert_eq!(
        ground.project.recorded("dev", "gate")["lambda_arn"],
        shown_handle(&shown)
    );
    // The same thing under the id that the project has for it.
    let moved = ground.run(&["plan", "--detailed-exitcode"]);
    moved.expect_success();
    for (words, told) in [
        (["lambda_function.gate", "iam_role.gate"], "are of two kinds"),
        (
            ["lambda_function.gate", "lambda_function.api_handler"],
            "is recorded already",
        ),
        (
            ["lambda_function.door", "lambda_function.x"],
            "no resource `lambda_function.door` is recorded",
        ),
    ] {
        let refused = state(&ground, &["move", words[0], words[1]]).expect_code(1);
        assert_told(&refused.stderr, &[told]);
    }
    let back = state(&ground, &["move", "gate", "door", "--output", "json"])
        .expect_success()
        .events();
    assert_eq!(back[0]["new"], "lambda_function.door");
    assert_told(
        &ground.run(&["history"]).expect_success().stdout,
        &[
            "state move: done",
            "moved to lambda_function.gate",
            "moved from lambda_function.door",
        ],
    );
    ground.world().assert_untouched_since(&world);
    ground.assert_at_rest();
}

fn shown_handle(shown: &str) -> &str {
    let line = shown
        .lines()
        .find(|line| line.trim_start().starts_with("handle"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap()
}

#[test]
fn an_existing_thing_is_imported() {
    let ground = deployed();
    let (world, record) = (ground.world(), ground.project.deployed_text("dev").unwrap());
    let api = ground.project.recorded("dev", "rest_api")["rest_api_id"]
        .as_str()
        .unwrap()
        .to_owned();
    std::fs::remove_dir_all(ground.project.root().join(".chalice/grail")).unwrap();
    ground.project.remove(".chalice/deployed/dev.json");
    // By the handle, by the name, by whatever the project calls it; and in any order.
    for words in [
        &["rest_api.rest_api", api.as_str()][..],
        &["iam_role.default-role", "shop-dev"],
        &["door"],
        &[
            "api_handler",
            "arn:aws:lambda:us-east-1:123456789012:function:shop-dev",
        ],
    ] {
        let run = import(&ground, words).expect_success();
        assert_told(
            &run.stdout,
            &[
                "is recorded as `",
                "nothing was changed in the account",
                "`grail plan` shows",
            ],
        );
    }
    for (words, told) in [
        (
            &["dor"][..],
            [
                "no resource `dor` is asked for by the project",
                "`lambda_function.door` may be meant",
            ],
        ),
        (
            &["door"],
            [
                "`lambda_function.door` is recorded already",
                "`grail state forget` first",
            ],
        ),
        (
            &["api_stage.rest_api", "nowhere"],
            [
                "there is nothing to record as `api_stage.rest_api`: nowhere does not exist",
                "name the physical name",
            ],
        ),
    ] {
        let refused = import(&ground, words).expect_code(1);
        assert_told(&refused.stderr, &told);
    }
    assert_eq!(ids(&ground).len(), 4);
    assert_told(
        &ground.run(&["history"]).expect_success().stdout,
        &["state import: done", "imported: rest_api.rest_api"],
    );
    ground.world().assert_untouched_since(&world);
    let writes = ground.deploy().writes();
    let made: Vec<_> = writes
        .names()
        .into_iter()
        .filter(|name| name.starts_with("Create") || name.starts_with("Import"))
        .collect();
    assert!(made.is_empty(), "{made:?}");
    assert_eq!(ground.project.deployed_text("dev"), Some(record));
    ground.assert_at_rest();
}

/// Imports, and fails where that writes anything.
#[track_caller]
fn import(ground: &Ground, words: &[&str]) -> Run {
    ground.proxy.forget_calls();
    let run = ground.run(&[&["state", "import"], words].concat());
    let writes = ground.proxy.calls().writes();
    assert!(writes.is_empty(), "{run}\nwrote: {:?}", writes.names());
    run
}

#[test]
fn what_is_marked_as_anothers_is_imported_by_force_alone() {
    let ground = Ground::shop();
    let lambda = Account::at(&ground.proxy.quiet_endpoint());
    let arn = lambda.make_function("shop-dev-door");
    let tagged = lambda.lambda().tag_resource().resource(&arn);
    let tag = "version=1.34.0:stage=prod:app=mall";
    block_on(tagged.tags("aws-chalice", tag).send()).unwrap();
    let world = ground.world();
    let refused = import(&ground, &["door"]).expect_code(1).stderr;
    assert_told(
        &refused,
        &["stage=prod:app=mall", "`--force` takes it all the same"],
    );
    let taken = import(&ground, &["door", "--force"]).expect_success().stdout;
    assert_told(
        &taken,
        &[
            "It is marked as somebody else's",
            "`--adopt lambda_function.door`",
        ],
    );
    ground.world().assert_untouched_since(&world);
    let refused = ground.run(&["deploy"]).expect_code(1).stderr;
    assert_told(&refused, &["app=mall"]);
    ground
        .run(&["deploy", "--adopt", "lambda_function.door"])
        .expect_success();
    ground.assert_at_rest();
}

#[test]
fn a_copy_of_the_state_is_put_back() {
    let ground = deployed();
    let old = ids(&ground);
    let copied = state(&ground, &["pull", "--out", "old.json"]).expect_success();
    assert_told(&copied.stdout, &["old.json has the state of the last commit: "]);
    assert_eq!(ground.project.read("old.json"), own_state(&ground));
    assert_told(
        &state(&ground, &["pull"]).expect_code(1).stderr,
        &["there is nothing to pull", "`--out FILE`"],
    );
    grow(&ground.project);
    ground.deploy();
    let newer = own_state(&ground);
    let refused = state(&ground, &["push", "old.json"]).expect_code(1);
    assert_told(
        &refused.stderr,
        &[
            "not to take the place of the one that is there",
            "it was committed at ",
            "with `--force`",
        ],
    );
    assert_eq!(own_state(&ground), newer);
    let forced = state(&ground, &["push", "old.json", "--force"]).expect_success();
    assert_told(
        &forced.stdout,
        &["has this state now: ", "is kept in ", "backups/state-"],
    );
    assert_eq!(ids(&ground), old);
    assert!(!ground.project.deployed_text("dev").unwrap().contains("\"count\""));
    assert_told(
        &ground.run(&["history"]).expect_success().stdout,
        &["state push: done", "forgotten: lambda_function.count"],
    );
    // What the old copy does not know is found again; that the definition is the last one, nobody knows.
    let writes = ground.deploy().writes();
    assert_eq!(writes.names(), ["PutRestApi"]);
    ground.assert_at_rest();
}

#[test]
fn a_copy_that_is_not_this_states_is_refused() {
    let ground = deployed();
    state(&ground, &["pull", "--out", "copy.json"]).expect_success();
    let copy = ground.project.read("copy.json");
    let good = own_state(&ground);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&copy).unwrap();
        value.as_object_mut().unwrap().remove("sum");
        change(&mut value);
        serde_json::to_string_pretty(&value).unwrap()
    };
    let elsewhere = changed(&|state| state["home"]["account"] = json!("210987654321"));
    for (text, force, told) in [
        (
            copy.replacen("shop-dev", "shop-deV", 1),
            true,
            ["does not fit its checksum", "is damaged"],
        ),
        (
            copy[..copy.len() / 2].to_owned(),
            true,
            ["is damaged", "copy.json"],
        ),
        (
            changed(&|state| state["schema"] = json!(99)),
            true,
            ["schema version 99", "use the newer grail"],
        ),
        (
            changed(&|state| state["stack"]["stage"] = json!("prod")),
            true,
            ["is the state of shop-prod", "this is shop-dev"],
        ),
        (
            elsewhere.clone(),
            false,
            ["account 210987654321", "account 123456789012"],
        ),
    ] {
        ground.project.write("copy.json", &text);
        let words = [&["push", "copy.json"][..], if force { &["--force"] } else { &[] }].concat();
        assert_told(&state(&ground, &words).expect_code(1).stderr, &told);
        assert_eq!(own_state(&ground), good);
    }
    assert_told(
        &state(&ground, &["push", "none.json"]).expect_code(1).stderr,
        &["could not read none.json"],
    );
    assert_told(
        &state(&ground, &["push"]).expect_code(1).stderr,
        &["there is nothing to push", "GRAIL_STATE"],
    );
    // Who insists has a state of another account, and every command says so.
    state(&ground, &["push", "copy.json", "--force"]).expect_success();
    let said = ground.run(&["deploy"]).expect_code(1).stderr;
    assert_told(&said, &["account 210987654321"]);
    ground.world();
}
