//! Progress for people: Chalice's lines on standard output as steps start, one line a resource on standard error as they end,
//! a bar while they run where that is a terminal, and what came of it all at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::Duration;

use grail_state::{Handle, ResourceId};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::chalice;
use super::paint::Paint;
use super::plan::{self, Counts};
use crate::cli::settings::Verbosity;
use crate::event::{Event, EventSink, Outcome};
use crate::plan::{Action, Plan, Step, StepId};

mod summary;
#[cfg(test)]
pub(super) mod tests;

/// How things are shown.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// How much is said.
    pub verbosity: Verbosity,
    /// Whether colours may be used.
    pub colour: bool,
    /// Whether a bar may be drawn on standard error.
    pub draws: bool,
}

/// Where things are shown, and the time since the command began.
pub struct Place {
    /// Standard output: Chalice's lines.
    pub out: Box<dyn Write + Send>,
    /// Standard error: everything else.
    pub err: Box<dyn Write + Send>,
    /// The time since the command began.
    pub elapsed: Box<dyn Fn() -> Duration + Send>,
}

/// Shows events to people.
pub struct Terminal {
    command: String,
    place: Place,
    verbosity: Verbosity,
    paint: Paint,
    draws: bool,
    bar: Option<ProgressBar>,
    steps: Vec<Step>,
    counts: Counts,
    tally: Tally,
    running: BTreeMap<ResourceId, &'static str>,
    /// What was waited for, so that each is told once.
    told: BTreeSet<(ResourceId, String)>,
    /// Deletions whose line of Chalice's is printed.
    announced: BTreeSet<(ResourceId, Handle)>,
    /// Steps whose end is told: one in the sweep may be told of twice, as a step and as a thing that is gone.
    ended: BTreeSet<StepId>,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    created: usize,
    updated: usize,
    deleted: usize,
    restored: usize,
    /// Of those restored, how many are not all that they were.
    lost: usize,
}

impl Terminal {
    /// Shows the events of `command` in `style` at `place`.
    pub fn new(command: &str, style: Style, place: Place) -> Self {
        Self {
            command: command.to_owned(),
            place,
            verbosity: style.verbosity,
            paint: Paint::new(style.colour),
            draws: style.draws,
            bar: None,
            steps: Vec::new(),
            counts: Counts::default(),
            tally: Tally::default(),
            running: BTreeMap::new(),
            told: BTreeSet::new(),
            announced: BTreeSet::new(),
            ended: BTreeSet::new(),
        }
    }

    /// Takes the bar away, before something else is printed.
    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn say(&mut self, text: &str) {
        Self::write(self.bar.as_ref(), &mut self.place.err, text);
    }

    fn data(&mut self, text: &str) {
        Self::write(self.bar.as_ref(), &mut self.place.out, text);
    }

    /// A stream that is closed is no reason to stop.
    fn write(bar: Option<&ProgressBar>, stream: &mut Box<dyn Write + Send>, text: &str) {
        let mut print = || drop(writeln!(stream, "{text}").and_then(|()| stream.flush()));
        match bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn speaks(&self) -> bool {
        self.verbosity > Verbosity::Quiet
    }

    fn planned(&mut self, plan: &Plan) {
        self.steps = plan.steps().cloned().collect();
        self.counts = Counts::of(plan);
        self.ended.clear();
        if self.verbosity == Verbosity::Verbose && !plan.is_empty() {
            let text = plan::human(plan, self.paint == Paint::new(true));
            self.say(text.trim_end());
        } else if self.speaks() && !plan.is_empty() {
            let line = format!("{} {}.", self.paint.strong("Plan:"), self.counts);
            self.say(&line);
        }
        if self.draws && !plan.is_empty() {
            self.bar = Some(bar(self.steps.len()));
        }
    }

    fn started(&mut self, step: &Step) {
        let doing = match step.action {
            Action::Create { .. } => "creating",
            Action::Update { .. } => "updating",
            Action::Delete { .. } => "deleting",
        };
        self.running.insert(step.resource.clone(), doing);
        if let (Action::Delete { .. }, Some(have)) = (&step.action, &step.have) {
            self.announced
                .insert((step.resource.clone(), have.handle.clone()));
        }
        if self.speaks() {
            for line in chalice::started(step, &self.steps) {
                self.data(&line);
            }
        }
        self.show_running();
    }

    fn finished(&mut self, step: &Step, took: Option<Duration>) {
        if !self.ended.insert(step.id) {
            return;
        }
        let (mark, done) = match step.action {
            Action::Create { .. } => (self.paint.good("+"), "created"),
            Action::Update { .. } => (self.paint.change("~"), "updated"),
            Action::Delete { .. } => (self.paint.bad("-"), "deleted"),
        };
        match step.action {
            Action::Create { .. } => self.tally.created += 1,
            Action::Update { .. } => self.tally.updated += 1,
            Action::Delete { .. } => self.tally.deleted += 1,
        }
        let label = step.label.as_deref().filter(|label| *label != step.resource.name);
        let label = label.map(|label| format!(" ({label})")).unwrap_or_default();
        let took = took
            .map(|took| format!(" in {}", seconds(took)))
            .unwrap_or_default();
        let line = format!(
            "  {mark} {}{label} {done}{}",
            step.resource,
            self.paint.faint(&took)
        );
        self.running.remove(&step.resource);
        if self.speaks() {
            self.say(&line);
        }
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
        self.show_running();
    }

    /// The end of a deletion after the commit.
    fn swept(&mut self, id: &ResourceId, handle: &Handle) {
        let is = |step: &&Step| {
            step.resource == *id
                && matches!(step.action, Action::Delete { .. })
                && step.have.as_ref().is_some_and(|have| have.handle == *handle)
        };
        let Some(step) = self.steps.iter().find(is).cloned() else {
            return;
        };
        if !self.announced.contains(&(id.clone(), handle.clone())) {
            self.started(&step);
        }
        self.finished(&step, None);
    }

    fn waits(&mut self, id: &ResourceId, on: String) {
        if self.speaks() && self.told.insert((id.clone(), on.clone())) {
            let line = format!("  {} {id} waits for {on}", self.paint.faint("."));
            self.say(&line);
        }
    }

    fn failed(&mut self, id: &ResourceId, why: &str, hint: Option<&str>) {
        self.running.remove(id);
        let line = format!("  {} {id} failed: {}", self.paint.bad("x"), indented(why));
        self.say(&line);
        if let Some(hint) = hint {
            let line = format!("      {} {}", self.paint.advice("next:"), indented(hint));
            self.say(&line);
        }
    }

    fn restored(&mut self, id: &ResourceId, lost: Option<&str>) {
        self.tally.restored += 1;
        if self.speaks() {
            let line = format!("  {} {id} is as it was", self.paint.change("<"));
            self.say(&line);
        }
        if let Some(lost) = lost {
            self.tally.lost += 1;
            let but = self.paint.bad("but:");
            let line = if self.speaks() {
                format!("      {but} {}", indented(lost))
            } else {
                format!("  {id} is as it was, {but} {}", indented(lost))
            };
            self.say(&line);
        }
    }

    fn summary(&self, took: Duration) -> summary::Facts<'_> {
        let (tally, unchanged) = (self.tally, self.counts.unchanged);
        summary::Facts {
            command: &self.command,
            tally,
            unchanged,
            took,
            paint: self.paint,
        }
    }

