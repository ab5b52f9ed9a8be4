//! The virtual environment of the tests: the real Chalice, moto and MiniStack, installed once under the target directory.
//!
//! It is built by whichever test comes first, under a file lock, from `tests/requirements.txt`. A stamp that names the digest
//! of that file is written last: an environment without the right stamp is built anew, so an interrupted build is never used.
//! (A virtual environment cannot be built aside and renamed: its scripts name their own folder.)

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

const REQUIREMENTS: &str = include_str!("../requirements.txt");
/// The oldest Python that Chalice 1.34 and moto 5.2 both support.
const OLDEST: (u32, u32) = (3, 10);

/// The test environment's folders and programs.
#[derive(Debug, Clone)]
pub struct Python {
    root: PathBuf,
}

impl Python {
    /// The environment's own folder, for `VIRTUAL_ENV`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of its programs.
    pub fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// A program of the environment: `python`, `chalice`, `ministack`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin().join(name)
    }
}

/// The test environment, made first where it is missing or outdated.
///
/// # Panics
/// Where `python3` is missing or too old, has no `venv`, or `pip` cannot install; the message says which.
pub fn environment() -> &'static Python {
    static PYTHON: OnceLock<Python> = OnceLock::new();
    PYTHON.get_or_init(|| prepare(&target_dir()))
}

/// The workspace's target directory: the one that holds the running test, else `target` beside the packages.
pub fn target_dir() -> PathBuf {
    let running = std::env::current_exe().expect("finding the running test's own file");
    let marked = running
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file());
    match marked {
        Some(folder) => folder.to_path_buf(),
        None => repository().join("target"),
    }
}

/// The root of the repository that the tests were built from.
pub fn repository() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .map_or_else(|| tests.to_path_buf(), Path::to_path_buf)
}

fn prepare(target: &Path) -> Python {
    fs::create_dir_all(target).expect("creating the target directory");
    let lock = File::create(target.join("test-python.lock"))
        .expect("creating the lock file of the test environment");
    lock.lock().expect("locking the test environment");
    let root = target.join("test-python");
    let stamp = root.join(format!(".ready-{}", hex::encode(Sha256::digest(REQUIREMENTS))));
    // The interpreter may have gone since: the environment only links to it.
    let works = || succeeds(Command::new(root.join("bin/python")).arg("--version"));
    if !(stamp.is_file() && works()) {
        build(&root);
        fs::write(&stamp, "").expect("writing the stamp of the test environment");
    }
    Python { root }
}

fn build(root: &Path) {
    let version = version_of("python3");
    assert!(
        version >= OLDEST,
        "the tests need Python {}.{} or newer; `python3` here is {}.{}",
        OLDEST.0,
        OLDEST.1,
        version.0,
        version.1
    );
    if root.exists() {
        fs::remove_dir_all(root).expect("removing the outdated test environment");
    }
    run(
        Command::new("python3").args(["-m", "venv"]).arg(root),
        "making a virtual environment for the tests (on Debian and Ubuntu this needs the package python3-venv)",
    );
    let requirements = root.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS).expect("writing the requirements of the tests");
    run(
        Command::new(root.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--disable-pip-version-check",
                "--no-input",
                "--quiet",
                "-r",
            ])
            .arg(&requirements),
        "installing the test tools of tests/requirements.txt with pip (this needs a package index)",
    );
}

fn version_of(python: &str) -> (u32, u32) {
    let script = "import sys; print(sys.version_info[0], sys.version_info[1])";
    let output = match Command::new(python).args(["-c", script]).output() {
        Ok(output) => output,
        Err(error) => {
            panic!("the tests run the real Chalice and two emulators, and need `{python}` on PATH: {error}")
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().filter_map(|number| number.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) => (major, minor),
        _ => panic!(
            "`{python}` does not tell its version: {}",
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

fn run(command: &mut Command, doing: &str) {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => panic!("{doing} failed: {error}"),
    };
    assert!(
        output.status.success(),
        "{doing} failed with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
