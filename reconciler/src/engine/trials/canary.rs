//! An alias on its way to another version: it takes its time, an alarm takes it back, and a death in the middle loses nothing.

use std::time::Duration;

use grail_providers::fake::Alias;
use grail_state::{Desired, DesiredState, ResourceId, Template};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::app::{App, id};
use super::ground::Ground;
use crate::event::Outcome;

const ALIAS: &str = "app-dev-one:live";
/// The steps of the canaries here: longer together than any other call may take.
const STEPS: [(u32, u64); 2] = [(10, 600), (50, 900)];

/// One function with an alias that is led to `version` step by step.
fn app(version: &str) -> DesiredState {
    let mut desired = App::of(&["one"]).desired();
    let of = id("lambda_alias", "one/live");
    let steps: Vec<Value> = STEPS
        .iter()
        .map(|(weight, seconds)| json!({"weight": weight, "seconds": seconds}))
        .collect();
    let canary = json!({"steps": steps, "alarms": ["errors"]});
    let function: ResourceId = id("lambda_function", "one");
    let spec = [
        ("function", Template::reference(function, "arn")),
        ("name", json!("live").into()),
        ("version", json!(version).into()),
        ("canary", json!(canary).into()),
    ];
    let alias = Desired {
        id: of.clone(),
        spec: Template::Map(spec.map(|(key, value)| (key.to_owned(), value)).into()),
        after: [].into(),
        rank: 1_000,
        origin: None,
        protect: None,
    };
    desired.resources.insert(of, alias);
    desired
}

fn live(ground: &Ground) -> Alias {
    ground.cloud.world().aliases[ALIAS].clone()
}

fn leads_to(version: &str) -> Alias {
    Alias {
        version: version.to_owned(),
        other: None,
    }
}

fn shared(share: u32) -> Alias {
    Alias {
        version: "1".to_owned(),
        other: Some(("2".to_owned(), share)),
    }
}

async fn deployed() -> Ground {
    let ground = Ground::new();
    let first = ground.deploy_desired(&app("1")).await;
    assert!(matches!(first, Outcome::Done), "{first:?}");
    assert_eq!(live(&ground), leads_to("1"));
    ground.settle().await;
    ground
}

fn moves(ground: &Ground) -> usize {
    let log = ground.cloud.log().into_iter();
    log.filter(|call| call.operation == "UpdateAlias").count()
}

#[tokio::test(start_paused = true)]
async fn a_canary_takes_as_long_as_its_steps_and_no_call_is_given_up_for_that() {
    let ground = deployed().await;
    let begun = Instant::now();
    let outcome = ground.deploy_desired(&app("2")).await;
    assert!(matches!(outcome, Outcome::Done), "{outcome:?}");
    let steps = Duration::from_secs(STEPS.iter().map(|(_, seconds)| seconds).sum());
    assert!(steps > ground.limits.call, "the trial is of nothing");
    let took = begun.elapsed();
    assert!(
        took >= steps && took < steps + Duration::from_secs(60),
        "it took {took:?}"
    );
    assert_eq!(live(&ground), leads_to("2"));
    assert_eq!(moves(&ground), 3);
    ground.settle().await;
    let again = ground.deploy_desired(&app("2")).await;
    assert!(matches!(again, Outcome::Unchanged), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_rings_takes_the_alias_back_at_once() {
    for after in [0, 300, 1_000] {
        let ground = deployed().await;
        let before = ground.cloud.world().facts(true);
        let cloud = ground.cloud.clone();
        let alarm = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(after)).await;
            cloud.meddle(|world| world.ringing.insert("errors".to_owned()));
        });
        let begun = Instant::now();
        let outcome = ground.deploy_desired(&app("2")).await;
        alarm.await.unwrap();
        assert!(
            matches!(outcome, Outcome::RolledBack { .. }),
            "{after}: {outcome:?}"
        );
        assert!(begun.elapsed() < Duration::from_secs(after + 60), "{after}");
        assert_eq!(live(&ground), leads_to("1"), "{after}");
        assert_eq!(ground.cloud.world().facts(true), before, "{after}");
    }
}

/// Kills a deployment after so many seconds.
async fn dies(ground: &Ground, after: u64) {
    let desired = app("2");
    let deployment = ground.deploy_desired(&desired);
    let dead = tokio::time::timeout(Duration::from_secs(after), deployment).await;
    assert!(dead.is_err(), "it was over before");
    ground.settle().await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_after_a_death_goes_on_with_the_share_that_is_live() {
    let ground = deployed().await;
    dies(&ground, 700).await;
    assert_eq!(live(&ground), shared(50));
    let begun = Instant::now();
    let outcome = ground.deploy_desired(&app("2")).await;
    assert!(matches!(outcome, Outcome::Done), "{outcome:?}");
    // The second step has its whole time again, and the first is not repeated.
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_secs(900) && took < Duration::from_secs(1_000),
        "it took {took:?}"
    );
    assert_eq!(live(&ground), leads_to("2"));
    assert_eq!(moves(&ground), 3);
}

#[tokio::test(start_paused = true)]
async fn who_goes_back_after_a_death_leads_the_alias_back_at_once() {
    let ground = deployed().await;
    dies(&ground, 300).await;
    assert_eq!(live(&ground), shared(10));
    let begun = Instant::now();
    let outcome = ground.run(&super::ground::Command::Rollback).await.unwrap();
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(live(&ground), leads_to("1"));
}
