//! The pass of a stage that has a seat: it waits for its turn, and is written down before it begins and when it has ended.

use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use grail_state::Digest;
use jiff::SignedDuration;

use super::Seat;
use crate::engine::{StopSignal, chain};
use crate::serve::board::{LastPass, Next, Running, Standing};
use crate::serve::crew::{Claim, Crew, Last, Unclaimed};
use crate::serve::desk::Desk;
use crate::serve::service::{Posting, Witness};
use crate::serve::slots::{Slot, Slots};
use crate::watch::{End, Onlooker, Pass, PassOutcome, Pause, Turn};

/// See the module.
pub(super) struct Seated {
    posting: Posting,
    /// What makes the passes while the stage is ours. It follows files, of which others need not be told.
    inner: Option<Box<dyn Pass>>,
    /// The number of the last pass that was begun here, or that was known when the stage became ours.
    number: u64,
    /// The plan that was taken back.
    spared: Option<Digest>,
    desk: Desk,
    slots: Slots,
    crew: Crew,
    witness: Arc<dyn Witness>,
    stop: StopSignal,
    slot: Option<Slot>,
}

impl Seated {
    pub(super) fn of(seat: &Seat) -> Self {
        Self {
            inner: None,
            number: 0,
            spared: None,
            posting: seat.posting.clone(),
            desk: seat.desk.clone(),
            slots: seat.slots.clone(),
            crew: seat.crew.clone(),
            witness: Arc::clone(&seat.witness),
            stop: seat.stop.clone(),
            slot: None,
        }
    }

    /// The stage is ours from now on, and this is what was left of it.
    pub(super) fn sit(&mut self, last: Last) {
        self.inner = Some((self.posting.make)(self.desk.clone()));
        (self.number, self.spared) = (last.number, last.spared);
    }

    /// The stage is not carried here: nothing of it is followed.
    pub(super) fn rest(&mut self) {
        self.inner = None;
    }

    /// The number of the last pass that was begun here.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    async fn claim(&mut self) -> Result<Claim, End> {
        let mut stop = self.stop.clone();
        let claimed = tokio::select! {
            biased;
            _why = stop.stopped() => return Err(End::Stopped { open: false }),
            claimed = self.crew.claim(&self.posting.key, self.desk.now()) => claimed,
        };
        claimed.map_err(|unclaimed| match unclaimed {
            Unclaimed::Elsewhere(holder) => {
                self.desk.update(|report| report.holder = Some(holder));
                End::Locked
            }
            Unclaimed::Unknown(error) => {
                let why = chain(&error);
                self.witness.told(&self.posting.key, &why);
                self.desk.update(|report| report.standing = Standing::Refused);
                End::Refused { lasting: false }
            }
        })
    }

    /// The pass itself. One that panics is refused, and the next begins with nothing of it.
    async fn make(&mut self, turn: &Turn) -> PassOutcome {
        let inner = self
            .inner
            .get_or_insert_with(|| (self.posting.make)(self.desk.clone()));
        let run = AssertUnwindSafe(inner.run(turn, self.stop.clone())).catch_unwind();
        if let Ok(outcome) = run.await {
            return outcome;
        }
        self.inner = None;
        self.desk
            .because(["a defect of grail ended the pass; it is tried again".to_owned()]);
        ended(End::Refused { lasting: false })
    }

    fn show_begin(&self, turn: &Turn) {
        let began = self.desk.now();
        self.desk.update(|report| {
            report.running = Some(Running {
                number: turn.number,
                because: turn.because.clone(),
                files: turn.files.clone(),
                began,
            });
            report.next = None;
            report.holder = Some(self.crew.me().to_owned());
        });
        self.witness.began(&self.posting.key, turn);
    }

    fn show_end(&self, turn: &Turn, outcome: &PassOutcome, why: Vec<String>, took: Duration) {
        let key = &self.posting.key;
        self.witness.ended(key, turn, outcome, &why, took);
        self.desk.update(|report| {
            let began = report
                .running
                .take()
                .map_or_else(|| self.desk.now(), |running| running.began);
            report.standing = standing(outcome.end, report.standing);
            if matches!(outcome.end, End::Converged { .. }) {
                report.drift.clear();
            }
            report.last = Some(LastPass {
                number: turn.number,
                because: turn.because.clone(),
                end: outcome.end,
                why,
                began,
                took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            });
        });
        self.desk.board().passed(key, outcome.end, took, self.desk.now());
    }
}

#[async_trait(?Send)]
impl Pass for Seated {
    async fn ready(&mut self) {
        self.slot = Some(self.slots.enter(&self.posting.key.project).await);
    }

    async fn run(&mut self, turn: &Turn, _park: StopSignal) -> PassOutcome {
        // The stop of the loop ends the loop and no pass: only the process stops passes.
        let _slot = self.slot.take();
        let claim = match self.claim().await {
            Ok(claim) => claim,
            Err(end) => return ended(end),
        };
        self.number = claim.number();
        let began = tokio::time::Instant::now();
        drop(self.desk.take_why());
        self.show_begin(turn);
        let outcome = self.make(turn).await;
        let took = began.elapsed();
        self.show_end(turn, &outcome, self.desk.take_why(), took);
        self.spared = outcome.spares(self.spared.take());
        let spared = self.spared.clone();
        if let Err(error) = self.crew.done(claim, spared, self.desk.now()).await {
            self.witness.told(&self.posting.key, &chain(&error));
        }
        outcome
    }
}

/// Tells the board what comes next.
pub(super) struct Sight(pub(super) Desk);

impl Onlooker for Sight {
    fn began(&mut self, _turn: &Turn) {}

    fn ended(&mut self, _turn: &Turn, _outcome: &PassOutcome, _took: Duration) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn pauses(&mut self, pause: &Pause) {
        let now = self.0.now();
        let at = |time: Duration| {
            now.checked_add(SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX))
                .ok()
        };
        let next = pause.next.and_then(at).zip(pause.wake);
        self.0.update(|report| {
            report.next = next.map(|(at, wake)| Next { at, wake });
            report.failures = pause.failures;
        });
    }
}

fn ended(end: End) -> PassOutcome {
    PassOutcome {
        end,
        goal: None,
        plan: None,
    }
}

/// How a stage stands after a pass that ended so.
fn standing(end: End, before: Standing) -> Standing {
    match end {
        End::Converged { .. } => Standing::Converged,
        End::Reported => Standing::Drifted,
        End::Spared | End::RolledBack => Standing::RolledBack,
        End::Open | End::Stopped { open: true } => Standing::Open,
        End::Stuck => Standing::Stuck,
        End::Locked => Standing::Elsewhere,
        End::Refused { .. } => Standing::Refused,
        End::Stopped { open: false } => before,
    }
}
