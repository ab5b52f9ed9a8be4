//! The pieces of work of one stage.

use std::collections::{BTreeMap, VecDeque};

use grail_providers::port::{Lane, RuleBook};
use grail_state::journal::{Doomed, Prune};
use grail_state::{Keep, Kind, Lost, Remote, ResourceId};
use serde_json::Value;

use super::parents::Asking;
use crate::engine::attempt::Attempt;
use crate::engine::limits::{Limits, Time};
use crate::plan::StepId;

/// What the machine is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Carrying out the plan.
    Build,
    /// Writing down that it is committed.
    Commit,
    /// Deleting what cannot be taken back.
    Sweep,
    /// Writing down that the way back begins.
    Abort,
    /// Bringing everything back.
    Restore,
    /// Nothing.
    Over,
}

/// Numbers for the lanes of one stage, as the frontier wants them.
#[derive(Default)]
pub(super) struct Lanes(BTreeMap<Lane, usize>);

impl Lanes {
    /// The number of the lane of a thing of this kind and form (as projected), if it has one.
    pub(super) fn number(
        &mut self,
        rules: &dyn RuleBook,
        kind: &Kind,
        form: Option<&Value>,
    ) -> Option<usize> {
        let lane = rules.rules(kind)?.lane(form?)?;
        let next = self.0.len();
        Some(*self.0.entry(lane).or_insert(next))
    }
}

/// Numbers for the pools of slots of one stage: one for each kind where rates are kept, else one for all.
#[derive(Default)]
pub(super) struct Pools(BTreeMap<Kind, usize>);

impl Pools {
    /// The number of the pool of a kind.
    pub(super) fn number(&mut self, limits: &Limits, kind: &Kind) -> usize {
        if limits.steps_of_a_kind.is_none() {
            return 0;
        }
        let next = self.0.len();
        *self.0.entry(kind.clone()).or_insert(next)
    }
}

/// One resource (or, in a sweep, one thing) to be brought to its target.
pub(super) struct Job {
    /// The resource.
    pub(super) id: ResourceId,
    /// The step of the plan, where it comes from one.
    pub(super) step: Option<StepId>,
    /// Its place in the plan's build.
    pub(super) index: usize,
    /// In a sweep, what is done to which thing.
    pub(super) sweeping: Option<Sweeping>,
    /// What is to be reached, one after the other.
    pub(super) attempts: VecDeque<Attempt>,
    /// True once its first write is being announced.
    pub(super) announced: bool,
    /// True while its pre-image is being kept.
    pub(super) securing: bool,
    /// What was kept.
    pub(super) keep: Option<Keep>,
    /// When it began.
    pub(super) started: Option<Time>,
    /// What the last attempt came to.
    pub(super) last: Option<Remote>,
    /// Fields that others changed and that were left.
    pub(super) theirs: Vec<String>,
    /// What could not be kept of it for its way back.
    pub(super) lost: Vec<Lost>,
    /// What was not brought back, in words.
    pub(super) loss: Option<String>,
    /// True if what stands under its name is not what was to be removed, and was left alone.
    pub(super) left: bool,
    /// Why it cannot even be tried.
    pub(super) blocked: Option<String>,
    /// The question for what it stood on, once it was asked.
    pub(super) asking: Option<Asking>,
}

impl Job {
    /// A job without anything to do yet.
    pub(super) fn new(id: ResourceId) -> Self {
        Self {
            id,
            step: None,
            index: 0,
            sweeping: None,
            attempts: VecDeque::new(),
            announced: false,
            securing: false,
            keep: None,
            started: None,
            last: None,
            theirs: Vec::new(),
            lost: Vec::new(),
            loss: None,
            left: false,
            blocked: None,
            asking: None,
        }
    }
}

/// What a sweep does to one thing.
#[derive(Clone)]
pub(super) enum Sweeping {
    /// It goes.
    Thing(Doomed),
    /// It stays, and what others have added to it goes.
    Additions(Prune),
}
