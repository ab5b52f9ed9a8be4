//! Planning asks whether what the wishes name outside is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use grail_providers::port::{
    Birth, Catalog, Change, Cost, Failure, Invalid, Locator, Removal, Resource, Seen, Sight, erase,
};
use grail_state::store::Wait;
use grail_state::{Desired, DesiredState, Handle, Kind, Proof, Template};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::app::{id, stack};
use super::ground::{Ground, holder};
use crate::engine::{Engine, EngineError, NoEvents, NoProjection, OnFailure, Ports, Session, StopSignal};
use crate::event::{Event, Outcome};
use crate::plan::{Consent, PlanError};

/// A reader of topics that others make.
#[derive(Clone, Default)]
struct Readers(Arc<Shared>);

#[derive(Default)]
struct Shared {
    there: Mutex<BTreeMap<String, ReaderSpec>>,
    asked: Mutex<Vec<String>>,
    writes: AtomicUsize,
    at_once: AtomicUsize,
    peak: AtomicUsize,
    slow: AtomicBool,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReaderSpec {
    name: String,
    topic: String,
    role: Option<String>,
}

impl Readers {
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.asked.lock().unwrap())
    }

    async fn pause(&self) {
        let slow = self.0.slow.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(if slow { 5_000 } else { 10 })).await;
    }

    fn writes(&self) -> usize {
        self.0.writes.load(Ordering::Relaxed)
    }

    fn see(&self, name: &str) -> Option<Seen<ReaderSpec>> {
        let spec = self.0.there.lock().unwrap().get(name).cloned()?;
        Some(Seen {
            handle: Handle(name.to_owned()),
            spec,
            outputs: BTreeMap::new(),
            proof: Proof::Ours,
            additions: Vec::new(),
        })
    }

    fn write(&self, spec: &ReaderSpec) -> Seen<ReaderSpec> {
        self.0.writes.fetch_add(1, Ordering::Relaxed);
        self.0
            .there
            .lock()
            .unwrap()
            .insert(spec.name.clone(), spec.clone());
        self.see(&spec.name).unwrap()
    }
}

impl Resource for Readers {
    const KIND: Kind = Kind::new("reader");
    const ACTIONS: &'static [&'static str] = &[];
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    type Spec = ReaderSpec;

    fn check(spec: &ReaderSpec) -> Vec<Invalid> {
        let wrong = |_| Invalid {
            field: "topic".to_owned(),
            why: "a topic has a name".to_owned(),
        };
        spec.topic
            .is_empty()
            .then_some(())
            .map(wrong)
            .into_iter()
            .collect()
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<ReaderSpec>, Failure> {
        self.pause().await;
        Ok(self.see(&at.id.name))
    }

    async fn create(&self, request: Birth<'_, ReaderSpec>) -> Result<Seen<ReaderSpec>, Failure> {
        Ok(self.write(request.spec))
    }

    async fn update(&self, request: Change<'_, ReaderSpec>) -> Result<Seen<ReaderSpec>, Failure> {
        Ok(self.write(request.want))
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        self.0.there.lock().unwrap().remove(&request.handle.0);
        Ok(())
    }

    async fn verify(&self, spec: &ReaderSpec) -> Result<Vec<Invalid>, Failure> {
        self.0.asked.lock().unwrap().push(spec.name.clone());
        let at_once = self.0.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.peak.fetch_max(at_once, Ordering::SeqCst);
        self.pause().await;
        self.0.at_once.fetch_sub(1, Ordering::SeqCst);
        match spec.topic.as_str() {
            "missing" => Ok(vec![Invalid {
                field: "topic".to_owned(),
                why: "there is no topic `missing`".to_owned(),
            }]),
            "secret" => Err(Failure::refused("AccessDenied: no").with_hint("add sns:GetTopicAttributes")),
            _ => Ok(Vec::new()),
        }
    }
}

fn reader(name: &str, topic: &str, line: u32) -> Desired {
    let role = json!({"=ref": "iam_role.default-role/arn"});
    Desired {
        id: id("reader", name),
        spec: Template::from_value(json!({"name": name, "topic": topic, "role": role})),
        after: BTreeSet::new(),
        rank: 20,
        origin: Some(format!("app.py:{line}")),
        protect: None,
    }
}

/// The readers, and the role that they refer to.
fn wished(readers: &[(&str, &str)]) -> DesiredState {
    let mut desired = super::app::App::of(&[]).desired();
    desired.stack = stack();
    for ((name, topic), line) in readers.iter().zip(10..) {
        let wish = reader(name, topic, line);
        desired.resources.insert(wish.id.clone(), wish);
    }
    desired
}

fn engine(ground: &Ground, readers: &Readers) -> Engine {
    let mut engine = ground.engine();
    let digester = Arc::new(ground.keys.digester.clone());
    let all = engine
        .catalog
        .iter()
        .map(Arc::clone)
        .chain([erase(readers.clone(), digester)]);
    engine.catalog = Arc::new(Catalog::new(all));
    engine
}

