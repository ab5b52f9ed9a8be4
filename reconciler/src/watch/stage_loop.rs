//! The one loop of a stage: hears the bell, asks the agenda, makes the pass. Everything that it decides stands in the agenda.

use std::ops::ControlFlow;
use std::time::Duration;

use futures::FutureExt as _;
use serde::Serialize;
use serde_json::Value;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::{Agenda, Bell, End, Pass, PassOutcome, Turn, Wake};
use crate::engine::{Clock, StopSignal};

#[cfg(test)]
mod tests;

/// What comes between two passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// How long it takes until the next pass begins by itself; `None` where it does not.
    pub next: Option<Duration>,
    /// What brings that pass.
    pub wake: Option<Wake>,
    /// How many passes in a row have failed.
    pub failures: u32,
}

/// Sees what a loop does.
pub trait Onlooker: Send {
    /// A pass is about to begin.
    fn began(&mut self, turn: &Turn);

    /// It is over. [`ControlFlow::Break`] ends the loop.
    fn ended(&mut self, turn: &Turn, outcome: &PassOutcome, took: Duration) -> ControlFlow<()>;

    /// Nothing is to be done for now.
    fn pauses(&mut self, pause: &Pause);
}

/// A stage that goes on.
#[derive(Clone, Debug)]
pub struct StageLoop {
    agenda: Agenda,
    bell: Bell,
    clock: Clock,
}

impl StageLoop {
    /// A loop that goes by `agenda` on `clock`, and hears `bell`.
    pub fn new(agenda: Agenda, bell: Bell, clock: Clock) -> Self {
        Self { agenda, bell, clock }
    }

    /// Makes one pass after the other, until it is asked to stop or the onlooker has seen enough. A pass that runs when it is
    /// asked to stop is awaited. The answer is how the last pass ended, where there was one.
    pub async fn run(
        &mut self,
        pass: &mut dyn Pass,
        onlooker: &mut dyn Onlooker,
        mut stop: StopSignal,
    ) -> Option<PassOutcome> {
        let mut last = None;
        while stop.stopped().now_or_never().is_none() {
            self.hear();
            match self.agenda.due() {
                Some(due) if due <= self.clock.elapsed() => {
                    tokio::select! {
                        biased;
                        _why = stop.stopped() => continue,
                        () = pass.ready() => {}
                    }
                    self.hear();
                    let turn = self.agenda.begin(self.clock.elapsed());
                    let began = self.clock.elapsed();
                    onlooker.began(&turn);
                    let outcome = self.beside_the_bell(pass, &turn, stop.clone()).await;
                    self.agenda.ended(self.clock.elapsed(), &outcome);
                    let took = self.clock.elapsed().saturating_sub(began);
                    let enough = onlooker.ended(&turn, &outcome, took).is_break();
                    let stopped = matches!(outcome.end, End::Stopped { .. });
                    last = Some(outcome);
                    if enough || stopped {
                        return last;
                    }
                    self.hear();
                    onlooker.pauses(&self.pause());
                }
                due => {
                    let bell = self.bell.clone();
                    let clock = self.clock;
                    let until = async {
                        match due {
                            Some(due) => tokio::time::sleep_until(clock.instant(due)).await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        biased;
                        _why = stop.stopped() => {}
                        () = bell.rings() => {}
                        () = until => {}
                    }
                }
            }
        }
        last
    }

    /// The pass, while the bell is heard: when a file changed counts from the change, not from the end of the pass.
    async fn beside_the_bell(&mut self, pass: &mut dyn Pass, turn: &Turn, stop: StopSignal) -> PassOutcome {
        let bell = self.bell.clone();
        let span = span_of(turn);
        let mut run = std::pin::pin!(pass.run(turn, stop).instrument(span.clone()));
        let outcome = loop {
            tokio::select! {
                biased;
                outcome = &mut run => break outcome,
                () = bell.rings() => self.hear(),
            }
        };
        tell(&span, outcome.end);
        outcome
    }

    fn hear(&mut self) {
        let rung = self.bell.take();
        let now = self.clock.elapsed();
        if let Some(files) = rung.changed {
            self.agenda.changed(now, files);
        }
        if rung.asked {
            self.agenda.ask(now);
        }
    }

    fn pause(&self) -> Pause {
        let due = self.agenda.due();
        Pause {
            next: due.map(|due| due.saturating_sub(self.clock.elapsed())),
            wake: self.agenda.awaited(),
            failures: self.agenda.failures(),
        }
    }
}

/// What a pass of a loop shows of itself to whoever traces. All that it does lies inside, the reading of the project too.
fn span_of(turn: &Turn) -> Span {
    let because: Vec<_> = turn.because.iter().map(written).collect();
    tracing::info_span!(
        "turn",
        number = turn.number,
        because = because.join(", "),
        end = Empty,
        otel.status_description = Empty,
    )
}

/// Writes down how it ended.
fn tell(span: &Span, end: End) {
    let word = written(&end);
    span.record("end", word.as_str());
    if !matches!(
        end,
        End::Converged { .. } | End::Reported | End::Stopped { open: false }
    ) {
        span.record("otel.status_description", word.as_str());
    }
}

/// The word for it in the written forms: `timer`, `rolled_back`.
fn written(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        Ok(value) => value["end"].as_str().unwrap_or_default().to_owned(),
        Err(_) => String::new(),
    }
}
