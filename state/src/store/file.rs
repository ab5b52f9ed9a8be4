//! The state in a folder of this machine, usually `.chalice/grail/<stage>/`.
//!
//! | File | Content | Written |
//! |---|---|---|
//! | `state.json` | the snapshot, with its own checksum | new file, fsync, rename, fsync of the folder |
//! | `journal.ndjson` | one line for each append, with its own checksum | appended, fsync |
//! | `reports.ndjson` | what each pass came to, for `history` | appended |
//! | `epoch` | the number of the newest holding of the lock | as `state.json` |
//! | `lock` | who holds the lock, as JSON | locked while held; the text is a courtesy |
//!
//! A snapshot and the journal after it belong together: each line of the journal names what it follows. The formats are told in
//! `snapshot.rs` and `store/line.rs`.
//!
//! A crash between the new snapshot and the empty journal leaves entries that the snapshot's `folded` shows as history. What
//! is damaged is reported and never overwritten; [`FileStore::set_aside_damaged`] moves it out of the way on request.
//!
//! Given up: a network file system without locks or with delayed writes. There the lock call fails, or two machines are not
//! kept apart; a shared store is the answer.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::line::{self, Place};
use super::{Holder, Lease, Loaded, LockError, StateStore, StoreError, Wait};
use crate::disk::{self, Readers};
use crate::id::StackId;
use crate::journal::{Entry, Seq};
use crate::report::Report;
use crate::snapshot::{Snapshot, Version};
use crate::txn::Corrupt;

mod journal;
mod lock;
mod reports;
#[cfg(test)]
mod tests;

use journal::Cursor;
use lock::{LockFile, Tried};

/// Between two looks at a lock that somebody holds.
const LOCK_PAUSE: Duration = Duration::from_millis(25);
/// Looks before a lock counts as held: `holder` locks for a moment when it finds the text of a dead process.
const LOCK_LOOKS: u32 = 4;
/// Looks at files that another process is just replacing.
const LOADS: u32 = 50;

/// Makes `folder` (`.chalice/grail`) with a `.gitignore` that keeps all of it out of version control.
///
/// # Errors
/// [`StoreError::Io`] where it cannot be written.
pub fn prepare(folder: &Path) -> Result<(), StoreError> {
    disk::create_folder(folder).map_err(|source| failed("make", folder, source))?;
    let ignore = folder.join(".gitignore");
    disk::create_new(&ignore, b"*\n")
        .map(|_| ())
        .map_err(|source| failed("write", &ignore, source))
}

/// The state of one stack in a folder. Clones share what they know of it; nothing is made before the first
/// [`acquire`](StateStore::acquire).
#[derive(Clone, Debug)]
pub struct FileStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    stack: StackId,
    /// Where the journal ends, while nobody else writes: saves reading all of it before each append.
    cursor: Mutex<Option<Cursor>>,
}

