//! Why an import failed, in words that name the user's own line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use serde::Deserialize;

use super::Request;
use crate::source::chalice::diagnostic::{Place, Problem};
use crate::source::python::{Requirements, normal_name};

/// An import that gave no app.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The project has no `app.py`.
    #[error("the project has no app.py")]
    NoAppFile,
    /// The interpreter has no `chalice`. The caller may make an environment that has one and try again.
    #[error("`{}` has no package `chalice`", python.display())]
    NoChalice {
        /// The interpreter.
        python: PathBuf,
    },
    /// A private folder for the answer could not be made.
    #[error("failed to make a private folder for the import of app.py")]
    Folder(#[source] std::io::Error),
    /// The interpreter could not be run.
    #[error("failed to run `{}`", python.display())]
    Start {
        /// The interpreter.
        python: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The import took too long and was ended.
    #[error("importing app.py took more than {} seconds", after.as_secs_f64())]
    TimedOut {
        /// The time that it had.
        after: Duration,
        /// Where in the project's files it was shortly before.
        frames: Vec<Frame>,
    },
    /// The interpreter ended without an answer.
    #[error("Python ended while it imported app.py ({status})")]
    Died {
        /// How it ended.
        status: ExitStatus,
        /// What it printed.
        said: String,
    },
    /// The answer could not be understood: a fault of grail or a `chalice` that differs much from 1.34.
    #[error("failed to understand what the import of app.py told")]
    Garbled(#[source] serde_json::Error),
    /// The app itself failed.
    #[error("{}", .0.headline())]
    App(Box<AppFailure>),
}

/// What Python says of a failed import.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct AppFailure {
    /// The sort of failure.
    pub kind: FailureKind,
    /// The class of the exception.
    #[serde(rename = "type")]
    pub class: Option<String>,
    /// Its message.
    pub message: String,
    /// For a syntax error: the file.
    pub file: Option<String>,
    /// The line.
    pub line: Option<usize>,
    /// The column, from 1.
    pub column: Option<usize>,
    /// The text of that line.
    pub text: Option<String>,
    /// For a missing module: its name.
    pub module: Option<String>,
    /// The frames in the project's own files, outermost first.
    #[serde(default)]
    pub frames: Vec<Frame>,
    /// The exception behind it.
    pub cause: Option<Cause>,
    /// What the app printed before.
    #[serde(skip)]
    pub said: String,
    /// What to do about it.
    #[serde(skip)]
    pub hint: Option<String>,
}

/// The sort of a failed import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// No `chalice` in this Python.
    NoChalice,
    /// A syntax error in app.py or in a module of the project.
    Syntax,
    /// A module that cannot be found.
    MissingModule,
    /// Any other exception.
    Exception,
    /// The app called `sys.exit`.
    Exit,
    /// app.py defines no `app`.
    NoApp,
    /// `app` is something else.
    NotChalice,
    /// Something registered could not be told as plain values.
    Dump,
}

/// A line of the user's that was being run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Frame {
    /// The file, relative to the project.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The function, or `<module>`.
    pub function: String,
    /// The text of the line.
    pub text: String,
}

/// The exception behind an exception.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Cause {
    /// Its class.
    #[serde(rename = "type")]
    pub class: String,
    /// Its message.
    pub message: String,
    /// Its frames in the project's own files.
    pub frames: Vec<Frame>,
}

impl AppFailure {
    fn headline(&self) -> String {
        let class = self.class.as_deref().unwrap_or("an exception");
        match self.kind {
            FailureKind::Syntax => {
                let file = self.file.as_deref().unwrap_or("app.py");
                format!("`{file}` is not valid Python: {}", self.message)
            }
            FailureKind::MissingModule => {
                format!(
                    "app.py needs the module `{}`, which is not installed",
                    self.module.as_deref().unwrap_or("?")
                )
            }
            FailureKind::Exception | FailureKind::Exit => {
                format!("app.py failed while it was imported: {class}: {}", self.message)
            }
            FailureKind::NoApp | FailureKind::NotChalice | FailureKind::NoChalice => self.message.clone(),
            FailureKind::Dump => format!(
                "app.py registers something that Chalice cannot deploy: {}",
                self.message
            ),
        }
    }

    fn place(&self) -> Option<Place> {
        if let (Some(file), Some(line)) = (&self.file, self.line) {
            return Some(match self.column {
                Some(column) => Place::point(file, line, column),
                None => Place::line(file, line),
            });
        }
        match self.frames.last() {
            Some(frame) => Some(Place::line(&frame.file, frame.line)),
            None => Some(Place::file("app.py")),
        }
    }
}

