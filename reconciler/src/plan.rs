//! Desired, recorded and observed in, a [`Plan`] out. Pure: no IO, no clock, no AWS types.
//!
//! `have` against `want` decides what is done; `recorded` against `have` only explains it ("changed outside"). No case
//! depends on the state being right: it supplies handles and remembered dependencies.
//!
//! The parts, in the order in which they are used: [`moves`] finds what is wanted under another id, [`graph`] sorts the wishes, [`adopt`] says which of the things that exist
//! are ours, [`decide`] what becomes of each wish (with [`outlook`], [`reason`] and [`replace`]), [`retire`] what goes,
//! [`arrange`] makes steps of it. [`check`] judges a finished plan by the rules alone, knowing none of this. [`guard`] refuses
//! one that would end what it must not, and [`broadening`] says what somebody may do by it and could not before.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use grail_providers::port::Diff;
use grail_state::journal::Doomed;
pub use grail_state::journal::Prune;
use grail_state::{Desired, Digest, Observed, Record, Remote, ResourceId, Template, Version};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod adopt;
mod arrange;
pub mod broadening;
pub mod check;
mod compare;
mod decide;
mod drift;
mod error;
mod graph;
pub mod guard;
mod moves;
mod outlook;
pub(crate) mod prune;
mod reason;
mod replace;
mod retire;
mod scope;
#[cfg(test)]
mod tests;

pub use broadening::Broadening;
pub use check::check_plan;
pub use drift::{DriftReason, Drifted, drift};
pub use error::{PlanError, PlanProblem};
pub use guard::Guard;

pub(crate) use scope::Scope;

use adopt::Ownership;
use decide::Fate;
use moves::Moves;

/// The place of a step in its plan: `build` first, then `sweep`, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct StepId(pub u32);

/// What a step does. A replacement is two steps that name each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Brings the resource into being.
    Create {
        /// The step that removes what it takes the place of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<StepId>,
    },
    /// Changes what differs.
    Update {
        /// The differences.
        diff: Diff,
    },
    /// Removes it.
    Delete {
        /// The step that makes what takes its place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaced_by: Option<StepId>,
    },
}

/// Why a step is in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It is wanted and was never made.
    New,
    /// The state knows it, and it is not there.
    Missing,
    /// The wish has changed.
    ConfigurationChanged,
    /// What is there was changed by somebody else.
    ChangedOutside,
    /// The wish has changed, and so has what is there.
    Both,
    /// A value that it refers to changes in this plan.
    DependencyChanged,
    /// It exists, is ours, and the state did not know it.
    Adopted,
    /// It is no longer wanted.
    NotWanted,
    /// It is replaced by a new one.
    Replaced,
    /// An earlier deletion did not succeed, or another tool keeps a second one.
    LeftOver,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Missing => "missing",
            Self::ConfigurationChanged => "configuration changed",
            Self::ChangedOutside => "changed outside",
            Self::Both => "configuration changed, and changed outside",
            Self::DependencyChanged => "something it refers to changes",
            Self::Adopted => "adopted",
            Self::NotWanted => "no longer wanted",
            Self::Replaced => "replaced",
            Self::LeftOver => "left over",
        })
    }
}

/// One thing to do.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Its place in the plan.
    pub id: StepId,
    /// The resource that it changes.
    pub resource: ResourceId,
    /// What it does.
    pub action: Action,
    /// The wished form, secrets in clear. Skipped when a plan is written out; `wanted` shows it.
    #[serde(skip)]
    pub want: Option<Template>,
    /// The wished form as projected, with stand-ins for what is known after the deploy only.
    pub wanted: Option<Value>,
    /// What is there before the step, as observed.
    pub have: Option<Remote>,
    /// What the resource depends on, to be remembered.
    pub depends_on: BTreeSet<ResourceId>,
    /// The steps that must be done first.
    pub after: Vec<StepId>,
    /// Its place in Chalice's order.
    pub rank: u32,
    /// Why it is here.
    pub why: Why,
    /// A short physical name for messages.
    pub label: Option<String>,
}

