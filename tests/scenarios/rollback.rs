//! A write is refused, lost or late, somebody presses Ctrl-C, somebody deletes by hand: either the deploy gets there all the
//! same, or everything is as it was before, and the exit code says which.

use std::time::Duration;

use grail_tests::cli::{Run, Running};
use grail_tests::proxy::{Effect, Fault, Injected, On};
use grail_tests::runtime::block_on;
use grail_tests::world::World;
use serde_json::json;

use crate::ground::{Ground, assert_as_before, grow};

/// What comes of a first deployment that nothing disturbs.
fn undisturbed() -> World {
    let ground = Ground::shop();
    ground.deploy();
    ground.world()
}

#[test]
fn a_storm_of_throttling_passes() {
    let wanted = undisturbed();
    let ground = Ground::shop();
    let storm = ground.proxy.inject(On::everything(), Fault::Throttle);
    let running = struck_at_least(&storm, 2, ground.grail().start(&["deploy"]));
    ground.proxy.heal();
    // The second gust meets the writes.
    let gust = ground.proxy.inject(On::writes(), Fault::Throttle);
    let running = struck_at_least(&gust, 3, running);
    ground.proxy.heal();
    running.wait().expect_success();
    ground
        .world()
        .assert_same_as(&wanted, ("after the storm", "undisturbed"));
    ground.assert_at_rest();
}

