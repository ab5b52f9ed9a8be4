//! The state at the last commit.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{ResourceId, StackId};
use crate::journal::{Doomed, Seq};
use crate::record::Record;

/// The schema version that this build writes. Older ones are upgraded when read, newer ones are refused.
pub const SCHEMA: u32 = 1;

/// How many hashes of Chalice's file are kept, to know a stale checkout from a foreign deploy (design 8).
pub const KEPT_PROJECTIONS: usize = 100;

/// What is known of a stack at its last commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Schema version of this document.
    pub schema: u32,
    /// The stack that it describes.
    pub stack: StackId,
    /// The account and region that the stack lives in, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<Home>,
    /// Every resource that exists and is ours.
    pub records: BTreeMap<ResourceId, Record>,
    /// Things that should be gone and are not yet: the next `deploy` or `delete` goes on with them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doomed: Vec<Doomed>,
    /// Hashes of the forms of Chalice's file that we wrote, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub projections: Vec<Digest>,
    /// The epoch and the number of the next journal entry after those folded in: older entries are history.
    #[serde(default)]
    pub folded: Folded,
    /// When it was committed, by the clock of the machine that did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<Timestamp>,
}

/// An AWS account and region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// Twelve digits.
    pub account: String,
    /// Such as `eu-west-1`.
    pub region: String,
}

/// Up to where the journal is folded into a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Folded {
    /// One holding of the lock.
    pub epoch: u64,
    /// The first number in that epoch that is not folded in.
    pub seq: Seq,
}

impl Snapshot {
    /// The state of a stack of which nothing is known.
    pub fn empty(stack: StackId) -> Self {
        Self {
            schema: SCHEMA,
            stack,
            home: None,
            records: BTreeMap::new(),
            doomed: Vec::new(),
            projections: Vec::new(),
            folded: Folded::default(),
            committed: None,
        }
    }
}

/// Which snapshot was read: a compare-and-swap succeeds only on the one it names. Opaque; `None` is "there was none".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version(pub Option<String>);
