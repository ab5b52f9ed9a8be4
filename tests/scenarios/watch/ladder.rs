//! A job that is cancelled: SIGINT, 7.5 s later SIGTERM, 2.5 s later SIGKILL. At whatever moment it comes, running again ends it.

use std::time::Duration;

use grail_tests::cli::{Run, Running};
use grail_tests::proxy::{Effect, Fault, On};

use crate::ground::Ground;

const STEPS: [Duration; 2] = [Duration::from_millis(7_500), Duration::from_millis(2_500)];

/// How a CI service ends a job.
fn cancel(running: Running) -> Run {
    running.interrupt();
    let running = match outlives(running, STEPS[0]) {
        Ok(run) => return run,
        Err(running) => running,
    };
    running.terminate();
    match outlives(running, STEPS[1]) {
        Ok(run) => run,
        Err(running) => running.kill(),
    }
}

fn outlives(mut running: Running, patience: Duration) -> Result<Run, Running> {
    const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
    for _ in 0..patience.as_millis() / BETWEEN_LOOKS.as_millis() {
        if running.has_ended() {
            return Ok(running.wait());
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Err(running)
}

/// Which writes of a first deployment, counted from 1, are cancelled at: a few of them, by seed.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "another sample is asked for in the environment, and what is drawn is shown"
)]
fn instants(writes: usize) -> Vec<usize> {
    let wish = std::env::var("GRAIL_SEED").ok();
    let seed: usize = wish.and_then(|text| text.parse().ok()).unwrap_or(1);
    let (first, step) = (seed * 7 % writes, 1 + writes / 3);
    let drawn = (0..3)
        .map(|number| (first + number * step) % writes + 1)
        .collect();
    println!("cancelled at writes {drawn:?} of {writes} (GRAIL_SEED={seed})");
    drawn
}

#[test]
fn a_job_that_is_cancelled_anywhere_is_taken_up_by_the_next() {
    let undisturbed = Ground::shop();
    let writes = undisturbed.deploy().writes().len();
    let wanted = undisturbed.world();
    let jobs: [&[&str]; 2] = [
        &["deploy", "--ci"],
        &["watch", "--ci", "--until-converged", "--follow", "off"],
    ];
    for (number, at) in instants(writes).into_iter().enumerate() {
        // One that is answered slowly, and one that is never answered.
        let blow = match number % 2 {
            0 => Fault::Delay(Duration::from_millis(700)),
            _ => Fault::Silence(Effect::Done),
        };
        let (ground, job, name) = (Ground::shop(), jobs[number % 2], blow.name());
        let struck = ground.proxy.inject(On::writes().nth(at), blow);
        let mut running = ground.grail().start(job);
        while struck.struck() == 0 {
            assert!(!running.has_ended(), "it ended before write {at}");
            std::thread::sleep(Duration::from_millis(2));
        }
        let run = cancel(running);
        assert!(matches!(run.code, Some(0 | 6)), "write {at}, {name}: {run}");
        ground.proxy.heal();
        ground.proxy.come_to_rest();
        ground
            .run(&["watch", "--ci", "--until-converged", "--timeout", "5m"])
            .expect_success();
        let names = ("taken up", "undisturbed");
        ground.world().assert_same_as(&wanted, names);
        ground.assert_at_rest();
    }
}

#[test]
fn a_watch_that_waits_ends_when_it_has_come_or_is_of_no_use() {
    let ground = Ground::shop();
    ground
        .proxy
        .inject(On::operation("CreateFunction"), Fault::access_denied());
    ground.run(&["watch", "--ci", "--until-converged"]).expect_code(3);
    ground.proxy.heal();
    ground
        .run(&["watch", "--ci", "--until-converged"])
        .expect_success();
    ground
        .run(&["watch", "--ci", "--until-converged"])
        .expect_success();
    // Nothing answers any more.
    ground.proxy.inject(On::everything(), Fault::Throttle);
    let words = ["watch", "--ci", "--until-converged", "--timeout", "3s"];
    let run = ground.run(&words).expect_code(6);
    assert!(run.stderr.contains("did not come to rest within 3.0s"), "{run}");
    ground.proxy.heal();
    // What only an edit can mend is not waited for.
    ground.project.write("app.py", "def broken(:\n");
    ground.run(&["watch", "--ci", "--until-converged"]).expect_code(1);
}
