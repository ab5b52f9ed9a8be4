//! `soak`: three replicas of the real service over tens of stages, for minutes, with all that may befall them at seeded moments:
//! edits, other configurations and wrong ones, deaths, a cloud and a state that fail. Then the weather clears, everything is
//! edited once more, and all must come to rest as it was wanted last.
//!
//! The seed decides what is done and after which pause; what that meets is the machine's own doing, so a seed that failed is
//! tried again with the same deeds, not with the same passes. The first replica is never killed: what it needs
//! where it carries everything alone must be the same afterwards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use grail_tests::proxy::{Effect, Fault, On, Proxy};
use jiff::Timestamp;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::fleet::{Cloud, Layout, Machine, Replica, function_of};
use crate::gauges::{Look, Looks};
use crate::passes::Passes;

/// What the first replica may have more after than before, in MiB: what an allocator keeps.
const MEMORY: u64 = 48;
/// The same for open files and threads: connections, and tools that are being started.
const OPEN: usize = 16;
/// A limit for hangs, in seconds: within it all is at rest after the weather has cleared.
const PATIENCE: u64 = 600;
const REPLICAS: usize = 3;

#[derive(Debug, Args)]
pub(crate) struct Soak {
    /// For how many minutes.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// What decides what happens when; without it, the time.
    #[arg(long)]
    seed: Option<u64>,
    /// How many projects, each with eight stages.
    #[arg(long, default_value_t = 5)]
    projects: usize,
    /// The grail to try; without it, one is built.
    #[arg(long)]
    pub(crate) binary: Option<PathBuf>,
}

/// A replica's machine, with the process that runs on it, if one does.
struct Place {
    machine: Machine,
    replica: Option<Replica>,
    lives: usize,
    looks: Looks,
}

