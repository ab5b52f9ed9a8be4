//! The dependencies of a project, resolved once and kept until its requirements change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use grail_providers::package::{Bundle, Entry, FileDigest, Origin};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::fetch::{self, Fetched};
use super::shelf::{keep_newest, touch, write_whole};
use super::{PackageError, Request, Target, unpack};
use crate::source::python::{Lock, Notice, Requirements, Runtime, Tell};

/// How many resolved trees are kept. A removed one is resolved anew, and unpinned requirements may then differ.
const KEPT: usize = 64;

/// The files of all dependencies, and what could not be had.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) bundle: Bundle,
    /// `name==version`, sorted.
    pub(super) missing: Vec<String>,
    /// As in [`Fetched`].
    pub(super) older: Vec<(String, String)>,
}

/// What is kept beside the zip of a tree. Its file is written last, and without it the zip does not count.
#[derive(Serialize, Deserialize)]
struct Index {
    zip_size: u64,
    /// `name==version` of what is in it, for people.
    packages: Vec<String>,
    missing: Vec<String>,
    older: Vec<(String, String)>,
    files: Vec<(String, String, u64)>,
}

/// The dependencies for the target, from the cache or through pip. No tool runs where nothing is required.
pub(super) async fn dependencies(
    request: &Request<'_>,
    runtime: &Runtime,
    tell: Tell<'_>,
) -> Result<Tree, PackageError> {
    let requirements = Requirements::read(request.project_dir)?;
    if requirements.is_empty() {
        return Ok(Tree::default());
    }
    let dir = request.cache.join("trees");
    let key = key(request, runtime, &requirements);
    let zip = dir.join(format!("{key}.zip"));
    if let Some(tree) = kept(&zip) {
        return Ok(tree);
    }
    let lock = zip.with_extension("lock");
    let _lock = Lock::take(&lock, || {
        tell(Notice::WaitingForOther {
            what: "building the same requirements",
        })
    })
    .await
    .map_err(|source| PackageError::Cache {
        path: lock.clone(),
        source,
    })?;
    // Whoever held the lock may have built it.
    if let Some(tree) = kept(&zip) {
        return Ok(tree);
    }
    tell(Notice::BuildingDependencies {
        target: target_name(request.target, runtime),
    });
    let downloads = downloads(&dir, &key).map_err(|source| PackageError::Cache {
        path: dir.clone(),
        source,
    })?;
    let fetched = fetch::fetch(request, runtime, &requirements, downloads.path()).await?;
    tokio::task::spawn_blocking(move || {
        let tree = keep(&zip, fetched);
        drop(downloads);
        tree
    })
    .await
    .map_err(|_| PackageError::Interrupted)?
}

/// An empty folder for downloads. The lock is held, so others of this key were left by a process that was killed.
fn downloads(dir: &Path, key: &str) -> io::Result<TempDir> {
    let prefix = format!("{key}-downloads-");
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    tempfile::Builder::new().prefix(&prefix).tempdir_in(dir)
}

fn target_name(target: Target, runtime: &Runtime) -> String {
    match target {
        Target::Lambda(architecture) => format!("{} on {}", runtime.name, architecture.name()),
        Target::Host => "this machine".to_owned(),
    }
}

fn key(request: &Request<'_>, runtime: &Runtime, requirements: &Requirements) -> String {
    let target = match request.target {
        Target::Lambda(architecture) => format!("lambda {} {}", runtime.name, architecture.name()),
        Target::Host => format!("host {} {}", request.python.version, request.python.platform),
    };
    let mut sha = Sha256::new();
    for part in ["grail tree 1", &target, requirements.digest()] {
        sha.update(part);
        sha.update([0]);
    }
    let mut key = hex::encode(sha.finalize());
    key.truncate(24);
    key
}

/// The tree of which `zip` holds the files, if it is there and whole.
fn kept(zip: &Path) -> Option<Tree> {
    let index: Index = serde_json::from_slice(&fs::read(zip.with_extension("json")).ok()?).ok()?;
    if zip.metadata().ok()?.len() != index.zip_size {
        return None;
    }
    let mut bundle = Bundle::new();
    for (path, digest, size) in &index.files {
        let entry = Entry {
            origin: Origin::Packed {
                archive: zip.to_owned(),
                path: path.clone(),
            },
            executable: false,
            digest: FileDigest::from_hex(digest)?,
            size: *size,
        };
        bundle.insert(path, entry).ok()?;
    }
    touch(zip);
    Some(Tree {
        bundle,
        missing: index.missing,
        older: index.older,
    })
}

fn keep(zip: &Path, fetched: Fetched) -> Result<Tree, PackageError> {
    let bundle = unpack::unzip(&fetched.wheels)?;
    let bytes = bundle.zip()?;
    let index = Index {
        zip_size: bytes.len() as u64,
        packages: fetched.packages,
        missing: fetched.missing,
        older: fetched.older,
        files: bundle
            .iter()
            .map(|(path, entry)| (path.to_owned(), entry.digest.hex(), entry.size))
            .collect(),
    };
    let failed = |source| PackageError::Cache {
        path: PathBuf::from(zip),
        source,
    };
    write_whole(zip, &bytes).map_err(failed)?;
    let text = serde_json::to_vec(&index).map_err(|error| failed(error.into()))?;
    write_whole(&zip.with_extension("json"), &text).map_err(failed)?;
    if let Some(dir) = zip.parent() {
        keep_newest(dir, "zip", KEPT);
    }
    // From the cache also the first time: one way for the bytes to come, so one result.
    kept(zip).ok_or_else(|| failed(io::Error::other("it was removed meanwhile")))
}
