//! Where the state lives, and who may write it.
//!
//! # Guarantees
//! A write made with a lease that somebody else has taken over is refused with [`StoreError::Conflict`], however long its
//! holder slept: entries are numbered within an epoch, and who takes over closes the old epoch first.
//!
//! # Assumptions
//! `append` returns only when the entries are durable.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

use crate::id::StackId;
use crate::journal::{Entry, Seq};
use crate::report::Report;
use crate::snapshot::{Snapshot, Version};
use crate::txn::Corrupt;

pub mod file;
mod line;
pub mod memory;
pub mod object;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

/// Who holds the lock, in words that help another person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The person or role, as well as it is known.
    pub who: String,
    /// The machine.
    pub host: String,
    /// The process id on that machine.
    pub pid: u32,
    /// The command line's verb.
    pub command: String,
    /// Since when, by the holder's clock.
    pub since: Timestamp,
    /// The URL of the CI job in which it runs, where it runs in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

impl Holder {
    /// A holder of whom nothing is known.
    fn unknown() -> Self {
        Self {
            who: "somebody".to_owned(),
            host: "an unknown machine".to_owned(),
            pid: 0,
            command: "?".to_owned(),
            since: Timestamp::UNIX_EPOCH,
            job: None,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} on {} (process {}), running `grail {}` since {}",
            self.who, self.host, self.pid, self.command, self.since
        )?;
        match &self.job {
            Some(job) => write!(f, " ({job})"),
            None => Ok(()),
        }
    }
}

/// How long to wait for a lock that somebody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    No,
    /// At most this long.
    AtMost(Duration),
}

impl Wait {
    /// When a wait that begins now is over; `None` for one that no clock will see the end of.
    fn until(self) -> Option<Instant> {
        match self {
            Self::No => Some(Instant::now()),
            Self::AtMost(time) => Instant::now().checked_add(time),
        }
    }
}

/// The right to write, from [`StateStore::acquire`] until it is dropped.
pub struct Lease {
    /// The number of this holding of the lock; higher than every one before it.
    pub epoch: u64,
    /// Who holds it.
    pub holder: Holder,
    /// What the store needs to keep (a locked file); dropping it releases the lock.
    guard: Box<dyn Any + Send + Sync>,
}

impl Lease {
    /// A lease that lasts until `guard` is dropped.
    pub fn new(epoch: u64, holder: Holder, guard: Box<dyn Any + Send + Sync>) -> Self {
        Self { epoch, holder, guard }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("epoch", &self.epoch)
            .field("holder", &self.holder)
            .finish_non_exhaustive()
    }
}

/// Why a lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds it.
    #[error("the stage is locked by {0}")]
    Held(Box<Holder>),
    /// Somebody else holds it who has not (yet) written who they are.
    #[error("the stage is locked by another process")]
    HeldBySomeone,
    /// The store could not be reached or written.
    #[error("could not take the lock")]
    Store(#[source] StoreError),
}

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another holder has written, or has closed our epoch.
    #[error("another holder of the lock has written the state")]
    Conflict,
    /// A file or object is damaged. It is left as it is.
    #[error("{what} is damaged: {why}")]
    Corrupt {
        /// Which file or object.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// It was written by a newer grail.
    #[error("{what} has schema version {found}; this grail reads versions up to {known}")]
    TooNew {
        /// Which file or object.
        what: String,
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// It describes another application or stage.
    #[error("{what} is the state of {found}, and this is {expected}")]
    OtherStack {
        /// Which file or object.
        what: String,
        /// The stack that it describes.
        found: StackId,
        /// The stack that was asked for.
        expected: StackId,
    },
    /// Others write it all the time; the next try may succeed.
    #[error("the state is being written by others")]
    Busy,
    /// A shared store refused, or gave no certain answer for as long as it was tried.
    #[error("could not {doing} {what}")]
    Remote {
        /// What was being attempted (`read`, `write`).
        doing: &'static str,
        /// Which object.
        what: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The operating system refused.
    #[error("could not {doing} {path}", path = path.display())]
    Io {
        /// What was being attempted (`read`, `append to`).
        doing: &'static str,
        /// On which path.
        path: PathBuf,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
}

/// What a store holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The last commit.
    pub snapshot: Snapshot,
    /// Which one it is.
    pub version: Version,
    /// The entries since.
    pub journal: Vec<Entry>,
    /// The number that the next entry gets under the newest lease, if it was taken before this load.
    pub next: Seq,
}

/// A durable place for the state of one stack.
#[async_trait]
pub trait StateStore: Send + Sync {
    /// Takes the lock and opens a new epoch, whose entries are numbered from 0.
    ///
    /// # Errors
    /// [`LockError::Held`] when it stays held for as long as `wait` allows.
    async fn acquire(&self, holder: Holder, wait: Wait) -> Result<Lease, LockError>;

    /// Gives the lock back, durably. One that is only dropped may have to expire where others see it.
    async fn release(&self, lease: Lease) {
        drop(lease);
    }

    /// Whether the lease still keeps everybody else out. To be asked just before something is done outside that nobody could
    /// refuse: what is written here is fenced anyway.
    async fn still_held(&self, _lease: &Lease) -> bool {
        true
    }

    /// True if several machines write here, whose clocks may differ: what one of them says of the time means little to another.
    fn is_shared(&self) -> bool {
        false
    }

    /// Who holds the lock now, for `status`. Takes nothing.
    ///
    /// # Errors
    /// As [`StoreError`] says.
    async fn holder(&self) -> Result<Option<Holder>, StoreError>;

    /// Reads snapshot and journal. Needs no lease: `plan` and `status` read without one.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] and [`StoreError::TooNew`] leave everything as it is.
    async fn load(&self) -> Result<Loaded, StoreError>;

    /// The error of an entry of a journal that [`load`](Self::load) gave, and that cannot stand where it stands. A store that knows
    /// more of its place than its number says it.
    async fn misplaced(&self, entry: &Corrupt) -> StoreError {
        StoreError::Corrupt {
            what: "the journal".to_owned(),
            why: entry.to_string(),
        }
    }

    /// Appends entries, the first of them with number `seq`: all of them or none. Durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if `seq` is not the next number or the lease's epoch is closed; what was written just before it
    /// was closed, and whose answer was lost, may be there all the same. After another error nothing was appended, as far as
    /// the store can tell, and the same number may be tried again.
    async fn append(&self, lease: &Lease, seq: Seq, entries: &[Entry]) -> Result<(), StoreError>;

    /// Replaces the snapshot if it still is `expect`, and empties the journal. What is kept is `next` with
    /// [`Snapshot::folded`] set by the store to just behind the last entry: should the store die before the journal is empty,
    /// the next load knows these entries as history. Numbers go on where they were.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it is another by now, or the lease's epoch is closed. A snapshot that is damaged, newer, or
    /// another stack's is never replaced.
    async fn swap(&self, lease: &Lease, expect: &Version, next: &Snapshot) -> Result<Version, StoreError>;

    /// Adds what a pass came to. The oldest reports may go. Nothing depends on it: a crash may lose it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the lease's epoch is closed; and as [`StoreError`] says.
    async fn add_report(&self, lease: &Lease, report: &Report) -> Result<(), StoreError>;

    /// What passes came to, the oldest first. Needs no lease.
    ///
    /// # Errors
    /// As [`StoreError`] says. What is damaged is left out.
    async fn reports(&self) -> Result<Vec<Report>, StoreError>;
}
