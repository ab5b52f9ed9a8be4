//! Who is there, and whose a stage is then. Pure: all who know the same say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::Wishes;
use crate::serve::StageKey;

/// The replicas that are there, as one of them sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Muster {
    me: String,
    /// What each would carry.
    pub(super) there: BTreeMap<String, Arc<BTreeSet<String>>>,
    /// Who was seen to beat, and is missed since.
    pub(super) missed: BTreeSet<String>,
    /// What is asked for.
    pub wishes: Wishes,
    /// Whether the wishes were read yet.
    pub(super) heard: bool,
}

impl Muster {
    /// Nobody is there yet, not even `me`.
    pub(super) fn new(me: &str) -> Self {
        Self {
            me: me.to_owned(),
            there: BTreeMap::new(),
            missed: BTreeSet::new(),
            wishes: Wishes::default(),
            heard: false,
        }
    }

    /// Whose the stage is: among those that would carry it, who has the highest hash with it.
    pub fn carrier(&self, key: &StageKey) -> Option<&str> {
        let name = key.to_string();
        let would = self.there.iter().filter(|(_, stages)| stages.contains(&name));
        let weighed = would.map(|(id, _)| (weight(id, &name), id.as_str()));
        weighed.max().map(|(_, id)| id)
    }

    /// Whether it is ours.
    pub fn is_mine(&self, key: &StageKey) -> bool {
        self.carrier(key) == Some(self.me.as_str())
    }

    /// Whether it counts itself: others see it too then.
    pub fn is_here(&self) -> bool {
        self.is_there(&self.me)
    }

    /// Whether this replica is there.
    pub fn is_there(&self, id: &str) -> bool {
        self.there.contains_key(id)
    }

    /// Whether it is known to be gone. Who has just come is neither there nor gone.
    pub(super) fn is_missed(&self, id: &str) -> bool {
        self.missed.contains(id)
    }

    /// Whether the wishes are known: before, nobody knows what is paused.
    pub fn is_heard(&self) -> bool {
        self.heard
    }

    /// Whether the stage is paused, where nobody has asked for it one way or the other as `otherwise` says.
    pub fn is_paused(&self, key: &StageKey, otherwise: bool) -> bool {
        self.wishes
            .paused
            .get(&key.to_string())
            .copied()
            .unwrap_or(otherwise)
    }
}

fn weight(id: &str, stage: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    // No id has a zero in it.
    hasher.update(id.as_bytes());
    hasher.update([0]);
    hasher.update(stage.as_bytes());
    hasher.finalize().into()
}
