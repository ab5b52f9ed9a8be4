//! Writing the zip of a bundle.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Seek, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter};

use super::bundle::{Bundle, Entry, Origin};
use super::content::FileDigest;

/// A zip could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file of the bundle could not be read again.
    #[error("reading {} for the package", .file.display())]
    Read {
        /// The file, or the zip that holds it.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what it was when the bundle was made.
    #[error("{} changed while it was being packed", .file.display())]
    Changed {
        /// The file.
        file: PathBuf,
    },
    /// A zip from which entries are copied is not one that a bundle wrote.
    #[error("copying {path} from {}", .archive.display())]
    Packed {
        /// The zip.
        archive: PathBuf,
        /// The entry.
        path: String,
        /// Why.
        source: ZipError,
    },
    /// The zip itself could not be written.
    #[error("writing {path} into the package")]
    Write {
        /// The entry.
        path: String,
        /// Why.
        source: ZipError,
    },
    /// The end of the zip could not be written.
    #[error("finishing the package")]
    Finish(#[source] ZipError),
}

/// SHA-256 of the bytes of a zip: names an upload. Not for comparing code, see [`Content`](super::Content).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZipDigest([u8; 32]);

impl ZipDigest {
    /// The digest of a zip's bytes.
    #[must_use]
    pub fn of(zip: &[u8]) -> Self {
        Self(Sha256::digest(zip).into())
    }

    /// 64 lower-case hex digits.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// The form in which Lambda tells it as `CodeSha256`: standard base64 with padding.
    #[must_use]
    pub fn base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads what [`ZipDigest::hex`] wrote; `None` for anything else.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).ok()?;
        Some(Self(digest))
    }
}

impl Bundle {
    /// The zip of this bundle, in memory. The same bytes for the same content, on any machine.
    ///
    /// # Errors
    /// [`WriteError`] when a file cannot be read again or is no longer what it was.
    pub fn zip(&self) -> Result<Vec<u8>, WriteError> {
        let mut out = io::Cursor::new(Vec::new());
        self.write_zip(&mut out)?;
        Ok(out.into_inner())
    }

    /// Writes the zip of this bundle to `out`.
    ///
    /// # Errors
    /// [`WriteError`] when a file cannot be read again, is no longer what it was, or `out` fails.
    pub fn write_zip(&self, out: impl Write + Seek) -> Result<(), WriteError> {
        let mut zip = ZipWriter::new(out);
        let mut packed = PackedZips::default();
        for (path, entry) in self.iter() {
            match &entry.origin {
                Origin::Bytes(bytes) => write_entry(&mut zip, path, entry.executable, bytes)?,
                Origin::File(file) => {
                    write_entry(&mut zip, path, entry.executable, &read_again(file, entry)?)?;
                }
                Origin::Packed { archive, path: from } => {
                    packed.copy((archive, from), path, entry, &mut zip)?;
                }
            }
        }
        zip.finish().map_err(WriteError::Finish)?;
        Ok(())
    }
}

/// The metadata of every entry. Nothing here may depend on the machine.
fn options(executable: bool) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(6))
        .last_modified_time(DateTime::default())
        .system(System::Unix)
        .unix_permissions(if executable { 0o755 } else { 0o644 })
}

fn write_entry(
    zip: &mut ZipWriter<impl Write + Seek>,
    path: &str,
    executable: bool,
    bytes: &[u8],
) -> Result<(), WriteError> {
    let failed = |source| WriteError::Write {
        path: path.to_owned(),
        source,
    };
    zip.start_file(path, options(executable)).map_err(failed)?;
    zip.write_all(bytes).map_err(|error| failed(error.into()))
}

fn read_again(file: &Path, entry: &Entry) -> Result<Vec<u8>, WriteError> {
    let bytes = fs::read(file).map_err(|source| WriteError::Read {
        file: file.to_owned(),
        source,
    })?;
    if FileDigest::of(&bytes) == entry.digest {
        Ok(bytes)
    } else {
        Err(WriteError::Changed {
            file: file.to_owned(),
        })
    }
}

/// The zips from which entries are copied, each opened once.
#[derive(Default)]
struct PackedZips(BTreeMap<PathBuf, ZipArchive<BufReader<File>>>);

impl PackedZips {
    /// Copies the file `from` of a zip to `path`.
    fn copy(
        &mut self,
        (archive, from): (&Path, &str),
        path: &str,
        entry: &Entry,
        zip: &mut ZipWriter<impl Write + Seek>,
    ) -> Result<(), WriteError> {
        let failed = |source| WriteError::Packed {
            archive: archive.to_owned(),
            path: from.to_owned(),
            source,
        };
        if !self.0.contains_key(archive) {
            let open = File::open(archive).map_err(|source| WriteError::Read {
                file: archive.to_owned(),
                source,
            })?;
            let opened = ZipArchive::new(BufReader::new(open)).map_err(failed)?;
            self.0.insert(archive.to_owned(), opened);
        }
        let Some(open) = self.0.get_mut(archive) else {
            return Err(failed(ZipError::FileNotFound));
        };
        let file = open.by_name(from).map_err(failed)?;
        if file.size() != entry.size {
            return Err(WriteError::Changed {
                file: archive.to_owned(),
            });
        }
        zip.raw_copy_file_rename(file, path)
            .map_err(|source| WriteError::Write {
                path: path.to_owned(),
                source,
            })
    }
}
