//! What a service says: a line when a pass begins where that is news, one when it ends, and why it did not go well where that was
//! not said before. For programs every line is a JSON object with the project and the stage.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::args::Output;
use crate::cli::refusal::Refusal;
use crate::cli::report::human::seconds;
use crate::cli::settings::{Settings, Verbosity};
use crate::cli::words;
use crate::serve::{Changes, StageKey, Witness};
use crate::watch::{End, PassOutcome, Turn, Wake};

/// Says it on the streams of this process.
pub(super) struct Told {
    command: &'static str,
    output: Output,
    verbosity: Verbosity,
    colour: bool,
    /// Why the last pass of each stage did not go well.
    why: Mutex<BTreeMap<StageKey, Vec<String>>>,
}

impl Told {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            command: settings.command,
            output: settings.output,
            verbosity: settings.verbosity,
            colour: settings.colour,
            why: Mutex::default(),
        }
    }

    fn line(&self, key: &StageKey, kind: &str, mut fields: Value, human: Option<String>) {
        match (self.output, human) {
            (Output::Json, _) => {
                fields["project"] = json!(key.project);
                fields["stage"] = json!(key.stage);
                words::json_line(self.command, kind, fields);
            }
            (Output::Human, Some(text)) if self.verbosity > Verbosity::Quiet => {
                words::words(&format!("{:.0} {key}: {text}\n", Timestamp::now()));
            }
            (Output::Human, _) => {}
        }
    }

    /// Where the page and the interface are.
    pub(super) fn listens(&self, address: SocketAddr, secure: bool) {
        let scheme = if secure { "https" } else { "http" };
        let url = format!("{scheme}://{address}/");
        self.say("listening", json!({"url": url}), &format!("Listening on {url}"));
    }

    /// The configuration is refused, and the old one goes on.
    pub(super) fn refused(&self, refusal: &Refusal) {
        words::refuse(refusal, self.command, self.output, self.colour);
        self.say(
            "configuration_refused",
            json!({}),
            "the configuration is refused: the old one goes on",
        );
    }

    /// The configuration is another by now.
    pub(super) fn reloaded(&self, changes: &Changes, stages: usize, restart: &[&str]) {
        let names = |keys: &std::collections::BTreeSet<StageKey>| -> Vec<String> {
            keys.iter().map(StageKey::to_string).collect()
        };
        let (added, changed, removed) = (
            names(&changes.added),
            names(&changes.changed),
            names(&changes.removed),
        );
        let mut text = format!(
            "{stages} stages: {} added, {} changed, {} removed",
            added.len(),
            changed.len(),
            removed.len()
        );
        if !restart.is_empty() {
            text.push_str(&format!(
                "; what is said of {} holds after a restart",
                restart.join(", ")
            ));
        }
        let fields = json!({
            "stages": stages, "added": added, "changed": changed, "removed": removed, "after_restart": restart,
        });
        self.say("configured", fields, &text);
    }

    /// The listener has other secrets or certificates by now.
    pub(super) fn renewed(&self) {
        self.say(
            "renewed",
            json!({}),
            "the secrets and certificates of `[http]` were read anew, and are others",
        );
    }

    /// They cannot be used, and the old ones go on.
    pub(super) fn not_renewed(&self, refusal: &Refusal) {
        words::refuse(refusal, self.command, self.output, self.colour);
        self.say(
            "renewal_refused",
            json!({}),
            "the secrets and certificates of `[http]` cannot be used: the old ones go on",
        );
    }

    /// A remark about the project, which the pass before has not made.
    pub(super) fn remarked(&self, key: &StageKey, code: &str, text: &str, warning: bool) {
        self.line(
            key,
            "said",
            json!({"code": code, "text": text, "warning": warning}),
            Some(text.to_owned()),
        );
    }

    fn say(&self, kind: &str, fields: Value, text: &str) {
        match self.output {
            Output::Json => words::json_line(self.command, kind, fields),
            Output::Human if self.verbosity > Verbosity::Quiet => words::words(&format!("{text}\n")),
            Output::Human => {}
        }
    }

    /// Whether these reasons are others than those of the last pass.
    fn is_new(&self, key: &StageKey, why: &[String]) -> bool {
        let mut told = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        if why.is_empty() {
            told.remove(key);
            return true;
        }
        told.insert(key.clone(), why.to_vec()).as_deref() != Some(why)
    }
}

impl Witness for Told {
    fn began(&self, key: &StageKey, turn: &Turn) {
        let because: Vec<_> = turn.because.iter().collect();
        let files: Vec<_> = turn.files.iter().map(|file| file.display().to_string()).collect();
        let news = turn
            .because
            .iter()
            .any(|wake| matches!(wake, Wake::Changed | Wake::Asked));
        let text = match files.first() {
            Some(file) => format!("{file} changed"),
            None if turn.because.contains(&Wake::Asked) => "asked for".to_owned(),
            None => "its source changed".to_owned(),
        };
        let fields = json!({"number": turn.number, "because": because, "files": files});
        self.line(key, "pass_started", fields, news.then_some(text));
    }

    fn ended(&self, key: &StageKey, turn: &Turn, outcome: &PassOutcome, why: &[String], took: Duration) {
        let is_new = self.is_new(key, why);
        let calm = outcome.end == End::Converged { changed: false } && self.verbosity < Verbosity::Verbose;
        let expected = turn.because.iter().all(|wake| *wake == Wake::Timer);
        let mut text = format!("{} ({})", state(outcome.end), seconds(took));
        match (is_new, why) {
            (true, why) => why.iter().for_each(|line| text.push_str(&format!("\n  {line}"))),
            (false, _) => text.push_str(", for the same reason as before"),
        }
        let mut fields = serde_json::to_value(outcome.end).unwrap_or_default();
        fields["number"] = json!(turn.number);
        fields["took"] = json!(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        fields["why"] = json!(why);
        self.line(key, "pass_ended", fields, (!calm || !expected).then_some(text));
    }

    fn told(&self, key: &StageKey, text: &str) {
        self.line(
            key,
            "said",
            json!({"code": "serve", "text": text, "warning": true}),
            Some(text.to_owned()),
        );
    }
}

fn state(end: End) -> &'static str {
    match end {
        End::Converged { changed: false } => "as it should be",
        End::Converged { changed: true } => "deployed",
        End::Reported => "changed by others, and left so",
        End::Spared => "rolled back before, waits for a change",
        End::RolledBack => "failed and rolled back",
        End::Open => "a transaction is open",
        End::Stuck => "stuck, see `grail status`",
        End::Locked => "somebody else works with it",
        End::Refused { lasting: true } => "refused, waits for a change",
        End::Refused { lasting: false } => "failed, nothing changed",
        End::Stopped { open: true } => "stopped, a transaction is open",
        End::Stopped { open: false } => "stopped",
    }
}