/// What was done so far.
#[derive(Default)]
struct Deeds(BTreeMap<&'static str, usize>);

impl Deeds {
    fn count(&mut self, deed: &'static str) {
        *self.0.entry(deed).or_default() += 1;
    }
}

/// All of it.
struct Site {
    cloud: Cloud,
    layout: Layout,
    places: Vec<Place>,
    passes: Passes,
    deeds: Deeds,
    chance: ChaCha8Rng,
    good: bool,
}

impl Soak {
    /// Plays it, and prints what came of it; whether all was as it must be.
    pub(crate) fn run(&self, binary: &Path) -> bool {
        let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
        let seed = self.seed.unwrap_or(now);
        println!(
            "seed {seed}: again with `cargo run -p grail-tests -- soak --minutes {} --seed {seed}`",
            self.minutes
        );
        let mut site = Site::new(binary, self.projects, seed);
        let before = site.alone();
        site.storm(Duration::from_secs(60 * self.minutes));
        site.clears();
        let after = site.alone();
        site.ends();
        site.compares(before, after);
        println!(
            "{}",
            if site.good {
                "all is well"
            } else {
                "not all is well"
            }
        );
        site.good
    }
}

impl Site {
    fn new(binary: &Path, projects: usize, seed: u64) -> Self {
        let cloud = Cloud::start();
        let layout = Layout {
            projects,
            stages: 8,
            interval: "5s".to_owned(),
            concurrency: 2,
        };
        let place = |number| {
            let machine = Machine::new(&format!("r{number}"), binary, &cloud, &layout, true);
            Place {
                machine,
                replica: None,
                lives: 0,
                looks: Looks::default(),
            }
        };
        let places = (0..REPLICAS).map(place).collect();
        Self {
            cloud,
            layout,
            places,
            passes: Passes::default(),
            deeds: Deeds::default(),
            chance: ChaCha8Rng::seed_from_u64(seed),
            good: true,
        }
    }

    /// What the first replica needs where it carries everything: before and after, the same is asked of it. The least of some
    /// looks, since a pass opens something for its time.
    fn alone(&mut self) -> Look {
        for place in &mut self.places[1..] {
            if let Some(replica) = &place.replica {
                replica.running.terminate();
            }
            if let Some(mut replica) = place.replica.take() {
                while !replica.running.has_ended() {
                    std::thread::sleep(Duration::from_millis(50));
                }
                std::thread::sleep(Duration::from_millis(100));
                let said = replica.hear();
                self.passes.take(&replica.name, &said);
            }
        }
        self.start(0);
        let began = (Timestamp::now(), tokio::time::Instant::now());
        let keys = self.layout.keys();
        let own = |passes: &Passes, key: &String| {
            let since = passes.of(key).iter().filter(|pass| pass.from > began.0);
            since
                .filter(|pass| pass.by.starts_with("r0 ") && pass.end == "converged")
                .count()
                >= 2
        };
        while !keys.iter().all(|key| own(&self.passes, key)) {
            if began.1.elapsed() > Duration::from_secs(PATIENCE) {
                self.fails("the first replica does not carry every stage where it is alone");
                break;
            }
            self.wait(Duration::from_secs(1));
        }
        let Some(id) = self.places[0]
            .replica
            .as_ref()
            .map(|replica| replica.running.id())
        else {
            return Look::default();
        };
        let mut looks = Looks::default();
        for _ in 0..40 {
            looks.look(id);
            self.wait(Duration::from_millis(250));
        }
        looks.least()
    }

    fn fails(&mut self, why: &str) {
        println!("FAILED: {why}");
        self.good = false;
    }

    fn start(&mut self, number: usize) {
        let place = &mut self.places[number];
        if place.replica.is_none() {
            // With a wrong one it would not begin.
            place
                .machine
                .configure(&self.layout.configuration(|_| String::new()));
            let mut replica = place.machine.start();
            place.lives += 1;
            replica.name = format!("{} ({})", place.machine.name, place.lives);
            place.replica = Some(replica);
        }
    }

    /// Lets this time go by, and hears what the replicas say. One that ends by itself is a failure.
    fn wait(&mut self, time: Duration) {
        let until = tokio::time::Instant::now() + time;
        loop {
            let mut ended = None;
            for place in &mut self.places {
                let Some(replica) = &mut place.replica else {
                    continue;
                };
                let said = replica.hear();
                self.passes.take(&replica.name, &said);
                if replica.running.has_ended() {
                    ended = place.replica.take();
                }
            }
            if let Some(replica) = ended {
                let name = replica.name.clone();
                let run = replica.running.wait();
                self.passes.died(&name, Timestamp::now());
                self.fails(&format!(
                    "{name} has ended by itself: {:?} {}",
                    run.code, run.stderr
                ));
            }
            // What is recorded is not needed, and grows.
            self.cloud.account.forget_calls();
            self.cloud.state.forget_calls();
            if tokio::time::Instant::now() >= until {
                return;
            }
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    /// One deed after the other, for so long.
    fn storm(&mut self, time: Duration) {
        (0..REPLICAS).for_each(|number| self.start(number));
        let (mut looked, mut told) = (tokio::time::Instant::now(), tokio::time::Instant::now());
        let until = looked + time;
        while tokio::time::Instant::now() < until {
            let pause = self.chance.random_range(500..3000);
            self.wait(Duration::from_millis(pause));
            self.acts();
            if looked.elapsed() >= Duration::from_secs(3) {
                looked = tokio::time::Instant::now();
                for place in &mut self.places {
                    if let Some(replica) = &place.replica {
                        place.looks.look(replica.running.id());
                    }
                }
            }
            if told.elapsed() >= Duration::from_secs(30) {
                told = tokio::time::Instant::now();
                self.tell();
            }
        }
    }

    fn acts(&mut self) {
        let project = self.chance.random_range(0..self.layout.projects);
        let number = self.chance.random_range(0..1_000_000_u32);
        match self.chance.random_range(0..100) {
            0..35 => {
                self.deeds.count("edits");
                for place in &self.places {
                    place.machine.edit(project, &format!("edition {number}"));
                }
            }
            35..50 => {
                self.deeds.count("other configurations");
                let options = |other| match other == project {
                    true => format!("max_deletes = {}\nparallelism = {}", number % 7, 1 + number % 32),
                    false => String::new(),
                };
                let text = self.layout.configuration(options);
                self.places
                    .iter()
                    .for_each(|place| place.machine.configure(&text));
            }
            50..55 => {
                self.deeds.count("wrong configurations");
                let text = self.layout.configuration(|_| "nonsense = 1".to_owned());
                self.places
                    .iter()
                    .for_each(|place| place.machine.configure(&text));
            }
            55..75 => {
                self.deeds.count("faults of the account");
                let fault = drawn(&mut self.chance, true);
                strike(&self.cloud.account, fault, number as usize % 4 + 1);
            }
            75..85 => {
                self.deeds.count("faults of the state");
                let fault = drawn(&mut self.chance, false);
                strike(&self.cloud.state, fault, number as usize % 3 + 1);
            }
            85..91 => self.kills(1 + number as usize % (REPLICAS - 1)),
            _ => (1..REPLICAS).for_each(|number| {
                if self.chance.random_bool(0.7) {
                    self.start(number);
                }
            }),
        }
    }

    fn kills(&mut self, number: usize) {
        if let Some(replica) = self.places[number].replica.take() {
            self.deeds.count("deaths");
            let (name, last) = replica.kill();
            self.passes.take(&name, &last);
            self.passes.died(&name, Timestamp::now());
        }
    }

    /// The faults are over, everything is wanted once more, and comes.
    fn clears(&mut self) {
        self.cloud.account.heal();
        self.cloud.state.heal();
        self.tell();
        (0..REPLICAS).for_each(|number| self.start(number));
        let text = self.layout.configuration(|_| String::new());
        for place in &self.places {
            place.machine.configure(&text);
            for project in 0..self.layout.projects {
                place.machine.edit(project, "as wanted last");
            }
        }
        let keys = self.layout.keys();
        let began = tokio::time::Instant::now();
        let mut late = keys.clone();
        while !late.is_empty() && began.elapsed() < Duration::from_secs(PATIENCE) {
            self.wait(Duration::from_secs(2));
            let is = self.cloud.descriptions();
            late.retain(|key| is.get(&function_of(key)).map(String::as_str) != Some("as wanted last"));
        }
        println!(
            "every stage is as it was wanted last {:.0} s after the weather cleared",
            began.elapsed().as_secs_f64()
        );
        if !late.is_empty() {
            self.fails(&format!("these did not converge: {late:?}"));
        }
        self.wait(Duration::from_secs(12));
        let stuck = |key: &String| {
            self.passes
                .of(key)
                .iter()
                .rfind(|pass| pass.to.is_some())
                .map(|pass| pass.end.clone())
        };
        let ends: BTreeMap<_, _> = keys
            .iter()
            .map(|key| (key.clone(), stuck(key).unwrap_or_default()))
            .collect();
        for (key, end) in ends.iter().filter(|(_, end)| *end != "converged") {
            self.fails(&format!("the last pass of {key} ended {end}"));
        }
    }

    /// What was done and what came of it, in one line.
    fn tell(&self) {
        let alive = self.places.iter().filter(|place| place.replica.is_some()).count();
        println!(
            "{:?}; passes {:?}; {alive} replicas live",
            self.deeds.0,
            self.passes.ends()
        );
    }

    fn ends(&mut self) {
        let mut last = Vec::new();
        for place in &mut self.places {
            if let Some(replica) = &place.replica {
                last.push((replica.name.clone(), Look::at(replica.running.id())));
                replica.running.terminate();
            }
        }
        for place in &mut self.places {
            if let Some(mut replica) = place.replica.take() {
                while !replica.running.has_ended() {
                    std::thread::sleep(Duration::from_millis(50));
                }
                std::thread::sleep(Duration::from_millis(100));
                let said = replica.hear();
                self.passes.take(&replica.name, &said);
            }
        }
        self.tell();
        self.gauges(&last);
        for overlap in self.passes.overlaps() {
            self.fails(&format!("two passes of a stage at a time: {overlap}"));
        }
        self.counts();
        let unlike = self.places[0].machine.unlike();
        for one in unlike {
            self.fails(&format!("its plan is not empty: {one}"));
        }
    }

    /// Each pass that somebody began is numbered in the state, one number after the other. Who dies may have numbered one that it
    /// did not tell of any more.
    fn counts(&mut self) {
        let numbered: u64 = self.cloud.numbered().values().sum();
        let told = self.passes.iter().count() as u64;
        let deaths = self.deeds.0.get("deaths").copied().unwrap_or_default() as u64;
        println!("{told} passes were told of, {numbered} are numbered in the state, {deaths} deaths");
        let apart = numbered.abs_diff(told);
        if apart > deaths * 4 + told / 100 {
            self.fails("what was told of and what is numbered are too far apart");
        }
    }

    fn gauges(&mut self, last: &[(String, Look)]) {
        println!("| replica | lives | looks | early | late | most | at the end |");
        println!("| --- | ---: | ---: | --- | --- | --- | --- |");
        // Who carries more stages needs more: these are for the eye.
        let shown = |look: &Look| {
            format!(
                "{} MiB, {} files, {} threads",
                look.mebibytes(),
                look.descriptors,
                look.threads
            )
        };
        for place in &self.places {
            let (early, late) = place.looks.early_and_late().unwrap_or_default();
            let end = last
                .iter()
                .find(|(name, _)| name.starts_with(&place.machine.name));
            println!(
                "| {} | {} | {} | {} | {} | {} | {} |",
                place.machine.name,
                place.lives,
                place.looks.len(),
                shown(&early),
                shown(&late),
                shown(&place.looks.most()),
                end.map(|(_, look)| shown(look)).unwrap_or_default()
            );
        }
    }

    fn compares(&mut self, before: Look, after: Look) {
        println!("\n| the first replica, alone | memory | files | threads |");
        println!("| --- | ---: | ---: | ---: |");
        for (when, look) in [("before", before), ("after", after)] {
            let (memory, files, threads) = (look.mebibytes(), look.descriptors, look.threads);
            println!("| {when} | {memory} MiB | {files} | {threads} |");
        }
        if after.mebibytes() > before.mebibytes() + MEMORY {
            self.fails("what the first replica has in memory grows");
        }
        if after.descriptors > before.descriptors + OPEN || after.threads > before.threads + OPEN {
            self.fails("what the first replica has open grows");
        }
    }
}

/// What goes wrong with a call. What is refused for good is of the account alone.
fn drawn(chance: &mut ChaCha8Rng, account: bool) -> Fault {
    let lost = [
        Fault::Throttle,
        Fault::ServerError(Effect::None),
        Fault::ServerError(Effect::Done),
        Fault::Drop(Effect::None),
        Fault::Drop(Effect::Done),
        Fault::Reset(Effect::None),
        Fault::Reset(Effect::Done),
        Fault::Delay(Duration::from_secs(2)),
    ];
    if account && chance.random_bool(0.15) {
        return Fault::access_denied();
    }
    lost.choose(chance).cloned().unwrap_or(Fault::Throttle)
}

/// The next calls that write, or any, suffer it.
fn strike(proxy: &Proxy, fault: Fault, times: usize) {
    let on = match times % 2 {
        0 => On::writes(),
        _ => On::everything(),
    };
    proxy.inject_in_turn(on, &vec![fault; times]);
}