impl ProbeError {
    /// The failure as a problem of the project, with place, trimmed traceback and next step.
    pub fn problem(&self) -> Problem {
        let told = self.to_string();
        match self {
            Self::NoAppFile => {
                Problem::error("app::missing", told).hint("give the project's folder with `--project-dir`")
            }
            Self::NoChalice { python } => Problem::error("app::no-chalice", told)
                .hint(format!("install it: {} -m pip install chalice", python.display())),
            Self::Start { source, .. } => {
                let hint = "install Python 3.10 or newer, or make a virtual environment in `.venv`";
                Problem::error("app::no-python", format!("{told}: {source}")).hint(hint)
            }
            Self::TimedOut { frames, .. } => {
                let place = frames.last().map(|frame| Place::line(&frame.file, frame.line));
                let told = format!("{told}{}", trace(frames));
                let hint =
                    "app.py is imported at every deploy: move work that waits for something into a function";
                Problem::error("app::timeout", told)
                    .hint(hint)
                    .at(place.unwrap_or_else(|| Place::file("app.py")))
            }
            Self::Died { said, .. } => {
                Problem::error("app::died", format!("{told}{}", quoted(said))).at(Place::file("app.py"))
            }
            Self::Folder(source) => Problem::error("app::no-folder", format!("{told}: {source}")),
            Self::Garbled(source) => Problem::error("app::garbled", format!("{told}: {source}")),
            Self::App(failure) => failure.problem(),
        }
    }
}

impl AppFailure {
    fn problem(&self) -> Problem {
        let code = match self.kind {
            FailureKind::Syntax => "app::syntax",
            FailureKind::MissingModule => "app::missing-module",
            FailureKind::NoApp | FailureKind::NotChalice => "app::no-app",
            FailureKind::NoChalice => "app::no-chalice",
            FailureKind::Exception | FailureKind::Exit => "app::exception",
            FailureKind::Dump => "app::not-plain",
        };
        let mut told = self.headline();
        if let Some(text) = self.text.as_deref().filter(|_| self.kind == FailureKind::Syntax) {
            told.push_str(&pointed(text, self.column));
        }
        told.push_str(&trace(&self.frames));
        if let Some(cause) = &self.cause {
            told.push_str(&format!(
                "\n  caused by {}: {}{}",
                cause.class,
                cause.message,
                trace(&cause.frames)
            ));
        }
        told.push_str(&quoted(&self.said));
        let mut problem = Problem::error(code, told).at(self.place());
        problem.hint = self.hint.clone();
        problem
    }
}

/// Turns what Python says into an error, with the configuration's values hidden and a hint.
pub(super) fn classify(mut failure: AppFailure, said: String, request: &Request<'_>) -> ProbeError {
    if failure.kind == FailureKind::NoChalice {
        return ProbeError::NoChalice {
            python: request.python.to_path_buf(),
        };
    }
    let clean = |text: &str| {
        hide(text, request.configured)
            .chars()
            .take(2_000)
            .collect::<String>()
    };
    failure.message = clean(&failure.message);
    if let Some(cause) = &mut failure.cause {
        cause.message = clean(&cause.message);
    }
    failure.said = said;
    failure.hint = hint(&failure, request);
    ProbeError::App(Box::new(failure))
}

/// For what only the author can mend.
const TRY_AGAIN: &str = "mend that line; `grail validate` imports the app again without a call to AWS";

fn hint(failure: &AppFailure, request: &Request<'_>) -> Option<String> {
    match failure.kind {
        FailureKind::MissingModule => Some(module_hint(failure.module.as_deref()?, request)),
        FailureKind::NoApp => {
            Some("Chalice takes the object called `app`: `app = Chalice(app_name=\"...\")`".to_owned())
        }
        FailureKind::Exception if failure.class.as_deref() == Some("KeyError") => {
            let frame = failure.frames.last()?;
            let name = failure.message.trim_matches('\'');
            let reads = frame.text.contains("environ");
            let told = || format!("set `{name}` under `environment_variables` in .chalice/config.json");
            Some(if reads { told() } else { TRY_AGAIN.to_owned() })
        }
        FailureKind::Syntax | FailureKind::Exception | FailureKind::Exit => Some(TRY_AGAIN.to_owned()),
        _ => None,
    }
}

fn module_hint(module: &str, request: &Request<'_>) -> String {
    let top = module.split('.').next().unwrap_or(module);
    let requirements = Requirements::read(request.project);
    let listed = requirements.is_ok_and(|requirements| requirements.names(&normal_name(top)));
    match listed {
        true => format!(
            "requirements.txt lists it, but this Python lacks it: {} -m pip install -r requirements.txt",
            request.python.display()
        ),
        false => {
            "add the package that provides it to requirements.txt and install it, or put it into vendor/"
                .to_owned()
        }
    }
}

fn trace(frames: &[Frame]) -> String {
    let line = |frame: &Frame| {
        format!(
            "\n  {}:{} in {}: {}",
            frame.file, frame.line, frame.function, frame.text
        )
    };
    frames.iter().map(line).collect()
}

fn pointed(text: &str, column: Option<usize>) -> String {
    let line = text.trim_end();
    let indent = line.chars().take_while(|c| c.is_whitespace()).count();
    let mark = column
        .map(|column| format!("\n    {}^", " ".repeat(column.saturating_sub(1 + indent))))
        .unwrap_or_default();
    format!("\n    {}{mark}", line.trim_start())
}

