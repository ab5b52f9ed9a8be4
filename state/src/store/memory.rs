//! A store in memory, for tests and dry runs, with the same refusals as the one on disk.
//!
//! Clones share what they hold, as two processes share a folder. A test can make an append fail, stop the store at any point
//! as a crash would ([`MemoryStore::freeze_after`], [`MemoryStore::freeze_in_swap`]), and start again from any prefix of the
//! journal ([`Content::with_prefix`], [`MemoryStore::restored`]).

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::{Holder, Lease, Loaded, LockError, StateStore, StoreError, Wait};
use crate::id::StackId;
use crate::journal::{Entry, Seq};
use crate::report::Report;
use crate::snapshot::{Folded, Snapshot, Version};

#[cfg(test)]
mod tests;

/// What outlives a crash: the part of a store that lies on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// The last commit; `None` before the first.
    pub snapshot: Option<Snapshot>,
    /// The journal, with what a crash in a swap has left of history.
    pub journal: Vec<Numbered>,
    /// The newest epoch that was opened; 0 before the first.
    pub epoch: u64,
}

/// An entry with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbered {
    /// One holding of the lock.
    pub epoch: u64,
    /// The number within it.
    pub seq: Seq,
    /// The entry.
    pub entry: Entry,
}

impl Content {
    /// The same with only the first `entries` entries of the journal: what a crash right after them would have left.
    #[must_use]
    pub fn with_prefix(&self, entries: usize) -> Self {
        let mut prefix = self.clone();
        prefix.journal.truncate(entries);
        prefix
    }

    /// The entries that are not folded into the snapshot.
    pub fn live(&self) -> Vec<Entry> {
        let folded = self.folded();
        self.journal
            .iter()
            .filter(|numbered| (numbered.epoch, numbered.seq) >= (folded.epoch, folded.seq))
            .map(|numbered| numbered.entry.clone())
            .collect()
    }

    fn folded(&self) -> Folded {
        self.snapshot
            .as_ref()
            .map(|snapshot| snapshot.folded)
            .unwrap_or_default()
    }

    /// The number of the next entry in the newest epoch.
    fn next(&self) -> Seq {
        let folded = self.folded();
        let after_folded = if folded.epoch == self.epoch { folded.seq } else { 0 };
        match self.journal.last() {
            Some(last) if last.epoch == self.epoch => after_folded.max(last.seq + 1),
            _ => after_folded,
        }
    }

    fn version(&self) -> Result<Version, StoreError> {
        match &self.snapshot {
            Some(snapshot) => Ok(Version::of_text(&snapshot.to_text("the snapshot")?)),
            None => Ok(Version::default()),
        }
    }
}

/// What a test has asked for.
#[derive(Debug, Default)]
struct Hooks {
    /// Appends that succeed before one fails.
    fail_append_in: Option<usize>,
    /// Appends that succeed before the store freezes.
    freeze_in: Option<usize>,
    freeze_in_swap: bool,
    frozen: bool,
}

#[derive(Debug)]
struct Inner {
    content: Content,
    held: Option<(u64, Holder)>,
    hooks: Hooks,
    appends: usize,
    reports: Vec<Report>,
}

#[derive(Debug)]
struct Shared {
    stack: StackId,
    inner: Mutex<Inner>,
    released: Notify,
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A store in memory.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

impl MemoryStore {
    /// An empty store for `stack`.
    pub fn new(stack: StackId) -> Self {
        Self::restored(
            stack,
            Content {
                snapshot: None,
                journal: Vec::new(),
                epoch: 0,
            },
        )
    }

    /// A store with what another one left, and nobody holding its lock: what a process finds after a crash.
    pub fn restored(stack: StackId, content: Content) -> Self {
        Self {
            shared: Arc::new(Shared {
                stack,
                inner: Mutex::new(Inner {
                    content,
                    held: None,
                    hooks: Hooks::default(),
                    appends: 0,
                    reports: Vec::new(),
                }),
                released: Notify::new(),
            }),
        }
    }

    /// What would be found after a crash at this moment.
    pub fn content(&self) -> Content {
        self.shared.lock().content.clone()
    }

    /// How many appends have succeeded.
    pub fn appends(&self) -> usize {
        self.shared.lock().appends
    }

    /// Makes the append after the next `successes` ones fail as a full disk does: nothing is appended, and the one after it
    /// succeeds again.
    pub fn fail_append_after(&self, successes: usize) {
        self.shared.lock().hooks.fail_append_in = Some(successes);
    }

    /// Lets the next `successes` appends succeed and refuses every call from then on, as if the process had died.
    pub fn freeze_after(&self, successes: usize) {
        let hooks = &mut self.shared.lock().hooks;
        hooks.freeze_in = Some(successes);
        hooks.frozen = successes == 0;
    }

    /// Makes the next swap stop between replacing the snapshot and emptying the journal, and refuses every call from then on.
    pub fn freeze_in_swap(&self) {
        self.shared.lock().hooks.freeze_in_swap = true;
    }

    /// Takes the lock away from whoever holds it, who is not told: a holder that slept while its lock expired.
    pub fn take_lock_away(&self) {
        self.shared.lock().held = None;
        self.shared.released.notify_waiters();
    }

