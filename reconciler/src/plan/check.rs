//! Judges a finished plan by the rules that every plan obeys, without knowing how plans are made.
//!
//! Called on every plan in the planner's tests, and on every plan of a session before anything is done with it.

use std::collections::{BTreeMap, BTreeSet};

use grail_providers::port::Undelete;
use grail_state::{Handle, OutputRef, Proof, ResourceId};

use super::{Action, Inputs, Plan, Step, StepId};

/// Judges `plan`, made from `inputs`.
///
/// # Errors
/// Every rule that it breaks, in words.
pub fn check_plan(plan: &Plan, inputs: &Inputs<'_>) -> Result<(), Vec<String>> {
    let mut judge = Judge::new(plan, inputs);
    judge.places();
    judge.coverage();
    judge.shapes();
    judge.replacements();
    judge.made_in_order();
    judge.deleted_in_order();
    judge.references();
    judge.ownership();
    judge.notes();
    judge.pruning();
    if plan.digest != plan.digested() {
        judge.broken.push("the digest is not the plan's".to_owned());
    }
    if judge.broken.is_empty() {
        Ok(())
    } else {
        Err(judge.broken)
    }
}

struct Judge<'a> {
    plan: &'a Plan,
    inputs: &'a Inputs<'a>,
    /// Each step by its place.
    steps: Vec<&'a Step>,
    /// What each wish needs directly.
    needs: BTreeMap<&'a ResourceId, BTreeSet<ResourceId>>,
    /// The steps that create or update each resource.
    makers: BTreeMap<&'a ResourceId, Vec<&'a Step>>,
    kept: BTreeMap<&'a ResourceId, usize>,
    broken: Vec<String>,
}

impl<'a> Judge<'a> {
    fn new(plan: &'a Plan, inputs: &'a Inputs<'a>) -> Self {
        let needs = inputs.desired.resources.iter();
        let needs = needs.map(|(id, desired)| (id, desired.depends_on())).collect();
        let mut makers: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for step in plan.steps().filter(|step| !is_delete(step)) {
            makers.entry(&step.resource).or_default().push(step);
        }
        let mut kept = BTreeMap::new();
        for id in &plan.unchanged {
            *kept.entry(id).or_default() += 1;
        }
        Self {
            plan,
            inputs,
            needs,
            makers,
            kept,
            steps: plan.steps().collect(),
            broken: Vec::new(),
        }
    }

