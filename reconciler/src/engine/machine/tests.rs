//! Every interleaving of small graphs, with a failure and a death at every place: pure, no runtime.
//!
//! A run is a list of choices (what happens next, and how); all lists are tried in order, until none is left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use grail_providers::port::{Diff, Failure};
use grail_state::txn::{Phase, Txn, replay};
use grail_state::{
    Digest, Entry, Handle, Keep, Observed, Proof, Record, Remote, ResourceId, Snapshot, StackId, Template,
    Version,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Course, Input, Machine, Output, Setup, Ticket};
use crate::engine::call::Call;
use crate::engine::limits::{Limits, Time};
use crate::event::Outcome;
use crate::plan::{Action, Plan, Step, StepId, Why};
use things::{KIND, Things};

mod things;
mod unordered;

type World = BTreeMap<String, Value>;

fn id(name: &str) -> ResourceId {
    ResourceId::new(KIND, name)
}

fn remote(name: &str, spec: &Value) -> Remote {
    Remote {
        handle: Handle(name.to_owned()),
        spec: spec.clone(),
        outputs: BTreeMap::from([("name".to_owned(), json!(name))]),
        proof: Proof::Ours,
        additions: Vec::new(),
    }
}

/// One node of a graph: what is there, what is wanted, what it needs.
struct Node {
    name: &'static str,
    had: Option<u32>,
    want: Option<u32>,
    needs: &'static [&'static str],
}

fn node(name: &'static str, had: Option<u32>, want: Option<u32>, needs: &'static [&'static str]) -> Node {
    Node {
        name,
        had,
        want,
        needs,
    }
}

fn form(name: &str, value: u32) -> Value {
    json!({"name": name, "value": value})
}

/// The snapshot, the plan, and the worlds before and after. Nodes stand in the order of their steps.
fn scene(nodes: &[Node]) -> (Snapshot, Plan, World, World) {
    let mut snapshot = Snapshot::empty(StackId {
        app: "app".into(),
        stage: "dev".into(),
    });
    let (mut old, mut new) = (World::new(), World::new());
    let mut build = Vec::new();
    for (number, node) in (0..).zip(nodes) {
        let needs: BTreeSet<_> = node.needs.iter().map(|name| id(name)).collect();
        let have = node.had.map(|value| remote(node.name, &form(node.name, value)));
        if let Some(have) = &have {
            old.insert(node.name.to_owned(), have.spec.clone());
            let record = Record {
                handle: have.handle.clone(),
                spec: have.spec.clone(),
                outputs: have.outputs.clone(),
                depends_on: needs.clone(),
                rank: number,
                token: None,
            };
            snapshot.records.insert(id(node.name), record);
        }
        let want = node.want.map(|value| form(node.name, value));
        if let Some(want) = &want {
            new.insert(node.name.to_owned(), want.clone());
        }
        let action = match (&have, &want) {
            (None, _) => Action::Create { replaces: None },
            (Some(_), None) => Action::Delete { replaced_by: None },
            (Some(have), Some(want)) => Action::Update {
                diff: Diff::between(want, &have.spec, &[]),
            },
        };
        // What is made waits for what it needs; what is deleted waits for what needs it.
        let after = nodes
            .iter()
            .zip(0..)
            .filter(|(other, _)| match node.want {
                Some(_) => node.needs.contains(&other.name) && other.want.is_some(),
                None => other.needs.contains(&node.name),
            })
            .map(|(_, other)| StepId(other))
            .collect();
        build.push(Step {
            id: StepId(number),
            resource: id(node.name),
            action,
            want: want.clone().map(Template::from_value),
            wanted: want,
            have,
            depends_on: needs,
            after,
            rank: number,
            why: Why::New,
            label: None,
        });
    }
    let plan = Plan {
        build,
        sweep: Vec::new(),
        unchanged: Vec::new(),
        notes: BTreeMap::new(),
        additions: BTreeMap::new(),
        broadenings: Vec::new(),
        protected: None,
        moves: Default::default(),
        prune: Default::default(),
        base: Version::default(),
        digest: Digest::default(),
    };
    (snapshot, plan, old, new)
}

/// A list of choices, tried in order: each run appends what it is asked, the next run changes the last that can be changed.
#[derive(Default)]
struct Choices {
    made: Vec<(usize, usize)>,
    at: usize,
}

impl Choices {
    fn choose(&mut self, among: usize) -> usize {
        let chosen = match self.made.get(self.at) {
            Some((chosen, _)) => *chosen,
            None => {
                self.made.push((0, among));
                0
            }
        };
        self.at += 1;
        chosen
    }

    fn next(&mut self) -> bool {
        self.at = 0;
        while let Some((chosen, among)) = self.made.pop() {
            if chosen + 1 < among {
                self.made.push((chosen + 1, among));
                return true;
            }
        }
        false
    }
}

/// What waits for an answer.
enum Asked {
    Note(Vec<Entry>),
    Secure(Ticket),
    Call(Ticket, ResourceId, Box<Call>),
    Look(Ticket, ResourceId),
}

struct Run<'a> {
    world: World,
    journal: Vec<Entry>,
    plan: &'a Plan,
    faults: usize,
    deaths: usize,
    /// Requests to stop that may still come.
    stops: usize,
    stopped: bool,
}

