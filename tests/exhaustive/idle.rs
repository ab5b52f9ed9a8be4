//! `idle`: one service over many stages that do not change: what it needs in memory, and how much it reads.
//!
//! The reads that are configured follow from the interval: so many passes a minute as there are stages in it, each with the reads
//! of one pass over an unchanged stage.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::fleet::{Cloud, Layout, Machine, Replica};
use crate::gauges::Look;
use crate::passes::Passes;

/// What the service may have in memory, in MiB.
const MEMORY: u64 = 256;
/// What of it may be more after some minutes than after the first passes, in MiB: what an allocator keeps.
const GROWTH: u64 = 32;
/// How far chance (a tenth of each interval) and the edges of the time that is looked at may bring more reads.
const SLACK: f64 = 1.25;
/// A limit for hangs, in seconds: the first passes deploy every stage.
const PATIENCE: u64 = 3600;

#[derive(Debug, Args)]
pub(crate) struct Idle {
    /// How many stages; ten projects have them.
    #[arg(long, default_value_t = 1000)]
    stages: usize,
    /// For how many minutes it is looked at, once every stage is deployed.
    #[arg(long, default_value_t = 6)]
    minutes: u64,
    /// How often each stage is looked at, in seconds.
    #[arg(long, default_value_t = 300)]
    interval: u64,
    /// The grail to try; without it, one is built.
    #[arg(long)]
    pub(crate) binary: Option<PathBuf>,
}

impl Idle {
    /// Prints the table; whether all was as it must be.
    pub(crate) fn run(&self, binary: &Path) -> bool {
        let cloud = Cloud::start();
        let layout = Layout {
            projects: 10,
            stages: self.stages.div_ceil(10),
            interval: format!("{}s", self.interval),
            concurrency: 4,
        };
        let machine = Machine::new("idle", binary, &cloud, &layout, false);
        let mut replica = machine.start();
        let mut passes = Passes::default();
        println!(
            "{} stages, each looked at every {} s",
            layout.all(),
            self.interval
        );
        if !deployed(&cloud, &mut replica, &mut passes, layout.all()) {
            println!("FAILED: not every stage converged: {:?}", passes.ends());
            return false;
        }
        let begun = Look::at(replica.running.id());
        println!("| minute | memory | descriptors | threads | passes | reads | writes |");
        println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        println!(
            "| 0 | {} MiB | {} | {} | | | |",
            begun.mebibytes(),
            begun.descriptors,
            begun.threads
        );
        let (mut reads, mut writes, mut done, mut most, mut last) = (0, 0, 0, begun.mebibytes(), begun);
        for minute in 1..=self.minutes {
            cloud.account.forget_calls();
            let before = passes.ended("converged");
            std::thread::sleep(Duration::from_secs(60));
            let calls = cloud.account.take_calls();
            passes.take("idle", &replica.hear());
            last = Look::at(replica.running.id());
            let ended = passes.ended("converged") - before;
            println!(
                "| {minute} | {} MiB | {} | {} | {ended} | {} | {} |",
                last.mebibytes(),
                last.descriptors,
                last.threads,
                calls.reads().len(),
                calls.writes().len()
            );
            most = most.max(last.mebibytes());
            (reads, writes, done) = (
                reads + calls.reads().len(),
                writes + calls.writes().len(),
                done + ended,
            );
        }
        replica.running.terminate();
        replica.running.wait();
        self.judge(&layout, [reads, writes, done], most, (begun, last))
    }

    fn judge(&self, layout: &Layout, counts: [usize; 3], most: u64, (begun, last): (Look, Look)) -> bool {
        let [reads, writes, done] = counts;
        let minutes = self.minutes as f64;
        let each = reads as f64 / done.max(1) as f64;
        let configured = layout.all() as f64 * 60.0 / self.interval as f64;
        let budget = configured * each.ceil();
        let rate = reads as f64 / minutes;
        println!("\n| | is | may be |");
        println!("| --- | ---: | ---: |");
        println!("| memory at most | {most} MiB | {MEMORY} MiB |");
        println!(
            "| passes a minute | {:.0} | {configured:.0} |",
            done as f64 / minutes
        );
        println!("| reads of a pass | {each:.1} | |");
        println!("| reads a minute | {rate:.0} | {budget:.0} |");
        println!("| writes | {writes} | 0 |");
        let grown = last.mebibytes().saturating_sub(begun.mebibytes());
        let rules = [
            (most <= MEMORY, "it has too much in memory"),
            (grown <= GROWTH, "what it has in memory grows"),
            (
                last.descriptors <= begun.descriptors + 16,
                "what it has open grows",
            ),
            (
                done > 0 && done as f64 / minutes <= configured * SLACK,
                "it makes more passes than it is told to",
            ),
            (rate <= budget * SLACK, "it reads more than it is told to"),
            (writes == 0, "it writes where nothing changes"),
        ];
        for (_, why) in rules.iter().filter(|(good, _)| !good) {
            println!("FAILED: {why}");
        }
        rules.iter().all(|(good, _)| *good)
    }
}

/// Waits until every stage has converged once.
fn deployed(cloud: &Cloud, replica: &mut Replica, passes: &mut Passes, all: usize) -> bool {
    for second in 0..PATIENCE {
        std::thread::sleep(Duration::from_secs(1));
        // What is recorded is not needed, and grows.
        cloud.account.forget_calls();
        passes.take("idle", &replica.hear());
        let well = passes.iter().filter(|(_, pass)| pass.end == "converged");
        let stages: BTreeMap<_, _> = well.collect();
        if second % 30 == 29 {
            let memory = Look::at(replica.running.id()).mebibytes();
            eprintln!("{} of {all} stages are deployed; {memory} MiB", stages.len());
        }
        if stages.len() >= all {
            return true;
        }
    }
    false
}
