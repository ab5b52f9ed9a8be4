//! The state in a store of objects with conditional writes, such as S3: for teams and for CI.
//!
//! | Object | Content | Written |
//! |---|---|---|
//! | `state` | one line with the newest epoch, then the snapshot | on condition that it is as it was read |
//! | `journal/<epoch>/<seq>` | one append, or what closes the epoch | on condition that there is none |
//! | `artifacts/<epoch>/<digest>` | bytes that a way back needs | before the intent that names them |
//! | `reports` | what each pass came to, for `history`: one JSON object a line | on condition that it is as it was read |
//! | `lock` | who holds the lock, and a beat | on condition that it is as it was read |
//!
//! # Fencing
//! Who takes the lock first raises the epoch in `state`, so that no older holder's swap can succeed, and then closes every
//! older epoch with an object at its next number (one higher while it loses the race), so that no older holder's append can.
//! A clean release closes its own. What closes an epoch is kept for the next [`KEPT_EPOCHS`] epochs, the rest of the journal
//! goes after the swap that folds it in. So a holder that slept through a whole foreign transaction still gets
//! [`StoreError::Conflict`] at its next write.
//!
//! # Clocks
//! No clock of any machine is compared with another's: a lock is taken over when whoever waits for it has seen the same beat
//! for as long as a lease lasts ([`Timing`]). Therefore also [`Wait::No`] looks that long at a lock before it calls it held,
//! unless it sees it beat. A holder asks both clocks of its own machine whether its lease has passed, since one stands still
//! while the machine sleeps and the other can be set; where either says so it beats before it acts.
//!
//! # Lost answers
//! A conditional write whose answer is lost is settled by reading back: every object says whose it is.
//!
//! What it does not know: how objects are kept ([`Objects`]), and what the entries mean.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Holder, Lease, Loaded, LockError, StateStore, StoreError, Wait};
use crate::artifacts::Artifacts;
use crate::id::StackId;
use crate::journal::{Entry, Seq};
use crate::report::Report;
use crate::snapshot::{Folded, Snapshot, Version};

mod journal;
mod lock;
mod objects;
mod reports;
mod sealed;
mod shelf;
mod state;
#[cfg(test)]
mod tests;

pub use lock::Timing;
pub use objects::{Condition, Found, ObjectError, Objects, Tag, Unconditional};
pub use sealed::SealedObjects;

use journal::Journal;
use lock::{Held, Lock, Wall};
use objects::Surely;
use reports::Reports;
use shelf::Shelf;
use state::State;

/// For how many later epochs the mark is kept that closes an epoch.
pub const KEPT_EPOCHS: u64 = 1000;
/// Tries to break a lock that beats.
const BREAKS: u32 = 5;
/// Looks at a journal that another process is just emptying.
const LOADS: u32 = 20;

/// The state of one stack among objects. Clones share what they know of it.
#[derive(Clone)]
pub struct ObjectStore {
    inner: Arc<Inner>,
}

struct Inner {
    stack: StackId,
    state: State,
    journal: Journal,
    lock: Lock,
    shelf: Shelf,
    reports: Reports,
}

impl ObjectStore {
    /// The state of `stack` among `objects`, all of whose keys begin with `prefix` (`team/shop/prod`). What the journal names
    /// in `artifacts`, a store of this machine, is shared through the objects too.
    pub fn new(
        objects: Arc<dyn Objects>,
        prefix: &str,
        stack: StackId,
        artifacts: Arc<dyn Artifacts>,
        timing: Timing,
    ) -> Self {
        Self::with_wall(
            objects,
            prefix,
            stack,
            artifacts,
            timing,
            Arc::new(Timestamp::now),
        )
    }

