//! A store that ends badly.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use grail_state::store::file::FileStore;
use grail_state::store::{Holder, Lease, Loaded, LockError, StateStore, StoreError, Wait};
use grail_state::txn::Corrupt;
use grail_state::{Entry, Report, Seq, Snapshot, Version};

/// What happens at the first append for which there is no room.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// Nothing is written, then and later: the disk is full.
    Full,
    /// The process dies when so many eighths of the line are on disk, but never its line break.
    Torn { journal: PathBuf, eighths: usize },
}

/// Another store, for so many appends.
pub(super) struct Failing {
    inner: Arc<dyn StateStore>,
    room: AtomicUsize,
    dead: AtomicBool,
    end: End,
}

impl Failing {
    /// A disk with room for so many appends, and for no new snapshot.
    pub(super) fn full_after(appends: usize, inner: Arc<dyn StateStore>) -> Self {
        Self::new(appends, inner, End::Full)
    }

    /// A process that dies in the append after so many, or in the swap.
    pub(super) fn dying_in(appends: usize, eighths: usize, files: &FileStore) -> Self {
        let journal = files.folder().join("journal.ndjson");
        Self::new(appends, Arc::new(files.clone()), End::Torn { journal, eighths })
    }

    fn new(appends: usize, inner: Arc<dyn StateStore>, end: End) -> Self {
        Self {
            inner,
            room: AtomicUsize::new(appends),
            dead: AtomicBool::new(false),
            end,
        }
    }

    fn ended(&self, doing: &'static str) -> StoreError {
        let source = match self.end {
            End::Full => io::ErrorKind::StorageFull.into(),
            End::Torn { .. } => {
                self.dead.store(true, Ordering::Relaxed);
                io::Error::other("the process that used this store is taken to be dead")
            }
        };
        StoreError::Io {
            doing,
            path: "the state".into(),
            source,
        }
    }

    fn check_alive(&self) -> Result<(), StoreError> {
        match self.dead.load(Ordering::Relaxed) {
            true => Err(self.ended("use")),
            false => Ok(()),
        }
    }

    async fn tear(&self, lease: &Lease, seq: Seq, entries: &[Entry]) -> Result<(), StoreError> {
        if let End::Torn { journal, eighths } = &self.end {
            let before = fs::read(journal).unwrap_or_default();
            self.inner.append(lease, seq, entries).await?;
            let after = fs::read(journal).unwrap();
            let whole = after.len() - 1 - before.len();
            fs::write(journal, &after[..before.len() + whole * eighths / 8]).unwrap();
        }
        Ok(())
    }
}

#[async_trait]
impl StateStore for Failing {
    async fn acquire(&self, holder: Holder, wait: Wait) -> Result<Lease, LockError> {
        self.inner.acquire(holder, wait).await
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        self.inner.holder().await
    }

    async fn load(&self) -> Result<Loaded, StoreError> {
        self.check_alive()?;
        self.inner.load().await
    }

    async fn misplaced(&self, entry: &Corrupt) -> StoreError {
        self.inner.misplaced(entry).await
    }

    async fn append(&self, lease: &Lease, seq: Seq, entries: &[Entry]) -> Result<(), StoreError> {
        self.check_alive()?;
        let room = self.room.load(Ordering::Relaxed);
        if room == 0 {
            self.tear(lease, seq, entries).await?;
            return Err(self.ended("append to"));
        }
        self.room.store(room - 1, Ordering::Relaxed);
        self.inner.append(lease, seq, entries).await
    }

    async fn swap(&self, _lease: &Lease, _expect: &Version, _next: &Snapshot) -> Result<Version, StoreError> {
        Err(self.ended("replace"))
    }

    async fn add_report(&self, _lease: &Lease, _report: &Report) -> Result<(), StoreError> {
        Err(self.ended("append to"))
    }

    async fn reports(&self) -> Result<Vec<Report>, StoreError> {
        self.inner.reports().await
    }
}
