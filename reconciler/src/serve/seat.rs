//! One stage in this process, from the configuration that names it to the one that does not: waits until the stage is ours and
//! nobody has paused it, and lets its loop run for as long as that is so.

use std::sync::Arc;

use tokio::sync::watch;

use self::seated::{Seated, Sight};
use super::board::Standing;
use super::crew::{Crew, CrewError, FirstPass, Last, Muster};
use super::desk::Desk;
use super::service::{Posting, Witness};
use super::slots::Slots;
use crate::engine::{Clock, StopSignal, chain};
use crate::watch::{Agenda, StageLoop};

mod seated;

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
    /// Carries the stage until it is told to leave or to stop. A pass that is being made is awaited, and none is begun after
    /// that.
    pub(super) async fn carry(mut self) {
        let mut seated = Seated::of(&self);
        let mut stage: Option<StageLoop> = None;
        // Whether the stage may have been another's since the loop ran last.
        let mut unsure = true;
        let mut muster = self.crew.muster();
        let mut stop = self.stop.clone();
        while !*self.leave.borrow() {
            let now = Arc::clone(&muster.borrow_and_update());
            let idle = self.idle(&now);
            self.show(idle, &now);
            match idle {
                Idle::No => {
                    if unsure {
                        stage = self
                            .begin(stage.take(), &mut seated, &mut muster, &mut stop)
                            .await;
                        unsure = stage.is_none();
                    }
                    if let Some(stage) = &mut stage
                        && self.run(stage, &mut seated, &mut muster).await
                    {
                        return;
                    }
                }
                // Who was cut off for a moment goes on where it was, unless somebody else was at it meanwhile.
                Idle::Unknown => unsure = true,
                Idle::Elsewhere | Idle::Paused => {
                    (stage, unsure) = (None, true);
                    seated.rest();
                }
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
                    // What was found here is for the one to say that carries it now.
                    (report.standing, report.next) = (Standing::Elsewhere, None);
                    report.failures = 0;
                    report.drift.clear();
                }
                (Idle::No | Idle::Paused, Standing::Elsewhere) => report.standing = Standing::Unknown,
                _ => {}
            }
            if idle == Idle::Paused {
                report.next = None;
            }
        });
    }

    /// A loop whose first pass is due now, when nobody else is at one any more; or the one `before`, where nobody has made a pass
    /// since its last. `None` where the stage is no longer ours.
    async fn begin(
        &mut self,
        before: Option<StageLoop>,
        seated: &mut Seated,
        muster: &mut watch::Receiver<Arc<Muster>>,
        stop: &mut StopSignal,
    ) -> Option<StageLoop> {
        if before.is_none() {
            // What rang while another carried the stage is what that one has seen to.
            self.desk.bell().forget();
        }
        let mut told = None;
        let last = loop {
            match self.crew.first_pass(&self.posting.key).await {
                Ok(FirstPass::Now(last)) => break last,
                Ok(FirstPass::AfterThat(other)) => self.waits_for(other),
                Err(error) => self.cannot_begin(&error, &mut told),
            }
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
        };
        match before {
            Some(stage) if last.number == seated.number() => Some(stage),
            _ => Some(self.anew(last, seated)),
        }
    }

    fn anew(&self, last: Last, seated: &mut Seated) -> StageLoop {
        self.desk.update(|report| {
            if report.standing == Standing::Elsewhere {
                report.standing = Standing::Unknown;
            }
        });
        let clock = Clock::starting_at(self.desk.now());
        let agenda = Agenda::new(self.posting.rhythm, self.seed, clock.elapsed());
        let agenda = agenda.sparing(last.spared.clone());
        seated.sit(last);
        StageLoop::new(agenda, self.desk.bell().clone(), clock)
    }

    fn waits_for(&self, other: String) {
        self.desk.update(|report| {
            (report.holder, report.standing) = (Some(other), Standing::Elsewhere);
        });
    }

    /// Told where it is another reason than the one before.
    fn cannot_begin(&self, error: &CrewError, told: &mut Option<String>) {
        let why = chain(error);
        self.desk.update(|report| report.standing = Standing::Refused);
        if told.as_ref() != Some(&why) {
            self.witness.told(&self.posting.key, &why);
            *told = Some(why);
        }
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
                // Before the loop is looked at: a pass that is due is not begun any more.
                _why = stop.stopped() => break true,
                _left = leave.wait_for(|leave| *leave) => break true,
                // It ends by itself only when a pass was stopped.
                _last = &mut running => return true,
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
