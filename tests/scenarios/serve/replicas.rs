//! Several processes with one configuration over one shared state.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use grail_tests::cli::Grail;
use grail_tests::patience::until;
use grail_tests::project::Project;
use grail_tests::proxy::{Effect, Fault, On};
use serde_json::Value;

use super::{Service, named, save};
use crate::shared::Team;

const STAGES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// A machine with a copy of the project of its own.
struct Machine {
    project: Project,
    grail: Grail,
    config: PathBuf,
}

impl Machine {
    fn of(team: &Team, who: &str) -> Self {
        let project = named("shop");
        let config = project.beside("service").with_extension("toml");
        let stages = STAGES.map(|stage| format!("'{stage}'")).join(", ");
        let path = project.root().display();
        save(
            &config,
            &format!(
                "concurrency = 2\n[projects.shop]\npath = '{path}'\nstages = [{stages}]\ninterval = '1h'\n"
            ),
        );
        let grail = team.machine(&project, who);
        Self {
            project,
            grail,
            config,
        }
    }

    fn start(&self) -> Service {
        Service::start(&self.grail, &self.config)
    }
}

/// How many passes of each stage the replicas have written down.
fn numbered(team: &Team) -> BTreeMap<String, usize> {
    let notes = team.objects().into_iter().filter_map(|(key, bytes)| {
        let (_, stage) = key.split_once("/.serve/default/passes/shop/")?;
        let note: Value = serde_json::from_slice(&bytes).expect("a note is JSON");
        Some((stage.to_owned(), usize::try_from(note["number"].as_u64()?).ok()?))
    });
    notes.collect()
}

/// How many passes of the stage were begun by these.
fn begun(services: &[&Service], stage: &str) -> usize {
    services
        .iter()
        .map(|one| one.count("pass_started", Some(("shop", stage)), None))
        .sum()
}

fn converged(services: &[&Service], stage: &str) -> usize {
    services.iter().map(|one| one.converged("shop", stage)).sum()
}

#[test]
fn three_processes_share_the_stages_and_the_dead_ones_are_taken_over() {
    let team = Team::start();
    let machines = ["ann", "bob", "cid"].map(|who| Machine::of(&team, who));
    let [a, b, c] = machines.each_ref().map(Machine::start);
    let all = [&a, &b, &c];
    let everything = || -> String { all.iter().map(|one| one.said()).collect() };
    until("every stage to converge", || {
        STAGES
            .iter()
            .all(|stage| converged(&all, stage) >= 1)
            .then_some(())
    });
    // A stage that moves while the replicas find each other gets one more.
    std::thread::sleep(Duration::from_secs(10));
    // All see a change, and one of them deploys it.
    until("each pass to be over", || {
        let over =
            |one: &&Service| one.count("pass_started", None, None) == one.count("pass_ended", None, None);
        all.iter().all(over).then_some(())
    });
    let before: BTreeMap<_, _> = STAGES.iter().map(|stage| (*stage, begun(&all, stage))).collect();
    team.proxy.forget_calls();
    for machine in &machines {
        machine
            .project
            .edit("app.py", "'shop': 'open'", "'shop': 'closed'");
    }
    until("every stage to be deployed again", || {
        STAGES
            .iter()
            .all(|stage| converged(&all, stage) > before[stage])
            .then_some(())
    });
    for stage in STAGES {
        assert_eq!(begun(&all, stage), before[stage] + 1, "{stage}: {}", everything());
    }
    let uploads = team.proxy.calls().named("UpdateFunctionCode").len();
    assert_eq!(uploads, 2 * STAGES.len(), "{}", everything());

    // Each dies in turn where it is in the middle of a stage.
    let silence = Fault::Silence(Effect::Done);
    let name = silence.name();
    team.proxy
        .inject(On::operation("UpdateFunctionCode").about("shop-a"), silence);
    for machine in &machines {
        machine
            .project
            .edit("app.py", "'shop': 'closed'", "'shop': 'moved'");
    }
    assert!(team.proxy.wait_for(name, || false));
    until("the other stages to be deployed a third time", || {
        let again = |stage: &str| converged(&all, stage) >= before[stage] + 2;
        STAGES[1..].iter().all(|stage| again(stage)).then_some(())
    });
    let in_the_middle = |one: &&Service| {
        let of = |kind| one.count(kind, Some(("shop", "a")), None);
        of("pass_started") > of("pass_ended")
    };
    let at = all.iter().position(in_the_middle).expect("one of them is at it");
    let mut living = vec![a, b, c];
    let dying = living.remove(at);
    let dead_begun: BTreeMap<_, _> = STAGES
        .iter()
        .map(|stage| (*stage, begun(&[&dying], stage)))
        .collect();
    let died = tokio::time::Instant::now();
    let dead = dying.running.kill();
    team.proxy.heal();
    let rest: Vec<_> = living.iter().collect();
    let already = converged(&rest, "a");
    until("another to finish it", || {
        (converged(&rest, "a") > already).then_some(())
    });
    println!(
        "the pass of a dead replica was finished by another after {:?}",
        died.elapsed()
    );
    // What else the dead one carried is looked at once more, as after any death. Then each pass was one replica's.
    until("each pass to be written down by one replica", || {
        let notes = numbered(&team);
        let one = |stage: &str| notes[stage] == begun(&rest, stage) + dead_begun[stage];
        let over =
            |one: &&Service| one.count("pass_started", None, None) == one.count("pass_ended", None, None);
        (STAGES.iter().all(|stage| one(stage)) && rest.iter().all(over)).then_some(())
    });
    let histories: usize = STAGES
        .iter()
        .map(|stage| begun(&rest, stage) + dead_begun[stage])
        .sum();
    println!(
        "{histories} passes of {} stages by three replicas: {:?}\n",
        STAGES.len(),
        numbered(&team)
    );
    assert!(dead.code.is_none(), "{dead}");
    for service in living {
        service.running.terminate();
        service.running.wait().expect_success();
    }
    let world = team.world().names();
    assert_eq!(
        (world["rest_apis"].len(), world["functions"].len()),
        (STAGES.len(), 2 * STAGES.len())
    );
    // Who was asked to leave has left no trace; who died, the last one.
    let left = team.objects();
    let replicas = left.iter().filter(|(key, _)| key.contains("/replicas/")).count();
    assert_eq!(
        replicas,
        1,
        "{:?}",
        left.iter().map(|(key, _)| key).collect::<Vec<_>>()
    );
    for stage in STAGES {
        let plan = machines[0]
            .grail
            .run(&["plan", "--detailed-exitcode", "--stage", stage]);
        plan.expect_success();
    }
}
