//! The core of the engine: what has happened goes in, what is to be done comes out. Pure and synchronous.
//!
//! The machine owns the transaction and applies an entry to it once the entry is durable. It announces before it calls
//! (design 6.3, rule 1), lets dependents start only after a step's end is durable, settles doubt by looking, turns around
//! only when a step is refused, and brings back everything touched. `drive` performs its commands; nothing here waits,
//! reads a clock or draws a number, so a run is a function of its inputs and can be repeated and enumerated.
//!
//! Entries that become due together are one append: while one batch is being made durable, the next gathers.
//!
//! The three kinds of work stand in `machine/forward.rs`, `machine/sweep.rs` and `machine/back.rs`; what no way back restores
//! in `machine/lost.rs` and `machine/parents.rs`; what one piece of work does by itself in `attempt`; which may run now in `frontier`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use grail_providers::port::{Failure, RuleBook, Rules};
use grail_state::snapshot::Home;
use grail_state::txn::{Phase, Txn};
use grail_state::{Entry, Handle, Observed, Record, Remote, ResourceId};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::attempt::{Move, Pause, Refusal};
use super::frontier::Frontier;
use super::limits::{Limits, Time};
use crate::event::{Event, Outcome};
use crate::plan::{Plan, StepId};
use job::{Job, Stage};

mod back;
mod forward;
mod job;
mod lost;
mod parents;
mod prepare;
mod sweep;
#[cfg(test)]
mod tests;
mod words;

pub use words::{Course, Input, Output, Setup, Ticket, Unseal};

/// See the module.
pub struct Machine {
    txn: Txn,
    plan: Option<Box<Plan>>,
    course: Option<Course>,
    rules: Arc<dyn RuleBook + Send + Sync>,
    unseal: Arc<dyn Unseal>,
    limits: Limits,
    keep_on_failure: bool,
    by: String,
    home: Option<Home>,
    new_file: bool,
    nonce: String,
    epoch: Timestamp,
    now: Time,
    stage: Stage,
    run: u32,
    jobs: Vec<Job>,
    frontier: Frontier,
    waking: BTreeSet<(Time, usize)>,
    in_flight: usize,
    queue: Vec<(Entry, Then)>,
    noting: Vec<(Entry, Then)>,
    turning: Option<String>,
    halted: Option<String>,
    broken: bool,
    /// The journal is known to hold nothing.
    unwritten: bool,
    finished: bool,
    quiet: Time,
    /// When something was last heard from outside.
    heard: Option<Time>,
    /// Nothing is launched before.
    hold: Option<Time>,
    notes: BTreeMap<ResourceId, Option<Record>>,
    /// Deletions of the build that wait for the commit after all.
    postponed: BTreeSet<StepId>,
    /// Outputs of what is there and is to be changed, for those that the state does not know.
    seen: BTreeMap<ResourceId, BTreeMap<String, Value>>,
    unswept: Vec<(ResourceId, String)>,
    stuck: Vec<(ResourceId, String)>,
}

/// What follows once an entry is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Nothing,
    Act(usize),
    Finish(usize),
    Sweep,
    Restore,
}

impl Machine {
    /// A machine that waits for [`Input::Start`].
    pub fn new(setup: Setup) -> Self {
        Self {
            txn: setup.txn,
            plan: None,
            course: Some(setup.course),
            rules: setup.rules,
            unseal: setup.unseal,
            limits: setup.limits,
            keep_on_failure: setup.keep_on_failure,
            by: setup.by,
            home: setup.home,
            new_file: setup.new_file,
            nonce: setup.nonce,
            epoch: setup.epoch,
            now: Time::ZERO,
            stage: Stage::Over,
            run: 0,
            jobs: Vec::new(),
            frontier: Frontier::empty(),
            waking: BTreeSet::new(),
            in_flight: 0,
            queue: Vec::new(),
            noting: Vec::new(),
            turning: None,
            halted: None,
            broken: false,
            unwritten: false,
            finished: false,
            quiet: setup.quiet,
            heard: None,
            hold: None,
            notes: BTreeMap::new(),
            postponed: BTreeSet::new(),
            seen: BTreeMap::new(),
            unswept: Vec::new(),
            stuck: Vec::new(),
        }
    }

    /// The transaction as far as it is durable.
    pub fn txn(&self) -> &Txn {
        &self.txn
    }

    /// The transaction, when the machine has done its work.
    pub fn into_txn(self) -> Txn {
        self.txn
    }

