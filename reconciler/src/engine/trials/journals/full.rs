//! The disk that the state lies on is full, and stays full until somebody makes room.

use std::sync::Arc;

use super::each_plan;
use super::failing::Failing;
use super::filed::run;
use crate::engine::trials::crashes::{after_death, nexts};
use crate::engine::trials::faults::Scene;
use crate::engine::trials::ground::{Command, Ground};
use crate::engine::trials::tally::Tally;
use crate::engine::{Engine, EngineError};
use crate::event::Outcome;
use grail_state::store::StoreError;

/// The command on a disk with room for so many appends. It must end, and say why.
async fn run_out_of_room(ground: &Ground, command: &Command, appends: usize) {
    let engine = Engine {
        store: Arc::new(Failing::full_after(appends, Arc::new(ground.store.clone()))),
        ..ground.engine()
    };
    let why = match run(&engine, command).await {
        Ok(Outcome::Open { why } | Outcome::Refused { why }) => why,
        Err(EngineError::Store(error @ StoreError::Io { .. })) => crate::engine::drive::chain(&error),
        other => panic!("ended as {other:?}"),
    };
    assert!(why.contains("no storage space"), "{why}");
}

async fn fill_the_disk(scene: &Scene, tally: &mut Tally) {
    let nexts = nexts(scene).await;
    let whole = scene.ground.fork();
    whole.run(&scene.command).await.unwrap();
    for appends in 0..=whole.store.appends() {
        let die = async || {
            let ground = scene.ground.fork();
            run_out_of_room(&ground, &scene.command, appends).await;
            // Whoever tries again before there is room is told the same, and nothing is made worse.
            run_out_of_room(&ground, &scene.command, 0).await;
            ground.revived()
        };
        let death = format!("out of room after append {appends}");
        after_death(die, scene, &nexts, tally, &death).await;
    }
}

#[test]
fn a_disk_that_stays_full_ends_commands_and_loses_nothing() {
    each_plan("a_disk_that_stays_full", 20, fill_the_disk);
}
