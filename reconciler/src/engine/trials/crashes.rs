//! Death at every write and after every journal entry, and then every next command: the same goal, another goal, back to
//! where it began, `delete`, `rollback`.

use std::time::Duration;

use super::app::{App, stack};
use super::corpus::{Plan, full, mixed, plans, small};
use super::faults::Scene;
use super::ground::{Command, Ground};
use super::oracle::{Worlds, assert_same, check_recorded, check_still, towards, undisturbed};
use super::tally::{Tally, suite};
use crate::engine::{Limits, StopSignal};
use crate::event::{Event, Outcome};
use grail_providers::fake::Physics;
use grail_state::store::memory::MemoryStore;
use jiff::SignedDuration;

/// What comes after a death, with the world that it must lead to (ids apart).
pub(super) struct Next {
    pub(super) name: &'static str,
    pub(super) command: Command,
    pub(super) world: serde_json::Value,
}

pub(super) async fn nexts(scene: &Scene) -> Vec<Next> {
    let other: App = match &scene.plan {
        // What Chalice has made is compared with a goal that names it all, save the domains: see `go_on`.
        Plan {
            by_chalice: true,
            from: Some(from),
            ..
        } => from.clone().change(|app| {
            app.policy = 3;
            app.api.iter_mut().for_each(|api| api.site = None);
            app.socket.iter_mut().for_each(|socket| socket.site = None);
        }),
        Plan { to: Some(to), .. } if *to == mixed() => small(),
        _ => mixed(),
    };
    let mut nexts = Vec::new();
    for (name, command) in [
        ("same", scene.command.clone()),
        ("other", Command::Deploy(other)),
        ("old", scene.back.clone()),
        ("delete", Command::Delete),
    ] {
        let world = undisturbed(&scene.ground, &command).await;
        nexts.push(Next { name, command, world });
    }
    nexts
}

/// Goes on after a death with `next`, and sees that all is well.
async fn go_on(ground: &Ground, next: &Next, case: &str) {
    let outcome = ground.run(&next.command).await.unwrap();
    // A goal may want back what the transaction has replaced by something beside it, and whose name nothing else can have (a
    // domain, a path of one). The plan does not see that it is still there, so the birth finds it and the run turns around:
    // to the world that was wanted.
    let went_back_there = next.name == "old" && matches!(outcome, Outcome::RolledBack { .. });
    assert!(
        matches!(outcome, Outcome::Done | Outcome::Unchanged) || went_back_there,
        "{case}: ended as {outcome:?}"
    );
    ground.settle().await;
    let world = ground.cloud.world();
    assert_same(
        &next.world,
        &world.facts(false),
        &format!("{case}: not the wanted world"),
    );
    check_recorded(ground, case);
    check_still(ground, &next.command, case).await;
}

/// Goes back after a death. After a commit the way is forward only.
async fn go_back(ground: &Ground, scene: &Scene, case: &str) {
    let committed = committed(ground, scene);
    let outcome = ground.run(&Command::Rollback).await.unwrap();
    ground.settle().await;
    let world = ground.cloud.world();
    match outcome {
        Outcome::Unchanged | Outcome::RolledBack { .. } | Outcome::Done => {}
        other => panic!("{case}: ended as {other:?}"),
    }
    let Worlds { old, new } = &scene.worlds;
    if committed {
        assert_same(new, &world.facts(false), &format!("{case}: not the new world"));
    } else {
        assert_same(old, &world.facts(true), &format!("{case}: not the old world"));
    }
    check_recorded(ground, case);
    let still = if committed { &scene.command } else { &scene.back };
    check_still(ground, still, case).await;
}

/// True if the journal, or the snapshot, holds the commit of the new state.
fn committed(ground: &Ground, scene: &Scene) -> bool {
    use grail_state::Entry;
    let last = |ground: &Ground| ground.store.content().snapshot?.committed;
    let journal = ground.store.content().live();
    journal.iter().any(|entry| matches!(entry, Entry::Commit { .. }))
        || (journal.is_empty() && last(ground) != last(&scene.ground))
}