    /// When [`Input::Tick`] is due.
    pub fn wakes_at(&self) -> Option<Time> {
        if self.halted.is_some() || self.turning.is_some() {
            return None;
        }
        self.hold.or_else(|| self.waking.first().map(|(time, _)| *time))
    }

    /// Launches nothing before `until`: what was sent and not answered has arrived by then, or never will (design 6.3, rule
    /// 10). Without this, a deletion that arrives late could meet what was made in the meantime under the same name.
    fn hold_until(&mut self, until: Time, out: &mut Vec<Output>) {
        let until = self.hold.map_or(until, |held| held.max(until));
        if until > self.now {
            self.hold = Some(until);
            let seconds = (until - self.now).as_secs_f64().ceil();
            out.push(Output::Emit(Event::Said {
                code: "waiting.late".to_owned(),
                text: format!("waiting {seconds} s for requests without an answer, which may still arrive"),
                warning: false,
            }));
        }
    }

    /// Launches nothing before all that was written can be read.
    fn hold_for_readings(&mut self) {
        if let Some(heard) = self.heard {
            let readable = heard.saturating_add(self.limits.grace);
            let until = self.hold.map_or(readable, |held| held.max(readable));
            self.hold = Some(until).filter(|until| *until > self.now);
        }
    }

    /// Takes what has happened at `now` and adds what is to be done to `out`.
    pub fn feed(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        self.now = now;
        if let Input::Answered { .. } | Input::Seen { .. } = input {
            self.heard = Some(now);
        }
        match input {
            Input::Start => self.start(out),
            Input::Noted => self.noted(out),
            Input::Secured { ticket, keep } => self.secured(ticket, keep, out),
            Input::Answered { ticket, result } => self.answered(ticket, result, out),
            Input::Seen { ticket, result } => self.seen(ticket, result, out),
            Input::Tick => {}
            Input::Stop { why } => {
                if self.in_flight > 0 {
                    out.push(Output::Emit(stopping(&why, &self.limits)));
                }
                self.halted.get_or_insert(why);
            }
            Input::Broken { why, unwritten } => {
                self.halted.get_or_insert(why);
                self.broken = true;
                self.unwritten = unwritten;
            }
        }
        self.advance(out);
        self.flush(out);
    }

    fn start(&mut self, out: &mut Vec<Output>) {
        match self.course.take() {
            Some(Course::Forward { plan, command }) => {
                let begin = Entry::Begin {
                    goal: plan.digest.clone(),
                    command,
                    by: Some(self.by.clone()),
                    home: self.home.clone(),
                    new_file: self.new_file,
                    at: self.wall(),
                };
                self.note(begin, Then::Nothing);
                self.plan = Some(plan);
                self.enter_build(out);
            }
            Some(Course::Back { why }) => self.enter_abort(&why),
            Some(Course::Finish) => match self.txn.phase() {
                Phase::Sweeping => {
                    self.hold_until(self.quiet, out);
                    self.enter_sweep();
                }
                Phase::Aborting => {
                    self.hold_until(self.quiet, out);
                    self.enter_restore();
                }
                Phase::Idle | Phase::Building => {
                    self.halted = Some("there is nothing to finish".to_owned());
                }
            },
            None => {}
        }
    }

    /// Launches what may run and sees whether a stage is over. Called after every input.
    fn advance(&mut self, out: &mut Vec<Output>) {
        self.hold = self.hold.filter(|until| *until > self.now);
        if self.halted.is_none() && self.turning.is_none() && self.hold.is_none() {
            self.wake();
            while let Some(job) = self.frontier.launch() {
                self.launch(job, out);
                if self.halted.is_some() || self.turning.is_some() {
                    break;
                }
            }
        }
        self.end_of_stage(out);
    }

    fn wake(&mut self) {
        while let Some((time, job)) = self.waking.first().copied() {
            if time > self.now {
                break;
            }
            self.waking.pop_first();
            self.frontier.resume(job);
        }
    }

    fn launch(&mut self, job: usize, out: &mut Vec<Output>) {
        match self.stage {
            Stage::Build => self.launch_build(job, out),
            Stage::Sweep => self.launch_sweep(job, out),
            Stage::Restore => self.act(job, out),
            Stage::Abort | Stage::Commit | Stage::Over => {}
        }
    }

