//! The lock file.
//!
//! What counts is the operating system's lock on the file, which ends with its process however that ends. The text in the
//! file only says who it was: it is believed while the lock is held, and never otherwise.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;

use super::Holder;
use crate::disk;

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub(super) struct LockFile {
    file: File,
}

/// The outcome of one try.
pub(super) enum Tried {
    /// We hold it.
    Ours(LockFile),
    /// Somebody else does; `None` if the text does not say who.
    Theirs(Option<Holder>),
}

impl LockFile {
    /// Tries once, and writes who holds it.
    pub(super) fn try_take(path: &Path, holder: &Holder) -> io::Result<Tried> {
        loop {
            let file = disk::open_private(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(Tried::Theirs(text_of(file))),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Whoever deleted the file between the two calls has left us a lock that nobody else will ever look at.
            if is_still_at(&file, path) {
                let mut lock = Self { file };
                lock.write(holder)?;
                return Ok(Tried::Ours(lock));
            }
        }
    }

    fn write(&mut self, holder: &Holder) -> io::Result<()> {
        let mut text = serde_json::to_vec(holder)?;
        text.push(b'\n');
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(&text)
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // So that nobody needs to lock the file to learn that it is free. A text that stays says nothing.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

/// Who holds the lock at `path` now.
pub(super) fn holder(path: &Path) -> io::Result<Option<Holder>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() == 0 {
        return Ok(None);
    }
    // Shared, so that two who only look do not see each other.
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(text_of(file)),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn text_of(mut file: File) -> Option<Holder> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(unix)]
fn is_still_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_still_at(_: &File, _: &Path) -> bool {
    // An open file cannot be deleted there.
    true
}