/// Dies anew for each next command, and goes on with it.
pub(super) async fn after_death(
    die: impl AsyncFn() -> Ground,
    scene: &Scene,
    nexts: &[Next],
    tally: &mut Tally,
    death: &str,
) {
    for next in nexts {
        let case = format!("{} {death} then {}", scene.plan.name, next.name);
        let trial = async {
            go_on(&die().await, next, &case).await;
        };
        tally.case(case.clone(), trial).await;
    }
    let case = format!("{} {death} then rollback", scene.plan.name);
    let trial = async {
        go_back(&die().await, scene, &case).await;
    };
    tally.case(case.clone(), trial).await;
}

/// A sweep may last long after the last announcement: what the dead process sent at its end may still arrive.
#[tokio::test(start_paused = true)]
async fn after_a_long_sweep_what_was_sent_last_is_waited_for() {
    let physics = Physics {
        dropped_arrive: true,
        ..Physics::default()
    };
    let ground = Ground::with(physics);
    ground.deploy(&full()).await;
    let fork = ground.fork();
    fork.run(&Command::Delete).await.unwrap();
    // The role goes last, long after the commit.
    ground.cloud.die_in(fork.cloud.writes() - 1, false);
    let begun = ground.cloud.log().len();
    run_to_death(&ground, &Command::Delete).await;
    let log = ground.cloud.log();
    let times: Vec<_> = log[begun..]
        .iter()
        .filter(|call| call.write)
        .map(|call| call.at)
        .collect();
    let lasted = times[times.len() - 1] - times[0];
    let mut ground = ground.revived();
    // The longest step is longer than the last one and shorter than the whole sweep.
    ground.limits.propagation = Duration::ZERO;
    ground.limits.call = Duration::from_millis(300);
    assert!(lasted > ground.limits.call, "{lasted:?}");
    let (begun, mut events) = (tokio::time::Instant::now(), Vec::new());
    let outcome = ground
        .run_heard(&Command::Delete, &mut events, StopSignal::never())
        .await;
    assert_eq!(outcome.unwrap(), Outcome::Done);
    let waited = |event: &Event| matches!(event, Event::Said { code, .. } if code == "waiting.late");
    assert!(events.iter().any(waited), "{events:?}");
    assert!(begun.elapsed() >= ground.limits.late);
    check_recorded(&ground, "after a long sweep");
}

/// Runs `command` until death comes.
pub(super) async fn run_to_death(ground: &Ground, command: &Command) {
    tokio::select! {
        biased;
        () = ground.cloud.death() => {}
        ended = ground.run(command) => panic!("lived on: {ended:?}"),
    }
}

fn die_at_each_write(name: &'static str, one_in: u64, physics: &Physics) {
    suite(name, one_in, &plans(), async |plan, tally| {
        let scene = Scene::on(plan, physics.clone()).await;
        let nexts = nexts(&scene).await;
        for write in 0..scene.writes {
            for after in [false, true] {
                let die = async || {
                    let ground = scene.ground.fork();
                    ground.cloud.die_at(write, after);
                    run_to_death(&ground, &scene.command).await;
                    ground.revived()
                };
                let death = format!("{name} {} {write}", if after { "after" } else { "before" });
                after_death(die, &scene, &nexts, tally, &death).await;
            }
        }
    });
}

#[test]
fn death_at_each_write_before_and_after_its_effect() {
    die_at_each_write("death_at_each_write_before", 96, &Physics::default());
}

#[test]
fn death_at_each_write_with_requests_that_arrive_afterwards() {
    let physics = Physics {
        dropped_arrive: true,
        ..Physics::default()
    };
    die_at_each_write("requests_that_arrive_afterwards", 96, &physics);
}

/// The last moment at which a request can arrive.
#[test]
fn death_at_each_write_with_requests_that_arrive_at_the_last_moment() {
    let physics = Physics {
        late: Limits::default().late - Duration::from_millis(100),
        ..Physics::of_the_field(1)
    };
    die_at_each_write("requests_that_arrive_at_the_last_moment", 96, &physics);
}

#[test]
fn death_at_each_write_in_the_field() {
    die_at_each_write("death_at_each_write_in_the_field", 96, &Physics::of_the_field(2));
}

