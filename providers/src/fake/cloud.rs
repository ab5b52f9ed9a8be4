//! Calls: their time, their faults, their effect.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::past::Past;
use super::physics::{Fault, Logged, Physics, Refused, Written};
use super::quota::{Quotas, operation};
use super::world::World;
use crate::pace::{Answered, Pace, Pacer};
use crate::port::Failure;

/// How old what a read shows is that is told to be old ([`Fault::Stale`]).
const OLD: Duration = Duration::from_millis(900);

type Meddling = Box<dyn FnOnce(&mut World) + Send>;
type Stranger = Box<dyn FnMut(&mut World, &'static str, &str) + Send>;
type Landing = Box<dyn FnOnce(&mut World, Instant) + Send>;

struct Inner {
    world: World,
    past: Past,
    /// How old a read may show the world, with the faults asked for.
    span: Duration,
    log: Vec<Logged>,
    writes: usize,
    reads: usize,
    faults: BTreeMap<usize, Fault>,
    read_faults: BTreeMap<usize, Fault>,
    storm: Option<(f64, ChaCha8Rng)>,
    late: Vec<(Instant, Landing)>,
    in_flight: usize,
    peak: usize,
    arrivals: usize,
    meddling: Vec<(usize, Meddling)>,
    stranger: Option<Stranger>,
    death: Option<(usize, bool)>,
    /// How long each request's way is.
    ways: ChaCha8Rng,
    /// How old what a read shows is, and how long a role takes.
    dice: ChaCha8Rng,
    throttled: usize,
}

/// A cloud. Clones are the same cloud.
#[derive(Clone)]
pub struct Cloud {
    inner: Arc<Mutex<Inner>>,
    physics: Arc<Physics>,
    died: Arc<Notify>,
    zero: Instant,
    quotas: Option<Arc<Quotas>>,
    pacer: Option<Pacer>,
}

impl Cloud {
    /// An empty cloud.
    pub fn new(physics: Physics) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                world: World::default(),
                past: Past::default(),
                span: physics.staleness,
                log: Vec::new(),
                writes: 0,
                reads: 0,
                faults: BTreeMap::new(),
                read_faults: BTreeMap::new(),
                storm: None,
                late: Vec::new(),
                in_flight: 0,
                peak: 0,
                arrivals: 0,
                meddling: Vec::new(),
                stranger: None,
                death: None,
                ways: ChaCha8Rng::seed_from_u64(0),
                dice: ChaCha8Rng::seed_from_u64(physics.seed),
                throttled: 0,
            })),
            died: Arc::new(Notify::new()),
            physics: Arc::new(physics),
            zero: Instant::now(),
            quotas: None,
            pacer: None,
        }
    }

    /// The same cloud, whose services take so many calls a second and throttle the rest.
    #[must_use]
    pub fn with_quotas(mut self) -> Self {
        self.quotas = Some(Arc::default());
        self
    }

    /// The same cloud for a caller who keeps to the rates that `pacer` knows.
    #[must_use]
    pub fn paced(mut self, pacer: Pacer) -> Self {
        self.pacer = Some(pacer);
        self
    }

    /// How many calls were answered with a throttle because they were too many.
    pub fn throttled(&self) -> usize {
        self.lock().throttled
    }

    /// A call on its way to its service: it waits for its turn, and travels. False where the service throttles it.
    async fn passes(&self, name: &'static str, write: bool) -> bool {
        let operation = operation(name, write);
        if let Some(pacer) = &self.pacer {
            // A pacer that was stopped holds back; nothing stops this one.
            let _ = pacer.permit(&operation).await;
        }
        let Some(quotas) = &self.quotas else {
            return true;
        };
        let jitter = self.physics.jitter;
        if !jitter.is_zero() {
            let way = self.lock().ways.random_range(0.0..1.0);
            sleep(jitter.mul_f64(way)).await;
        }
        let taken = quotas.take(&operation, self.zero.elapsed());
        if let Some(pacer) = &self.pacer {
            pacer.answered(
                &operation,
                if taken {
                    Answered::Served
                } else {
                    Answered::Throttled { pause: None }
                },
            );
        }
        self.lock().throttled += usize::from(!taken);
        taken
    }

    /// How long things take.
    pub fn physics(&self) -> &Physics {
        &self.physics
    }

    /// What exists now. Late requests that are due have arrived.
    pub fn world(&self) -> World {
        self.lock().world.clone()
    }

    /// Changes what exists, as somebody else would.
    pub fn meddle<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.lock().world)
    }

    /// Makes the write number `write` (counted from 0 since the beginning) go wrong.
    pub fn fail(&self, write: usize, fault: Fault) {
        self.lock().faults.insert(write, fault);
    }

    /// Makes the read number `read` (counted from 0 since the beginning) go wrong.
    pub fn fail_read(&self, read: usize, fault: Fault) {
        let mut inner = self.lock();
        if fault == Fault::Stale {
            inner.span = inner.span.max(OLD);
        }
        inner.read_faults.insert(read, fault);
    }

    /// Lets somebody else change what exists right before the write number `write` arrives.
    pub fn meddle_at(&self, write: usize, change: impl FnOnce(&mut World) + Send + 'static) {
        self.lock().meddling.push((write, Box::new(change)));
    }

    /// Lets somebody else be at work: `stranger` is called right before each call of ours, read or write, has its effect, and
    /// told its operation and subject.
    pub fn beside(&self, stranger: impl FnMut(&mut World, &'static str, &str) + Send + 'static) {
        self.lock().stranger = Some(Box::new(stranger));
    }

    /// Nobody else is at work any more.
    pub fn alone(&self) {
        self.lock().stranger = None;
    }

    /// Makes each write go wrong with probability `rate`, and each read with a third of it, in any way but a refusal. `seed`
    /// repeats it.
    pub fn storm(&self, rate: f64, seed: u64) {
        self.lock().storm = Some((rate, ChaCha8Rng::seed_from_u64(seed)));
    }

    /// Nothing goes wrong any more.
    pub fn calm(&self) {
        let mut inner = self.lock();
        inner.storm = None;
        inner.faults.clear();
        inner.read_faults.clear();
    }

    /// How many writes were made.
    pub fn writes(&self) -> usize {
        self.lock().writes
    }

    /// How many reads were made.
    pub fn reads(&self) -> usize {
        self.lock().reads
    }

    /// How long the next fresh role takes until it can be assumed.
    pub(super) fn role_delay(&self) -> Duration {
        if !self.physics.roles_differ {
            return self.physics.role;
        }
        let dice = &mut self.lock().dice;
        let longest = if dice.random_bool(0.05) { 14.0 * 60.0 } else { 15.0 };
        Duration::from_secs_f64(dice.random_range(0.5..longest))
    }

    /// Every call so far.
    pub fn log(&self) -> Vec<Logged> {
        self.lock().log.clone()
    }

    /// The largest number of writes that were in flight together.
    pub fn peak(&self) -> usize {
        self.lock().peak
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut inner.late)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        inner.late = later;
        for (at, landing) in due {
            inner.changed_at(at);
            landing(&mut inner.world, at);
        }
        inner
    }

    /// A read.
    pub(super) async fn read<T>(
        &self,
        operation: &'static str,
        subject: &str,
        look: impl FnOnce(&World) -> T,
    ) -> Result<T, Failure> {
        while !self.passes(operation, false).await {
            // The SDK repeats reads by itself.
            sleep(self.physics.latency + Duration::from_millis(100)).await;
        }
        let fault = self.enter(operation, subject, false);
        sleep(self.physics.latency).await;
        self.let_strangers(operation, subject);
        match fault {
            None => Ok(look(self.lock().shown(self.physics.staleness))),
            Some(Fault::Stale) => Ok(look(self.lock().shown_of(OLD))),
            Some(fault) => Err(self.unread(fault).await),
        }
    }

    /// What comes of a read that goes wrong.
    async fn unread(&self, fault: Fault) -> Failure {
        let soon = Duration::from_millis(200);
        match fault {
            Fault::Refuse => Failure::refused("made to refuse the look"),
            Fault::Throttle => Failure::later("too many requests", Duration::ZERO),
            Fault::ThrottleUntil => Failure::later("too many requests", self.physics.retry_after),
            Fault::Broken | Fault::BrokenAfter => Failure::later("internal error", soon),
            Fault::Hang | Fault::HangAfter => {
                sleep(self.physics.patience).await;
                Failure::later("no answer", soon)
            }
            Fault::LostRequest | Fault::LostAnswer | Fault::Late | Fault::Stale => {
                Failure::later("the connection was cut", soon)
            }
        }
    }

    /// A write. `effect` is what the service does when the request arrives.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        subject: &str,
        effect: impl FnOnce(&mut World, Instant) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Written> {
        if !self.passes(operation, true).await {
            sleep(self.physics.latency).await;
            let soon = Duration::from_millis(200);
            return Err(Written::Failed(Failure::later("too many requests", soon)));
        }
        let number = self.writes();
        let fault = self.enter(operation, subject, true);
        let answer = Arc::new(Mutex::new(None));
        let place = Arc::clone(&answer);
        let request: Landing = Box::new(move |world, now| {
            let result = effect(world, now);
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        });
        let mut in_flight = InFlight::new(self, request);
        sleep(self.physics.latency).await;
        if self.die_if_told(false) {
            std::future::pending::<()>().await;
        }
        self.let_meddle(number);
        self.let_strangers(operation, subject);
        let request = in_flight.arrive();
        let pause = Duration::from_millis(200);
        let cut = || Written::Failed(Failure::maybe("there was no answer", pause));
        let throttled = |asked| Written::Failed(Failure::later("too many requests", asked));
        let internal = || Written::Failed(Failure::maybe("internal error", pause).answered());
        let silent = matches!(fault, Some(Fault::Hang | Fault::HangAfter));
        let arrive = |request: Option<Landing>| {
            if let Some(request) = request {
                let (mut inner, now) = (self.lock(), Instant::now());
                inner.changed_at(now);
                request(&mut inner.world, now);
            }
            answer
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take()
                .unwrap_or_else(|| Err(Refused::Busy(subject.to_owned())))
        };
        let result = match fault {
            None => arrive(request).map_err(Written::Refused),
            Some(Fault::Refuse) => Err(Written::Failed(Failure::refused("made to refuse"))),
            Some(Fault::Throttle) => Err(throttled(Duration::ZERO)),
            Some(Fault::ThrottleUntil) => Err(throttled(self.physics.retry_after)),
            Some(Fault::Broken) => Err(internal()),
            Some(Fault::BrokenAfter) => {
                drop(arrive(request));
                Err(internal())
            }
            Some(Fault::LostRequest | Fault::Hang | Fault::Stale) => Err(cut()),
            Some(Fault::LostAnswer | Fault::HangAfter) => {
                drop(arrive(request));
                Err(cut())
            }
            Some(Fault::Late) => {
                let at = Instant::now() + self.physics.late;
                self.lock().late.extend(request.map(|request| (at, request)));
                Err(cut())
            }
        };
        if self.die_if_told(true) {
            // The answer reaches nobody.
            std::future::pending::<()>().await;
        }
        if silent {
            sleep(self.physics.patience).await;
        }
        result
    }

    fn let_strangers(&self, operation: &'static str, subject: &str) {
        let mut inner = self.lock();
        if let Some(mut stranger) = inner.stranger.take() {
            inner.changed_at(Instant::now());
            stranger(&mut inner.world, operation, subject);
            inner.stranger = Some(stranger);
        }
    }

    fn let_meddle(&self, number: usize) {
        let mut inner = self.lock();
        let (now, later): (Vec<_>, Vec<_>) = std::mem::take(&mut inner.meddling)
            .into_iter()
            .partition(|(write, _)| *write == number);
        inner.meddling = later;
        for (_, change) in now {
            change(&mut inner.world);
        }
    }

    /// Whoever waits for [`Cloud::death`] is told, if it is time.
    fn die_if_told(&self, arrived: bool) -> bool {
        let mut inner = self.lock();
        let now = inner.death == Some((inner.arrivals, arrived));
        if arrived {
            inner.arrivals += 1;
        }
        if now {
            inner.death = None;
            self.died.notify_one();
        }
        now
    }

    /// Makes [`Cloud::death`] come when the write that is the `number`th to arrive does so: right before, or right after it
    /// had its effect and before its answer.
    pub fn die_at(&self, number: usize, after: bool) {
        self.lock().death = Some((number, after));
    }

    /// The same, counted from now.
    pub fn die_in(&self, number: usize, after: bool) {
        let mut inner = self.lock();
        inner.death = Some((inner.arrivals + number, after));
    }

    /// Comes when the process is to be taken for dead: its futures are to be dropped.
    pub async fn death(&self) {
        self.died.notified().await;
    }

    fn enter(&self, operation: &'static str, subject: &str, write: bool) -> Option<Fault> {
        let mut inner = self.lock();
        let fault = inner.next_fault(write);
        inner.log.push(Logged {
            at: self.zero.elapsed(),
            operation,
            subject: subject.to_owned(),
            write,
            fault,
        });
        fault
    }
}