enum Ended {
    Finished(Outcome),
    Died,
}

impl Run<'_> {
    fn go(&mut self, machine: &mut Machine, choices: &mut Choices) -> Ended {
        let mut now = Time::ZERO;
        let mut asked: Vec<Asked> = Vec::new();
        let mut input = Input::Start;
        loop {
            let mut outputs = Vec::new();
            machine.feed(now, input, &mut outputs);
            for output in outputs {
                match output {
                    Output::Note(entries) => asked.push(Asked::Note(entries)),
                    Output::Secure { ticket, .. } => asked.push(Asked::Secure(ticket)),
                    Output::Call { ticket, id, call, .. } => {
                        assert!(!self.stopped, "{id} is called after the stop");
                        self.check_call(&id, &call);
                        asked.push(Asked::Call(ticket, id, Box::new(call)));
                    }
                    Output::Look { ticket, id, .. } => {
                        assert!(!self.stopped, "{id} is looked at after the stop");
                        asked.push(Asked::Look(ticket, id));
                    }
                    Output::Finish(outcome) => return Ended::Finished(outcome),
                    Output::Project | Output::Emit(_) => {}
                }
            }
            if asked.is_empty() {
                now = machine
                    .wakes_at()
                    .expect("nothing is asked, and nothing is waited for");
                input = Input::Tick;
                continue;
            }
            let mortal = usize::from(self.deaths > 0);
            let way = choices.choose(asked.len() + mortal + usize::from(self.stops > 0));
            if way == asked.len() + mortal {
                self.stops -= 1;
                self.stopped = true;
                input = Input::Stop {
                    why: "asked to".to_owned(),
                };
                continue;
            }
            if way == asked.len() {
                self.die(asked, choices);
                return Ended::Died;
            }
            input = match asked.remove(way) {
                Asked::Note(entries) => {
                    self.journal.extend(entries);
                    Input::Noted
                }
                Asked::Secure(ticket) => Input::Secured {
                    ticket,
                    keep: Keep::Nothing,
                },
                Asked::Look(ticket, id) => Input::Seen {
                    ticket,
                    result: Ok(self.see(&id)),
                },
                Asked::Call(ticket, id, call) => Input::Answered {
                    ticket,
                    result: self.answer(&id, *call, choices),
                },
            };
        }
    }

    /// Rule 1, and that nothing starts before what it waits for is durable.
    fn check_call(&self, id: &ResourceId, _call: &Call) {
        let aborting = self
            .journal
            .iter()
            .any(|entry| matches!(entry, Entry::Abort { .. }));
        let announced = |entry: &Entry| matches!(entry, Entry::Intent { id: one, .. } if one == id);
        assert!(
            self.journal.iter().any(announced),
            "{id} is called and not announced"
        );
        let step = self.plan.build.iter().find(|step| step.resource == *id).unwrap();
        for before in step.after.iter().filter(|_| !aborting) {
            let needed = &self.plan.build[before.0 as usize].resource;
            let ended = |entry: &Entry| match entry {
                Entry::Done { id, .. } | Entry::Gone { id, .. } => id == needed,
                _ => false,
            };
            assert!(
                self.journal.iter().any(ended),
                "{id} is called before {needed} is done"
            );
        }
    }

    fn see(&self, id: &ResourceId) -> Observed {
        match self.world.get(&id.name) {
            Some(spec) => Observed::Present(remote(&id.name, spec)),
            None => Observed::Absent,
        }
    }

    fn land(&mut self, id: &ResourceId, call: Call) -> Option<Remote> {
        match call {
            Call::Create { spec: form, .. } | Call::Update { want: form, .. } => {
                self.world.insert(id.name.clone(), form.clone());
                Some(remote(&id.name, &form))
            }
            Call::Delete { .. } => {
                self.world.remove(&id.name);
                None
            }
            Call::Prune { .. } => None,
        }
    }

    fn answer(
        &mut self,
        id: &ResourceId,
        call: Call,
        choices: &mut Choices,
    ) -> Result<Option<Remote>, Failure> {
        let soon = Duration::from_millis(10);
        let way = if self.faults > 0 { choices.choose(4) } else { 0 };
        if way > 0 {
            self.faults -= 1;
        }
        match way {
            0 => Ok(self.land(id, call)),
            1 => Err(Failure::refused("refused")),
            2 => Err(Failure::maybe("the request is lost", soon)),
            _ => {
                self.land(id, call);
                Err(Failure::maybe("the answer is lost", soon))
            }
        }
    }

    /// What was on its way arrives or does not.
    fn die(&mut self, asked: Vec<Asked>, choices: &mut Choices) {
        self.deaths -= 1;
        for one in asked {
            match one {
                Asked::Call(_, id, call) if choices.choose(2) == 1 => {
                    self.land(&id, *call);
                }
                Asked::Note(entries) if choices.choose(2) == 1 => self.journal.extend(entries),
                _ => {}
            }
        }
    }
}

