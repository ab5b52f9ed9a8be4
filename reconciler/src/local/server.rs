//! The emulator's process: started apart from ours, found again by a lock and a nonce, stopped through its own door.
//!
//! Files in `cloud/`: `alive`, which the process holds locked while it lives (a lock cannot be stale, as a process number
//! can); `cloud.json`, in which it says its port and a nonce; `lock`, which serialises those who start and stop it; `python`,
//! the interpreter for functions; `state/`, `s3/`, `tmp/`, `log`, `launcher.py`.
//!
//! What answers on the port is ours if it knows the nonce at `/_grail/<nonce>`; a POST there stops it in order. A page in a
//! browser cannot, for it does not know the nonce.

use std::fs::{DirBuilder, TryLockError};
use std::os::unix::fs::DirBuilderExt;
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

/// The process of one stage, running or not.
pub(super) struct Server {
    dir: PathBuf,
    launcher: &'static str,
    /// How long an orderly stop may take: writing down some hundred megabytes of state takes seconds.
    patience: Duration,
}

impl Server {
    pub(super) fn at(folder: &Path) -> Self {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        Self {
            dir: folder.join("cloud"),
            launcher: LAUNCHER,
            patience: Duration::from_secs(20),
        }
    }

    /// True if the process runs the launcher of this grail.
    pub(super) fn is_current(&self, cloud: &Cloud) -> bool {
        cloud.edition == self.edition()
    }

