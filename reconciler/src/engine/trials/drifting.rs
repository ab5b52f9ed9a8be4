//! Unchanged worlds, looked at a thousand times: `drift` reports nothing and a plan is empty, whatever physics does to readings,
//! with defaults that nobody declared and with additions of others.

use std::collections::BTreeMap;

use grail_providers::fake::{Physics, World};
use grail_state::journal::Prune;
use grail_state::store::memory::MemoryStore;
use serde_json::json;

use super::app::{App, Source, stack};
use super::corpus::{everything, full, small};
use super::ground::{Command, Ground};
use crate::engine::OnFailure;
use crate::event::Outcome;
use crate::plan::{Consent, DriftReason};

/// How many passes there are in all.
const PASSES: usize = 1_000;
/// How many worlds they are divided among.
const WORLDS: usize = 20;

/// What others add of which no form of ours knows: statements in the policies of functions, and tags and notifications that the
/// strangers of every ground have.
fn crowd(world: &mut World) {
    for function in world.functions.values_mut() {
        for sid in ["intruder", "visitor"] {
            let theirs = json!({"principal": "210987654321"});
            function.policy.insert(sid.to_owned(), theirs);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_passes_over_unchanged_worlds_report_nothing() {
    let mut passes = 0;
    for number in 0..WORLDS {
        let seed = u64::try_from(number).unwrap();
        // Half of the worlds have the physics of the field: readings are old.
        let physics = if number % 2 == 0 {
            Physics::default()
        } else {
            Physics::of_the_field(seed)
        };
        let ground = Ground::with(physics);
        let app: App = match number % 4 {
            0 | 1 => everything(),
            2 => full(),
            _ => small(),
        };
        ground.deploy(&app).await;
        if number % 3 == 0 {
            ground.cloud.meddle(crowd);
        }
        for pass in 0..PASSES / WORLDS {
            let engine = ground.engine();
            let mut session = engine.read().await.unwrap();
            let found = session.drift().await.unwrap();
            let (drifted, unseen) = (&found.drifted, &found.unseen);
            assert!(
                drifted.is_empty() && unseen.is_empty() && found.open.is_empty(),
                "world {number}, pass {pass}: {drifted:?} {unseen:?}"
            );
            let crowded = number % 3 == 0;
            let told = found.additions.values().flatten();
            let told = told.filter(|words| words.starts_with("statement ")).count();
            assert_eq!(told > 0, crowded, "world {number}: {:?}", found.additions);
            assert!(found.compared > 0 && session.is_current().await.unwrap());
            let mut session = engine.read().await.unwrap();
            let plan = session
                .preview(&app.desired(), &Consent::default())
                .await
                .unwrap();
            assert!(plan.is_empty(), "world {number}, pass {pass}: {plan:?}");
            passes += 1;
        }
    }
    assert_eq!(passes, PASSES);
    println!("{passes} passes over {WORLDS} unchanged worlds: no report");
}

/// What the thousand passes do not report is reported when it is there.
#[tokio::test(start_paused = true)]
async fn a_change_and_a_deletion_are_reported_and_repaired() {
    let ground = Ground::new();
    ground.deploy(&full()).await;
    ground.cloud.meddle(|world| {
        let function = world.functions.get_mut("app-dev-one").unwrap();
        function.config["memory"] = json!(3008);
        world.functions.remove("app-dev-two");
    });
    let engine = ground.engine();
    let found = engine.read().await.unwrap().drift().await.unwrap();
    let told: BTreeMap<_, _> = found
        .drifted
        .iter()
        .map(|one| (one.id.to_string(), (one.reason.clone(), one.diff.fields.clone())))
        .collect();
    let (reason, fields) = &told["lambda_function.one"];
    assert_eq!(*reason, DriftReason::ChangedOutside);
    assert_eq!(fields[0].path, "memory");
    assert_eq!(
        (&fields[0].have, &fields[0].want),
        (&Some(json!(128)), &Some(json!(3008)))
    );
    assert_eq!(told["lambda_function.two"].0, DriftReason::Gone);
    ground.deploy(&full()).await;
    let found = ground.engine().read().await.unwrap().drift().await.unwrap();
    assert!(found.drifted.is_empty(), "{:?}", found.drifted);
}

/// Deploys with the consent to remove what others have added.
async fn prune(ground: &Ground, app: &App) -> Outcome {
    let consent = Consent {
        prune: true,
        ..Consent::default()
    };
    let wanted = app.desired();
    let pruned = ground.deploy_with(&wanted, &consent, OnFailure::Rollback, None);
    pruned.await.unwrap()
}

fn statements(ground: &Ground, function: &str) -> Vec<String> {
    let world = ground.cloud.world();
    let theirs = world.functions[function].policy.keys();
    let theirs = theirs.filter(|sid| ["intruder", "visitor", "latecomer"].contains(&sid.as_str()));
    theirs.cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn what_others_added_goes_with_consent_alone_and_nothing_that_came_later() {
    let ground = Ground::new();
    ground.deploy(&small()).await;
    ground.cloud.meddle(crowd);
    assert_eq!(ground.deploy(&small()).await, Outcome::Unchanged);
    assert_eq!(statements(&ground, "app-dev-one"), ["intruder", "visitor"]);
    let first = ground.cloud.writes();
    ground.cloud.meddle_at(first, |world| {
        let function = world.functions.get_mut("app-dev-one").unwrap();
        function.policy.insert("latecomer".to_owned(), json!({}));
    });
    assert_eq!(prune(&ground, &small()).await, Outcome::Done);
    assert_eq!(statements(&ground, "app-dev-one"), ["latecomer"]);
    assert_eq!(prune(&ground, &small()).await, Outcome::Done);
    assert_eq!(prune(&ground, &small()).await, Outcome::Unchanged);
    let found = ground.engine().read().await.unwrap().drift().await.unwrap();
    assert!(found.drifted.is_empty() && statements(&ground, "app-dev-one").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_was_cut_off_is_resumed_without_another_consent() {
    // Two functions with two statements each, and a change of one of them before: a death after each write.
    let wanted = full().change(|app| app.fun("one").memory = 512);
    for death in 1..=6 {
        let ground = Ground::new();
        ground.deploy(&full()).await;
        ground.cloud.meddle(crowd);
        let before = ground.cloud.world();
        ground.cloud.die_in(death - 1, death % 2 == 0);
        let ended = tokio::select! {
            biased;
            () = ground.cloud.death() => None,
            ended = prune(&ground, &wanted) => Some(ended),
        };
        let ground = ground.revived();
        let outcome = ground.run(&Command::Deploy(wanted.clone())).await.unwrap();
        assert!(
            matches!(outcome, Outcome::Done | Outcome::Unchanged),
            "{death}: {outcome:?}"
        );
        let left: Vec<_> = ["app-dev-one", "app-dev-two"]
            .iter()
            .flat_map(|function| statements(&ground, function))
            .collect();
        // Before the commit nothing of others is touched; what had been committed goes to its end.
        let committed = death > 1 || ended.is_some();
        assert_eq!(left.is_empty(), committed, "{death}: {left:?}");
        assert_eq!(before.functions.len(), ground.cloud.world().functions.len());
        let engine = ground.engine();
        let session = engine.read().await.unwrap();
        assert!(session.txn().doomed().is_empty(), "{death}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_is_refused_is_told_and_tried_again() {
    let ground = Ground::new();
    ground.deploy(&small()).await;
    ground.cloud.meddle(crowd);
    ground
        .cloud
        .fail(ground.cloud.writes(), grail_providers::fake::Fault::Refuse);
    let outcome = prune(&ground, &small()).await;
    assert!(matches!(outcome, Outcome::Unswept { .. }), "{outcome:?}");
    assert_eq!(statements(&ground, "app-dev-one"), ["intruder", "visitor"]);
    assert_eq!(ground.deploy(&small()).await, Outcome::Done);
    assert!(statements(&ground, "app-dev-one").is_empty());
    // A deletion of everything takes the function and forgets what was to go from it.
    assert_eq!(ground.run(&Command::Delete).await.unwrap(), Outcome::Done);
}

/// A statement that was to go, and is by now what a decorator asks for.
#[tokio::test(start_paused = true)]
async fn what_was_to_go_and_is_ours_by_now_stays() {
    let ground = Ground::new();
    ground.deploy(&small()).await;
    let statement = json!({"principal": "s3.amazonaws.com", "source_arn": "arn:aws:s3:::photos"});
    let policy = |ground: &Ground| ground.cloud.world().functions["app-dev-one"].policy.clone();
    ground.cloud.meddle(|world| {
        let function = world.functions.get_mut("app-dev-one").unwrap();
        function
            .policy
            .insert("grail-one-s3".to_owned(), statement.clone());
    });
    ground
        .cloud
        .fail(ground.cloud.writes(), grail_providers::fake::Fault::Refuse);
    let outcome = prune(&ground, &small()).await;
    assert!(matches!(outcome, Outcome::Unswept { .. }), "{outcome:?}");
    let wanted = small().change(|app| app.tell("one", Source::bucket("photos", "raw/")));
    assert_eq!(ground.deploy(&wanted).await, Outcome::Done);
    assert_eq!(policy(&ground).get("grail-one-s3"), Some(&statement));
    let left = ground.store.content().snapshot.unwrap().prune;
    assert!(left.is_empty(), "{left:?}");
}

/// What is left at a thing that is no part of a plan for a part waits for a plan that looks there.
#[tokio::test(start_paused = true)]
async fn what_is_left_outside_a_part_is_not_forgotten() {
    let ground = Ground::new();
    ground.deploy(&full()).await;
    ground.cloud.meddle(crowd);
    for write in 0..2 {
        ground.cloud.fail(
            ground.cloud.writes() + write,
            grail_providers::fake::Fault::Refuse,
        );
    }
    let outcome = prune(&ground, &full()).await;
    assert!(matches!(outcome, Outcome::Unswept { .. }), "{outcome:?}");
    ground.cloud.calm();
    let wanted = full().change(|app| app.policy = 2);
    let consent = Consent {
        only: ["iam_role.default-role".to_owned()].into(),
        ..Consent::default()
    };
    let wishes = wanted.desired();
    let done = ground.deploy_with(&wishes, &consent, OnFailure::Rollback, None);
    assert_eq!(done.await.unwrap(), Outcome::Done);
    assert!(!statements(&ground, "app-dev-one").is_empty() && !statements(&ground, "app-dev-two").is_empty());
    assert_eq!(ground.store.content().snapshot.unwrap().prune.len(), 2);
    assert_eq!(ground.deploy(&wanted).await, Outcome::Done);
    assert!(statements(&ground, "app-dev-one").is_empty() && statements(&ground, "app-dev-two").is_empty());
    assert!(ground.store.content().snapshot.unwrap().prune.is_empty());
}

/// What was left to remove is not what the state says any more, also where nothing else is to do.
#[tokio::test(start_paused = true)]
async fn what_is_not_left_any_more_is_forgotten_without_a_step() {
    let mut ground = Ground::new();
    let wanted = small().change(|app| app.tell("one", Source::bucket("photos", "raw/")));
    ground.deploy(&wanted).await;
    let id: grail_state::ResourceId = "lambda_function.one".parse().unwrap();
    let mut content = ground.store.content();
    let snapshot = content.snapshot.as_mut().unwrap();
    let handle = snapshot.records[&id].handle.clone();
    let children = vec!["statement grail-one-s3".to_owned()];
    snapshot.prune.insert(id.clone(), Prune { handle, children });
    ground.store = MemoryStore::restored(stack(), content);
    assert_eq!(ground.deploy(&wanted).await, Outcome::Unchanged);
    assert!(ground.store.content().snapshot.unwrap().prune.is_empty());
}
