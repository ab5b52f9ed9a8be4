//! One stage in this process, from the configuration that names it to the one that does not: waits until the stage is ours and
//! nobody has paused it, and lets its loop run for as long as that is so.

use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use jiff::SignedDuration;
use tokio::sync::watch;

use super::board::{LastPass, Next, Running, Standing};
use super::crew::{Claim, Crew, FirstPass, Muster, Unclaimed};
use super::desk::Desk;
use super::service::{Posting, Witness};
use super::slots::{Slot, Slots};
use crate::engine::{Clock, StopSignal};
use crate::watch::{Agenda, End, Onlooker, Pass, PassOutcome, Pause, StageLoop, Turn};

/// Everything that a stage needs to run.
pub(super) struct Seat {
    pub(super) posting: Posting,
    pub(super) desk: Desk,
    pub(super) slots: Slots,
    pub(super) crew: Crew,
    pub(super) witness: Arc<dyn Witness>,
    pub(super) seed: u64,
    /// True when the configuration no longer names it so.
    pub(super) leave: watch::Receiver<bool>,
    pub(super) stop: StopSignal,
}

/// Why a loop does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Idle {
    /// It may run.
    No,
    /// Nobody can say yet whose the stage is.
    Unknown,
    Elsewhere,
    Paused,
}

impl Seat {
    /// Carries the stage until it is told to leave or to stop. A pass that is being made is awaited.
    pub(super) async fn carry(mut self) {
        let mut seated = Seated::of(&self);
        let mut stage: Option<StageLoop> = None;
        let mut muster = self.crew.muster();
        let mut stop = self.stop.clone();
        loop {
            let idle = self.idle(&muster.borrow_and_update().clone());
            self.show(idle, &muster.borrow());
            match idle {
                Idle::No => {
                    if stage.is_none() {
                        stage = self.begin(&mut muster, &mut stop).await;
                    }
                    if let Some(stage) = &mut stage
                        && self.run(stage, &mut seated, &mut muster).await
                    {
                        return;
                    }
                }
                Idle::Paused if muster.borrow().is_mine(&self.posting.key) => {}
                Idle::Elsewhere | Idle::Unknown | Idle::Paused => stage = None,
            }
            if idle != Idle::No || stage.is_none() {
                tokio::select! {
                    biased;
                    _why = stop.stopped() => return,
                    _left = self.leave.wait_for(|leave| *leave) => return,
                    Ok(()) = muster.changed() => {}
                }
            }
        }
    }

    fn idle(&self, muster: &Muster) -> Idle {
        let key = &self.posting.key;
        match muster.carrier(key) {
            _ if !muster.is_heard() => Idle::Unknown,
            None => Idle::Unknown,
            Some(_) if muster.is_paused(key, self.posting.paused) => Idle::Paused,
            Some(_) if muster.is_mine(key) => Idle::No,
            Some(_) => Idle::Elsewhere,
        }
    }

    fn show(&self, idle: Idle, muster: &Muster) {
        let key = &self.posting.key;
        let paused = muster.is_paused(key, self.posting.paused);
        let holder = muster.carrier(key).map(ToOwned::to_owned);
        let mine = muster.is_mine(key);
        self.desk.update(|report| {
            report.paused = paused;
            report.holder = holder;
            match (idle, report.standing) {
                (Idle::Elsewhere, _) | (Idle::Paused, _) if !mine => {
                    (report.standing, report.next) = (Standing::Elsewhere, None);
                    report.failures = 0;
                }
                (Idle::No | Idle::Paused, Standing::Elsewhere) => report.standing = Standing::Unknown,
                _ => {}
            }
            if idle == Idle::Paused {
                report.next = None;
            }
        });
    }

