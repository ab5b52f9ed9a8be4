//! Bytes by digest: packages, and old code that a way back needs.
//!
//! Content addressing makes keeping idempotent and damage visible: bytes are checked against their name when they are read.
//! What is no longer needed is taken away by [`Artifacts::sweep`], which is told what to keep; this file does not know who
//! needs what, only how a document names an artifact ([`named_in`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::digest::Digest;
use crate::disk::{self, Readers};

/// Why bytes could not be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The operating system refused.
    #[error("could not {doing} the artifact {digest}")]
    Io {
        /// What was being attempted.
        doing: &'static str,
        /// Which artifact.
        digest: Digest,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
    /// The bytes that were kept are no longer those of the digest.
    #[error("the artifact {digest} is damaged")]
    Damaged {
        /// Which artifact.
        digest: Digest,
    },
    /// The folder of artifacts could not be looked through.
    #[error("could not look through the artifacts in {folder}", folder = folder.display())]
    Folder {
        /// Which folder.
        folder: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
}

/// A store of bytes under their SHA-256.
pub trait Artifacts: Send + Sync {
    /// Keeps `bytes`; keeping the same bytes twice is one artifact. Durable when it returns.
    ///
    /// # Errors
    /// Where they could not be written.
    fn put(&self, bytes: &[u8]) -> Result<Digest, ArtifactError>;

    /// The bytes of `digest`, if they are kept.
    ///
    /// # Errors
    /// Where they could not be read, or are damaged.
    fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ArtifactError>;

    /// Deletes every artifact whose digest is not in `keep`, and says how many. What is no artifact stays.
    ///
    /// # Errors
    /// Where they could not be looked through, or one not deleted.
    fn sweep(&self, keep: &BTreeSet<Digest>) -> Result<usize, ArtifactError>;
}

/// Adds to `digests` every SHA-256 that `value` names anywhere, in hexadecimal or (as Lambda tells it) in base64.
///
/// What is no name of an artifact and only looks like one does no harm: it keeps something a little longer.
pub fn named_in(value: &Value, digests: &mut BTreeSet<Digest>) {
    match value {
        Value::String(text) => {
            let words = text.split(|letter: char| !letter.is_ascii_hexdigit());
            let digest = |word: &str| Digest(word.to_ascii_lowercase());
            digests.extend(words.map(digest).filter(is_well_formed));
            digests.extend(of_base64(text));
        }
        Value::Array(items) => items.iter().for_each(|item| named_in(item, digests)),
        Value::Object(fields) => fields.values().for_each(|item| named_in(item, digests)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn of_base64(text: &str) -> Option<Digest> {
    let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == 32)?;
    Some(Digest(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// Artifacts in a folder of this machine, as `<first two digits>/<digest>`, of mode 0600.
#[derive(Clone, Debug)]
pub struct DirArtifacts {
    folder: PathBuf,
}

impl DirArtifacts {
    /// The artifacts in `folder`, which is made when the first of them is kept.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Every digest that has a file.
    fn kept(&self) -> io::Result<Vec<Digest>> {
        let mut digests = Vec::new();
        for shelf in names_in(&self.folder)? {
            if shelf.len() != 2 {
                continue;
            }
            for name in names_in(&self.folder.join(&shelf))? {
                let digest = Digest(name);
                if is_well_formed(&digest) && digest.0.starts_with(&shelf) {
                    digests.push(digest);
                }
            }
        }
        Ok(digests)
    }

    /// Where the artifact lies; `None` for a text that is no digest, which must not become a path.
    fn path(&self, digest: &Digest) -> Option<PathBuf> {
        let shelf = digest.0.get(..2)?;
        is_well_formed(digest).then(|| self.folder.join(shelf).join(&digest.0))
    }
}

impl Artifacts for DirArtifacts {
    fn put(&self, bytes: &[u8]) -> Result<Digest, ArtifactError> {
        let digest = Digest::of(bytes);
        // What is there and sound stays; what is there and damaged is healed.
        if matches!(self.get(&digest), Ok(Some(_))) {
            return Ok(digest);
        }
        let written = self.path(&digest).map_or(Ok(()), |path| {
            path.parent().map_or(Ok(()), disk::create_folder)?;
            disk::replace(&path, bytes, Readers::Owner)
        });
        match written {
            Ok(()) => Ok(digest),
            Err(source) => Err(ArtifactError::Io {
                doing: "keep",
                digest,
                source,
            }),
        }
    }

    fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ArtifactError> {
        let Some(path) = self.path(digest) else {
            return Ok(None);
        };
        let bytes = disk::read(&path).map_err(|source| ArtifactError::Io {
            doing: "read",
            digest: digest.clone(),
            source,
        })?;
        match bytes {
            Some(bytes) if Digest::of(&bytes) != *digest => Err(ArtifactError::Damaged {
                digest: digest.clone(),
            }),
            other => Ok(other),
        }
    }

    fn sweep(&self, keep: &BTreeSet<Digest>) -> Result<usize, ArtifactError> {
        let unreadable = |source| ArtifactError::Folder {
            folder: self.folder.clone(),
            source,
        };
        let mut swept = 0;
        for digest in self.kept().map_err(unreadable)? {
            if keep.contains(&digest) {
                continue;
            }
            let Some(path) = self.path(&digest) else { continue };
            fs::remove_file(path).map_err(|source| ArtifactError::Io {
                doing: "delete",
                digest,
                source,
            })?;
            swept += 1;
        }
        Ok(swept)
    }
}

fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

fn is_well_formed(digest: &Digest) -> bool {
    digest.0.len() == 64 && digest.0.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A store to look at without writing to it: what is put stays in memory, above what is kept below.
#[derive(Debug)]
pub struct Unwritten<A> {
    below: A,
    above: MemoryArtifacts,
}

impl<A> Unwritten<A> {
    /// The store `below`, which stays as it is.
    pub fn above(below: A) -> Self {
        Self {
            below,
            above: MemoryArtifacts::default(),
        }
    }
}

impl<A: Artifacts> Artifacts for Unwritten<A> {
    fn put(&self, bytes: &[u8]) -> Result<Digest, ArtifactError> {
        self.above.put(bytes)
    }

    fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ArtifactError> {
        match self.above.get(digest)? {
            Some(bytes) => Ok(Some(bytes)),
            None => self.below.get(digest),
        }
    }

    fn sweep(&self, keep: &BTreeSet<Digest>) -> Result<usize, ArtifactError> {
        self.above.sweep(keep)
    }
}

/// Artifacts in memory, for tests and dry runs. Clones share what they hold.
#[derive(Clone, Debug, Default)]
pub struct MemoryArtifacts {
    kept: Arc<Mutex<BTreeMap<Digest, Vec<u8>>>>,
}

impl MemoryArtifacts {
    /// The digests of all that is kept.
    pub fn digests(&self) -> BTreeSet<Digest> {
        self.with(|kept| kept.keys().cloned().collect())
    }

    fn with<R>(&self, f: impl FnOnce(&mut BTreeMap<Digest, Vec<u8>>) -> R) -> R {
        f(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Artifacts for MemoryArtifacts {
    fn put(&self, bytes: &[u8]) -> Result<Digest, ArtifactError> {
        let digest = Digest::of(bytes);
        self.with(|kept| kept.insert(digest.clone(), bytes.to_vec()));
        Ok(digest)
    }

    fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ArtifactError> {
        Ok(self.with(|kept| kept.get(digest).cloned()))
    }

    fn sweep(&self, keep: &BTreeSet<Digest>) -> Result<usize, ArtifactError> {
        Ok(self.with(|kept| {
            let before = kept.len();
            kept.retain(|digest, _| keep.contains(digest));
            before - kept.len()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(artifacts: &dyn Artifacts) {
        let digest = artifacts.put(b"zip").unwrap();
        assert_eq!(artifacts.put(b"zip").unwrap(), digest);
        assert_eq!(digest, Digest::of(b"zip"));
        assert_eq!(artifacts.get(&digest).unwrap().unwrap(), b"zip");
        assert_eq!(artifacts.get(&Digest::of(b"other")).unwrap(), None);
        let empty = artifacts.put(b"").unwrap();
        assert_eq!(artifacts.get(&empty).unwrap().unwrap(), b"");
    }

    #[test]
    fn bytes_are_had_again_by_their_digest() {
        let folder = tempfile::tempdir().unwrap();
        check(&DirArtifacts::new(folder.path().join("artifacts")));
        check(&MemoryArtifacts::default());
    }

    #[test]
    fn damage_is_seen_and_healed_by_keeping_again() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = DirArtifacts::new(folder.path());
        let digest = artifacts.put(b"zip").unwrap();
        fs::write(artifacts.path(&digest).unwrap(), b"zap").unwrap();
        assert!(matches!(
            artifacts.get(&digest),
            Err(ArtifactError::Damaged { .. })
        ));
        artifacts.put(b"zip").unwrap();
        assert_eq!(artifacts.get(&digest).unwrap().unwrap(), b"zip");
    }

    #[test]
    fn a_text_that_is_no_digest_leads_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = DirArtifacts::new(folder.path().join("in"));
        fs::write(folder.path().join("secret"), "x").unwrap();
        for text in ["../secret", "", "é", "..", &"A".repeat(64)] {
            assert_eq!(artifacts.get(&Digest(text.to_owned())).unwrap(), None);
        }
    }

    #[test]
    fn a_sweep_keeps_what_it_is_told_and_what_it_does_not_know() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = DirArtifacts::new(folder.path());
        assert_eq!(
            DirArtifacts::new(folder.path().join("none"))
                .sweep(&BTreeSet::new())
                .unwrap(),
            0
        );
        let kept = artifacts.put(b"kept").unwrap();
        let gone = artifacts.put(b"gone").unwrap();
        fs::write(folder.path().join("README"), "").unwrap();
        assert_eq!(artifacts.sweep(&BTreeSet::from([kept.clone()])).unwrap(), 1);
        assert!(artifacts.get(&kept).unwrap().is_some() && artifacts.get(&gone).unwrap().is_none());
        assert!(folder.path().join("README").exists());
    }

    #[test]
    fn documents_name_artifacts_in_their_ways() {
        let (one, two, three) = (Digest::of(b"1"), Digest::of(b"2"), Digest::of(b"3"));
        let sha = ["3", "x"].map(|text| STANDARD.encode(hex(&Digest::of(text.as_bytes()))));
        let document = serde_json::json!({
            "code": {"artifact": one.0, "size": 7},
            "baseline": [format!("whole:{}", two.0), null, true],
            "code_sha256": sha[0],
            "no": ["abc", one.0[1..], format!("{}0", one.0), &sha[1][1..]],
        });
        let mut named = BTreeSet::new();
        named_in(&document, &mut named);
        assert_eq!(named, BTreeSet::from([one, two, three]));
    }

    fn hex(digest: &Digest) -> Vec<u8> {
        let byte = |at: usize| u8::from_str_radix(&digest.0[2 * at..2 * at + 2], 16).unwrap();
        (0..32).map(byte).collect()
    }

    #[test]
    fn an_unwritable_folder_is_named_by_its_artifact() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = DirArtifacts::new(&file).put(b"zip").unwrap_err();
        assert!(
            matches!(error, ArtifactError::Io { doing: "keep", .. }),
            "{error:?}"
        );
    }

    #[test]
    fn what_is_put_above_a_store_stays_out_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let below = DirArtifacts::new(folder.path().join("artifacts"));
        let kept = below.put(b"kept").unwrap();
        let view = Unwritten::above(below.clone());
        let put = view.put(b"put").unwrap();
        assert_eq!(view.get(&kept).unwrap().unwrap(), b"kept");
        assert_eq!(view.get(&put).unwrap().unwrap(), b"put");
        assert_eq!(below.get(&put).unwrap(), None);
    }
}
