//! Somebody else creates under our names, or deletes what is ours, between any two calls of ours.
//!
//! What they made stays as they made it, whatever becomes of our command, and where it stands in our way that is told. What
//! they deleted is there again after the next command, at the latest the second: where the deletion comes in the middle of a
//! command, that one may turn around, or have seen the thing before.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use grail_providers::fake::{Thing, World};

use super::corpus::plans;
use super::faults::Scene;
use super::ground::{Command, Ground};
use super::oracle::{assert_same, check_recorded, check_still};
use super::tally::{draw, suite};
use crate::event::Outcome;

/// What an intruder did.
#[derive(Clone, Debug, Default)]
struct Deed {
    to: Option<Thing>,
    /// The first call of ours about it that came after.
    met: Option<&'static str>,
}

/// Lets somebody come by right before the call number `call` of the next command, once.
fn let_in(
    ground: &Ground,
    call: usize,
    mut act: impl FnMut(&mut World) -> Option<Thing> + Send + 'static,
) -> Arc<Mutex<Deed>> {
    let deed = Arc::new(Mutex::new(Deed::default()));
    let (told, mut calls) = (Arc::clone(&deed), 0);
    ground.cloud.beside(move |world, operation, subject| {
        let mut deed = told.lock().unwrap();
        if calls == call {
            deed.to = act(world);
        }
        if matches!(&deed.to, Some(Thing::Rule(name) | Thing::Path(name, _)) if name == subject) {
            deed.met.get_or_insert(operation);
        }
        calls += 1;
    });
    deed
}

fn pick(case: &str, things: &[Thing]) -> Option<Thing> {
    let place = draw(0, case) as usize % things.len().max(1);
    things.get(place).cloned()
}

/// What is ours of what there is.
fn ours(world: &World) -> Vec<Thing> {
    let others: BTreeSet<_> = Ground::new().cloud.world().things();
    world.things().difference(&others).cloned().collect()
}

/// How many calls the command takes undisturbed.
fn calls(scene: &Scene) -> usize {
    scene.reads + scene.writes
}

/// The names that the old or the new world has: those for which somebody may be quicker than we.
async fn names(scene: &Scene) -> Vec<Thing> {
    let fork = scene.ground.fork();
    let mut all: BTreeSet<_> = ours(&fork.cloud.world()).into_iter().collect();
    fork.run(&scene.command).await.unwrap();
    all.extend(ours(&fork.cloud.world()));
    let nothing = Ground::new().cloud.world();
    let can_be_taken = |thing: &Thing| match thing {
        Thing::Path(..) => true,
        other => nothing.clone().take(other),
    };
    all.into_iter().filter(can_be_taken).collect()
}

#[test]
fn what_others_make_under_our_names_stays_theirs() {
    let overwritten = Mutex::new(0);
    suite(
        "what_others_make_under_our_names",
        150,
        &plans(),
        async |plan, tally| {
            let scene = Scene::of(plan).await;
            let names = names(&scene).await;
            for call in 0..calls(&scene) {
                for name in &names {
                    let case = format!("{} call {call}, {name:?} taken", scene.plan.name);
                    let trial = squatted(&scene, call, name, &overwritten, &case);
                    tally.case(case.clone(), trial).await;
                }
            }
        },
    );
    println!(
        "{} rules and paths went between our look and our write",
        overwritten.lock().unwrap()
    );
}

async fn squatted(scene: &Scene, call: usize, name: &Thing, overwritten: &Mutex<usize>, case: &str) {
    let ground = scene.ground.fork();
    let wanted = name.clone();
    let deed = let_in(&ground, call, move |world| {
        world.take(&wanted).then(|| wanted.clone())
    });
    let outcome = ground.try_run(&scene.command).await;
    ground.settle().await;
    ground.cloud.alone();
    let deed = deed.lock().unwrap().clone();
    let Some(theirs) = deed.to else {
        assert_eq!(outcome, Outcome::Done, "{case}: nothing was taken");
        return;
    };
    let mut as_made = Ground::new().cloud.world();
    if let Thing::Path(domain, _) = &theirs {
        as_made.take(&Thing::Domain(domain.clone()));
    }
    as_made.take(&theirs);
    let swept_along = deed.met == Some("DeleteDomainName") && matches!(theirs, Thing::Path(..));
    if deed.met == Some("PutRule") || swept_along {
        // It came between our look and our write: EventBridge has no condition on the put, API Gateway none on the deletion of
        // a domain.
        *overwritten.lock().unwrap() += 1;
    } else {
        assert_eq!(
            ground.cloud.world().fact(&theirs),
            as_made.fact(&theirs),
            "{case}: theirs, which came before {:?}, after {outcome:?}",
            deed.met
        );
        ground.cloud.meddle(|world| world.lose(&theirs));
    }
    let snapshot = ground.store.content().snapshot;
    let mut recorded = snapshot.iter().flat_map(|snapshot| snapshot.records.values());
    if let Thing::Path(domain, _) = &theirs
        && !recorded.any(|record| record.handle.0 == *domain)
    {
        // A domain that others use stays, though it was to be deleted, or made by a command that went back: it is theirs to
        // delete, or ours to adopt.
        ground
            .cloud
            .meddle(|world| world.lose(&Thing::Domain(domain.clone())));
    }
    if let Outcome::RolledBack { .. } | Outcome::Refused { .. } = outcome {
        let world = ground.cloud.world().facts(true);
        assert_same(&scene.worlds.old, &world, &format!("{case}: not the old world"));
    }
    comes_to_rest(&ground, scene, case).await;
}

#[test]
fn what_others_delete_is_made_again() {
    suite("what_others_delete", 40, &plans(), async |plan, tally| {
        let scene = Scene::of(plan).await;
        for call in 0..calls(&scene) {
            for which in 0..6 {
                let case = format!("{} call {call}, deletion {which}", scene.plan.name);
                let trial = robbed(&scene, call, &case);
                tally.case(case.clone(), trial).await;
            }
        }
    });
}

async fn robbed(scene: &Scene, call: usize, case: &str) {
    let ground = scene.ground.fork();
    let named = case.to_owned();
    let deed = let_in(&ground, call, move |world| {
        let victim = pick(&named, &ours(world))?;
        world.lose(&victim);
        Some(victim)
    });
    let outcome = ground.try_run(&scene.command).await;
    ground.settle().await;
    ground.cloud.alone();
    let case = format!("{case}, of {:?}, after {outcome:?}", deed.lock().unwrap().to);
    comes_to_rest(&ground, scene, &case).await;
}

/// The same command, left alone, arrives: at the second try where the first had to finish a way back.
async fn comes_to_rest(ground: &Ground, scene: &Scene, case: &str) {
    let mut outcome = ground.try_run(&scene.command).await;
    if !matches!(outcome, Outcome::Done | Outcome::Unchanged) {
        outcome = ground.try_run(&scene.command).await;
    }
    assert!(
        matches!(outcome, Outcome::Done | Outcome::Unchanged),
        "{case}: then {outcome:?}"
    );
    ground.settle().await;
    let world = ground.cloud.world().facts(false);
    assert_same(&scene.worlds.new, &world, &format!("{case}: not the new world"));
    check_recorded(ground, case);
    let command: &Command = &scene.command;
    check_still(ground, command, case).await;
}
