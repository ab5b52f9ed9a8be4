//! Three machines with a copy of the project each, and one state: in every round all of them deploy, watch, delete or go back at once,
//! each something of its own, and some are killed in the middle. After each round there is one application, it is what the last
//! of them made, and the state knows all of it.
//!
//! The rounds are drawn by a seed that is printed; `GRAIL_SEED=<number>` draws others, `GRAIL_ROUNDS=<number>` more of them.

use std::collections::{BTreeMap, BTreeSet};

use grail_tests::cli::{Grail, Run, Running};
use grail_tests::project::Project;
use grail_tests::proxy::{Effect, Fault, On, Proxy};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use serde_json::Value;

use super::{CANARY, Team, greet, shop};

/// Rounds of an ordinary run.
const ROUNDS: usize = 3;
/// Who works on the shop.
const WHO: [&str; 3] = ["ann", "bob", "cem"];
/// The words with which a command waits for its turn.
const WAITS: [&str; 2] = ["--lock-timeout", "10m"];

/// What somebody does in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Deploy,
    /// A watch until it has deployed.
    Watch,
    Delete,
    Rollback,
    /// A deployment whose machine is struck down at this write, which takes effect or not.
    Die(usize, Effect),
}

impl Deed {
    fn words(self) -> Vec<&'static str> {
        let mut words = match self {
            Self::Deploy | Self::Die(..) => vec!["deploy"],
            Self::Watch => vec!["watch", "--until-converged", "--follow", "off"],
            Self::Delete => vec!["delete"],
            Self::Rollback => vec!["rollback"],
        };
        words.extend(WAITS);
        words
    }

    fn deploys(self) -> bool {
        matches!(self, Self::Deploy | Self::Watch | Self::Die(..))
    }
}

/// A machine with a copy of the project and a way to the account of its own.
struct Machine {
    who: &'static str,
    project: Project,
    proxy: Proxy,
    grail: Grail,
}

impl Machine {
    fn new(team: &Team, who: &'static str) -> Machine {
        let (project, proxy) = (shop(), Proxy::before_moto(&team.moto.endpoint()));
        let grail = team.machine_behind(&proxy, &project, who);
        Machine {
            who,
            project,
            proxy,
            grail,
        }
    }

    /// Begins to do it. Where the machine is to die, it has been given what it dies of.
    fn begin(&self, deed: Deed) -> Running {
        if let Deed::Die(nth, effect) = deed {
            self.proxy.forget_calls();
            self.proxy.inject(On::writes().nth(nth), Fault::Silence(effect));
        }
        self.grail.start(&deed.words())
    }

    /// The end of it. `None` where it was killed.
    fn end(&self, deed: Deed, mut running: Running) -> Option<Run> {
        let Deed::Die(_, effect) = deed else {
            return Some(running.wait());
        };
        let name = Fault::Silence(effect).name();
        let struck = self.proxy.wait_for(name, || running.has_ended());
        let ended = match struck {
            true => {
                running.kill();
                None
            }
            // It had fewer writes to make.
            false => Some(running.wait()),
        };
        self.proxy.heal();
        ended
    }
}

/// Numbers below `end`.
fn draw(random: &mut ChaCha8Rng, end: usize) -> usize {
    random.next_u32() as usize % end
}

fn drawn(random: &mut ChaCha8Rng, may_die: bool) -> Deed {
    match draw(random, 10) {
        0 | 1 if may_die => {
            let effect = [Effect::Done, Effect::None][draw(random, 2)];
            Deed::Die(1 + draw(random, 6), effect)
        }
        2 | 3 => Deed::Delete,
        4 => Deed::Rollback,
        5 | 6 => Deed::Watch,
        _ => Deed::Deploy,
    }
}