    /// Lets a job make its first or next move.
    fn act(&mut self, job: usize, out: &mut Vec<Output>) {
        let now = self.now;
        let Some(entry) = self.jobs.get_mut(job) else {
            return;
        };
        if entry.started.is_none() {
            entry.started = Some(now);
        }
        if let Some(why) = entry.blocked.clone() {
            let refusal = Refusal {
                why,
                hint: None,
                maybe: false,
            };
            return self.refuse(job, &refusal, out);
        }
        match entry.attempts.front_mut().map(super::attempt::Attempt::woke) {
            Some(step) => self.perform(job, step, out),
            None => self.conclude(job),
        }
    }

    fn perform(&mut self, job: usize, step: Move, out: &mut Vec<Output>) {
        let Some(entry) = self.jobs.get_mut(job) else {
            return;
        };
        let id = entry.id.clone();
        let ticket = Ticket { run: self.run, job };
        let urgency = self.frontier.urgency(job);
        match step {
            Move::Call(call) => {
                self.in_flight += 1;
                out.push(Output::Call {
                    ticket,
                    id,
                    call,
                    urgency,
                });
            }
            Move::Look(look) => {
                self.in_flight += 1;
                out.push(Output::Look {
                    ticket,
                    id,
                    look,
                    urgency,
                });
            }
            Move::Wait { until, why } => {
                self.waking.insert((until, job));
                self.frontier.pause(job);
                out.extend(told(id, why, until.saturating_sub(self.now)).map(Output::Emit));
            }
            Move::Settled(remote) => {
                if let Some(done) = entry.attempts.pop_front() {
                    entry.theirs.extend(done.theirs().iter().cloned());
                    entry.left |= done.left().is_some();
                    out.extend(done.left().map(|handle| Output::Emit(left_alone(&id, handle))));
                }
                entry.last = remote;
                if entry.attempts.is_empty() {
                    self.conclude(job);
                } else if self.halted.is_none() {
                    self.act(job, out);
                }
            }
            Move::Refused(refusal) => self.refuse(job, &refusal, out),
        }
    }

    fn answered(&mut self, ticket: Ticket, result: Result<Option<Remote>, Failure>, out: &mut Vec<Output>) {
        let now = self.now;
        self.settle_move(ticket, out, |attempt, rules, limits| {
            attempt.answered(result, rules, limits, now)
        });
    }

    fn seen(&mut self, ticket: Ticket, result: Result<Observed, Failure>, out: &mut Vec<Output>) {
        if self.asks_for_parents(ticket) {
            return self.parent_seen(ticket.job, result, out);
        }
        let now = self.now;
        self.settle_move(ticket, out, |attempt, rules, limits| {
            attempt.seen(result, rules, limits, now)
        });
    }

    fn settle_move(
        &mut self,
        ticket: Ticket,
        out: &mut Vec<Output>,
        ask: impl FnOnce(&mut super::attempt::Attempt, &dyn Rules, &Limits) -> Move,
    ) {
        if ticket.run != self.run {
            return;
        }
        self.in_flight = self.in_flight.saturating_sub(1);
        let book = Arc::clone(&self.rules);
        let Some(entry) = self.jobs.get_mut(ticket.job) else {
            return;
        };
        let Some(rules) = book.rules(&entry.id.kind) else {
            let refusal = Refusal {
                why: format!("this grail does not know the kind `{}`", entry.id.kind),
                hint: None,
                maybe: false,
            };
            return self.refuse(ticket.job, &refusal, out);
        };
        let Some(attempt) = entry.attempts.front_mut() else {
            return;
        };
        let step = ask(attempt, rules, &self.limits);
        let ending = self.halted.is_some() || self.turning.is_some();
        match step {
            // What is launched no more: another try. What it has come to stays unsettled, and is settled by looking.
            Move::Call(_) | Move::Look(_) | Move::Wait { .. } if ending => {}
            step => self.perform(ticket.job, step, out),
        }
    }

    fn conclude(&mut self, job: usize) {
        match self.stage {
            Stage::Build => self.conclude_build(job),
            Stage::Sweep => self.conclude_sweep(job),
            Stage::Restore => self.conclude_restore(job),
            Stage::Abort | Stage::Commit | Stage::Over => {}
        }
    }

    fn refuse(&mut self, job: usize, refusal: &Refusal, out: &mut Vec<Output>) {
        match self.stage {
            Stage::Build => self.refuse_build(job, refusal, out),
            Stage::Sweep => self.refuse_sweep(job, refusal, out),
            Stage::Restore => self.refuse_restore(job, refusal, out),
            Stage::Abort | Stage::Commit | Stage::Over => {}
        }
    }

