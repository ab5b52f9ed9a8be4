//! One call of a deployment goes wrong, under the SDK and before moto, or one step comes twice: each kind as it really is.
//! Whatever went wrong, the account is then as wished or as it was, and the next run gets there and comes to rest.
//!
//! The plans create, change, replace, delete and mix things of every kind. A sample of all cases is tried here, chosen by a
//! seed that is printed. `GRAIL_FAULTS=all` tries every call of every plan in every mode, which takes hours, `GRAIL_FAULTS=<n>`
//! tries `n` for each plan; `GRAIL_SEED=<number>` chooses another sample, and `GRAIL_FAULT='<case>'` tries the one that a
//! failure names:
//!
//! ```console
//! $ GRAIL_FAULTS=all cargo test --workspace --test scenarios -- faults --nocapture
//! ```

use std::collections::BTreeSet;

use grail::event::Outcome;
use grail_providers::fake::Twice;
use grail_providers::resources;
use grail_state::Kind;
use grail_state::artifacts::MemoryArtifacts;
use grail_tests::difference::assert_same;
use grail_tests::proxy::{Effect, Fault, On};
use grail_tests::world::World;
use rand::SeedableRng as _;
use rand::seq::IndexedRandom as _;
use serde_json::Value;

use crate::emulated::{Cloud, Emulator};
use crate::ground::without_tokens;
use crate::inside::{Ended, Stage};
use crate::mall::{EVERYTHING, Mall, Part, certify, prepare};

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Refused,
    RequestLost,
    AnswerLost,
    FailedAfterEffect,
    Throttled,
}

const MODES: [Mode; 5] = [
    Mode::Refused,
    Mode::RequestLost,
    Mode::AnswerLost,
    Mode::FailedAfterEffect,
    Mode::Throttled,
];

impl Mode {
    fn fault(self) -> Fault {
        match self {
            Mode::Refused => Fault::access_denied(),
            Mode::RequestLost => Fault::Drop(Effect::None),
            Mode::AnswerLost => Fault::Drop(Effect::Done),
            Mode::FailedAfterEffect => Fault::ServerError(Effect::Done),
            Mode::Throttled => Fault::Throttle,
        }
    }
}

/// From one form of the project to another; none is nothing at all.
struct Plan {
    name: &'static str,
    from: Option<Mall>,
    to: Option<Mall>,
}

const EVENTS: [Part; 5] = [Part::Bucket, Part::Topic, Part::Queue, Part::Clock, Part::Layer];
const GATEWAYS: [Part; 3] = [Part::Rest, Part::Domain, Part::Socket];

fn plan(name: &'static str, from: Option<&Mall>, to: Option<&Mall>) -> Plan {
    Plan {
        name,
        from: from.cloned(),
        to: to.cloned(),
    }
}

fn plans() -> Vec<Plan> {
    let events = Mall::of("mall", &EVENTS);
    let gateways = Mall::of("mall", &GATEWAYS);
    let some = Mall::of("mall", &[Part::Bucket, Part::Queue, Part::Rest, Part::Domain]);
    let others = Mall::of("mall", &[Part::Bucket, Part::Layer, Part::Rest, Part::Socket]);
    vec![
        plan("create events", None, Some(&events)),
        plan("change events", Some(&events), Some(&events.clone().changed())),
        plan("replace events", Some(&events), Some(&events.clone().moved())),
        plan("delete events", Some(&events), None),
        plan("create gateways", None, Some(&gateways)),
        plan(
            "change gateways",
            Some(&gateways),
            Some(&gateways.clone().changed()),
        ),
        plan(
            "replace gateways",
            Some(&gateways),
            Some(&gateways.clone().moved()),
        ),
        plan("delete gateways", Some(&gateways), None),
        plan("mix", Some(&some), Some(&others.changed().moved())),
    ]
}

/// What goes wrong. All are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    /// One of the requests that change something.
    Write(usize, Mode),
    /// One of all requests.
    Call(usize, Mode),
    /// A type of resource is told to do one thing a second time after it was done.
    StepTwice(usize),
}

/// How thorough the test is to be, the seed, and the one case that is asked for.
#[expect(
    clippy::disallowed_methods,
    reason = "how thorough a test is, is asked of the environment"
)]
fn wishes() -> (usize, u64, Option<String>) {
    let wish = |name| std::env::var(name).ok();
    let many = match wish("GRAIL_FAULTS").as_deref() {
        Some("all") => usize::MAX,
        many => many.and_then(|many| many.parse().ok()).unwrap_or(3),
    };
    let seed = wish("GRAIL_SEED").and_then(|seed| seed.parse().ok());
    (many, seed.unwrap_or(20_260_101), wish("GRAIL_FAULT"))
}

