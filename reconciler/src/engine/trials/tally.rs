//! Runs cases, counts them, and says of each that fails how to run it alone.
//!
//! A suite with more cases than a change should wait for draws some of them by a seed that it prints: `GRAIL_SEED=<number>`
//! draws others, `GRAIL_DEATHS=all` runs all.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use grail_state::Digest;

/// The cases of one suite.
pub(super) struct Tally {
    suite: &'static str,
    only: Option<String>,
    /// One case in so many is run.
    one_in: u64,
    seed: u64,
    cases: usize,
    passed_over: usize,
    failed: Vec<(String, String)>,
}

impl Tally {
    /// A suite of which every case is run.
    pub(super) fn new(suite: &'static str) -> Self {
        Self::sampled(suite, 1)
    }

    /// A suite of which one case in `one_in` is run, unless all are asked for.
    #[expect(
        clippy::disallowed_methods,
        reason = "which cases to run is asked of whoever runs the tests"
    )]
    pub(super) fn sampled(suite: &'static str, one_in: u64) -> Self {
        let all = std::env::var("GRAIL_DEATHS").is_ok_and(|wish| wish == "all");
        let only = std::env::var("GRAIL_CASE").ok();
        let seed = std::env::var("GRAIL_SEED").ok();
        Self {
            suite,
            one_in: if all || only.is_some() { 1 } else { one_in },
            only,
            seed: seed.and_then(|text| text.parse().ok()).unwrap_or(20_260_101),
            cases: 0,
            passed_over: 0,
            failed: Vec::new(),
        }
    }

    pub(super) async fn case(&mut self, name: String, trial: impl Future<Output = ()>) {
        if !self.wants(&name) {
            return;
        }
        self.cases += 1;
        if let Err(panic) = AssertUnwindSafe(trial).catch_unwind().await {
            self.failed.push((name, said(&*panic)));
        }
    }

    fn wants(&mut self, name: &str) -> bool {
        if let Some(only) = &self.only {
            return name.contains(only);
        }
        if self.one_in == 1 || draw(self.seed, name).is_multiple_of(self.one_in) {
            return true;
        }
        self.passed_over += 1;
        false
    }

    /// Prints the count; panics with the failed cases, if there are any.
    pub(super) fn close(self) {
        match self.passed_over {
            0 => println!("{}: {} cases", self.suite, self.cases),
            more => println!(
                "{}: {} of {} cases, seed {}",
                self.suite,
                self.cases,
                self.cases + more,
                self.seed
            ),
        }
        assert!(self.only.is_some() || self.cases > 0, "{}: no cases", self.suite);
        if let Some((first, why)) = self.failed.first() {
            let names: Vec<_> = self.failed.iter().map(|(name, _)| name.as_str()).collect();
            panic!(
                "{} of {} cases failed:\n  {}\nThe first says:\n{why}\nReplay it: GRAIL_CASE='{first}' cargo test -p grail \
                 --no-default-features --lib {} -- --nocapture",
                self.failed.len(),
                self.cases,
                names.join("\n  "),
                self.suite,
            );
        }
    }
}

/// A number that depends on the seed and the case's name alone, so that a case more draws no other ones.
fn draw(seed: u64, name: &str) -> u64 {
    let digest = Digest::of(format!("{seed} {name}").as_bytes());
    let number = digest
        .short()
        .get(..8)
        .and_then(|text| u64::from_str_radix(text, 16).ok());
    number.unwrap_or_default()
}

fn said(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}
