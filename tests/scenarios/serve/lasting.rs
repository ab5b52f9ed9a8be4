//! A service that goes on: what it has open does not grow, whatever comes and goes meanwhile.

use std::fs;
use std::path::Path;
use std::time::Duration;

use grail_tests::patience::until;

use super::{Service, named, save};
use crate::stand::Stand;

/// Reloads, and stages that move to another process and back.
const ROUNDS: usize = 6;
/// Passes in each of them.
const PASSES: usize = 40;
/// What may be open at one moment and not at another: a connection, a tool that is being started.
const SLACK: usize = 6;

/// How many descriptors the process has open, and how many threads: the fewest of some looks, since a pass opens some for its time.
fn open(service: &Service) -> (usize, usize) {
    let of = |what: &str| {
        let folder = format!("/proc/{}/{what}", service.running.id());
        fs::read_dir(&folder).map_or(0, Iterator::count)
    };
    let looks = (0..100).map(|_| {
        std::thread::sleep(Duration::from_millis(20));
        (of("fd"), of("task"))
    });
    looks.fold((usize::MAX, usize::MAX), |least, look| {
        (least.0.min(look.0), least.1.min(look.1))
    })
}

fn configure(config: &Path, shop: &Path, stages: &str) {
    let shop = shop.display();
    save(
        config,
        &format!("concurrency = 2\n[projects.shop]\npath = '{shop}'\ninterval = '1s'\nstages = [{stages}]\n"),
    );
}

fn ended(service: &Service) -> usize {
    service.count("pass_ended", None, None)
}

fn goes_on(services: &[&Service], passes: usize) {
    let ended = || services.iter().map(|one| ended(one)).sum::<usize>();
    let before = ended();
    until("so many more passes", || {
        (ended() >= before + passes).then_some(())
    });
}

#[test]
fn what_a_service_has_open_does_not_grow() {
    let stand = Stand::of(named("shop"));
    let config = stand.project.beside("service").with_extension("toml");
    let shop = stand.project.root();
    let all = "'a', 'b', 'c', 'd'";
    configure(&config, shop, all);
    let service = Service::start(&stand.grail, &config);
    goes_on(&[&service], PASSES);
    let mut moved = 0;
    let before = open(&service);
    for round in 0..ROUNDS {
        // One stage is carried otherwise, one is gone and comes back, and some move to another process and back.
        configure(
            &config,
            shop,
            &format!("'a', 'b', {{ name = 'c', max_deletes = {round} }}"),
        );
        service.until_said("configured", 2 + 2 * round);
        let other = Service::start(&stand.grail, &config);
        other.until_said("configured", 1);
        goes_on(&[&service, &other], PASSES / 2);
        moved += ended(&other);
        configure(&config, shop, all);
        service.until_said("configured", 3 + 2 * round);
        other.running.terminate();
        other.running.wait();
        goes_on(&[&service], PASSES / 2);
    }
    assert!(moved > 0, "no stage has moved");
    let after = open(&service);
    println!(
        "{} passes: {before:?} descriptors and threads before, {after:?} after",
        ended(&service)
    );
    assert!(
        after.0 <= before.0 + SLACK && after.1 <= before.1 + SLACK,
        "{before:?} were open, and {after:?} are after {} passes",
        ended(&service)
    );
    service.running.terminate();
    service.running.wait();
}
