//! How long a first deployment takes against the time that nobody can beat, in virtual time.
//!
//! The graphs and their bounds are those of the engine's own tests (`engine/trials/graphs.rs`); the cloud is the simulated
//! one with AWS's rates, kept by the pacer that keeps them before AWS. A call takes 50 ms and up to 90 ms more on its way, a
//! new function is usable after 2 s, a new role after 8 s.
//!
//! ```console
//! $ cargo bench -p grail --bench makespan
//! ```

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot run says why and ends")]

use std::sync::Arc;
use std::time::Duration;

use grail::engine::{Clock, Engine, Limits, NoEvents, NoProjection, OnFailure, Ports, StopSignal};
use grail::event::Outcome;
use grail::plan::Consent;
use grail_providers::fake::{Cloud, Physics, catalog};
use grail_providers::pace::Pacer;
use grail_state::artifacts::MemoryArtifacts;
use grail_state::seal::Keys;
use grail_state::store::memory::MemoryStore;
use grail_state::store::{Holder, Wait};
use jiff::Timestamp;

#[path = "../src/engine/trials/graphs.rs"]
mod graphs;

use graphs::{Graph, app, bound, bound_of_looks, chain, fan, layered};

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("making a runtime");
    println!("| graph | resources | calls | most writes in flight | bound | makespan | ratio | throttled |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for size in [10, 100, 1_000, 10_000] {
        let layers = [2, 5, 10].map(|layers| layered(size, layers, size as u64));
        for graph in [chain(size), fan(size)].into_iter().chain(layers) {
            runtime.block_on(row(&graph));
        }
    }
    for functions in [50, 500] {
        runtime.block_on(row(&app(functions)));
    }
}

/// Deploys a graph where nothing is, then once more.
async fn row(graph: &Graph) {
    let physics = Physics {
        jitter: Duration::from_millis(90),
        ..Physics::default()
    };
    let cloud = Cloud::new(physics.clone()).with_quotas().paced(Pacer::default());
    let engine = engine(&cloud, graph);
    let least = bound(graph, &physics, true).whole();
    let (outcome, took) = deployed(&engine, graph).await;
    assert_eq!(outcome, Outcome::Done, "{}", graph.name);
    let (calls, size) = (cloud.log().len(), graph.desired.resources.len());
    print(&graph.name, size, (calls, &cloud), least, took);
    if graph.name.starts_with("app") {
        let throttled = cloud.throttled();
        tokio::time::sleep(Duration::from_secs(60)).await;
        let (outcome, took) = deployed(&engine, graph).await;
        assert_eq!((outcome, cloud.throttled()), (Outcome::Unchanged, throttled));
        let looks = cloud.log().len() - calls;
        print(
            &format!("{}, unchanged", graph.name),
            size,
            (looks, &cloud),
            bound_of_looks(graph, &physics),
            took,
        );
    }
}

fn print(name: &str, size: usize, (calls, cloud): (usize, &Cloud), least: Duration, took: Duration) {
    let (least, took) = (least.as_secs_f64(), took.as_secs_f64());
    let (peak, throttled) = (cloud.peak(), cloud.throttled());
    println!(
        "| {name} | {size} | {calls} | {peak} | {least:.1} s | {took:.1} s | {:.2} | {throttled} |",
        took / least
    );
}

fn engine(cloud: &Cloud, graph: &Graph) -> Engine {
    let keys = Keys::from_master(&[7; 32]);
    Engine {
        catalog: Arc::new(catalog(cloud, &Arc::new(keys.digester))),
        store: Arc::new(MemoryStore::new(graph.desired.stack.clone())),
        artifacts: Arc::new(MemoryArtifacts::default()),
        sealer: Arc::new(keys.sealer),
        limits: Limits::paced(Limits::default().parallelism),
        clock: Clock::starting_at(Timestamp::UNIX_EPOCH),
        home: None,
    }
}

async fn deployed(engine: &Engine, graph: &Graph) -> (Outcome, Duration) {
    let holder = Holder {
        who: "bench".to_owned(),
        host: "bench".to_owned(),
        pid: 1,
        command: "deploy".to_owned(),
        since: Timestamp::UNIX_EPOCH,
        job: None,
    };
    let mut ports = Ports {
        records: &mut NoProjection,
        events: &mut NoEvents,
        stop: StopSignal::never(),
    };
    let begun = tokio::time::Instant::now();
    let mut session = engine.open(holder, Wait::No).await.expect("opening the state");
    let consent = Consent::default();
    let deployed = session.deploy(&graph.desired, &consent, OnFailure::Rollback, None, &mut ports);
    (deployed.await.expect("deploying"), begun.elapsed())
}
