//! MiniStack: the local cloud that runs functions. Started under a guard that ends it, and all it started, with the test.

use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::{BETWEEN_TRIES, PATIENCE, answers, tail};
use crate::{ACCOUNT, REGION, python};

const GUARD: &str = include_str!("../python/guard.py");

/// How a MiniStack is started.
#[derive(Debug, Clone, Default)]
pub struct MiniStackSettings {
    /// A Python script that starts MiniStack; without one MiniStack's own program runs, which ignores the body of
    /// ImportRestApi.
    pub launcher: Option<PathBuf>,
    /// Where its state is kept from one start to the next; without it nothing is kept.
    pub state_dir: Option<PathBuf>,
}

/// A running MiniStack. Ends when dropped.
#[derive(Debug)]
pub struct MiniStack {
    guard: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl MiniStack {
    /// Starts MiniStack and waits until its health page answers.
    ///
    /// The port is one that the system just gave and took back; where another process takes it in between, MiniStack
    /// ends at once and the next port is tried.
    pub fn start(settings: &MiniStackSettings) -> MiniStack {
        for _ in 0..5 {
            let mut stack = MiniStack::launch(settings);
            if stack.wait() {
                return stack;
            }
            eprint_log(&stack);
        }
        panic!("MiniStack did not start on any of five ports; its logs are above");
    }

    /// Its address, `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port, for names such as `<api-id>.execute-api.localhost:<port>`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        tail(&self.folder.path().join("ministack.log"))
    }

    fn launch(settings: &MiniStackSettings) -> MiniStack {
        let folder = tempfile::tempdir().expect("creating a folder for MiniStack");
        let log =
            std::fs::File::create(folder.path().join("ministack.log")).expect("creating MiniStack's log");
        let errors = log.try_clone().expect("sharing MiniStack's log");
        let python = python::environment();
        let port = free_port();
        let program: Vec<OsString> = match &settings.launcher {
            Some(script) => vec![python.program("python").into(), script.into()],
            None => vec![python.program("ministack").into()],
        };
        let state = settings
            .state_dir
            .clone()
            .unwrap_or_else(|| folder.path().join("state"));
        let guard = Command::new(python.program("python"))
            .args(["-c", GUARD])
            .args(program)
            .current_dir(folder.path())
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("IOT_MTLS_ENABLED", "0")
            .env("MINISTACK_ACCOUNT_ID", ACCOUNT)
            .env("MINISTACK_REGION", REGION)
            .env(
                "PERSIST_STATE",
                if settings.state_dir.is_some() { "1" } else { "0" },
            )
            .env("STATE_DIR", state)
            .env("TMPDIR", folder.path())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .expect("starting MiniStack under its guard");
        MiniStack { guard, port, folder }
    }

    /// Waits for the health page; false where MiniStack ended instead.
    fn wait(&mut self) -> bool {
        let tries = PATIENCE.as_millis() / BETWEEN_TRIES.as_millis();
        for _ in 0..tries {
            if answers(self.port, "/_ministack/health") {
                return true;
            }
            if self.guard.try_wait().expect("asking after MiniStack").is_some() {
                return false;
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
        panic!("MiniStack runs but does not answer:\n{}", self.log_tail());
    }
}

impl Drop for MiniStack {
    fn drop(&mut self) {
        // The guard ends its whole group when its standard input closes.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("asking the system for a free port");
    listener.local_addr().expect("reading the free port").port()
}

#[expect(clippy::print_stderr, reason = "the test runner shows it with the failure")]
fn eprint_log(stack: &MiniStack) {
    eprintln!("MiniStack ended at once:\n{}", stack.log_tail());
}
