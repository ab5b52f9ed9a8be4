//! moto: the independent control plane, a server for each test, forked from one process that has moto loaded.
//!
//! What moto cannot do (section 5 of its notes in the proxy's [`crate::proxy`] module) is made up for by the proxy, not here:
//! a server started here is moto as published.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::process::{Pid, Signal, kill_process};

use super::{answers, tail};
use crate::python;

const SCRIPT: &str = include_str!("../python/moto_servers.py");

/// A moto server with an empty account. Ends when dropped.
#[derive(Debug)]
pub struct Moto {
    pid: u32,
    port: u16,
    folder: tempfile::TempDir,
    is_twin: bool,
}

impl Moto {
    /// Starts a server and waits until it answers.
    pub fn start() -> Moto {
        let folder = tempfile::tempdir().expect("creating a folder for moto's log");
        let (pid, port) = servers().start(&log_in(folder.path()));
        Moto::ready(pid, port, folder, false)
    }

    /// A server of its own with everything that is in this one's account, ids included, and which will give the same ids to
    /// the same requests. Nothing may be asked of this one meanwhile.
    #[must_use]
    pub fn twin(&self) -> Moto {
        let folder = tempfile::tempdir().expect("creating a folder for moto's log");
        let log = log_in(self.folder.path()).with_extension("log.twins");
        let mut asking = UnixStream::connect(log).expect("asking a moto server for a copy");
        writeln!(asking, "{}", log_in(folder.path()).display()).expect("asking a moto server for a copy");
        let mut answer = String::new();
        let heard = BufReader::new(asking).read_line(&mut answer);
        heard.expect("hearing from a moto server about its copy");
        let (pid, port) = pid_and_port(&answer);
        Moto::ready(pid, port, folder, true)
    }

    fn ready(pid: u32, port: u16, folder: tempfile::TempDir, is_twin: bool) -> Moto {
        let moto = Moto {
            pid,
            port,
            folder,
            is_twin,
        };
        assert!(
            // The page of all that is there fails once there is something that it cannot write.
            answers(port, "/moto-api/config"),
            "moto does not answer:\n{}",
            moto.log_tail()
        );
        moto
    }

    /// The server's address, `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The last lines of the server's log.
    pub fn log_tail(&self) -> String {
        tail(&log_in(self.folder.path()))
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let path = python::target_dir().join(format!("moto-{}.log", self.pid));
            let _ = std::fs::copy(log_in(self.folder.path()), path);
        }
        if self.is_twin {
            let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
            // Its own server leaves it to the system to clear it away.
            let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
        } else {
            servers().stop(self.pid);
        }
    }
}

/// `PID PORT`, as a server's beginning is told.
fn pid_and_port(answer: &str) -> (u32, u16) {
    let parsed = answer
        .trim_end()
        .split_once(' ')
        .and_then(|(pid, port)| Some((pid.parse().ok()?, port.parse().ok()?)));
    parsed.unwrap_or_else(|| panic!("no moto server was started: {answer:?}"))
}

fn log_in(folder: &Path) -> PathBuf {
    folder.join("moto.log")
}

/// The process that has moto loaded. It ends when this process ends, because its standard input closes then.
struct Servers {
    _process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

fn servers() -> MutexGuard<'static, Servers> {
    static SERVERS: OnceLock<Mutex<Servers>> = OnceLock::new();
    SERVERS
        .get_or_init(|| Mutex::new(Servers::launch()))
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

impl Servers {
    fn launch() -> Servers {
        let mut process = Command::new(python::environment().program("python"))
            .args(["-c", SCRIPT])
            .env_remove("MOTO_ACCOUNT_ID")
            // Certificates are issued at once: what nobody waited for cannot be waited for.
            .env("MOTO_ACM_VALIDATION_WAIT", "-1")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starting the process that forks moto servers");
        let commands = process.stdin.take().expect("its standard input is a pipe");
        let answers = BufReader::new(process.stdout.take().expect("its standard output is a pipe"));
        let mut servers = Servers {
            _process: process,
            commands,
            answers,
        };
        assert_eq!(
            servers.answer(),
            "ready",
            "the process that forks moto servers did not start"
        );
        servers
    }

    fn start(&mut self, log: &Path) -> (u32, u16) {
        pid_and_port(&self.ask(&format!("start {}", log.display())))
    }

    fn stop(&mut self, pid: u32) {
        self.ask(&format!("stop {pid}"));
    }

    fn ask(&mut self, command: &str) -> String {
        writeln!(self.commands, "{command}").expect("asking the process that forks moto servers");
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .expect("hearing from the process that forks moto servers");
        line.trim_end().to_owned()
    }
}