    /// The same with another clock on the wall.
    fn with_wall(
        objects: Arc<dyn Objects>,
        prefix: &str,
        stack: StackId,
        artifacts: Arc<dyn Artifacts>,
        timing: Timing,
        wall: Wall,
    ) -> Self {
        let key = |name: &str| match prefix.trim_matches('/') {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        };
        let objects = Surely::new(objects);
        Self {
            inner: Arc::new(Inner {
                state: State::new(objects.clone(), key("state"), stack.clone()),
                journal: Journal::new(objects.clone(), key("journal")),
                shelf: Shelf::new(objects.clone(), key("artifacts"), artifacts),
                reports: Reports::new(objects.clone(), key("reports")),
                lock: Lock::new(objects, key("lock"), timing, wall),
                stack,
            }),
        }
    }

    /// Who holds the lock, and whether they were seen to renew it. Takes as long as one renewal may.
    ///
    /// # Errors
    /// Where it could not be read.
    pub async fn watch_lock(&self) -> Result<Option<(Holder, bool)>, StoreError> {
        self.inner.lock.watch().await
    }

    /// Breaks the lock that somebody holds, and says whose it was. Their next write of state or journal is refused, unless the
    /// state cannot be read or written: then it is once their next beat finds the lock gone. What they have under way outside
    /// may still arrive there.
    ///
    /// # Errors
    /// Where the lock could not be read or written.
    pub async fn unlock(&self) -> Result<Option<Holder>, StoreError> {
        for _ in 0..BREAKS {
            let Some(theirs) = self.inner.lock.theirs().await? else {
                return Ok(None);
            };
            let (holder, closed) = (theirs.holder.clone(), theirs.closed());
            // A damaged state keeps no lock from being broken.
            let fence = self.inner.state.read().await.map(|state| state.fence);
            if !self.inner.lock.break_it(theirs).await? {
                continue;
            }
            let fenced = match fence {
                Ok(fence) => self.inner.fence(fence, closed).await,
                Err(error) => Err(error),
            };
            if let Err(error) = fenced {
                tracing::warn!(%error, "whose lock was broken may write until they find it gone");
            }
            return Ok(Some(holder));
        }
        Err(StoreError::Busy)
    }
}

impl Inner {
    /// Snapshot and journal as of one moment, although another process may be writing.
    async fn load(&self) -> Result<Loaded, StoreError> {
        for _ in 0..LOADS {
            let state = self.state.read().await?;
            let folded = state.snapshot.folded;
            let journal = match self.journal.read(folded).await {
                Ok(Some(journal)) => journal,
                Ok(None) => continue,
                // What is missing may just have been folded into a newer state.
                Err(StoreError::Corrupt { .. }) if self.state.read().await?.tag != state.tag => continue,
                Err(error) => return Err(error),
            };
            // A journal is emptied after its snapshot is replaced, so it belongs to a snapshot that is still the same.
            if self.state.read().await?.tag != state.tag {
                continue;
            }
            self.shelf.fetch(&journal.entries).await?;
            return Ok(Loaded {
                next: journal.next(state.fence, folded),
                snapshot: state.snapshot,
                version: state.version,
                journal: journal.entries,
            });
        }
        Err(StoreError::Busy)
    }

    /// Opens a new epoch, and sees to it that nobody writes in an older one.
    async fn open(&self, held: &Held) -> Result<u64, StoreError> {
        let (epoch, folded) = self.state.raise(held.nonce(), held.closed()).await?;
        self.journal.close_before(epoch, held.closed(), folded).await?;
        held.closes(epoch - 1);
        Ok(epoch)
    }

    /// Sees to it that nobody writes in the epoch `fence` and before. Who has come meanwhile has done so already.
    async fn fence(&self, fence: u64, closed: u64) -> Result<(), StoreError> {
        let (newest, folded) = self.state.raise_above(fence, &lock::nonce()?).await?;
        if newest > fence + 1 {
            return Ok(());
        }
        self.journal.close_before(newest, closed, folded).await
    }