    fn show_running(&self) {
        let Some(bar) = &self.bar else { return };
        let running: Vec<_> = self
            .running
            .iter()
            .map(|(id, doing)| format!("{doing} {id}"))
            .collect();
        bar.set_message(running.join(", "));
    }

    fn ended(&mut self, outcome: &Outcome) {
        self.clear();
        let fine = matches!(outcome, Outcome::Unchanged | Outcome::Done);
        if fine && !self.speaks() {
            return;
        }
        let took = (self.place.elapsed)();
        let text = summary::of(outcome, &self.summary(took));
        self.say(text.trim_end());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.clear();
    }
}

impl EventSink for Terminal {
    fn emit(&mut self, event: &Event) {
        match event {
            Event::Said {
                text, warning: true, ..
            } if self.speaks() => {
                let line = format!("{} {}", self.paint.change("warning:"), indented(text));
                self.say(&line);
            }
            Event::Said { text, .. } if self.speaks() => self.say(text),
            Event::Said { .. } => {}
            Event::Resumed { phase, touched } if self.speaks() => {
                let line = format!("{} ({} touched so far)", summary::resumed(phase), touched.len());
                self.say(&line);
            }
            Event::Resumed { .. } => {}
            Event::Planned { plan } => self.planned(plan),
            Event::Started { step, .. } => {
                if let Some(step) = self.steps.iter().find(|known| known.id == *step).cloned() {
                    self.started(&step);
                }
            }
            Event::Waiting { id, on } => self.waits(id, on.clone()),
            Event::Retrying { id, why, after } => {
                if self.speaks() {
                    let mark = self.paint.change("!");
                    let line = format!(
                        "  {mark} {id} is tried again in {}: {}",
                        seconds(*after),
                        indented(why)
                    );
                    self.say(&line);
                }
            }
            Event::Finished { step, took, .. } => {
                if let Some(step) = self.steps.iter().find(|known| known.id == *step).cloned() {
                    self.finished(&step, Some(*took));
                }
            }
            Event::Failed { id, why, hint } => self.failed(id, why, hint.as_deref()),
            Event::TurningBack { because } => {
                let line = format!(
                    "{} {}",
                    self.paint.bad("Going back, because of"),
                    indented(because)
                );
                self.say(&line);
            }
            Event::Restored { id, lost } => self.restored(id, lost.as_deref()),
            Event::Stuck { id, why } => {
                let line = format!("  {} {id} is stuck: {}", self.paint.bad("x"), indented(why));
                self.say(&line);
            }
            Event::Committed if self.verbosity == Verbosity::Verbose => self.say("Committed."),
            Event::Committed => {}
            Event::Swept { id, handle } => self.swept(id, handle),
            Event::Pruned { id, children } => {
                for child in children {
                    let line = format!(
                        "  {} {id}: {child}, made by others, is removed",
                        self.paint.bad("-")
                    );
                    self.say(&line);
                }
            }
            Event::Ended { outcome } => self.ended(outcome),
        }
    }
}

/// A bar that shows how many steps are done and which are running.
fn bar(steps: usize) -> ProgressBar {
    let target = ProgressDrawTarget::stderr();
    let bar = ProgressBar::with_draw_target(Some(steps as u64), target);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:24} {pos}/{len} {elapsed} {wide_msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// `0.4s`, `12.0s`, `3m 05s`.
pub(in crate::cli) fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    match whole {
        0..60 => format!("{:.1}s", time.as_secs_f64()),
        60.. => format!("{}m {:02}s", whole / 60, whole % 60),
    }
}

/// Later lines of a text stand under the first.
fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n      ")
}
