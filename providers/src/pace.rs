//! Keeps the rates that AWS allows, so that it need not refuse.
//!
//! Every request passes the buckets of its call ([`table`]) before it is sent: the narrowest first, so that one that waits
//! 30 s for its own does not hold up the others in the wide one. In each bucket the most urgent request goes first (the
//! longest chain of steps behind it, [`crate::port::urgency`]), then the first that came. A throttle that comes
//! nevertheless makes the bucket slower, and success makes it faster again ([`bucket`]): limits differ between accounts, and
//! others use them too.
//!
//! **Given up:** other processes on the same account are known only by what they write down ([`debt`], and [`shared`] where the
//! state is) and by throttling.

mod bucket;
mod debt;
mod request;
#[cfg(feature = "aws")]
mod shared;
mod table;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use futures::future::BoxFuture;
use tokio::sync::Notify;
use tokio::time::Instant;

#[cfg(feature = "fake")]
pub(crate) use self::bucket::Bucket;
#[cfg(not(feature = "fake"))]
use self::bucket::Bucket;
pub use self::bucket::Rate;
use self::debt::Debts;
pub use self::request::{Access, Answered, NotSent, Operation, Pace};
#[cfg(feature = "aws")]
pub use self::shared::{Meeting, SharedDebts};
pub use self::table::buckets;
use crate::port::urgency;

/// The rates of one account in one region.
#[derive(Clone)]
pub struct Pacer(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    since: Instant,
    debts: OnceLock<Carried>,
}

/// What goes from process to process.
struct Carried {
    debts: Debts,
    /// What the clock on the wall said at `since`.
    wall: SystemTime,
}

#[derive(Default)]
struct State {
    buckets: BTreeMap<String, Bucket>,
    /// Who waits for which bucket: the most urgent first, then the first that came.
    waiting: BTreeMap<String, BTreeMap<Place, Arc<Notify>>>,
    arrivals: u64,
    /// Nothing waits any more, and why.
    stopped: Option<String>,
}

/// A place in a queue.
type Place = (Reverse<u64>, u64);

impl fmt::Debug for Pacer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pacer").finish_non_exhaustive()
    }
}

impl Default for Pacer {
    fn default() -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            since: Instant::now(),
            debts: OnceLock::new(),
        }))
    }
}

impl Pacer {
    /// Takes over what earlier processes owe, as the file `path` says, and keeps it there from now on. `wall` is the time by
    /// the clock on the wall, now.
    pub fn carry_on(&self, path: PathBuf, wall: SystemTime) {
        let debts = Debts::at(path);
        let now = self.now();
        self.owe(debts.read(wall));
        // A second call would change the file under what is already counted; the first stays.
        let _ = self.0.debts.set(Carried {
            debts,
            wall: wall.checked_sub(now).unwrap_or(wall),
        });
    }

    /// Lets nothing wait any more: what would have to is answered "not sent". What can go at once still goes, so that calls
    /// that are under way (of several requests, or looking until their resource is usable) end as well as they can.
    pub fn stop(&self, why: &str) {
        let mut state = self.state();
        state.stopped = Some(why.to_owned());
        let all = state.waiting.values().flat_map(BTreeMap::values);
        all.for_each(|turn| turn.notify_one());
    }

    /// Takes over what others owe.
    fn owe(&self, debts: BTreeMap<String, Duration>) {
        let now = self.now();
        let mut state = self.state();
        for (name, debt) in debts {
            if let Some(rate) = table::slow(&name) {
                state.bucket(&name, rate).owe(now, debt);
            }
        }
    }

    fn now(&self) -> Duration {
        self.0.since.elapsed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for one bucket and takes from it.
    async fn pass(&self, name: &str, rate: Rate, urgency: u64) -> Result<(), NotSent> {
        let queued = Queued::new(self.clone(), name, urgency);
        loop {
            // A wake that comes between the look and the wait is kept for the wait.
            let changed = queued.turn.notified();
            match self.try_pass(&queued, rate)? {
                Turn::Go => return Ok(()),
                Turn::Wait(time) => {
                    let _ = tokio::time::timeout(time, changed).await;
                }
                Turn::Behind => changed.await,
            }
        }
    }

    fn try_pass(&self, queued: &Queued, rate: Rate) -> Result<Turn, NotSent> {
        let now = self.now();
        let mut state = self.state();
        let stopped = state.stopped.clone();
        let or_not_at_all = |turn| stopped.map_or(Ok(turn), |why| Err(NotSent::HeldBack(why)));
        let waiting = state.waiting.get(&queued.name);
        let first = waiting.and_then(BTreeMap::first_key_value);
        if first.map(|(place, _)| place) != Some(&queued.place) {
            return or_not_at_all(Turn::Behind);
        }
        let bucket = state.bucket(&queued.name, rate);
        let wait = bucket.wait(now);
        if !wait.is_zero() {
            return or_not_at_all(Turn::Wait(wait));
        }
        bucket.take(now);
        let debt = bucket.debt(now);
        drop(state);
        if rate.every >= debt::SLOW
            && let Some(Carried { debts, wall }) = self.0.debts.get()
        {
            debts.write(&queued.name, debt, *wall + now);
        }
        Ok(Turn::Go)
    }
}

impl State {
    fn bucket(&mut self, name: &str, rate: Rate) -> &mut Bucket {
        self.buckets
            .entry(name.to_owned())
            .or_insert_with(|| Bucket::new(rate))
    }

    /// Lets who is first look again. Nobody else can go, so nobody else is woken.
    fn wake_first(&self, name: &str) {
        if let Some((_, turn)) = self.waiting.get(name).and_then(BTreeMap::first_key_value) {
            turn.notify_one();
        }
    }
}

enum Turn {
    /// It may be sent.
    Go,
    /// It is next, in this time.
    Wait(Duration),
    /// Others come first.
    Behind,
}

/// A place in a bucket's queue, given up when dropped: also by a step that was cut off.
struct Queued {
    pacer: Pacer,
    name: String,
    place: Place,
    turn: Arc<Notify>,
}

impl Queued {
    fn new(pacer: Pacer, name: &str, urgency: u64) -> Self {
        let mut state = pacer.state();
        state.arrivals += 1;
        let place = (Reverse(urgency), state.arrivals);
        let turn = Arc::new(Notify::new());
        let waiting = state.waiting.entry(name.to_owned()).or_default();
        waiting.insert(place, Arc::clone(&turn));
        drop(state);
        Self {
            pacer,
            name: name.to_owned(),
            place,
            turn,
        }
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        let mut state = self.pacer.state();
        if let Some(waiting) = state.waiting.get_mut(&self.name) {
            waiting.remove(&self.place);
        }
        state.wake_first(&self.name);
    }
}

impl Pace for Pacer {
    fn permit(&self, operation: &Operation) -> BoxFuture<'static, Result<(), NotSent>> {
        let buckets = table::buckets(operation);
        let (pacer, urgency) = (self.clone(), urgency::current());
        Box::pin(async move {
            for (name, rate) in buckets {
                pacer.pass(&name, rate, urgency).await?;
            }
            Ok(())
        })
    }

    fn answered(&self, operation: &Operation, answer: Answered) {
        let now = self.now();
        let mut state = self.state();
        // The narrowest bucket is the one that was overdrawn, as far as anybody can tell.
        if let Some((name, rate)) = table::buckets(operation).into_iter().next() {
            let bucket = state.bucket(&name, rate);
            match answer {
                Answered::Throttled { pause } => bucket.throttled(now, pause),
                Answered::Served => bucket.served(),
            }
            state.wake_first(&name);
        }
    }
}

#[cfg(test)]
mod tests;
