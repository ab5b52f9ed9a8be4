//! The local cloud: an AWS emulator on this machine, for `--local`.
//!
//! It is MiniStack, a Python package, in an environment of our own in the user's cache ([`environment`]), run by a small
//! launcher that adds what MiniStack lacks ([`server`], `launcher.py`). Nothing but `python3` is needed, no Docker.
//!
//! One cloud a project and stage: its state lies beside the local record of that stage, so that deleting the folder
//! deletes both, two projects cannot disturb each other, and a cloud's account holds one stack only. The price is one
//! process (about 60 MB) for each stage in use.
//!
//! It outlives grail's process, and ends by itself when its folder is deleted. It keeps its port over restarts where the
//! port is free, because the port is part of every URL. What it holds is written down when it stops (`down`, SIGTERM, a
//! shutdown of the machine), not before: after a power cut it comes back as it was at its last orderly stop, and the next
//! deploy makes again what is missing.

use std::path::{Path, PathBuf};

use tokio::process::Command;

pub mod environment;
pub mod server;

use server::Server;

/// What the local cloud of one stage needs to know.
#[derive(Clone, Debug)]
pub struct LocalSettings {
    /// The folder in the user's cache that is grail's (`~/.cache/grail`). The emulator is installed under it, once.
    pub cache: PathBuf,
    /// The stage's local folder, `.chalice/grail/.local/<stage>`. The cloud keeps all that it has under `cloud/` in it.
    pub folder: PathBuf,
    /// The Python, 3.10 or later, in which the emulator runs: `python3`, or a path.
    pub python: PathBuf,
    /// The project's Python, which runs its functions. Without one they run in the emulator's. It may change while the
    /// cloud runs: functions that start from then on use the new one.
    pub function_python: Option<PathBuf>,
}

/// What is being done, where it takes long enough that a user should be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The emulator is being installed. Happens once for a machine and version; takes some 20 seconds.
    Installing {
        /// Where to.
        into: PathBuf,
    },
    /// The cloud is being started.
    Starting,
    /// A cloud that an older grail started is being stopped, to be started anew with all that it holds.
    Renewing,
}

/// A cloud that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Where the SDK sends its calls, `http://127.0.0.1:<port>`.
    pub endpoint_url: String,
    /// False if it ran already.
    pub started: bool,
    /// The port that it had before, where that is taken now: URLs with that port are no longer valid.
    pub moved_from: Option<u16>,
}

/// How the cloud is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It answers.
    Running {
        /// Its port on 127.0.0.1.
        port: u16,
        /// Its process.
        pid: u32,
    },
    /// Its process lives and does not answer: it is starting, stopping or stuck.
    Silent {
        /// Its process, where known.
        pid: Option<u32>,
    },
    /// It does not run.
    Stopped {
        /// True if it holds something that comes back when it is started.
        holds_state: bool,
    },
}

/// What stopping did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It did not run.
    WasNot,
    /// It wrote down what it holds and went.
    Orderly,
    /// It did not go by itself and was killed: what was deployed since its last orderly stop is lost to it.
    Killed,
}