    fn expect(&mut self, holds: bool, broken: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(broken());
        }
    }

    /// Whether `then` waits for `first`: by itself, as nearly always, or through others.
    fn precedes(&self, first: &Step, then: &Step) -> bool {
        if then.after.binary_search(&first.id).is_ok() {
            return true;
        }
        let mut seen = BTreeSet::new();
        let mut open = vec![then];
        while let Some(step) = open.pop() {
            for before in &step.after {
                if *before == first.id {
                    return true;
                }
                // What stands before `first` cannot lead back to it.
                if *before > first.id && *before < step.id && seen.insert(*before) {
                    open.extend(self.step(*before));
                }
            }
        }
        false
    }

    fn step(&self, id: StepId) -> Option<&'a Step> {
        self.steps.get(id.0 as usize).copied()
    }

    /// Steps of `chosen` that no other of them waits for by itself. Who waits for these waits for all.
    fn last_of(chosen: &[&'a Step]) -> Vec<&'a Step> {
        let waited_for: BTreeSet<_> = chosen.iter().flat_map(|step| &step.after).collect();
        let last = chosen.iter().filter(|step| !waited_for.contains(&step.id));
        last.copied().collect()
    }

    /// The step that creates or updates the resource.
    fn maker(&self, id: &ResourceId) -> Option<&'a Step> {
        self.makers.get(id)?.first().copied()
    }

    /// Ids are positions, and a step waits only for earlier ones of its own phase.
    fn places(&mut self) {
        let build = self.plan.build.len();
        for (at, step) in self.plan.steps().enumerate() {
            self.expect(step.id.0 as usize == at, || {
                format!("step {} stands at {at}", step.id.0)
            });
            self.expect(step.after.is_sorted_by(|one, other| one < other), || {
                format!(
                    "step {} does not list what it waits for in order, once each",
                    step.id.0
                )
            });
            let phase = if at < build { 0..at } else { build..at };
            for first in &step.after {
                self.expect(phase.contains(&(first.0 as usize)), || {
                    format!(
                        "step {} waits for {}, which is not before it in its phase",
                        step.id.0, first.0
                    )
                });
            }
            self.expect(at < build || is_delete(step), || {
                format!("step {at} is in the sweep and deletes nothing")
            });
        }
    }

    /// Every wish is met once, and nothing is deleted twice.
    fn coverage(&mut self) {
        for id in self.inputs.desired.resources.keys() {
            let made = self.makers.get(id).map_or(0, Vec::len);
            let kept = self.kept.get(id).copied().unwrap_or_default();
            self.expect(made + kept == 1, || {
                format!("{id} is made {made} times and kept {kept} times")
            });
        }
        for step in self.plan.steps().filter(|step| !is_delete(step)) {
            let wanted = self.inputs.desired.resources.contains_key(&step.resource);
            self.expect(wanted, || {
                format!("{} is made, and nobody wants it", step.resource)
            });
        }
        let deleted: Vec<_> = self
            .plan
            .steps()
            .filter(|step| is_delete(step))
            .map(thing)
            .collect();
        let distinct: BTreeSet<_> = deleted.iter().collect();
        self.expect(deleted.len() == distinct.len(), || {
            "something is deleted twice".to_owned()
        });
    }

    /// Each step has what its action needs.
    fn shapes(&mut self) {
        for step in self.plan.steps() {
            let (want, have) = (step.want.is_some() && step.wanted.is_some(), step.have.is_some());
            let right = match &step.action {
                Action::Create { replaces: None } => want && !have,
                Action::Create { .. } => want,
                Action::Update { diff } => want && have && !diff.is_empty() && !diff.replaces(),
                Action::Delete { .. } => have && step.want.is_none() && step.wanted.is_none(),
            };
            self.expect(right, || {
                format!("step {} does not have what its action needs", step.id.0)
            });
        }
    }

    /// Replacements come in pairs, in the right order for what fixes the name.
    fn replacements(&mut self) {
        let steps: BTreeMap<_, _> = self.plan.steps().map(|step| (step.id, step)).collect();
        for step in self.plan.steps() {
            let partner = match &step.action {
                Action::Create { replaces } => *replaces,
                Action::Delete { replaced_by } => *replaced_by,
                Action::Update { .. } => None,
            };
            let Some(partner) = partner else {
                // A deletion without a partner must not be of a wanted resource, unless the thing is another one.
                let namesake = is_delete(step) && self.living(step);
                self.expect(!namesake, || {
                    format!("{} is wanted, and what is there is deleted", step.resource)
                });
                continue;
            };
            let back = steps.get(&partner).is_some_and(|other| {
                other.resource == step.resource
                    && match &other.action {
                        Action::Create { replaces } => is_delete(step) && *replaces == Some(step.id),
                        Action::Delete { replaced_by } => !is_delete(step) && *replaced_by == Some(step.id),
                        Action::Update { .. } => false,
                    }
            });
            self.expect(back, || {
                format!("step {} and step {} do not name each other", step.id.0, partner.0)
            });
            let in_build = (partner.0 as usize) < self.plan.build.len();
            if !is_delete(step) && in_build {
                let ordered = steps
                    .get(&partner)
                    .is_some_and(|other| self.precedes(other, step));
                self.expect(ordered, || {
                    format!("{} is made before its place is free", step.resource)
                });
                self.expect(self.inputs.consent.replace, || {
                    format!("nobody allowed {} to go", step.resource)
                });
            }
        }
    }

    /// Whether a deletion is of the very thing that a wanted resource is.
    fn living(&self, step: &Step) -> bool {
        let there = self
            .inputs
            .observed
            .get(&step.resource)
            .and_then(|observed| observed.remote());
        self.inputs.desired.resources.contains_key(&step.resource)
            && there.map(|remote| &remote.handle) == step.have.as_ref().map(|have| &have.handle)
    }

    /// What a resource needs is made before it.
    fn made_in_order(&mut self) {
        for step in self.plan.build.iter().filter(|step| !is_delete(step)) {
            for need in self.nearest_made(&step.resource) {
                if let Some(first) = self.maker(&need) {
                    let right = self.precedes(first, step);
                    self.expect(right, || {
                        format!("{} is made before {need}, which it needs", step.resource)
                    });
                }
            }
        }
    }

    /// What a wish needs, directly or through others that stay as they are. What is made itself answers for its own needs.
    fn nearest_made(&self, id: &ResourceId) -> BTreeSet<ResourceId> {
        let mut found = BTreeSet::new();
        let mut open = vec![id];
        while let Some(next) = open.pop() {
            for need in self.needs.get(next).into_iter().flatten() {
                if found.insert(need.clone()) && self.maker(need).is_none() {
                    open.push(need);
                }
            }
        }
        found
    }

    /// Deletions stand behind all that is made, dependents first; what cannot be taken back, and what that stands on, is in
    /// the sweep.
    fn deleted_in_order(&mut self) {
        let (making, build): (Vec<_>, Vec<_>) =
            self.plan.build.iter().partition(|step| makes_or_clears(step));
        let sweep: Vec<_> = self.plan.sweep.iter().collect();
        self.expect(
            build.is_empty() || !self.inputs.desired.resources.is_empty(),
            || "nothing is wanted, and something is deleted before the commit".to_owned(),
        );
        let last = Self::last_of(&making);
        let clears = self.before_clearings();
        let stood_on: BTreeMap<_, _> = sweep
            .iter()
            .flat_map(|swept| swept.depends_on.iter().map(|id| (id, &swept.resource)))
            .collect();
        for step in build.iter().filter(|step| !clears.contains(&step.id)) {
            for made in &last {
                let right = self.precedes(made, step);
                self.expect(right, || {
                    format!("{} is deleted before {} is made", step.resource, made.resource)
                });
            }
        }
        for step in &build {
            let rules = self.inputs.rules.rules(&step.resource.kind);
            let never = rules.is_some_and(|rules| rules.undelete() == Undelete::Never);
            self.expect(!never, || {
                format!("{} is deleted before the commit", step.resource)
            });
            if let Some(swept) = stood_on.get(&step.resource) {
                self.broken
                    .push(format!("{} is deleted before {swept} is swept", step.resource));
            }
        }
        for phase in [&build, &sweep] {
            let mut namesakes: BTreeMap<_, Vec<&Step>> = BTreeMap::new();
            for step in phase {
                namesakes.entry(&step.resource).or_default().push(step);
            }
            for step in phase {
                let needed = step.depends_on.iter().filter_map(|id| namesakes.get(id));
                for need in needed.flatten() {
                    let mutual = need.depends_on.contains(&step.resource) || thing(need) == thing(step);
                    let right = mutual || self.precedes(step, need);
                    self.expect(right, || {
                        format!(
                            "{} is deleted before {}, which needs it",
                            need.resource, step.resource
                        )
                    });
                }
            }
        }
    }

    /// All that something which is cleared waits for. A deletion among these, or one that they wait for, is of what may be a
    /// part of that: it comes first.
    fn before_clearings(&self) -> BTreeSet<StepId> {
        let clears = |step: &&&Step| matches!(step.action, Action::Delete { replaced_by: Some(_) });
        let build = self.steps.get(..self.plan.build.len()).unwrap_or_default();
        let mut open: Vec<&Step> = build.iter().filter(clears).copied().collect();
        let mut before = BTreeSet::new();
        while let Some(step) = open.pop() {
            for first in step.after.iter().filter(|first| **first < step.id) {
                if before.insert(*first) {
                    open.extend(self.step(*first));
                }
            }
        }
        before
    }

    /// What a wish still refers to is made in this plan, before it.
    fn references(&mut self) {
        for step in self.plan.build.iter() {
            let mut refs: Vec<OutputRef> = Vec::new();
            if let Some(want) = &step.want {
                want.refs(&mut refs);
            }
            for output in refs {
                let right = self
                    .maker(&output.of)
                    .is_some_and(|maker| self.precedes(maker, step));
                self.expect(right, || {
                    format!("{} needs {output}, which no step makes known", step.resource)
                });
            }
        }
    }

    /// What others have added goes only where it was seen and somebody has consented, and from a thing that stays.
    fn pruning(&mut self) {
        let inputs = self.inputs;
        for (id, prune) in &self.plan.prune {
            // What moves was looked at under its old id.
            let then = self.plan.moves.get(id).unwrap_or(id);
            let seen = inputs.observed.get(then).and_then(grail_state::Observed::remote);
            let added = seen.filter(|remote| remote.handle == prune.handle);
            let mut left = inputs.unpruned.iter().filter(|(then, _)| then.kind == id.kind);
            let left = left.find(|(_, left)| left.handle == prune.handle);
            let left = |child: &String| left.is_some_and(|(_, left)| left.children.contains(child));
            let rules = inputs.rules.rules(&id.kind);
            for child in &prune.children {
                let told = added.is_some_and(|remote| remote.additions.contains(child));
                let removable = rules.is_some_and(|rules| rules.prunes(child));
                let allowed = (inputs.consent.prune && told && removable) || (added.is_some() && left(child));
                self.expect(allowed, || {
                    format!("{child} goes from {id}, and nobody has consented to that")
                });
            }
            let stays = self
                .plan
                .steps()
                .all(|step| step.resource != *id || matches!(step.action, Action::Update { .. }));
            self.expect(stays, || {
                format!("{id} does not stay, and something is to be removed from it")
            });
        }
    }

    /// Only what is ours is changed or deleted.
    fn ownership(&mut self) {
        let inputs = self.inputs;
        let records = inputs
            .recorded
            .iter()
            .map(|(id, record)| (&id.kind, &record.handle));
        let doomed = inputs
            .doomed
            .iter()
            .map(|doomed| (&doomed.id.kind, &doomed.handle));
        let known: BTreeSet<_> = records.chain(doomed).collect();
        let recorded = inputs
            .recorded
            .values()
            .filter_map(|record| record.token.as_ref());
        let tokens: BTreeSet<_> = recorded.chain(&inputs.consent.tokens).collect();
        let used = self.used_by_ours();
        for step in self.plan.steps() {
            let Some(have) = &step.have else { continue };
            let marked = match &have.proof {
                Proof::Ours => true,
                Proof::Mark(token) => tokens.contains(token),
                Proof::NameOnly | Proof::Theirs { .. } => false,
            };
            let theirs = matches!(have.proof, Proof::Theirs { .. });
            let allowed = inputs.consent.adopt.contains(&step.resource.name)
                || inputs.consent.adopt.contains(&step.resource.to_string());
            let ours = known.contains(&(&step.resource.kind, &have.handle)) || marked || allowed;
            self.expect(ours || !theirs && used.contains(&step.resource), || {
                format!("{} is touched, and nothing shows that it is ours", step.resource)
            });
        }
    }

    /// Resources that a wish of ours refers to.
    fn used_by_ours(&self) -> BTreeSet<ResourceId> {
        self.inputs
            .desired
            .resources
            .values()
            .flat_map(|desired| desired.depends_on())
            .collect()
    }

    /// Notes change records of resources that no step touches.
    fn notes(&mut self) {
        let build: BTreeSet<_> = self.plan.build.iter().map(|step| &step.resource).collect();
        let all: BTreeSet<_> = self.plan.steps().map(|step| &step.resource).collect();
        for (id, note) in &self.plan.notes {
            let stepped = build.contains(id);
            let kept = self.kept.contains_key(id);
            let right = if note.is_some() {
                kept
            } else {
                !kept && !stepped && self.inputs.recorded.contains_key(id)
            };
            self.expect(right, || format!("the note of {id} does not fit what is done"));
        }
        for id in self
            .inputs
            .recorded
            .keys()
            .filter(|id| !self.inputs.desired.resources.contains_key(*id))
        {
            let right = all.contains(id) || self.plan.notes.get(id) == Some(&None);
            self.expect(right, || format!("{id} is recorded, not wanted, and stays"));
        }
    }
}

fn is_delete(step: &Step) -> bool {
    matches!(step.action, Action::Delete { .. })
}

/// In the build: whether a step does anything but delete for good.
fn makes_or_clears(step: &Step) -> bool {
    !matches!(step.action, Action::Delete { replaced_by: None })
}

fn thing(step: &Step) -> (&ResourceId, Option<&Handle>) {
    (&step.resource, step.have.as_ref().map(|have| &have.handle))
}
