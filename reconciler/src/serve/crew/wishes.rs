//! What people and hosts of repositories ask of replicas: one object for all of them, and what is on its way into it.
//!
//! What is asked for here holds here at once, and what is read from the others never undoes it: what is known is changed under
//! the lock of what is pending alone. Of equal wishes one is kept, so that an outage gathers no more than there are stages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::{Crew, VERSION};
use crate::serve::StageKey;

/// What is asked of replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wishes {
    v: u32,
    /// Whether a stage is paused, where that was asked for.
    pub paused: BTreeMap<String, bool>,
    /// How often a person asked for a pass of a stage.
    pub asked: BTreeMap<String, u64>,
    /// How often it was said that the source of a stage may have changed.
    #[serde(default)]
    pub woken: BTreeMap<String, u64>,
    /// By whom this was written last, and how often: no two writings are equal.
    by: String,
    edition: u64,
}

impl Wishes {
    /// These with what is pending, as `me` writes them.
    pub(super) fn written_by(self, me: &str, pending: &Pending) -> Self {
        let mut wishes = Self {
            v: VERSION,
            by: me.to_owned(),
            edition: self.edition + 1,
            ..self
        };
        pending.put_into(&mut wishes);
        wishes
    }
}

/// What was asked for here and is not written yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pending {
    paused: BTreeMap<String, bool>,
    asked: BTreeSet<String>,
    woken: BTreeSet<String>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.paused.is_empty() && self.asked.is_empty() && self.woken.is_empty()
    }

    /// Takes back what could not be written. What came later holds.
    pub(super) fn take_back(&mut self, earlier: Self) {
        for (key, paused) in earlier.paused {
            self.paused.entry(key).or_insert(paused);
        }
        self.asked.extend(earlier.asked);
        self.woken.extend(earlier.woken);
    }

    pub(super) fn put_into(&self, wishes: &mut Wishes) {
        let paused = self.paused.iter().map(|(key, paused)| (key.clone(), *paused));
        wishes.paused.extend(paused);
        for (wished, counts) in [(&self.asked, &mut wishes.asked), (&self.woken, &mut wishes.woken)] {
            for key in wished {
                *counts.entry(key.clone()).or_default() += 1;
            }
        }
    }
}

impl Crew {
    /// Asks whoever carries the stage for a pass, as a person does.
    pub fn wish_pass(&self, key: &StageKey) {
        self.pending().asked.insert(key.to_string());
        self.inner.wished.notify_one();
    }

    /// Tells whoever carries the stage that its source may have changed.
    pub fn wish_look(&self, key: &StageKey) {
        self.pending().woken.insert(key.to_string());
        self.inner.wished.notify_one();
    }

    /// Pauses or resumes the stage, whoever carries it, until that is asked for otherwise: it outlives every process.
    pub fn wish_pause(&self, key: &StageKey, paused: bool) {
        let mut pending = self.pending();
        pending.paused.insert(key.to_string(), paused);
        self.know(|muster| {
            muster.wishes.paused.insert(key.to_string(), paused);
        });
        drop(pending);
        self.inner.wished.notify_one();
    }

    /// What is pending. Nobody awaits anything while it has this.
    pub(super) fn pending(&self) -> MutexGuard<'_, Pending> {
        self.inner.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All have asked for this; what is pending here holds beside it.
    pub(super) fn hear(&self, mut wishes: Wishes) {
        let pending = self.pending();
        pending.put_into(&mut wishes);
        self.know(|muster| {
            muster.wishes = wishes;
            muster.heard = true;
        });
        drop(pending);
    }
}
