//! Objects in a folder of this machine, where no state is shared: processes on one machine share stages the same way.
//!
//! The lock is waited for beside the loops, and not for ever: a process that was halted while it has it keeps the others from
//! writing, and from nothing else.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use grail_state::Digest;
use grail_state::store::object::{Condition, Found, ObjectError, Objects, Tag};

/// How often the lock is tried for, and the time between: together less than a beat.
const TRIES: usize = 150;
const AGAIN: Duration = Duration::from_millis(10);

/// Small objects as files. A write is on condition, since all who write hold one lock meanwhile; whole, since it is written
/// beside and renamed. It is not forced to the disk: after a loss of power older ones may be there, which costs a pass.
#[derive(Clone, Debug)]
pub struct FolderObjects {
    folder: PathBuf,
}

impl FolderObjects {
    /// Those in `folder`, which is made when the first is written.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        // No part of a key leads out: names of projects, stages and replicas begin with no dot.
        self.folder.join("objects").join(key)
    }

    fn read(&self, key: &str) -> io::Result<Option<Found>> {
        match fs::read(self.path(key)) {
            Ok(bytes) => Ok(Some(Found {
                tag: Tag(Digest::of(&bytes).to_string()),
                bytes,
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn locked(&self) -> io::Result<File> {
        fs::create_dir_all(&self.folder)?;
        let lock = File::create(self.folder.join("lock"))?;
        for _ in 0..TRIES {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) => std::thread::sleep(AGAIN),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn remove(&self, key: &str) -> io::Result<()> {
        let _lock = self.locked()?;
        match fs::remove_file(self.path(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn write(&self, key: &str, bytes: &[u8], condition: &Condition) -> io::Result<Option<Tag>> {
        let _lock = self.locked()?;
        let stands = self.read(key)?.map(|found| found.tag);
        let holds = match (condition, stands) {
            (Condition::New, None) => true,
            (Condition::Still(expected), Some(stands)) => *expected == stands,
            _ => false,
        };
        if !holds {
            return Ok(None);
        }
        let path = self.path(key);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let beside = self.folder.join("writing");
        fs::write(&beside, bytes)?;
        fs::rename(&beside, &path)?;
        Ok(Some(Tag(Digest::of(bytes).to_string())))
    }

    fn keys(&self, folder: &Path, found: &mut Vec<String>) -> io::Result<()> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                self.keys(&path, found)?;
            } else if let Ok(key) = path.strip_prefix(self.folder.join("objects")) {
                found.push(key.to_string_lossy().into_owned());
            }
        }
        Ok(())
    }
}

/// Does work with files beside the loops.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, ObjectError> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.unwrap_or_else(|error| Err(io::Error::other(error)));
    done.map_err(|error| match error.kind() {
        // Somebody has the lock, and lets it go or dies.
        io::ErrorKind::WouldBlock => ObjectError::Unclear(Box::new(error)),
        _ => ObjectError::Refused(Box::new(error)),
    })
}

#[async_trait]
impl Objects for FolderObjects {
    async fn get(&self, key: &str) -> Result<Option<Found>, ObjectError> {
        let (objects, key) = (self.clone(), key.to_owned());
        beside(move || objects.read(&key)).await
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, condition: Condition) -> Result<Tag, ObjectError> {
        let (objects, key) = (self.clone(), key.to_owned());
        let written = beside(move || objects.write(&key, &bytes, &condition)).await?;
        written.ok_or(ObjectError::Changed)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        let (objects, prefix) = (self.clone(), prefix.to_owned());
        beside(move || {
            let mut found = Vec::new();
            objects.keys(&objects.folder.join("objects"), &mut found)?;
            found.retain(|key| key.starts_with(&prefix));
            found.sort();
            Ok(found)
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectError> {
        let (objects, key) = (self.clone(), key.to_owned());
        beside(move || objects.remove(&key)).await
    }
}
