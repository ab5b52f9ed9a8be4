//! What is written down before and after each act, between one commit and the next.
//!
//! Rules (design 6.3): no write to a resource before its [`Entry::Intent`] is durable; no step is finished before
//! [`Entry::Done`] or [`Entry::Gone`] is durable; dependents wait for that. The status of a transaction is the fold of its
//! entries, `txn::replay`, live and at recovery.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::id::{Handle, ResourceId, StepToken};
use crate::observed::{Proof, Remote};
use crate::record::Record;
use crate::snapshot::Home;

/// The number of an entry, counted from 0 within one epoch (one holding of the lock).
pub type Seq = u64;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "entries are few and live in lists of hundreds; a box would be noise at every use"
)]
pub enum Entry {
    /// A pass towards a goal begins. Several may follow each other within one transaction: a crash, then another goal.
    Begin {
        /// The digest of the plan that is carried out.
        goal: Digest,
        /// What was asked for (`deploy`, `delete`, `rollback`), for people.
        command: String,
        /// Who asked, for people. Older journals do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// The account and region in which it works: the snapshot says it only once something is committed. Older journals
        /// do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        home: Option<Home>,
        /// True if there was no file of records (Chalice's) when the transaction began: where nothing is left of it, there is to
        /// be none again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        new_file: bool,
        /// When, by this machine's clock.
        at: Timestamp,
    },
    /// A write to `id` is about to be made.
    Intent {
        /// The resource.
        id: ResourceId,
        /// The attempt; the same over every retry of one birth.
        token: StepToken,
        /// The form wanted, as projected; `None` for a deletion.
        spec: Option<Value>,
        /// The living thing whose place the new one takes at the commit: it stays untouched until it is swept. `None`
        /// for every write that is no such birth.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        beside: Option<Handle>,
        /// What was there before. Only the first since the last commit counts.
        pre: PreImage,
        /// What restoring the pre-image will need.
        keep: Keep,
        /// What the resource depends on, for the order of the way back.
        depends_on: BTreeSet<ResourceId>,
        /// Its place in Chalice's order.
        rank: u32,
        /// When, by this machine's clock.
        at: Timestamp,
    },
    /// The resource is as wanted.
    Done {
        /// The resource.
        id: ResourceId,
        /// What is to be remembered of it.
        record: Record,
        /// When, by this machine's clock. Older journals have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// The resource is deleted, or was found not to exist.
    Gone {
        /// The resource.
        id: ResourceId,
        /// When, by this machine's clock. Older journals have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// A write was refused, or its outcome is unknown. The intent stays open until it is settled.
    Failed {
        /// The resource.
        id: ResourceId,
        /// True if the world may have changed all the same.
        maybe: bool,
        /// The cause, in words, without secrets.
        why: String,
        /// When, by this machine's clock. Older journals have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// Everything that can be taken back is done: from here the way is forward only.
    Commit {
        /// What is still to be deleted.
        sweep: Vec<Doomed>,
        /// What others have added to things that stay, and is to go from them.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        prune: BTreeMap<ResourceId, Prune>,
        /// Those of `prune` that an earlier commit has left and this one does not touch: they wait for a plan that looks there.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        later: BTreeSet<ResourceId>,
        /// Records that change without a write: what was adopted, what was refreshed, what is not there (`None`).
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        notes: BTreeMap<ResourceId, Option<Record>>,
        /// What is protected from now on, as far as it exists; `None` for what was protected before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        protected: Option<BTreeSet<ResourceId>>,
        /// When, by this machine's clock. Older journals have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// One of the swept things is gone.
    Swept {
        /// The resource.
        id: ResourceId,
        /// Which thing: a replaced resource has two under one id.
        handle: Handle,
        /// When, by this machine's clock. Older journals have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// What was to go from a thing that stays is gone.
    Pruned {
        /// The resource.
        id: ResourceId,
        /// Which thing.
        handle: Handle,
        /// When, by this machine's clock.
        at: Timestamp,
    },
    /// The way back begins.
    Abort {
        /// The cause, in words.
        why: String,
        /// When, by this machine's clock.
        at: Timestamp,
    },
    /// The resource is as it was at the last commit.
    Restored {
        /// The resource.
        id: ResourceId,
        /// What is to be remembered of it; `None` where it did not exist or was not ours.
        record: Option<Record>,
        /// When, by this machine's clock. Older journals have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// The way back is blocked at this resource; the next command tries again.
    Stuck {
        /// The resource.
        id: ResourceId,
        /// The cause, in words.
        why: String,
        /// When, by this machine's clock. Older journals have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
}

impl Entry {
    /// The resource that the entry is about, if it is about one.
    pub fn resource(&self) -> Option<&ResourceId> {
        match self {
            Self::Begin { .. } | Self::Commit { .. } | Self::Abort { .. } => None,
            Self::Intent { id, .. }
            | Self::Done { id, .. }
            | Self::Gone { id, .. }
            | Self::Failed { id, .. }
            | Self::Swept { id, .. }
            | Self::Pruned { id, .. }
            | Self::Restored { id, .. }
            | Self::Stuck { id, .. } => Some(id),
        }
    }
}

impl Entry {
    /// When it was written, as far as it says.
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Begin { at, .. }
            | Self::Intent { at, .. }
            | Self::Pruned { at, .. }
            | Self::Abort { at, .. } => Some(*at),
            Self::Done { at, .. }
            | Self::Gone { at, .. }
            | Self::Failed { at, .. }
            | Self::Commit { at, .. }
            | Self::Swept { at, .. }
            | Self::Restored { at, .. }
            | Self::Stuck { at, .. } => *at,
        }
    }
}

/// What was there before the first write since the last commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "entries are few and live in lists of hundreds; a box would be noise at every use"
)]
pub enum PreImage {
    /// Nothing.
    Absent,
    /// This, and what we knew of it.
    Present {
        /// As observed.
        remote: Remote,
        /// As recorded; `None` if the state did not know it (it was adopted).
        record: Option<Record>,
    },
}

/// What restoring a pre-image needs beyond its projected form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// Nothing: the projected form is the whole form, or there was nothing.
    Nothing,
    /// The whole form, sealed, because the projected one hides secrets; and the artifacts that it names.
    Sealed {
        /// The sealed whole form.
        sealed: Sealed,
        /// Digests of bytes that must stay in the artifact store until the commit.
        artifacts: Vec<Digest>,
        /// What could not be kept.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lost: Vec<Lost>,
    },
    /// The whole form in clear, for kinds that project more than secrets away (code); and the artifacts that it names.
    Plain {
        /// The whole form. Holds no secret.
        spec: Value,
        /// Digests of bytes that must stay in the artifact store until the commit.
        artifacts: Vec<Digest>,
        /// What could not be kept.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lost: Vec<Lost>,
    },
    /// It could not be had. Restoring will do what the projected form allows, and say what it could not.
    Unavailable {
        /// Why.
        why: String,
    },
}

impl Keep {
    /// What of the resource no way back can restore. Where nothing could be kept, the one entry has no field.
    pub fn lost(&self) -> Vec<Lost> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Sealed { lost, .. } | Self::Plain { lost, .. } => lost.clone(),
            Self::Unavailable { why } => vec![Lost {
                field: String::new(),
                why: why.clone(),
            }],
        }
    }

