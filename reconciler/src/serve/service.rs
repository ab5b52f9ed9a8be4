//! All stages of this process: which there are now, and who may ask for what.
//!
//! A configuration that is another touches what it changes and nothing else: a stage that is gone ends after the pass that it
//! is in, one that is carried otherwise from now on begins anew after that.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grail_state::Digest;
use tokio::sync::watch;

use super::board::{Board, Control, Refused, StageKey, StageReport};
use super::crew::{Crew, Muster, Wishes};
use super::desk::{Desk, Wall};
use super::hands::Hands;
use super::seat::Seat;
use super::slots::Slots;
use crate::engine::StopSignal;
use crate::watch::{Bell, Pass, PassOutcome, Rhythm, Turn};

/// What makes the passes of a stage. Called on the thread where they are made.
pub type Make = Arc<dyn Fn(Desk) -> Box<dyn Pass> + Send + Sync>;

/// A stage that the configuration names.
#[derive(Clone)]
pub struct Posting {
    /// Which.
    pub key: StageKey,
    /// Where its project comes from, for people.
    pub source: String,
    /// Another where anything is another that the stage is carried by.
    pub fingerprint: Digest,
    /// The times that it goes by.
    pub rhythm: Rhythm,
    /// Whether it is paused until somebody resumes it.
    pub paused: bool,
    /// What makes its passes.
    pub make: Make,
}

/// Hears of passes, for a log.
pub trait Witness: Send + Sync {
    /// A pass begins.
    fn began(&self, key: &StageKey, turn: &Turn);

    /// It has ended, for these reasons where it did not go well.
    fn ended(&self, key: &StageKey, turn: &Turn, outcome: &PassOutcome, why: &[String], took: Duration);

    /// Something else is to be known of a stage.
    fn told(&self, key: &StageKey, text: &str);
}

/// What a service works with.
pub struct Means {
    /// Where it shows what it does.
    pub board: Arc<Board>,
    /// Whose turn it is.
    pub slots: Slots,
    /// The other replicas.
    pub crew: Crew,
    /// Where loops run.
    pub hands: Arc<dyn Hands>,
    /// Who hears of passes.
    pub witness: Arc<dyn Witness>,
    /// The clock on the wall.
    pub wall: Wall,
    /// Decides the jitter, with the name of the stage.
    pub seed: u64,
    /// A request to stop: no pass begins any more, and those that are being made end soon.
    pub stop: StopSignal,
}

/// See the module. Clones are the same.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    means: Means,
    seats: Mutex<Seats>,
    /// How many loops are running.
    loops: watch::Sender<usize>,
}

#[derive(Default)]
struct Seats {
    taken: BTreeMap<StageKey, Taken>,
    /// Whether the loops of stages that are gone have ended: one that comes back waits for that.
    leaving: BTreeMap<StageKey, watch::Receiver<bool>>,
}

/// A stage that is carried.
struct Taken {
    fingerprint: Digest,
    bell: Bell,
    leave: watch::Sender<bool>,
    ended: watch::Receiver<bool>,
}

/// What another configuration has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// These stages are new.
    pub added: BTreeSet<StageKey>,
    /// These are carried otherwise.
    pub changed: BTreeSet<StageKey>,
    /// These are gone.
    pub removed: BTreeSet<StageKey>,
}

impl Service {
    /// Carries nothing yet.
    pub fn new(means: Means) -> Self {
        Self(Arc::new(Inner {
            means,
            seats: Mutex::default(),
            loops: watch::channel(0).0,
        }))
    }

