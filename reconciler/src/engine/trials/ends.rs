//! Ends that must come: of a command that finds what it cannot go on with, of steps that share a slot or a lane, of a birth
//! that is answered with something else.

use std::sync::Arc;
use std::time::Duration;

use grail_providers::fake::{Cloud, Fault, OWNER_TAG, Physics};
use grail_providers::port::Catalog;
use grail_state::store::Wait;
use grail_state::{DesiredState, Kind};
use serde_json::json;

use super::app::{App, Fun, OWNER, id};
use super::ground::{Command, Ground, holder};
use crate::engine::{EngineError, NoEvents, NoProjection, OnFailure, Ports, StopSignal};
use crate::event::{Event, Outcome};
use crate::plan::Consent;

fn plain() -> Physics {
    Physics {
        role: Duration::ZERO,
        busy: Duration::ZERO,
        ..Physics::default()
    }
}

fn silent<'a>(records: &'a mut NoProjection, events: &'a mut NoEvents) -> Ports<'a> {
    Ports {
        records,
        events,
        stop: StopSignal::never(),
    }
}

/// A stage with a role, and then a deploy of three functions whose third is refused, and whose first cannot be taken back.
async fn stuck_at_the_first() -> (Ground, Outcome) {
    let mut ground = Ground::with(plain());
    ground.deploy(&App::of(&[])).await;
    ground.limits.parallelism = 1;
    ground.limits.refusals_back = 0;
    let first = ground.cloud.writes();
    ground.cloud.fail(first + 2, Fault::Refuse);
    ground.cloud.fail(first + 3, Fault::Refuse);
    let mut app = App::of(&[]);
    for name in ["a", "b", "c"] {
        app.functions.insert(name.to_owned(), Fun::plain());
    }
    let outcome = ground.deploy(&app).await;
    (ground, outcome)
}

