//! Desired, recorded and observed in, a [`Plan`] out. Pure: no IO, no clock, no AWS types.
//!
//! `have` against `want` decides what is done; `recorded` against `have` only explains it ("changed outside"). No case
//! depends on the state being right: it supplies handles and remembered dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use grail_providers::port::{Diff, Invalid};
use grail_state::journal::Doomed;
use grail_state::{Digest, Handle, Observed, Record, Remote, ResourceId, Template, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The place of a step in its plan: `build` first, then `sweep`, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub u32);

/// What a step does. A replacement is two steps that name each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// An earlier deletion did not succeed.
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
            Self::LeftOver => "left over from an earlier deletion",
        })
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// The state that the plan was made from.
    pub base: Version,
    /// The digest of everything above: what is approved is what is done.
    pub digest: Digest,
}

impl Plan {
    /// True if carrying it out would write nothing outside.
    pub fn is_empty(&self) -> bool {
        self.build.is_empty() && self.sweep.is_empty()
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
    /// Marks of attempts that the journal knows: things that bear one are ours.
    pub tokens: BTreeSet<grail_state::StepToken>,
}

/// Why there is no plan. A call returns all of them at once.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// Resources that need each other, each the next.
    #[error("these resources depend on each other in a circle: {}", circle(.0))]
    Cycle(Vec<ResourceId>),
    /// A reference to something that nobody declares.
    #[error("`{from}` refers to `{to}`, which is not declared")]
    Dangling {
        /// Who refers.
        from: ResourceId,
        /// To what.
        to: ResourceId,
    },
    /// A kind that this build does not have.
    #[error("`{0}` is of a kind that this grail does not know")]
    UnknownKind(ResourceId),
    /// A wish that does not have the form of its kind.
    #[error("`{id}` is not valid: {}", .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid {
        /// The resource.
        id: ResourceId,
        /// What is wrong with it.
        problems: Vec<Invalid>,
    },
    /// Changing it means deleting it first, and that was not allowed.
    #[error("`{id}` can only be changed by deleting and creating it again ({} cannot change in place)", .fields.join(", "))]
    CannotReplace {
        /// The resource.
        id: ResourceId,
        /// The fields that call for it.
        fields: Vec<String>,
    },
    /// A thing with its name exists and nothing shows that it is ours.
    #[error("`{id}`: {handle} exists already, and {}", .owner.as_ref().map_or_else(|| "nothing shows that it belongs to this stage".to_owned(), |owner| format!("it belongs to {owner}")))]
    Foreign {
        /// The resource.
        id: ResourceId,
        /// What exists.
        handle: Handle,
        /// Whose it is, if that can be seen.
        owner: Option<String>,
    },
}

impl PlanError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::CannotReplace { .. } => Some(
                "if that is what you want, run again with --allow-replace; it is unavailable while it is replaced"
                    .to_owned(),
            ),
            Self::Foreign { id, owner: None, .. } => Some(format!(
                "if it is yours, run again with `--adopt {id}`; else delete it, or choose another app name"
            )),
            Self::Foreign { .. } => Some("choose another app name or stage, or delete it there first".to_owned()),
            _ => None,
        }
    }
}

fn circle(ids: &[ResourceId]) -> String {
    let names: Vec<_> = ids.iter().chain(ids.first()).map(ToString::to_string).collect();
    names.join(" -> ")
}
