//! Copies of a state in files: what a person takes out and brings back, and what is kept of a state before it is changed by hand.
//!
//! A copy has the written form of the state itself, checksum included, and is read by its owner alone.

use std::io;
use std::path::{Path, PathBuf};

use super::Snapshot;
use crate::disk::{self, Readers};
use crate::id::StackId;
use crate::store::StoreError;

/// Reads a copy of the state of `stack`.
///
/// # Errors
/// As [`Snapshot::read`], and [`StoreError::Io`] where there is no such file.
pub fn read_copy(path: &Path, stack: &StackId) -> Result<Snapshot, StoreError> {
    let read = disk::read(path).and_then(|text| text.ok_or_else(|| io::ErrorKind::NotFound.into()));
    let text = read.map_err(|source| failed("read", path, source))?;
    Snapshot::read(&text, &path.display().to_string(), stack)
}

/// Writes a copy to `path`, whatever is there.
///
/// # Errors
/// [`StoreError::Io`].
pub fn write_copy(path: &Path, snapshot: &Snapshot) -> Result<(), StoreError> {
    let text = snapshot.to_text(&path.display().to_string())?;
    disk::replace(path, &text, Readers::Owner).map_err(|source| failed("write", path, source))
}

/// Keeps a copy in `folder`, which is made, and says where. Nothing that is there is written over.
///
/// # Errors
/// [`StoreError::Io`].
pub fn keep_copy(folder: &Path, snapshot: &Snapshot) -> Result<PathBuf, StoreError> {
    disk::create_folder(folder).map_err(|source| failed("make", folder, source))?;
    let text = snapshot.to_text("the copy")?;
    let number = format!("{}.{}", snapshot.folded.epoch, snapshot.folded.seq);
    let mut path = folder.join(format!("state-{number}.json"));
    for another in 2_u32.. {
        // The same copy twice is one.
        let known = disk::read(&path).map_err(|source| failed("read", &path, source))?;
        let made = || disk::create_new(&path, &text).map_err(|source| failed("write", &path, source));
        if known.as_deref() == Some(text.as_slice()) || (known.is_none() && made()?) {
            break;
        }
        path = folder.join(format!("state-{number}-{another}.json"));
    }
    Ok(path)
}

fn failed(doing: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Folded;

    fn snapshot(app: &str, seq: u64) -> Snapshot {
        let mut snapshot = Snapshot::empty(StackId {
            app: app.into(),
            stage: "dev".into(),
        });
        snapshot.folded = Folded { epoch: 3, seq };
        snapshot
    }

    #[test]
    fn a_copy_is_read_as_it_was_and_by_its_own_stack_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, one) = (folder.path().join("copy.json"), snapshot("shop", 7));
        write_copy(&path, &snapshot("shop", 6)).unwrap();
        write_copy(&path, &one).unwrap();
        assert_eq!(read_copy(&path, &one.stack).unwrap(), one);
        let other = read_copy(&path, &snapshot("store", 7).stack).unwrap_err();
        assert!(matches!(other, StoreError::OtherStack { .. }), "{other}");
        let missing = read_copy(&folder.path().join("none"), &one.stack).unwrap_err();
        assert!(missing.to_string().starts_with("could not read "), "{missing}");
    }

    #[test]
    fn no_copy_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let kept = |snapshot: &Snapshot| keep_copy(&folder.path().join("backups"), snapshot).unwrap();
        let (one, mut other) = (snapshot("shop", 7), snapshot("shop", 7));
        other.remember_projection(crate::digest::Digest::of(b"x"));
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(name(&kept(&one)), "state-3.7.json");
        assert_eq!(name(&kept(&other)), "state-3.7-2.json");
        assert_eq!(name(&kept(&one)), "state-3.7.json");
        assert_eq!(read_copy(&kept(&other), &other.stack).unwrap(), other);
    }
}
