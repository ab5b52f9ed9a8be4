//! Plans for a part: the targets that the user names, and all that they depend on. Everything else is as if it were neither
//! wanted nor known, so nothing is done to it.
//!
//! A part may be done alone only if that leaves nothing wrong: what exists outside the part and stands on something that is
//! deleted, replaced, or given another value would then point at what is no longer there. That is refused, with names.

use std::collections::{BTreeMap, BTreeSet};

use grail_providers::port::RuleBook;
use grail_state::{Desired, DesiredState, OutputRef, Record, ResourceId};

use super::{Action, Plan, PlanError, Step};

/// The part of the wishes and of the state that a plan is about.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) desired: DesiredState,
    pub(crate) recorded: BTreeMap<ResourceId, Record>,
}

impl Scope {
    /// The resources that `targets` name (`kind.name`, or the name alone), with what they depend on.
    ///
    /// # Errors
    /// A target that names nothing.
    pub(crate) fn of(
        targets: &BTreeSet<String>,
        desired: &DesiredState,
        recorded: &BTreeMap<ResourceId, Record>,
    ) -> Result<Self, Vec<PlanError>> {
        let known: BTreeSet<_> = desired.resources.keys().chain(recorded.keys()).collect();
        let names = |target: &str, id: &ResourceId| id.name == target || id.to_string() == target;
        let (mut ids, mut unknown) = (BTreeSet::new(), Vec::new());
        for target in targets {
            let named: Vec<_> = known.iter().filter(|id| names(target, id)).collect();
            if named.is_empty() {
                unknown.push(PlanError::NoSuchTarget(target.clone()));
            }
            ids.extend(named.into_iter().map(|id| (*id).clone()));
        }
        if !unknown.is_empty() {
            return Err(unknown);
        }
        let mut open: Vec<_> = ids.iter().cloned().collect();
        while let Some(id) = open.pop() {
            let needs = desired.resources.get(&id).map(Desired::depends_on);
            open.extend(
                needs
                    .into_iter()
                    .flatten()
                    .filter(|need| ids.insert(need.clone())),
            );
        }
        let resources = desired.resources.iter().filter(|(id, _)| ids.contains(id));
        let records = recorded.iter().filter(|(id, _)| ids.contains(id));
        Ok(Self {
            desired: DesiredState {
                stack: desired.stack.clone(),
                resources: resources.map(|(id, wish)| (id.clone(), wish.clone())).collect(),
            },
            recorded: records.map(|(id, record)| (id.clone(), record.clone())).collect(),
        })
    }

    /// What `plan`, made for this part, would leave wrong outside it.
    pub(crate) fn left_wrong(
        &self,
        plan: &Plan,
        desired: &DesiredState,
        recorded: &BTreeMap<ResourceId, Record>,
        rules: &dyn RuleBook,
    ) -> Vec<PlanError> {
        let outside: Vec<_> = recorded
            .iter()
            .filter(|(id, _)| !self.recorded.contains_key(id))
            .collect();
        let mut wrong = Vec::new();
        for step in plan.steps() {
            let leans = |id: &ResourceId, record: &Record| {
                let wish = desired.resources.get(id);
                let stands = record.depends_on.contains(&step.resource)
                    || wish.is_some_and(|wish| wish.depends_on().contains(&step.resource));
                match step.action {
                    Action::Update { .. } => wish.is_some_and(|wish| reads_what_changes(wish, step, rules)),
                    Action::Create { replaces: None } => false,
                    Action::Create { .. } | Action::Delete { .. } => stands,
                }
            };
            let dependents: BTreeSet<_> = outside
                .iter()
                .filter(|(id, record)| leans(id, record))
                .map(|(id, _)| (*id).clone())
                .collect();
            if !dependents.is_empty() {
                wrong.push(PlanError::LeavesWrong {
                    id: step.resource.clone(),
                    dependents,
                });
            }
        }
        wrong.dedup();
        wrong
    }
}

/// Whether `wish` refers to an output that the update `step` may change.
fn reads_what_changes(wish: &Desired, step: &Step, rules: &dyn RuleBook) -> bool {
    let mut refs: Vec<OutputRef> = Vec::new();
    wish.spec.refs(&mut refs);
    let volatile = rules
        .rules(&step.resource.kind)
        .map(|rules| rules.volatile_outputs());
    refs.iter().any(|output| {
        output.of == step.resource && volatile.is_some_and(|names| names.contains(&output.output.as_str()))
    })
}
