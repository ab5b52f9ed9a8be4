//! Objects in a folder of this machine, where no state is shared: processes on one machine share stages the same way.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use grail_state::Digest;
use grail_state::store::object::{Condition, Found, ObjectError, Objects, Tag};

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
        lock.lock()?;
        Ok(lock)
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

fn refused(error: io::Error) -> ObjectError {
    ObjectError::Refused(Box::new(error))
}

#[async_trait]
impl Objects for FolderObjects {
    async fn get(&self, key: &str) -> Result<Option<Found>, ObjectError> {
        self.read(key).map_err(refused)
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, condition: Condition) -> Result<Tag, ObjectError> {
        let written = self.write(key, &bytes, &condition).map_err(refused)?;
        written.ok_or(ObjectError::Changed)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        let mut found = Vec::new();
        self.keys(&self.folder.join("objects"), &mut found)
            .map_err(refused)?;
        found.retain(|key| key.starts_with(prefix));
        found.sort();
        Ok(found)
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectError> {
        let _lock = self.locked().map_err(refused)?;
        match fs::remove_file(self.path(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(refused(error)),
            _ => Ok(()),
        }
    }
}
