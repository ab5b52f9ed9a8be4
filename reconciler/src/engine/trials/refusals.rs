//! What ends early: stuck ways back, kept failures, stages held by others, keys that are gone, files that cannot be written.

use std::collections::BTreeMap;
use std::error::Error;

use grail_providers::fake::Fault;
use grail_state::seal::Keys;
use grail_state::snapshot::Home;
use grail_state::store::{LockError, Wait};
use grail_state::txn::Txn;
use grail_state::{Digest, Entry, Record, ResourceId};

use super::app::App;
use super::corpus::{full, mixed, small};
use super::ground::{Command, Ground, holder};
use super::oracle::{check_recorded, check_still};
use crate::engine::{EngineError, NoEvents, NoProjection, OnFailure, Ports, RecordSink, StopSignal};
use crate::event::{Event, Outcome};
use crate::plan::Consent;

/// Deploys with other ports than the usual ones.
async fn deploy_to(
    ground: &Ground,
    app: &App,
    records: &mut dyn RecordSink,
    on_failure: OnFailure,
) -> Outcome {
    let engine = ground.engine();
    let mut session = engine.open(holder(), Wait::No).await.unwrap();
    let mut ports = Ports {
        records,
        events: &mut NoEvents,
        stop: StopSignal::never(),
    };
    session
        .deploy(&app.desired(), &Consent::default(), on_failure, None, &mut ports)
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_way_back_that_is_blocked_is_named_and_the_next_command_goes_on() {
    let ground = Ground::new();
    ground.deploy(&full()).await;
    let old = ground.cloud.world().facts(true);
    let begun = ground.cloud.writes();
    ground.cloud.fail(begun + 4, Fault::Refuse);
    for write in begun + 5..begun + 60 {
        ground.cloud.fail(write, Fault::Refuse);
    }
    let wanted = full().change(|app| {
        app.policy = 2;
        app.fun("one").memory = 512;
        app.fun("one").tag = Some("x".into());
        app.http().version = 2;
    });
    let outcome = ground.deploy(&wanted).await;
    let Outcome::Stuck { at } = &outcome else {
        panic!("{outcome:?}");
    };
    assert!(!at.is_empty());
    let engine = ground.engine();
    let status = engine.read().await.unwrap().status().await.unwrap();
    assert_eq!(status.phase, "aborting");
    assert!(status.cause.unwrap().contains("made to refuse"));
    assert!(status.touched.iter().any(|(_, how)| how.starts_with("stuck: ")));

    ground.cloud.calm();
    let outcome = ground.run(&Command::Rollback).await.unwrap();
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(ground.cloud.world().facts(true), old);
    check_recorded(&ground, "after having been stuck");
}

#[tokio::test(start_paused = true)]
async fn a_stuck_deploy_is_finished_by_the_next_deploy() {
    let ground = Ground::new();
    let writes = 0..60;
    for write in writes.skip(2) {
        ground.cloud.fail(write, Fault::Refuse);
    }
    assert!(matches!(ground.deploy(&small()).await, Outcome::Stuck { .. }));
    ground.cloud.calm();
    assert_eq!(ground.deploy(&mixed()).await, Outcome::Done);
    check_recorded(&ground, "after having been stuck");
}

#[tokio::test(start_paused = true)]
async fn a_kept_failure_goes_on_or_back_as_the_next_command_says() {
    for back in [false, true] {
        let ground = Ground::new();
        ground.deploy(&small()).await;
        let old = ground.cloud.world().facts(true);
        ground.cloud.fail(ground.cloud.writes() + 5, Fault::Refuse);
        let outcome = deploy_to(&ground, &full(), &mut NoProjection, OnFailure::Keep).await;
        assert!(
            matches!(&outcome, Outcome::Open { why } if why.contains("made to refuse")),
            "{outcome:?}"
        );
        let engine = ground.engine();
        assert_eq!(
            engine.read().await.unwrap().status().await.unwrap().phase,
            "building"
        );
        if back {
            let outcome = ground.run(&Command::Rollback).await.unwrap();
            assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
            assert_eq!(ground.cloud.world().facts(true), old);
        } else {
            assert_eq!(ground.deploy(&full()).await, Outcome::Done);
        }
        check_recorded(&ground, "after a kept failure");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_somebody_holds_is_left_alone() {
    let ground = Ground::new();
    let engine = ground.engine();
    let _held = engine.open(holder(), Wait::No).await.unwrap();
    let refused = ground.run(&Command::Deploy(small())).await;
    assert!(
        matches!(&refused, Err(EngineError::Lock(LockError::Held(by))) if by.who == "ann"),
        "{refused:?}"
    );
    assert_eq!(ground.cloud.log(), []);
}

#[tokio::test(start_paused = true)]
async fn a_preview_writes_nothing_and_what_was_approved_is_what_is_done() {
    let ground = Ground::new();
    ground.deploy(&small()).await;
    let (writes, appends) = (ground.cloud.writes(), ground.store.appends());
    let engine = ground.engine();
    let desired = full().desired();
    let plan = {
        let mut session = engine.read().await.unwrap();
        session.preview(&desired, &Consent::default()).await.unwrap()
    };
    assert!(!plan.is_empty());
    assert_eq!((ground.cloud.writes(), ground.store.appends()), (writes, appends));
    let mut ports = Ports {
        records: &mut NoProjection,
        events: &mut NoEvents,
        stop: StopSignal::never(),
    };
    let consent = Consent::default();
    {
        let mut session = engine.open(holder(), Wait::No).await.unwrap();
        let refused = session
            .deploy(
                &mixed().desired(),
                &consent,
                OnFailure::Rollback,
                Some(&mut plan.clone()),
                &mut ports,
            )
            .await;
        assert!(matches!(refused, Err(EngineError::PlanChanged(_))), "{refused:?}");
    }
    let mut session = engine.open(holder(), Wait::No).await.unwrap();
    let outcome = session
        .deploy(
            &desired,
            &consent,
            OnFailure::Rollback,
            Some(&mut plan.clone()),
            &mut ports,
        )
        .await
        .unwrap();
    assert_eq!(outcome, Outcome::Done);
}

#[tokio::test(start_paused = true)]
async fn a_preview_of_an_open_transaction_leaves_it_as_it_is() {
    let ground = Ground::new();
    ground.cloud.fail(4, Fault::Refuse);
    deploy_to(&ground, &full(), &mut NoProjection, OnFailure::Keep).await;
    let before = ground.store.content();
    let engine = ground.engine();
    let mut session = engine.read().await.unwrap();
    let plan = session
        .preview(&full().desired(), &Consent::default())
        .await
        .unwrap();
    assert!(!plan.is_empty());
    assert_eq!(ground.store.content(), before);
}

#[tokio::test(start_paused = true)]
async fn another_account_or_region_is_refused_before_any_call() {
    let ground = Ground::new();
    let home = |region: &str| Home {
        account: "123456789012".into(),
        region: region.into(),
    };
    let mut engine = ground.engine();
    engine.home = Some(home("eu-west-1"));
    let mut ports = Ports {
        records: &mut NoProjection,
        events: &mut NoEvents,
        stop: StopSignal::never(),
    };
    {
        let mut session = engine.open(holder(), Wait::No).await.unwrap();
        let desired = small().desired();
        session
            .deploy(
                &desired,
                &Consent::default(),
                OnFailure::Rollback,
                None,
                &mut ports,
            )
            .await
            .unwrap();
    }
    let calls = ground.cloud.log().len();
    engine.home = Some(home("us-east-1"));
    let refused = engine.open(holder(), Wait::No).await.err();
    assert!(
        matches!(refused, Some(EngineError::Elsewhere { .. })),
        "{refused:?}"
    );
    assert_eq!(ground.cloud.log().len(), calls);
}

#[tokio::test(start_paused = true)]
async fn the_first_transaction_has_a_home_before_it_is_committed() {
    let ground = Ground::new();
    ground.cloud.die_in(2, true);
    let home = |region: &str| {
        Some(Home {
            account: "123456789012".into(),
            region: region.into(),
        })
    };
    let mut engine = ground.engine();
    engine.home = home("eu-west-1");
    let mut records = Reluctant {
        left: usize::MAX,
        seen: Vec::new(),
    };
    let mut events = NoEvents;
    let mut ports = Ports {
        records: &mut records,
        events: &mut events,
        stop: StopSignal::never(),
    };
    let (desired, consent) = (small().desired(), Consent::default());
    {
        let mut session = engine.open(holder(), Wait::No).await.unwrap();
        tokio::select! {
            biased;
            () = ground.cloud.death() => {}
            ended = session.deploy(&desired, &consent, OnFailure::Rollback, None, &mut ports) => panic!("{ended:?}"),
        }
    }
    let ground = ground.revived();
    let mut engine = ground.engine();
    let before = (ground.store.content(), ground.cloud.log().len());
    let begun = before.0.live().into_iter().next();
    assert!(
        matches!(begun, Some(Entry::Begin { new_file: true, .. })),
        "{begun:?}"
    );
    engine.home = home("us-east-1");
    let refused = [
        engine.open(holder(), Wait::No).await.err(),
        engine.read().await.err(),
    ];
    for refused in refused {
        let Some(EngineError::Elsewhere { recorded, .. }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(recorded.region, "eu-west-1");
    }
    let after = ground.store.content();
    assert_eq!(
        (after.live(), ground.cloud.log().len()),
        (before.0.live(), before.1)
    );
    engine.home = home("eu-west-1");
    let mut session = engine.open(holder(), Wait::No).await.unwrap();
    let outcome = session.rollback(&mut ports).await.unwrap();
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
}

/// A file that can be written only so often.
struct Reluctant {
    left: usize,
    seen: Vec<BTreeMap<ResourceId, Record>>,
}

impl RecordSink for Reluctant {
    fn is_new(&self) -> bool {
        true
    }

    fn write(&mut self, txn: &Txn) -> Result<Option<Digest>, Box<dyn Error + Send + Sync>> {
        let existing = txn.existing();
        if self.left == 0 {
            return Err("no space left".into());
        }
        self.left -= 1;
        let digest = Digest::of(format!("{:?}", existing.keys()).as_bytes());
        self.seen.push(existing);
        Ok(Some(digest))
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_written_leaves_a_transaction_that_is_finished_later() {
    let mut ended = false;
    for left in 0..40 {
        let ground = Ground::new();
        let mut file = Reluctant {
            left,
            seen: Vec::new(),
        };
        let outcome = deploy_to(&ground, &full(), &mut file, OnFailure::Rollback).await;
        if outcome == Outcome::Done {
            ended = true;
            let snapshot = ground.store.content().snapshot.unwrap();
            assert_eq!(snapshot.projections.len(), 1);
            assert_eq!(file.seen.last().unwrap().len(), snapshot.records.len());
            for pair in file.seen.windows(2) {
                assert!(pair[0].len() <= pair[1].len(), "what exists only grows");
            }
            break;
        }
        assert!(
            matches!(&outcome, Outcome::Open { why } if why.contains("no space left")),
            "{left}: {outcome:?}"
        );
        assert_eq!(ground.deploy(&full()).await, Outcome::Done);
        check_recorded(&ground, "after a full disk");
        check_still(&ground, &Command::Deploy(full()), "after a full disk").await;
    }
    assert!(ended, "with enough room it is done");
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_in_journal_state_or_events() {
    let ground = Ground::new();
    let secret = |app: &mut App, text: &str| app.fun("one").secret = text.to_owned();
    let one = full().change(|app| secret(app, "canary-one"));
    let two = one.clone().change(|app| {
        secret(app, "canary-two");
        app.http().version = 2;
    });
    let mut said = String::new();
    for (app, refused) in [(&one, None), (&two, Some(6)), (&two, None)] {
        if let Some(write) = refused {
            ground.cloud.fail(ground.cloud.writes() + write, Fault::Refuse);
        }
        let mut events: Vec<Event> = Vec::new();
        let watched = ground.fork();
        watched.store.freeze_in_swap();
        for ground in [&watched, &ground] {
            let command = Command::Deploy(app.clone());
            let outcome = ground.run_heard(&command, &mut events, StopSignal::never()).await;
            said.push_str(&format!("{outcome:?}"));
        }
        said.push_str(&serde_json::to_string(&events).unwrap());
        said.push_str(&format!("{events:?}"));
        for numbered in watched.store.content().journal {
            said.push_str(&serde_json::to_string(&numbered.entry).unwrap());
        }
        said.push_str(&serde_json::to_string(&ground.store.content().snapshot).unwrap());
    }
    assert!(said.contains("secret:"), "digests are there");
    assert!(said.contains("\"sealed\""), "and what the way back needs");
    let shown = said
        .find("canary")
        .and_then(|at| said.get(at.saturating_sub(600)..at + 40));
    assert_eq!(shown, None, "a secret is shown");
}

#[tokio::test(start_paused = true)]
async fn with_another_key_the_way_back_says_what_it_cannot_open() {
    let mut ground = Ground::new();
    ground.deploy(&small()).await;
    let wanted = small().change(|app| app.fun("one").memory = 512);
    ground.store.freeze_after(2);
    let outcome = ground.deploy(&wanted).await;
    assert!(matches!(outcome, Outcome::Open { .. }), "{outcome:?}");
    ground = ground.revived();
    let right = ground.keys.clone();
    ground.keys = Keys {
        sealer: Keys::from_master(&[8; 32]).sealer,
        ..right.clone()
    };
    let outcome = ground.run(&Command::Rollback).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::Stuck { at } if at[0].1.contains("sealed with the key")),
        "{outcome:?}"
    );
    ground.keys = right;
    let outcome = ground.run(&Command::Rollback).await.unwrap();
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(
        ground.cloud.world().functions["app-dev-one"].config["memory"],
        128
    );
}
