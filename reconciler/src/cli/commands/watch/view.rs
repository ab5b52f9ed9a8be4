//! How a watch looks between its passes: one line of state on a terminal, that stands still; lines elsewhere; events for programs.

use std::ops::ControlFlow;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;

use crate::cli::report::human::seconds;
use crate::cli::settings::{Settings, Verbosity};
use crate::cli::{is_human, words};
use crate::watch::{End, Onlooker, PassOutcome, Pause, Turn, Wake};

/// Shows a watch.
pub(super) struct View {
    command: &'static str,
    stage: String,
    project: std::path::PathBuf,
    human: bool,
    speaks: bool,
    draws: bool,
    enough: Box<dyn Fn(End) -> bool + Send>,
    line: Option<ProgressBar>,
    state: &'static str,
}

impl View {
    /// Shows it as the settings say; `enough` says which end of a pass is the last.
    pub(super) fn new(settings: &Settings, enough: impl Fn(End) -> bool + Send + 'static) -> Self {
        Self {
            command: settings.command,
            stage: settings.stage.clone(),
            project: settings.project.clone(),
            human: is_human(settings),
            speaks: settings.verbosity > Verbosity::Quiet,
            draws: settings.draws,
            enough: Box::new(enough),
            line: None,
            state: "not looked at yet",
        }
    }

    /// Says that it begins.
    pub(super) fn begins(&self, interval: Duration) {
        let every = seconds(interval);
        let project = self.project.display();
        self.say(&format!(
            "Watching {project} for stage {}, and looking every {every}",
            self.stage
        ));
    }

    /// Says how it ends, where that was not said by the last pass.
    pub(super) fn ends(&mut self, last: Option<End>, timeout: Option<Duration>) {
        self.clear();
        if let Some(timeout) = timeout {
            let within = seconds(timeout);
            match self.human {
                true => words::words(&format!(
                    "stage {} did not come to rest within {within}\n",
                    self.stage
                )),
                false => words::json_line(self.command, "timed_out", json!({"after": millis(timeout)})),
            }
        } else if matches!(last, None | Some(End::Stopped { open: false })) {
            self.say("Stopped; no transaction is open");
        }
    }

    fn say(&self, text: &str) {
        if self.human && self.speaks {
            words::words(&format!("{text}\n"));
        }
    }

    /// Takes the line of state away, before something else is printed.
    fn clear(&mut self) {
        if let Some(line) = self.line.take() {
            line.finish_and_clear();
        }
    }

