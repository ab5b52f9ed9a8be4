//! What happens, as it happens: one type for the terminal, for `--output json` and for tests.
//!
//! Events are made by the one loop that runs a pass, so their order is the order of what happened. They hold no secret.

use std::time::Duration;

use grail_state::{Handle, ResourceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{Plan, StepId};

/// The version of the written form of [`Event`].
pub const VERSION: u32 = 1;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A message for people; `code` is stable for programs.
    Said {
        /// Such as `package.built`, `python.prepared`, `warning.policy`.
        code: String,
        /// One sentence or line.
        text: String,
        /// True for a warning.
        warning: bool,
    },
    /// A transaction that an earlier command left open is taken up.
    Resumed {
        /// Its phase (`building`, `sweeping`, `aborting`).
        phase: String,
        /// The resources touched so far.
        touched: Vec<ResourceId>,
    },
    /// A plan is made.
    Planned {
        /// The plan, as projected.
        plan: Box<Plan>,
    },
    /// A step's first call is about to be made.
    Started {
        /// The step.
        step: StepId,
        /// Its resource.
        id: ResourceId,
        /// `create`, `update`, `delete`.
        action: String,
        /// A short physical name.
        label: Option<String>,
    },
    /// A step waits for something outside.
    Waiting {
        /// Its resource.
        id: ResourceId,
        /// For what, in words.
        on: String,
    },
    /// A step is tried again.
    Retrying {
        /// Its resource.
        id: ResourceId,
        /// The cause.
        why: String,
        /// When, from now.
        #[serde(with = "millis")]
        #[schemars(with = "u64")]
        after: Duration,
    },
    /// A step is done.
    Finished {
        /// The step.
        step: StepId,
        /// Its resource.
        id: ResourceId,
        /// `create`, `update`, `delete`.
        action: String,
        /// From its start.
        #[serde(with = "millis")]
        #[schemars(with = "u64")]
        took: Duration,
    },
    /// A step failed for good.
    Failed {
        /// Its resource.
        id: ResourceId,
        /// The cause.
        why: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The way back begins.
    TurningBack {
        /// The cause.
        because: String,
    },
    /// A resource is as it was.
    Restored {
        /// The resource.
        id: ResourceId,
        /// What could not be brought back, in words (a stranger's addition to something that we deleted).
        lost: Option<String>,
    },
    /// The way back is blocked.
    Stuck {
        /// The resource.
        id: ResourceId,
        /// The cause.
        why: String,
    },
    /// All that can be taken back is done.
    Committed,
    /// A thing that was to be deleted after the commit is gone.
    Swept {
        /// The resource.
        id: ResourceId,
        /// Which thing.
        handle: Handle,
    },
    /// What others had added to a thing of ours was removed, as the plan has named it.
    Pruned {
        /// The resource.
        id: ResourceId,
        /// What is gone.
        children: Vec<String>,
    },
    /// The pass is over.
    Ended {
        /// How.
        outcome: Outcome,
    },
}

/// How a pass ended. The command line maps it to an exit code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing was to be done.
    Unchanged,
    /// Done.
    Done,
    /// Failed before anything was changed.
    Refused {
        /// The cause.
        why: String,
    },
    /// Failed, and everything is as it was at the last commit.
    RolledBack {
        /// The cause.
        why: String,
    },
    /// The new state stands; these could not be deleted.
    Unswept {
        /// The resources and why.
        left: Vec<(ResourceId, String)>,
    },
    /// The way back is blocked at these resources.
    Stuck {
        /// The resources and why.
        at: Vec<(ResourceId, String)>,
    },
    /// Stopped, or kept on failure: the transaction stays open.
    Open {
        /// Why.
        why: String,
    },
}

/// Takes events. Never blocks and never fails: what cannot be shown is dropped.
pub trait EventSink: Send {
    /// Takes one event.
    fn emit(&mut self, event: &Event);
}

impl EventSink for Vec<Event> {
    fn emit(&mut self, event: &Event) {
        self.push(event.clone());
    }
}

/// Durations as whole milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