    /// A loop whose first pass is due now, when nobody else is at one any more. `None` where the stage is no longer ours.
    async fn begin(
        &mut self,
        muster: &mut watch::Receiver<Arc<Muster>>,
        stop: &mut StopSignal,
    ) -> Option<StageLoop> {
        // What rang while another carried the stage is what that one has seen to.
        self.desk.bell().forget();
        loop {
            match self.crew.first_pass(&self.posting.key).await {
                Ok(FirstPass::Now) => break,
                Ok(FirstPass::AfterThat(_)) | Err(_) => {
                    let again = tokio::time::sleep(self.crew.beat());
                    tokio::select! {
                        biased;
                        _why = stop.stopped() => return None,
                        _left = self.leave.wait_for(|leave| *leave) => return None,
                        () = again => {}
                    }
                    if self.idle(&muster.borrow()) != Idle::No {
                        return None;
                    }
                    continue;
                }
            }
        }
        let clock = Clock::starting_at(self.desk.now());
        let agenda = Agenda::new(self.posting.rhythm, self.seed, clock.elapsed());
        Some(StageLoop::new(agenda, self.desk.bell().clone(), clock))
    }

    /// Lets the loop run for as long as it may. True where that was the last time.
    async fn run(
        &mut self,
        stage: &mut StageLoop,
        seated: &mut Seated,
        muster: &mut watch::Receiver<Arc<Muster>>,
    ) -> bool {
        let (parks, park) = StopSignal::new();
        let mut sight = Sight(self.desk.clone());
        let running = stage.run(seated, &mut sight, park);
        tokio::pin!(running);
        let (mut stop, mut leave) = (self.stop.clone(), self.leave.clone());
        let is_last = loop {
            tokio::select! {
                biased;
                // It ends by itself only when a pass was stopped.
                _last = &mut running => return true,
                _why = stop.stopped() => break true,
                _left = leave.wait_for(|leave| *leave) => break true,
                Ok(()) = muster.changed() => {
                    if self.idle(&muster.borrow_and_update()) != Idle::No {
                        break false;
                    }
                }
            }
        };
        let _running = parks.send(Some("it is not to be carried on here".to_owned()));
        running.await;
        is_last
    }
}

/// A pass that waits for its turn, and is written down before it begins.
struct Seated {
    posting: Posting,
    inner: Box<dyn Pass>,
    desk: Desk,
    slots: Slots,
    crew: Crew,
    witness: Arc<dyn Witness>,
    stop: StopSignal,
    slot: Option<Slot>,
}

impl Seated {
    fn of(seat: &Seat) -> Self {
        Self {
            inner: (seat.posting.make)(seat.desk.clone()),
            posting: seat.posting.clone(),
            desk: seat.desk.clone(),
            slots: seat.slots.clone(),
            crew: seat.crew.clone(),
            witness: Arc::clone(&seat.witness),
            stop: seat.stop.clone(),
            slot: None,
        }
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
        let run = AssertUnwindSafe(self.inner.run(turn, self.stop.clone())).catch_unwind();
        if let Ok(outcome) = run.await {
            return outcome;
        }
        self.inner = (self.posting.make)(self.desk.clone());
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
        let counts = self.desk.board().counts();
        // This one is not among those that wait yet.
        counts.queued(self.slots.depth() + 1);
        self.slot = Some(self.slots.enter(&self.posting.key.project).await);
        counts.queued(self.slots.depth());
    }

    async fn run(&mut self, turn: &Turn, _park: StopSignal) -> PassOutcome {
        // The stop of the loop ends the loop and no pass: only the process stops passes.
        let _slot = self.slot.take();
        let claim = match self.claim().await {
            Ok(claim) => claim,
            Err(end) => return ended(end),
        };
        let began = tokio::time::Instant::now();
        drop(self.desk.take_why());
        self.show_begin(turn);
        let outcome = self.make(turn).await;
        let took = began.elapsed();
        self.show_end(turn, &outcome, self.desk.take_why(), took);
        let well = matches!(
            outcome.end,
            End::Converged { .. }
                | End::Reported
                | End::Spared
                | End::RolledBack
                | End::Refused { lasting: true }
        );
        if let Err(error) = self.crew.done(claim, well, self.desk.now()).await {
            self.witness.told(&self.posting.key, &chain(&error));
        }
        outcome
    }
}

/// Tells the board what comes next.
struct Sight(Desk);

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

/// An error with its causes, in a line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        said.push_str(": ");
        said.push_str(&next.to_string());
        cause = next.source();
    }
    said
}