impl fmt::Debug for Step {
    /// Shows everything but the form with its secrets in clear.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("id", &self.id)
            .field("resource", &self.resource)
            .field("action", &self.action)
            .field("wanted", &self.wanted)
            .field("have", &self.have)
            .field("depends_on", &self.depends_on)
            .field("after", &self.after)
            .field("rank", &self.rank)
            .field("why", &self.why)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// Creates, updates, and the deletions that can be taken back.
    pub build: Vec<Step>,
    /// Deletions that cannot, after the commit.
    pub sweep: Vec<Step>,
    /// Resources that are as they should be.
    pub unchanged: Vec<ResourceId>,
    /// Records that change without a call: adopted resources that need no write, refreshed outputs, records of things that
    /// are neither there nor wanted (`None`).
    pub notes: BTreeMap<ResourceId, Option<Record>>,
    /// What others have added to resources that are ours; it stays. No part of the digest: nothing is done about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub additions: BTreeMap<ResourceId, Vec<String>>,
    /// What somebody may do by it and could not do before. No part of the digest: it follows from what is done, as far as that
    /// can be compared where it is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broadenings: Vec<Broadening>,
    /// What the state is to record as protected; not there where that stays as it is. No part of the digest: nothing is done
    /// about it outside. Said by whoever knows all that is wanted and recorded ([`guard`]), which a plan for a part does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected: Option<BTreeSet<ResourceId>>,
    /// Things that are recorded under another id from now on: the old id of each new one. No part of the digest: the notes say
    /// the same.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub moves: BTreeMap<ResourceId, ResourceId>,
    /// Of those additions, what goes when all is done: not to be taken back, and nothing but what is named here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prune: BTreeMap<ResourceId, Prune>,
    /// The state that the plan was made from.
    pub base: Version,
    /// The digest of what is done and from where: what is approved is what is done.
    pub digest: Digest,
}

impl Plan {
    /// True if carrying it out would write nothing outside.
    pub fn is_empty(&self) -> bool {
        self.build.is_empty() && self.sweep.is_empty() && self.prune.is_empty()
    }

    /// The digest of all but the digest.
    pub(crate) fn digested(&self) -> Digest {
        let Self {
            build,
            sweep,
            unchanged,
            notes,
            additions: _,
            broadenings: _,
            protected: _,
            moves: _,
            prune,
            base,
            digest: _,
        } = self;
        // A plan without them has the digest that it had before there were any.
        if prune.is_empty() {
            return Digest::of_written(&(build, sweep, unchanged, notes, base));
        }
        Digest::of_written(&(build, sweep, unchanged, notes, base, prune))
    }

    /// True if the digest is that of the rest, as it is of every plan that was made and not altered.
    pub fn is_intact(&self) -> bool {
        self.digest == self.digested()
    }

    /// The same as it is shown: without the forms that hold secrets in clear.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        let mut shown = self.clone();
        for step in shown.build.iter_mut().chain(&mut shown.sweep) {
            step.want = None;
        }
        shown
    }

    /// All steps, build first.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.build.iter().chain(&self.sweep)
    }
}

/// All that a plan is made from.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// What is wanted.
    pub desired: &'a grail_state::DesiredState,
    /// What the state knows.
    pub recorded: &'a BTreeMap<ResourceId, Record>,
    /// What is there. An id that was not looked at is not in the map.
    pub observed: &'a BTreeMap<ResourceId, Observed>,
    /// What an earlier commit wanted gone and is not.
    pub doomed: &'a [Doomed],
    /// What was to go from things that stay at an earlier commit, and has not.
    pub unpruned: &'a BTreeMap<ResourceId, Prune>,
    /// Rules by kind.
    pub rules: &'a dyn grail_providers::port::RuleBook,
    /// What the user allows.
    pub consent: &'a Consent,
    /// The state that `recorded` was read from.
    pub base: &'a Version,
}

/// What the user allows beyond the ordinary.
#[derive(Clone, Debug, Default)]
pub struct Consent {
    /// Existing things to adopt without proof: `kind.name`, or the name alone.
    pub adopt: BTreeSet<String>,
    /// Whether a resource bound to a fixed name may be deleted and created anew.
    pub replace: bool,
    /// The resources that may be touched, with what they depend on: `kind.name`, or the name alone. Empty for all.
    pub only: BTreeSet<String>,
    /// Whether to go on past what this grail cannot delete, instead of deleting nothing.
    pub force: bool,
    /// Whether what others have added to things of ours goes, as far as it can be removed.
    pub prune: bool,
    /// Marks of attempts that the journal knows: things that bear one are ours.
    pub tokens: BTreeSet<grail_state::StepToken>,
    /// What may not be done whatever is wished; `None` for a plan that nobody carries out.
    pub guard: Option<Guard>,
    /// What the state recorded as protected at the last commit.
    pub protected: BTreeSet<ResourceId>,
}