impl FileStore {
    /// The state of `stack` in `folder`.
    pub fn new(folder: impl Into<PathBuf>, stack: StackId) -> Self {
        Self {
            inner: Arc::new(Inner {
                folder: folder.into(),
                stack,
                cursor: Mutex::new(None),
            }),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    /// Takes the lock in order to forget the state. Reads nothing, so that damage is no hindrance.
    ///
    /// # Errors
    /// [`LockError::Held`] while somebody works with it.
    pub fn condemn(&self, holder: &Holder) -> Result<Condemned, LockError> {
        let inner = Arc::clone(&self.inner);
        let folder = &inner.folder;
        let broken = |doing, path: &Path, source| LockError::Store(failed(doing, path, source));
        disk::create_folder(folder).map_err(|source| broken("make", folder, source))?;
        let path = inner.path("lock");
        match LockFile::try_take(&path, holder).map_err(|source| broken("lock", &path, source))? {
            Tried::Ours(lock) => Ok(Condemned { inner, lock }),
            Tried::Theirs(current) => Err(held(current)),
        }
    }

    /// Renames what is damaged to `<name>.corrupt-<n>`, and says what it is called now. With a damaged snapshot goes its
    /// journal, which means nothing without it; with a damaged journal stays the snapshot, which is the last commit. Files of
    /// another stack or of a newer grail are not damaged and stay.
    ///
    /// # Errors
    /// [`LockError::Held`] while somebody works with the state.
    pub async fn set_aside_damaged(&self, holder: Holder) -> Result<Vec<PathBuf>, LockError> {
        let inner = self.inner.clone();
        blocking(move || Ok(inner.set_aside_damaged(&holder)))
            .await
            .map_err(LockError::Store)?
    }
}

/// A state that is about to be forgotten, whatever it is and however damaged. Nobody else works with it while this lives.
#[derive(Debug)]
pub struct Condemned {
    inner: Arc<Inner>,
    #[expect(dead_code, reason = "held for its drop")]
    lock: LockFile,
}

impl Condemned {
    /// Forgets all of it: there was never a commit. What keeps old holders out (their number) stays.
    ///
    /// # Errors
    /// Where a file could not be removed.
    pub fn forget(self) -> Result<(), StoreError> {
        // First the journal: without its snapshot it would mean nothing, and be taken for damage.
        let inner = &self.inner;
        for path in [inner.journal_path(), inner.state_path(), inner.reports_path()] {
            disk::remove(&path).map_err(|source| failed("remove", &path, source))?;
        }
        *self.inner.cursor() = None;
        Ok(())
    }
}

impl Inner {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn state_path(&self) -> PathBuf {
        self.path("state.json")
    }

    fn journal_path(&self) -> PathBuf {
        self.path("journal.ndjson")
    }

    fn reports_path(&self) -> PathBuf {
        self.path("reports.ndjson")
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
        disk::read(path).map_err(|source| failed("read", path, source))
    }

    /// Snapshot and journal as of one moment, although another process may be replacing them.
    fn load(&self) -> Result<(Loaded, Cursor), StoreError> {
        let mut state = self.read(&self.state_path())?;
        let mut lines = Vec::new();
        for _ in 0..LOADS {
            lines = self.read(&self.journal_path())?.unwrap_or_default();
            // A journal is emptied after its snapshot is replaced, so it belongs to a snapshot that is still the same.
            let again = self.read(&self.state_path())?;
            let same = again == state;
            state = again;
            if same {
                break;
            }
        }
        let (snapshot, version) = match &state {
            None => (Snapshot::empty(self.stack.clone()), Version::default()),
            Some(text) => (
                Snapshot::read(text, &self.state_path().display().to_string(), &self.stack)?,
                Version::of_text(text),
            ),
        };
        let what = self.journal_path().display().to_string();
        let (journal, mut cursor) = journal::read(&lines, snapshot.folded, &self.stack, &what)?;
        cursor.open(self.newest_epoch()?);
        let loaded = Loaded {
            snapshot,
            version,
            journal,
            next: cursor.next,
        };
        Ok((loaded, cursor))
    }

    /// The number in the file `epoch`. One that is missing or unreadable says nothing: the numbers in journal and snapshot,
    /// and the lock, still keep holders apart.
    fn newest_epoch(&self) -> Result<u64, StoreError> {
        let text = self.read(&self.path("epoch"))?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&text).trim().parse().unwrap_or(0))
    }

    fn try_acquire(&self, holder: &Holder) -> Result<Result<Lease, Option<Holder>>, StoreError> {
        disk::create_folder(&self.folder).map_err(|source| failed("make", &self.folder, source))?;
        let path = self.path("lock");
        let lock = match LockFile::try_take(&path, holder).map_err(|source| failed("lock", &path, source))? {
            Tried::Ours(lock) => lock,
            Tried::Theirs(current) => return Ok(Err(current)),
        };
        let (_, mut cursor) = self.load()?;
        let path = self.path("epoch");
        let epoch = cursor.epoch.checked_add(1).ok_or_else(|| StoreError::Corrupt {
            what: path.display().to_string(),
            why: "no number is higher than the one that was used last".to_owned(),
        })?;
        disk::replace(&path, format!("{epoch}\n").as_bytes(), Readers::Owner)
            .map_err(|source| failed("write", &path, source))?;
        cursor.open(epoch);
        *self.cursor() = Some(cursor);
        Ok(Ok(Lease::new(epoch, holder.clone(), Box::new(lock))))
    }

