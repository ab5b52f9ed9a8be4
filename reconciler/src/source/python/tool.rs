//! Running uv, pip and Python, and keeping the end of what they say.

use std::fmt;
use std::io;
use std::path::Path;

use tokio::process::Command;

use super::Surroundings;

/// How many lines of a tool's output are worth showing.
const TAIL_LINES: usize = 20;

/// Runs `pip` in an interpreter that does not look for modules in the current folder: pip runs in the project's,
/// and a project may well have a `queue.py`.
const RUN_PIP: &str = "import sys; sys.path[:] = [p for p in sys.path if p]; sys.argv[0] = 'pip'; \
    import runpy; runpy.run_module('pip', run_name='__main__', alter_sys=True)";

/// Settings of the user by which pip would install elsewhere than told.
const MISPLACING: &[&str] = &[
    "PIP_USER",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_REQUIRE_VIRTUALENV",
];

/// The end of what a failed tool said, without passwords in addresses. Stands as the cause under an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said(String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Said {}

impl Said {
    pub(crate) fn new(text: &str) -> Self {
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .collect();
        let tail = lines
            .get(lines.len().saturating_sub(TAIL_LINES)..)
            .unwrap_or_default();
        let tail: Vec<String> = tail.iter().map(|line| without_passwords(line)).collect();
        Self(if tail.is_empty() {
            "it said nothing".to_owned()
        } else {
            tail.join("\n")
        })
    }
}

/// `https://user:secret@host` becomes `https://***@host`.
fn without_passwords(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end = after
            .find(|c: char| c == '/' || c.is_whitespace())
            .unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority.rfind('@') {
            Some(at) => {
                clean.push_str("***");
                clean.push_str(&authority[at..]);
            }
            None => clean.push_str(authority),
        }
        rest = tail;
    }
    clean + rest
}

/// What a tool answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    /// The end of standard error, or of standard output where there is no other.
    pub(crate) fn said(&self) -> Said {
        Said::new(if self.stderr.trim().is_empty() {
            &self.stdout
        } else {
            &self.stderr
        })
    }
}

/// Runs a command to its end. It is ended when the returned future is dropped.
pub(crate) async fn run(mut command: Command) -> io::Result<Answer> {
    tracing::debug!(command = ?command.as_std().get_program(), "running a tool");
    let output = command.output().await?;
    Ok(Answer {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// `pip` of this interpreter in the project's folder, never asking, honouring the user's index settings.
pub(crate) fn pip_command(python: &Path, project_dir: &Path, surroundings: &Surroundings) -> Command {
    let surroundings = surroundings
        .clone()
        .without(MISPLACING)
        .with("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .with("PIP_NO_INPUT", "1")
        .with("PIP_PROGRESS_BAR", "off");
    let mut command = surroundings.command(python);
    command.arg("-c").arg(RUN_PIP).current_dir(project_dir);
    command
}

#[cfg(test)]
mod tests {
    use super::Said;

    #[test]
    fn only_the_end_is_kept() {
        let text: String = (1..=30).map(|n| format!("line {n}\n\n")).collect();
        let said = Said::new(&text).to_string();
        assert!(
            said.starts_with("line 11\n") && said.ends_with("\nline 30"),
            "{said}"
        );
        assert_eq!(Said::new("\n").to_string(), "it said nothing");
    }

    #[test]
    fn passwords_in_addresses_are_not_kept() {
        let said =
            Said::new("Looking in https://me:s3cret@a.example/simple, http://b.example/@x and https://t@c");
        assert_eq!(
            said.to_string(),
            "Looking in https://***@a.example/simple, http://b.example/@x and https://***@c"
        );
    }
}
