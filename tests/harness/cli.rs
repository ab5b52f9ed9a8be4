//! Runs programs the way a user would, with an environment in which nothing of this machine shows.
//!
//! [`Grail`] is the program under test. [`Program`] is what it and [`crate::chalice`] share.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::project::Project;
use crate::{DUMMY_KEY, REGION, python};

/// What a run left behind.
#[derive(Debug, Clone)]
pub struct Run {
    /// The command line, for messages.
    pub command: String,
    /// Exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Run {
    /// Fails unless the run ended with this code.
    pub fn expect_code(self, code: i32) -> Run {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Fails unless the run ended with code 0.
    pub fn expect_success(self) -> Run {
        self.expect_code(0)
    }

    /// Standard output as one JSON value a line.
    pub fn events(&self) -> Vec<Value> {
        let lines = self.stdout.lines().filter(|line| !line.trim().is_empty());
        let parsed = lines.map(|line| match serde_json::from_str(line) {
            Ok(event) => event,
            Err(error) => panic!("no JSON on a line of standard output: {error}: {line}\n{self}"),
        });
        parsed.collect()
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Run {
            command,
            code,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "`{command}` ended with {code:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }
}

/// A program with the environment in which it runs.
#[derive(Debug, Clone)]
pub struct Program {
    program: PathBuf,
    folder: PathBuf,
    environment: BTreeMap<OsString, OsString>,
}

impl Program {
    /// A program that runs in a project's folder, with dummy credentials, against an endpoint, and with a home of its own.
    pub fn new(program: &Path, project: &Project, endpoint: &str) -> Program {
        let python = python::environment();
        let home = project.beside("home");
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", python.bin().display());
        let bare = Program {
            program: program.into(),
            folder: project.root().into(),
            environment: BTreeMap::new(),
        };
        bare.env("AWS_ACCESS_KEY_ID", DUMMY_KEY)
            .env("AWS_SECRET_ACCESS_KEY", DUMMY_KEY)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("HOME", home)
            .env("LC_ALL", "C.UTF-8")
            .env("PATH", path)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("VIRTUAL_ENV", python.root())
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Takes a variable away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.environment.remove(std::ffi::OsStr::new(name));
        self
    }

    /// Runs to the end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.start(arguments).wait()
    }

    /// Starts without waiting.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let spawned = Command::new(&self.program)
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => panic!("starting {}: {error}", self.program.display()),
        };
        let name = self.program.file_name().unwrap_or_default().to_string_lossy();
        Running {
            command: format!("{name} {}", arguments.join(" ")),
            stdout: collect(child.stdout.take()),
            stderr: collect(child.stderr.take()),
            child,
        }
    }
}

/// A program that runs. Killed when dropped.
#[derive(Debug)]
pub struct Running {
    command: String,
    child: Child,
    stdout: Stream,
    stderr: Stream,
}

impl Running {
    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said on standard output so far.
    pub fn said(&self) -> String {
        self.stdout.so_far()
    }

    /// The events that it has said so far, where it was asked for JSON.
    pub fn events(&self) -> Vec<Value> {
        self.events_since(&mut 0)
    }

    /// Those after the first `heard` bytes of what it said, of which more are heard then. Whole lines only: the last may not be
    /// whole yet.
    pub fn events_since(&self, heard: &mut usize) -> Vec<Value> {
        let said = self.stdout.since(*heard);
        let whole = said.rfind('\n').map_or("", |end| &said[..=end]);
        *heard += whole.len();
        let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        whole.lines().map(read).collect()
    }

