//! The project's Python: which one it is, what it has, and the environment that is made where it lacks `chalice`.
//!
//! `app.py` is imported by the Python that its author uses, because only that one is sure to import it: the active
//! virtual environment, else the project's `.venv`, else `python3` on the path. The first that exists is taken; the
//! others are not tried, so that what is used can be told from the outside.
//!
//! Where that Python has no `chalice`, a *managed environment* is made in the user's cache: the project's
//! requirements, a pinned `chalice`, and the `boto3` that Lambda has. A fresh machine then needs only `python3`. Old managed environments are not
//! removed: another process may be running from one.
//!
//! Nothing here reads the environment of this process: it comes in as [`Surroundings`]. This module does not know
//! what is done with the Python.

use std::path::{Path, PathBuf};

mod ask;
mod error;
mod lock;
mod managed;
mod notice;
mod requirements;
mod runtime;
mod surroundings;
mod tool;

pub use error::PythonError;
pub use managed::CHALICE_PIN;
pub use notice::{Notice, Tell};
pub use requirements::{Requirements, RequirementsError};
pub use runtime::Runtime;
pub use surroundings::Surroundings;
pub use tool::Said;

pub(crate) use lock::Lock;
pub(crate) use requirements::normal_name;
pub(crate) use tool::{Answer, pip_command, run};

/// The version of a Python interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 3
    pub major: u32,
    /// 12
    pub minor: u32,
    /// 7
    pub micro: u32,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.micro)
    }
}

/// Why this interpreter was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The variable `VIRTUAL_ENV` names its environment.
    VirtualEnv,
    /// It is in the project's `.venv`.
    ProjectVenv,
    /// It is `python3` on the path.
    Path,
    /// It is in an environment that was made for the project.
    Managed,
}

/// An interpreter, and what it said about itself.
#[derive(Clone, Debug)]
pub struct Python {
    /// The program to start.
    pub executable: PathBuf,
    /// Why it was taken.
    pub origin: Origin,
    /// Its version.
    pub version: Version,
    /// Its `sysconfig.get_platform()`, such as `linux-x86_64`.
    pub platform: String,
    /// The installation below its environment, `sys.base_prefix`.
    pub base: PathBuf,
    /// Whether it can make virtual environments (Debian's cannot without the package `python3-venv`).
    pub venv: bool,
    /// Whether it has `pip`.
    pub pip: bool,
    /// Its `chalice`, if that can be imported.
    pub chalice: Option<Chalice>,
}

/// An installed `chalice`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chalice {
    /// `chalice.__version__`.
    pub version: String,
    /// `chalice/app.py`, half of the runtime that goes into every package.
    pub app_py: PathBuf,
    /// `chalice/__init__.py`, the other half.
    pub init_py: PathBuf,
}

impl Python {
    /// The Lambda runtime that Chalice would choose for this interpreter.
    #[must_use]
    pub fn runtime(&self) -> Runtime {
        Runtime::of(self.version)
    }
}

/// The project's Python with a `chalice` that can be imported: the project's own, or a managed environment in `cache`.
///
/// What takes time or is odd is told through `tell`.
///
/// # Errors
/// [`PythonError`] when there is no Python, it is too old to be given a `chalice`, its `chalice` is broken, or the
/// managed environment cannot be made.
pub async fn project_python(
    project_dir: &Path,
    surroundings: &Surroundings,
    cache: &Path,
    tell: Tell<'_>,
) -> Result<Python, PythonError> {
    let found = find(project_dir, surroundings, tell).await?;
    if found.chalice.is_some() {
        return Ok(found);
    }
    let (project_dir, cache) = (absolute(project_dir), absolute(cache));
    managed::environment(&found, &project_dir, surroundings, &cache, tell).await
}

/// The project's own Python, whether or not it has `chalice`.
///
/// # Errors
/// [`PythonError`] when there is none, it cannot be asked, or its `chalice` is installed but broken.
pub async fn find(
    project_dir: &Path,
    surroundings: &Surroundings,
    tell: Tell<'_>,
) -> Result<Python, PythonError> {
    let project_dir = absolute(project_dir);
    let (executable, origin) = locate(&project_dir, surroundings, tell)?;
    ask::ask(&executable, origin, &project_dir, surroundings).await
}

/// Tools run in the project's folder, where a relative path would mean another place.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn locate(
    project_dir: &Path,
    surroundings: &Surroundings,
    tell: Tell<'_>,
) -> Result<(PathBuf, Origin), PythonError> {
    if let Some(dir) = surroundings.virtual_env().map(|dir| absolute(&dir)) {
        match interpreter_in(&dir) {
            Some(executable) => return Ok((executable, Origin::VirtualEnv)),
            None => tell(Notice::EmptyVirtualEnv { dir }),
        }
    }
    if let Some(executable) = interpreter_in(&project_dir.join(".venv")) {
        return Ok((executable, Origin::ProjectVenv));
    }
    match surroundings.find_program("python3") {
        Some(executable) => Ok((executable, Origin::Path)),
        None => Err(PythonError::NotFound {
            project_dir: project_dir.to_owned(),
        }),
    }
}

/// The interpreter of the virtual environment at `dir`, on either family of systems.
fn interpreter_in(dir: &Path) -> Option<PathBuf> {
    ["bin/python3", "bin/python", "Scripts/python.exe"]
        .iter()
        .map(|place| dir.join(place))
        .find(|path| path.is_file())
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
