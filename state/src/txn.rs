//! The fold of a journal: where a transaction stands.
//!
//! [`replay`] folds what a store holds; the engine applies each entry to the same [`Txn`] once it is durable. So the live
//! state and the recovered one come from one function, and a sequence that no run can have written is an error that names
//! the entry ([`Corrupt`]), never a guess.
//!
//! The order of the way back ([`Txn::restore_order`]) stands in `txn/order.rs`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use serde_json::Value;

use crate::id::{Handle, ResourceId, StepToken};
use crate::journal::{Doomed, Entry, Keep, PreImage, Prune};
use crate::observed::Proof;
use crate::record::Record;
use crate::snapshot::Snapshot;

mod fold;
mod order;
#[cfg(test)]
mod tests;

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is open.
    Idle,
    /// Steps are carried out; everything can still be taken back.
    Building,
    /// Committed; what cannot be taken back is being deleted.
    Sweeping,
    /// Everything touched is being brought back to its first pre-image.
    Aborting,
}

impl Phase {
    /// The phase in one word, for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Building => "building",
            Self::Sweeping => "sweeping",
            Self::Aborting => "aborting",
        }
    }
}

/// A sequence of entries that no run can have written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {number} of the journal cannot stand where it stands: {why}")]
pub struct Corrupt {
    /// The place of the entry, counted from 0.
    pub number: usize,
    /// What is wrong with it.
    pub why: String,
}

/// A write that was announced and of which neither success nor absence is written down.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// The attempt.
    pub token: StepToken,
    /// The form wanted, as projected; `None` for a deletion.
    pub spec: Option<Value>,
    /// The living thing whose place it takes.
    pub beside: Option<Handle>,
    /// When it was announced.
    pub at: Timestamp,
    /// What its last failure said, if it failed.
    pub failed: Option<String>,
}

/// The beginning of a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The command.
    pub command: String,
    /// Who ran it, where the journal says so.
    pub by: Option<String>,
    /// When, by their clock.
    pub at: Timestamp,
    /// True if there was no file of records when the transaction began.
    pub new_file: bool,
}

/// How far the way back of one resource is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Back {
    /// Still to be brought back.
    Pending,
    /// As it was.
    Restored,
    /// Blocked, for this reason; the next command tries again.
    Stuck(String),
}

/// A resource that was written to, or may have been, since the last commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Touched {
    /// What was there before the first of these writes.
    pub pre: PreImage,
    /// What restoring it will need.
    pub keep: Keep,
    /// Every form that was to be written to the thing of the pre-image, as projected: the fields in which they differ from
    /// it are ours.
    pub wants: Vec<Value>,
    /// Things that were made under this name and live: those whose handle is not the pre-image's.
    pub made: Vec<Record>,
    /// Every attempt, oldest first.
    pub tokens: Vec<StepToken>,
    /// What the new forms depend on.
    pub depends_on: BTreeSet<ResourceId>,
    /// Its place in Chalice's order.
    pub rank: u32,
    /// True if a birth beside the living thing was announced.
    pub beside: bool,
    /// True if the thing of the pre-image was deleted by us.
    pub died: bool,
    /// True if its deletion was announced, whatever came of it: it may have been cut off half way.
    pub unmade: bool,
    /// The announced write that is not settled.
    pub open: Option<Open>,
    /// How far its way back is.
    pub back: Back,
}

impl Touched {
    /// The handle of the pre-image.
    pub fn pre_handle(&self) -> Option<&Handle> {
        match &self.pre {
            PreImage::Absent => None,
            PreImage::Present { remote, .. } => Some(&remote.handle),
        }
    }

    /// The record that the pre-image had.
    pub fn pre_record(&self) -> Option<&Record> {
        match &self.pre {
            PreImage::Absent => None,
            PreImage::Present { record, .. } => record.as_ref(),
        }
    }

    /// What the thing of the pre-image depended on, as it was recorded. Where nobody recorded that (see
    /// [`Self::is_order_known`]), what the new forms depend on is the best guess.
    pub fn stood_on(&self) -> &BTreeSet<ResourceId> {
        let known = self.pre_record().filter(|_| self.is_order_known());
        known.map_or(&self.depends_on, |record| &record.depends_on)
    }

    /// False if it is not known what the thing of the pre-image depended on: nothing recorded it, or another tool did, of
    /// whose record only the handle and the place in its order are known.
    pub fn is_order_known(&self) -> bool {
        self.pre_record().is_some_and(|record| !record.spec.is_null())
    }

    /// True if something may have been born under this name beside or in place of nothing.
    pub fn is_birth(&self) -> bool {
        self.beside || self.pre == PreImage::Absent
    }
}

/// A transaction: the last commit and all that happened since.
#[derive(Clone, Debug, PartialEq)]
pub struct Txn {
    phase: Phase,
    snapshot: Snapshot,
    records: BTreeMap<ResourceId, Record>,
    /// Things go in about this order: taking one out near the front is cheap.
    doomed: VecDeque<Doomed>,
    prune: BTreeMap<ResourceId, Prune>,
    /// What of `prune` is not for this transaction to do.
    later: BTreeSet<ResourceId>,
    touched: BTreeMap<ResourceId, Touched>,
    /// What the commit has protected, if it has said so.
    protected: Option<BTreeSet<ResourceId>>,
    begun: Option<Begun>,
    cause: Option<String>,
    sign_of_life: Option<Timestamp>,
    entries: usize,
}

/// Folds a journal over the snapshot that it follows.
///
/// # Errors
/// At the first entry that cannot stand where it stands.
pub fn replay(base: Snapshot, journal: &[Entry]) -> Result<Txn, Corrupt> {
    let mut txn = Txn::new(base);
    for entry in journal {
        txn.apply(entry)?;
    }
    Ok(txn)
}

