//! A small world to plan for: what is wanted, recorded and there, and what becomes of it when a plan is carried out.

use std::collections::{BTreeMap, BTreeSet};

use grail_providers::port::Rules;
use grail_state::journal::Doomed;
use grail_state::{
    Desired, DesiredState, Handle, Observed, Proof, Record, Remote, ResourceId, StackId, StepToken, Template,
    Version,
};
use serde_json::{Value, json};

use super::kinds::Book;
use super::text::{errors_text, plan_text};
use crate::plan::{Action, Consent, Inputs, Plan, PlanError, Prune, Step, check_plan, plan};

pub(super) struct World {
    pub(super) desired: DesiredState,
    pub(super) recorded: BTreeMap<ResourceId, Record>,
    pub(super) observed: BTreeMap<ResourceId, Observed>,
    pub(super) doomed: Vec<Doomed>,
    pub(super) unpruned: BTreeMap<ResourceId, Prune>,
    pub(super) consent: Consent,
    pub(super) key: u8,
    /// Things that are there besides, under ids whose living one is another.
    pub(super) besides: BTreeSet<(ResourceId, Handle)>,
    born: u32,
}

pub(super) fn id(text: &str) -> ResourceId {
    text.parse().unwrap()
}

impl World {
    /// Nothing is there, and the given things are wanted: specs by id, in which `=after` and `=rank` are not of the spec.
    pub(super) fn wanting(wishes: Value) -> Self {
        let stack = StackId {
            app: "shop".into(),
            stage: "dev".into(),
        };
        let mut world = Self {
            desired: DesiredState::empty(stack),
            recorded: BTreeMap::new(),
            observed: BTreeMap::new(),
            doomed: Vec::new(),
            unpruned: BTreeMap::new(),
            consent: Consent::default(),
            key: 1,
            besides: BTreeSet::new(),
            born: 0,
        };
        world.want(wishes);
        world
    }

    /// The given things are wanted, and are there.
    pub(super) fn with(wishes: Value) -> Self {
        let mut world = Self::wanting(wishes);
        world.settle();
        world
    }

