//! What a pass came to, in a form that outlives it: for `grail history`. Nothing is decided by it, and nothing is lost with it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::ResourceId;

/// One pass that wrote something, or tried to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The command (`deploy`, `delete`, `rollback`).
    pub command: String,
    /// Who ran it, as well as it is known.
    pub who: String,
    /// On which machine.
    pub host: String,
    /// When it took the lock, by its clock.
    pub began: Timestamp,
    /// When it ended, by the same clock.
    pub ended: Timestamp,
    /// How it ended, in one word: `done`, `rolled_back`, `unswept`, `stuck`, `open`.
    pub outcome: String,
    /// Why it ended so, where it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What it did to which resource, in the order in which it was done (`created`, `updated`, `deleted`, `restored`, `failed`,
    /// `stuck`). A resource that was replaced, or made and then taken back, has several.
    pub changes: BTreeMap<ResourceId, Vec<String>>,
}
