//! Random walks: from one random application to the next, in bad weather, with deaths on the way. After each arrival the
//! world is the one that a fresh account would have.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::app::{App, Fun, Http};
use super::ground::{Command, Ground};
use super::oracle::{assert_same, check_recorded, check_still};
use super::tally::suite;
use crate::event::Outcome;
use grail_providers::fake::{Fault, Physics};

/// Walks that once went astray.
const ASTRAY: [u64; 5] = [364, 460, 579, 674, 3483];

/// How many walks are taken if `GRAIL_WALKS` does not say otherwise.
const WALKS: u64 = 60;

fn random_app(rng: &mut ChaCha8Rng) -> App {
    let mut app = App::of(&[]);
    app.policy = rng.random_range(0..3);
    app.trust = rng.random_range(0..2);
    for name in ["one", "two", "three"] {
        if rng.random_bool(0.6) {
            let function = Fun {
                called: rng.random_bool(0.2).then(|| format!("{name}-other")),
                code: rng.random_range(0..3),
                memory: 128 * rng.random_range(1..3),
                secret: format!("secret {}", rng.random_range(0..3)),
                tag: rng.random_bool(0.3).then(|| "x".to_owned()),
                concurrency: rng.random_bool(0.3).then_some(5),
                retention: rng.random_bool(0.5).then(|| rng.random_range(1..3) * 7),
                source: None,
            };
            app.functions.insert(name.to_owned(), function);
        }
    }
    if rng.random_bool(0.7) {
        app.api = Some(Http {
            version: rng.random_range(0..3),
            endpoint: if rng.random_bool(0.8) { "EDGE" } else { "REGIONAL" },
            compression: rng.random_bool(0.3).then_some(1024),
            tracing: rng.random_bool(0.5),
            site: None,
        });
    }
    app
}

/// One command in bad weather. It may die, be refused, or arrive.
async fn stumble(ground: &Ground, command: &Command, rng: &mut ChaCha8Rng) -> Ground {
    ground.cloud.storm(0.15, rng.random());
    if rng.random_bool(0.3) {
        let write = ground.cloud.writes() + rng.random_range(0..12);
        ground.cloud.fail(write, Fault::Refuse);
    }
    let dies = rng.random_bool(0.5);
    if dies {
        ground.cloud.die_in(rng.random_range(0..15), rng.random_bool(0.5));
    }
    tokio::select! {
        biased;
        () = ground.cloud.death(), if dies => {}
        _ = ground.run(command) => {}
    }
    ground.revived()
}

async fn walk(seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut ground = Ground::with(Physics {
        dropped_arrive: rng.random_bool(0.5),
        ..Physics::default()
    });
    for leg in 0..4 {
        for _ in 0..rng.random_range(0..4) {
            let command = match rng.random_range(0..8) {
                0 => Command::Delete,
                1 => Command::Rollback,
                _ => Command::Deploy(random_app(&mut rng)),
            };
            ground = stumble(&ground, &command, &mut rng).await;
        }
        ground.cloud.calm();
        let what = format!("walk {seed}, leg {leg}");
        let app = random_app(&mut rng);
        let command = Command::Deploy(app.clone());
        let outcome = ground.run(&command).await.unwrap();
        assert!(
            matches!(outcome, Outcome::Done | Outcome::Unchanged),
            "{what}: {outcome:?}"
        );
        ground.settle().await;
        let fresh = Ground::new();
        fresh.deploy(&app).await;
        assert_same(
            &fresh.cloud.world().facts(false),
            &ground.cloud.world().facts(false),
            &what,
        );
        check_recorded(&ground, &what);
        check_still(&ground, &command, &what).await;
    }
    assert!(matches!(
        ground.run(&Command::Delete).await.unwrap(),
        Outcome::Done | Outcome::Unchanged
    ));
    let empty = Ground::new().cloud.world().facts(true);
    assert_same(
        &empty,
        &ground.cloud.world().facts(true),
        &format!("walk {seed}, the end"),
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "how many is asked of whoever runs the tests"
)]
fn walks() -> u64 {
    let asked = std::env::var("GRAIL_WALKS").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(WALKS)
}

#[test]
fn random_walks_arrive() {
    let seeds: Vec<u64> = (0..walks()).chain(ASTRAY).collect();
    suite("random_walks_arrive", 1, &seeds, async |seed, tally| {
        tally.case(format!("seed {seed}."), walk(*seed)).await;
    });
}
