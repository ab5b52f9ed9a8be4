//! Counts.

use std::collections::BTreeMap;
use std::fmt;

use grail_tests::exhaustive::{Blow, Case};

/// How many cases were played, by what struck them, and which failed.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    played: BTreeMap<&'static str, usize>,
    failed: Vec<String>,
}

impl Tally {
    /// Counts a case.
    pub(crate) fn count(&mut self, case: &Case<'_>, outcome: &Result<(), String>) {
        let word = match case.blow {
            Blow::Refuse { .. } => "refusals",
            Blow::Lose { .. } => "losses",
            Blow::Kill { .. } => "kills",
            Blow::Storm | Blow::Resets | Blow::Hangs => "storms",
            Blow::Silence { .. } => "silences",
        };
        *self.played.entry(word).or_default() += 1;
        if outcome.is_err() {
            self.failed.push(case.to_string());
        }
    }

    /// Whether none failed.
    pub(crate) fn is_good(&self) -> bool {
        self.failed.is_empty()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: usize = self.played.values().sum();
        write!(f, "{all} cases")?;
        for (word, count) in &self.played {
            write!(f, ", {count} {word}")?;
        }
        write!(f, "; {} failed", self.failed.len())?;
        for name in &self.failed {
            write!(f, " {name}")?;
        }
        Ok(())
    }
}