    /// What it has said on standard error so far.
    pub fn told(&self) -> String {
        self.stderr.so_far()
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Run {
        let status = self.child.wait().expect("waiting for a program under test");
        self.ended(status)
    }

    /// Waits for its end, but no longer than this.
    ///
    /// # Errors
    /// With what it said until then, where it had to be killed.
    pub fn wait_at_most(mut self, patience: Duration) -> Result<Run, Run> {
        const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
        for _ in 0..patience.as_millis() / BETWEEN_LOOKS.as_millis() {
            if self.has_ended() {
                return Ok(self.wait());
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        Err(self.kill())
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        let status = self.child.try_wait();
        status.expect("asking after a program under test").is_some()
    }

    /// Asks it to stop, as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Asks it to stop, as a service manager does.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends it without a chance to do anything, as a crash does, and waits until it is gone.
    pub fn kill(mut self) -> Run {
        self.child.kill().expect("killing a program under test");
        let status = self.child.wait().expect("waiting for a killed program");
        self.ended(status)
    }

    /// Asks it to begin anew, as daemons are asked.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("sending a signal to a program under test");
    }

    fn ended(&mut self, status: ExitStatus) -> Run {
        Run {
            command: self.command.clone(),
            code: status.code(),
            stdout: self.stdout.read_to_the_end(),
            stderr: self.stderr.read_to_the_end(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What comes out of a program, as it comes.
#[derive(Debug)]
struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn so_far(&self) -> String {
        self.since(0)
    }

    fn since(&self, heard: usize) -> String {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        // Cut at a line's end, as whoever hears in parts does, no sign is cut.
        String::from_utf8_lossy(bytes.get(heard..).unwrap_or_default()).into_owned()
    }

    fn read_to_the_end(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("reading a program's output");
        }
        self.so_far()
    }
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> Stream {
    let bytes = Arc::<Mutex<Vec<u8>>>::default();
    let read = Arc::clone(&bytes);
    let reader = std::thread::spawn(move || {
        let (mut pipe, mut part) = (pipe, [0; 1 << 12]);
        while let Some(Ok(more @ 1..)) = pipe.as_mut().map(|pipe| pipe.read(&mut part)) {
            let mut bytes = read.lock().unwrap_or_else(PoisonError::into_inner);
            bytes.extend_from_slice(&part[..more]);
        }
    });
    Stream {
        bytes,
        reader: Some(reader),
    }
}

/// grail in a project.
#[derive(Debug, Clone)]
pub struct Grail {
    program: Program,
}

impl Grail {
    /// `binary` is `env!("CARGO_BIN_EXE_grail")`, which only the test target knows.
    ///
    /// Its home, caches and configuration lie beside the project and go with it.
    pub fn new(binary: &str, project: &Project, endpoint: &str) -> Grail {
        let program = Program::new(Path::new(binary), project, endpoint).env("NO_COLOR", "1");
        Grail { program }
    }

    /// grail with its local cloud: no endpoint, no credentials, no region, and the shared cache, which holds the emulator's
    /// environment.
    pub fn local(binary: &str, project: &Project) -> Grail {
        let mut grail = Grail::new(binary, project, "").with_shared_cache();
        grail
            .program
            .environment
            .retain(|name, _| !name.to_string_lossy().starts_with("AWS_"));
        grail
    }

    /// Ends the project's local cloud when dropped, so that none outlives a scenario that fails.
    #[must_use]
    pub fn ends_local_cloud(&self, stage: &str) -> LocalCloudEnd {
        LocalCloudEnd {
            grail: self.clone(),
            stage: stage.to_owned(),
        }
    }

    /// Uses one cache for all tests, under the target directory, for what is dear to make (managed environments).
    #[must_use]
    pub fn with_shared_cache(self) -> Grail {
        let cache = python::target_dir().join("test-cache");
        std::fs::create_dir_all(&cache).expect("creating the shared cache of the tests");
        self.env("XDG_CACHE_HOME", cache)
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(self, name: &str, value: impl Into<OsString>) -> Grail {
        Grail {
            program: self.program.env(name, value),
        }
    }

    /// Takes a variable away.
    #[must_use]
    pub fn without(self, name: &str) -> Grail {
        Grail {
            program: self.program.without(name),
        }
    }

    /// Without the test environment's Python and its Chalice: only the system's programs are found.
    #[must_use]
    pub fn without_chalice(self) -> Grail {
        self.without("VIRTUAL_ENV")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
    }

    /// Without any Python at all: the path has an empty folder only.
    #[must_use]
    pub fn without_python(self, project: &Project) -> Grail {
        self.without("VIRTUAL_ENV")
            .env("PATH", project.beside("no-programs"))
    }

    /// Runs to the end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.program.run(arguments)
    }

    /// Starts without waiting.
    pub fn start(&self, arguments: &[&str]) -> Running {
        self.program.start(arguments)
    }

    /// Runs to the end on a terminal of its own, where somebody types `answer` once `question` is shown. What the terminal shows,
    /// of both streams, is the standard output of the run.
    pub fn on_terminal(&self, arguments: &[&str], question: &str, answer: &str) -> Run {
        let grail = self.program.program.display().to_string();
        let typist = Program {
            program: python::environment().program("python"),
            ..self.program.clone()
        };
        typist.run(&[&["-c", TYPIST, &grail, question, answer], arguments].concat())
    }
}

/// Runs a program on a pseudo-terminal, answers one question, and ends as the program does.
const TYPIST: &str = r"
import os, pty, sys
program, question, answer = sys.argv[1:4]
child, terminal = pty.fork()
if child == 0:
    os.execv(program, [program, *sys.argv[4:]])
shown, asked = b'', False
while True:
    try:
        more = os.read(terminal, 65536)
    except OSError:
        break
    if not more:
        break
    shown += more
    if not asked and question.encode() in shown:
        asked = True
        os.write(terminal, answer.encode())
_, status = os.waitpid(child, 0)
sys.stdout.buffer.write(shown)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(status))
";

/// Ends a local cloud that grail started; see [`Grail::ends_local_cloud`].
#[derive(Debug)]
pub struct LocalCloudEnd {
    grail: Grail,
    stage: String,
}

impl Drop for LocalCloudEnd {
    fn drop(&mut self) {
        let ended = self.grail.run(&["--stage", &self.stage, "local-cloud", "down"]);
        // In a scenario that fails already a second failure would hide the first.
        if !std::thread::panicking() {
            assert_eq!(ended.code, Some(0), "{ended}");
        }
    }
}
