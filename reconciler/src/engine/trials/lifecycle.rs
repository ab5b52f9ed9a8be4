//! One pass after the other, undisturbed.

use std::collections::BTreeSet;

use grail_providers::fake::Fault;
use grail_state::artifacts::Artifacts as _;

use super::app::App;
use super::corpus::{full, plans, small};
use super::ground::{Command, Ground};
use super::oracle::{check_recorded, check_still, towards};
use crate::event::Outcome;

#[tokio::test(start_paused = true)]
async fn every_plan_of_the_corpus_is_carried_out_and_then_nothing_is_left_to_do() {
    for plan in plans() {
        let ground = Ground::new();
        let mut steps: Vec<Option<&App>> = plan.from.iter().map(Some).collect();
        steps.push(plan.to.as_ref());
        for step in steps {
            let command = towards(step);
            let outcome = ground.run(&command).await.unwrap();
            assert_eq!(outcome, Outcome::Done, "{}", plan.name);
            check_recorded(&ground, plan.name);
            check_still(&ground, &command, plan.name).await;
        }
        if plan.to.is_none() {
            let left = ground.cloud.world().facts(true);
            let empty = Ground::new().cloud.world().facts(true);
            assert_eq!(left, empty, "{}: only strangers' things are left", plan.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_application_that_goes_there_and_back_is_what_it_was() {
    let ground = Ground::new();
    ground.deploy(&small()).await;
    let before = ground.cloud.world().facts(false);
    assert_eq!(ground.deploy(&full()).await, Outcome::Done);
    assert_eq!(ground.deploy(&small()).await, Outcome::Done);
    assert_eq!(ground.cloud.world().facts(false), before);
}

#[tokio::test(start_paused = true)]
async fn artifacts_that_no_recent_commit_names_go_after_a_commit() {
    let ground = Ground::new();
    let kept: Vec<_> = (0..4_u8)
        .map(|byte| ground.artifacts.put(&[byte]).unwrap())
        .collect();
    let held = |wanted: &[usize]| {
        let wanted: BTreeSet<_> = wanted.iter().map(|at| kept[*at].clone()).collect();
        assert_eq!(ground.artifacts.digests(), wanted);
    };
    // A tag is as good a place to name one as any.
    let named = |at: usize| small().change(|app| app.fun("one").tag = Some(kept[at].0.clone()));
    ground.cloud.fail(1, Fault::Refuse);
    assert!(matches!(
        ground.deploy(&named(0)).await,
        Outcome::RolledBack { .. }
    ));
    held(&[0, 1, 2, 3]);
    assert_eq!(ground.deploy(&named(0)).await, Outcome::Done);
    held(&[0]);
    ground.artifacts.put(&[1]).unwrap();
    ground.artifacts.put(&[2]).unwrap();
    assert_eq!(ground.deploy(&named(1)).await, Outcome::Done);
    held(&[0, 1]);
    ground.artifacts.put(&[2]).unwrap();
    assert_eq!(ground.deploy(&named(2)).await, Outcome::Done);
    held(&[1, 2]);
    assert_eq!(ground.deploy(&named(2)).await, Outcome::Unchanged);
    held(&[1, 2]);
    assert_eq!(ground.run(&Command::Delete).await.unwrap(), Outcome::Done);
    held(&[]);
}

#[tokio::test(start_paused = true)]
async fn deleting_nothing_is_nothing() {
    let ground = Ground::new();
    assert_eq!(ground.run(&Command::Delete).await.unwrap(), Outcome::Unchanged);
    assert_eq!(ground.store.appends(), 0);
}