impl Txn {
    /// Nothing has happened since `base`.
    pub fn new(base: Snapshot) -> Self {
        Self {
            phase: Phase::Idle,
            records: base.records.clone(),
            doomed: base.doomed.iter().cloned().collect(),
            prune: base.prune.clone(),
            later: BTreeSet::new(),
            snapshot: base,
            touched: BTreeMap::new(),
            protected: None,
            begun: None,
            cause: None,
            sign_of_life: None,
            entries: 0,
        }
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The last commit.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// What we know of each resource now: the last commit with everything since laid over it.
    pub fn records(&self) -> &BTreeMap<ResourceId, Record> {
        &self.records
    }

    /// What is to be deleted once committed: leftovers of the last commit and replaced things; after the commit, what is
    /// still left of what it named.
    pub fn doomed(&self) -> &VecDeque<Doomed> {
        &self.doomed
    }

    /// What is to go from things that stay, once committed; after the commit, what is still left of it.
    pub fn prune(&self) -> &BTreeMap<ResourceId, Prune> {
        &self.prune
    }

    /// What of [`Self::prune`] is for this transaction to do.
    pub fn pruning(&self) -> impl Iterator<Item = (&ResourceId, &Prune)> {
        self.prune.iter().filter(|(id, _)| !self.later.contains(*id))
    }

    /// False if anything that was committed is still to be done.
    pub fn is_swept(&self) -> bool {
        self.doomed.is_empty() && self.pruning().next().is_none()
    }

    /// Every resource touched since the last commit.
    pub fn touched(&self) -> &BTreeMap<ResourceId, Touched> {
        &self.touched
    }

    /// How the last pass began; `None` if none has since the last commit.
    pub fn begun(&self) -> Option<&Begun> {
        self.begun.as_ref()
    }

    /// Why the way back began; before that, what the last pass failed at.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The latest time that an entry names.
    pub fn sign_of_life(&self) -> Option<Timestamp> {
        self.sign_of_life
    }

    /// How many entries were folded in.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// The announced writes that are not settled.
    pub fn unsettled(&self) -> impl Iterator<Item = (&ResourceId, &Open)> {
        self.touched
            .iter()
            .filter_map(|(id, touched)| Some((id, touched.open.as_ref()?)))
    }

    /// The marks of all attempts of this transaction and of everything recorded: a thing that bears one is ours.
    pub fn tokens(&self) -> BTreeSet<StepToken> {
        let recorded = self.records.values().filter_map(|record| record.token.clone());
        let tried = self.touched.values().flat_map(|touched| touched.tokens.clone());
        recorded.chain(tried).collect()
    }

    /// The marks of the attempts at one resource.
    pub fn tokens_of(&self, id: &ResourceId) -> BTreeSet<StepToken> {
        let touched = self.touched.get(id);
        let recorded = [self.records.get(id), touched.and_then(Touched::pre_record)];
        let recorded = recorded.into_iter().flatten();
        recorded
            .filter_map(|record| record.token.clone())
            .chain(touched.into_iter().flat_map(|touched| touched.tokens.clone()))
            .collect()
    }

    /// Everything of ours that exists: the records, and what is to be deleted and has no living successor. This is what
    /// Chalice's file shows.
    pub fn existing(&self) -> BTreeMap<ResourceId, Record> {
        let mut all = self.records.clone();
        for doomed in &self.doomed {
            all.entry(doomed.id.clone()).or_insert_with(|| doomed.to_record());
        }
        all
    }

    /// True where the journal can be folded into a new snapshot: after the commit, or when everything is restored.
    pub fn is_complete(&self) -> bool {
        match self.phase {
            Phase::Idle | Phase::Building => false,
            Phase::Sweeping => true,
            Phase::Aborting => self
                .touched
                .values()
                .all(|touched| touched.back == Back::Restored),
        }
    }

    /// The snapshot that ends the transaction, if it [is complete](Self::is_complete). What could not be swept stays in it
    /// as doomed.
    pub fn finished(&self, at: Timestamp) -> Option<Snapshot> {
        if !self.is_complete() {
            return None;
        }
        let mut next = self.snapshot.clone();
        next.records = self.records.clone();
        next.doomed = self.doomed.iter().cloned().collect();
        next.prune.clone_from(&self.prune);
        if self.phase == Phase::Sweeping {
            next.committed = Some(at);
            if let Some(protected) = &self.protected {
                next.protected.clone_from(protected);
            }
        }
        next.keep_to_records();
        Some(next)
    }

    /// Takes one entry.
    ///
    /// # Errors
    /// If it cannot stand here; the transaction is then as it was.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), Corrupt> {
        self.fold(entry).map_err(|why| Corrupt {
            number: self.entries,
            why,
        })?;
        self.entries += 1;
        Ok(())
    }
}

impl Doomed {
    /// The thing that `record` remembers under `id`.
    pub fn of(id: ResourceId, record: &Record) -> Self {
        Self {
            id,
            handle: record.handle.clone(),
            spec: record.spec.clone(),
            outputs: record.outputs.clone(),
            depends_on: record.depends_on.clone(),
            rank: record.rank,
            proof: Proof::recorded(record.token.as_ref()),
        }
    }

    /// The record of a thing that exists still.
    pub fn to_record(&self) -> Record {
        Record {
            handle: self.handle.clone(),
            spec: self.spec.clone(),
            outputs: self.outputs.clone(),
            depends_on: self.depends_on.clone(),
            rank: self.rank,
            token: match &self.proof {
                Proof::Mark(token) => Some(token.clone()),
                _ => None,
            },
        }
    }
}
