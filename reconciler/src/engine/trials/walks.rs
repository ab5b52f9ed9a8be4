//! Random walks: from one random application to the next, in bad weather, with deaths on the way. After each arrival the
//! world is the one that a fresh account would have.
//!
//! A walk is drawn first and gone then, so that one that goes astray can be made shorter until nothing can be left out of it
//! (`shrink.rs`). What is left is printed with the case.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use grail_providers::fake::{Fault, Physics};
use jiff::SignedDuration;

use super::app::App;
use super::ground::{Command, Ground};
use super::oracle::{assert_same, check_recorded, check_still};
use super::tally::{said, suite};
use crate::event::Outcome;

mod draw;
mod shrink;

/// Walks that once went astray.
const ASTRAY: [u64; 5] = [364, 460, 579, 674, 3483];

/// How many walks of each sort are taken if `GRAIL_WALKS` does not say otherwise.
const WALKS: u64 = 30;

/// Where a walk leads.
#[derive(Clone, Debug)]
struct Walk {
    physics: Physics,
    legs: Vec<Leg>,
}

/// Some commands in bad weather, and one in calm.
#[derive(Clone, Debug)]
struct Leg {
    stumbles: Vec<Stumble>,
    to: App,
}

/// One command in bad weather. It may die, be refused, or arrive.
#[derive(Clone, Debug)]
struct Stumble {
    command: Command,
    /// The seed of a storm.
    storm: Option<u64>,
    /// The write that is refused, counted from the command's first.
    refused: Option<usize>,
    /// The write that the process dies at, and whether after its effect.
    death: Option<(usize, bool)>,
    /// How much is written before the disk is full.
    full: Option<usize>,
    /// By how many seconds the clock is set afterwards.
    clock: i64,
}

impl Stumble {
    async fn go(&self, ground: &Ground) -> Ground {
        if let Some(seed) = self.storm {
            ground.cloud.storm(0.15, seed);
        }
        if let Some(write) = self.refused {
            ground.cloud.fail(ground.cloud.writes() + write, Fault::Refuse);
        }
        if let Some((write, after)) = self.death {
            ground.cloud.die_in(write, after);
        }
        if let Some(written) = self.full {
            ground.disk.fill_after(written);
        }
        tokio::select! {
            biased;
            () = ground.cloud.death(), if self.death.is_some() => {}
            _ = ground.run(&self.command) => {}
        }
        ground.disk.clear();
        if self.clock != 0 {
            // Nobody sets a clock and starts a command within the second in which readings are old.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        ground.revived_when_clocks_say(SignedDuration::from_secs(self.clock))
    }
}

impl Leg {
    async fn go(&self, mut ground: Ground, what: &str) -> Ground {
        for stumble in &self.stumbles {
            ground = stumble.go(&ground).await;
        }
        ground.cloud.calm();
        let command = Command::Deploy(self.to.clone());
        let outcome = ground.run(&command).await.unwrap();
        assert!(
            matches!(outcome, Outcome::Done | Outcome::Unchanged),
            "{what}: {outcome:?}"
        );
        ground.settle().await;
        let fresh = Ground::new();
        fresh.deploy(&self.to).await;
        assert_same(
            &fresh.cloud.world().facts(false),
            &ground.cloud.world().facts(false),
            what,
        );
        check_recorded(&ground, what);
        check_still(&ground, &command, what).await;
        ground
    }
}

impl Walk {
    async fn go(&self) {
        let mut ground = Ground::with(self.physics.clone());
        for (number, leg) in self.legs.iter().enumerate() {
            ground = leg.go(ground, &format!("leg {number}")).await;
        }
        let outcome = ground.run(&Command::Delete).await.unwrap();
        assert!(
            matches!(outcome, Outcome::Done | Outcome::Unchanged),
            "the end: {outcome:?}"
        );
        ground.settle().await;
        let empty = Ground::new().cloud.world().facts(true);
        assert_same(&empty, &ground.cloud.world().facts(true), "the end");
    }

    /// Why it goes astray, if it does.
    async fn astray(&self) -> Option<String> {
        let gone = AssertUnwindSafe(self.go()).catch_unwind().await;
        gone.err().map(|panic| said(&*panic))
    }
}

async fn arrives(walk: Walk) {
    if let Some(why) = walk.astray().await {
        let (least, why, tries) = shrink::shrink(walk, why).await;
        panic!("{why}\nMade as short as {tries} tries could:\n{least:#?}");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how many is asked of whoever runs the tests"
)]
fn walks() -> u64 {
    let asked = std::env::var("GRAIL_WALKS").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(WALKS)
}

#[test]
fn random_walks_arrive() {
    let seeds: Vec<u64> = (0..walks()).chain(ASTRAY).collect();
    suite("random_walks_arrive", 1, &seeds, async |seed, tally| {
        let walk = arrives(draw::in_bad_weather(*seed));
        tally.case(format!("seed {seed}."), walk).await;
    });
}

#[test]
fn walks_in_the_field_arrive() {
    let seeds: Vec<u64> = (0..walks()).collect();
    suite("walks_in_the_field_arrive", 1, &seeds, async |seed, tally| {
        let walk = arrives(draw::in_the_field(*seed));
        tally.case(format!("field seed {seed}."), walk).await;
    });
}

/// A walk that goes astray for one reason is told with that reason alone.
#[tokio::test(start_paused = true)]
async fn what_a_walk_does_not_go_astray_by_is_left_out() {
    let mut walk = draw::in_the_field(1);
    walk.legs[2].to.policy = 77;
    let astray = async |walk: &Walk| {
        let wrong = |leg: &Leg| leg.to.policy == 77;
        walk.legs.iter().any(wrong).then(|| "as told".to_owned())
    };
    let (least, why, _) = shrink::by(walk, "as told".to_owned(), astray).await;
    assert_eq!(why, "as told");
    assert_eq!(least.legs.len(), 1, "{least:?}");
    let leg = &least.legs[0];
    assert!(leg.stumbles.is_empty() && leg.to.functions.is_empty(), "{leg:?}");
    assert_eq!((&leg.to.api, &leg.to.socket, leg.to.layer), (&None, &None, None));
}
