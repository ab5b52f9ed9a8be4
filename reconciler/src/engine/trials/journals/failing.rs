//! A store whose process dies in the middle of a line.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use grail_state::store::file::FileStore;
use grail_state::store::{Holder, Lease, Loaded, LockError, StateStore, StoreError, Wait};
use grail_state::txn::Corrupt;
use grail_state::{Entry, Report, Seq, Snapshot, Version};

/// The files, for so many appends. In the one after these, or in the swap, the process dies.
pub(super) struct Failing {
    inner: FileStore,
    room: AtomicUsize,
    dead: AtomicBool,
    /// How many eighths of the last line are on disk then, but never its line break.
    eighths: usize,
}

impl Failing {
    /// A process that dies in the append after so many, or in the swap.
    pub(super) fn dying_in(appends: usize, eighths: usize, files: &FileStore) -> Self {
        Self {
            inner: files.clone(),
            room: AtomicUsize::new(appends),
            dead: AtomicBool::new(false),
            eighths,
        }
    }

    fn die(&self, doing: &'static str) -> StoreError {
        self.dead.store(true, Ordering::Relaxed);
        StoreError::Io {
            doing,
            path: "the state".into(),
            source: io::Error::other("the process that used this store is taken to be dead"),
        }
    }

    fn check_alive(&self) -> Result<(), StoreError> {
        match self.dead.load(Ordering::Relaxed) {
            true => Err(self.die("use")),
            false => Ok(()),
        }
    }

    async fn tear(&self, lease: &Lease, seq: Seq, entries: &[Entry]) -> Result<(), StoreError> {
        let journal = self.inner.folder().join("journal.ndjson");
        let before = fs::read(&journal).unwrap_or_default();
        self.inner.append(lease, seq, entries).await?;
        let after = fs::read(&journal).unwrap();
        let whole = after.len() - 1 - before.len();
        fs::write(&journal, &after[..before.len() + whole * self.eighths / 8]).unwrap();
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
            return Err(self.die("append to"));
        }
        self.room.store(room - 1, Ordering::Relaxed);
        self.inner.append(lease, seq, entries).await
    }

    async fn swap(&self, _lease: &Lease, _expect: &Version, _next: &Snapshot) -> Result<Version, StoreError> {
        Err(self.die("replace"))
    }

    async fn add_report(&self, _lease: &Lease, _report: &Report) -> Result<(), StoreError> {
        Err(self.die("append to"))
    }

    async fn reports(&self) -> Result<Vec<Report>, StoreError> {
        self.inner.reports().await
    }
}
