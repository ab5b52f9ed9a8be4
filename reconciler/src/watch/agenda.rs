//! When the next pass begins: a pure machine over wakes, the ends of passes and the time.
//!
//! - Changes of files wait for a quiet moment, since an editor's save or a checkout is many events; a storm that does not end
//!   is cut off.
//! - What comes together is one pass. What comes during a pass is one more after it, however much it was.
//! - A failure that may pass by itself is tried again, ever later. Another goal begins anew, and a change never waits for a retry.
//! - What was taken back is not tried again until it or the world is another: the pass is told which plan to spare. It is tried
//!   where somebody asks; a pass that was asked for and came to nothing, not even a plan, leaves the wish to the next.
//! - The timer, with jitter so that a thousand stages do not look at once, comes after each pass that is not tried again anyway.
//!
//! The events of file watchers are merged here and not by a debouncer of theirs: a pass reads everything, so it does not matter
//! which files they name, and one clock that tests can set is worth more than paired renames.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use grail_state::Digest;

use super::{End, PassOutcome, Turn, Wake};
use crate::engine::limits::Time;

#[cfg(test)]
mod tests;

/// How many changed files a turn names.
const NAMED: usize = 16;

/// The times that a stage goes by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rhythm {
    /// How long no file may change before a pass begins.
    pub quiet: Duration,
    /// How long a pass is put off by files that go on changing.
    pub unrest: Duration,
    /// How long after a pass the next one begins by itself; `None` for never.
    pub interval: Option<Duration>,
    /// By which share of it, at most, a time is lengthened or shortened by chance.
    pub jitter: f64,
    /// The pause after the first failure, and the longest; in between each is twice the one before.
    pub retry: (Duration, Duration),
}

impl Default for Rhythm {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(50),
            unrest: Duration::from_secs(2),
            interval: Some(Duration::from_secs(5 * 60)),
            jitter: 0.1,
            retry: (Duration::from_secs(1), Duration::from_secs(5 * 60)),
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Agenda {
    rhythm: Rhythm,
    chance: Chance,
    running: bool,
    turns: u64,
    /// Since when a pass is asked for.
    asked: Option<(Time, Wake)>,
    /// A pass was asked for, and nothing came of the one that was made: the next is for that wish too.
    unheard: bool,
    /// The first and the last change since the last pass began.
    changed: Option<(Time, Time)>,
    files: BTreeSet<PathBuf>,
    timer: Option<Time>,
    retry: Option<Time>,
    failures: u32,
    /// What was wanted when it failed last.
    failed: Option<Digest>,
    spared: Option<Digest>,
}

impl Agenda {
    /// A stage whose first pass is due `now`. `seed` decides the jitter.
    pub fn new(rhythm: Rhythm, seed: u64, now: Time) -> Self {
        Self {
            rhythm,
            chance: Chance(seed),
            running: false,
            turns: 0,
            asked: Some((now, Wake::Started)),
            unheard: false,
            changed: None,
            files: BTreeSet::new(),
            timer: None,
            retry: None,
            failures: 0,
            failed: None,
            spared: None,
        }
    }

    /// The same, where a plan was taken back before: it is not carried out again.
    #[must_use]
    pub fn sparing(mut self, plan: Option<Digest>) -> Self {
        self.spared = plan;
        self
    }

    /// These files have changed.
    pub fn changed(&mut self, now: Time, files: impl IntoIterator<Item = PathBuf>) {
        let first = self.changed.map_or(now, |(first, _)| first);
        self.changed = Some((first, now));
        let room = NAMED.saturating_sub(self.files.len());
        self.files.extend(files.into_iter().take(room));
    }

    /// Somebody asks for a pass.
    pub fn ask(&mut self, now: Time) {
        let since = self.asked.map_or(now, |(since, _)| since);
        self.asked = Some((since, Wake::Asked));
    }