/// Why there is no local cloud.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// There is no such Python.
    #[error("no Python at `{}`, and the local cloud runs in Python", python.display())]
    NoPython {
        /// What was tried.
        python: PathBuf,
    },
    /// The Python is older than the emulator allows.
    #[error("`{}` is Python {version}, and the local cloud needs 3.10 or later", python.display())]
    OldPython {
        /// Which Python.
        python: PathBuf,
        /// Its version.
        version: String,
    },
    /// The Python comes without its module `venv`, as Debian's does.
    #[error("`{}` cannot make virtual environments: its module `venv` is not installed", python.display())]
    NoVenv {
        /// Which Python.
        python: PathBuf,
    },
    /// A command that sets up the emulator failed.
    #[error("{doing} failed:\n{said}")]
    Install {
        /// What was being done.
        doing: String,
        /// The last lines of what the command printed.
        said: String,
    },
    /// The emulator ended, or never answered.
    #[error("the local cloud did not start ({why}); its log, {}, ends with:\n{said}", log.display())]
    Start {
        /// What was seen.
        why: &'static str,
        /// Where its log is.
        log: PathBuf,
        /// The last lines of it.
        said: String,
    },
    /// The process could not be ended.
    #[error("the local cloud (process {pid}) could not be stopped")]
    Stuck {
        /// Which process.
        pid: u32,
    },
    /// A file or folder could not be used.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// What was being attempted.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl LocalError {
    /// What a user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoPython { .. } | Self::OldPython { .. } => {
                Some("install Python 3.10 or later, so that `python3 --version` finds it".to_owned())
            }
            Self::NoVenv { .. } => Some(
                "install it (on Debian and Ubuntu: `apt install python3-venv`), or install `uv`, which does without".to_owned(),
            ),
            Self::Install { .. } => Some(
                "the packages come from your Python package index: check the network, and the settings of pip".to_owned(),
            ),
            Self::Start { .. } => Some("`grail local-cloud reset` starts with an empty one".to_owned()),
            Self::Stuck { pid } => Some(format!("end it with `kill -9 {pid}`")),
            Self::Io { .. } => None,
        }
    }

    fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

/// Starts, finds and stops the cloud of a stage. Every operation may be called by several processes at once.
#[derive(Clone, Copy, Debug)]
pub struct LocalCloud;

impl LocalCloud {
    /// Makes it run: installs the emulator if this machine has none yet, starts it if it does not run, waits until it
    /// answers. `note` hears what takes long.
    ///
    /// # Errors
    /// Where Python is missing or unfit, the emulator cannot be installed, or it does not start.
    pub async fn up(
        settings: &LocalSettings,
        note: &mut (dyn FnMut(Note) + Send),
    ) -> Result<Running, LocalError> {
        let server = Server::at(&settings.folder);
        let _alone = server.lock().await?;
        server.use_python(settings.function_python.as_deref())?;
        if let Some(answering) = server.answering().await {
            if server.is_current(&answering) {
                return Ok(running(answering.port, false, None));
            }
            note(Note::Renewing);
        }
        server.stop().await?;
        let python = environment::prepare(settings, note).await?;
        note(Note::Starting);
        let before = server.last_port();
        let port = server.start(&python).await?;
        Ok(running(port, true, before.filter(|before| *before != port)))
    }

    /// Stops it in order, so that what it holds is kept; kills it where it does not go.
    ///
    /// # Errors
    /// Where the process cannot be ended.
    pub async fn down(settings: &LocalSettings) -> Result<Stopped, LocalError> {
        let server = Server::at(&settings.folder);
        let _alone = server.lock().await?;
        server.stop().await
    }

    /// How it is. Changes nothing.
    pub async fn status(settings: &LocalSettings) -> Status {
        Server::at(&settings.folder).status().await
    }

    /// Stops it and forgets all that was deployed in it. The record of what was deployed is not the cloud's: with it in
    /// place the next deploy finds everything missing and makes it again.
    ///
    /// # Errors
    /// Where it cannot be stopped, or its files cannot be removed.
    pub async fn reset(settings: &LocalSettings) -> Result<Stopped, LocalError> {
        let server = Server::at(&settings.folder);
        let _alone = server.lock().await?;
        let stopped = server.stop().await?;
        server.wipe()?;
        Ok(stopped)
    }
}

fn running(port: u16, started: bool, moved_from: Option<u16>) -> Running {
    Running {
        port,
        endpoint_url: format!("http://127.0.0.1:{port}"),
        started,
        moved_from,
    }
}

/// Runs a command to its end and gives all that it printed; `None` if there is no such program.
async fn output(command: &mut Command) -> Result<Option<(bool, String)>, std::io::Error> {
    match command.stdin(std::process::Stdio::null()).output().await {
        Ok(out) => {
            let text = [out.stdout, out.stderr].concat();
            Ok(Some((
                out.status.success(),
                String::from_utf8_lossy(&text).into_owned(),
            )))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The last `count` lines of a text.
fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
