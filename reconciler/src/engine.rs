//! Makes plans happen; owns time, concurrency, the journal and the way back. Knows no AWS.
//!
//! ```text
//!   Engine ── open ──> Session ── observe, preview ──> Plan
//!                         │
//!                         └── deploy, delete, rollback ──> machine (pure) <──> drive ──> providers, store
//! ```
//!
//! A [`Session`] is one holding of the lock. It takes up what an earlier one left open before it does anything else: goes on
//! sweeping or restoring, or settles what is in doubt. So a pass after a crash is an ordinary pass.

use std::sync::Arc;

use grail_providers::port::Catalog;
use grail_state::artifacts::Artifacts;
use grail_state::seal::Sealer;
use grail_state::snapshot::Home;
use grail_state::store::{LockError, StateStore, StoreError};
use grail_state::txn::Corrupt;
use grail_state::{Handle, ResourceId};

use crate::plan::PlanProblem;

mod approval;
pub mod call;
pub mod clock;
pub mod frontier;
pub mod limits;
pub mod look;
pub mod machine;
pub mod ports;
pub mod session;
pub mod status;

mod attempt;
mod drive;
mod own;
mod settle;
mod traced;
#[cfg(test)]
mod trials;

pub use approval::Approval;
pub use clock::Clock;
pub(crate) use drive::chain;
pub use limits::Limits;
pub use ports::{NoEvents, NoProjection, Ports, RecordSink, StopSignal};
pub use session::{ImportError, Imported, OnFailure, Session};
pub use status::Status;

/// What every pass over one stack works with.
#[derive(Clone)]
pub struct Engine {
    /// Providers by kind.
    pub catalog: Arc<Catalog>,
    /// Where the state of the stack lives.
    pub store: Arc<dyn StateStore>,
    /// Where packages and kept code lie: what nobody needs any more goes after each commit.
    pub artifacts: Arc<dyn Artifacts>,
    /// Seals what the way back needs and holds secrets.
    pub sealer: Arc<Sealer>,
    /// The numbers.
    pub limits: Limits,
    /// The clock.
    pub clock: Clock,
    /// The account and region that the providers speak to, once known. Kept in the state at each commit.
    pub home: Option<Home>,
}

/// Why a pass could not begin, or did nothing. Nothing outside was changed by it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Somebody else holds the lock, or it could not be taken.
    #[error("could not begin")]
    Lock(#[from] LockError),
    /// The state could not be read or written.
    #[error("could not use the recorded state")]
    Store(#[from] StoreError),
    /// The journal is no journal.
    #[error("could not take up the open transaction")]
    Corrupt(#[from] Corrupt),
    /// Something could not be looked at.
    #[error("could not see what is there: {}", said(.0))]
    Look(Vec<look::LookFailure>),
    /// There is no plan.
    #[error("could not plan: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Plan(Vec<PlanProblem>),
    /// The plan breaks a rule that every plan obeys: a defect of the planner, or of a kind that answers differently each time.
    #[error("internal error: the plan breaks its own rules: {}", .0.join("; "))]
    Unsound(Vec<String>),
    /// What was approved is not what would be done now.
    #[error("the plan that was approved is no longer current: {}", .0.join("; "))]
    PlanChanged(Vec<String>),
    /// Somebody has to agree to it, and there is nobody to ask: what they would have to agree to.
    #[error("this needs somebody's approval, and nobody can be asked here")]
    Unapproved(Vec<String>),
    /// The user was asked and did not agree.
    #[error("it was not agreed to, and nothing was changed")]
    Declined,
    /// A part cannot be planned while a transaction over all is open.
    #[error("an earlier command left a transaction open, and only a part was asked for")]
    OpenForTargets,
    /// Chalice's file and our state name two different things for one resource, and both exist.
    #[error("`{id}`: the state names {ours}, Chalice's file names {theirs}, and both exist")]
    TwoLive {
        /// The resource.
        id: ResourceId,
        /// What our state names.
        ours: Handle,
        /// What Chalice's file names.
        theirs: Handle,
    },
    /// The stack lives somewhere else.
    #[error(
        "this stage lives in account {} region {}, and the credentials and settings at hand are for account {} region {}",
        .recorded.account, .recorded.region, .current.account, .current.region
    )]
    Elsewhere {
        /// Where the state says that it lives.
        recorded: Home,
        /// Where we are.
        current: Home,
    },
    /// Chalice's file could not be written.
    #[error("could not write the deployed file")]
    Projection(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A session without the lock was asked to change something.
    #[error("this session only reads")]
    ReadOnly,
}

impl EngineError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Plan(problems) => problems.iter().find_map(|problem| problem.error.hint()),
            Self::Look(failures) => failures.iter().find_map(|failed| failed.failure.hint.clone()),
            Self::Unsound(_) => {
                Some("this is a defect of grail, please report it; nothing was changed".to_owned())
            }
            Self::OpenForTargets => Some(
                "finish it with `grail deploy`, or take it back with `grail rollback`, then deploy the part"
                    .to_owned(),
            ),
            Self::Unapproved(_) => Some(
                "save the plan (`grail plan --out FILE`), let somebody read it, and carry out that one: `grail deploy FILE`; nothing \
                 was changed"
                    .to_owned(),
            ),
            Self::PlanChanged(_) => Some("make a new plan and approve that".to_owned()),
            Self::TwoLive { .. } => Some("delete the one that is not in use, and run again".to_owned()),
            Self::Elsewhere { .. } => {
                Some("use the profile and region that it was deployed with, or another stage".to_owned())
            }
            _ => None,
        }
    }
}

fn said(failures: &[look::LookFailure]) -> String {
    let said: Vec<_> = failures
        .iter()
        .map(|failed| format!("{}: {}", failed.id, failed.failure.chain()))
        .collect();
    said.join("; ")
}
