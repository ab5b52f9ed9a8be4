//! Runs cases, counts them, and says of each that fails how to run it alone.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;

/// The cases of one suite.
pub(super) struct Tally {
    suite: &'static str,
    only: Option<String>,
    cases: usize,
    failed: Vec<(String, String)>,
}

impl Tally {
    #[expect(
        clippy::disallowed_methods,
        reason = "which cases to run is asked of whoever runs the tests"
    )]
    pub(super) fn new(suite: &'static str) -> Self {
        Self {
            suite,
            only: std::env::var("GRAIL_CASE").ok(),
            cases: 0,
            failed: Vec::new(),
        }
    }

    pub(super) async fn case(&mut self, name: String, trial: impl Future<Output = ()>) {
        if self.only.as_ref().is_some_and(|only| !name.contains(only)) {
            return;
        }
        self.cases += 1;
        if let Err(panic) = AssertUnwindSafe(trial).catch_unwind().await {
            self.failed.push((name, said(&*panic)));
        }
    }

    /// Prints the count; panics with the failed cases, if there are any.
    pub(super) fn close(self) {
        println!("{}: {} cases", self.suite, self.cases);
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

fn said(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}
