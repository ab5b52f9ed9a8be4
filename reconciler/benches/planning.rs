//! What planning and the machine cost: time of the processor and peak memory, from 100 resources to 100,000.
//!
//! Each row is a process of its own, so that its peak of memory is its own. The planner plans an application of functions,
//! permissions, rules and log groups that is not there yet, that is there unchanged, and that is to be deleted, and judges
//! each plan as every session does. The machine carries the first and the last out: each call is answered at once, so that
//! nothing but its own work is counted. Of three runs the fastest counts.
//!
//! ```console
//! $ cargo bench -p grail --bench planning
//! ```

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot run says why and ends")]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::collections::{BTreeMap, VecDeque};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use grail::engine::call::Call;
use grail::engine::limits::Limits;
use grail::engine::machine::{Course, Input, Machine, Output, Setup, Unseal};
use grail::event::Outcome;
use grail::plan::{Consent, Inputs, Plan, check_plan, plan};
use grail_providers::fake::{Cloud, Physics, catalog};
use grail_providers::port::{Catalog, RuleBook};
use grail_state::journal::Sealed;
use grail_state::seal::Keys;
use grail_state::txn::Txn;
use grail_state::{
    DesiredState, Handle, Keep, Observed, Proof, Record, Remote, ResourceId, Snapshot, Template, Version,
};
use jiff::Timestamp;
use serde_json::{Value, json};

#[path = "../src/engine/trials/graphs.rs"]
#[expect(dead_code, reason = "planning has no use for bounds")]
mod graphs;

/// Sizes of the table.
const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];
/// Runs of which the fastest counts.
const RUNS: usize = 3;
/// Work is repeated until this has passed, and divided by how often.
const SHORT: Duration = Duration::from_millis(200);

fn main() {
    // Cargo passes `--bench`; a row is asked for by its size.
    let asked = std::env::args().nth(1).and_then(|text| text.parse().ok());
    match asked {
        Some(size) => row(size),
        None => table(),
    }
}

fn table() {
    println!(
        "| resources | plan: first | plan: unchanged | plan: delete | machine: first | machine: delete | peak memory: planning | with the machine |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut before: Option<(usize, Vec<f64>)> = None;
    for size in SIZES {
        let this = std::env::current_exe().expect("finding the benchmark's own file");
        let run = Command::new(this).arg(size.to_string()).output();
        let run = run.expect("running a row of the table");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let text = String::from_utf8_lossy(&run.stdout);
        let numbers: Vec<f64> = text
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        let cells: Vec<_> = numbers
            .iter()
            .enumerate()
            .map(|(place, number)| cell(place, *number))
            .collect();
        println!("| {size} | {} |", cells.join(" | "));
        if let Some((smaller, fewer)) = before {
            let ordinary = size as f64 * (size as f64).ln() / (smaller as f64 * (smaller as f64).ln());
            let grown: Vec<_> = numbers
                .iter()
                .zip(&fewer)
                .map(|(now, then)| format!("x {:.1}", now / then))
                .collect();
            println!("| (n log n: x {ordinary:.1}) | {} |", grown.join(" | "));
        }
        before = Some((size, numbers));
    }
}

fn cell(place: usize, number: f64) -> String {
    if place < 5 {
        format!("{number:.1} ms")
    } else {
        format!("{number:.0} MB")
    }
}

/// Times of the processor in milliseconds, then peaks in megabytes.
fn row(size: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("making a runtime");
    let _inside = runtime.enter();
    let rules = Arc::new(rules());
    // Each function brings three more; the role is one.
    let desired = graphs::app((size - 1) / 4).desired;
    let nothing = DesiredState::empty(desired.stack.clone());
    let bare = Situation::default();

    let (first, first_took) = fastest(|| planned(&desired, &bare, &rules));
    let planning = peak();
    let built = carried_out(Snapshot::empty(desired.stack.clone()), first.clone(), &rules);
    let there = Situation::after(&built);
    let (unchanged, unchanged_took) = fastest(|| planned(&desired, &there, &rules));
    assert!(unchanged.is_empty(), "what was just made is as it should be");
    let (delete, delete_took) = fastest(|| planned(&nothing, &there, &rules));
    drop(unchanged);

    let (_, machine_first) =
        fastest(|| carried_out(Snapshot::empty(desired.stack.clone()), first.clone(), &rules));
    let mut snapshot = Snapshot::empty(desired.stack.clone());
    snapshot.records = built.records().clone();
    let (gone, machine_delete) = fastest(|| carried_out(snapshot.clone(), delete.clone(), &rules));
    assert!(gone.records().is_empty());
    let took = [
        first_took,
        unchanged_took,
        delete_took,
        machine_first,
        machine_delete,
    ];
    let took: Vec<_> = took
        .iter()
        .map(|time| format!("{:.3}", time.as_secs_f64() * 1e3))
        .collect();
    println!("{} {planning:.1} {:.1}", took.join(" "), peak());
}

fn fastest<T>(mut work: impl FnMut() -> T) -> (T, Duration) {
    let mut best: Option<(T, Duration)> = None;
    for _ in 0..RUNS {
        let (begun, wall) = (busy(), Instant::now());
        let mut result = work();
        let mut repeats = 1;
        // The system counts in ticks: what is short is done again.
        while wall.elapsed() < SHORT {
            result = work();
            repeats += 1;
        }
        // Where the system does not tell the processor's time, the clock on the wall has to do.
        let took = match (begun, busy()) {
            (Some(begun), Some(now)) => now.saturating_sub(begun),
            _ => wall.elapsed(),
        } / repeats;
        if best.as_ref().is_none_or(|(_, least)| took < *least) {
            best = Some((result, took));
        }
    }
    best.expect("there is at least one run")
}

/// How long this thread has had a processor.
fn busy() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// The peak of this process's memory so far, in megabytes; 0 where the system does not tell.
fn peak() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: f64 = line
        .and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or_default();
    kilobytes * 1024.0 / 1e6
}

