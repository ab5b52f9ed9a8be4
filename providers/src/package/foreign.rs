//! Reading the content digest off a zip that somebody else wrote.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek};

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use super::content::{Content, FileDigest, Form, fold};
use super::is_litter;

/// How much of a foreign zip is read before it is given up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Entries in its directory.
    pub entries: usize,
    /// Bytes of all entries together, unzipped.
    pub unzipped: u64,
}

impl Default for Limits {
    /// Four times what Lambda takes unzipped (250 MiB), and far more files than that holds.
    fn default() -> Self {
        Self {
            entries: 500_000,
            unzipped: 4 * 250 * 1024 * 1024,
        }
    }
}

/// A zip whose content cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum ForeignZip {
    /// It is no zip, or a broken one.
    #[error("reading a package that was made elsewhere")]
    Broken(#[source] ZipError),
    /// One of its entries cannot be read.
    #[error("reading {path} in a package that was made elsewhere")]
    Entry {
        /// The entry's name, as far as it can be told.
        path: String,
        /// Why.
        source: ZipError,
    },
    /// It holds more than the [`Limits`] allow.
    #[error("a package that was made elsewhere holds more than {limit} {what}")]
    TooBig {
        /// The limit that it passed.
        limit: u64,
        /// What is counted.
        what: &'static str,
    },
}

/// The content digest of a zip, whoever wrote it: equal to [`Bundle::content`](super::Bundle::content) of a bundle of the same files.
///
/// Where a name occurs twice the last one counts, as it does for Lambda. Directories do not count. Nothing is
/// written to disk, so a name that points outside is only a name.
///
/// # Errors
/// [`ForeignZip`] when it is no zip, an entry is broken, encrypted or compressed in an unknown way, or it is larger
/// than `limits`. It never panics and never reads past the limits.
pub fn content_of_zip(reader: impl Read + Seek, limits: Limits) -> Result<Content, ForeignZip> {
    let mut archive = ZipArchive::new(reader).map_err(ForeignZip::Broken)?;
    if archive.len() > limits.entries {
        return Err(ForeignZip::TooBig {
            limit: limits.entries as u64,
            what: "entries",
        });
    }
    let mut files = BTreeMap::new();
    let mut left = limits.unzipped;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(|source| ForeignZip::Entry {
            path: format!("entry {index}"),
            source,
        })?;
        let Some(path) = counted_path(&file)? else {
            continue;
        };
        let form = form(&file);
        let failed = |error: io::Error| ForeignZip::Entry {
            path: path.clone(),
            source: error.into(),
        };
        // One byte more than allowed is enough to see that it is too much; the declared size is not believed.
        let (digest, size) =
            FileDigest::of_reader(&mut (&mut file).take(left.saturating_add(1))).map_err(failed)?;
        left = left.checked_sub(size).ok_or(ForeignZip::TooBig {
            limit: limits.unzipped,
            what: "bytes",
        })?;
        files.insert(path, (form, digest));
    }
    Ok(fold(
        files
            .iter()
            .map(|(path, (form, digest))| (path.as_str(), *form, *digest)),
    ))
}

/// The path under which an entry counts; `None` for directories and litter.
fn counted_path<R: Read>(file: &ZipFile<'_, R>) -> Result<Option<String>, ForeignZip> {
    let name = file.name().map_err(|source| ForeignZip::Entry {
        path: String::from_utf8_lossy(file.name_raw()).into_owned(),
        source,
    })?;
    if file.is_dir() {
        return Ok(None);
    }
    // `zip` of a directory named `.` writes such names; Lambda unpacks them to the same place.
    let mut path = name.as_ref();
    while let Some(rest) = path.strip_prefix("./") {
        path = rest;
    }
    Ok((!is_litter(path)).then(|| path.to_owned()))
}

fn form<R: Read>(file: &ZipFile<'_, R>) -> Form {
    if file.is_symlink() {
        return Form::Link;
    }
    Form::executable(file.unix_mode().is_some_and(|mode| mode & 0o111 != 0))
}
