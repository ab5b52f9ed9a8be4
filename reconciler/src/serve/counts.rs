//! What has happened since the process began, in numbers: for metrics, and for nothing else.
//!
//! Numbers are counted where things happen and not by who listens to notices, because a listener that is slow loses some. Words
//! that become labels come from short lists of ours (ends, kinds, services) or from the configuration (stages), so that no
//! input from outside makes more of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grail_providers::pace::{Access, Operation};

use super::board::StageKey;
use crate::event::Event;
use crate::watch::End;

/// The upper bounds of the classes of durations, in seconds: an unchanged stage is seconds, a large first deploy minutes.
pub const BOUNDS: [f64; 12] = [
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0,
];

/// How many kinds of resources are told apart at most: there are a few dozen, and a plan may come from a file.
const KINDS: usize = 100;
/// The kind of those beyond.
const OTHER: &str = "other";

/// See the module.
#[derive(Debug, Default)]
pub struct Counts(Mutex<Tally>);

/// All numbers at one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Passes by stage and by how they [ended](end_word).
    pub passes: BTreeMap<(StageKey, &'static str), u64>,
    /// How long passes took, by how they ended.
    pub durations: BTreeMap<&'static str, Durations>,
    /// Steps that were done, by kind of resource.
    pub steps: BTreeMap<String, u64>,
    /// Steps that failed for good, by kind of resource.
    pub failures: BTreeMap<String, u64>,
    /// Steps that were tried again, by kind of resource.
    pub retries: BTreeMap<String, u64>,
    /// Requests to AWS that were let go, by service and whether they change anything.
    pub calls: BTreeMap<(String, &'static str), u64>,
    /// Answers that asked for fewer requests, by service.
    pub throttles: BTreeMap<String, u64>,
    /// Notices that listeners have lost because they were slow.
    pub lost: u64,
}

/// How long things took.
#[derive(Clone, Debug, PartialEq)]
pub struct Durations {
    /// How many fell into each class of [`BOUNDS`]; the last are those beyond.
    pub classes: [u64; BOUNDS.len() + 1],
    /// All together, in seconds.
    pub sum: f64,
}

impl Default for Durations {
    fn default() -> Self {
        Self {
            classes: [0; BOUNDS.len() + 1],
            sum: 0.0,
        }
    }
}

impl Durations {
    fn add(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        let class = BOUNDS.iter().take_while(|bound| seconds > **bound).count();
        self.classes[class] += 1;
        self.sum += seconds;
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.classes.iter().sum()
    }
}

/// How a pass ended, in one word: a label of metrics.
pub fn end_word(end: End) -> &'static str {
    match end {
        End::Converged { changed: false } => "unchanged",
        End::Converged { changed: true } => "changed",
        End::Reported => "drift_reported",
        End::Spared => "spared",
        End::RolledBack => "rolled_back",
        End::Open => "open",
        End::Stuck => "stuck",
        End::Locked => "locked",
        End::Refused { .. } => "refused",
        End::Stopped { .. } => "stopped",
    }
}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, Tally> {
        // Each change is one addition.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All numbers now.
    pub fn tally(&self) -> Tally {
        self.lock().clone()
    }

    /// A pass has ended.
    pub fn passed(&self, key: &StageKey, end: End, took: Duration) {
        let word = end_word(end);
        let mut tally = self.lock();
        *tally.passes.entry((key.clone(), word)).or_default() += 1;
        tally.durations.entry(word).or_default().add(took);
    }

    /// Something happened in a pass.
    pub fn happened(&self, event: &Event) {
        let mut tally = self.lock();
        let (which, id) = match event {
            Event::Finished { id, .. } => (&mut tally.steps, id),
            Event::Failed { id, .. } | Event::Stuck { id, .. } => (&mut tally.failures, id),
            Event::Retrying { id, .. } => (&mut tally.retries, id),
            _ => return,
        };
        let known = which.contains_key(id.kind.as_str()) || which.len() < KINDS;
        let kind = if known { id.kind.as_str() } else { OTHER };
        *which.entry(kind.to_owned()).or_default() += 1;
    }

    /// So many requests to AWS were sent.
    pub fn called(&self, operation: &Operation, times: u64) {
        let access = match operation.access {
            Access::Read => "read",
            Access::Write => "write",
        };
        let key = (operation.service.clone(), access);
        *self.lock().calls.entry(key).or_default() += times;
    }

    /// So many answers asked for fewer requests.
    pub fn throttled(&self, operation: &Operation, times: u64) {
        let service = operation.service.clone();
        *self.lock().throttles.entry(service).or_default() += times;
    }

    /// A listener was too slow for so many notices.
    pub fn lost(&self, notices: u64) {
        self.lock().lost += notices;
    }

    /// The configuration no longer names the stage: its series end.
    pub fn forget(&self, key: &StageKey) {
        self.lock().passes.retain(|(of, _), _| of != key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::StepId;

    #[test]
    fn requests_are_counted_by_service_and_access() {
        let counts = Counts::default();
        let of = |service: &str, access| Operation {
            service: service.into(),
            name: "GetFunction".into(),
            access,
        };
        counts.called(&of("Lambda", Access::Read), 2);
        counts.called(&of("Lambda", Access::Read), 1);
        counts.called(&of("Lambda", Access::Write), 5);
        counts.throttled(&of("Lambda", Access::Read), 1);
        let tally = counts.tally();
        let calls = [("read", 3), ("write", 5)].map(|(access, times)| (("Lambda".to_owned(), access), times));
        assert_eq!(tally.calls, calls.into());
        assert_eq!(tally.throttles, [("Lambda".to_owned(), 1)].into());
    }

    #[test]
    fn durations_fall_into_classes_with_their_upper_bounds() {
        let mut durations = Durations::default();
        for millis in [100, 101, 900_000, 900_001] {
            durations.add(Duration::from_millis(millis));
        }
        assert_eq!((durations.classes[0], durations.classes[1]), (1, 1));
        assert_eq!((durations.classes[11], durations.classes[12]), (1, 1));
        assert_eq!(durations.count(), 4);
    }

    #[test]
    fn kinds_are_told_apart_up_to_a_limit() {
        let counts = Counts::default();
        for number in 0..2 * KINDS {
            counts.happened(&Event::Finished {
                step: StepId(0),
                id: format!("kind_{number}.one").parse().unwrap(),
                action: "create".into(),
                took: Duration::ZERO,
            });
        }
        let steps = counts.tally().steps;
        assert_eq!(steps.len(), KINDS + 1);
        assert_eq!(steps[OTHER], KINDS as u64);
    }
}
