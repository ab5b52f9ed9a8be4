//! Going on: what wakes a stage, when its next pass begins, and what the last one leaves to do.
//!
//! ```text
//!   files ─┐
//!   signal ├─> Bell ─> Agenda (pure) ─ due ─> Pass ─ outcome ─> Agenda ─> ...
//!   timer ─┘                                   │
//!                                              └─> Onlooker: a terminal, lines, metrics
//! ```
//!
//! A trigger only wakes. It carries nothing into the pass, which always reads and looks at everything: so a trigger that is
//! lost costs time and nothing else, and the timer alone brings every stage to where it should be. One [`StageLoop`] drives one
//! stage; who has many runs many, and bounds them in its [`Pass`].
//!
//! **Given up:** to tell from a file's name what a pass can leave out. **Not known here:** AWS, terminals, what a pass does.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use grail_state::Digest;
use schemars::JsonSchema;
use serde::Serialize;

use crate::engine::StopSignal;

mod agenda;
mod bell;
pub mod follow;
pub mod project;
mod stage_loop;

pub use agenda::{Agenda, Rhythm};
pub use bell::Bell;
pub use stage_loop::{Onlooker, Pause, StageLoop};

/// Why a pass is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wake {
    /// It is the first.
    Started,
    /// A file has changed.
    Changed,
    /// Somebody asked for it: a signal, a request.
    Asked,
    /// It was time to look again.
    Timer,
    /// The last one failed.
    Retry,
}

/// A pass that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Counted from 1.
    pub number: u64,
    /// Why: everything that came together since the last one began.
    pub because: BTreeSet<Wake>,
    /// Some of the files that have changed, for people.
    pub files: BTreeSet<PathBuf>,
    /// How long ago it was due: where files have changed, the time since the quiet time after the last change was over.
    pub late: Duration,
    /// The [fingerprint](PassOutcome::plan) of a plan that was carried out and taken back: it is not carried out again.
    /// `None` where somebody asks, who may know that it will go better now.
    pub spared: Option<Digest>,
}

/// How a pass ended, as far as what comes next depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum End {
    /// All is as it should be.
    Converged {
        /// Whether something was done for it.
        changed: bool,
    },
    /// What is there was changed by others, and that was only told.
    Reported,
    /// The plan is the one that was taken back before: nothing was done.
    Spared,
    /// It failed, and everything is as it was at the last commit.
    RolledBack,
    /// A transaction is open; the next pass takes it up.
    Open,
    /// Some resource could be brought neither forward nor back, or could not be deleted; the next pass tries again.
    Stuck,
    /// Somebody else holds the stage.
    Locked,
    /// Nothing was changed, because of something that may pass by itself, or (`lasting`) that lasts until the project, or what
    /// it is refused for, changes.
    Refused {
        /// Whether it lasts.
        lasting: bool,
    },
    /// It was asked to stop.
    Stopped {
        /// Whether a transaction is open.
        open: bool,
    },
}

/// How a pass ended, and what it was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassOutcome {
    /// How.
    pub end: End,
    /// The digest of what was wanted; `None` where it could not be read.
    pub goal: Option<Digest>,
    /// The fingerprint of the plan, which goal and world have together: equal only where the same would be done to the same.
    /// `None` where there was no plan.
    pub plan: Option<Digest>,
}

impl PassOutcome {
    /// The fingerprint of the plan that is not to be carried out again, where before the pass it was that of `before`.
    #[must_use]
    pub fn spares(&self, before: Option<Digest>) -> Option<Digest> {
        match self.end {
            End::Converged { .. } | End::Reported => None,
            End::RolledBack => self.plan.clone(),
            _ => before,
        }
    }

    /// True where nothing came of the pass, not even a plan: somebody else was at it, or it could not be begun.
    fn came_to_nothing(&self) -> bool {
        let not_begun = matches!(self.end, End::Locked | End::Refused { lasting: false });
        not_begun && self.plan.is_none()
    }
}

/// One pass over a stage: the whole of it, from reading the project to the commit. Holds nothing between two calls that would
/// make the second one believe what is no longer so.
///
/// The future stays on its thread: the compiler cannot show of a whole deployment that it may leave it. Who runs many stages
/// runs their loops beside each other on each thread.
#[async_trait(?Send)]
pub trait Pass {
    /// Waits until one may be made, where not all that are due can be at once. What comes meanwhile becomes part of it; the future
    /// may be dropped, and is then asked for anew.
    async fn ready(&mut self) {}

    /// Makes it. A request to stop is answered soon, with [`End::Stopped`]; the future is never dropped before its end.
    async fn run(&mut self, turn: &Turn, stop: StopSignal) -> PassOutcome;
}
