//! `replicas`: as many stages over one, two and three processes with one state, each stage due again every second.
//!
//! Every call takes a while, as it does far away, so that it is waiting that a replica is busy with and not the processor of the
//! one machine that all of this shares. Then one of the three is killed, and its stages must be another's within half a minute.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use crate::fleet::{Cloud, Layout, Machine, Replica};
use crate::passes::Passes;

/// How long a dead replica's stages may be nobody's.
const TAKEN_OVER: Duration = Duration::from_secs(30);
/// A limit for hangs: what takes longer than this does not come.
const PATIENCE: u32 = 600;
const MOST: usize = 3;

#[derive(Debug, Args)]
pub(crate) struct Replicas {
    /// How many stages.
    #[arg(long, default_value_t = 60)]
    stages: usize,
    /// For how many seconds the passes of each number of replicas are counted.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many milliseconds each call takes longer.
    #[arg(long, default_value_t = 200)]
    latency: u64,
    /// How many passes a replica makes at once.
    #[arg(long, default_value_t = 2)]
    concurrency: usize,
    /// The grail to try; without it, one is built.
    #[arg(long)]
    pub(crate) binary: Option<PathBuf>,
}

/// The processes of one round.
struct Round {
    living: Vec<Replica>,
    passes: Passes,
}

impl Round {
    fn hear(&mut self) {
        for replica in &mut self.living {
            let events = replica.hear();
            self.passes.take(&replica.name, &events);
        }
    }

    fn wait(&mut self, time: Duration) {
        for _ in 0..time.as_millis() / 100 {
            std::thread::sleep(Duration::from_millis(100));
            self.hear();
        }
    }

    /// Waits until it is so. False where it is not so after minutes.
    fn until(&mut self, is_so: impl Fn(&Passes) -> bool) -> bool {
        for _ in 0..PATIENCE {
            self.wait(Duration::from_secs(1));
            if is_so(&self.passes) {
                return true;
            }
        }
        false
    }

    /// Passes that ended well between two moments, and by how many processes.
    fn between(&self, from: Timestamp, to: Timestamp) -> (usize, usize) {
        let inside = |at: Timestamp| from <= at && at < to;
        let all = self.passes.iter().map(|(_, pass)| pass);
        let done = all.filter(|pass| pass.end == "converged" && pass.to.is_some_and(inside));
        let by: Vec<_> = done.map(|pass| pass.by.clone()).collect();
        (by.len(), by.iter().collect::<BTreeSet<_>>().len())
    }

    fn end(mut self) -> Passes {
        for replica in &self.living {
            replica.running.terminate();
        }
        for mut replica in std::mem::take(&mut self.living) {
            while !replica.running.has_ended() {
                std::thread::sleep(Duration::from_millis(50));
            }
            let events = replica.hear();
            self.passes.take(&replica.name, &events);
        }
        self.passes
    }
}