    fn append(&self, epoch: u64, seq: Seq, entries: &[Entry]) -> Result<(), StoreError> {
        let mut known = self.cursor();
        let mut cursor = self.current(&mut known, epoch)?;
        if cursor.next != seq {
            return Err(StoreError::Conflict);
        }
        if entries.is_empty() {
            return Ok(());
        }
        let path = self.journal_path();
        let place = Place {
            stack: &self.stack,
            after: cursor.reaches(),
            epoch,
            seq,
        };
        let line = line::line(&place, entries, &path.display().to_string())?;
        // Forgotten on failure: the next append looks at what is really there.
        *known = None;
        cursor
            .append(&path, &line, entries.len())
            .map_err(|source| failed("append to", &path, source))?;
        *known = Some(cursor);
        Ok(())
    }

    fn swap(&self, epoch: u64, expect: &Version, next: &Snapshot) -> Result<Version, StoreError> {
        next.check_stack("the new state", &self.stack)?;
        let mut known = self.cursor();
        let mut cursor = self.current(&mut known, epoch)?;
        let (loaded, _) = self.load()?;
        if loaded.version != *expect {
            return Err(StoreError::Conflict);
        }
        let path = self.state_path();
        let mut next = next.clone();
        next.folded = cursor.end();
        let text = next.to_text(&path.display().to_string())?;
        *known = None;
        disk::replace(&path, &text, Readers::Owner).map_err(|source| failed("replace", &path, source))?;
        // From here the swap has happened; what stays in the journal is history.
        match cursor.empty(&self.journal_path()) {
            Ok(()) => *known = Some(cursor),
            Err(error) => {
                tracing::warn!(%error, "the journal could not be emptied; the next commit tries again")
            }
        }
        Ok(Version::of_text(&text))
    }

    /// Where the journal ends, read anew if somebody else has touched it.
    fn current(&self, known: &mut Option<Cursor>, epoch: u64) -> Result<Cursor, StoreError> {
        if self.newest_epoch()? != epoch {
            return Err(StoreError::Conflict);
        }
        if let Some(cursor) = known.as_ref()
            && cursor.epoch == epoch
            && cursor.fits(&self.journal_path())
        {
            return Ok(cursor.clone());
        }
        let (_, cursor) = self.load()?;
        if cursor.epoch != epoch {
            return Err(StoreError::Conflict);
        }
        *known = Some(cursor.clone());
        Ok(cursor)
    }

    /// The error of an entry that [`Self::load`] gave and that cannot stand where it stands.
    fn misplaced(&self, entry: &Corrupt) -> Result<StoreError, StoreError> {
        let state = self.read(&self.state_path())?;
        let folded = match state {
            Some(text) => Snapshot::read(&text, "state.json", &self.stack)?.folded,
            None => Default::default(),
        };
        let path = self.journal_path();
        let lines = self.read(&path)?.unwrap_or_default();
        let line = journal::line_of(&lines, folded, entry.number);
        Ok(StoreError::Corrupt {
            what: path.display().to_string(),
            why: match line {
                Some(line) => format!("line {line}: {entry}"),
                None => entry.to_string(),
            },
        })
    }

    fn cursor(&self) -> std::sync::MutexGuard<'_, Option<Cursor>> {
        self.cursor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_aside_damaged(&self, holder: &Holder) -> Result<Vec<PathBuf>, LockError> {
        let path = self.path("lock");
        if !self.folder.exists() {
            return Ok(Vec::new());
        }
        let lock = LockFile::try_take(&path, holder)
            .map_err(|source| LockError::Store(failed("lock", &path, source)))?;
        let _lock = match lock {
            Tried::Ours(lock) => lock,
            Tried::Theirs(current) => return Err(held(current)),
        };
        let mut aside = Vec::new();
        for path in self.damaged().map_err(LockError::Store)? {
            let renamed = disk::set_aside(&path);
            aside.push(renamed.map_err(|source| LockError::Store(failed("rename", &path, source)))?);
        }
        *self.cursor() = None;
        Ok(aside)
    }

