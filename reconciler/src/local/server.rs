//! The emulator's process: started apart from ours, found again by a lock and a nonce, stopped through its own door.
//!
//! Files in `cloud/`: `alive`, which the process holds locked while it lives (a lock cannot be stale, as a process number
//! can); `cloud.json`, in which it says its port and a nonce; `lock`, which serialises those who start and stop it; `python`,
//! the interpreter for functions; `state/`, `s3/`, `tmp/`, `log`, `launcher.py`.
//!
//! What answers on the port is ours if it knows the nonce at `/_grail/<nonce>`; a POST there stops it in order. A page in a
//! browser cannot, for it does not know the nonce.

use std::fs::TryLockError;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use grail_state::Digest;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::environment::lock_file;
use super::{LocalError, Status, Stopped, last_lines};

/// The program that runs the emulator.
pub(super) const LAUNCHER: &str = include_str!("launcher.py");

/// A start takes half a second, on a busy machine a few.
const START: Duration = Duration::from_secs(60);
/// Writing down some hundred megabytes of state takes seconds.
const STOP: Duration = Duration::from_secs(20);
const ANSWER: Duration = Duration::from_secs(5);
const BEAT: Duration = Duration::from_millis(25);

/// Who and where the process says it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Cloud {
    pid: u32,
    pub(super) port: u16,
    nonce: String,
    edition: String,
}

impl Cloud {
    /// True if it runs the launcher of this grail.
    pub(super) fn is_current(&self) -> bool {
        self.edition == edition()
    }
}

/// The process of one stage, running or not.
pub(super) struct Server {
    dir: PathBuf,
}

impl Server {
    pub(super) fn at(folder: &Path) -> Self {
        Self {
            dir: folder.join("cloud"),
        }
    }

    /// Keeps others from starting or stopping it meanwhile.
    pub(super) async fn lock(&self) -> Result<std::fs::File, LocalError> {
        std::fs::create_dir_all(&self.dir).map_err(LocalError::io("make the folder", &self.dir))?;
        lock_file(&self.dir.join("lock")).await
    }

    /// Says which Python runs the functions that start from now on.
    pub(super) fn use_python(&self, python: Option<&Path>) -> Result<(), LocalError> {
        let path = self.dir.join("python");
        let text = python
            .map(|python| python.to_string_lossy().into_owned())
            .unwrap_or_default();
        write_if_new(&path, &text)
    }

    /// The process, if it answers.
    pub(super) async fn answering(&self) -> Option<Cloud> {
        let cloud = self.cloud()?;
        ask(&cloud, "GET").await.then_some(cloud)
    }

    pub(super) async fn status(&self) -> Status {
        if let Some(cloud) = self.answering().await {
            return Status::Running {
                port: cloud.port,
                pid: cloud.pid,
            };
        }
        if self.is_alive() {
            return Status::Silent {
                pid: self.cloud().map(|cloud| cloud.pid),
            };
        }
        let state = std::fs::read_dir(self.dir.join("state"));
        Status::Stopped {
            holds_state: state.is_ok_and(|mut files| files.next().is_some()),
        }
    }

    /// The port that it has or had.
    pub(super) fn last_port(&self) -> Option<u16> {
        self.cloud().map(|cloud| cloud.port)
    }

    /// Starts it and waits until it answers. Gives its port.
    pub(super) async fn start(&self, python: &Path) -> Result<u16, LocalError> {
        let launcher = self.dir.join("launcher.py");
        write_if_new(&launcher, LAUNCHER)?;
        let mut child = self.spawn(python, &launcher)?;
        let until = Instant::now() + START;
        loop {
            if let Some(cloud) = self.answering().await
                && Some(cloud.pid) == child.id()
            {
                return Ok(cloud.port);
            }
            if !matches!(child.try_wait(), Ok(None)) {
                return Err(self.failed("it ended"));
            }
            if Instant::now() > until {
                // Best effort: what is reported is that it did not answer.
                let _ = child.kill().await;
                return Err(self.failed("it did not answer in a minute"));
            }
            sleep(BEAT).await;
        }
    }

    /// Stops it in order, else by force. Nothing to do is fine.
    pub(super) async fn stop(&self) -> Result<Stopped, LocalError> {
        if !self.is_alive() {
            return Ok(Stopped::WasNot);
        }
        let cloud = self.cloud();
        if let Some(cloud) = &cloud
            && ask(cloud, "POST").await
            && self.gone_within(STOP).await
        {
            return Ok(Stopped::Orderly);
        }
        // It may just be starting, or going.
        if self.gone_within(ANSWER).await {
            return Ok(Stopped::Orderly);
        }
        let Some(Cloud { pid, .. }) = cloud.or_else(|| self.cloud()) else {
            return Err(self.failed("another one is starting and does not get on"));
        };
        // The lock is held, so the process that wrote `cloud.json` under it lives: the number is not somebody else's.
        let killed = Command::new("kill")
            .args(["-KILL", &pid.to_string()])
            .status()
            .await;
        if killed.is_ok_and(|status| status.success()) && self.gone_within(ANSWER).await {
            return Ok(Stopped::Killed);
        }
        Err(LocalError::Stuck { pid })
    }

    /// Forgets all that was deployed; the port is kept in mind.
    pub(super) fn wipe(&self) -> Result<(), LocalError> {
        for name in ["state", "s3", "tmp"] {
            let path = self.dir.join(name);
            match std::fs::remove_dir_all(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(LocalError::io("remove", &path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn spawn(&self, python: &Path, launcher: &Path) -> Result<Child, LocalError> {
        let log = self.dir.join("log");
        let out = std::fs::File::create(&log).map_err(LocalError::io("write", &log))?;
        let err = out.try_clone().map_err(LocalError::io("write", &log))?;
        // `-I`: the user's PYTHONPATH and packages must not reach it. Its environment it cleans itself.
        Command::new(python)
            .arg("-I")
            .arg(launcher)
            .arg(&self.dir)
            .arg(self.last_port().unwrap_or(0).to_string())
            .arg(edition())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(LocalError::io("run", python))
    }

    fn failed(&self, why: &'static str) -> LocalError {
        let log = self.dir.join("log");
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        LocalError::Start {
            why,
            said: last_lines(&said, 12),
            log,
        }
    }

    fn cloud(&self) -> Option<Cloud> {
        let text = std::fs::read_to_string(self.dir.join("cloud.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// True if a process holds the lock. A moment's own hold does not disturb a start: the launcher tries for a second.
    fn is_alive(&self) -> bool {
        let Ok(file) = std::fs::File::open(self.dir.join("alive")) else {
            return false;
        };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    async fn gone_within(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        while self.is_alive() {
            if Instant::now() > until {
                return false;
            }
            sleep(BEAT).await;
        }
        true
    }
}

fn edition() -> String {
    Digest::of(LAUNCHER.as_bytes()).short().to_owned()
}

fn write_if_new(path: &Path, text: &str) -> Result<(), LocalError> {
    if std::fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    std::fs::write(path, text).map_err(LocalError::io("write", path))
}

/// True if what listens on the port knows the nonce. One small request needs no HTTP client.
async fn ask(cloud: &Cloud, method: &str) -> bool {
    let said = timeout(ANSWER, exchange(cloud, method)).await;
    matches!(said, Ok(Ok(text)) if text.starts_with("HTTP/1.1 200"))
}

async fn exchange(cloud: &Cloud, method: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", cloud.port)).await?;
    let request = format!(
        "{method} /_grail/{} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        cloud.nonce
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