    async fn swap(&self, lease: &Lease, expect: &Version, next: &Snapshot) -> Result<Version, StoreError> {
        next.check_stack("the new state", &self.stack)?;
        let held = held(lease)?;
        let state = self.state.read().await?;
        if state.fence != lease.epoch || state.version != *expect {
            return Err(StoreError::Conflict);
        }
        let folded = Folded {
            epoch: lease.epoch,
            seq: self.journal.next(lease.epoch, state.snapshot.folded).await?,
        };
        let next = Snapshot {
            folded,
            ..next.clone()
        };
        let version = self
            .state
            .replace(&state, lease.epoch, held.nonce(), &next)
            .await?;
        // From here the swap has happened; what stays in the journal is history.
        if let Err(error) = self.journal.empty(folded).await {
            tracing::warn!(%error, "the journal could not be emptied; the next commit tries again");
        }
        if let Err(error) = self.shelf.sweep(lease.epoch, &next).await {
            tracing::warn!(%error, "old artifacts could not be deleted; the next commit tries again");
        }
        Ok(version)
    }

    async fn append(&self, lease: &Lease, seq: Seq, entries: &[Entry]) -> Result<(), StoreError> {
        held(lease)?;
        self.shelf.keep(lease.epoch, entries).await?;
        self.journal.append(lease.epoch, seq, entries, &self.state).await
    }

    async fn add_report(&self, lease: &Lease, report: &Report) -> Result<(), StoreError> {
        held(lease)?;
        if self.state.read().await?.fence != lease.epoch {
            return Err(StoreError::Conflict);
        }
        self.reports.add(report).await
    }

    async fn release(&self, lease: &Lease, held: &Held) -> Result<(), StoreError> {
        let folded = self.state.read().await?.snapshot.folded;
        self.journal.close(lease.epoch, lease.epoch, folded).await?;
        held.closes(lease.epoch);
        held.free().await
    }
}

/// What keeps the lock of `lease`, unless it is known to be lost.
fn held(lease: &Lease) -> Result<&Held, StoreError> {
    match lease.guard.downcast_ref::<Held>() {
        Some(held) if !held.is_lost() => Ok(held),
        _ => Err(StoreError::Conflict),
    }
}

#[async_trait]
impl StateStore for ObjectStore {
    async fn acquire(&self, holder: Holder, wait: Wait) -> Result<Lease, LockError> {
        let held = self.inner.lock.take(&holder, wait).await?;
        match self.inner.open(&held).await {
            Ok(epoch) => Ok(Lease::new(epoch, holder, Box::new(held))),
            Err(error) => {
                // It is told anyway; a lock that cannot be freed is taken over.
                let _ = held.free().await;
                Err(LockError::Store(error))
            }
        }
    }

    async fn release(&self, lease: Lease) {
        if let Some(held) = lease.guard.downcast_ref::<Held>()
            && let Err(error) = self.inner.release(&lease, held).await
        {
            tracing::warn!(%error, "the lock could not be freed; the next holder waits until it has expired");
        }
    }

    async fn still_held(&self, lease: &Lease) -> bool {
        match lease.guard.downcast_ref::<Held>() {
            Some(held) => held.is_ours().await,
            None => false,
        }
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        self.inner.lock.holder().await
    }

    async fn load(&self) -> Result<Loaded, StoreError> {
        self.inner.load().await
    }

    async fn append(&self, lease: &Lease, seq: Seq, entries: &[Entry]) -> Result<(), StoreError> {
        self.inner.append(lease, seq, entries).await
    }

    async fn swap(&self, lease: &Lease, expect: &Version, next: &Snapshot) -> Result<Version, StoreError> {
        self.inner.swap(lease, expect, next).await
    }

    async fn add_report(&self, lease: &Lease, report: &Report) -> Result<(), StoreError> {
        self.inner.add_report(lease, report).await
    }

    async fn reports(&self) -> Result<Vec<Report>, StoreError> {
        self.inner.reports.read().await
    }
}

/// The lease of a holder that sleeps: it beats no longer, and does not know what happens meanwhile. Any other store frees its
/// lock at once.
#[cfg(any(test, feature = "conformance"))]
pub(super) fn asleep(lease: Lease) -> Lease {
    match lease.guard.downcast_ref::<Held>() {
        Some(held) => {
            held.falls_asleep();
            lease
        }
        None => Lease::new(lease.epoch, lease.holder.clone(), Box::new(())),
    }
}
