//! Two records of one stage, Chalice's file and grail's own state, of which either may be old, lost or somebody else's: what is
//! deployed is found again, and nothing is made twice.

use std::fs;

use grail_tests::proxy::Calls;
use grail_tests::world::World;
use serde_json::json;

use crate::ground::{Ground, grow};

/// A shop that was deployed once, and what came of it.
struct Deployed {
    ground: Ground,
    world: World,
    record: String,
}

fn deployed() -> Deployed {
    let ground = Ground::shop();
    ground.deploy();
    Deployed {
        world: ground.world(),
        record: ground.project.deployed_text("dev").unwrap(),
        ground,
    }
}

impl Deployed {
    /// Everything that is deployed is found again: the same things are there, and the record says so.
    #[track_caller]
    fn assert_found_again(&self, calls: &Calls) {
        let writes = calls.writes();
        let made: Vec<_> = writes
            .names()
            .into_iter()
            .filter(|name| {
                name.starts_with("Create") || name.starts_with("Import") || name.starts_with("AddPermission")
            })
            .map(str::to_owned)
            .collect();
        assert!(made.is_empty(), "made again: {made:?}");
        let now = self.ground.world();
        now.assert_same_as(&self.world, ("found again", "deployed"));
        assert_eq!(
            self.ground.project.deployed_text("dev").as_deref(),
            Some(self.record.as_str())
        );
        self.ground.assert_at_rest();
    }

    fn lose_own_state(&self) {
        fs::remove_dir_all(self.ground.project.root().join(".chalice/grail")).unwrap();
    }

    fn lose_record(&self) {
        self.ground.project.remove(".chalice/deployed/dev.json");
    }
}

#[test]
fn a_stale_checkout_is_known_and_rewritten_without_a_touch() {
    let Deployed {
        ground, record: old, ..
    } = deployed();
    grow(&ground.project);
    ground.deploy();
    let (world, new) = (ground.world(), ground.project.deployed_text("dev").unwrap());
    assert_ne!(old, new);

    ground.project.write(".chalice/deployed/dev.json", &old);
    ground.proxy.forget_calls();
    let run = ground.run(&["deploy"]).expect_success();
    assert!(run.stderr.contains("stale checkout"), "{run}");
    let writes = ground.proxy.calls().writes();
    assert!(writes.is_empty(), "{:?}", writes.names());
    ground.world().assert_untouched_since(&world);
    assert_eq!(ground.project.deployed_text("dev"), Some(new));
    let again = ground.run(&["deploy"]).expect_success();
    assert!(!again.stderr.contains("stale"), "{again}");
}

#[test]
fn a_record_that_is_lost_is_written_again() {
    let stage = deployed();
    stage.lose_record();
    let calls = stage.ground.deploy();
    assert!(calls.writes().is_empty(), "{:?}", calls.writes().names());
    stage.assert_found_again(&calls);
}

#[test]
fn with_the_record_alone_everything_is_adopted() {
    let stage = deployed();
    stage.lose_own_state();
    let calls = stage.ground.deploy();
    stage.assert_found_again(&calls);
}

#[test]
fn with_neither_everything_is_found_by_what_it_is() {
    let stage = deployed();
    stage.lose_own_state();
    stage.lose_record();
    let calls = stage.ground.deploy();
    stage.assert_found_again(&calls);
}

/// What is found is also deleted, and nothing else.
#[test]
fn adopted_things_can_be_deleted() {
    let stage = deployed();
    stage.lose_own_state();
    stage.ground.run(&["delete"]).expect_success();
    let left = stage.ground.world().names();
    assert!(left.values().all(Vec::is_empty), "{left:?}");
    assert_eq!(stage.ground.project.deployed("dev")["resources"], json!([]));
}

