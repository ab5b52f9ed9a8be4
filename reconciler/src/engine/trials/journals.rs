//! What can become of a journal: every beginning of every journal is resumed with every next command; of one that is torn,
//! altered, incomplete or somebody else's nothing is believed and nothing lost. (A disk that is full is tried in `crashes`.)
//!
//! The journals are those of every plan of the corpus, also where something fails on the way, where it goes back, and where
//! it is taken up after a death.

use super::corpus::plans;
use super::crashes::{after_death, nexts, run_to_death};
use super::faults::Scene;
use super::ground::{Command, Ground};
use super::tally::{Tally, suite};
use grail_providers::fake::Fault;
use grail_state::Digest;

mod altered;
mod failing;
mod filed;
mod torn;

/// How a journal came to be.
#[derive(Clone, Copy, Debug)]
enum Past {
    /// Nothing went wrong.
    Smooth,
    /// A write failed.
    Failed { write: usize, fault: Fault },
    /// A process died right after a write, and another took the goal up.
    Resumed { write: usize },
    /// The same, and the other went back.
    Retreated { write: usize },
}

impl Past {
    fn all(scene: &Scene) -> Vec<Self> {
        let mut pasts = vec![Self::Smooth];
        for write in 0..scene.writes {
            pasts.extend(Fault::ALL.map(|fault| Self::Failed { write, fault }));
            pasts.extend([Self::Resumed { write }, Self::Retreated { write }]);
        }
        pasts
    }

    /// What is there when the store dies after `appends` appends of the last command, or at its end: then the second answer is
    /// how many there were.
    async fn lived(self, scene: &Scene, appends: Option<usize>) -> (Ground, usize) {
        let mut ground = scene.ground.fork();
        let mut last = &scene.command;
        match self {
            Self::Smooth => {}
            Self::Failed { write, fault } => ground.cloud.fail(write, fault),
            Self::Resumed { write } | Self::Retreated { write } => {
                ground.cloud.die_at(write, true);
                run_to_death(&ground, &scene.command).await;
                ground = ground.revived();
                if matches!(self, Self::Retreated { .. }) {
                    last = &Command::Rollback;
                }
            }
        }
        if let Some(appends) = appends {
            ground.store.freeze_after(appends);
        }
        // However it ends: what counts is what the next command makes of what it leaves.
        drop(ground.run(last).await);
        ground.cloud.calm();
        let appends = ground.store.appends();
        (ground.revived(), appends)
    }
}

/// True if the history is one of those that are looked at: one in `one_in`, unless all or a certain one are asked for.
#[expect(
    clippy::disallowed_methods,
    reason = "which cases to run is asked of whoever runs the tests"
)]
fn is_drawn(plan: &str, history: &str, one_in: u64) -> bool {
    if let Ok(only) = std::env::var("GRAIL_CASE") {
        return only.starts_with(history) || !only.starts_with(plan);
    }
    let all = ["GRAIL_DEATHS", "GRAIL_TRIALS"].map(|name| std::env::var(name).ok());
    let seed = std::env::var("GRAIL_SEED").unwrap_or_default();
    all.contains(&Some("all".to_owned())) || drawn(&format!("{seed} {history}")).is_multiple_of(one_in)
}

/// A number that depends on the text alone.
fn drawn(text: &str) -> u64 {
    let digest = Digest::of(text.as_bytes());
    let number = digest
        .short()
        .get(..8)
        .and_then(|text| u64::from_str_radix(text, 16).ok());
    number.unwrap_or_default()
}

/// Runs `work` on every plan of the corpus whose beginning lies in our own state, for Chalice's file is on no disk here. Of the cases one in `one_in` is run, unless all are asked for.
fn each_plan(name: &'static str, one_in: u64, work: impl AsyncFn(&Scene, &mut Tally) + Sync) {
    let mut plans = plans();
    plans.retain(|plan| !plan.by_chalice);
    suite(name, one_in, &plans, async |plan, tally| {
        work(&Scene::of(plan).await, tally).await;
    });
}

/// The scene of one plan.
async fn scene(name: &str) -> Scene {
    let plan = plans().into_iter().find(|plan| plan.name == name);
    Scene::of(&plan.unwrap()).await
}

async fn resume_every_beginning(scene: &Scene, tally: &mut Tally) {
    let nexts = nexts(scene).await;
    for past in Past::all(scene) {
        let history = format!("{} {past:?}", scene.plan.name);
        if !is_drawn(scene.plan.name, &history, 80) {
            continue;
        }
        let (_, whole) = past.lived(scene, None).await;
        for appends in 1..=whole {
            let die = async || past.lived(scene, Some(appends)).await.0;
            let death = format!("{past:?} up to append {appends}");
            after_death(die, scene, &nexts, tally, &death).await;
        }
    }
}

#[test]
fn every_beginning_of_every_journal_is_resumed() {
    each_plan("every_beginning_of_every_journal", 20, resume_every_beginning);
}