/// Plans how to come from what is there to what is wanted.
///
/// A wish for nothing at all is the goal of `delete`: then every deletion is in the sweep.
///
/// # Errors
/// Every problem that stands in the way, in a stable order: unknown kinds, invalid specs, references to nothing, circles,
/// then things that are not ours or cannot be replaced; where nothing else is wrong, what the guard forbids.
pub fn plan(inputs: &Inputs<'_>) -> Result<Plan, Vec<PlanError>> {
    let moves = Moves::found(inputs);
    let (recorded, observed) = (moves.recorded(inputs), moves.observed(inputs));
    let inputs = &Inputs {
        recorded: &recorded,
        observed: &observed,
        ..*inputs
    };
    let resources = &inputs.desired.resources;
    let needs: graph::Before<ResourceId> = resources
        .iter()
        .map(|(id, desired)| (id.clone(), desired.depends_on()))
        .collect();
    let mut problems = wrong_wishes(inputs, &needs);
    let invalid = problems
        .iter()
        .filter(|problem| matches!(problem, PlanError::Invalid { .. }))
        .filter_map(|problem| problem.resource().cloned())
        .collect();
    let order = graph::sorted(&needs, |id| resources.get(id).map_or(0, |desired| desired.rank));
    problems.extend(graph::circles(&needs).into_iter().map(PlanError::Cycle));
    let ownership = Ownership::of(inputs);
    problems.extend(adopt::refusals(inputs, &ownership));
    let known = decide::Known {
        needs: &needs,
        ownership: &ownership,
        invalid: &invalid,
    };
    let mut decided = decide::decide(inputs, &order, &known, &mut problems);
    let retired = retire::retire(inputs, &ownership, &moves, &decided, &mut problems);
    if !problems.is_empty() {
        problems.sort_by_key(PlanError::class);
        return Err(problems);
    }
    let mut notes: BTreeMap<_, _> = retired.forgotten.iter().map(|id| (id.clone(), None)).collect();
    let mut unchanged = Vec::new();
    for (id, one) in &mut decided {
        if let Fate::Keep(note) = &mut one.fate {
            unchanged.push((*id).clone());
            notes.extend(note.take().map(|record| ((*id).clone(), Some(record))));
        }
    }
    moves.note(inputs.recorded, &unchanged, &mut notes);
    let prune = prune::prune(inputs, &decided);
    let (build, sweep) = arrange::arrange(&order, &needs, decided, retired);
    let mut plan = Plan {
        build,
        sweep,
        unchanged,
        notes,
        broadenings: Vec::new(),
        protected: None,
        moves: moves.into_inner(),
        additions: prune::kept(inputs, &prune),
        prune,
        base: inputs.base.clone(),
        digest: Digest::default(),
    };
    plan.digest = plan.digested();
    let refused = guard::refusals(&plan, inputs);
    if !refused.is_empty() {
        return Err(refused);
    }
    Ok(plan)
}

/// What is wrong with the wishes themselves.
fn wrong_wishes(inputs: &Inputs<'_>, needs: &graph::Before<ResourceId>) -> Vec<PlanError> {
    let mut problems = Vec::new();
    for Desired { id, spec, .. } in inputs.desired.resources.values() {
        match inputs.rules.rules(&id.kind).map(|rules| rules.check(spec)) {
            None => problems.push(PlanError::UnknownKind(id.clone())),
            Some(Err(wrong)) => problems.push(PlanError::Invalid {
                id: id.clone(),
                problems: wrong,
            }),
            Some(Ok(())) => {}
        }
    }
    for (from, firsts) in needs {
        let nowhere = firsts.iter().filter(|to| !needs.contains_key(to));
        problems.extend(nowhere.map(|to| PlanError::Dangling {
            from: from.clone(),
            to: to.clone(),
        }));
    }
    problems
}