/// How the wall clock is set between a death and the next command. Set forward by more than the longest step
/// ([`Limits::propagation`]), it makes a death look long past: see ARCHITECTURE.md.
const JUMPS: [(&str, SignedDuration); 4] = [
    ("a day back", SignedDuration::from_hours(-24)),
    ("10 s back", SignedDuration::from_secs(-10)),
    ("40 s forward", SignedDuration::from_secs(40)),
    ("20 minutes forward", SignedDuration::from_mins(20)),
];

#[test]
fn clocks_that_are_set_after_a_death_change_nothing() {
    let physics = Physics::of_the_field(3);
    suite("clocks_that_are_set", 300, &plans(), async |plan, tally| {
        let scene = Scene::on(plan, physics.clone()).await;
        let nexts = nexts(&scene).await;
        for (jump, by) in JUMPS {
            for write in 0..scene.writes {
                for after in [false, true] {
                    let die = async || {
                        let ground = scene.ground.fork();
                        ground.cloud.die_at(write, after);
                        run_to_death(&ground, &scene.command).await;
                        ground.revived_when_clocks_say(by)
                    };
                    let when = if after { "after" } else { "before" };
                    let death = format!("died {when} write {write}, clocks set {jump}");
                    after_death(die, &scene, &nexts, tally, &death).await;
                }
            }
        }
    });
}

#[test]
fn death_after_each_journal_write() {
    suite(
        "death_after_each_journal_write",
        40,
        &plans(),
        async |plan, tally| {
            let scene = Scene::of(plan).await;
            let nexts = nexts(&scene).await;
            let whole = scene.ground.fork();
            whole.run(&scene.command).await.unwrap();
            for appends in 1..=whole.store.appends() {
                let die = async || {
                    let ground = scene.ground.fork();
                    ground.store.freeze_after(appends);
                    let outcome = ground.run(&scene.command).await;
                    assert!(matches!(outcome, Ok(Outcome::Open { .. })), "{outcome:?}");
                    ground.revived()
                };
                let death = format!("died after append {appends}");
                after_death(die, &scene, &nexts, tally, &death).await;
            }
        },
    );
}

#[test]
fn death_in_the_swap() {
    suite("death_in_the_swap", 2, &plans(), async |plan, tally| {
        let scene = Scene::of(plan).await;
        let nexts = nexts(&scene).await;
        let die = async || {
            let ground = scene.ground.fork();
            ground.store.freeze_in_swap();
            let outcome = ground.run(&scene.command).await.unwrap();
            assert!(matches!(outcome, Outcome::Open { .. }), "{outcome:?}");
            ground.revived()
        };
        after_death(die, &scene, &nexts, tally, "died in the swap").await;
    });
}

/// How a command ends on a disk with room for so many writes, of the `all` that it makes: with its first entry nothing was begun,
/// and a report is not worth a failure.
fn check_end_on_a_full_disk(outcome: &Outcome, written: usize, all: usize) {
    match outcome {
        Outcome::Refused { why } if written == 0 => assert!(why.contains("no storage space"), "{why}"),
        Outcome::Open { why } if written > 0 => assert!(why.contains("no storage space"), "{why}"),
        _ => assert_eq!(written + 1, all, "after {written} writes it ends as {outcome:?}"),
    }
}

/// Once there is room again every next command finds its way.
#[test]
fn a_full_disk_leaves_a_transaction_that_the_next_command_finishes() {
    suite("a_full_disk", 96, &plans(), async |plan, tally| {
        let scene = Scene::of(plan).await;
        let nexts = nexts(&scene).await;
        let whole = scene.ground.fork();
        whole.run(&scene.command).await.unwrap();
        for written in 0..whole.disk.written() {
            let fill = async || {
                let ground = scene.ground.fork();
                ground.disk.fill_after(written);
                let outcome = ground.try_run(&scene.command).await;
                check_end_on_a_full_disk(&outcome, written, whole.disk.written());
                // Whoever tries again before there is room makes nothing worse.
                ground.try_run(&scene.command).await;
                ground.disk.clear();
                ground
            };
            let death = format!("disk full after {written}");
            after_death(fill, &scene, &nexts, tally, &death).await;
        }
    });
}