fn machine(txn: Txn, course: Course) -> Machine {
    Machine::new(Setup {
        txn,
        course,
        rules: Arc::new(Things),
        unseal: Arc::new(Things),
        limits: Limits::default(),
        keep_on_failure: false,
        by: "ann on build-7".to_owned(),
        home: None,
        new_file: false,
        nonce: "nonce".to_owned(),
        epoch: Timestamp::UNIX_EPOCH,
        quiet: Time::ZERO,
    })
}

/// What the next command does with what was left open, if anything was.
fn next_course(txn: &Txn, why: &str) -> Option<Course> {
    match txn.phase() {
        Phase::Idle => None,
        Phase::Building => Some(Course::Back { why: why.to_owned() }),
        Phase::Sweeping | Phase::Aborting => Some(Course::Finish),
    }
}

/// All runs over a graph. The answer is how many there were.
fn explore(nodes: &[Node], faults: usize, deaths: usize, stops: usize) -> usize {
    let (snapshot, plan, old, new) = scene(nodes);
    let mut choices = Choices::default();
    let mut runs = 0;
    loop {
        runs += 1;
        let mut run = Run {
            world: old.clone(),
            journal: Vec::new(),
            plan: &plan,
            faults,
            deaths,
            stops,
            stopped: false,
        };
        let mut course = Course::Forward {
            plan: Box::new(plan.clone()),
            command: "deploy".to_owned(),
        };
        let (outcome, txn) = loop {
            let txn = replay(snapshot.clone(), &run.journal).unwrap();
            let mut machine = machine(txn, course);
            let ended = run.go(&mut machine, &mut choices);
            match ended {
                Ended::Finished(outcome) if !std::mem::take(&mut run.stopped) => {
                    break (Some(outcome), machine.into_txn());
                }
                Ended::Finished(outcome) => {
                    let Outcome::Open { .. } = outcome else {
                        break (Some(outcome), machine.into_txn());
                    };
                    course = match next_course(machine.txn(), "stopped") {
                        Some(course) => course,
                        None => break (None, machine.into_txn()),
                    };
                }
                Ended::Died => {
                    run.stopped = false;
                    let txn = replay(snapshot.clone(), &run.journal).unwrap();
                    course = match next_course(&txn, "died") {
                        Some(course) => course,
                        None => break (None, txn),
                    };
                }
            }
        };
        let case = || format!("{:?}", choices.made);
        match outcome {
            Some(Outcome::Done) => assert_eq!(run.world, new, "{}", case()),
            Some(Outcome::RolledBack { .. } | Outcome::Refused { .. }) | None => {
                assert_eq!(run.world, old, "{}", case());
            }
            other => panic!("{}: {other:?}", case()),
        }
        assert_eq!(
            txn,
            replay(snapshot.clone(), &run.journal).unwrap(),
            "live and recovered differ: {}",
            case()
        );
        if let Some(snapshot) = txn.finished(Timestamp::UNIX_EPOCH) {
            let recorded: BTreeSet<_> = snapshot.records.values().map(|record| &record.handle.0).collect();
            assert_eq!(
                recorded,
                run.world.keys().collect(),
                "recorded is not what is there: {}",
                case()
            );
        }
        if !choices.next() {
            return runs;
        }
    }
}

