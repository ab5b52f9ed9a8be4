//! What can go wrong while a package is built.

use std::io;
use std::path::PathBuf;

use grail_providers::package::{BadPath, FileError, WriteError};
use zip::result::ZipError;

use super::limit::Part;
use crate::source::python::{RequirementsError, Said};

/// A package could not be built.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The Python that was given has no `chalice`.
    #[error("{} has no chalice, whose runtime belongs into the package", .executable.display())]
    NoChalice {
        /// The interpreter.
        executable: PathBuf,
    },
    /// The project has no `app.py`.
    #[error("the project {} has no app.py", .project_dir.display())]
    NoApp {
        /// The project.
        project_dir: PathBuf,
    },
    /// A folder could not be listed or a file not read.
    #[error("reading {}", .path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A symbolic link points nowhere, or in a circle.
    #[error("following the link {}", .path.display())]
    Link {
        /// The link.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file name is no text, which a zip cannot hold.
    #[error("the name of {} is not valid UTF-8", .path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be part of a package.
    #[error(transparent)]
    File(#[from] FileError),
    /// A name inside a wheel cannot be part of a package.
    #[error(transparent)]
    Path(#[from] BadPath),
    /// The requirements could not be read.
    #[error(transparent)]
    Requirements(#[from] RequirementsError),
    /// pip is not there.
    #[error("{} has no pip, which fetches the requirements", .executable.display())]
    NoPip {
        /// The interpreter.
        executable: PathBuf,
    },
    /// pip could not be started.
    #[error("starting pip with {}", .executable.display())]
    Start {
        /// The interpreter.
        executable: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A requirement names a package or version that does not exist.
    #[error("no package satisfies the requirement {requirement}")]
    NoSuchPackage {
        /// The requirement, as pip tells it.
        requirement: String,
        /// What pip said.
        source: Said,
    },
    /// pip failed in another way.
    #[error("{what} with pip")]
    Pip {
        /// What it was doing.
        what: String,
        /// What it said.
        source: Said,
    },
    /// A wheel is broken.
    #[error("unzipping {wheel}")]
    Wheel {
        /// Its file name.
        wheel: String,
        /// Why.
        source: ZipError,
    },
    /// The package is larger than Lambda takes.
    #[error("the package is {} MiB unzipped, and Lambda takes {} MiB at most; its largest parts: {}", mib(*.size), mib(*.limit), parts(.largest))]
    TooBig {
        /// Its size in bytes.
        size: u64,
        /// Lambda's limit in bytes.
        limit: u64,
        /// What takes most of it, largest first.
        largest: Vec<Part>,
    },
    /// The zip could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The cache could not be read or written.
    #[error("keeping {} in the cache", .path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The building was stopped.
    #[error("building the package was stopped")]
    Interrupted,
}

/// Bytes as MiB with one decimal.
pub(super) fn mib(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10).div_ceil(1024 * 1024);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// `numpy 61.2 MiB, pandas 40.0 MiB`.
pub(super) fn parts(parts: &[Part]) -> String {
    let parts: Vec<String> = parts
        .iter()
        .map(|part| format!("{} {} MiB", part.name, mib(part.size)))
        .collect();
    parts.join(", ")
}

impl PackageError {
    /// What the user can do about it, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoChalice { .. } => "install chalice into the project's virtual environment",
            Self::NoApp { .. } => {
                "run this in the folder of a Chalice project, or name it with --project-dir"
            }
            Self::Link { .. } => "remove the link, or make it point to a file or folder that exists",
            Self::Name { .. } => "rename the file",
            Self::NoPip { executable, .. } => {
                return Some(format!("install it: {} -m ensurepip", executable.display()));
            }
            Self::NoSuchPackage { .. } => "correct the name or version in requirements.txt",
            Self::Pip { .. } => {
                "see what pip said; the same requirements must download with pip by hand (is the package index reachable?)"
            }
            Self::Wheel { .. } => "remove it from pip's cache (pip cache purge) and try again",
            Self::TooBig { .. } => {
                "leave out what Lambda has already (boto3, botocore), take smaller packages, or move parts into a layer"
            }
            Self::Requirements(error) => return error.hint(),
            Self::Write(WriteError::Changed { .. }) => "try again when nothing writes into the project",
            Self::Cache { .. } | Self::Write(_) => {
                "check that the cache can be written and the disk is not full"
            }
            Self::Read { .. } | Self::File(_) => "check that it can be read",
            Self::Path(_) | Self::Start { .. } | Self::Interrupted => return None,
        };
        Some(hint.to_owned())
    }
}