/// A plan that is about to be carried out in an account of its own.
struct Scene {
    cloud: Cloud,
    stage: Stage,
    before: World,
}

impl Scene {
    fn of(plan: &Plan) -> Scene {
        let cloud = Cloud::start(Emulator::Moto);
        prepare(&cloud.account);
        certify(&cloud.account);
        let stage = Stage::of(Mall::of("mall", &[]).stack(), &cloud);
        if plan.from.is_some() {
            stage.must(plan.from.as_ref(), plan.name);
        }
        cloud.proxy.forget_calls();
        Scene {
            before: World::read(&cloud.account),
            cloud,
            stage,
        }
    }

    fn world(&self) -> World {
        World::read(&self.cloud.account)
    }
}

/// What a plan comes to where nothing goes wrong, and by how many steps and calls.
struct Undisturbed {
    wanted: World,
    steps: usize,
    writes: usize,
    calls: usize,
}

impl Undisturbed {
    fn of(plan: &Plan) -> Undisturbed {
        let scene = Scene::of(plan);
        let steps = Twice::only([]);
        let outcome = scene.stage.bring_doubling(plan.to.as_ref(), &steps);
        assert!(matches!(outcome, Ok(Outcome::Done)), "{}: {outcome:?}", plan.name);
        let calls = scene.cloud.proxy.calls();
        Undisturbed {
            wanted: scene.world(),
            steps: steps.calls(),
            writes: calls.writes().len(),
            calls: calls.len(),
        }
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases: Vec<_> = (1..=self.steps).map(Case::StepTwice).collect();
        for mode in MODES {
            cases.extend((1..=self.writes).map(|write| Case::Write(write, mode)));
            cases.extend((1..=self.calls).map(|call| Case::Call(call, mode)));
        }
        cases
    }
}

/// Carries a plan out with one fault, and sees that all is well.
fn carry_out(plan: &Plan, case: Case, undisturbed: &Undisturbed) {
    let told = format!("{} {case:?}", plan.name);
    let to = plan.to.as_ref();
    let scene = Scene::of(plan);
    let mut outcome = scene.suffer(case, to, &told);
    if let Ok(Outcome::Unswept { .. }) = outcome {
        // Committed, and something could not be deleted: the next command goes on.
        outcome = scene.stage.bring(to);
    }
    match &outcome {
        Ok(Outcome::Done | Outcome::Unchanged) => {}
        // A look that failed: nothing was begun.
        Ok(Outcome::RolledBack { .. } | Outcome::Refused { .. }) | Err(_) => {
            let (before, now) = (
                format!("before {told}"),
                format!("after it ended with {outcome:?}"),
            );
            assert_same((&before, &now), &facts(&scene.before), &facts(&scene.world()));
        }
        Ok(other) => panic!("{told}: {other:?}"),
    }
    scene.assert_nothing_open(&told);
    let again = scene.stage.bring(to);
    assert!(
        matches!(again, Ok(Outcome::Done | Outcome::Unchanged)),
        "{told}, again: {again:?}"
    );
    let names = (told.as_str(), "undisturbed");
    scene.world().assert_same_as(&undisturbed.wanted, names);
    scene.cloud.proxy.forget_calls();
    let still = scene.stage.bring(to);
    assert!(
        matches!(still, Ok(Outcome::Unchanged)),
        "{told}, at rest: {still:?}"
    );
    assert_eq!(scene.cloud.proxy.calls().writes().names(), [""; 0], "{told}");
}

impl Scene {
    /// The plan with what goes wrong, and how that ended.
    fn suffer(&self, case: Case, to: Option<&Mall>, told: &str) -> Ended {
        let proxy = &self.cloud.proxy;
        let (on, mode) = match case {
            Case::StepTwice(step) => return self.stage.bring_doubling(to, &Twice::only([step - 1])),
            Case::Write(write, mode) => (On::writes().nth(write), mode),
            Case::Call(call, mode) => (On::everything().nth(call), mode),
        };
        let struck = proxy.inject(on, mode.fault());
        let outcome = self.stage.bring(to);
        proxy.heal();
        // How many reads there are depends on who comes first.
        assert!(
            struck.struck() == 1 || matches!(case, Case::Call(..)),
            "{told}: nothing was struck"
        );
        outcome
    }