#[test]
fn machines_that_deploy_delete_and_die_at_once_have_one_application() {
    let (seed, rounds) = (wish("GRAIL_SEED").unwrap_or(20_260_101), wish("GRAIL_ROUNDS"));
    let rounds = rounds.map_or(ROUNDS, |rounds| usize::try_from(rounds).unwrap());
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let team = Team::start();
    let machines = WHO.map(|who| Machine::new(&team, who));
    announce(&format!("{rounds} rounds, seed {seed}"));
    let (mut tally, mut url) = (Tally::default(), None);
    for round in 0..rounds {
        // A dead one costs the others the time of its lease, so that in the first rounds one of them dies and no more. Where
        // only the greeting is another, there are two writes.
        let mut deeds = machines.each_ref().map(|_| drawn(&mut random, round >= ROUNDS));
        if round == 0 {
            deeds[draw(&mut random, WHO.len())] = Deed::Watch;
        }
        if round == 1 {
            deeds[draw(&mut random, WHO.len())] = Deed::Die(1 + draw(&mut random, 2), Effect::Done);
        }
        announce(&format!("round {round}: {deeds:?}"));
        let ends = play(&machines, deeds, round);
        tally.check(&team, &machines, deeds, &ends, round);
        let settler = &machines[draw(&mut random, WHO.len())];
        settle(&team, &machines, settler, round);
        tally.deployed(settler.who);
        // Who does not delete does not lose the address.
        let now = settler.grail.run(&["url"]).expect_success().stdout;
        if !deeds.contains(&Deed::Delete) {
            assert_eq!(url.unwrap_or_else(|| now.clone()), now, "another API");
        }
        url = Some(now);
    }
    announce(&format!("{} killed, deployed: {:?}", tally.killed, tally.deploys));
    assert!(rounds < ROUNDS || tally.killed > 0, "nobody died");
    end(&team, &machines);
}

/// All at once, each with a greeting of its own.
fn play(machines: &[Machine; 3], deeds: [Deed; 3], round: usize) -> [Option<Run>; 3] {
    let mut running = Vec::new();
    for (machine, deed) in machines.iter().zip(deeds) {
        greet(&machine.project, &format!("{} {round}", machine.who));
        running.push(machine.begin(deed));
    }
    let mut running = running.into_iter();
    let mut end = |nth: usize| {
        let running = running.next().unwrap();
        machines[nth].end(deeds[nth], running)
    };
    [end(0), end(1), end(2)].map(|ended| ended.map(Run::expect_success))
}

/// What was done so far.
#[derive(Default)]
struct Tally {
    /// Deployments that ended well, by who made them. Each of them had something to change, and so is in the history.
    deploys: BTreeMap<&'static str, usize>,
    killed: usize,
}

impl Tally {
    fn deployed(&mut self, who: &'static str) {
        *self.deploys.entry(who).or_default() += 1;
    }

    /// Fails unless everything that ended well is in the history, and the last of it is what there is.
    fn check(
        &mut self,
        team: &Team,
        machines: &[Machine; 3],
        deeds: [Deed; 3],
        ends: &[Option<Run>; 3],
        round: usize,
    ) {
        for ((machine, deed), ended) in machines.iter().zip(deeds).zip(ends) {
            match (ended, deed) {
                (None, _) => self.killed += 1,
                (Some(_), deed) if deed.deploys() => self.deployed(machine.who),
                _ => {}
            }
        }
        let reports = history(&machines[0].grail);
        for (who, deploys) in &self.deploys {
            let told = format!("deploy by {who}");
            let count = reports.iter().filter(|report| **report == told).count();
            // Who takes up what a dead one has left is told of twice.
            let lost = count < *deploys || (self.killed == 0 && count > *deploys);
            assert!(
                !lost,
                "{deploys} deployments by {who}, and {count} in the history: {reports:?}"
            );
        }
        // Where somebody died, the next one has brought their work to its end, under its own name.
        if ends.iter().any(Option::is_none) {
            return;
        }
        let last = reports.first().map(String::as_str).unwrap_or_default();
        if let Some(who) = last.strip_prefix("deploy by ") {
            team.assert_one_shop();
            // One of an earlier round, where nobody has changed anything since.
            let greets = [
                format!("{who} {round}"),
                format!("settled {}", round.wrapping_sub(1)),
            ];
            let now = greeting(team);
            assert!(
                greets.contains(&now),
                "`{now}` is not what was deployed last: {reports:?}"
            );
            if deeds.contains(&Deed::Deploy) || deeds.contains(&Deed::Watch) {
                assert_eq!(now, greets[0], "an older deployment than the last: {reports:?}");
            }
        } else if last.starts_with("delete by ") {
            let names = team.world().names();
            assert!(
                names["functions"].is_empty() && names["rest_apis"].is_empty(),
                "{names:?}"
            );
        }
    }
}

