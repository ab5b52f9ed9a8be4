//! grail beside the real Chalice: whole processes, one emulated account each, 50 ms added to every call.
//!
//! Both deploy, deploy again unchanged, and delete the project that uses every kind (`tests/fixtures/everything`). Both are
//! warmed by one deploy and delete beforehand, so that what is made once for a machine (environments, built requirements,
//! compiled Python, the emulator's own imports) is counted for neither. The times are those of the wall, from the start of
//! the process to its end; the median of the runs is shown, with the fastest and the slowest.
//!
//! ```console
//! $ cargo bench -p grail --bench beside_chalice            # GRAIL_ROUNDS=5 for more rounds
//! ```

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot run says why and ends")]
#![expect(
    clippy::disallowed_methods,
    reason = "it measures real time, and is told in the environment how often"
)]

use std::time::{Duration, Instant};

use grail_tests::account::Account;
use grail_tests::chalice::Chalice;
use grail_tests::cli::{Grail, Run};
use grail_tests::emulator::Moto;
use grail_tests::fixtures::{EVERYTHING, Fixture};
use grail_tests::project::Project;
use grail_tests::proxy::{Calls, Proxy};

/// What is added to every call.
const LATENCY: Duration = Duration::from_millis(50);
/// Rounds of each tool, if `GRAIL_ROUNDS` does not say.
const ROUNDS: usize = 3;
const STAGE: &str = "dev";

/// What a run of one command came to.
struct Measured {
    took: Duration,
    calls: Calls,
}

/// The runs of one tool: deploy, deploy again, delete.
#[derive(Default)]
struct Tool {
    rounds: Vec<[Measured; 3]>,
}

const COMMANDS: [(&str, &str); 3] = [
    ("first deploy", "deploy"),
    ("unchanged redeploy", "deploy"),
    ("delete", "delete"),
];

/// An account, the way to it, and a project.
struct Ground {
    _moto: Moto,
    proxy: Proxy,
    project: Project,
}

impl Ground {
    fn new(fixture: &Fixture) -> Self {
        let moto = Moto::start();
        let proxy = Proxy::before_moto(&moto.endpoint());
        let project = fixture.prepared(&Account::at(&proxy.quiet_endpoint()));
        Self {
            _moto: moto,
            proxy,
            project,
        }
    }

    /// Warms the tool, then measures it.
    fn measure(&self, rounds: usize, run: impl Fn(&str) -> Run) -> Tool {
        for command in ["deploy", "delete"] {
            run(command).expect_success();
        }
        self.proxy.delay_each(LATENCY);
        let mut tool = Tool::default();
        for _ in 0..rounds {
            tool.rounds.push(COMMANDS.map(|(_, command)| {
                self.proxy.forget_calls();
                let begun = Instant::now();
                run(command).expect_success();
                Measured {
                    took: begun.elapsed(),
                    calls: self.proxy.calls(),
                }
            }));
        }
        tool
    }
}

impl Tool {
    /// All runs of one command, the fastest first.
    fn runs(&self, command: usize) -> Vec<&Measured> {
        let mut runs: Vec<_> = self.rounds.iter().map(|round| &round[command]).collect();
        runs.sort_by_key(|run| run.took);
        runs
    }

    fn median(&self, command: usize) -> &Measured {
        let runs = self.runs(command);
        runs[runs.len() / 2]
    }

    fn print(&self, name: &str) {
        for (place, (what, _)) in COMMANDS.iter().enumerate() {
            let (runs, median) = (self.runs(place), self.median(place));
            println!(
                "| {name} | {what} | {} | {} | {} | {} | {:.2} s | {:.2} to {:.2} s |",
                median.calls.len(),
                median.calls.writes().len(),
                median.calls.max_in_flight(),
                median.calls.longest_row().len(),
                median.took.as_secs_f64(),
                runs[0].took.as_secs_f64(),
                runs[runs.len() - 1].took.as_secs_f64(),
            );
        }
    }
}

fn main() {
    let rounds = std::env::var("GRAIL_ROUNDS").ok();
    let rounds = rounds.map_or(ROUNDS, |text| {
        text.parse().expect("GRAIL_ROUNDS is a number of rounds")
    });
    assert!(rounds > 0, "GRAIL_ROUNDS is a number of rounds");

    let ground = Ground::new(&EVERYTHING);
    let chalice = Chalice::new(&ground.project, &ground.proxy.endpoint());
    let theirs = ground.measure(rounds, |command| chalice.run(&[command, "--stage", STAGE]));
    drop(ground);

    let ground = Ground::new(&EVERYTHING);
    let grail = Grail::new(
        env!("CARGO_BIN_EXE_grail"),
        &ground.project,
        &ground.proxy.endpoint(),
    );
    let ours = ground.measure(rounds, |command| grail.run(&[command, "--stage", STAGE]));

    println!("| Tool | Command | calls | writes | most in flight | in a row | median | from, to |");
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |");
    theirs.print("Chalice 1.34.0");
    ours.print("grail");
    println!("\nIn a row, by grail:");
    for (place, (what, _)) in COMMANDS.iter().enumerate() {
        let median = ours.median(place);
        let row: Vec<_> = median
            .calls
            .longest_row()
            .iter()
            .map(|call| call.name())
            .collect();
        println!("{what}: {}", row.join(", "));
    }
    println!();
    for (place, (what, _)) in COMMANDS.iter().enumerate() {
        let (slow, fast) = (theirs.median(place).took, ours.median(place).took);
        println!(
            "{what}: {:.1} times as fast",
            slow.as_secs_f64() / fast.as_secs_f64()
        );
    }
}
