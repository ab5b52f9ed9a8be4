//! A sorted set of files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::content::{Content, FileDigest, Form, fold};
use super::is_litter;

/// The files of a package by their path in it. Paths use `/`, are relative, and hold no `.` or `..`.
///
/// Inserting a path again replaces it, so precedence is the order of insertion. [Litter](super::is_litter) is
/// dropped on the way in. Every file is hashed when it is inserted: asking for the content afterwards costs
/// nothing, and a file that changes between then and the writing of the zip is noticed.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    entries: BTreeMap<String, Entry>,
}

/// One file of a [`Bundle`].
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where its bytes are.
    pub origin: Origin,
    /// Whether it may be executed: mode 0755 instead of 0644.
    pub executable: bool,
    /// The digest of its bytes.
    pub digest: FileDigest,
    /// The number of its bytes.
    pub size: u64,
}

/// Where the bytes of an entry are.
#[derive(Clone, Debug)]
pub enum Origin {
    /// Here.
    Bytes(Vec<u8>),
    /// In a file that is read again when the zip is written.
    File(PathBuf),
    /// In a zip that a `Bundle` wrote; its compressed bytes are copied as they are.
    Packed {
        /// The zip.
        archive: PathBuf,
        /// The path in it.
        path: String,
    },
}

/// A path that no package may hold.
#[derive(Debug, thiserror::Error)]
#[error("a package cannot hold a file named {path:?}")]
pub struct BadPath {
    /// The path as it was given.
    pub path: String,
}

/// A file that could not be put into a bundle.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Its path in the package is impossible.
    #[error(transparent)]
    Path(#[from] BadPath),
    /// It could not be read.
    #[error("reading {}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Bundle {
    /// A bundle of no files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts `bytes` at `path`.
    ///
    /// # Errors
    /// [`BadPath`] when `path` is absolute, empty, or holds an empty part, `.`, `..` or a NUL.
    pub fn insert_bytes(&mut self, path: &str, bytes: Vec<u8>, executable: bool) -> Result<(), BadPath> {
        let entry = Entry {
            digest: FileDigest::of(&bytes),
            size: bytes.len() as u64,
            origin: Origin::Bytes(bytes),
            executable,
        };
        self.insert(path, entry)
    }

    /// Puts the contents of `file` at `path`. Whether it is executable is for the caller to say.
    ///
    /// # Errors
    /// [`FileError`] when the file cannot be read or the path is bad.
    pub fn insert_file(&mut self, path: &str, file: &Path, executable: bool) -> Result<(), FileError> {
        let read = |source| FileError::Read {
            file: file.to_owned(),
            source,
        };
        let mut open = File::open(file).map_err(read)?;
        let (digest, size) = FileDigest::of_reader(&mut open).map_err(read)?;
        let entry = Entry {
            origin: Origin::File(file.to_owned()),
            executable,
            digest,
            size,
        };
        Ok(self.insert(path, entry)?)
    }

    /// Puts an entry whose digest and size are known at `path`.
    ///
    /// # Errors
    /// [`BadPath`] as for [`Bundle::insert_bytes`].
    pub fn insert(&mut self, path: &str, entry: Entry) -> Result<(), BadPath> {
        let part = |part: &str| part.is_empty() || part == "." || part == ".." || part.contains('\0');
        if path.split('/').any(part) {
            return Err(BadPath {
                path: path.to_owned(),
            });
        }
        if !is_litter(path) {
            self.entries.insert(path.to_owned(), entry);
        }
        Ok(())
    }

    /// Puts all files of `other` into this bundle; where both have a path, `other` wins.
    pub fn overlay(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// The same files in the folder `folder`.
    ///
    /// # Errors
    /// [`BadPath`] when `folder` is no path that a package may hold.
    pub fn below(self, folder: &str) -> Result<Self, BadPath> {
        let mut moved = Self::new();
        for (path, entry) in self.entries {
            moved.insert(&format!("{folder}/{path}"), entry)?;
        }
        Ok(moved)
    }

    /// The entry at `path`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// All entries, sorted by the bytes of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// How many files there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no files.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The sum of the sizes of all files, in bytes: what Lambda counts against its limit of 250 MiB.
    #[must_use]
    pub fn unzipped_size(&self) -> u64 {
        self.entries.values().map(|entry| entry.size).sum()
    }

    /// The digest by which this bundle is compared with others.
    #[must_use]
    pub fn content(&self) -> Content {
        fold(
            self.iter()
                .map(|(path, entry)| (path, Form::executable(entry.executable), entry.digest)),
        )
    }
}