/// What Chalice's file tells of an API is less than what its stage needs to know of it. A goal that keeps the API which a dead
/// command was about to replace knows all the same what it saw of it.
#[tokio::test(start_paused = true)]
async fn a_goal_that_keeps_what_a_dead_command_was_about_to_replace_arrives() {
    let plan = plans().into_iter().find(|plan| plan.name == "chalice-everything");
    let scene = Scene::of(&plan.unwrap()).await;
    let next = nexts(&scene).await.into_iter().find(|next| next.name == "other");
    for write in [11, 12, 13] {
        let ground = scene.ground.fork();
        ground.cloud.die_at(write, true);
        run_to_death(&ground, &scene.command).await;
        let case = format!("died after write {write}");
        go_on(&ground.revived(), next.as_ref().unwrap(), &case).await;
    }
}

/// Nothing was done without it, but the next command may find it.
#[tokio::test(start_paused = true)]
async fn a_first_entry_that_may_have_been_written_leaves_the_transaction_open() {
    for there in [true, false] {
        let ground = Ground::new();
        ground.disk.fill_after(0);
        if there {
            ground.disk.write_in_secret();
        } else {
            // What was sent may arrive after the answer that it was not taken.
            ground.disk.share();
        }
        let outcome = ground.deploy(&full()).await;
        assert!(matches!(outcome, Outcome::Open { .. }), "{outcome:?}");
        assert_eq!(ground.cloud.writes(), 0);
        ground.disk.clear();
        let outcome = ground.run(&Command::Rollback).await.unwrap();
        assert_eq!(
            matches!(outcome, Outcome::RolledBack { .. }),
            there,
            "{outcome:?}"
        );
        assert_eq!(ground.deploy(&full()).await, Outcome::Done);
        check_recorded(&ground, "after a first entry that may have been written");
    }
}

#[test]
fn a_second_death_on_the_way_back_changes_nothing() {
    suite(
        "a_second_death_on_the_way_back",
        12,
        &plans(),
        async |plan, tally| {
            let scene = Scene::of(plan).await;
            if scene.plan.to.is_none() {
                return;
            }
            let die = async || {
                let ground = scene.ground.fork();
                ground.cloud.die_at(scene.writes.saturating_sub(2), true);
                run_to_death(&ground, &scene.command).await;
                ground.revived()
            };
            let first = die().await;
            if committed(&first, &scene) {
                return;
            }
            let before = first.cloud.writes();
            first.run(&Command::Rollback).await.unwrap();
            for write in 0..first.cloud.writes() - before {
                for after in [false, true] {
                    let when = if after { "after" } else { "before" };
                    let case = format!(
                        "{} died again {when} write {write} of the way back",
                        scene.plan.name
                    );
                    let trial = async {
                        let ground = die().await;
                        ground.cloud.die_in(write, after);
                        run_to_death(&ground, &Command::Rollback).await;
                        go_back(&ground.revived(), &scene, &case).await;
                    };
                    tally.case(case.clone(), trial).await;
                }
            }
        },
    );
}

#[tokio::test(start_paused = true)]
async fn a_way_back_from_a_transaction_that_touched_nothing_is_gone_to_its_end() {
    let ground = Ground::new();
    // Begun, and dead.
    ground.cloud.die_in(0, false);
    run_to_death(&ground, &towards(Some(&full()))).await;
    let mut content = ground.store.content();
    content.journal.truncate(1);
    let mut ground = ground.revived();
    ground.store = MemoryStore::restored(stack(), content);
    let outcome = ground.run(&Command::Rollback).await.unwrap();
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(ground.run(&Command::Rollback).await.unwrap(), Outcome::Unchanged);
}

#[tokio::test(start_paused = true)]
async fn a_death_before_anything_leaves_nothing() {
    let ground = Ground::new();
    ground.store.freeze_after(0);
    assert!(ground.run(&towards(Some(&full()))).await.is_err());
    assert_eq!(ground.cloud.writes(), 0);
}
