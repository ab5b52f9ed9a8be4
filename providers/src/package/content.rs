//! The digest by which two packages are compared.

use std::fmt;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// First bytes of every content digest, so that another way of counting can never give the same digest.
const FORM: &[u8] = b"grail package content 1\n";

/// What a package contains, as a digest of its sorted (path, executable, bytes); 64 lower-case hex digits.
///
/// Equal digests mean equal files. Times, owners, the other permission bits, the order of a zip and how it was
/// compressed do not count, and neither does [litter](super::is_litter).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Content(String);

impl Content {
    /// The digest as 64 lower-case hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 of the bytes of one file.
///
/// The content of a package is a digest over these, so that the part of a package that did not change (its
/// dependencies) need not be read again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileDigest([u8; 32]);

impl FileDigest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of everything that `reader` gives, and how many bytes that was.
    ///
    /// # Errors
    /// What the reader fails with.
    pub fn of_reader(reader: &mut impl Read) -> io::Result<(Self, u64)> {
        let mut sha = Sha256::new();
        let size = io::copy(reader, &mut sha)?;
        Ok((Self(sha.finalize().into()), size))
    }

    /// The digest as 64 lower-case hex digits.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Reads what [`FileDigest::hex`] wrote; `None` for anything else.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).ok()?;
        Some(Self(digest))
    }
}

impl fmt::Debug for FileDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

/// What a zip entry is, as far as a function can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Executable,
    /// A symbolic link in a foreign zip; its bytes are its target. Ours never hold one.
    Link,
}

impl Form {
    pub(super) fn executable(yes: bool) -> Self {
        if yes { Self::Executable } else { Self::Plain }
    }
}

/// Folds `files`, sorted by path and without litter, into the digest of a package.
pub(super) fn fold<'a>(files: impl Iterator<Item = (&'a str, Form, FileDigest)>) -> Content {
    let mut sha = Sha256::new();
    sha.update(FORM);
    for (path, form, digest) in files {
        // The length keeps ("ab", "c...") apart from ("a", "bc...").
        sha.update((path.len() as u64).to_le_bytes());
        sha.update(path.as_bytes());
        sha.update([match form {
            Form::Plain => 0,
            Form::Executable => 1,
            Form::Link => 2,
        }]);
        sha.update(digest.0);
    }
    Content(hex::encode(sha.finalize()))
}