    fn note(&mut self, entry: Entry, then: Then) {
        self.queue.push((entry, then));
    }

    fn flush(&mut self, out: &mut Vec<Output>) {
        if self.broken || !self.noting.is_empty() || self.queue.is_empty() {
            return;
        }
        self.noting = std::mem::take(&mut self.queue);
        let entries = self.noting.iter().map(|(entry, _)| entry.clone()).collect();
        out.push(Output::Note(entries));
    }

    fn noted(&mut self, out: &mut Vec<Output>) {
        let noted = std::mem::take(&mut self.noting);
        let mut exists = false;
        for (entry, _) in &noted {
            if let Err(corrupt) = self.txn.apply(entry) {
                self.halted.get_or_insert(corrupt.to_string());
                self.broken = true;
                return;
            }
            exists |= matches!(
                entry,
                Entry::Done { .. }
                    | Entry::Gone { .. }
                    | Entry::Restored { .. }
                    | Entry::Swept { .. }
                    | Entry::Pruned { .. }
                    | Entry::Commit { .. }
            );
        }
        if exists {
            out.push(Output::Project);
        }
        for (entry, then) in noted {
            self.told_by(&entry, then, out);
            match then {
                Then::Nothing => {}
                Then::Act(job) if self.turning.is_none() && self.halted.is_none() => self.act(job, out),
                Then::Act(_) => {}
                Then::Finish(job) => self.finish(job, out),
                Then::Sweep => self.enter_sweep(),
                Then::Restore => self.enter_restore(),
            }
        }
    }

    fn is_noting(&self) -> bool {
        !(self.broken || self.noting.is_empty() && self.queue.is_empty())
    }

    fn end_of_stage(&mut self, out: &mut Vec<Output>) {
        if self.finished || self.course.is_some() {
            return;
        }
        if self.in_flight > 0 || self.is_noting() {
            return;
        }
        if let Some(why) = self.halted.take() {
            // No call is made before its announcement is durable.
            let nothing_was_done = self.unwritten && self.txn.phase() == Phase::Idle;
            let outcome = match nothing_was_done {
                true => Outcome::Refused { why },
                false => Outcome::Open { why },
            };
            return self.over(outcome, out);
        }
        match self.stage {
            Stage::Build => self.end_of_build(out),
            Stage::Sweep => self.end_of_sweep(out),
            Stage::Restore => self.end_of_restore(out),
            Stage::Abort | Stage::Commit | Stage::Over => {}
        }
    }

    fn over(&mut self, outcome: Outcome, out: &mut Vec<Output>) {
        self.finished = true;
        self.stage = Stage::Over;
        self.frontier = Frontier::empty();
        out.push(Output::Finish(outcome));
    }

    fn enter(&mut self, stage: Stage, jobs: Vec<Job>, frontier: Frontier) {
        self.stage = stage;
        self.run += 1;
        self.jobs = jobs;
        self.frontier = frontier;
        self.waking.clear();
        self.in_flight = 0;
    }

    fn wall(&self) -> Timestamp {
        let since = SignedDuration::try_from(self.now).unwrap_or(SignedDuration::MAX);
        self.epoch.checked_add(since).unwrap_or(Timestamp::MAX)
    }
}

fn stopping(why: &str, limits: &Limits) -> Event {
    let seconds = limits.stop.as_secs();
    Event::Said {
        code: "stopping".to_owned(),
        text: format!(
            "{why}: nothing more is started; what is in flight is awaited, for {seconds} s at most (ask again to stop at once)"
        ),
        warning: false,
    }
}

fn left_alone(id: &ResourceId, handle: &Handle) -> Event {
    Event::Said {
        code: "delete.foreign".to_owned(),
        text: format!(
            "{id}: what is called {handle} now is not what was to be deleted (somebody else has made it since): it stays"
        ),
        warning: true,
    }
}

fn told(id: ResourceId, why: Pause, after: Time) -> Option<Event> {
    match why {
        Pause::Awaiting(on) => Some(Event::Waiting {
            id,
            on: on.to_owned(),
        }),
        Pause::Retrying { why, .. } => Some(Event::Retrying { id, why, after }),
        Pause::Late => Some(Event::Waiting {
            id,
            on: "a request without an answer, which may still arrive".to_owned(),
        }),
    }
}