fn rules() -> Catalog {
    let keys = Keys::from_master(&[7; 32]);
    catalog(&Cloud::new(Physics::default()), &Arc::new(keys.digester))
}

/// What the state knows and what is there.
#[derive(Default)]
struct Situation {
    recorded: BTreeMap<ResourceId, Record>,
    observed: BTreeMap<ResourceId, Observed>,
}

impl Situation {
    fn after(txn: &Txn) -> Self {
        let recorded = txn.records().clone();
        let seen = |record: &Record| {
            Observed::Present(Remote {
                handle: record.handle.clone(),
                spec: record.spec.clone(),
                outputs: record.outputs.clone(),
                proof: Proof::Ours,
                additions: Vec::new(),
            })
        };
        let observed = recorded
            .iter()
            .map(|(id, record)| (id.clone(), seen(record)))
            .collect();
        Self { recorded, observed }
    }
}

fn planned(desired: &DesiredState, there: &Situation, rules: &Catalog) -> Plan {
    let inputs = Inputs {
        desired,
        recorded: &there.recorded,
        observed: &there.observed,
        doomed: &[],
        unpruned: &BTreeMap::new(),
        rules,
        consent: &Consent::default(),
        base: &Version::default(),
    };
    let plan = plan(&inputs).expect("planning");
    check_plan(&plan, &inputs).expect("judging the plan");
    plan
}

/// There is nothing sealed.
struct NothingSealed;

impl Unseal for NothingSealed {
    fn unseal(&self, _: &Sealed) -> Result<Value, String> {
        Err("nothing is sealed".to_owned())
    }
}

/// Carries a plan out in a world that answers at once.
fn carried_out(from: Snapshot, plan: Plan, rules: &Arc<Catalog>) -> Txn {
    let mut machine = Machine::new(Setup {
        txn: Txn::new(from),
        course: Course::Forward {
            plan: Box::new(plan),
            command: "deploy".to_owned(),
        },
        rules: Arc::clone(rules) as _,
        unseal: Arc::new(NothingSealed),
        limits: Limits::paced(32),
        keep_on_failure: false,
        by: "a bench".to_owned(),
        home: None,
        new_file: false,
        nonce: "1".to_owned(),
        epoch: Timestamp::UNIX_EPOCH,
        quiet: Duration::ZERO,
    });
    let mut inputs = VecDeque::from([Input::Start]);
    let mut outputs = Vec::new();
    while let Some(input) = inputs.pop_front() {
        machine.feed(Duration::ZERO, input, &mut outputs);
        for output in outputs.drain(..) {
            match output {
                Output::Note(_) => inputs.push_back(Input::Noted),
                Output::Secure { ticket, .. } => inputs.push_back(Input::Secured {
                    ticket,
                    keep: Keep::Nothing,
                }),
                Output::Call { ticket, id, call, .. } => inputs.push_back(Input::Answered {
                    ticket,
                    result: Ok(made(&id, call, rules)),
                }),
                Output::Look { ticket, .. } => inputs.push_back(Input::Seen {
                    ticket,
                    result: Ok(Observed::Absent),
                }),
                Output::Project | Output::Emit(_) => {}
                Output::Finish(outcome) => assert_eq!(outcome, Outcome::Done),
            }
        }
    }
    machine.into_txn()
}

/// What a call leaves.
fn made(id: &ResourceId, call: Call, rules: &Catalog) -> Option<Remote> {
    let form = match call {
        Call::Create { spec, .. } | Call::Update { want: spec, .. } => spec,
        Call::Delete { .. } | Call::Prune { .. } => return None,
    };
    let projected = rules
        .rules(&id.kind)?
        .project(&Template::Lit(form.clone()))
        .ok()?;
    let name = form.get("name").cloned().unwrap_or_else(|| json!(id.name));
    Some(Remote {
        handle: Handle(format!("arn:{}:{}", id.kind, id.name)),
        spec: projected,
        outputs: BTreeMap::from([
            ("arn".to_owned(), json!(format!("arn:{}:{}", id.kind, id.name))),
            ("name".to_owned(), name),
        ]),
        proof: Proof::Ours,
        additions: Vec::new(),
    })
}
