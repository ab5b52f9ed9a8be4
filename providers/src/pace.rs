//! Keeps the rates that AWS allows, so that it need not refuse.
//!
//! Every request passes the buckets of its call ([`table`]) before it is sent: the narrowest first, so that one that waits
//! 30 s for its own does not hold up the others in the wide one. In each bucket the most urgent request goes first (the
//! longest chain of steps behind it, [`crate::port::urgency`]), then the first that came. A throttle that comes
//! nevertheless makes the bucket slower, and success makes it faster again ([`bucket`]): limits differ between accounts, and
//! others use them too.
//!
//! Where one process works with many stages, those of one account and region share one pacer ([`Pacers`]): together they keep the
//! rates, and they take turns in each bucket, so that a stage of a thousand steps costs another one request's wait and no more.
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

/// The rates of one account in one region. Clones are the same.
#[derive(Clone)]
pub struct Pacer {
    shared: Arc<Shared>,
    /// In whose name requests wait.
    tenant: Arc<str>,
}

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
    /// Who waits for which bucket.
    waiting: BTreeMap<String, Queue>,
    arrivals: u64,
    /// Nothing waits any more, and why.
    stopped: Option<String>,
}

/// Who waits for a bucket. Tenants take turns, however many requests each has; of one tenant the most urgent goes first, then
/// the first that came.
#[derive(Default)]
struct Queue {
    tenants: BTreeMap<Arc<str>, Tenant>,
    turns: u64,
}

#[derive(Default)]
struct Tenant {
    /// When it was let through last, counted in turns.
    served: u64,
    places: BTreeMap<Place, Arc<Notify>>,
}

/// A place in a queue.
type Place = (Reverse<u64>, u64);

impl Queue {
    fn first(&self) -> Option<(&Arc<str>, &Place, &Arc<Notify>)> {
        let waiting = self
            .tenants
            .iter()
            .filter(|(_, tenant)| !tenant.places.is_empty());
        let (name, tenant) = waiting.min_by_key(|(_, tenant)| tenant.served)?;
        let (place, turn) = tenant.places.first_key_value()?;
        Some((name, place, turn))
    }

    fn everybody(&self) -> impl Iterator<Item = &Arc<Notify>> {
        self.tenants.values().flat_map(|tenant| tenant.places.values())
    }

    /// The tenant is let through.
    fn serve(&mut self, tenant: &Arc<str>) {
        self.turns += 1;
        if let Some(tenant) = self.tenants.get_mut(tenant) {
            tenant.served = self.turns;
        }
    }
}

impl fmt::Debug for Pacer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pacer").finish_non_exhaustive()
    }
}

impl Default for Pacer {
    fn default() -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                since: Instant::now(),
                debts: OnceLock::new(),
            }),
            tenant: Arc::from(""),
        }
    }
}

impl Pacer {
    /// The same rates, for requests in the name of `tenant`: each tenant has its turn.
    #[must_use]
    pub fn for_tenant(&self, tenant: &str) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            tenant: Arc::from(tenant),
        }
    }

    /// Takes over what earlier processes owe, as the file `path` says, and keeps it there from now on. `wall` is the time by
    /// the clock on the wall, now.
    pub fn carry_on(&self, path: PathBuf, wall: SystemTime) {
        let debts = Debts::at(path);
        let now = self.now();
        self.owe(debts.read(wall));
        // A second call would change the file under what is already counted; the first stays.
        let _ = self.shared.debts.set(Carried {
            debts,
            wall: wall.checked_sub(now).unwrap_or(wall),
        });
    }

    /// Lets nothing wait any more: what would have to is answered "not sent". What can go at once still goes, so that calls
    /// that are under way (of several requests, or looking until their resource is usable) end as well as they can.
    pub fn stop(&self, why: &str) {
        let mut state = self.state();
        state.stopped = Some(why.to_owned());
        let all = state.waiting.values().flat_map(Queue::everybody);
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
        self.shared.since.elapsed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        let first = state.waiting.get(&queued.name).and_then(Queue::first);
        if first.is_none_or(|(tenant, place, _)| *tenant != self.tenant || *place != queued.place) {
            return or_not_at_all(Turn::Behind);
        }
        let bucket = state.bucket(&queued.name, rate);
        let wait = bucket.wait(now);
        if !wait.is_zero() {
            return or_not_at_all(Turn::Wait(wait));
        }
        bucket.take(now);
        let debt = bucket.debt(now);
        if let Some(queue) = state.waiting.get_mut(&queued.name) {
            queue.serve(&self.tenant);
        }
        drop(state);
        if rate.every >= debt::SLOW
            && let Some(Carried { debts, wall }) = self.shared.debts.get()
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
        if let Some((_, _, turn)) = self.waiting.get(name).and_then(Queue::first) {
            turn.notify_one();
        }
    }
}

/// The pacers of a process, one for each account and region. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Pacers(Arc<Mutex<BTreeMap<String, Pacer>>>);

impl Pacers {
    /// The pacer of `home`, for requests in the name of `tenant`; and whether it is a new one.
    pub fn of(&self, home: &str, tenant: &str) -> (Pacer, bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !all.contains_key(home);
        let pacer = all.entry(home.to_owned()).or_default();
        (pacer.for_tenant(tenant), is_new)
    }
}

/// Lets everything go until it is known whose rates are to be kept: to find that out takes a request.
#[derive(Debug, Default)]
pub struct Undecided(OnceLock<Pacer>);

impl Undecided {
    /// Keeps the rates of this one from now on.
    pub fn decide(&self, pacer: Pacer) {
        let _once = self.0.set(pacer);
    }
}

impl Pace for Undecided {
    fn permit(&self, operation: &Operation) -> BoxFuture<'static, Result<(), NotSent>> {
        match self.0.get() {
            Some(pacer) => pacer.permit(operation),
            None => Box::pin(std::future::ready(Ok(()))),
        }
    }

    fn answered(&self, operation: &Operation, answer: Answered) {
        if let Some(pacer) = self.0.get() {
            pacer.answered(operation, answer);
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
        let queue = state.waiting.entry(name.to_owned()).or_default();
        let tenant = queue.tenants.entry(Arc::clone(&pacer.tenant)).or_default();
        tenant.places.insert(place, Arc::clone(&turn));
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
        let queue = state.waiting.get_mut(&self.name);
        if let Some(tenant) = queue.and_then(|queue| queue.tenants.get_mut(&self.pacer.tenant)) {
            tenant.places.remove(&self.place);
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
