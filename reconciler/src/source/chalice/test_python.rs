//! A Python with the real Chalice, for the tests of this source.
//!
//! It lies in `<target>/test-python`, made once from `tests/requirements.txt` under a file lock, and is shared with the
//! scenario tests, which make it in the same way. A stamp named after the digest of the requirements is written last.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use super::app::App;
use super::config::{Overrides, ProjectConfig, StageConfig};
use super::probe::{DEFAULT_TIMEOUT, Environment, Request, probe};

const REQUIREMENTS: &str = include_str!("../../../../tests/requirements.txt");

/// The interpreter. Panics, with the reason, where it cannot be made: a test without it would show nothing.
pub(crate) fn python() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| made(&target())).clone()
}

/// Runs a Python script with `input` on its standard input; returns what it prints, as JSON.
pub(crate) fn run_json(script: &str, input: &serde_json::Value) -> serde_json::Value {
    use std::io::Write as _;
    let mut child = Command::new(python())
        .args(["-c", script])
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starting Python");
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    let text = input.to_string();
    let feeding = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("waiting for Python");
    feeding
        .join()
        .expect("feeding Python")
        .expect("writing to Python");
    assert!(output.status.success(), "the script failed: {}", output.status);
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}

fn target() -> PathBuf {
    let running = std::env::current_exe().expect("finding the running test");
    let marked = running
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file());
    marked.map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
        Path::to_path_buf,
    )
}

fn made(target: &Path) -> PathBuf {
    let lock = File::create(target.join("test-python.lock")).expect("making the lock of the test Python");
    lock.lock().expect("locking the test Python");
    let root = target.join("test-python");
    let python = root.join("bin/python");
    let stamp = root.join(format!(".ready-{}", hex::encode(Sha256::digest(REQUIREMENTS))));
    let works = || {
        Command::new(&python)
            .arg("--version")
            .output()
            .is_ok_and(|done| done.status.success())
    };
    if !(stamp.is_file() && works()) {
        if root.exists() {
            fs::remove_dir_all(&root).expect("removing the outdated test Python");
        }
        let venv =
            "making a virtual environment (Python 3.10 or newer; on Debian and Ubuntu also python3-venv)";
        run(Command::new("python3").args(["-m", "venv"]).arg(&root), venv);
        let list = root.join("requirements.txt");
        fs::write(&list, REQUIREMENTS).expect("writing the requirements");
        let pip = [
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--quiet",
            "-r",
        ];
        run(
            Command::new(&python).args(pip).arg(&list),
            "installing tests/requirements.txt with pip",
        );
        fs::write(&stamp, "").expect("writing the stamp of the test Python");
    }
    python
}

fn run(command: &mut Command, doing: &str) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{doing} failed: {error}"));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{doing} failed with {}:\n{words}",
        output.status
    );
}

/// The folder of the projects and sources that the tests read.
pub(crate) fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/source/chalice/testdata")
}

/// The stage `dev` of a configuration that is right.
pub(crate) fn stage_of(text: &str) -> StageConfig {
    ProjectConfig::parse(text)
        .unwrap()
        .stage("dev", &Overrides::default())
        .unwrap()
        .0
}

/// An app that registers nothing.
pub(crate) fn empty_app() -> App {
    serde_json::from_value(serde_json::json!({
        "chalice_version": "1.34.0",
        "chalice_files": {"app_py": "chalice/app.py", "init_py": "chalice/__init__.py"},
        "app_name": "title",
        "debug": false,
        "feature_flags": [],
        "features_used": [],
        "api": {"binary_types": ["image/png"], "cors": null},
        "routes": [],
        "authorizers": [],
        "functions": [],
        "event_sources": [],
        "websocket_handlers": [],
        "middleware": [],
        "registered_names": [],
        "policy": {"statements": [], "unsupported": [], "crash": null},
    }))
    .unwrap()
}

/// An environment with a path and without credentials, in which no app asks the machine for some.
pub(crate) fn environment() -> Environment {
    let variables = [
        ("PATH", "/usr/bin:/bin"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ];
    variables
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// Imports the app of a project as `stage` would be deployed.
pub(crate) async fn imported(project: &Path, stage: &str) -> (App, StageConfig) {
    let config = ProjectConfig::read(project)
        .unwrap()
        .stage(stage, &Overrides::default())
        .unwrap()
        .0;
    let (python, environment) = (python(), environment());
    let request = Request {
        python: &python,
        project,
        configured: &config.import_environment(),
        environment: &environment,
        timeout: DEFAULT_TIMEOUT,
    };
    let probed = probe(&request, None)
        .await
        .unwrap_or_else(|error| panic!("{}", error.problem()));
    (probed.app, config)
}