#[test]
fn the_record_of_an_old_chalice_is_taken_over() {
    let stage = deployed();
    let project = &stage.ground.project;
    let handle = |name: &str, key: &str| project.recorded("dev", name)[key].clone();
    let old = json!({ "dev": {
        "api_handler_name": "shop-dev",
        "api_handler_arn": handle("api_handler", "lambda_arn"),
        "rest_api_id": handle("rest_api", "rest_api_id"),
        "region": "us-east-1",
        "api_gateway_stage": "api",
        "backend": "api",
        "chalice_version": "1.1.1",
        "lambda_functions": { "shop-dev-door": { "type": "authorizer", "arn": handle("door", "lambda_arn") } },
    }});
    let text = format!("{old:#}\n");
    project.write(".chalice/deployed.json", &text);
    stage.lose_own_state();
    stage.lose_record();
    let calls = stage.ground.deploy();
    stage.assert_found_again(&calls);
    assert_eq!(
        project.read(".chalice/deployed.json"),
        text,
        "the old record is not ours to write"
    );
}

/// What no kind of grail's covers stays in the record to the letter, at its place.
#[test]
fn entries_of_other_kinds_are_kept_as_they_are() {
    const STRANGE: &str = r#"    {
      "name": "chat",
      "resource_type": "state_machine",
      "state_machine_arn": "arn:aws:states:us-east-1:123456789012:stateMachine:chat"
    },
"#;
    let Deployed { ground, record, .. } = deployed();
    let api = record.find("    {\n      \"name\": \"rest_api\"");
    let (before, after) =
        record.split_at(api.unwrap_or_else(|| panic!("Chalice writes its API otherwise:\n{record}")));
    ground
        .project
        .write(".chalice/deployed/dev.json", &format!("{before}{STRANGE}{after}"));
    let keeps = || {
        let text = ground.project.deployed_text("dev").unwrap();
        assert!(text.contains(STRANGE), "{text}");
        let at = |name: &str| text.find(&format!("\"name\": \"{name}\""));
        assert!(at("door") < at("chat") && at("chat") < at("rest_api"), "{text}");
    };
    ground.assert_at_rest();
    keeps();
    grow(&ground.project);
    ground.deploy();
    let made = ground.project.recorded("dev", "count");
    assert_eq!(made["resource_type"], "lambda_function");
    keeps();
    ground.assert_at_rest();
    // Not ours to delete either.
    ground.run(&["delete"]).expect_success();
    let left = ground.project.deployed("dev");
    assert_eq!(left["resources"].as_array().map(Vec::len), Some(1), "{left:#}");
    assert_eq!(left["resources"][0]["name"], "chat");
}

/// A state that cannot be read is not written over, and nothing is done.
#[test]
fn a_state_that_is_damaged_stops_everything_and_stays() {
    let Deployed {
        ground,
        world,
        record,
    } = deployed();
    for (file, damaged) in [
        (".chalice/grail/dev/state.json", "{\"half\": "),
        (".chalice/deployed/dev.json", "{\"resources\": [{"),
    ] {
        let good = ground.project.read(file);
        ground.project.write(file, damaged);
        ground.proxy.forget_calls();
        let run = ground.run(&["deploy"]).expect_code(1);
        let name = file.rsplit('/').next().unwrap();
        assert!(run.stderr.contains(name), "{run}");
        assert!(ground.proxy.calls().writes().is_empty(), "{run}");
        let kept = fs::read_to_string(ground.project.root().join(file));
        let aside = fs::read_dir(ground.project.root().join(file).parent().unwrap()).unwrap();
        let is_kept = kept.is_ok_and(|text| text == damaged)
            || aside
                .filter_map(Result::ok)
                .any(|entry| fs::read_to_string(entry.path()).is_ok_and(|text| text == damaged));
        assert!(is_kept, "{file} is lost: {run}");
        ground.project.write(file, &good);
    }
    ground.world().assert_untouched_since(&world);
    assert_eq!(ground.project.deployed_text("dev"), Some(record));
    ground.assert_at_rest();
}
