//! Walks drawn by a seed.

use grail_providers::fake::Physics;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::app::{App, Fun, Http, Site, Socket, Source};
use super::super::ground::Command;
use super::{Leg, Stumble, Walk};

const LEGS: usize = 4;

/// Storms, refusals and deaths, and functions behind one API.
pub(super) fn in_bad_weather(seed: u64) -> Walk {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let physics = Physics {
        dropped_arrive: rng.random_bool(0.5),
        ..Physics::default()
    };
    walk(&mut rng, physics, functions, |_, _| {})
}

/// The same among all kinds, with all that the field knows beside.
pub(super) fn in_the_field(seed: u64) -> Walk {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let physics = Physics::of_the_field(rng.random());
    walk(&mut rng, physics, everything, |rng, stumble| {
        stumble.full = rng.random_bool(0.15).then(|| rng.random_range(0..20));
        if rng.random_bool(0.2) {
            stumble.clock = [-86_400, -20, 20, 1_000][rng.random_range(0..4)];
        }
    })
}

fn walk(
    rng: &mut ChaCha8Rng,
    physics: Physics,
    app: fn(&mut ChaCha8Rng) -> App,
    more: impl Fn(&mut ChaCha8Rng, &mut Stumble),
) -> Walk {
    let leg = |_| {
        let stumbles = (0..rng.random_range(0..4)).map(|_| {
            let mut stumble = stumble(rng, app);
            more(rng, &mut stumble);
            stumble
        });
        Leg {
            stumbles: stumbles.collect(),
            to: app(rng),
        }
    };
    Walk {
        physics,
        legs: (0..LEGS).map(leg).collect(),
    }
}

fn stumble(rng: &mut ChaCha8Rng, app: fn(&mut ChaCha8Rng) -> App) -> Stumble {
    let command = match rng.random_range(0..8) {
        0 => Command::Delete,
        1 => Command::Rollback,
        _ => Command::Deploy(app(rng)),
    };
    Stumble {
        command,
        storm: Some(rng.random()),
        refused: rng.random_bool(0.3).then(|| rng.random_range(0..12)),
        death: rng
            .random_bool(0.5)
            .then(|| (rng.random_range(0..15), rng.random_bool(0.5))),
        full: None,
        clock: 0,
    }
}

fn functions(rng: &mut ChaCha8Rng) -> App {
    let mut app = App::of(&[]);
    app.policy = rng.random_range(0..3);
    app.trust = rng.random_range(0..2);
    for name in ["one", "two", "three"] {
        if rng.random_bool(0.6) {
            let function = Fun {
                called: rng.random_bool(0.2).then(|| format!("{name}-other")),
                code: rng.random_range(0..3),
                memory: 128 * rng.random_range(1..3),
                description: Some(["", "sums"][rng.random_range(0..2)]),
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

fn everything(rng: &mut ChaCha8Rng) -> App {
    let mut app = functions(rng);
    app.layer = rng.random_bool(0.4).then(|| rng.random_range(1..3));
    for (name, function) in &mut app.functions {
        function.source = rng.random_bool(0.7).then(|| source(rng, name));
    }
    let handlers: Vec<_> = app.functions.keys().cloned().collect();
    if !handlers.is_empty() && rng.random_bool(0.4) {
        let mut socket = Socket::handled_by(&handlers[rng.random_range(0..handlers.len())]);
        for route in ["$connect", "$disconnect"] {
            match rng.random_range(0..3) {
                0 => drop(socket.routes.remove(route)),
                1 => {
                    let handler = handlers[rng.random_range(0..handlers.len())].clone();
                    socket.routes.insert(route, handler);
                }
                _ => {}
            }
        }
        socket.site = site(rng, "ws.example.com");
        app.socket = Some(socket);
    }
    if let Some(http) = &mut app.api {
        http.site = site(rng, "api.example.com");
    }
    app
}

fn source(rng: &mut ChaCha8Rng, function: &str) -> Source {
    let second = rng.random_bool(0.5);
    let which = |first, other| if second { other } else { first };
    let prefix = match function {
        "one" => "a/",
        "two" => "b/",
        _ => "c/",
    };
    match rng.random_range(0..6) {
        0 => Source::bucket(which("photos", "papers"), prefix),
        1 => Source::topic(which("news", "alarms")),
        2 => Source::queue(which("jobs", "chores")),
        3 => Source::stream(which("clicks", "views")),
        4 => Source::schedule(which("rate(1 hour)", "rate(2 hours)")),
        _ => Source::Pattern(which(r#"{"source": ["aws.s3"]}"#, r#"{"source": ["aws.ec2"]}"#)),
    }
}

fn site(rng: &mut ChaCha8Rng, domain: &'static str) -> Option<Site> {
    rng.random_bool(0.5).then(|| Site {
        prefix: if rng.random_bool(0.5) { "" } else { "v2" },
        certificate: rng.random_range(1..3),
        tag: rng.random_bool(0.3).then_some("x"),
        ..Site::at(domain)
    })
}
