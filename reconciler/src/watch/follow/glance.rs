//! How followed files look at one moment, to be compared with another: for file systems that notify nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::scope::Scope;

/// Every path that counts, with what shows that it has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Glance(BTreeMap<PathBuf, Stamp>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stamp {
    Folder,
    File {
        size: u64,
        modified: Option<SystemTime>,
        /// Which file it is and who may run it, where the system says so.
        identity: (u64, u32),
    },
}

impl Glance {
    pub(super) fn of(scope: &Scope) -> Self {
        let mut seen = BTreeMap::new();
        let mut look = |path: &Path| {
            if let Ok(metadata) = std::fs::metadata(path) {
                seen.insert(path.to_path_buf(), Stamp::of(&metadata));
            }
        };
        scope.files.iter().for_each(|file| look(file));
        for folder in &scope.folders {
            let entries = std::fs::read_dir(folder).into_iter().flatten();
            let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
            paths
                .filter(|path| scope.holds(path))
                .for_each(|path| look(&path));
        }
        Self(seen)
    }

    /// The paths that are not as they were.
    pub(super) fn differing(&self, before: &Self) -> BTreeSet<PathBuf> {
        let paths = self.0.keys().chain(before.0.keys());
        paths
            .filter(|path| self.0.get(*path) != before.0.get(*path))
            .cloned()
            .collect()
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        if metadata.is_dir() {
            // What is in it counts by itself; its own time changes with every cache that is written into it.
            return Self::Folder;
        }
        Self::File {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            identity: identity(metadata),
        }
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> (u64, u32) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.ino(), metadata.mode())
}

#[cfg(not(unix))]
fn identity(_metadata: &Metadata) -> (u64, u32) {
    (0, 0)
}
