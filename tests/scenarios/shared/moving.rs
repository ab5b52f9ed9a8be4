//! A project moves from the state of one machine to a shared one, and the shared one is worked with by hand.

use grail_tests::cli::Run;

use super::{Team, greet, shop};
use crate::ground::grow;

/// Fails where the run asked or told the account anything.
#[track_caller]
fn quietly(team: &Team, run: impl FnOnce() -> Run) -> Run {
    team.proxy.forget_calls();
    let run = run();
    let calls = team.proxy.calls();
    assert!(calls.is_empty(), "{run}\nmade calls: {:?}", calls.names());
    run
}

#[test]
fn the_state_of_one_machine_becomes_the_teams() {
    let team = Team::start();
    let (here, there) = (shop(), shop());
    let (ann, bob) = (team.machine(&here, "ann"), team.machine(&there, "bob"));
    let alone = ann.clone().without("GRAIL_STATE");
    let nothing = quietly(&team, || ann.run(&["state", "push"])).expect_code(1);
    assert!(
        nothing.stderr.contains("there is no state on this machine"),
        "{nothing}"
    );
    alone.run(&["deploy"]).expect_success();
    let (world, record) = (team.world(), here.deployed_text("dev"));

    let pushed = quietly(&team, || ann.run(&["state", "push"])).expect_success();
    for word in [
        "s3://team/states has this state now: ",
        "Nothing was recorded before",
        "not used while the shared one",
    ] {
        assert!(
            pushed.stdout.contains(word),
            "it does not tell of `{word}`: {pushed}"
        );
    }
    assert_eq!(here.deployed_text("dev"), record);
    let again = quietly(&team, || ann.run(&["state", "push"])).expect_success();
    assert!(again.stdout.contains("has this state already"), "{again}");
    // Both machines go on from there, and nothing is made a second time.
    for (grail, project) in [(&bob, &there), (&ann, &here)] {
        team.proxy.forget_calls();
        grail.run(&["deploy"]).expect_success();
        let writes = team.proxy.calls().writes();
        assert!(writes.is_empty(), "{:?}", writes.names());
        grail.run(&["state", "pull"]).expect_success();
        assert_eq!(project.deployed_text("dev"), record);
    }
    team.world().assert_untouched_since(&world);

    // By now the shared state is ahead of the one that was left.
    grow(&there);
    greet(&there, "shared");
    bob.run(&["deploy"]).expect_success();
    let refused = quietly(&team, || ann.run(&["state", "push"])).expect_code(1);
    assert!(
        refused.stderr.contains("the shared state is not empty"),
        "{refused}"
    );
    team.assert_no_secret();
}

#[test]
fn a_shared_state_is_changed_by_hand_under_its_lock() {
    let team = Team::start();
    let (here, there) = (shop(), shop());
    let (ann, bob) = (team.machine(&here, "ann"), team.machine(&there, "bob"));
    ann.run(&["deploy"]).expect_success();
    let world = team.world();
    let list = |expected: &str| {
        let listed = quietly(&team, || bob.run(&["state", "list"]))
            .expect_success()
            .stdout;
        assert!(listed.contains(expected), "{listed}");
        listed
    };
    list("lambda_function.door ");
    let copied = quietly(&team, || bob.run(&["state", "pull", "--out", "copy.json"]));
    assert!(copied.expect_success().stdout.contains("copy.json has the state"));
    quietly(&team, || {
        bob.run(&["state", "move", "lambda_function.door", "gate"])
    })
    .expect_success();
    list("lambda_function.gate ");
    quietly(&team, || ann.run(&["state", "forget", "gate", "--yes"])).expect_success();
    assert!(!list("rest_api.rest_api").contains("lambda_function.gate"));
    // What ann's machine had, bob's never did.
    let backups = here.root().join(".chalice/grail/dev/backups");
    let kept: Vec<_> = std::fs::read_dir(backups).unwrap().collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let imported = bob
        .run(&["state", "import", "door", "shop-dev-door"])
        .expect_success();
    assert!(
        imported.stdout.contains("is recorded as `lambda_function.door`"),
        "{imported}"
    );
    let old = quietly(&team, || bob.run(&["state", "push", "copy.json"])).expect_code(1);
    assert!(old.stderr.contains("and the one in its place is number"), "{old}");
    quietly(&team, || bob.run(&["state", "push", "copy.json", "--force"])).expect_success();
    let history = ann.run(&["history"]).expect_success().stdout;
    for word in [
        "state move: done",
        "state forget: done",
        "state import: done",
        "state push: done",
        "by bob",
        "by ann",
    ] {
        assert!(history.contains(word), "it does not tell of `{word}`: {history}");
    }
    for grail in [&ann, &bob] {
        team.proxy.forget_calls();
        grail.run(&["deploy"]).expect_success();
        let writes = team.proxy.calls().writes();
        assert!(writes.is_empty(), "{:?}", writes.names());
    }
    team.world().assert_untouched_since(&world);
    team.assert_no_secret();
}
