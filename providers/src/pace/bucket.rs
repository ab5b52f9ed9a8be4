//! One rate, as arithmetic: when the next request may go, learnt down by throttling and back up.
//!
//! A bucket is kept as one time, the moment at which it will be full again (the generic cell rate algorithm). That number is
//! also the debt that one process leaves to the next. Times are distances from whatever the caller counts from.

use std::time::Duration;

/// The slowest that throttling makes a bucket, as a multiple of its interval.
const SLOWEST: f64 = 32.0;
/// How much closer together two requests may arrive than they were sent. A bucket is never emptied closer than this.
const SPREAD: Duration = Duration::from_millis(100);
/// What of the slowness is left after an answer that was no throttle.
const RECOVERY: f64 = 0.95;

/// What AWS allows, as far as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The time in which one request is earned.
    pub every: Duration,
    /// How many may go at once after a rest; at least one.
    pub burst: u32,
}

/// A rate in use.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    /// How many times slower than the rate we go.
    slowness: f64,
    /// When it will be full again.
    full_at: Duration,
    /// Nothing goes before.
    closed_until: Duration,
}

impl Bucket {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            slowness: 1.0,
            full_at: Duration::ZERO,
            closed_until: Duration::ZERO,
        }
    }

    fn interval(&self) -> Duration {
        self.rate.every.mul_f64(self.slowness)
    }

    /// How long the next request has to wait.
    pub(super) fn wait(&self, now: Duration) -> Duration {
        let credit = self.interval().saturating_mul(self.rate.burst.saturating_sub(1));
        let untouched = self.full_at.is_zero();
        let spread = if untouched { Duration::ZERO } else { SPREAD };
        let earned = (self.full_at + spread).saturating_sub(credit);
        earned.max(self.closed_until).saturating_sub(now)
    }

    /// Whether the service itself would take a request now.
    #[cfg(feature = "fake")]
    pub(crate) fn has_room(&self, now: Duration) -> bool {
        let credit = self.interval().saturating_mul(self.rate.burst.saturating_sub(1));
        self.full_at.saturating_sub(credit) <= now
    }

    /// Takes what one request costs.
    pub(crate) fn take(&mut self, now: Duration) {
        self.full_at = self.full_at.max(now) + self.interval();
    }

    /// A request was throttled. `pause` is what the service asked for. Answers to requests that were under way together
    /// count as one.
    pub(super) fn throttled(&mut self, now: Duration, pause: Option<Duration>) {
        if now >= self.closed_until {
            self.slowness = (self.slowness * 2.0).min(SLOWEST);
        }
        let pause = pause.unwrap_or_default().max(self.interval());
        self.closed_until = self.closed_until.max(now + pause);
    }

    /// A request was answered otherwise.
    pub(super) fn served(&mut self) {
        self.slowness = (self.slowness * RECOVERY).max(1.0);
    }

    /// How long it takes from `now` until it is full: what a later process must wait out.
    pub(super) fn debt(&self, now: Duration) -> Duration {
        self.full_at.max(self.closed_until).saturating_sub(now)
    }

    /// Takes over the debt of an earlier process. Clocks of machines differ and jump, so that no more is believed than a
    /// full burst can owe.
    pub(super) fn owe(&mut self, now: Duration, debt: Duration) {
        let most = self.rate.every.saturating_mul(self.rate.burst.saturating_add(1));
        self.full_at = self.full_at.max(now + debt.min(most));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn bucket(burst: u32) -> Bucket {
        Bucket::new(Rate { every: SECOND, burst })
    }

    /// Takes as many as go at once.
    fn drain(bucket: &mut Bucket, now: Duration) -> u32 {
        let mut taken = 0;
        while bucket.wait(now).is_zero() {
            bucket.take(now);
            taken += 1;
        }
        taken
    }

    #[test]
    fn a_burst_goes_at_once_and_then_one_each_interval() {
        let mut bucket = bucket(3);
        assert_eq!(drain(&mut bucket, Duration::ZERO), 2);
        // What empties it comes a little later: it may overtake the others on its way.
        assert_eq!(bucket.wait(Duration::ZERO), SPREAD);
        assert_eq!(drain(&mut bucket, SPREAD), 1);
        assert_eq!(bucket.wait(SPREAD), SECOND);
        assert_eq!(drain(&mut bucket, SECOND + SPREAD), 1);
        // After a rest the whole burst is there again, and no more.
        assert_eq!(drain(&mut bucket, SECOND * 100), 2);
        assert_eq!(drain(&mut bucket, SECOND * 100 + SPREAD), 1);
    }

    #[test]
    fn throttling_slows_and_success_brings_it_back() {
        let mut bucket = bucket(1);
        bucket.take(Duration::ZERO);
        bucket.throttled(Duration::ZERO, None);
        assert_eq!(bucket.wait(Duration::ZERO), SECOND * 2);
        // Two that were under way together are one.
        bucket.throttled(Duration::ZERO, None);
        assert_eq!(bucket.interval(), SECOND * 2);
        for _ in 0..100 {
            bucket.throttled(bucket.closed_until, None);
        }
        assert_eq!(bucket.interval(), SECOND * 32);
        for _ in 0..100 {
            bucket.served();
        }
        assert_eq!(bucket.interval(), SECOND);
    }

    #[test]
    fn what_the_service_asks_for_is_waited() {
        let mut bucket = bucket(5);
        bucket.throttled(SECOND, Some(SECOND * 20));
        assert_eq!(bucket.wait(SECOND), SECOND * 20);
    }

    #[test]
    fn a_debt_is_taken_over_within_reason() {
        let mut first = bucket(2);
        first.take(SECOND);
        first.take(SECOND);
        let debt = first.debt(SECOND);
        assert_eq!(debt, SECOND * 2);
        let mut second = bucket(2);
        second.owe(Duration::ZERO, debt);
        assert_eq!(second.wait(Duration::ZERO), SECOND + SPREAD);
        let mut third = bucket(2);
        third.owe(Duration::ZERO, SECOND * 86_400);
        assert_eq!(third.debt(Duration::ZERO), SECOND * 3);
    }
}