    fn assert_nothing_open(&self, told: &str) {
        let content = self.stage.store.content();
        assert!(
            content.live().is_empty(),
            "{told}: the journal is not empty: {:?}",
            content.live()
        );
        let doomed = content.snapshot.map(|snapshot| snapshot.doomed.len());
        assert_eq!(
            doomed.unwrap_or_default(),
            0,
            "{told}: something is left to be swept"
        );
    }
}

/// The account as it is put back. A group of logs that was made stays, since it may have logs by then, and belongs to nobody. A
/// deployment that nobody is shown any more stays among the few newest, where the next attempt finds it; which deployment a stage
/// shows is compared.
fn facts(world: &World) -> Value {
    let mut facts = without_tokens(world.exact());
    if let Some(groups) = facts["log_groups"].as_object_mut() {
        groups.retain(|_, group| !group["retention_days"].is_null());
    }
    for section in ["rest_apis", "websocket_apis"] {
        for (_, api) in facts[section].as_object_mut().into_iter().flatten() {
            api["identity"]["deployments"] = Value::Null;
            for (_, stage) in api["stages"].as_object_mut().into_iter().flatten() {
                assert!(stage["identity"]["deployment"].is_string(), "{stage}");
                stage["serves"] = Value::Null;
            }
        }
    }
    facts
}

#[expect(clippy::print_stdout, reason = "a test that fails shows what it has drawn")]
fn each_call_goes_wrong(of: &str) {
    let (most, seed, asked) = wishes();
    let chosen: Vec<_> = plans()
        .into_iter()
        .zip(0..)
        .filter(|(plan, _)| plan.name.contains(of))
        .collect();
    assert!(!chosen.is_empty(), "there is no plan to {of}");
    for (plan, story) in chosen {
        let undisturbed = Undisturbed::of(&plan);
        let all = undisturbed.cases();
        let named = |case: &&Case| {
            asked
                .as_ref()
                .is_none_or(|asked| format!("{} {case:?}", plan.name) == *asked)
        };
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed.wrapping_add(story));
        let sample: Vec<Case> = match (&asked, most) {
            (None, usize::MAX) => all.clone(),
            (None, most) => all.choose_multiple(&mut random, most).copied().collect(),
            (Some(_), _) => all.iter().filter(named).copied().collect(),
        };
        println!(
            "{}: {} steps, {} writes among {} calls, {} of {} cases, seed {seed}: {sample:?}",
            plan.name,
            undisturbed.steps,
            undisturbed.writes,
            undisturbed.calls,
            sample.len(),
            all.len()
        );
        for case in sample {
            carry_out(&plan, case, &undisturbed);
        }
    }
}

#[test]
fn what_a_creation_does_is_done_or_undone() {
    each_call_goes_wrong("create");
}

#[test]
fn what_a_change_does_is_done_or_undone() {
    each_call_goes_wrong("change");
}

#[test]
fn what_a_replacement_does_is_done_or_undone() {
    each_call_goes_wrong("replace");
}

#[test]
fn what_a_mixed_plan_does_is_done_or_undone() {
    each_call_goes_wrong("mix");
}

#[test]
fn a_deletion_goes_on_to_its_end() {
    each_call_goes_wrong("delete");
}

#[test]
fn the_plans_have_every_kind() {
    let artifacts = MemoryArtifacts::default();
    let desired = Mall::of("mall", &EVERYTHING).desired(&artifacts);
    let kinds: BTreeSet<_> = desired.resources.into_keys().map(|id| id.kind).collect();
    // What a manifest alone states has no part in these plans.
    let mut all: BTreeSet<_> = resources::reads().into_keys().collect();
    for kind in [
        "dynamodb_table",
        "event_bus",
        "function_url",
        "kinesis_stream",
        "lambda_alias",
        "lambda_version",
        "provisioned_concurrency",
        "s3_bucket",
        "sns_topic",
        "sqs_queue",
    ] {
        assert!(all.remove(&Kind::new(kind)), "there is no {kind}");
    }
    assert_eq!(kinds, all);
    let parts: BTreeSet<Part> = EVENTS.into_iter().chain(GATEWAYS).collect();
    assert_eq!(parts, EVERYTHING.into());
}
