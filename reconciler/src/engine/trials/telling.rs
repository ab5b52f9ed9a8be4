//! What is told of a pass while it is open (status), and when it is over (history).

use grail_state::Report;
use grail_state::store::StateStore as _;

use super::app::App;
use super::corpus::full;
use super::ground::{Command, Ground};
use crate::engine::{OnFailure, Status};
use crate::event::Outcome;
use crate::plan::Consent;
use grail_providers::fake::Fault;

async fn keep(ground: &Ground, app: &App) -> Outcome {
    let (wanted, consent) = (app.desired(), Consent::default());
    let kept = ground.deploy_with(&wanted, &consent, OnFailure::Keep, None);
    kept.await.unwrap()
}

async fn status(ground: &Ground) -> Status {
    ground.engine().read().await.unwrap().status().await.unwrap()
}

async fn reports(ground: &Ground) -> Vec<Report> {
    ground.store.reports().await.unwrap()
}

fn larger() -> App {
    full().change(|app| {
        app.policy = 2;
        app.fun("one").memory = 512;
    })
}

#[tokio::test(start_paused = true)]
async fn the_status_of_what_was_kept_names_phase_cause_and_who() {
    let ground = Ground::new();
    ground.deploy(&full()).await;
    ground.cloud.fail(ground.cloud.writes() + 1, Fault::Refuse);
    assert!(matches!(keep(&ground, &larger()).await, Outcome::Open { .. }));
    let status = status(&ground).await;
    assert_eq!(
        (status.phase, status.command.as_deref()),
        ("building", Some("deploy"))
    );
    assert_eq!(status.by.as_deref(), Some("ann on here"));
    assert!(status.since.is_some() && status.holder.is_none());
    let cause = status.cause.unwrap();
    assert!(cause.starts_with("lambda_function.one: "), "{cause}");
    let standing: Vec<_> = status
        .touched
        .iter()
        .map(|(id, standing)| (id.to_string(), standing.split(':').next().unwrap()))
        .collect();
    assert_eq!(
        standing,
        [
            ("iam_role.default-role".to_owned(), "done"),
            ("lambda_function.one".to_owned(), "in doubt")
        ]
    );
    // The next pass begins afresh.
    assert_eq!(ground.deploy(&larger()).await, Outcome::Done);
    let ended = self::status(&ground).await;
    assert_eq!((ended.phase, ended.by, ended.cause), ("idle", None, None));
}

#[tokio::test(start_paused = true)]
async fn each_pass_that_did_something_leaves_a_report() {
    let ground = Ground::new();
    ground.deploy(&full()).await;
    ground.deploy(&full()).await;
    let first = reports(&ground).await;
    assert_eq!(first.len(), 1, "a pass that did nothing is not told");
    assert_eq!(
        (first[0].command.as_str(), first[0].outcome.as_str()),
        ("deploy", "done")
    );
    assert!(
        first[0].changes.values().all(|what| *what == ["created"]),
        "{first:?}"
    );

    ground.cloud.fail(ground.cloud.writes() + 1, Fault::Refuse);
    let outcome = ground.deploy(&larger()).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    let back = reports(&ground).await.pop().unwrap();
    assert_eq!(back.outcome, "rolled_back");
    assert!(back.why.unwrap().contains("lambda_function.one"));
    let what = |name: &str| &back.changes[&name.parse().unwrap()];
    assert_eq!(*what("iam_role.default-role"), ["updated", "restored"]);
    assert_eq!(*what("lambda_function.one"), ["failed", "restored"]);

    ground.cloud.fail(ground.cloud.writes() + 1, Fault::Refuse);
    keep(&ground, &larger()).await;
    ground.run(&Command::Rollback).await.unwrap();
    ground.run(&Command::Delete).await.unwrap();
    let outcomes: Vec<_> = reports(&ground)
        .await
        .into_iter()
        .map(|report| report.outcome)
        .collect();
    assert_eq!(outcomes, ["done", "rolled_back", "open", "rolled_back", "done"]);
}
