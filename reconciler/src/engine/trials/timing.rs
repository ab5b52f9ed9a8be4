//! How long things take, in virtual time: what can run together does, what must not does not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use grail_providers::fake::{Logged, Physics};
use grail_providers::port::urgency;
use tokio::time::Instant;

use super::app::{App, Fun};
use super::ground::{Command, Ground};
use crate::engine::StopSignal;
use crate::event::{Event, Outcome};

fn many(functions: usize) -> App {
    let mut app = App::of(&[]);
    for number in 0..functions {
        app.functions.insert(format!("f{number:03}"), Fun::plain());
    }
    app
}

/// A cloud in which a write takes 50 ms and nothing else takes any time.
fn plain() -> Physics {
    Physics {
        role: Duration::ZERO,
        busy: Duration::ZERO,
        ..Physics::default()
    }
}

fn writes(ground: &Ground, operation: &str) -> Vec<Logged> {
    let log = ground.cloud.log().into_iter();
    log.filter(|call| call.write && call.operation == operation)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn steps_that_do_not_need_each_other_are_in_flight_together() {
    let ground = Ground::with(plain());
    ground.deploy(&many(20)).await;
    let born = writes(&ground, "CreateFunction");
    assert_eq!(born.len(), 20);
    assert!(born.iter().all(|call| call.at == born[0].at), "{born:?}");
    assert_eq!(ground.cloud.peak(), 20);
}

#[tokio::test(start_paused = true)]
async fn the_limit_holds_and_a_fan_takes_as_long_as_its_bound() {
    for (functions, limit) in [(20, 5), (21, 5), (100, 32), (7, 1)] {
        let mut ground = Ground::with(plain());
        ground.deploy(&App::of(&[])).await;
        ground.limits.parallelism = limit;
        ground.settle().await;
        let begun = Instant::now();
        ground.deploy(&many(functions)).await;
        assert_eq!(
            ground.cloud.peak(),
            limit.max(1),
            "{functions} functions, limit {limit}"
        );
        // One look at all, then rounds of one call each: a write, and two reads until the function is usable and seen.
        let look = Duration::from_millis(50) * u32::try_from((functions + 1).div_ceil(limit)).unwrap();
        let rounds = u32::try_from(functions.div_ceil(limit)).unwrap();
        let bound = look + Duration::from_millis(150) * rounds;
        let took = begun.elapsed();
        assert!(
            took >= bound - look && took <= bound + Duration::from_millis(50),
            "{functions} functions, limit {limit}: took {took:?}, bound {bound:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn statements_of_one_function_are_written_one_after_the_other() {
    let ground = Ground::with(plain());
    let app = App::of(&["one"]).with_api();
    let mut desired = app.desired();
    let one = super::app::id("lambda_permission", "one/rest_api");
    for number in 0..5 {
        let mut more = desired.resources[&one].clone();
        more.id.name = format!("one/more{number}");
        desired.resources.insert(more.id.clone(), more);
    }
    ground.deploy_desired(&desired).await;
    let added = writes(&ground, "AddPermission");
    assert_eq!(added.len(), 6);
    for pair in added.windows(2) {
        assert!(
            pair[1].at >= pair[0].at + ground.cloud.physics().latency,
            "{pair:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_longest_chain_goes_first() {
    // With one slot, the role (on which everything waits) goes before the log groups, on which nothing does.
    let mut ground = Ground::with(plain());
    ground.limits.parallelism = 1;
    let app = App::of(&["one", "two"])
        .with_api()
        .change(|app| app.fun("one").retention = Some(7));
    ground.deploy(&app).await;
    let order: Vec<_> = ground
        .cloud
        .log()
        .into_iter()
        .filter(|call| call.write)
        .map(|call| call.operation)
        .collect();
    let place = |operation: &str| order.iter().position(|one| *one == operation).unwrap();
    assert_eq!(place("CreateRole"), 0);
    assert!(place("CreateLogGroup") > place("ImportRestApi"), "{order:?}");
}

/// What keeps the rates lets the most urgent request of each bucket go first, and learns here which that is.
#[tokio::test(start_paused = true)]
async fn a_call_is_as_urgent_as_the_chain_of_steps_behind_it_is_long() {
    let ground = Ground::with(plain());
    let heard = Arc::new(Mutex::new(BTreeMap::new()));
    let hearing = Arc::clone(&heard);
    ground.cloud.beside(move |_, operation, _| {
        hearing.lock().unwrap().insert(operation, urgency::current());
    });
    let app = App::of(&["one"])
        .with_api()
        .change(|app| app.fun("one").retention = Some(7));
    ground.deploy(&app).await;
    let heard = heard.lock().unwrap();
    let chain = [
        "CreateRole",
        "CreateFunction",
        "ImportRestApi",
        "CreateDeployment",
    ];
    for pair in chain.windows(2) {
        assert!(heard[pair[0]] > heard[pair[1]], "{heard:?}");
    }
    assert!(heard["CreateLogGroup"] <= heard["CreateDeployment"], "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_new_role_takes_no_slot() {
    let mut ground = Ground::new();
    ground.limits.parallelism = 2;
    let app = many(8).change(|app| {
        for function in app.functions.values_mut() {
            function.retention = Some(7);
        }
    });
    let mut events = Vec::new();
    let begun = Instant::now();
    let outcome = ground
        .run_heard(&Command::Deploy(app), &mut events, StopSignal::never())
        .await
        .unwrap();
    assert_eq!(outcome, Outcome::Done);
    let groups = writes(&ground, "PutRetentionPolicy");
    let ready = ground.cloud.physics().role;
    assert!(
        groups.iter().all(|call| call.at < ready),
        "the groups wait for nobody"
    );
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Waiting { on, .. } if on == "the new role"))
    );
    assert!(begun.elapsed() < ready + Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn a_stop_launches_nothing_more_and_waits_for_what_is_in_flight() {
    let mut ground = Ground::with(plain());
    ground.limits.parallelism = 4;
    ground.deploy(&App::of(&[])).await;
    let (sender, signal) = StopSignal::new();
    let command = Command::Deploy(many(20));
    let stop = async {
        while writes(&ground, "CreateFunction").len() < 8 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        sender.send(Some("asked to stop".to_owned())).unwrap();
        Instant::now()
    };
    let mut events = Vec::new();
    let (outcome, asked) = tokio::join!(ground.run_heard(&command, &mut events, signal), stop);
    assert_eq!(
        outcome.unwrap(),
        Outcome::Open {
            why: "asked to stop".to_owned()
        }
    );
    assert_eq!(writes(&ground, "CreateFunction").len(), 8);
    assert_eq!(ground.cloud.world().functions.len(), 8);
    assert!(asked.elapsed() < ground.limits.stop);
    let told = |event: &Event| matches!(event, Event::Said { code, text, .. } if code == "stopping" && text.contains("5 s"));
    assert!(events.iter().any(told), "{events:?}");
    assert_eq!(ground.run(&command).await.unwrap(), Outcome::Done);
    super::oracle::check_recorded(&ground, "after the stop");
    assert_eq!(
        writes(&ground, "CreateFunction").len(),
        20,
        "nothing is made twice"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_ever() {
    let ground = Ground::with(Physics {
        latency: Duration::from_secs(100),
        ..plain()
    });
    let (sender, signal) = StopSignal::new();
    let command = Command::Deploy(many(1));
    let stop = async {
        while writes(&ground, "CreateRole").is_empty() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        sender.send(Some("asked to stop".to_owned())).unwrap();
        Instant::now()
    };
    let mut events = Vec::new();
    let (outcome, asked) = tokio::join!(ground.run_heard(&command, &mut events, signal), stop);
    assert!(matches!(outcome.unwrap(), Outcome::Open { .. }));
    assert!(asked.elapsed() <= ground.limits.stop + Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn intents_that_become_ready_together_are_one_append() {
    let ground = Ground::with(plain());
    ground.deploy(&App::of(&[])).await;
    let before = ground.store.appends();
    ground.deploy(&many(20)).await;
    // Begin and all intents; the first end; while that is made durable, all others; the commit.
    assert_eq!(ground.store.appends() - before, 4);
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_deploy_is_two_rounds_of_reads_at_most() {
    let ground = Ground::new();
    let app = super::corpus::full();
    ground.deploy(&app).await;
    // Right behind a commit a look waits until it shows what was written.
    ground.settle().await;
    let begun = Instant::now();
    let calls = ground.cloud.log().len();
    assert_eq!(ground.deploy(&app).await, Outcome::Unchanged);
    assert!(begun.elapsed() <= 2 * ground.cloud.physics().latency);
    // One for each resource, the API's two, one list of log groups.
    assert_eq!(ground.cloud.log().len() - calls, 1 + 2 + 2 + 1 + 2 + 1);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_functions_are_no_other_matter_than_ten() {
    let ground = Ground::with(plain());
    let begun = Instant::now();
    assert_eq!(ground.deploy(&many(1000)).await, Outcome::Done);
    // The look at the role and then at the functions, the role, and rounds of 32 functions, each of three calls.
    let calls = 1 + 1000_u32.div_ceil(32) + 4 + 3 * 1000_u32.div_ceil(32);
    let (took, bound) = (begun.elapsed(), calls * ground.cloud.physics().latency);
    assert!(took <= bound * 11 / 10, "took {took:?}, bound {bound:?}");
    assert_eq!(ground.deploy(&many(1000)).await, Outcome::Unchanged);
    assert_eq!(ground.run(&Command::Delete).await.unwrap(), Outcome::Done);
}