#[tokio::test(start_paused = true)]
async fn what_is_stuck_does_not_keep_the_others_from_going_back() {
    let (ground, outcome) = stuck_at_the_first().await;
    let Outcome::Stuck { at } = outcome else {
        panic!("ended as {outcome:?}");
    };
    assert_eq!(at.len(), 1, "{at:?}");
    let left: Vec<_> = ground.cloud.world().functions.into_keys().collect();
    assert_eq!(left, [format!("{OWNER}-a")]);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_stays_stuck_tells_its_end() {
    let (ground, _) = stuck_at_the_first().await;
    for command in [Command::Deploy(App::of(&[])), Command::Delete, Command::Rollback] {
        ground.cloud.fail(ground.cloud.writes(), Fault::Refuse);
        let mut events = Vec::new();
        let outcome = ground
            .run_heard(&command, &mut events, StopSignal::never())
            .await
            .unwrap();
        assert!(matches!(outcome, Outcome::Stuck { .. }), "{outcome:?}");
        let told = events.iter().filter(|event| matches!(event, Event::Ended { .. }));
        assert_eq!(told.count(), 1, "{command:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_not_known_any_more_ends_the_command() {
    let ground = Ground::with(plain());
    ground.deploy(&App::of(&["one"]).with_api()).await;
    // Dies when the commit is durable: everything is still to be swept.
    ground.store.freeze_after(2);
    let outcome = ground.run(&Command::Delete).await.unwrap();
    assert!(matches!(outcome, Outcome::Open { .. }), "{outcome:?}");
    let ground = ground.revived();
    let mut engine = ground.engine();
    let api = Kind::new("rest_api");
    let all = engine.catalog.iter().filter(|one| one.kind() != api).cloned();
    engine.catalog = Arc::new(Catalog::new(all.collect::<Vec<_>>()));
    let mut session = engine.open(holder(), Wait::No).await.unwrap();
    let (mut records, mut events) = (NoProjection, NoEvents);
    let mut ports = silent(&mut records, &mut events);
    let consent = Consent::default();
    let ended = tokio::time::timeout(
        Duration::from_secs(24 * 3600),
        session.delete(&consent, &mut ports),
    );
    let ended = ended.await.expect("the command ends");
    assert!(matches!(ended, Err(EngineError::Plan(_))), "{ended:?}");
}

fn many_statements() -> DesiredState {
    let mut desired = App::of(&["one"]).with_api().desired();
    let one = id("lambda_permission", "one/rest_api");
    let stage = id("api_stage", "rest_api");
    for number in 0..5 {
        let mut more = desired.resources[&one].clone();
        more.id.name = format!("one/more{number}");
        let stage = desired.resources.get_mut(&stage).unwrap();
        stage.after.insert(more.id.clone());
        desired.resources.insert(more.id.clone(), more);
    }
    desired
}

fn removed_one_after_the_other(cloud: &Cloud) {
    let log = cloud.log().into_iter();
    let removed: Vec<_> = log.filter(|call| call.operation == "RemovePermission").collect();
    assert_eq!(removed.len(), 6);
    for pair in removed.windows(2) {
        assert!(pair[1].at >= pair[0].at + cloud.physics().latency, "{pair:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn statements_of_one_function_are_swept_one_after_the_other() {
    let ground = Ground::with(plain());
    assert_eq!(ground.deploy_desired(&many_statements()).await, Outcome::Done);
    assert_eq!(ground.run(&Command::Delete).await.unwrap(), Outcome::Done);
    removed_one_after_the_other(&ground.cloud);
}

#[tokio::test(start_paused = true)]
async fn statements_of_one_function_are_taken_back_one_after_the_other() {
    let ground = Ground::with(plain());
    let fork = ground.fork();
    fork.deploy_desired(&many_statements()).await;
    // The last write of all makes the stage.
    ground.cloud.fail(fork.cloud.writes() - 1, Fault::Refuse);
    let outcome = ground.deploy_desired(&many_statements()).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    removed_one_after_the_other(&ground.cloud);
}

#[tokio::test(start_paused = true)]
async fn a_statement_that_cannot_be_taken_back_does_not_keep_the_others_of_its_function() {
    let mut ground = Ground::with(plain());
    ground.limits.refusals_back = 0;
    let fork = ground.fork();
    fork.deploy_desired(&many_statements()).await;
    let last = fork.cloud.writes() - 1;
    let rehearsal = ground.fork();
    rehearsal.cloud.fail(last, Fault::Refuse);
    rehearsal.deploy_desired(&many_statements()).await;
    let log = rehearsal.cloud.log().into_iter();
    let mut written = log.filter(|call| call.write);
    let first = written
        .position(|call| call.operation == "RemovePermission")
        .unwrap();
    ground.cloud.fail(last, Fault::Refuse);
    ground.cloud.fail(first, Fault::Refuse);
    let outcome = ground.deploy_desired(&many_statements()).await;
    let Outcome::Stuck { at } = outcome else {
        panic!("ended as {outcome:?}");
    };
    let statements: Vec<_> = at
        .iter()
        .filter(|(id, _)| id.kind.as_str() == "lambda_permission")
        .collect();
    assert_eq!(statements.len(), 1, "{at:?}");
    removed_one_after_the_other(&ground.cloud);
}

#[tokio::test(start_paused = true)]
async fn a_birth_that_finds_another_form_of_ours_is_brought_to_the_wish() {
    let ground = Ground::with(plain());
    ground.deploy(&App::of(&[])).await;
    let engine = ground.engine();
    let mut session = engine.open(holder(), Wait::No).await.unwrap();
    let wish = App::of(&["one"]).desired();
    let plan = session.preview(&wish, &Consent::default()).await.unwrap();
    let name = format!("{OWNER}-one");
    // Chalice, at the same stage and the same time.
    ground.cloud.meddle(|world| {
        let function = grail_providers::fake::Function {
            config: json!({
                "handler": "app.handler", "memory": 1024, "environment": {},
                "role": format!("arn:aws:iam::123456789012:role/{OWNER}"),
            }),
            code: "code-0".into(),
            tags: [(OWNER_TAG.to_owned(), OWNER.to_owned())].into(),
            concurrency: None,
            policy: Default::default(),
            busy: None,
        };
        world.functions.insert(name.clone(), function);
    });
    let (mut records, mut events) = (NoProjection, NoEvents);
    let mut ports = silent(&mut records, &mut events);
    let outcome = session
        .carry_out(plan, "deploy", OnFailure::Rollback, &mut ports)
        .await
        .unwrap();
    assert_eq!(outcome, Outcome::Done);
    let function = ground.cloud.world().functions[&name].clone();
    assert_eq!(
        (&function.config["memory"], function.code.as_str()),
        (&json!(128), "code-1")
    );
    drop(session);
    assert_eq!(ground.deploy(&App::of(&["one"])).await, Outcome::Unchanged);
}
