//! The disk that the state lies on: it fills up, and somebody makes room.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use grail_state::report::Report;
use grail_state::store::memory::MemoryStore;
use grail_state::store::{Holder, Lease, Loaded, LockError, StateStore, StoreError, Wait};
use grail_state::{Entry, Seq, Snapshot, Version};

/// How much is written until nothing more can be. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<Mutex<Room>>);

#[derive(Clone, Copy, Debug, Default)]
struct Room {
    written: usize,
    /// Nothing can be written any more once so much was.
    until: Option<usize>,
    /// What there is no room for is told so, and written all the same: entries of the journal.
    in_secret: bool,
    /// Others write here as well, and what was sent may arrive late.
    shared: bool,
}

impl Disk {
    /// Lets `writes` more be written, and nothing after that.
    pub(super) fn fill_after(&self, writes: usize) {
        let mut room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        room.until = Some(room.written + writes);
    }

    /// Writes entries of the journal even where it says that it is full.
    pub(super) fn write_in_secret(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).in_secret = true;
    }

    /// Is one of several machines from now on.
    pub(super) fn share(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).shared = true;
    }

    /// Makes room again.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).until = None;
    }

    /// How often something was written: journal, state and reports.
    pub(super) fn written(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).written
    }

    /// `store` on this disk.
    pub(super) fn under(&self, store: &MemoryStore) -> OnDisk {
        OnDisk {
            store: store.clone(),
            disk: self.clone(),
        }
    }

    fn take(&self, doing: &'static str) -> Result<(), StoreError> {
        let mut room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if room.until.is_some_and(|until| room.written >= until) {
            return Err(StoreError::Io {
                doing,
                path: PathBuf::from("the state"),
                source: io::Error::from(io::ErrorKind::StorageFull),
            });
        }
        room.written += 1;
        Ok(())
    }
}

/// A store on a disk.
pub(super) struct OnDisk {
    store: MemoryStore,
    disk: Disk,
}

#[async_trait]
impl StateStore for OnDisk {
    async fn acquire(&self, holder: Holder, wait: Wait) -> Result<Lease, LockError> {
        self.store.acquire(holder, wait).await
    }

    fn is_shared(&self) -> bool {
        self.disk.0.lock().unwrap_or_else(PoisonError::into_inner).shared
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        self.store.holder().await
    }

    async fn load(&self) -> Result<Loaded, StoreError> {
        self.store.load().await
    }

    async fn append(&self, lease: &Lease, seq: Seq, entries: &[Entry]) -> Result<(), StoreError> {
        let taken = self.disk.take("append to");
        let in_secret = self
            .disk
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .in_secret;
        if taken.is_ok() || in_secret {
            self.store.append(lease, seq, entries).await?;
        }
        taken
    }

    async fn swap(&self, lease: &Lease, expect: &Version, next: &Snapshot) -> Result<Version, StoreError> {
        self.disk.take("replace")?;
        self.store.swap(lease, expect, next).await
    }

    async fn add_report(&self, lease: &Lease, report: &Report) -> Result<(), StoreError> {
        self.disk.take("append to")?;
        self.store.add_report(lease, report).await
    }

    async fn reports(&self) -> Result<Vec<Report>, StoreError> {
        self.store.reports().await
    }
}