    /// The artifacts that it names.
    pub fn artifacts(&self) -> &[Digest] {
        match self {
            Self::Sealed { artifacts, .. } | Self::Plain { artifacts, .. } => artifacts,
            Self::Nothing | Self::Unavailable { .. } => &[],
        }
    }
}

/// A field that could not be kept. A way back leaves it as it is, and without it the resource cannot be made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Its path in the form; empty for the whole form.
    pub field: String,
    /// Why it could not be kept, in words.
    pub why: String,
}

/// Bytes under an authenticated cipher (see `seal`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Which key opens it.
    pub key_id: String,
    /// Base64 of the nonce.
    pub nonce: String,
    /// Base64 of the ciphertext with its tag.
    pub bytes: String,
}

/// A thing that is to be deleted after the commit, with all that its deletion needs when its source is long gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Doomed {
    /// Its logical name. A replaced resource has a live record under the same name.
    pub id: ResourceId,
    /// Its physical name.
    pub handle: Handle,
    /// Its form, as projected.
    pub spec: Value,
    /// Its outputs.
    pub outputs: BTreeMap<String, Value>,
    /// What it depends on: deleted after it.
    pub depends_on: BTreeSet<ResourceId>,
    /// Its place in Chalice's order.
    pub rank: u32,
    /// What showed it to be ours when it was last seen. Under a name that others may take, what no longer bears it is
    /// another thing.
    #[serde(default = "Proof::none", skip_serializing_if = "Proof::is_none")]
    pub proof: Proof,
}

/// Additions of others that are to go from a thing of ours, which stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Prune {
    /// Which thing.
    pub handle: Handle,
    /// What goes, in the words in which a look told it.
    pub children: Vec<String>,
}