    /// Puts the line of state there.
    fn draw(&mut self, text: String) {
        let target = ProgressDrawTarget::stderr();
        let line = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
            line.set_style(style);
        }
        line.set_message(text);
        line.tick();
        self.line = Some(line);
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Onlooker for View {
    fn began(&mut self, turn: &Turn) {
        self.clear();
        if !self.human {
            let files: Vec<_> = turn.files.iter().map(|file| shown(file, &self.project)).collect();
            let because: Vec<_> = turn.because.iter().collect();
            let late = fine_millis(turn.late);
            let fields = json!({"number": turn.number, "because": because, "files": files, "late": late});
            words::json_line(self.command, "pass_started", fields);
        } else if let Some(why) = reason(turn, &self.project) {
            self.say(&format!("{} {why}", clock(Timestamp::now())));
        }
    }

    fn ended(&mut self, turn: &Turn, outcome: &PassOutcome, took: Duration) -> ControlFlow<()> {
        self.state = state(outcome.end);
        if !self.human {
            let mut fields = serde_json::to_value(outcome.end).unwrap_or_default();
            if let Some(fields) = fields.as_object_mut() {
                fields.insert("number".to_owned(), json!(turn.number));
                fields.insert("took".to_owned(), json!(millis(took)));
            }
            words::json_line(self.command, "pass_ended", fields);
        } else {
            let at = clock(Timestamp::now());
            match outcome.end {
                // On a terminal the line of state says it.
                End::Converged { changed: false } if self.draws && reason(turn, &self.project).is_none() => {}
                End::Converged { changed: false } => {
                    self.say(&format!("{at} stage {} is as it should be ({})", self.stage, seconds(took)));
                }
                End::Spared => self.say(&format!(
                    "{at} this was rolled back before: it is tried again when the project or the account is another, or at SIGHUP"
                )),
                _ => {}
            }
        }
        match (self.enough)(outcome.end) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn pauses(&mut self, pause: &Pause) {
        if !self.human {
            let fields =
                json!({"next": pause.next.map(millis), "wake": pause.wake, "failures": pause.failures});
            return words::json_line(self.command, "watching", fields);
        }
        let next = match (pause.wake, pause.next) {
            (Some(Wake::Retry), Some(next)) => format!("tried again in {}", seconds(next)),
            (_, Some(next)) => {
                let at =
                    Timestamp::now().checked_add(jiff::SignedDuration::try_from(next).unwrap_or_default());
                format!("next look at {}", clock(at.unwrap_or(Timestamp::MAX)))
            }
            (_, None) => "no more looks by themselves".to_owned(),
        };
        if self.draws {
            self.draw(format!("{}: {}; {next}", self.stage, self.state));
        } else if pause.wake == Some(Wake::Retry) {
            self.say(&next);
        }
    }
}

/// Why a pass is made, where a person should know: the first and those of the timer are expected.
fn reason(turn: &Turn, project: &std::path::Path) -> Option<String> {
    let named = |wake| turn.because.contains(&wake);
    let mut said = Vec::new();
    if named(Wake::Changed) {
        let files: Vec<_> = turn.files.iter().map(|file| shown(file, project)).collect();
        let more = files.len().saturating_sub(3);
        said.push(match (files.is_empty(), more) {
            (true, _) => "files changed".to_owned(),
            (_, 0) => format!("{} changed", files.join(", ")),
            _ => format!("{} and {more} more changed", files[..3].join(", ")),
        });
    }
    if named(Wake::Asked) {
        said.push("asked for".to_owned());
    }
    if named(Wake::Retry) && said.is_empty() {
        said.push("another try".to_owned());
    }
    (!said.is_empty()).then(|| said.join(", "))
}

/// A path as people name it. What a name may tell a terminal to do is left out: whoever can make a file here need not be who
/// watches.
fn shown(file: &std::path::Path, project: &std::path::Path) -> String {
    let name = file.strip_prefix(project).unwrap_or(file).display().to_string();
    name.replace(char::is_control, "?")
}

fn state(end: End) -> &'static str {
    match end {
        End::Converged { .. } => "as it should be",
        End::Reported => "changed by others",
        End::Spared | End::RolledBack => "rolled back, waits for a change",
        End::Open => "a transaction is open",
        End::Stuck => "stuck, see `grail status`",
        End::Locked => "locked by somebody else",
        End::Refused { lasting: true } => "waits for a change",
        End::Refused { lasting: false } => "failed",
        End::Stopped { .. } => "stopped",
    }
}

/// The time of day of this machine's zone.
fn clock(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string()
}

/// Milliseconds with what is less than one: it is little that a pass is late.
fn fine_millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    fn turn(because: &[Wake], files: &[&str]) -> Turn {
        Turn {
            number: 2,
            because: because.iter().copied().collect(),
            files: files.iter().map(PathBuf::from).collect(),
            late: Duration::ZERO,
            spared: None,
        }
    }

    #[test]
    fn a_reason_is_told_where_it_is_news() {
        let of = |because: &[Wake], files: &[&str]| reason(&turn(because, files), Path::new("/p"));
        assert_eq!(of(&[Wake::Started], &[]), None);
        assert_eq!(of(&[Wake::Timer], &[]), None);
        assert_eq!(of(&[Wake::Changed], &[]).as_deref(), Some("files changed"));
        let many = ["/p/a", "/p/b/c", "/q/d", "/p/e", "/p/f"];
        assert_eq!(
            of(&[Wake::Changed, Wake::Asked, Wake::Timer], &many).as_deref(),
            Some("a, b/c, e and 2 more changed, asked for")
        );
        assert_eq!(of(&[Wake::Retry], &[]).as_deref(), Some("another try"));
        assert_eq!(
            of(&[Wake::Changed], &["/p/a\u{1b}[2J\nb"]).as_deref(),
            Some("a?[2J?b changed")
        );
        assert_eq!(
            of(&[Wake::Changed, Wake::Retry], &["/p/a"]).as_deref(),
            Some("a changed")
        );
    }
}