/// Waits until a rule has struck so often, and fails with what grail said where it gives up before.
fn struck_at_least(rule: &Injected, times: usize, running: Running) -> Running {
    let mut running = running;
    while rule.struck() < times {
        if running.has_ended() {
            panic!("it gave up after {} strokes: {}", rule.struck(), running.wait());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    running
}

/// A deploy whose last step but one is refused, kept as it is.
fn kept() -> (Ground, Run) {
    let ground = Ground::shop();
    ground
        .proxy
        .inject(On::operation("ImportRestApi"), Fault::access_denied());
    let run = ground.run(&["deploy", "--on-failure", "keep"]).expect_code(6);
    ground.proxy.heal();
    (ground, run)
}

#[test]
fn a_failure_that_is_kept_is_shown_and_finished() {
    let wanted = undisturbed();
    let (ground, _) = kept();
    assert_eq!(functions(&ground), ["shop-dev", "shop-dev-door"]);
    let shown = ground.run(&["status"]).expect_code(6).stdout;
    for word in [
        "open since `grail deploy` by ",
        "failed: rest_api.rest_api: ",
        "lambda_function.api_handler",
        "rest_api.rest_api",
        "grail rollback",
    ] {
        assert!(shown.contains(word), "status does not tell of {word}:\n{shown}");
    }
    assert_eq!(ground.status()["status"]["phase"], "building");
    let writes = ground.deploy().writes();
    assert!(
        writes.named("CreateFunction").is_empty() && writes.named("CreateRole").is_empty(),
        "what was there is made again: {:?}",
        writes.names()
    );
    ground
        .world()
        .assert_same_as(&wanted, ("finished later", "undisturbed"));
    ground.assert_at_rest();
}

#[test]
fn a_failure_that_is_kept_can_be_taken_back() {
    let (ground, _) = kept();
    ground.run(&["rollback"]).expect_success();
    let left = ground.world().names();
    assert!(left.values().all(Vec::is_empty), "{left:?}");
    assert_eq!(ground.project.deployed_text("dev"), None);
    let again = ground.run(&["rollback"]).expect_success();
    assert!(again.stderr.contains("no open transaction"), "{again}");
    ground.deploy();
    ground.assert_at_rest();
}

#[test]
fn an_update_that_is_kept_goes_back_to_the_last_commit_and_not_to_the_last_try() {
    let ground = Ground::shop();
    ground.deploy();
    let (before, record) = (ground.world(), ground.project.deployed_text("dev"));
    grow(&ground.project);
    for greeting in ["one", "two"] {
        ground.project.configure(|config| {
            config["stages"]["dev"]["environment_variables"]["GREETING"] = greeting.into();
        });
        ground
            .proxy
            .inject(On::operation("PutRestApi"), Fault::access_denied());
        ground.run(&["deploy", "--on-failure", "keep"]).expect_code(6);
        ground.proxy.heal();
    }
    ground.run(&["rollback"]).expect_success();
    assert_as_before(&ground.world(), &before);
    assert_eq!(ground.project.deployed_text("dev"), record);
}

#[test]
fn ctrl_c_waits_for_what_is_in_flight_and_no_longer() {
    let wanted = undisturbed();
    for effect in [Effect::None, Effect::Done] {
        let ground = Ground::shop();
        ground
            .proxy
            .inject(On::operation("CreateFunction").nth(1), Fault::Silence(effect));
        let mut running = ground.grail().start(&["deploy"]);
        let fault = match effect {
            Effect::None => "silence",
            Effect::Done => "silence after effect",
        };
        assert!(ground.proxy.wait_for(fault, || running.has_ended()));
        running.interrupt();
        let run = running.wait().expect_code(6);
        assert!(run.stderr.contains("SIGINT"), "{run}");
        ground.proxy.heal();
        let shown = ground.run(&["status"]).expect_code(6);
        assert!(shown.stdout.contains("lambda_function."), "{shown}");
        assert!(
            ground.proxy.calls().named("ImportRestApi").is_empty(),
            "it started more after the signal"
        );
        ground.run(&["deploy"]).expect_success();
        ground
            .world()
            .assert_same_as(&wanted, ("finished later", "undisturbed"));
        ground.assert_at_rest();
    }
}

/// Who asks again does not even wait for what is in flight.
#[test]
fn a_second_signal_ends_it_at_once() {
    let ground = Ground::shop();
    ground
        .proxy
        .inject(On::operation("CreateFunction"), Fault::Silence(Effect::Done));
    let mut running = ground.grail().start(&["deploy"]);
    assert!(
        ground
            .proxy
            .wait_for("silence after effect", || running.has_ended())
    );
    while !running.has_ended() {
        running.interrupt();
        std::thread::sleep(Duration::from_millis(50));
    }
    let run = running.wait().expect_code(6);
    assert!(
        run.stderr.contains("stopped at once; the next `grail deploy`"),
        "{run}"
    );
    ground.proxy.heal();
    ground.run(&["rollback"]).expect_success();
    let left = ground.world().names();
    assert!(left.values().all(Vec::is_empty), "{left:?}");
}

/// An API may be deleted once in 30 s. The next process knows what this one has used up, and a signal ends its wait.
#[test]
fn a_signal_ends_a_wait_for_a_rate() {
    let ground = Ground::shop();
    let cache = ground.project.beside("cache");
    let paced = ground
        .grail()
        .env("GRAIL_CACHE_DIR", cache)
        .env("GRAIL_PACE", "1");
    paced.run(&["deploy"]).expect_success();
    paced.run(&["delete"]).expect_success();
    paced.run(&["deploy"]).expect_success();
    ground.proxy.forget_calls();
    let mut running = paced.start(&["delete"]);
    while ground.proxy.calls().named("DeleteStage").is_empty() {
        assert!(!running.has_ended(), "it ended before it came to the stage");
        std::thread::sleep(Duration::from_millis(5));
    }
    running.interrupt();
    let run = running.wait().expect_code(6);
    assert!(run.stderr.contains("run `grail delete` to go on"), "{run}");
    let calls = ground.proxy.calls();
    assert!(calls.named("DeleteRestApi").is_empty(), "{:?}", calls.names());
    ground.run(&["delete"]).expect_success();
    let left = ground.world().names();
    assert!(left.values().all(Vec::is_empty), "{left:?}");
}

/// Calls that end in time are awaited: the journal then knows of all that was done.
#[test]
fn a_stop_in_time_leaves_nothing_in_doubt() {
    let ground = Ground::shop();
    ground.proxy.inject(
        On::operation("CreateFunction"),
        Fault::Delay(Duration::from_secs(1)),
    );
    let mut running = ground.grail().start(&["deploy"]);
    while ground.proxy.calls().named("CreateFunction").len() < 2 {
        assert!(!running.has_ended(), "it ended before its functions were made");
        std::thread::sleep(Duration::from_millis(5));
    }
    running.terminate();
    running.wait().expect_code(6);
    ground.proxy.heal();
    assert_eq!(functions(&ground), ["shop-dev", "shop-dev-door"]);
    ground.proxy.forget_calls();
    ground.run(&["rollback"]).expect_success();
    let left = ground.world().names();
    assert!(left.values().all(Vec::is_empty), "{left:?}");
}

#[test]
fn delete_does_not_mind_what_is_gone_already() {
    type ByHand = fn(&Ground);
    let function: ByHand = |ground| {
        let asked = ground
            .account
            .lambda()
            .delete_function()
            .function_name("shop-dev-door");
        block_on(asked.send()).unwrap();
    };
    let role: ByHand = |ground| {
        let iam = ground.account.iam();
        let policy = iam
            .delete_role_policy()
            .role_name("shop-dev")
            .policy_name("shop-dev");
        block_on(policy.send()).unwrap();
        block_on(iam.delete_role().role_name("shop-dev").send()).unwrap();
    };
    let api: ByHand = |ground| {
        let id = ground.project.recorded("dev", "rest_api")["rest_api_id"].clone();
        let asked = ground.account.apigateway().delete_rest_api();
        block_on(asked.rest_api_id(id.as_str().unwrap()).send()).unwrap();
    };
    let everything: ByHand = |ground| {
        let asked = ground
            .account
            .lambda()
            .delete_function()
            .function_name("shop-dev");
        block_on(asked.send()).unwrap();
    };
    for gone in [
        vec![function],
        vec![role],
        vec![api],
        vec![function, role, api, everything],
    ] {
        let ground = Ground::shop();
        ground.deploy();
        gone.iter().for_each(|by_hand| by_hand(&ground));
        ground.run(&["delete"]).expect_success();
        let left = ground.world().names();
        assert!(left.values().all(Vec::is_empty), "{left:?}");
        assert_eq!(ground.project.deployed("dev")["resources"], json!([]));
    }
}

#[test]
fn a_deletion_that_is_refused_does_not_keep_the_rest() {
    let ground = Ground::shop();
    ground.deploy();
    let refused = ground.proxy.inject(
        On::operation("DeleteFunction").about("shop-dev-door"),
        Fault::access_denied(),
    );
    let run = ground.run(&["delete"]).expect_code(4);
    assert!(refused.struck() >= 1);
    assert!(
        run.stderr.contains("lambda_function.door"),
        "what is left is not told: {run}"
    );
    let left = ground.world().names();
    assert_eq!(left["functions"], ["shop-dev-door"], "{run}");
    assert!(left["rest_apis"].is_empty(), "{left:?}");
    let recorded = ground.project.deployed("dev");
    let names: Vec<_> = recorded["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert!(names.contains(&&json!("door")), "{recorded:#}");
    let shown = ground.run(&["status"]);
    assert_eq!(shown.code, Some(4), "{shown}");
    assert!(shown.stdout.contains("lambda_function.door"), "{shown}");

    ground.proxy.heal();
    ground.run(&["delete"]).expect_success();
    let left = ground.world().names();
    assert!(left.values().all(Vec::is_empty), "{left:?}");
    assert_eq!(ground.project.deployed("dev")["resources"], json!([]));
    ground.run(&["status"]).expect_success();
}

/// A function can be made again as it was, so it is deleted before the commit, and its refusal takes all back.
#[test]
fn a_function_that_may_not_be_deleted_takes_the_deploy_back() {
    let ground = Ground::shop();
    grow(&ground.project);
    ground.deploy();
    let (before, record) = (ground.world(), ground.project.deployed_text("dev"));
    let without = before_the_function(&ground.project.read("app.py"));
    ground.project.write("app.py", &without);
    ground
        .proxy
        .inject(On::operation("DeleteFunction"), Fault::access_denied());
    let run = ground.run(&["deploy"]).expect_code(3);
    assert!(run.stderr.contains("lambda_function.count"), "{run}");
    assert_as_before(&ground.world(), &before);
    assert_eq!(ground.project.deployed_text("dev"), record);
    ground.proxy.heal();
    ground.deploy();
    assert_eq!(functions(&ground), ["shop-dev", "shop-dev-door"]);
    ground.assert_at_rest();
}

fn before_the_function(app: &str) -> String {
    let (without, _) = app.split_once("@app.lambda_function()").unwrap();
    without.to_owned()
}

fn functions(ground: &Ground) -> Vec<String> {
    let mut names = ground.world().names().remove("functions").unwrap_or_default();
    names.sort_unstable();
    names
}

/// An API can never be made again as it was, so it is deleted after the commit: the new stands, and the rest is told.
#[test]
fn an_api_that_may_not_be_deleted_leaves_the_new_and_is_told() {
    let ground = Ground::shop();
    ground.deploy();
    ground.project.write(
        "app.py",
        "from chalice import Chalice\n\napp = Chalice(app_name='shop')\n\n\n\
         @app.lambda_function()\ndef count(event, context):\n    return 2\n",
    );
    let refused = ground
        .proxy
        .inject(On::operation("DeleteRestApi"), Fault::access_denied());
    let run = ground.run(&["deploy"]).expect_code(4);
    assert!(refused.struck() >= 1);
    assert!(run.stderr.contains("rest_api.rest_api"), "{run}");
    assert_eq!(functions(&ground), ["shop-dev-count"]);
    assert_eq!(ground.world().names()["rest_apis"], ["shop"]);
    ground.run(&["status"]).expect_code(4);
    ground.proxy.heal();
    ground.run(&["deploy"]).expect_success();
    assert_eq!(ground.world().names()["rest_apis"], Vec::<String>::new());
    ground.assert_at_rest();
}