    /// When the next pass is to begin: now, where that has gone by. `None` where nothing but a wake brings one, and during a
    /// pass.
    pub fn due(&self) -> Option<Time> {
        if self.running {
            return None;
        }
        let comes = [Wake::Asked, Wake::Changed, Wake::Retry, Wake::Timer];
        comes.into_iter().filter_map(|wake| self.time_of(wake)).min()
    }

    /// What brings the next pass, as far as it is known.
    pub fn awaited(&self) -> Option<Wake> {
        let due = self.due()?;
        let comes = [Wake::Asked, Wake::Changed, Wake::Retry, Wake::Timer];
        comes.into_iter().find(|wake| self.time_of(*wake) == Some(due))
    }

    /// How many passes in a row have failed.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    fn time_of(&self, wake: Wake) -> Option<Time> {
        match wake {
            Wake::Started | Wake::Asked => self.asked.map(|(since, _)| since),
            Wake::Changed => self.changed.map(|(first, last)| {
                last.saturating_add(self.rhythm.quiet)
                    .min(first.saturating_add(self.rhythm.unrest))
            }),
            Wake::Retry => self.retry,
            // What fails is not hurried by the timer.
            Wake::Timer => self.timer.filter(|_| self.retry.is_none()),
        }
    }

    /// A pass begins, and takes with it all that has come up to `now`.
    pub fn begin(&mut self, now: Time) -> Turn {
        let late = self.due().map_or(Duration::ZERO, |due| now.saturating_sub(due));
        let mut because = BTreeSet::new();
        because.extend(self.asked.take().map(|(_, wake)| wake));
        because.extend(self.unheard.then_some(Wake::Asked));
        self.unheard = because.contains(&Wake::Asked);
        because.extend(self.changed.take().map(|_| Wake::Changed));
        for wake in [Wake::Retry, Wake::Timer] {
            because.extend(self.time_of(wake).filter(|due| *due <= now).map(|_| wake));
        }
        (self.timer, self.retry) = (None, None);
        self.running = true;
        self.turns += 1;
        Turn {
            number: self.turns,
            spared: self.spared.clone().filter(|_| !because.contains(&Wake::Asked)),
            files: std::mem::take(&mut self.files),
            because,
            late,
        }
    }

    /// The pass is over.
    pub fn ended(&mut self, now: Time, outcome: &PassOutcome) {
        self.running = false;
        self.unheard &= outcome.came_to_nothing();
        self.spared = outcome.spares(self.spared.take());
        let interval = self.rhythm.interval;
        self.timer = interval.map(|interval| now.saturating_add(self.jittered(interval)));
        if outcome.goal.is_some() {
            if self.failed.is_some() && self.failed != outcome.goal {
                self.failures = 0;
            }
            self.failed.clone_from(&outcome.goal);
        }
        match outcome.end {
            End::Converged { .. } | End::Reported => self.failures = 0,
            End::Spared | End::Stopped { .. } => {}
            End::RolledBack | End::Refused { lasting: true } => {
                self.failures = self.failures.saturating_add(1);
            }
            End::Refused { lasting: false } | End::Open | End::Stuck | End::Locked => {
                let pause = self.pause();
                self.retry = Some(now.saturating_add(self.jittered(pause)));
                self.failures = self.failures.saturating_add(1);
            }
        }
    }

    /// The pause after the failures so far and one more.
    fn pause(&self) -> Duration {
        let (first, most) = self.rhythm.retry;
        let doubled = 2_u32.saturating_pow(self.failures);
        first.checked_mul(doubled).map_or(most, |pause| pause.min(most))
    }

    fn jittered(&mut self, time: Duration) -> Duration {
        let way = self.chance.next() * 2.0 - 1.0;
        let share = 1.0 + way * self.rhythm.jitter.clamp(0.0, 1.0);
        Duration::try_from_secs_f64(time.as_secs_f64() * share).unwrap_or(time)
    }
}

/// Numbers from 0 to 1 that follow from a seed (splitmix64): enough to keep stages apart.
#[derive(Clone, Debug)]
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        let upper = u32::try_from(mixed >> 32).unwrap_or(u32::MAX);
        f64::from(upper) / f64::from(u32::MAX)
    }
}
