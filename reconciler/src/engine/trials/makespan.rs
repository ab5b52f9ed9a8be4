//! How long a deployment takes against the time that nobody can beat (`graphs.rs`), in virtual time and under AWS's rates.

use std::time::Duration;

use grail_providers::fake::Physics;
use grail_providers::pace::Pacer;
use tokio::time::Instant;

use super::graphs::{Graph, app, bound, bound_of_looks, chain, fan, layered};
use super::ground::Ground;
use crate::engine::Limits;
use crate::event::Outcome;

/// How much longer than its bound a deployment may take.
const GOAL: f64 = 1.10;

/// An empty account whose services count calls, and a caller who paces them.
fn paced(physics: Physics) -> Ground {
    let mut ground = Ground::with(physics);
    ground.limits = Limits::paced(ground.limits.parallelism);
    ground.cloud = ground.cloud.with_quotas().paced(Pacer::default());
    ground
}

/// Deploys where nothing is. How many times the bound it took, and how many calls were throttled.
async fn deployed(graph: &Graph, physics: &Physics) -> (f64, usize) {
    let ground = paced(physics.clone());
    let begun = Instant::now();
    assert_eq!(
        ground.deploy_desired(&graph.desired).await,
        Outcome::Done,
        "{}",
        graph.name
    );
    let (took, bound) = (begun.elapsed(), bound(graph, physics, true));
    let ratio = took.as_secs_f64() / bound.whole().as_secs_f64();
    println!("{}: {took:?}, bound {bound:?}, ratio {ratio:.3}", graph.name);
    (ratio, ground.cloud.throttled())
}

#[tokio::test(start_paused = true)]
async fn every_graph_is_made_in_little_more_than_its_bound_and_nothing_is_throttled() {
    let graphs = [10, 100, 1000].into_iter().flat_map(|size| {
        let layers = [2, 5].map(|layers| layered(size, layers, size as u64));
        [chain(size), fan(size)].into_iter().chain(layers)
    });
    for graph in graphs {
        let (ratio, throttled) = deployed(&graph, &Physics::default()).await;
        assert!((0.999..=GOAL).contains(&ratio), "{}: {ratio:.3}", graph.name);
        assert_eq!(throttled, 0, "{}", graph.name);
    }
}

#[tokio::test(start_paused = true)]
async fn five_hundred_functions_are_never_throttled_though_requests_overtake_each_other() {
    let physics = Physics {
        jitter: Duration::from_millis(90),
        ..Physics::default()
    };
    let (ratio, throttled) = deployed(&app(500), &physics).await;
    assert_eq!(throttled, 0);
    assert!(ratio <= GOAL, "{ratio:.3}");
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_deploy_of_five_hundred_functions_takes_as_long_as_its_looks() {
    let physics = Physics::default();
    let (graph, ground) = (app(500), paced(physics.clone()));
    ground.deploy_desired(&graph.desired).await;
    // Whatever was used up is there again.
    ground.settle().await;
    let (begun, calls) = (Instant::now(), ground.cloud.log().len());
    assert_eq!(ground.deploy_desired(&graph.desired).await, Outcome::Unchanged);
    let ratio = begun.elapsed().as_secs_f64() / bound_of_looks(&graph, &physics).as_secs_f64();
    assert!((0.999..=GOAL).contains(&ratio), "{ratio:.3}");
    assert_eq!(ground.cloud.throttled(), 0);
    // One for each resource, and one list of log groups.
    assert_eq!(ground.cloud.log().len() - calls, 1 + 3 * 500 + 1);
}