#[test]
fn every_order_of_a_chain_of_births() {
    let nodes = [node("a", None, Some(1), &[]), node("b", None, Some(1), &["a"])];
    println!("{} runs", explore(&nodes, 1, 1, 0));
}

#[test]
fn every_order_of_two_that_do_not_need_each_other() {
    let nodes = [node("a", None, Some(1), &[]), node("b", Some(1), Some(2), &[])];
    println!("{} runs", explore(&nodes, 1, 0, 0));
    println!("{} runs", explore(&nodes, 0, 1, 0));
}

#[test]
fn every_order_of_an_update_and_a_deletion() {
    let nodes = [node("b", Some(1), Some(2), &[]), node("a", Some(1), None, &[])];
    println!("{} runs", explore(&nodes, 1, 0, 0));
    println!("{} runs", explore(&nodes, 0, 1, 0));
}

#[test]
fn every_order_of_a_chain_of_deletions() {
    let nodes = [node("b", Some(1), None, &["a"]), node("a", Some(1), None, &[])];
    println!("{} runs", explore(&nodes, 1, 1, 0));
}

/// A stop at every moment of every order: nothing is launched any more, what is in flight is heard, and what is left open is
/// brought to an end by the next command.
#[test]
fn a_stop_at_any_moment_leaves_what_can_be_taken_up() {
    let chain = [node("a", None, Some(1), &[]), node("b", None, Some(1), &["a"])];
    let mixed = [node("b", Some(1), Some(2), &[]), node("a", Some(1), None, &[])];
    for nodes in [chain, mixed] {
        println!("{} runs", explore(&nodes, 0, 0, 1));
    }
    // With a fault or a death before or after it, the orders of two are too many.
    let alone = [node("a", None, Some(1), &[])];
    println!("{} runs", explore(&alone, 1, 0, 1));
    println!("{} runs", explore(&alone, 0, 1, 1));
}

#[test]
fn every_order_of_two_births_that_a_third_needs() {
    let nodes = [
        node("a", None, Some(1), &[]),
        node("b", None, Some(1), &[]),
        node("c", None, Some(1), &["a", "b"]),
    ];
    println!("{} runs", explore(&nodes, 1, 0, 0));
}
