//! What can go wrong with the project's Python.

use std::io;
use std::path::PathBuf;

use super::managed::{CHALICE_PIN, OLDEST};
use super::requirements::RequirementsError;
use super::tool::Said;
use super::{Runtime, Version};

/// The project's Python could not be found, asked or completed.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// There is no Python at all.
    #[error("found no Python for {}: no virtual environment is active, it has no .venv, and there is no python3 on the path", .project_dir.display())]
    NotFound {
        /// The project.
        project_dir: PathBuf,
    },
    /// It could not be started.
    #[error("starting {}", .executable.display())]
    Start {
        /// The interpreter or tool.
        executable: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It started but did not tell about itself.
    #[error("asking {} for its version", .executable.display())]
    Mute {
        /// The interpreter.
        executable: PathBuf,
        /// What it said instead.
        source: Said,
    },
    /// Its `chalice` is there but importing it fails.
    #[error("importing chalice with {}", .executable.display())]
    BrokenChalice {
        /// The interpreter.
        executable: PathBuf,
        /// The exception.
        source: Said,
    },
    /// It has no `chalice` and is too old for the one that would be installed.
    #[error("{} is Python {version}, which is too old for chalice {CHALICE_PIN}", .executable.display())]
    TooOld {
        /// The interpreter.
        executable: PathBuf,
        /// Its version.
        version: Version,
    },
    /// It cannot make virtual environments.
    #[error("{} cannot make a virtual environment: its modules venv or ensurepip are missing", .executable.display())]
    NoVenv {
        /// The interpreter.
        executable: PathBuf,
    },
    /// The virtual environment could not be made.
    #[error("making a virtual environment in {} with {tool}", .dir.display())]
    Make {
        /// `uv` or `venv`.
        tool: &'static str,
        /// Where.
        dir: PathBuf,
        /// What the tool said.
        source: Said,
    },
    /// `chalice` and the requirements could not be installed into it.
    #[error("installing chalice and the project's requirements with {tool}")]
    Install {
        /// `uv` or `pip`.
        tool: &'static str,
        /// What the tool said.
        source: Said,
    },
    /// Everything was installed, and still `chalice` is not there.
    #[error("the environment in {} has no chalice although it was installed", .dir.display())]
    NotInstalled {
        /// The environment.
        dir: PathBuf,
    },
    /// The requirements could not be read.
    #[error(transparent)]
    Requirements(#[from] RequirementsError),
    /// The cache could not be written.
    #[error("writing {}", .path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl PythonError {
    /// What the user can do about it, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let (major, minor) = OLDEST;
        Some(match self {
            Self::NotFound { .. } => format!(
                "install Python {major}.{minor} or newer (on Debian and Ubuntu: apt install python3), or activate the project's virtual environment"
            ),
            Self::Start { .. } | Self::Mute { .. } => {
                "check that this Python runs; another one is used when a virtual environment is active".to_owned()
            }
            Self::BrokenChalice { executable, .. } => {
                format!("install it anew: {} -m pip install --force-reinstall chalice", executable.display())
            }
            Self::TooOld { .. } => format!(
                "activate a virtual environment of Python {major}.{minor} or newer; Lambda runs {} at the oldest",
                Runtime::of(Version { major, minor, micro: 0 }).name
            ),
            Self::NoVenv { .. } => {
                "install the package python3-venv (on Debian and Ubuntu: apt install python3-venv), or install uv, or install chalice into this Python's virtual environment".to_owned()
            }
            Self::Install { .. } => {
                "see what was said above; the same requirements must install with pip by hand".to_owned()
            }
            Self::Requirements(error) => return error.hint(),
            Self::Cache { .. } | Self::Make { .. } => {
                "check that the folder can be written and the disk is not full".to_owned()
            }
            Self::NotInstalled { .. } => return None,
        })
    }
}