impl Replicas {
    /// Prints the tables; whether all was as it must be.
    pub(crate) fn run(&self, binary: &Path) -> bool {
        let cloud = Cloud::start();
        let layout = Layout {
            projects: 6,
            stages: self.stages.div_ceil(6),
            interval: "1s".to_owned(),
            concurrency: self.concurrency,
        };
        let keys = layout.keys();
        let machines: Vec<_> = (0..MOST)
            .map(|number| Machine::new(&format!("r{number}"), binary, &cloud, &layout, true))
            .collect();
        println!(
            "{} stages, each due again after 1 s; every call takes {} ms longer; {} passes at once in each replica",
            keys.len(),
            self.latency,
            self.concurrency
        );
        let everyone = |passes: &Passes| {
            keys.iter()
                .all(|key| passes.of(key).iter().any(|pass| pass.end == "converged"))
        };
        // Deployed once, without the latency.
        let mut round = begin(&machines[..1]);
        if !round.until(everyone) {
            println!("FAILED: the stages did not converge: {:?}", round.passes.ends());
            return false;
        }
        round.end();
        cloud.account.delay_each(Duration::from_millis(self.latency));
        let mut good = true;
        let mut rates = Vec::new();
        println!("| replicas | passes a minute | made by | beside one replica | two at a time |");
        println!("| ---: | ---: | ---: | ---: | ---: |");
        for count in 1..=MOST {
            let mut round = begin(&machines[..count]);
            good &= round.until(everyone);
            // Stages move while replicas find each other.
            round.wait(Duration::from_secs(5));
            let from = now();
            round.wait(Duration::from_secs(self.seconds));
            let to = now();
            cloud.account.forget_calls();
            cloud.state.forget_calls();
            let (done, by) = round.between(from, to);
            let took = to.duration_since(from).as_secs_f64();
            let rate = done as f64 * 60.0 / took;
            rates.push(rate);
            let died = (count == MOST).then(|| Self::takes_over(&machines, &layout, &mut round));
            let overlaps = round.end().overlaps();
            println!(
                "| {count} | {rate:.0} | {by} | {:.2} | {} |",
                rate / rates[0],
                overlaps.len()
            );
            overlaps
                .iter()
                .for_each(|overlap| println!("FAILED: at a time: {overlap}"));
            good &= overlaps.is_empty() && by == count;
            if let Some(taken) = died {
                good &= tell(&taken);
            }
        }
        // From two on the processors of this machine may bind.
        if rates[1..].iter().any(|rate| *rate <= rates[0]) {
            println!("FAILED: more replicas do not carry more than one");
            good = false;
        }
        good
    }

    /// Kills one of them while it is at work; for each of its stages, how long it took until another began a pass.
    ///
    /// The stages are due once a minute by then: where all are always due, each waits for its turn longer than for its carrier.
    fn takes_over(
        machines: &[Machine],
        layout: &Layout,
        round: &mut Round,
    ) -> BTreeMap<String, Option<Duration>> {
        let calm = Layout {
            interval: "1m".to_owned(),
            ..layout.clone()
        };
        for machine in machines {
            machine.configure(&calm.configuration(|_| String::new()));
        }
        round.wait(Duration::from_secs(20));
        let dying = round.living.remove(0);
        let (name, said) = dying.kill();
        let at = now();
        round.passes.take(&name, &said);
        round.passes.died(&name, at);
        let mut last = BTreeMap::new();
        for (key, pass) in round.passes.iter() {
            last.insert(key.clone(), pass.by.clone());
        }
        let its: Vec<_> = last
            .into_iter()
            .filter(|(_, by)| *by == name)
            .map(|(key, _)| key)
            .collect();
        let again = |passes: &Passes, key: &str| {
            let pass = passes
                .of(key)
                .iter()
                .find(|pass| pass.from > at && pass.end == "converged");
            pass.map(|pass| Duration::try_from(pass.from.duration_since(at)).unwrap_or_default())
        };
        let names = its.clone();
        round.until(move |passes| names.iter().all(|key| again(passes, key).is_some()));
        its.into_iter()
            .map(|key| (key.clone(), again(&round.passes, &key)))
            .collect()
    }
}

fn begin(machines: &[Machine]) -> Round {
    Round {
        living: machines.iter().map(Machine::start).collect(),
        passes: Passes::default(),
    }
}

/// Prints how soon the stages of the dead one were another's.
fn tell(taken: &BTreeMap<String, Option<Duration>>) -> bool {
    let mut times: Vec<_> = taken.values().flatten().copied().collect();
    times.sort_unstable();
    let missing = taken.len() - times.len();
    let (first, middle, last) = match times.as_slice() {
        [] => Default::default(),
        times => (times[0], times[times.len() / 2], times[times.len() - 1]),
    };
    println!("\n| killed: its stages | first taken over | median | last | never |");
    println!("| ---: | ---: | ---: | ---: | ---: |");
    println!(
        "| {} | {:.1} s | {:.1} s | {:.1} s | {missing} |",
        taken.len(),
        first.as_secs_f64(),
        middle.as_secs_f64(),
        last.as_secs_f64()
    );
    let good = missing == 0 && !times.is_empty() && first <= TAKEN_OVER && last <= TAKEN_OVER;
    if !good {
        println!("FAILED: not every stage was another's within {TAKEN_OVER:?}");
    }
    good
}

/// The time of day, as other processes tell it.
fn now() -> Timestamp {
    Timestamp::now()
}