impl Inner {
    /// What goes wrong with the next write or read.
    fn next_fault(&mut self, write: bool) -> Option<Fault> {
        let (count, faults) = match write {
            true => (&mut self.writes, &self.faults),
            false => (&mut self.reads, &self.read_faults),
        };
        let number = *count;
        *count += 1;
        if let Some(fault) = faults.get(&number) {
            return Some(*fault);
        }
        let (rate, rng) = self.storm.as_mut()?;
        let rate = if write { *rate } else { *rate / 3.0 };
        if !rng.random_bool(rate) {
            return None;
        }
        let all: &[Fault] = if write { &Fault::ALL } else { &Fault::READS };
        let ways: Vec<_> = all
            .iter()
            .filter(|fault| !matches!(fault, Fault::Refuse | Fault::Stale))
            .collect();
        ways.get(rng.random_range(0..ways.len())).copied().copied()
    }

    /// The world changes at `now`.
    fn changed_at(&mut self, now: Instant) {
        if !self.span.is_zero() {
            self.past.keep(&self.world, now, self.span);
        }
    }

    /// What a read shows, which may be as old as `staleness`.
    fn shown(&mut self, staleness: Duration) -> &World {
        if staleness.is_zero() {
            return &self.world;
        }
        let age = staleness.mul_f64(self.dice.random_range(0.0..1.0));
        self.shown_of(age)
    }

    /// What a read shows that is `age` behind.
    fn shown_of(&self, age: Duration) -> &World {
        self.past.seen(&self.world, Instant::now(), age)
    }
}

/// A write on its way. If its future is dropped, the request may still arrive ([`Physics::dropped_arrive`]).
struct InFlight<'a> {
    cloud: &'a Cloud,
    request: Option<Landing>,
}

impl<'a> InFlight<'a> {
    fn new(cloud: &'a Cloud, request: Landing) -> Self {
        let mut inner = cloud.lock();
        inner.in_flight += 1;
        inner.peak = inner.peak.max(inner.in_flight);
        drop(inner);
        Self {
            cloud,
            request: Some(request),
        }
    }

    fn arrive(&mut self) -> Option<Landing> {
        self.request.take()
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut inner = self.cloud.lock();
        inner.in_flight -= 1;
        if let Some(request) = self.request.take().filter(|_| self.cloud.physics.dropped_arrive) {
            inner
                .late
                .push((Instant::now() + self.cloud.physics.late, request));
        }
    }
}