    pub(super) fn want(&mut self, wishes: Value) -> &mut Self {
        let Value::Object(wishes) = wishes else {
            panic!("wishes are an object")
        };
        let wish = |(rank, (name, mut spec)): (usize, (String, Value))| {
            let fields = spec.as_object_mut().unwrap();
            let after = fields.remove("=after").unwrap_or(json!([]));
            let rank = fields
                .remove("=rank")
                .map_or(rank as u64, |rank| rank.as_u64().unwrap());
            let desired = Desired {
                id: id(&name),
                spec: Template::from_value(spec),
                after: after
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|name| id(name.as_str().unwrap()))
                    .collect(),
                rank: rank as u32,
                origin: None,
                protect: None,
            };
            (desired.id.clone(), desired)
        };
        self.desired.resources = wishes.into_iter().enumerate().map(wish).collect();
        self
    }

    /// Somebody changes, or with `null` removes, a field of what is there.
    pub(super) fn drift(&mut self, name: &str, field: &str, value: Value) -> &mut Self {
        match self.observed.get_mut(&id(name)) {
            Some(Observed::Present(remote)) => remote.spec[field] = value,
            other => panic!("{name} is {other:?}"),
        }
        self
    }

    /// Somebody deletes what is there.
    pub(super) fn gone(&mut self, name: &str) -> &mut Self {
        self.observed.insert(id(name), Observed::Absent);
        self
    }

    /// The state forgets a thing; what is there bears `proof`.
    pub(super) fn unknown(&mut self, name: &str, proof: Proof) -> &mut Self {
        self.recorded.remove(&id(name));
        match self.observed.get_mut(&id(name)) {
            Some(Observed::Present(remote)) => remote.proof = proof,
            other => panic!("{name} is {other:?}"),
        }
        self
    }

    /// The state knows only the physical name, as from Chalice's file.
    pub(super) fn handle_only(&mut self, name: &str) -> &mut Self {
        let record = self.recorded.get_mut(&id(name)).unwrap();
        record.spec = Value::Null;
        record.outputs.clear();
        record.depends_on.clear();
        record.token = None;
        self
    }

    /// An earlier sweep left over the thing that is recorded under `name`.
    pub(super) fn left_over(&mut self, name: &str) -> &mut Self {
        let (id, record) = self.recorded.remove_entry(&id(name)).unwrap();
        self.besides.insert((id.clone(), record.handle.clone()));
        let Record {
            handle,
            spec,
            outputs,
            depends_on,
            rank,
            token,
        } = record;
        self.doomed.push(Doomed {
            id,
            handle,
            spec,
            outputs,
            depends_on,
            rank,
            proof: Proof::recorded(token.as_ref()),
        });
        self
    }

    pub(super) fn knows_mark(&mut self, token: &str) -> &mut Self {
        self.consent.tokens.insert(StepToken(token.into()));
        self
    }

    pub(super) fn plan(&self) -> Result<Plan, Vec<PlanError>> {
        let rules = Book::under_key(self.key);
        let base = Version(Some("base".into()));
        let inputs = Inputs {
            desired: &self.desired,
            recorded: &self.recorded,
            observed: &self.observed,
            doomed: &self.doomed,
            unpruned: &self.unpruned,
            rules: &rules,
            consent: &self.consent,
            base: &base,
        };
        let plan = plan(&inputs)?;
        if let Err(broken) = check_plan(&plan, &inputs) {
            panic!("{}\n\n{}", plan_text(&plan), broken.join("\n"));
        }
        let written = serde_json::to_value(&plan).unwrap();
        let read: Plan = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(
            serde_json::to_value(read).unwrap(),
            written,
            "a plan survives being written down"
        );
        Ok(plan)
    }

    /// The plan, or why there is none, as text.
    pub(super) fn check(&self) -> String {
        match self.plan() {
            Ok(plan) => plan_text(&plan),
            Err(errors) => errors_text(&errors),
        }
    }

    /// Carries out the plan, and says what it was.
    pub(super) fn settle(&mut self) -> String {
        let plan = self
            .plan()
            .unwrap_or_else(|errors| panic!("{}", errors_text(&errors)));
        for step in plan.steps() {
            self.carry_out(step);
        }
        for (id, note) in &plan.notes {
            match note {
                Some(record) => drop(self.recorded.insert(id.clone(), record.clone())),
                None => drop(self.recorded.remove(id)),
            }
        }
        self.doomed.clear();
        self.unpruned.clear();
        for wanted in self.desired.resources.keys() {
            self.observed.entry(wanted.clone()).or_insert(Observed::Absent);
        }
        plan_text(&plan)
    }

    fn carry_out(&mut self, step: &Step) {
        match &step.action {
            Action::Delete { .. } => self.remove(step),
            Action::Create { .. } => {
                self.born += 1;
                if let Some(old) = self.observed.get(&step.resource).and_then(Observed::remote) {
                    self.besides.insert((step.resource.clone(), old.handle.clone()));
                }
                self.put(step, None);
            }
            Action::Update { .. } => self.put(step, step.have.as_ref().map(|have| have.handle.clone())),
        }
    }

    fn put(&mut self, step: &Step, handle: Option<Handle>) {
        let book = Book::under_key(self.key);
        let kind = book.get(step.resource.kind.as_str());
        let resolved = step.want.as_ref().unwrap().resolve(&|output| {
            self.recorded
                .get(&output.of)
                .and_then(|record| record.outputs.get(&output.output))
                .cloned()
        });
        let spec = kind
            .project(&Template::Lit(
                resolved.expect("every reference is known in time"),
            ))
            .unwrap();
        let handle = handle.unwrap_or_else(|| {
            let name = spec["name"].as_str().unwrap_or(&step.resource.name);
            Handle(match (kind.name_bound(), spec["api"].as_str()) {
                (true, Some(api)) => format!("{api}/{name}"),
                (true, None) => name.to_owned(),
                (false, _) => format!("{}-{}", step.resource.kind, self.born),
            })
        });
        let Value::Object(outputs) = kind.outputs(&handle.0, &spec) else {
            panic!("outputs are an object")
        };
        let outputs: BTreeMap<_, _> = outputs.into_iter().collect();
        let remote = Remote {
            handle,
            spec,
            outputs,
            proof: Proof::Ours,
            additions: Vec::new(),
        };
        let record = Record {
            handle: remote.handle.clone(),
            spec: remote.spec.clone(),
            outputs: remote.outputs.clone(),
            depends_on: step.depends_on.clone(),
            rank: step.rank,
            token: None,
        };
        self.recorded.insert(step.resource.clone(), record);
        self.observed
            .insert(step.resource.clone(), Observed::Present(remote));
    }

    fn remove(&mut self, step: &Step) {
        let handle = &step.have.as_ref().unwrap().handle;
        self.besides.remove(&(step.resource.clone(), handle.clone()));
        let living = self.observed.get(&step.resource).and_then(Observed::remote);
        if living.is_none_or(|remote| remote.handle == *handle) {
            self.observed.insert(step.resource.clone(), Observed::Absent);
            self.recorded.remove(&step.resource);
        }
    }
}
