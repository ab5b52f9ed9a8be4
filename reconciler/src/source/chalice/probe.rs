//! Imports `app.py` with the project's own Python and learns what it registers.
//!
//! A script (`probe.py`) runs in a child process and writes one JSON document into a private folder, because an app may print
//! while it is imported. Chalice's own objects are asked, so the answer is exact by construction; the price is a Python
//! process. An answer can be kept and used again while everything that the import read is the same ([`Cache`]).
//!
//! The child gets its configuration through standard input, so that no secret lies in a file or in the list of processes. It
//! runs in a process group of its own, which is ended as a whole when time runs out or the caller goes away. What it does not
//! know: a process that leaves its group, and an import whose outcome hangs on the clock or on chance.

mod answer;
mod cache;
mod failure;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;

use self::answer::{Answer, Outcome, Read};
pub use self::cache::Cache;
pub use self::failure::{AppFailure, Cause, FailureKind, Frame, ProbeError};
use super::app::App;
use crate::source::child::Group;

/// The script that the child runs: its parts, and last the one that begins.
pub(crate) const SCRIPT: &str = concat!(
    include_str!("probe/notes.py"),
    include_str!("probe/sites.py"),
    include_str!("probe/dump.py"),
    include_str!("probe/analyse.py"),
    include_str!("probe.py"),
);
/// Time for an import where nothing else is asked for. Apps that open connections while they are imported take seconds.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);

/// The variables of a process's environment.
pub type Environment = BTreeMap<OsString, OsString>;

/// What to import, and how.
#[derive(Clone)]
pub struct Request<'a> {
    /// The interpreter itself (not a shim that picks one).
    pub python: &'a Path,
    /// The project's folder.
    pub project: &'a Path,
    /// The environment variables of the configuration, which the app sees while it is imported.
    pub configured: &'a BTreeMap<String, String>,
    /// The environment of the process.
    pub environment: &'a Environment,
    /// Time for the whole import.
    pub timeout: Duration,
}

/// What an import told.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// What the app registers.
    pub app: App,
    /// The version of the interpreter.
    pub python: (u32, u32, u32),
    /// The interpreter, as it names itself.
    pub executable: PathBuf,
    /// What the app printed, with configured values hidden; empty for a kept answer.
    pub said: String,
    /// Whether this is a kept answer.
    pub kept: bool,
}

/// Imports the app, or finds the kept answer of an earlier import that still holds.
///
/// # Errors
/// See [`ProbeError`]. A failure is never kept.
pub async fn probe(request: &Request<'_>, cache: Option<&Cache>) -> Result<Probed, ProbeError> {
    if !request.project.join("app.py").is_file() {
        return Err(ProbeError::NoAppFile);
    }
    if let Some(answer) = cache.and_then(|cache| cache.find(request)) {
        return Ok(probed(answer.0, String::new(), true, answer.1));
    }
    let run = run(request).await?;
    let said = failure::hide(&run.said, request.configured);
    let facts = Facts {
        python: run.answer.python,
        executable: run.answer.executable,
    };
    match run.answer.outcome {
        Outcome::App { app, read } => {
            if let Some(cache) = cache {
                cache.keep(request, &facts, &app, &read);
            }
            Ok(probed(*app, said, false, facts))
        }
        Outcome::Error { error } => Err(failure::classify(*error, said, request)),
    }
}

/// What an answer says about the interpreter.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Facts {
    python: (u32, u32, u32),
    executable: PathBuf,
}

fn probed(app: App, said: String, kept: bool, facts: Facts) -> Probed {
    Probed {
        app,
        python: facts.python,
        executable: facts.executable,
        said,
        kept,
    }
}

struct Run {
    answer: Answer,
    said: String,
}

async fn run(request: &Request<'_>) -> Result<Run, ProbeError> {
    let folder = tempfile::Builder::new()
        .prefix("grail-probe-")
        .tempdir()
        .map_err(ProbeError::Folder)?;
    let script = folder.path().join("probe.py");
    std::fs::write(&script, SCRIPT).map_err(ProbeError::Folder)?;
    let answer = folder.path().join("answer.json");
    let trace = folder.path().join("trace.txt");
    let asked = json!({
        "project": request.project,
        "environment": request.configured,
        "answer": answer,
        // A little before the end, so that it can still be written.
        "hang": {"after": request.timeout.as_secs_f64() * 0.9, "file": trace},
    });
    let mut child = start(request, &script)?;
    let finished = tokio::time::timeout(request.timeout, child.converse(asked.to_string())).await;
    let Ok(finished) = finished else {
        child.end();
        let text = std::fs::read_to_string(&trace).unwrap_or_default();
        let frames = failure::frames_of_trace(&text, request.project);
        return Err(ProbeError::TimedOut {
            after: request.timeout,
            frames,
        });
    };
    let (status, said) = finished.map_err(|source| ProbeError::Start {
        python: request.python.to_path_buf(),
        source,
    })?;
    let Ok(text) = std::fs::read_to_string(&answer) else {
        return Err(ProbeError::Died {
            status,
            said: failure::hide(&said, request.configured),
        });
    };
    let answer: Answer = serde_json::from_str(&text).map_err(ProbeError::Garbled)?;
    Ok(Run { answer, said })
}

/// The child that imports.
fn start(request: &Request<'_>, script: &Path) -> Result<Group, ProbeError> {
    let mut command = Command::new(request.python);
    command
        .arg(script)
        .current_dir(request.project)
        .env_clear()
        .envs(request.environment)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONIOENCODING", "utf-8:backslashreplace")
        .env("AWS_CHALICE_CLI_MODE", "true");
    Group::start(&mut command).map_err(|source| ProbeError::Start {
        python: request.python.to_path_buf(),
        source,
    })
}

#[cfg(test)]
mod tests;