    fn damaged(&self) -> Result<Vec<PathBuf>, StoreError> {
        let (state, journal) = (self.state_path(), self.journal_path());
        let folded = match self.read(&state)? {
            None => Default::default(),
            Some(text) => match Snapshot::read(&text, "state.json", &self.stack) {
                Ok(snapshot) => snapshot.folded,
                Err(StoreError::Corrupt { .. })
                    if self.read(&journal)?.is_none_or(|lines| lines.is_empty()) =>
                {
                    return Ok(vec![state]);
                }
                Err(StoreError::Corrupt { .. }) => return Ok(vec![state, journal]),
                Err(other) => return Err(other),
            },
        };
        let lines = self.read(&journal)?.unwrap_or_default();
        match journal::read(&lines, folded, &self.stack, "journal.ndjson") {
            Ok(_) => Ok(Vec::new()),
            Err(StoreError::Corrupt { .. }) => Ok(vec![journal]),
            Err(other) => Err(other),
        }
    }
}

#[async_trait]
impl StateStore for FileStore {
    async fn acquire(&self, holder: Holder, wait: Wait) -> Result<Lease, LockError> {
        let deadline = wait.until();
        for look in 1.. {
            let (inner, holder) = (self.inner.clone(), holder.clone());
            match blocking(move || inner.try_acquire(&holder))
                .await
                .map_err(LockError::Store)?
            {
                Ok(lease) => return Ok(lease),
                Err(current) if look >= LOCK_LOOKS && deadline.is_some_and(|end| Instant::now() >= end) => {
                    return Err(held(current));
                }
                Err(_) => tokio::time::sleep(LOCK_PAUSE).await,
            }
        }
        Err(LockError::HeldBySomeone)
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        let path = self.inner.path("lock");
        blocking(move || lock::holder(&path).map_err(|source| failed("read", &path, source))).await
    }

    async fn load(&self) -> Result<Loaded, StoreError> {
        let inner = self.inner.clone();
        blocking(move || inner.load().map(|(loaded, _)| loaded)).await
    }

    async fn misplaced(&self, entry: &Corrupt) -> StoreError {
        let (inner, entry) = (self.inner.clone(), entry.clone());
        blocking(move || inner.misplaced(&entry))
            .await
            .unwrap_or_else(|error| error)
    }

    async fn append(&self, lease: &Lease, seq: Seq, entries: &[Entry]) -> Result<(), StoreError> {
        let (inner, epoch, entries) = (self.inner.clone(), lease.epoch, entries.to_vec());
        blocking(move || inner.append(epoch, seq, &entries)).await
    }

    async fn swap(&self, lease: &Lease, expect: &Version, next: &Snapshot) -> Result<Version, StoreError> {
        let (inner, epoch, expect, next) = (self.inner.clone(), lease.epoch, expect.clone(), next.clone());
        blocking(move || inner.swap(epoch, &expect, &next)).await
    }

    async fn add_report(&self, lease: &Lease, report: &Report) -> Result<(), StoreError> {
        let (inner, epoch, report) = (self.inner.clone(), lease.epoch, report.clone());
        blocking(move || {
            if inner.newest_epoch()? != epoch {
                return Err(StoreError::Conflict);
            }
            let path = inner.reports_path();
            reports::add(&path, &report).map_err(|source| failed("append to", &path, source))
        })
        .await
    }

    async fn reports(&self) -> Result<Vec<Report>, StoreError> {
        let path = self.inner.reports_path();
        blocking(move || reports::read(&path).map_err(|source| failed("read", &path, source))).await
    }
}

/// Runs file work beside the loop that awaits it: an fsync may take as long as a network call.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(failed(
            "work with",
            Path::new("the state"),
            io::Error::other(error),
        )),
    }
}

fn held(current: Option<Holder>) -> LockError {
    current.map_or(LockError::HeldBySomeone, |current| {
        LockError::Held(Box::new(current))
    })
}

fn failed(doing: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}
