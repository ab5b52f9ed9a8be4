//! How long, how often, how many: every number that a pass is bound by, in one place.

use std::collections::BTreeMap;
use std::time::Duration;

use grail_state::Kind;

/// Time since the engine was made. The machine knows no other clock.
pub type Time = Duration;

/// The numbers that bind a pass.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How many calls may be in flight at once (`--parallelism`).
    pub parallelism: usize,
    /// Where rates are kept: how many steps of one kind may be under way at once, most of them waiting for their turn or for
    /// what they made to become usable. (Calls in flight are bound where they are sent.) `None` where no rates are kept: then
    /// `parallelism` binds the steps of all kinds together.
    pub steps_of_a_kind: Option<usize>,
    /// How many calls one step may make that fail and are worth another try.
    pub attempts: u32,
    /// How many looks in a row may fail.
    pub looks: u32,
    /// How many refusals in a row one resource may meet on the way back before it counts as stuck.
    pub refusals_back: u32,
    /// The longest pause between two looks at something that is not ready yet. The first comes after what the answer asked for
    /// (0.25 s for a fresh role).
    pub probe: Duration,
    /// How long a step may wait for something that is not ready yet (the worst case of a fresh role, `field-notes.md` 1).
    pub propagation: Duration,
    /// How long after its sending a request without an answer may still arrive: the longest deadline, half a minute for a
    /// whole API, and a margin (design 6.3, rule 10). Only after this is its absence believed.
    pub late: Duration,
    /// How long after a change a reading may still show what was there before: nothing is looked at sooner after a write, and
    /// an answer that shows less than was written is looked at once more. AWS names no bound.
    pub grace: Duration,
    /// How long one call of a provider may take, waits for its own resource included.
    pub call: Duration,
    /// How long calls in flight are awaited after a request to stop.
    pub stop: Duration,
    /// The shortest and the longest pause before another try.
    pub pause: (Duration, Duration),
    /// How long a step of a kind takes as a rule, for the order of ready steps; 1 where a kind is not named.
    pub weights: BTreeMap<Kind, u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            parallelism: 32,
            steps_of_a_kind: None,
            attempts: 8,
            looks: 8,
            refusals_back: 5,
            probe: Duration::from_secs(4),
            propagation: Duration::from_secs(15 * 60),
            late: Duration::from_secs(32),
            grace: Duration::from_secs(1),
            call: Duration::from_secs(10 * 60),
            stop: Duration::from_secs(5),
            pause: (Duration::from_millis(100), Duration::from_secs(20)),
            weights: BTreeMap::new(),
        }
    }
}

/// Looks at something that is not ready before they grow apart: at 0.25 s, the quarter of a minute within which a fresh role is
/// usually known everywhere (`field-notes.md` 1). What they lose of such a wait is a pause and no share of it.
const STEADY_LOOKS: u32 = 60;

/// Steps of one kind for each call that may be in flight, where rates are kept: enough for Lambda's 15 creations a second to
/// go on while each new function is not usable for a quarter of a minute.
const STEPS_FOR_A_CALL: usize = 8;

impl Limits {
    /// The limits for an account whose rates are kept, with so many calls in flight.
    pub fn paced(parallelism: usize) -> Self {
        Self {
            parallelism,
            steps_of_a_kind: Some(parallelism.saturating_mul(STEPS_FOR_A_CALL)),
            ..Self::default()
        }
    }

    /// How many steps that share their slots may be under way at once.
    pub(crate) fn steps(&self) -> usize {
        self.steps_of_a_kind.unwrap_or(self.parallelism)
    }

    /// The limits for an endpoint on this machine: a request is there at once or never.
    pub fn loopback() -> Self {
        Self {
            late: Duration::from_secs(1),
            grace: Duration::ZERO,
            ..Self::default()
        }
    }

    /// The pause before look number `looks + 1` at something that is not ready yet: what was asked for, and after
    /// [`STEADY_LOOKS`] of them ever longer.
    pub fn probe_after(&self, looks: u32, asked: Duration) -> Duration {
        let growing = looks.saturating_sub(STEADY_LOOKS).min(32);
        let grown = asked.mul_f64(1.5_f64.powi(i32::try_from(growing).unwrap_or(32)));
        grown.min(self.probe.max(asked))
    }

    /// The pause before try number `failed + 1`, at least what the answer asked for.
    pub fn pause_after(&self, failed: u32, asked: Duration) -> Duration {
        let (shortest, longest) = self.pause;
        let doubled = shortest.saturating_mul(1 << failed.saturating_sub(1).min(16));
        doubled.min(longest).max(asked)
    }
}
