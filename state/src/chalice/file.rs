//! The file on disk.
//!
//! Chalice truncates and writes; a crash leaves it half. We replace it whole, and keep its mode. What Chalice cannot read
//! either is never overwritten: the caller moves it aside first, under a name that Chalice does not look at.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Deployed, Found, ReadError, old};
use crate::digest::Digest;
use crate::disk::{self, Readers};
use crate::store::StoreError;

/// Reads `.chalice/deployed/<stage>.json`; `None` where there is none.
///
/// # Errors
/// As [`ReadError`] says.
pub fn load(path: &Path) -> Result<Option<Found>, ReadError> {
    read(path)?.map(|text| Found::parse(&text, path)).transpose()
}

/// Reads what `.chalice/deployed.json`, of Chalice before 1.2.0, says of a stage; `None` where there is none, or it does not
/// know the stage. To be asked only where the new file is missing.
///
/// # Errors
/// As [`ReadError`] says.
pub fn load_old(path: &Path, app: &str, stage: &str) -> Result<Option<Deployed>, ReadError> {
    match read(path)? {
        None => Ok(None),
        Some(text) => old::parse(&text, path, app, stage),
    }
}

/// Writes the file, durably and all at once, and gives the digest to remember. A file that says the same already is left
/// alone.
///
/// # Errors
/// [`StoreError::Io`].
pub fn write(path: &Path, deployed: &Deployed) -> Result<Digest, StoreError> {
    let failed = |source| StoreError::Io {
        doing: "write",
        path: path.to_owned(),
        source,
    };
    let text = deployed.text();
    let digest = Digest::of(text.as_bytes());
    if matches!(disk::read(path), Ok(Some(found)) if found == text.as_bytes()) {
        return Ok(digest);
    }
    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
    disk::replace(path, text.as_bytes(), Readers::AsBefore).map_err(failed)?;
    Ok(digest)
}

/// Takes the file away, durably. None there is as good.
///
/// # Errors
/// [`StoreError::Io`].
pub fn remove(path: &Path) -> Result<(), StoreError> {
    disk::remove(path).map_err(|source| StoreError::Io {
        doing: "remove",
        path: path.to_owned(),
        source,
    })
}

/// Renames a file that cannot be read to `<name>.corrupt-<n>`, and says what it is called now.
///
/// # Errors
/// [`StoreError::Io`].
pub fn keep_aside(path: &Path) -> Result<PathBuf, StoreError> {
    disk::set_aside(path).map_err(|source| StoreError::Io {
        doing: "rename",
        path: path.to_owned(),
        source,
    })
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, ReadError> {
    disk::read(path).map_err(|source| ReadError::Io {
        path: path.to_owned(),
        source,
    })
}