/// Somebody deploys after everybody is done or dead: from then on there is one application, whoever looks.
fn settle(team: &Team, machines: &[Machine; 3], settler: &Machine, round: usize) {
    let greets = format!("settled {round}");
    for machine in machines {
        greet(&machine.project, &greets);
    }
    settler.grail.run(&Deed::Deploy.words()).expect_success();
    team.assert_one_shop();
    assert_eq!(greeting(team), greets);
    assert_eq!(
        history(&settler.grail).first().map(String::as_str),
        Some(format!("deploy by {}", settler.who).as_str())
    );
    let world = team.world();
    for machine in machines {
        machine.grail.run(&["status"]).expect_success();
        knows_all(team, machine);
        machine.proxy.forget_calls();
        machine.grail.run(&Deed::Deploy.words()).expect_success();
        let writes = machine.proxy.calls().writes();
        assert!(writes.is_empty(), "{} writes: {:?}", machine.who, writes.names());
    }
    team.world().assert_untouched_since(&world);
}

/// Fails unless the state names what is there, and nothing else.
#[track_caller]
fn knows_all(team: &Team, machine: &Machine) {
    let events = machine
        .grail
        .run(&["state", "list", "--output", "json"])
        .expect_success()
        .events();
    assert_eq!(events[0]["doomed"], Value::Array(Vec::new()));
    let resources = events[0]["resources"].as_array().unwrap();
    let of = |kind: &str| -> BTreeSet<String> {
        let handles = resources.iter().filter(|one| one["kind"] == kind);
        let last = |handle: &str| handle.rsplit(':').next().unwrap().to_owned();
        handles.map(|one| last(one["handle"].as_str().unwrap())).collect()
    };
    let names = team.world().names();
    let there = |section: &str| -> BTreeSet<String> { names[section].iter().cloned().collect() };
    assert_eq!(of("lambda_function"), there("functions"));
    assert_eq!(of("iam_role"), there("roles"));
    assert_eq!(of("rest_api").len(), there("rest_apis").len());
}

/// Everybody deletes at once, and nothing is left of the shop.
fn end(team: &Team, machines: &[Machine; 3]) {
    let running: Vec<_> = machines
        .iter()
        .map(|machine| machine.begin(Deed::Delete))
        .collect();
    for running in running {
        running.wait().expect_success();
    }
    let left = team.world().names();
    for section in ["functions", "rest_apis", "roles"] {
        assert!(left[section].is_empty(), "{left:?}");
    }
    team.assert_no_secret();
}

/// What was done, the newest first: `deploy by ann`.
fn history(grail: &Grail) -> Vec<String> {
    let run = grail
        .run(&["history", "--limit", "1000", "--output", "json"])
        .expect_success();
    let reports = run.events().into_iter().map(|event| event["report"].clone());
    let done = reports.filter(|report| report["outcome"] == "done");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    // A watch deploys.
    let verb = |report: &Value| text(&report["command"]).replace("watch", "deploy");
    done.map(|report| format!("{} by {}", verb(&report), text(&report["who"])))
        .collect()
}

/// What the shop greets with.
#[track_caller]
fn greeting(team: &Team) -> String {
    let world = team.world();
    let variables = &world.exact()["functions"]["shop-dev"]["configuration"]["environment"];
    let secret = variables["SECRET"]
        .as_str()
        .unwrap_or_else(|| panic!("no secret in {variables}"));
    secret
        .trim_start_matches(CANARY)
        .trim_start_matches('-')
        .to_owned()
}

#[expect(clippy::print_stdout, reason = "a test that fails shows what it has drawn")]
fn announce(line: &str) {
    println!("{line}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "other rounds are asked for in the environment"
)]
fn wish(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