    /// Carries these stages from now on, and no others.
    pub fn apply(&self, postings: Vec<Posting>) -> Changes {
        let postings: BTreeMap<_, _> = postings.into_iter().map(|one| (one.key.clone(), one)).collect();
        self.0.means.crew.carries(postings.keys().cloned().collect());
        let mut changes = Changes::default();
        let mut seats = self.seats();
        let gone: Vec<_> = seats.taken.keys().cloned().collect();
        for key in gone.into_iter().filter(|key| !postings.contains_key(key)) {
            if let Some(taken) = seats.taken.remove(&key) {
                let ended = self.dismiss(&key, taken);
                seats.leaving.insert(key.clone(), ended);
                changes.removed.insert(key);
            }
        }
        for (key, posting) in postings {
            let before = seats.taken.remove(&key);
            if let Some(taken) = &before
                && taken.fingerprint == posting.fingerprint
            {
                seats.taken.extend(before.map(|before| (key, before)));
                continue;
            }
            let and = if before.is_some() {
                &mut changes.changed
            } else {
                &mut changes.added
            };
            and.insert(key.clone());
            let before = before.map(|before| {
                before.leave.send_replace(true);
                before.ended
            });
            let before = before.or_else(|| seats.leaving.remove(&key));
            seats.taken.insert(key, self.seat(posting, before));
        }
        changes
    }

    /// The stage ends after the pass that it is in, and is on the board until then. The answer tells when.
    fn dismiss(&self, key: &StageKey, taken: Taken) -> watch::Receiver<bool> {
        taken.leave.send_replace(true);
        let (service, key, mut ended) = (self.clone(), key.clone(), taken.ended.clone());
        self.0.means.hands.take(Box::new(move || {
            Box::pin(async move {
                drop(ended.wait_for(|ended| *ended).await);
                let mut seats = service.seats();
                // It may have come back meanwhile.
                let leaves = |still: &watch::Receiver<bool>| still.same_channel(&ended);
                if seats.leaving.get(&key).is_some_and(leaves) {
                    seats.leaving.remove(&key);
                    let means = &service.0.means;
                    means.board.remove(&key, (means.wall)());
                }
            })
        }));
        taken.ended
    }

    /// Begins to carry a stage, when `before` tells that the loop that it had has ended.
    fn seat(&self, posting: Posting, before: Option<watch::Receiver<bool>>) -> Taken {
        let means = &self.0.means;
        let bell = Bell::default();
        let (leave, left) = watch::channel(false);
        let (ends, ended) = watch::channel(false);
        let taken = Taken {
            fingerprint: posting.fingerprint.clone(),
            bell: bell.clone(),
            leave,
            ended,
        };
        let mut hasher = DefaultHasher::new();
        (means.seed, &posting.key).hash(&mut hasher);
        let (board, wall) = (Arc::clone(&means.board), Arc::clone(&means.wall));
        if board.stage(&posting.key).is_none() {
            // Whoever asks which stages there are hears of it from now on.
            let fresh = StageReport::new(posting.key.clone(), posting.source.clone());
            board.report(fresh, wall());
        }
        let (slots, crew) = (means.slots.clone(), means.crew.clone());
        let (witness, stop, seed) = (Arc::clone(&means.witness), means.stop.clone(), hasher.finish());
        let running = Running::begin(self.clone(), ends);
        means.hands.take(Box::new(move || {
            Box::pin(async move {
                let _running = running;
                if let Some(mut before) = before {
                    let _ended = before.wait_for(|ended| *ended).await;
                }
                let report = known(&board, &posting);
                let desk = Desk::new(board, report, bell, wall);
                let seat = Seat {
                    posting,
                    desk,
                    slots,
                    crew,
                    witness,
                    seed,
                    leave: left,
                    stop,
                };
                seat.carry().await;
            })
        }));
        taken
    }

    /// Passes on what other replicas were asked for, until the service ends. To be run beside it.
    pub async fn hear_wishes(&self) {
        let mut muster = self.0.means.crew.muster();
        let mut known: Option<Arc<Muster>> = None;
        loop {
            let now = Arc::clone(&muster.borrow_and_update());
            // Before this replica counts itself nobody here would hear it: what is asked for meanwhile is heard then.
            if now.is_heard() && now.is_here() {
                if let Some(known) = &known {
                    self.pass_on(&known.wishes, &now);
                }
                known = Some(now);
            }
            if muster.changed().await.is_err() {
                return;
            }
        }
    }