fn quoted(said: &str) -> String {
    let lines: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.iter().skip(lines.len().saturating_sub(10));
    let text: String = last.map(|line| format!("\n  | {line}")).collect();
    if text.is_empty() {
        text
    } else {
        format!("\n  it printed:{text}")
    }
}

/// The shortest value that is hidden: a shorter one hides nothing.
const SHORTEST_SECRET: usize = 3;
/// A value shorter than this (`4711`, `dev`) is hidden where it stands as a word by itself: anywhere else it would tear words
/// apart.
const SHORTEST_PART: usize = 6;

/// `text` without the values of the configured environment variables.
pub(super) fn hide(text: &str, configured: &BTreeMap<String, String>) -> String {
    let mut secrets: Vec<_> = configured
        .iter()
        .filter(|(_, value)| value.chars().count() >= SHORTEST_SECRET)
        .collect();
    // A value that holds another must go first.
    secrets.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
    secrets.into_iter().fold(text.to_owned(), |text, (name, value)| {
        let shown = format!("<{name}>");
        match value.chars().count() {
            ..SHORTEST_PART => replace_words(&text, value, &shown),
            _ => text.replace(value, &shown),
        }
    })
}

/// `text` with `other` in place of `value` wherever no letter or digit of a longer word stands beside it.
fn replace_words(text: &str, value: &str, other: &str) -> String {
    let joins = |beside: Option<char>, edge: Option<char>| {
        let of_word = |c: char| c.is_alphanumeric() || c == '_';
        beside.is_some_and(of_word) && edge.is_some_and(of_word)
    };
    let mut replaced = String::with_capacity(text.len());
    let mut from = 0;
    for (at, found) in text.match_indices(value) {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + found.len()..).and_then(|text| text.chars().next());
        if joins(before, value.chars().next()) || joins(after, value.chars().next_back()) {
            continue;
        }
        replaced.push_str(text.get(from..at).unwrap_or_default());
        replaced.push_str(other);
        from = at + found.len();
    }
    replaced.push_str(text.get(from..).unwrap_or_default());
    replaced
}

/// The project's own frames of a trace by Python's `faulthandler`, which lists the innermost first.
pub(super) fn frames_of_trace(text: &str, project: &Path) -> Vec<Frame> {
    let project = project.canonicalize().unwrap_or_else(|_| project.to_path_buf());
    let mut frames: Vec<_> = text
        .lines()
        .filter_map(|line| frame_of_line(line, &project))
        .collect();
    frames.reverse();
    frames
}

fn frame_of_line(line: &str, project: &Path) -> Option<Frame> {
    // `  File "/p/app.py", line 3 in <module>`
    let (file, rest) = line.trim().strip_prefix("File \"")?.split_once("\", line ")?;
    let (number, function) = rest.split_once(" in ")?;
    let number = number.parse().ok()?;
    let own = Path::new(file).strip_prefix(project).ok()?;
    if own.starts_with("vendor") || own.components().any(|part| part.as_os_str() == "site-packages") {
        return None;
    }
    let source = std::fs::read_to_string(file).unwrap_or_default();
    let text = source
        .lines()
        .nth(usize::saturating_sub(number, 1))
        .unwrap_or("")
        .trim()
        .to_owned();
    Some(Frame {
        file: own.display().to_string(),
        line: number,
        function: function.to_owned(),
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_values_are_hidden_and_short_ones_as_words_only() {
        let configured = BTreeMap::from([
            ("KEY".to_owned(), "s3cr3t-key".to_owned()),
            ("LONG".to_owned(), "s3cr3t-key-and-more".to_owned()),
            ("STAGE".to_owned(), "dev".to_owned()),
            ("PIN".to_owned(), "47:1".to_owned()),
            ("ON".to_owned(), "on".to_owned()),
        ]);
        let hidden = hide("dev s3cr3t-key s3cr3t-key-and-more", &configured);
        assert_eq!(hidden, "<STAGE> <KEY> <LONG>");
        let hidden = hide("developer on_dev dev's /dev/ (47:1) 47:12 é47:1 on", &configured);
        assert_eq!(
            hidden,
            "developer on_dev <STAGE>'s /<STAGE>/ (<PIN>) 47:12 é47:1 on"
        );
    }

    #[test]
    fn a_trace_keeps_the_frames_of_the_project_outermost_first() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().canonicalize().unwrap();
        std::fs::write(project.join("app.py"), "import x\n  wait()\n").unwrap();
        let at = project.display();
        let text = format!(
            "Timeout (0:00:01)!\nThread 0x1 (most recent call first):\n  File \"/usr/lib/socket.py\", line 1 in connect\n  File \"{at}/app.py\", line 2 in f\n  File \"{at}/.venv/lib/python3/site-packages/x.py\", line 1 in y\n  File \"{at}/app.py\", line 1 in <module>\n"
        );
        let frames = frames_of_trace(&text, &project);
        let told: Vec<_> = frames
            .iter()
            .map(|frame| (frame.line, frame.text.as_str()))
            .collect();
        assert_eq!(told, [(1, "import x"), (2, "wait()")]);
    }
}
