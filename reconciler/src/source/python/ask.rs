//! Asking an interpreter about itself, in one start of it.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::tool::{Said, run};
use super::{Chalice, Origin, Python, PythonError, Surroundings, Version};

const QUESTION: &str = include_str!("ask.py");
/// Before the answer, since a `sitecustomize` may print too.
const MARK: &str = "grail-python:";

#[derive(Deserialize)]
struct Answer {
    version: (u32, u32, u32),
    executable: Option<PathBuf>,
    platform: String,
    base: PathBuf,
    venv: bool,
    pip: bool,
    chalice: Option<ChaliceAnswer>,
    broken: Option<String>,
}

#[derive(Deserialize)]
struct ChaliceAnswer {
    version: String,
    app_py: PathBuf,
    init_py: PathBuf,
}

/// Asks `executable` for everything in [`Python`]. It runs in the project's folder, where a version manager's shim
/// picks the version that the project names.
pub(super) async fn ask(
    executable: &Path,
    origin: Origin,
    project_dir: &Path,
    surroundings: &Surroundings,
) -> Result<Python, PythonError> {
    let mut command = surroundings.command(executable);
    command
        .arg("-c")
        .arg(QUESTION)
        .current_dir(project_dir)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let said = run(command).await.map_err(|source| PythonError::Start {
        executable: executable.to_owned(),
        source,
    })?;
    let mute = |source| PythonError::Mute {
        executable: executable.to_owned(),
        source,
    };
    if !said.success {
        return Err(mute(said.said()));
    }
    let line = said.stdout.lines().find_map(|line| line.strip_prefix(MARK));
    let answer: Answer = line
        .and_then(|line| serde_json::from_str(line).ok())
        .ok_or_else(|| mute(said.said()))?;
    let executable = answer
        .executable
        .filter(|path| path.is_absolute())
        .unwrap_or_else(|| executable.to_owned());
    if let Some(broken) = answer.broken {
        return Err(PythonError::BrokenChalice {
            executable,
            source: Said::new(&broken),
        });
    }
    let (major, minor, micro) = answer.version;
    let chalice = answer.chalice.map(|found| Chalice {
        version: found.version,
        app_py: found.app_py,
        init_py: found.init_py,
    });
    Ok(Python {
        executable,
        origin,
        version: Version { major, minor, micro },
        platform: answer.platform,
        base: answer.base,
        venv: answer.venv,
        pip: answer.pip,
        chalice,
    })
}