    /// Keeps others from starting or stopping it meanwhile.
    pub(super) async fn lock(&self) -> Result<std::fs::File, LocalError> {
        let parent = self.dir.parent().unwrap_or(&self.dir);
        std::fs::create_dir_all(parent).map_err(LocalError::io("make the folder", parent))?;
        // The emulator keeps the functions' environment variables as they are.
        match DirBuilder::new().mode(0o700).create(&self.dir) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(LocalError::io("make the folder", &self.dir)(error));
            }
            _ => {}
        }
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
        write_if_new(&launcher, self.launcher)?;
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
            && self.gone_within(self.patience).await
        {
            return Ok(Stopped::Orderly);
        }
        let Some(Cloud { pid, .. }) = cloud else {
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
            .arg(self.edition())
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(LocalError::io("run", python))
    }

    fn edition(&self) -> String {
        Digest::of(self.launcher.as_bytes()).short().to_owned()
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

fn write_if_new(path: &Path, text: &str) -> Result<(), LocalError> {
    if std::fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    std::fs::write(path, text).map_err(LocalError::io("write", path))
}

/// True if what listens on the port knows the nonce. One small request needs no HTTP client.
async fn ask(cloud: &Cloud, method: &str) -> bool {
    let said = timeout(ANSWER, exchange(cloud, method)).await;
    matches!(said, Ok(Ok(text)) if text.split(' ').nth(1) == Some("200"))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A stand-in for the emulator that needs no package: it keeps a number of starts as its state, and writes it down only
    /// when it is stopped in order. Port 1 as the preferred one stands for a port that is taken.
    const FAKE: &str = r#"
import fcntl, http.server, json, os, sys
folder, preferred, edition = sys.argv[1], int(sys.argv[2]), sys.argv[3]
os.setsid()
alive = open(os.path.join(folder, "alive"), "w")
fcntl.flock(alive, fcntl.LOCK_EX)
state = os.path.join(folder, "state")
os.makedirs(state, exist_ok=True)
mode = open(os.path.join(folder, "python")).read()
if mode == "broken":
    sys.exit("no such module")
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.path == "/_grail/secret"
        self.send_response(200 if known else 404)
        self.end_headers()
        if known and self.command == "POST" and mode != "deaf":
            open(os.path.join(state, "kept.json"), "a").write("x")
            os._exit(0)
    do_POST = do_GET
    def log_message(self, *args): pass
http.server.HTTPServer.allow_reuse_address = True
try:
    server = http.server.HTTPServer(("127.0.0.1", preferred), Answers)
except OSError:
    server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
record = os.path.join(folder, "cloud.json")
with open(record + ".new", "w") as file:
    json.dump({"pid": os.getpid(), "port": server.server_port, "nonce": "secret", "edition": edition}, file)
os.replace(record + ".new", record)
server.serve_forever()
"#;

    fn fake(folder: &Path) -> Server {
        let dir = folder.join("cloud");
        std::fs::create_dir_all(&dir).unwrap();
        let patience = Duration::from_millis(300);
        Server {
            dir,
            launcher: FAKE,
            patience,
        }
    }

    fn python() -> PathBuf {
        PathBuf::from("python3")
    }

    #[tokio::test]
    async fn what_stops_in_order_comes_back_on_its_port() {
        let folder = tempfile::tempdir().unwrap();
        let server = fake(folder.path());
        server.use_python(None).unwrap();
        assert_eq!(server.status().await, Status::Stopped { holds_state: false });
        assert_eq!(server.stop().await.unwrap(), Stopped::WasNot);

        let port = server.start(&python()).await.unwrap();
        let found = server.answering().await.unwrap();
        assert!(server.is_current(&found) && found.port == port);
        assert_eq!(server.status().await, Status::Running { port, pid: found.pid });

        assert_eq!(server.stop().await.unwrap(), Stopped::Orderly);
        assert_eq!(server.status().await, Status::Stopped { holds_state: true });
        assert_eq!(server.start(&python()).await.unwrap(), port);
        assert_eq!(server.stop().await.unwrap(), Stopped::Orderly);
        assert_eq!(
            std::fs::read_to_string(server.dir.join("state/kept.json")).unwrap(),
            "xx"
        );

        server.wipe().unwrap();
        assert_eq!(server.status().await, Status::Stopped { holds_state: false });
        assert_eq!(server.last_port(), Some(port));
    }

    #[tokio::test]
    async fn a_taken_port_is_given_up_and_a_stranger_on_it_is_not_taken_for_ours() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, other) = (fake(&folder.path().join("a")), fake(&folder.path().join("b")));
        for server in [&ours, &other] {
            server.use_python(None).unwrap();
        }
        let port = other.start(&python()).await.unwrap();
        let left_behind = Cloud {
            nonce: "another".to_owned(),
            ..other.cloud().unwrap()
        };
        let text = format!(
            r#"{{"pid": 1, "port": {port}, "nonce": "{}", "edition": "old"}}"#,
            left_behind.nonce
        );
        std::fs::write(ours.dir.join("cloud.json"), text).unwrap();
        assert_eq!(ours.status().await, Status::Stopped { holds_state: false });
        assert_ne!(ours.start(&python()).await.unwrap(), port);
        for server in [ours, other] {
            assert_eq!(server.stop().await.unwrap(), Stopped::Orderly);
        }
    }

    #[tokio::test]
    async fn a_start_that_fails_shows_the_end_of_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let server = fake(folder.path());
        server.use_python(Some(Path::new("broken"))).unwrap();
        let error = server.start(&python()).await.unwrap_err();
        assert!(error.to_string().ends_with("no such module"), "{error}");
        assert!(matches!(error, LocalError::Start { why: "it ended", .. }));
    }

    #[tokio::test]
    async fn one_that_does_not_stop_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let server = fake(folder.path());
        server.use_python(Some(Path::new("deaf"))).unwrap();
        server.start(&python()).await.unwrap();
        assert_eq!(server.stop().await.unwrap(), Stopped::Killed);
        assert_eq!(server.stop().await.unwrap(), Stopped::WasNot);
    }

    #[tokio::test]
    async fn two_who_start_it_wait_for_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let server = fake(folder.path());
        let held = server.lock().await.unwrap();
        let waiting = tokio::time::timeout(Duration::from_millis(50), server.lock()).await;
        assert!(waiting.is_err());
        drop(held);
        server.lock().await.unwrap();
    }
}
