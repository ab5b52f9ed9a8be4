//! What is said to the machine and what it says.

use std::sync::Arc;

use grail_providers::port::{Failure, RuleBook};
use grail_state::journal::Sealed;
use grail_state::snapshot::Home;
use grail_state::txn::Txn;
use grail_state::{Entry, Keep, Observed, Remote, ResourceId};
use jiff::Timestamp;
use serde_json::Value;

use crate::engine::call::{Call, Look};
use crate::engine::limits::{Limits, Time};
use crate::event::{Event, Outcome};
use crate::plan::Plan;

/// What the machine is told.
#[derive(Debug)]
pub enum Input {
    /// Begin.
    Start,
    /// The entries of the last [`Output::Note`] are durable.
    Noted,
    /// What restoring will need is kept.
    Secured {
        /// Which job asked.
        ticket: Ticket,
        /// What was kept.
        keep: Keep,
    },
    /// A call was answered, or failed.
    Answered {
        /// Which job asked.
        ticket: Ticket,
        /// What is there now; `None` after a deletion.
        result: Result<Option<Remote>, Failure>,
    },
    /// A look was answered, or failed.
    Seen {
        /// Which job asked.
        ticket: Ticket,
        /// What is there.
        result: Result<Observed, Failure>,
    },
    /// The time of [`Machine::wakes_at`] has come.
    Tick,
    /// Launch nothing more; end when nothing is in flight.
    Stop {
        /// Why, in words.
        why: String,
    },
    /// The journal or Chalice's file cannot be written: note nothing more, end when nothing is in flight.
    Broken {
        /// Why, in words.
        why: String,
        /// True if it is known that the journal holds nothing, and that nothing on its way to it is left.
        unwritten: bool,
    },
}

/// What the machine asks for.
#[derive(Debug)]
pub enum Output {
    /// Make these entries durable, in this order; then [`Input::Noted`].
    Note(Vec<Entry>),
    /// Keep what restoring this will need; then [`Input::Secured`].
    Secure {
        /// Names the job.
        ticket: Ticket,
        /// The resource.
        id: ResourceId,
        /// What is there.
        have: Remote,
        /// Whether the first write deletes it.
        going: bool,
        /// How urgent it is: the longer the chain of steps behind it, the more.
        urgency: u64,
    },
    /// Make this call; then [`Input::Answered`].
    Call {
        /// Names the job.
        ticket: Ticket,
        /// The resource.
        id: ResourceId,
        /// The call.
        call: Call,
        /// As for [`Output::Secure`].
        urgency: u64,
    },
    /// Look here; then [`Input::Seen`].
    Look {
        /// Names the job.
        ticket: Ticket,
        /// The resource.
        id: ResourceId,
        /// Where.
        look: Look,
        /// As for [`Output::Secure`].
        urgency: u64,
    },
    /// What exists has changed: write Chalice's file.
    Project,
    /// Tell.
    Emit(Event),
    /// It is over.
    Finish(Outcome),
}

/// Names a job of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    pub(super) run: u32,
    pub(super) job: usize,
}

/// Where a pass is to go.
#[derive(Debug)]
pub enum Course {
    /// Carry out this plan. The transaction is idle, or building with everything settled.
    Forward {
        /// What to do.
        plan: Box<Plan>,
        /// What was asked for, for people.
        command: String,
    },
    /// Bring everything back. The transaction is building.
    Back {
        /// Why.
        why: String,
    },
    /// Go on sweeping or restoring, as the transaction says.
    Finish,
}

/// Opens what was sealed. Pure: the key is at hand or it is not.
pub trait Unseal: Send + Sync {
    /// The sealed document.
    ///
    /// # Errors
    /// In words, where the key is another or the bytes are damaged.
    fn unseal(&self, sealed: &Sealed) -> Result<Value, String>;
}

/// What a machine is made of.
pub struct Setup {
    /// Where the transaction stands.
    pub txn: Txn,
    /// Where it is to go.
    pub course: Course,
    /// The rules of every kind.
    pub rules: Arc<dyn RuleBook + Send + Sync>,
    /// Opens sealed pre-images.
    pub unseal: Arc<dyn Unseal>,
    /// The numbers.
    pub limits: Limits,
    /// Leave the transaction open when a step fails, instead of turning around.
    pub keep_on_failure: bool,
    /// Who asked for it, for people.
    pub by: String,
    /// The account and region in which it works, where known: part of what a pass writes down first.
    pub home: Option<Home>,
    /// Whether there is no file of records yet: likewise.
    pub new_file: bool,
    /// What makes the attempts of this pass different from those of every other.
    pub nonce: String,
    /// The wall clock at [`Time`] zero.
    pub epoch: Timestamp,
    /// Until when writes of an earlier process may still arrive.
    pub quiet: Time,
}