    fn try_acquire(&self, holder: &Holder) -> Result<Lease, LockError> {
        let mut inner = self.shared.lock();
        inner.check_alive("lock").map_err(LockError::Store)?;
        if let Some((_, current)) = &inner.held {
            return Err(LockError::Held(Box::new(current.clone())));
        }
        let epoch = inner.content.epoch.max(inner.content.folded().epoch) + 1;
        inner.content.epoch = epoch;
        inner.held = Some((epoch, holder.clone()));
        let guard = Release {
            epoch,
            shared: self.shared.clone(),
        };
        Ok(Lease::new(epoch, holder.clone(), Box::new(guard)))
    }
}

impl Inner {
    fn check_alive(&self, doing: &'static str) -> Result<(), StoreError> {
        if self.hooks.frozen {
            return Err(refused(
                doing,
                "the process that used this store is taken to be dead",
            ));
        }
        Ok(())
    }

    fn check_newest(&self, lease: &Lease) -> Result<(), StoreError> {
        if lease.epoch == self.content.epoch {
            Ok(())
        } else {
            Err(StoreError::Conflict)
        }
    }

    fn fail_append_if_asked(&mut self) -> Result<(), StoreError> {
        match self.hooks.fail_append_in {
            Some(0) => {
                self.hooks.fail_append_in = None;
                Err(refused("append to", "no space left, as the test has asked"))
            }
            left => {
                self.hooks.fail_append_in = left.map(|left| left - 1);
                Ok(())
            }
        }
    }

    fn count_append(&mut self) {
        self.appends += 1;
        if let Some(left) = &mut self.hooks.freeze_in {
            *left = left.saturating_sub(1);
            self.hooks.frozen = *left == 0;
        }
    }
}

/// Frees the lock when dropped, unless somebody else holds it by then.
struct Release {
    epoch: u64,
    shared: Arc<Shared>,
}

impl Drop for Release {
    fn drop(&mut self) {
        let mut inner = self.shared.lock();
        if inner.held.as_ref().is_some_and(|(epoch, _)| *epoch == self.epoch) {
            inner.held = None;
            self.shared.released.notify_waiters();
        }
    }
}

#[async_trait]
impl StateStore for MemoryStore {
    async fn acquire(&self, holder: Holder, wait: Wait) -> Result<Lease, LockError> {
        let deadline = wait.until();
        loop {
            // Registered before the try, so that a release between the two is not missed.
            let released = self.shared.released.notified();
            tokio::pin!(released);
            released.as_mut().enable();
            match self.try_acquire(&holder) {
                Err(LockError::Held(current)) => {
                    let over = async {
                        match deadline {
                            Some(end) => tokio::time::sleep_until(end).await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        biased;
                        () = released => {}
                        () = over => return Err(LockError::Held(current)),
                    }
                }
                other => return other,
            }
        }
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        let inner = self.shared.lock();
        inner.check_alive("read")?;
        Ok(inner.held.as_ref().map(|(_, holder)| holder.clone()))
    }

    async fn load(&self) -> Result<Loaded, StoreError> {
        let inner = self.shared.lock();
        inner.check_alive("read")?;
        let content = &inner.content;
        let snapshot = content.snapshot.clone();
        Ok(Loaded {
            snapshot: snapshot.unwrap_or_else(|| Snapshot::empty(self.shared.stack.clone())),
            version: content.version()?,
            journal: content.live(),
            next: content.next(),
        })
    }

    async fn append(&self, lease: &Lease, seq: Seq, entries: &[Entry]) -> Result<(), StoreError> {
        let mut inner = self.shared.lock();
        inner.check_alive("append to")?;
        inner.check_newest(lease)?;
        if seq != inner.content.next() {
            return Err(StoreError::Conflict);
        }
        inner.fail_append_if_asked()?;
        let numbered = (seq..).zip(entries).map(|(seq, entry)| Numbered {
            epoch: lease.epoch,
            seq,
            entry: entry.clone(),
        });
        inner.content.journal.extend(numbered);
        inner.count_append();
        Ok(())
    }

    async fn swap(&self, lease: &Lease, expect: &Version, next: &Snapshot) -> Result<Version, StoreError> {
        let mut inner = self.shared.lock();
        inner.check_alive("replace")?;
        inner.check_newest(lease)?;
        next.check_stack("the new state", &self.shared.stack)?;
        if *expect != inner.content.version()? {
            return Err(StoreError::Conflict);
        }
        let folded = Folded {
            epoch: lease.epoch,
            seq: inner.content.next(),
        };
        inner.content.snapshot = Some(Snapshot {
            folded,
            ..next.clone()
        });
        if inner.hooks.freeze_in_swap {
            inner.hooks.frozen = true;
            return Err(refused("replace", "the store froze, as the test has asked"));
        }
        inner.content.journal.clear();
        inner.content.version()
    }

    async fn add_report(&self, lease: &Lease, report: &Report) -> Result<(), StoreError> {
        let mut inner = self.shared.lock();
        inner.check_alive("append to")?;
        inner.check_newest(lease)?;
        inner.reports.push(report.clone());
        Ok(())
    }

    async fn reports(&self) -> Result<Vec<Report>, StoreError> {
        let inner = self.shared.lock();
        inner.check_alive("read")?;
        Ok(inner.reports.clone())
    }
}

fn refused(doing: &'static str, why: &str) -> StoreError {
    StoreError::Io {
        doing,
        path: PathBuf::from("the state in memory"),
        source: std::io::Error::other(why.to_owned()),
    }
}