async fn deploy(
    session: &mut Session<'_>,
    desired: &DesiredState,
    events: &mut Vec<Event>,
) -> Result<Outcome, EngineError> {
    let mut ports = Ports {
        records: &mut NoProjection,
        events,
        stop: StopSignal::never(),
    };
    let consent = Consent::default();
    session
        .deploy(desired, &consent, OnFailure::Rollback, None, &mut ports)
        .await
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_outside_is_found_by_planning_and_named_with_its_place() {
    let (ground, readers) = (Ground::new(), Readers::default());
    let engine = engine(&ground, &readers);
    let desired = wished(&[("a", "there"), ("b", "missing"), ("c", "missing")]);
    let mut looking = engine.read().await.unwrap();
    let plain = looking.preview(&desired, &Consent::default()).await;
    drop(looking);
    let mut session = engine.open(holder(), Wait::No).await.unwrap();
    let deployed = deploy(&mut session, &desired, &mut Vec::new()).await;
    for refused in [plain.err(), deployed.err()] {
        let Some(EngineError::Plan(problems)) = &refused else {
            panic!("{refused:?}");
        };
        assert!(
            problems
                .iter()
                .all(|one| matches!(one.error, PlanError::Unfit { .. })),
            "{problems:?}"
        );
        assert_eq!(
            problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "`reader.b` does not fit what is there: topic: there is no topic `missing` (at app.py:11)",
                "`reader.c` does not fit what is there: topic: there is no topic `missing` (at app.py:12)",
            ]
        );
    }
    assert_eq!(
        (ground.cloud.writes(), readers.writes()),
        (0, 0),
        "nothing is changed"
    );
    assert_eq!(ground.store.appends(), 0, "and nothing is announced");
}

#[tokio::test(start_paused = true)]
async fn only_what_the_plan_makes_or_changes_is_asked_about() {
    let (ground, readers) = (Ground::new(), Readers::default());
    let engine = engine(&ground, &readers);
    let all: Vec<_> = (0..40).map(|number| format!("r{number:02}")).collect();
    let many = |topic: &'static str| all.iter().map(|name| (name.as_str(), topic)).collect::<Vec<_>>();
    let mut session = engine.open(holder(), Wait::No).await.unwrap();
    assert_eq!(
        deploy(&mut session, &wished(&many("t")), &mut Vec::new())
            .await
            .unwrap(),
        Outcome::Done
    );
    drop(session);
    assert_eq!(readers.asked(), all);
    let peak = readers.0.peak.load(Ordering::SeqCst);
    assert!(peak > 1 && peak <= engine.limits.parallelism, "{peak} at once");

    let mut changed = many("t");
    changed[7].1 = "u";
    changed.pop();
    let mut session = engine.open(holder(), Wait::No).await.unwrap();
    assert_eq!(
        deploy(&mut session, &wished(&changed), &mut Vec::new())
            .await
            .unwrap(),
        Outcome::Done
    );
    assert_eq!(readers.asked(), ["r07"], "not what stays, and not what goes");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_recorded_is_asked_about_while_it_is_looked_for() {
    let (ground, readers) = (Ground::new(), Readers::default());
    let engine = engine(&ground, &readers);
    let plan_of = async |topic| {
        let begun = tokio::time::Instant::now();
        let mut looking = engine.read().await.unwrap();
        let desired = wished(&[("a", topic)]);
        looking.preview(&desired, &Consent::default()).await.unwrap();
        begun.elapsed()
    };
    let slow = |is_slow| readers.0.slow.store(is_slow, Ordering::Relaxed);
    slow(true);
    let first = plan_of("t").await.as_secs();
    assert_eq!(first, 5, "a look and a question at once");
    slow(false);
    let mut session = engine.open(holder(), Wait::No).await.unwrap();
    let made = deploy(&mut session, &wished(&[("a", "t")]), &mut Vec::new()).await;
    assert_eq!(made.unwrap(), Outcome::Done);
    drop(session);
    tokio::time::sleep(Duration::from_secs(5)).await;
    readers.asked();
    slow(true);
    let later = plan_of("u").await.as_secs();
    assert_eq!(later, 10, "a look, and a question that follows from it");
    assert_eq!(readers.asked(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_question_without_an_answer_is_told_and_stops_nobody() {
    let (ground, readers) = (Ground::new(), Readers::default());
    let engine = engine(&ground, &readers);
    let mut events = Vec::new();
    let mut session = engine.open(holder(), Wait::No).await.unwrap();
    let desired = wished(&[("a", "secret")]);
    assert_eq!(
        deploy(&mut session, &desired, &mut events).await.unwrap(),
        Outcome::Done
    );
    let warned: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Said {
                code,
                text,
                warning: true,
            } if code == "plan.unverified" => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(
        warned,
        ["could not check what `reader.a` names outside: AccessDenied: no (add sns:GetTopicAttributes)"]
    );
    let mut looking = engine.read().await.unwrap();
    let desired = wished(&[("b", "secret")]);
    looking.preview(&desired, &Consent::default()).await.unwrap();
    assert_eq!(looking.unverified().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wish_that_has_not_the_form_of_its_kind_is_named_with_its_place() {
    let (ground, readers) = (Ground::new(), Readers::default());
    let engine = engine(&ground, &readers);
    let mut session = engine.open(holder(), Wait::No).await.unwrap();
    let mut ports = Ports {
        records: &mut NoProjection,
        events: &mut NoEvents,
        stop: StopSignal::never(),
    };
    let desired = wished(&[("a", "")]);
    let refused = session
        .deploy(
            &desired,
            &Consent::default(),
            OnFailure::Rollback,
            None,
            &mut ports,
        )
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "could not plan: `reader.a` is not valid: topic: a topic has a name (at app.py:10)"
    );
    assert_eq!(readers.asked(), [""; 0]);
}
