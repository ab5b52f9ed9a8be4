//! Runs cases on all cores, counts them, and says of each that fails how to run it alone.
//!
//! A suite with more cases than a change should wait for draws some of them by a seed that it prints: `GRAIL_SEED=<number>`
//! draws others, `GRAIL_TRIALS=<number>` runs so many times as many, `GRAIL_TRIALS=all` all, and `GRAIL_CASE=<part of a name>`
//! those alone whose names contain it.

use std::any::Any;
use std::cell::Cell;
use std::fmt::Write as _;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use futures::FutureExt;
use grail_state::Digest;

thread_local! {
    /// The commands that were run on this thread.
    static COMMANDS: Cell<usize> = const { Cell::new(0) };
}

/// Counts a command.
pub(super) fn count_command() {
    COMMANDS.set(COMMANDS.get() + 1);
}

/// The cases of one suite, or of a part of it.
#[derive(Clone)]
pub(super) struct Tally {
    suite: &'static str,
    only: Option<String>,
    /// How many random walks were asked for.
    walks: Option<String>,
    /// One case in so many is run.
    one_in: u64,
    seed: u64,
    cases: usize,
    commands: usize,
    passed_over: usize,
    failed: Vec<(String, String)>,
}

/// Runs `work` for each of `items`, on as many threads as there are cores, each on a paused clock of its own. Of the cases
/// one in `one_in` is run, unless all are asked for.
pub(super) fn suite<T: Sync>(
    name: &'static str,
    one_in: u64,
    items: &[T],
    work: impl AsyncFn(&T, &mut Tally) + Sync,
) {
    let empty = Tally::new(name, one_in);
    let next = AtomicUsize::new(0);
    let some = || {
        let mut tally = empty.clone();
        let before = COMMANDS.get();
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_time().start_paused(true).build().unwrap();
            runtime.block_on(work(item, &mut tally));
        }
        tally.commands = COMMANDS.get() - before;
        tally
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let parts: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(some)).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    parts.into_iter().fold(empty, Tally::and).close();
}

impl Tally {
    #[expect(
        clippy::disallowed_methods,
        reason = "which cases to run is asked of whoever runs the tests"
    )]
    fn new(suite: &'static str, one_in: u64) -> Self {
        let times = match std::env::var("GRAIL_TRIALS").as_deref() {
            Ok("all") => u64::MAX,
            Ok(times) => times.parse().unwrap(),
            Err(_) => 1,
        };
        let only = std::env::var("GRAIL_CASE").ok();
        let seed = std::env::var("GRAIL_SEED").ok();
        Self {
            suite,
            one_in: if only.is_some() { 1 } else { one_in.div_ceil(times) },
            only,
            walks: std::env::var("GRAIL_WALKS").ok(),
            seed: seed.and_then(|text| text.parse().ok()).unwrap_or(20_260_101),
            cases: 0,
            commands: 0,
            passed_over: 0,
            failed: Vec::new(),
        }
    }

    /// Runs a case, if it is one of those that are to be run.
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

    fn and(mut self, part: Self) -> Self {
        self.cases += part.cases;
        self.commands += part.commands;
        self.passed_over += part.passed_over;
        self.failed.extend(part.failed);
        self
    }

    /// Prints the count; panics with the failed cases, if there are any.
    fn close(mut self) {
        let mut count = format!("{}: {} cases", self.suite, self.cases);
        if self.passed_over > 0 {
            let all = self.cases + self.passed_over;
            write!(count, " of {all}, seed {}", self.seed).unwrap();
        }
        println!("{count}, {} commands", self.commands);
        assert!(self.only.is_some() || self.cases > 0, "{}: no cases", self.suite);
        self.failed.sort();
        if let Some((first, why)) = self.failed.first() {
            let names: Vec<_> = self.failed.iter().map(|(name, _)| name.as_str()).collect();
            let walks = self.walks.iter().map(|many| format!("GRAIL_WALKS={many} "));
            let walks: String = walks.collect();
            panic!(
                "{} of {} cases failed:\n  {}\nThe first says:\n{why}\nReplay it: {walks}GRAIL_CASE='{first}' cargo test -p \
                 grail --no-default-features --profile sim --lib {} -- --nocapture",
                self.failed.len(),
                self.cases,
                names.join("\n  "),
                self.suite,
            );
        }
    }
}

/// A number that depends on the seed and the case's name alone, so that a case more draws no other ones.
pub(super) fn draw(seed: u64, name: &str) -> u64 {
    let digest = Digest::of(format!("{seed} {name}").as_bytes());
    let number = digest
        .short()
        .get(..8)
        .and_then(|text| u64::from_str_radix(text, 16).ok());
    number.unwrap_or_default()
}

/// What a panic said.
pub(super) fn said(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}
