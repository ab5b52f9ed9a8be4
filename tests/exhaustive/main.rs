//! What is too long for the ordinary tests: every case there is, and the service in hard use for minutes.
//!
//! `cargo run -p grail-tests -- soak`, `replicas` and `idle` run the real `grail serve` on loopback, each in a module of its own
//! here; they print a table, and their exit code is 1 where what they look for was not so.
//!
//! `cargo run -p grail-tests -- exhaustive`: every case of [`grail_tests::exhaustive`], or those that are named.
//!
//! It builds grail first, unless `--binary` names one, goes through the stories one after the other, and through the cases of
//! a story several at a time. A case that fails is told at once, with the command that plays it again; at the end all are
//! counted. The exit code is 1 where one failed.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a command finds, it prints"
)]
#![expect(
    clippy::expect_used,
    reason = "what keeps the harness from going on ends it with a sentence"
)]

mod fleet;
mod gauges;
mod idle;
mod passes;
mod replicas;
mod soak;
mod tally;

use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::{Args, Parser, Subcommand};
use grail_tests::exhaustive::{Case, Chapter, Cloud, Pattern, SUBJECTS, Story, Subject};

use tally::Tally;

#[derive(Debug, Parser)]
#[command(name = "grail-tests", about = "What is too long for the ordinary tests")]
struct CommandLine {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Strike every write of every story in every way, with the real program.
    Exhaustive(Exhaustive),
    /// Three replicas of the service with edits, faults, reloads and deaths, for minutes; then all must be well.
    Soak(soak::Soak),
    /// What more replicas carry, and how soon a dead one's stages move.
    Replicas(replicas::Replicas),
    /// What one service needs over many stages that do not change.
    Idle(idle::Idle),
}

#[derive(Debug, Args)]
struct Exhaustive {
    /// Which cases: `<subject>/<chapter>/<blow>[/<then>]`. A part may end in `*`; parts at the end may be left out.
    patterns: Vec<String>,
    /// How many cases at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Only so many of each story's cases, drawn by the seed.
    #[arg(long)]
    sample: Option<usize>,
    /// What draws the sample.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Leave out what this pattern takes. May be given more than once.
    #[arg(long)]
    skip: Vec<String>,
    /// On MiniStack instead of moto: those subjects that it can hold.
    #[arg(long)]
    ministack: bool,
    /// The grail to try; without it, one is built.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Only name the cases, with the operation that each strikes.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let what = CommandLine::parse().what;
    let named = match &what {
        What::Exhaustive(wish) => &wish.binary,
        What::Soak(wish) => &wish.binary,
        What::Replicas(wish) => &wish.binary,
        What::Idle(wish) => &wish.binary,
    };
    let named = named.as_ref().and_then(|path| path.canonicalize().ok());
    let Some(binary) = named.or_else(built) else {
        eprintln!("grail could not be built");
        return ExitCode::FAILURE;
    };
    let is_good = match what {
        What::Exhaustive(wish) => wish.run(&binary),
        What::Soak(wish) => wish.run(&binary),
        What::Replicas(wish) => wish.run(&binary),
        What::Idle(wish) => wish.run(&binary),
    };
    match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

impl Exhaustive {
    /// Whether every case went well.
    fn run(&self, binary: &Path) -> bool {
        let mut tally = Tally::default();
        for subject in SUBJECTS {
            for chapter in Chapter::ALL {
                if self.takes_story(&subject, chapter) {
                    let story = Story::rehearsed(subject, chapter, self.cloud(), binary);
                    self.tell(&story, &mut tally);
                }
            }
        }
        println!("{tally}");
        tally.is_good()
    }

    fn takes_story(&self, subject: &Subject, chapter: Chapter) -> bool {
        let takes = |text: &String| Pattern::new(text).takes_story(subject, chapter);
        let fits = !self.ministack || subject.fits_ministack();
        fits && (self.patterns.is_empty() || self.patterns.iter().any(takes))
    }

    fn failed(&self, case: &Case<'_>, why: &str) {
        let operation = case.operation().unwrap_or("every operation");
        let on = if self.ministack { " --ministack" } else { "" };
        println!("\nFAILED {case} ({operation})\n{why}");
        println!("again: cargo run -p grail-tests -- exhaustive{on} '{case}'\n");
    }

    fn cloud(&self) -> Cloud {
        if self.ministack {
            Cloud::MiniStack
        } else {
            Cloud::Moto
        }
    }

    fn cases<'a>(&self, story: &'a Story) -> Vec<Case<'a>> {
        let taken =
            |texts: &[String], case: &Case<'_>| texts.iter().any(|text| Pattern::new(text).takes_case(case));
        let mut cases = Case::all(story);
        cases.retain(|case| self.patterns.is_empty() || taken(&self.patterns, case));
        cases.retain(|case| !taken(&self.skip, case));
        match self.sample {
            Some(most) => Case::drawn(cases, most, self.seed),
            None => cases,
        }
    }

    /// Plays the cases of a story.
    fn tell(&self, story: &Story, tally: &mut Tally) {
        let cases = self.cases(story);
        if self.list {
            for case in &cases {
                println!("{case} ({})", case.operation().unwrap_or("every operation"));
            }
            return;
        }
        println!("{}: {} writes, {} cases", story.name(), story.writes, cases.len());
        let next = AtomicUsize::new(0);
        let shared = Mutex::new(tally);
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let outcome = played(case);
                        let mut tally = shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        tally.count(case, &outcome);
                        if let Err(why) = outcome {
                            self.failed(case, &why);
                        }
                        let done = next.load(Ordering::Relaxed).min(cases.len());
                        eprint!("\r{} {done}/{} {tally}  ", story.name(), cases.len());
                        let _ = std::io::stderr().flush();
                    }
                });
            }
        });
        eprintln!();
    }
}

/// A case that panics failed in the harness: that is told like any other failure.
fn played(case: &Case<'_>) -> Result<(), String> {
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| case.play()));
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("the harness failed: {}", text.unwrap_or_default()))
    })
}

/// Builds grail with the cargo that runs this, and finds it beside this program.
fn built() -> Option<PathBuf> {
    let build = Command::new("cargo")
        .args(["build", "-p", "grail", "--bin", "grail"])
        .status();
    let own = std::env::current_exe().ok()?;
    let beside = own.parent()?.join("grail");
    (build.is_ok_and(|status| status.success()) && beside.is_file()).then_some(beside)
}