    /// Rings for what is asked for by now and was not `before`.
    fn pass_on(&self, before: &Wishes, now: &Muster) {
        let seats = self.seats();
        for (key, taken) in seats.taken.iter().filter(|(key, _)| now.is_mine(key)) {
            let name = key.to_string();
            if now.wishes.asked.get(&name) > before.asked.get(&name) {
                taken.bell.ask();
            }
            if now.wishes.woken.get(&name) > before.woken.get(&name) {
                taken.bell.changed(None);
            }
        }
    }

    /// Tells the stages of these that their source is another, where this process carries them and `is_new` says so.
    pub fn changed(&self, keys: &BTreeSet<StageKey>, is_new: impl Fn(&StageReport) -> bool) {
        let muster = self.0.means.crew.mustered();
        let seats = self.seats();
        for (key, taken) in seats.taken.iter().filter(|(key, _)| keys.contains(key)) {
            let report = self.0.means.board.stage(key);
            if muster.is_mine(key) && report.is_some_and(|report| is_new(&report)) {
                taken.bell.changed(None);
            }
        }
    }

    /// Whether this process carries any of these, and they are not paused.
    pub fn carries_any(&self, keys: &BTreeSet<StageKey>) -> bool {
        let board = &self.0.means.board;
        let muster = self.0.means.crew.mustered();
        let carries =
            |key: &StageKey| muster.is_mine(key) && board.stage(key).is_some_and(|stage| !stage.paused);
        keys.iter().any(carries)
    }

    /// What waits for its turn, and what has it.
    pub fn slots(&self) -> &Slots {
        &self.0.means.slots
    }

    /// Waits until no loop runs any more.
    pub async fn ended(&self) {
        let mut loops = self.0.loops.subscribe();
        let _none = loops.wait_for(|loops| *loops == 0).await;
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.0.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of a stage stays so, whatever carries it from now on. No pass of it is being made.
fn known(board: &Board, posting: &Posting) -> StageReport {
    let source = posting.source.clone();
    match board.stage(&posting.key) {
        Some(known) => StageReport {
            source,
            running: None,
            ..(*known).clone()
        },
        None => StageReport::new(posting.key.clone(), source),
    }
}

/// A loop that runs, until this is dropped: also where it never began.
struct Running {
    service: Service,
    ends: watch::Sender<bool>,
}

impl Running {
    fn begin(service: Service, ends: watch::Sender<bool>) -> Self {
        service.0.loops.send_modify(|loops| *loops += 1);
        Self { service, ends }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ends.send_replace(true);
        self.service
            .0
            .loops
            .send_modify(|loops| *loops = loops.saturating_sub(1));
    }
}

impl Control for Service {
    fn reconcile(&self, key: &StageKey) -> Result<(), Refused> {
        let seats = self.seats();
        let taken = seats.taken.get(key).ok_or(Refused::Unknown)?;
        let stage = self.0.means.board.stage(key);
        if stage.is_some_and(|stage| stage.paused) {
            return Err(Refused::Paused);
        }
        let crew = &self.0.means.crew;
        match crew.mustered().is_mine(key) {
            true => taken.bell.ask(),
            false => crew.wish_pass(key),
        }
        Ok(())
    }

    fn pause(&self, key: &StageKey, paused: bool) -> Result<(), Refused> {
        if !self.seats().taken.contains_key(key) {
            return Err(Refused::Unknown);
        }
        self.0.means.crew.wish_pause(key, paused);
        Ok(())
    }

    fn wake(&self, project: &str) -> Result<(), Refused> {
        let seats = self.seats();
        let of_it: Vec<_> = seats
            .taken
            .iter()
            .filter(|(key, _)| key.project == project)
            .collect();
        if of_it.is_empty() {
            return Err(Refused::Unknown);
        }
        let crew = &self.0.means.crew;
        let muster = crew.mustered();
        for (key, taken) in of_it {
            match muster.is_mine(key) {
                true => taken.bell.changed(None),
                false => crew.wish_look(key),
            }
        }
        Ok(())
    }

    fn waiting(&self) -> usize {
        self.0.means.slots.depth()
    }
}

#[cfg(test)]
mod tests;
