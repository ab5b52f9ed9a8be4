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
//! | `passes/<project>/<stage>` | number of the last pass, by whom, whether it has ended, and well | before and after each pass |
//! | `wishes` | which stages are paused, and how often each was asked for | when somebody asks |
//!
//! # Who takes over, and when
//! A replica that dies is missed after [`Timing::lapse`] and a beat, and its lease of a stage after 15 s more: both together are
//! below half a minute. A stage that moves, from a dead one or to one that has come, gets a pass at once: nobody knows what the
//! one before has seen last.
//!
//! # What was given up
//! - While replicas come and go, two can believe a stage to be theirs for a beat: then one change may bring two passes, one after
//!   the other; and each stage that moves costs a pass.
//! - Whoever cannot reach the state store makes no passes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use grail_state::store::object::{Condition, Objects, Tag};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use super::StageKey;

mod attending;
mod folder;
mod muster;
#[cfg(test)]
mod tests;
mod written;

pub use attending::Attending;
pub use folder::FolderObjects;
pub use muster::Muster;

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

/// Why a pass is not begun.
#[derive(Debug)]
pub enum Unclaimed {
    /// The stage is another's, or another is at it.
    Elsewhere(String),
    /// It could not be found out.
    Unknown(CrewError),
}

/// When a stage that has just become ours gets its first pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstPass {
    /// At once.
    Now,
    /// Not before that replica is done with the pass that it makes.
    AfterThat(String),
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

/// The last pass of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PassNote {
    v: u32,
    number: u64,
    by: String,
    began: Timestamp,
    ended: Option<EndNote>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct EndNote {
    at: Timestamp,
    well: bool,
}

/// What people ask of replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wishes {
    v: u32,
    /// Whether a stage is paused, where that was asked for.
    pub paused: BTreeMap<String, bool>,
    /// How often a pass of a stage was asked for.
    pub asked: BTreeMap<String, u64>,
    /// By whom this was written last, and how often: no two writings are equal.
    by: String,
    edition: u64,
}

/// A wish on its way.
#[derive(Debug)]
enum Wish {
    Pass(StageKey),
    Pause(StageKey, bool),
}

/// A pass that is ours to make.
#[derive(Debug)]
pub struct Claim {
    key: String,
    note: PassNote,
    tag: Tag,
}

impl Claim {
    /// The number of the pass, counted over all replicas.
    pub fn number(&self) -> u64 {
        self.note.number
    }
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
    wishes: mpsc::UnboundedSender<Wish>,
}

impl Crew {
    /// The replica `me` (a name that no other has) among those that meet below `prefix`, and what keeps it among them, to be
    /// run.
    pub fn new(objects: Arc<dyn Objects>, prefix: &str, me: &str, timing: Timing) -> (Self, Attending) {
        let (wishes, wished) = mpsc::unbounded_channel();
        let crew = Self {
            inner: Arc::new(Inner {
                written: Written::new(objects, prefix),
                me: me.to_owned(),
                timing,
                stages: watch::channel(BTreeSet::new()).0,
                muster: watch::channel(Arc::new(Muster::new(me))).0,
                wishes,
            }),
        };
        let attending = Attending::new(crew.clone(), wished);
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

    /// How often the others are looked at.
    pub fn beat(&self) -> Duration {
        self.inner.timing.beat
    }

    /// Asks whoever carries the stage for a pass.
    pub fn wish_pass(&self, key: &StageKey) {
        let _attended = self.inner.wishes.send(Wish::Pass(key.clone()));
    }

    /// Pauses or resumes the stage, whoever carries it, until that is asked for otherwise: it outlives every process.
    pub fn wish_pause(&self, key: &StageKey, paused: bool) {
        let mut wishes = self.inner.muster.borrow().wishes.clone();
        wishes.paused.insert(key.to_string(), paused);
        self.know(|muster| muster.wishes = wishes);
        let _attended = self.inner.wishes.send(Wish::Pause(key.clone(), paused));
    }

    /// Begins a pass, unless the stage is another's by now.
    ///
    /// # Errors
    /// [`Unclaimed`].
    pub async fn claim(&self, key: &StageKey, now: Timestamp) -> Result<Claim, Unclaimed> {
        let muster = Arc::clone(&self.inner.muster.borrow());
        match muster.carrier(key) {
            Some(carrier) if carrier == self.me() => {}
            carrier => return Err(Unclaimed::Elsewhere(carrier.unwrap_or("nobody yet").to_owned())),
        }
        let name = format!("passes/{key}");
        let found = self
            .inner
            .written
            .read::<PassNote>(&name)
            .await
            .map_err(Unclaimed::Unknown)?;
        let (last, condition) = match found {
            Some((note, tag)) => (note, Condition::Still(tag)),
            None => (None, Condition::New),
        };
        if let Some(last) = &last
            && last.ended.is_none()
            && last.by != self.me()
            && self.lives(&muster, &last.by).await.map_err(Unclaimed::Unknown)?
        {
            return Err(Unclaimed::Elsewhere(last.by.clone()));
        }
        let note = PassNote {
            v: VERSION,
            number: last.map_or(0, |last| last.number) + 1,
            by: self.me().to_owned(),
            began: now,
            ended: None,
        };
        match self.inner.written.write(&name, &note, &condition).await {
            Ok(Some(tag)) => Ok(Claim { key: name, note, tag }),
            Ok(None) => Err(Unclaimed::Elsewhere("another replica".to_owned())),
            Err(error) => Err(Unclaimed::Unknown(error)),
        }
    }

    /// The pass is over; `well` where the stage is as it can be, for whoever reads the object.
    ///
    /// # Errors
    /// Where that could not be written down.
    pub async fn done(&self, claim: Claim, well: bool, now: Timestamp) -> Result<(), CrewError> {
        let note = PassNote {
            ended: Some(EndNote { at: now, well }),
            ..claim.note
        };
        let written = self
            .inner
            .written
            .write(&claim.key, &note, &Condition::Still(claim.tag))
            .await?;
        if written.is_none() {
            tracing::warn!(
                key = claim.key,
                "another replica has taken the stage over during the pass"
            );
        }
        Ok(())
    }

    /// When a stage that has become ours gets its first pass: at once, since a change that the one before has not seen would
    /// wait for an interval otherwise, and nobody follows the files of a stage that it has not read.
    ///
    /// # Errors
    /// Where that cannot be found out.
    pub async fn first_pass(&self, key: &StageKey) -> Result<FirstPass, CrewError> {
        let found = self
            .inner
            .written
            .read::<PassNote>(&format!("passes/{key}"))
            .await?;
        let Some((Some(last), _)) = found else {
            return Ok(FirstPass::Now);
        };
        let muster = Arc::clone(&self.inner.muster.borrow());
        let is_over = last.ended.is_some() || last.by == self.me();
        Ok(match is_over || !self.lives(&muster, &last.by).await? {
            true => FirstPass::Now,
            false => FirstPass::AfterThat(last.by),
        })
    }

    /// Whether the replica is there, as far as anybody can tell: one that nobody here has seen yet may just have come.
    async fn lives(&self, muster: &Muster, id: &str) -> Result<bool, CrewError> {
        if muster.is_there(id) || muster.is_missed(id) {
            return Ok(muster.is_there(id));
        }
        let shown = self
            .inner
            .written
            .read::<Replica>(&format!("replicas/{id}"))
            .await?;
        Ok(shown.is_some())
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
