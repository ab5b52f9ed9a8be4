//! The environment of a command line, as a value.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

/// The environment variables with which tools are found and started. Tools see these and no others.
///
/// Values may be secrets (an index with a password, cloud credentials): `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Surroundings {
    variables: BTreeMap<OsString, OsString>,
}

impl Surroundings {
    /// Surroundings of these variables.
    pub fn new<K: Into<OsString>, V: Into<OsString>>(variables: impl IntoIterator<Item = (K, V)>) -> Self {
        Self {
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }

    /// The same surroundings with one variable more, or another value for it.
    #[must_use]
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The same surroundings without these variables.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        for name in names {
            self.variables.remove(OsStr::new(name));
        }
        self
    }

    /// A variable; one that is empty counts as unset.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// The active virtual environment.
    #[must_use]
    pub fn virtual_env(&self) -> Option<PathBuf> {
        self.get("VIRTUAL_ENV").map(PathBuf::from)
    }

    /// The first program of this name in an absolute folder of `PATH`.
    ///
    /// Relative folders are passed over: tools run in the project's folder, where they would mean another place.
    #[must_use]
    pub fn find_program(&self, name: &str) -> Option<PathBuf> {
        let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        std::env::split_paths(self.get("PATH")?)
            .filter(|dir| dir.is_absolute())
            .map(|dir| dir.join(&name))
            .find(|path| may_run(path))
    }

    /// A command that sees these variables only, reads nothing, and ends when it is dropped.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(&self.variables)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.variables.keys()).finish()
    }
}

#[cfg(unix)]
fn may_run(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn may_run(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests {
    use super::Surroundings;

    #[test]
    fn values_are_never_shown() {
        let surroundings = Surroundings::new([("PIP_INDEX_URL", "https://me:secret@example.org")]);
        assert_eq!(format!("{surroundings:?}"), r#"["PIP_INDEX_URL"]"#);
    }

    #[test]
    fn an_empty_variable_is_unset() {
        let surroundings = Surroundings::new([("VIRTUAL_ENV", "")]);
        assert_eq!(surroundings.virtual_env(), None);
        assert!(surroundings.with("VIRTUAL_ENV", "/x").virtual_env().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn programs_are_files_that_may_run_in_absolute_folders() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (dir.path().join("1"), dir.path().join("2"));
        for dir in [&first, &second] {
            std::fs::create_dir(dir).unwrap();
            std::fs::write(dir.join("tool"), "").unwrap();
        }
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(second.join("tool"), executable).unwrap();
        let path = std::env::join_paths([".".as_ref(), first.as_path(), second.as_path()]).unwrap();
        let surroundings = Surroundings::new([("PATH", path)]);
        assert_eq!(surroundings.find_program("tool"), Some(second.join("tool")));
        assert_eq!(surroundings.find_program("other"), None);
    }
}
