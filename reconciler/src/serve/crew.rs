//! Replicas: processes with one configuration and one shared state that share the stages, without a service of their own
//! between them.
//!
//! # The decision
//! Each replica keeps one small object beside the stages and writes it anew with each beat ([`Timing`]), with the stages that its
//! configuration names. Who was not seen to beat for a while is gone. Of the replicas that are there, a stage belongs to the one
//! with the highest hash of both names (rendezvous): so all agree without a word, and one that comes or goes moves its own share
//! of the stages and no other.
//!
//! That somebody believes a stage to be his gives no right. Before each pass he writes the pass down in the object of the stage, on
//! condition that it is as he read it ([`Crew::claim`]): of two who believe the same, one makes the pass, and the other finds it
//! under way. A pass that somebody began who is gone is taken over. And whatever happens here, the stage's lease in the state
//! store decides who may write: this only keeps replicas from doing things twice.
//!
//! | Object below `<prefix>/` | Content | Written |
//! |---|---|---|
//! | `replicas/<id>` | a beat, and the stages that the replica would carry | each beat, by that replica |
//! | `passes/<project>/<stage>` | number of the last pass, by whom, whether it has ended, and which plan was taken back | before and after each pass |
//! | `wishes` | which stages are paused, how often each was asked for and how often its source was said to have changed | when somebody asks |
//!
//! # Who takes over, and when
//! A replica that dies is missed after [`Timing::lapse`] and a beat, and its lease of a stage after 15 s more: both together are
//! below half a minute. A stage that moves, from a dead one or to one that has come, gets a pass at once: nobody knows what the
//! one before has seen last. It is told which plan was taken back, and leaves that one alone as the one before did.
//!
//! # What was given up
//! - While replicas come and go, two can believe a stage to be theirs for a beat: then one change may bring two passes, one after
//!   the other; and each stage that moves costs a pass.
//! - Whoever cannot reach the state store makes no passes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use grail_state::store::object::Objects;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};

use super::StageKey;

mod attending;
mod folder;
mod muster;
mod passes;
#[cfg(test)]
pub(in crate::serve) mod testing;
#[cfg(test)]
mod tests;
mod wishes;
mod written;

pub use attending::Attending;
pub use folder::FolderObjects;
pub use muster::Muster;
pub use passes::{Claim, FirstPass, Last, Unclaimed};
pub use wishes::Wishes;

use passes::Owed;
use wishes::Pending;
use written::Written;

/// How long things take between replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Between two beats of a replica.
    pub beat: Duration,
    /// Who was not seen to beat for this long is gone.
    pub lapse: Duration,
}

impl Default for Timing {
    /// A dead replica is missed within 10 s. With the 17 s after which its leases can be had, that is below half a minute.
    fn default() -> Self {
        Self {
            beat: Duration::from_secs(2),
            lapse: Duration::from_secs(6),
        }
    }
}

/// Why replicas cannot agree.
#[derive(Debug, thiserror::Error)]
pub enum CrewError {
    /// The store of objects refused, or gave no certain answer.
    #[error("could not {doing} {what}, by which replicas share the stages")]
    Objects {
        /// What was being attempted (`read`, `write`).
        doing: &'static str,
        /// Which object or file.
        what: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It was written by a newer grail.
    #[error("{what} was written by a newer grail")]
    TooNew {
        /// Which object.
        what: String,
    },
    /// Others write it all the time.
    #[error("{what} is being written by others")]
    Busy {
        /// Which object.
        what: String,
    },
}

/// The version of what is written.
const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Replica {
    v: u32,
    id: String,
    beat: u64,
    stages: BTreeSet<String>,
}

/// One replica among others. Clones are the same.
#[derive(Clone)]
pub struct Crew {
    inner: Arc<Inner>,
}

struct Inner {
    written: Written,
    me: String,
    timing: Timing,
    stages: watch::Sender<BTreeSet<StageKey>>,
    muster: watch::Sender<Arc<Muster>>,
    /// What was asked for here and is not written yet.
    pending: Mutex<Pending>,
    /// Rings where that is more than before.
    wished: Notify,
    /// The ends of passes that could not be written down yet.
    owed: Mutex<BTreeMap<String, Owed>>,
}

impl Crew {
    /// The replica `me` (a name that no other has) among those that meet below `prefix`, and what keeps it among them, to be
    /// run.
    pub fn new(objects: Arc<dyn Objects>, prefix: &str, me: &str, timing: Timing) -> (Self, Attending) {
        let crew = Self {
            inner: Arc::new(Inner {
                written: Written::new(objects, prefix),
                me: me.to_owned(),
                timing,
                stages: watch::channel(BTreeSet::new()).0,
                muster: watch::channel(Arc::new(Muster::new(me))).0,
                pending: Mutex::default(),
                wished: Notify::new(),
                owed: Mutex::default(),
            }),
        };
        let attending = Attending::new(crew.clone());
        (crew, attending)
    }

    /// The name of this replica.
    pub fn me(&self) -> &str {
        &self.inner.me
    }

    /// What it would carry from now on.
    pub fn carries(&self, stages: BTreeSet<StageKey>) {
        self.inner.stages.send_replace(stages);
    }

    /// Who is there, and what is asked for, as it changes.
    pub fn muster(&self) -> watch::Receiver<Arc<Muster>> {
        self.inner.muster.subscribe()
    }

    /// The same, as it is now. No lock is held by who has it.
    pub fn mustered(&self) -> Arc<Muster> {
        Arc::clone(&self.inner.muster.borrow())
    }

    /// How often the others are looked at.
    pub fn beat(&self) -> Duration {
        self.inner.timing.beat
    }

    /// Changes what is known, and tells it where that is another.
    fn know(&self, change: impl FnOnce(&mut Muster)) {
        self.inner.muster.send_if_modified(|muster| {
            let mut next = Muster::clone(muster);
            change(&mut next);
            let is_new = **muster != next;
            *muster = Arc::new(next);
            is_new
        });
    }
}
