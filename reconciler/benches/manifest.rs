//! What a large manifest costs: reading and checking it, lowering it, and planning what it wishes for, first and unchanged.
//!
//! Each function has a folder for its code, a schedule, an environment with a reference to its neighbour, and a role of its own;
//! all of them share one package, which is given. Of several runs the fastest counts. An argument says how many functions there
//! are; without one there are 5,000.
//!
//! ```console
//! $ cargo bench -p grail --bench manifest
//! ```

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot run says why and ends")]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use grail::plan::{Consent, Inputs, check_plan, plan};
use grail::source::chalice::lower::{Account, Zip};
use grail::source::manifest::Manifest;
use grail::source::manifest::lower::{Packages, lower};
use grail_providers::aws::{Context, Seam};
use grail_providers::port::{Catalog, RuleBook as _};
use grail_providers::resources::catalog;
use grail_state::artifacts::MemoryArtifacts;
use grail_state::seal::Keys;
use grail_state::{DesiredState, Handle, Observed, Proof, Record, Remote, ResourceId, StackId, Version};
use serde_json::{Value, json};

/// Functions where nothing else is asked for.
const FUNCTIONS: usize = 5_000;
/// Runs of which the fastest counts.
const RUNS: usize = 3;

fn main() {
    // Cargo passes `--bench`.
    let asked = std::env::args().skip(1).find_map(|text| text.parse().ok());
    let functions = asked.unwrap_or(FUNCTIONS);
    let folder = tempfile::tempdir().expect("making a folder");
    std::fs::create_dir(folder.path().join("src")).expect("making the code's folder");
    std::fs::write(folder.path().join("grail.yaml"), text(functions)).expect("writing the manifest");
    let read = || {
        let read = Manifest::read(folder.path(), "dev", &|_| None).expect("reading the manifest");
        read.expect("there is a manifest").0
    };
    let (manifest, validated) = fastest(read);
    let packages = packages(functions);
    let (desired, lowered) = fastest(|| lower(&manifest, &account(), &packages).expect("lowering"));
    let rules = rules(&desired.stack);
    let (_, first) = fastest(|| planned(&desired, &Situation::default(), &rules));
    let there = Situation::of(&desired, &rules);
    let (changes, unchanged) = fastest(|| planned(&desired, &there, &rules));
    assert_eq!(changes, 0, "what is there is as it should be");
    let shown = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1e3);
    println!(
        "| functions | resources | validate | lower | plan: first | plan: unchanged | validate and plan |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    println!(
        "| {functions} | {} | {} | {} | {} | {} | {} |",
        desired.resources.len(),
        shown(validated),
        shown(lowered),
        shown(first),
        shown(unchanged),
        shown(validated + lowered + first.max(unchanged)),
    );
}

fn text(functions: usize) -> String {
    let mut text = "grail: 1\napp: bench\ndefaults:\n  runtime: python3.12\n  code: src\n  environment: {LEVEL: info}\nfunctions:\n".to_owned();
    for at in 0..functions {
        let _infallible = write!(
            text,
            "  f{at}:\n    description: the function of the number {at}\n    handler: main.f{at}\n    timeout: {}\n    environment: \
             {{NUMBER: '{at}', STAGE: '${{stage}}'}}\n    events:\n      - schedule: rate({} minutes)\n",
            5 + at % 800,
            2 + at % 50,
        );
        if at > 0 {
            let _infallible = writeln!(
                text,
                "    dead_letter: arn:${{partition}}:sqs:${{region}}:${{account}}:dead-{}",
                at % 10
            );
        }
    }
    text
}

fn account() -> Account {
    Account {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        partition: "aws".to_owned(),
    }
}

/// The rules of the kinds as they are; nothing is asked of AWS.
fn rules(stack: &StackId) -> Catalog {
    let seam = Seam::over_sockets(None, true).expect("making a seam");
    let context = Context::given(seam, stack.clone(), Arc::new(MemoryArtifacts::default()));
    let keys = Keys::from_master(&[7; 32]);
    catalog(Arc::new(context), Arc::new(keys.digester))
}

fn packages(functions: usize) -> Packages {
    let zip = Zip {
        content: "c0".to_owned(),
        artifact: "a0".to_owned(),
        size: 7,
    };
    Packages {
        functions: (0..functions).map(|at| (format!("f{at}"), zip.clone())).collect(),
        ..Packages::default()
    }
}

fn fastest<T>(mut work: impl FnMut() -> T) -> (T, Duration) {
    let mut run = || {
        let begun = Instant::now();
        let result = work();
        (result, begun.elapsed())
    };
    let mut best = run();
    for _ in 1..RUNS {
        let next = run();
        if next.1 < best.1 {
            best = next;
        }
    }
    best
}

/// What the state knows and what is there.
#[derive(Default)]
struct Situation {
    recorded: BTreeMap<ResourceId, Record>,
    observed: BTreeMap<ResourceId, Observed>,
}

impl Situation {
    /// Everything is as it is wished for.
    fn of(desired: &DesiredState, rules: &Catalog) -> Self {
        let handle = |id: &ResourceId| Handle(format!("arn:{}:{}", id.kind, id.name));
        let outputs = |id: &ResourceId, spec: &Value| {
            let name = spec.get("name").cloned().unwrap_or_else(|| json!(id.name));
            BTreeMap::from([("arn".to_owned(), json!(handle(id).0)), ("name".to_owned(), name)])
        };
        let mut there = Self::default();
        for (id, wish) in &desired.resources {
            let known = |output: &grail_state::OutputRef| match output.output.as_str() {
                "name" => desired
                    .resources
                    .get(&output.of)?
                    .spec
                    .get("name")?
                    .resolve(&|_| None)
                    .ok(),
                _ => Some(json!(handle(&output.of).0)),
            };
            let form = wish.spec.resolve(&known).expect("every reference is known");
            let form = grail_state::Template::Lit(form);
            let kind = rules.rules(&id.kind).expect("the kind is simulated");
            let spec = kind.project(&form).expect("the form is right");
            let outputs = outputs(id, &form.to_value());
            let record = Record {
                handle: handle(id),
                spec: spec.clone(),
                outputs: outputs.clone(),
                depends_on: wish.depends_on().into_iter().collect(),
                rank: wish.rank,
                token: None,
            };
            let seen = Remote {
                handle: handle(id),
                spec,
                outputs,
                proof: Proof::Ours,
                additions: Vec::new(),
            };
            there.recorded.insert(id.clone(), record);
            there.observed.insert(id.clone(), Observed::Present(seen));
        }
        there
    }
}

/// How many steps a plan has.
fn planned(desired: &DesiredState, there: &Situation, rules: &Catalog) -> usize {
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
    usize::from(!plan.is_empty())
}
