//! grail is killed, as a machine that loses power kills it: at each write, before and after its effect. What the same command
//! makes of it the next time is what an undisturbed one makes; `rollback` makes of it what was there before.
//!
//! A sample of all deaths is died here, chosen by a seed that is printed. `GRAIL_DEATHS=all` dies all of them, and
//! `GRAIL_SEED=<number>` chooses another sample:
//!
//! ```console
//! $ GRAIL_DEATHS=all cargo test --workspace --test scenarios -- crash --nocapture
//! ```

use grail_tests::proxy::{Effect, Fault, On};
use grail_tests::world::World;
use rand::SeedableRng as _;
use rand::seq::IndexedRandom as _;

use crate::ground::{Ground, assert_as_before, grow};

/// One death: at the `write`th write of a command that has `width` calls in flight at most.
#[derive(Clone, Copy, Debug)]
struct Death {
    write: usize,
    effect: Effect,
    width: &'static str,
}

/// Every death of a command with so many writes, or `most` of them, which differ from `story` to story.
fn deaths(story: u64, writes: usize, most: usize) -> Vec<Death> {
    assert!(writes > 3, "a story of only {writes} writes shows nothing");
    let mut all = Vec::new();
    for write in 1..=writes {
        for effect in [Effect::None, Effect::Done] {
            // Alone, writes come in one order; together, a death finds others in flight.
            all.extend(["1", "32"].map(|width| Death { write, effect, width }));
        }
    }
    let (everything, seed) = wishes();
    if everything {
        return all;
    }
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed.wrapping_add(story));
    let sample: Vec<Death> = all.choose_multiple(&mut random, most).copied().collect();
    show(&sample, all.len(), seed);
    sample
}

#[expect(clippy::print_stdout, reason = "a test that fails shows what it has drawn")]
fn show(sample: &[Death], of: usize, seed: u64) {
    println!("{} of {of} deaths, seed {seed}: {sample:?}", sample.len());
}

#[expect(
    clippy::disallowed_methods,
    reason = "how thorough a test is, is asked of the environment"
)]
fn wishes() -> (bool, u64) {
    let everything = std::env::var("GRAIL_DEATHS").is_ok_and(|wish| wish == "all");
    let seed = std::env::var("GRAIL_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    (everything, seed.unwrap_or(20_260_101))
}

/// Runs a command until its `death`, and kills it there. False where it ended before.
fn die(ground: &Ground, command: &str, death: Death) -> bool {
    let fault = match death.effect {
        Effect::None => "silence",
        Effect::Done => "silence after effect",
    };
    ground.proxy.forget_calls();
    ground
        .proxy
        .inject(On::writes().nth(death.write), Fault::Silence(death.effect));
    let mut running = ground.grail().start(&[command, "--parallelism", death.width]);
    let struck = ground.proxy.wait_for(fault, || running.has_ended());
    let run = running.kill();
    ground.proxy.heal();
    if struck {
        assert_eq!(run.code, None, "{death:?}: it was not killed: {run}");
    } else {
        assert_eq!(run.code, Some(0), "{death:?}: {run}");
    }
    struck
}

fn writes_of(ground: &Ground, command: &str) -> usize {
    ground.proxy.forget_calls();
    ground.run(&[command, "--parallelism", "1"]).expect_success();
    ground.proxy.calls().writes().len()
}

/// An undisturbed first deploy: what came of it, and by how many writes.
fn undisturbed() -> (World, usize) {
    let ground = Ground::shop();
    let writes = writes_of(&ground, "deploy");
    (ground.world(), writes)
}

fn is_empty(world: &World) -> bool {
    world.names().values().all(Vec::is_empty)
}

#[test]
fn a_first_deploy_that_died_is_finished_by_the_next() {
    let (wanted, writes) = undisturbed();
    for death in deaths(1, writes, 8) {
        let ground = Ground::shop();
        assert!(die(&ground, "deploy", death), "{death:?}");
        assert!(
            !ground.journal().is_empty(),
            "{death:?}: nothing was noted before it"
        );
        ground.run(&["deploy"]).expect_success();
        ground
            .world()
            .assert_same_as(&wanted, (&format!("after {death:?}"), "undisturbed"));
        ground.assert_at_rest();
    }
}

#[test]
fn a_first_deploy_that_died_can_be_taken_back() {
    let (_, writes) = undisturbed();
    let ground = Ground::shop();
    let before = ground.world();
    assert!(is_empty(&before));
    for death in deaths(2, writes, 5) {
        assert!(die(&ground, "deploy", death), "{death:?}");
        ground.run(&["status"]).expect_code(6);
        ground.run(&["rollback"]).expect_success();
        assert_as_before(&ground.world(), &before);
        ground.run(&["status"]).expect_success();
        assert_eq!(ground.journal(), Vec::<String>::new(), "{death:?}");
    }
}

#[test]
fn an_update_that_died_goes_on_or_back() {
    let rehearsal = Ground::shop();
    rehearsal.deploy();
    grow(&rehearsal.project);
    let writes = writes_of(&rehearsal, "deploy");
    let wanted = rehearsal.world();

    let ground = Ground::shop();
    ground.deploy();
    let before = ground.world();
    let record = ground.project.deployed_text("dev");
    grow(&ground.project);
    for death in deaths(3, writes, 5) {
        assert!(die(&ground, "deploy", death), "{death:?}");
        ground.run(&["rollback"]).expect_success();
        assert_as_before(&ground.world(), &before);
        assert_eq!(ground.project.deployed_text("dev"), record, "{death:?}");
    }
    for death in deaths(4, writes, 3) {
        let ground = Ground::shop();
        ground.deploy();
        grow(&ground.project);
        assert!(die(&ground, "deploy", death), "{death:?}");
        ground.run(&["deploy"]).expect_success();
        ground
            .world()
            .assert_same_as(&wanted, (&format!("after {death:?}"), "undisturbed"));
        ground.assert_at_rest();
    }
}

/// Time after time, without ever coming to an end: each life begins where the last one died.
#[test]
fn a_deploy_that_dies_again_and_again_gets_there() {
    let (wanted, writes) = undisturbed();
    let ground = Ground::shop();
    let mut lives = 0;
    // Each life gets one write further at least: its first write takes effect before it dies.
    while die(
        &ground,
        "deploy",
        Death {
            write: 1,
            effect: Effect::Done,
            width: "32",
        },
    ) {
        lives += 1;
        assert!(lives <= 3 * writes, "it does not come to an end");
    }
    assert!(lives > 3, "it died {lives} times only");
    ground
        .world()
        .assert_same_as(&wanted, ("after many deaths", "undisturbed"));
    ground.assert_at_rest();
}

#[test]
fn a_delete_that_died_is_finished_by_the_next() {
    let rehearsal = Ground::shop();
    rehearsal.deploy();
    let writes = writes_of(&rehearsal, "delete");
    for death in deaths(5, writes, 5) {
        let ground = Ground::shop();
        ground.deploy();
        assert!(die(&ground, "delete", death), "{death:?}");
        ground.run(&["delete"]).expect_success();
        let left = ground.world();
        assert!(is_empty(&left), "{death:?}: {:?}", left.names());
        assert_eq!(
            ground.project.deployed("dev")["resources"],
            serde_json::json!([]),
            "{death:?}"
        );
        ground.proxy.forget_calls();
        ground.run(&["delete"]).expect_success();
        let writes = ground.proxy.calls().writes();
        assert!(
            writes.is_empty(),
            "{death:?}: nothing is left, and yet {:?}",
            writes.names()
        );
    }
}
