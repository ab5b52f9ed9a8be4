//! The fold of a journal: where a transaction stands.
//!
//! [`replay`] folds what a store holds; the engine applies each entry to the same [`Txn`] once it is durable. So the live
//! state and the recovered one come from one function, and a sequence that no run can have written is an error that names
//! the entry ([`Corrupt`]), never a guess.
//!
//! The order of the way back ([`Txn::restore_order`]) stands in `txn/order.rs`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use crate::id::{Handle, ResourceId, StepToken};
use crate::journal::{Doomed, Entry, Keep, PreImage};
use crate::record::Record;
use crate::snapshot::Snapshot;

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
    doomed: Vec<Doomed>,
    touched: BTreeMap<ResourceId, Touched>,
    command: Option<String>,
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
            doomed: base.doomed.clone(),
            snapshot: base,
            touched: BTreeMap::new(),
            command: None,
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
    pub fn doomed(&self) -> &[Doomed] {
        &self.doomed
    }

    /// Every resource touched since the last commit.
    pub fn touched(&self) -> &BTreeMap<ResourceId, Touched> {
        &self.touched
    }

    /// The command that began the last pass.
    pub fn command(&self) -> Option<&str> {
        self.command.as_deref()
    }

    /// Why the way back began.
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
        next.doomed = self.doomed.clone();
        if self.phase == Phase::Sweeping {
            next.committed = Some(at);
        }
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

    fn fold(&mut self, entry: &Entry) -> Result<(), String> {
        match entry {
            Entry::Begin { command, at, .. } => self.begin(command, *at),
            Entry::Intent { .. } => self.intend(entry),
            Entry::Done { id, record } => self.done(id, record),
            Entry::Gone { id } => self.gone(id),
            Entry::Failed { id, why, .. } => self.failed(id, why),
            Entry::Commit { sweep, notes } => self.commit(sweep, notes),
            Entry::Swept { id, handle } => self.swept(id, handle),
            Entry::Abort { why, at } => self.abort(why, *at),
            Entry::Restored { id, record } => self.restored(id, record.as_ref()),
            Entry::Stuck { id, why } => self.stuck(id, why),
        }
    }

    fn begin(&mut self, command: &str, at: Timestamp) -> Result<(), String> {
        match self.phase {
            Phase::Idle | Phase::Building => {}
            other => return Err(format!("a pass cannot begin while {}", other.as_str())),
        }
        if let Some((id, _)) = self.unsettled().next() {
            return Err(format!("a pass cannot begin before the write to {id} is settled"));
        }
        self.phase = Phase::Building;
        self.command = Some(command.to_owned());
        self.live(at);
        Ok(())
    }

    fn intend(&mut self, entry: &Entry) -> Result<(), String> {
        let Entry::Intent {
            id,
            token,
            spec,
            beside,
            pre,
            keep,
            depends_on,
            rank,
            at,
        } = entry
        else {
            return Err("not an intent".to_owned());
        };
        self.expect(Phase::Building, "a write is announced")?;
        let touched = self.touched.entry(id.clone()).or_insert_with(|| Touched {
            pre: pre.clone(),
            keep: keep.clone(),
            wants: Vec::new(),
            made: Vec::new(),
            tokens: Vec::new(),
            depends_on: BTreeSet::new(),
            rank: *rank,
            beside: false,
            died: false,
            open: None,
            back: Back::Pending,
        });
        if touched.open.is_some() {
            return Err(format!("an earlier write to {id} is not settled"));
        }
        if beside.is_none() {
            touched.wants.extend(spec.clone());
        }
        touched.depends_on.extend(depends_on.iter().cloned());
        touched.beside |= beside.is_some();
        if touched.tokens.last() != Some(token) {
            touched.tokens.push(token.clone());
        }
        touched.open = Some(Open {
            token: token.clone(),
            spec: spec.clone(),
            beside: beside.clone(),
            at: *at,
            failed: None,
        });
        self.live(*at);
        Ok(())
    }

    fn done(&mut self, id: &ResourceId, record: &Record) -> Result<(), String> {
        self.expect(Phase::Building, "a step is done")?;
        let touched = announced(&mut self.touched, id)?;
        let open = touched.open.take();
        touched.made.retain(|made| made.handle != record.handle);
        if touched.pre_handle() == Some(&record.handle) {
            touched.died = false;
        } else {
            touched.made.push(record.clone());
        }
        if let Some(old) = open.and_then(|open| open.beside) {
            let known = self
                .records
                .get(id)
                .filter(|record| record.handle == old)
                .or_else(|| touched.pre_record());
            let doomed = match (known, &touched.pre) {
                (Some(record), _) => Some(Doomed::of(id.clone(), record)),
                (None, PreImage::Present { remote, .. }) => Some(Doomed {
                    id: id.clone(),
                    handle: old,
                    spec: remote.spec.clone(),
                    outputs: remote.outputs.clone(),
                    depends_on: touched.depends_on.clone(),
                    rank: touched.rank,
                }),
                (None, PreImage::Absent) => None,
            };
            self.doomed.extend(doomed);
        }
        self.doomed
            .retain(|doomed| doomed.id != *id || doomed.handle != record.handle);
        self.records.insert(id.clone(), record.clone());
        Ok(())
    }

    fn gone(&mut self, id: &ResourceId) -> Result<(), String> {
        self.expect(Phase::Building, "a resource is gone")?;
        let touched = announced(&mut self.touched, id)?;
        let beside = touched.open.take().and_then(|open| open.beside);
        if beside.is_some() {
            // The birth did not happen, and the thing whose place it should have taken lives.
            return Ok(());
        }
        if let Some(record) = self.records.remove(id) {
            touched.made.retain(|made| made.handle != record.handle);
            touched.died |= touched.pre_handle() == Some(&record.handle);
        } else {
            touched.died |= touched.pre_handle().is_some();
        }
        Ok(())
    }

    fn failed(&mut self, id: &ResourceId, why: &str) -> Result<(), String> {
        match self.phase {
            Phase::Building => {
                if let Some(open) = &mut announced(&mut self.touched, id)?.open {
                    open.failed = Some(why.to_owned());
                }
                Ok(())
            }
            Phase::Sweeping if self.doomed.iter().any(|doomed| doomed.id == *id) => Ok(()),
            Phase::Sweeping => Err(format!("{id} is not to be swept")),
            other => Err(format!("no step can fail while {}", other.as_str())),
        }
    }

    fn commit(
        &mut self,
        sweep: &[Doomed],
        notes: &BTreeMap<ResourceId, Option<Record>>,
    ) -> Result<(), String> {
        self.expect(Phase::Building, "it is committed")?;
        if let Some((id, _)) = self.unsettled().next() {
            return Err(format!("the write to {id} is not settled"));
        }
        for (id, note) in notes {
            remember(&mut self.records, id, note.as_ref());
        }
        for doomed in sweep {
            if self
                .records
                .get(&doomed.id)
                .is_some_and(|record| record.handle == doomed.handle)
            {
                self.records.remove(&doomed.id);
            }
        }
        self.doomed = sweep.to_vec();
        self.phase = Phase::Sweeping;
        Ok(())
    }

    fn swept(&mut self, id: &ResourceId, handle: &Handle) -> Result<(), String> {
        self.expect(Phase::Sweeping, "a thing is swept")?;
        let before = self.doomed.len();
        self.doomed
            .retain(|doomed| doomed.id != *id || doomed.handle != *handle);
        if self.doomed.len() == before {
            return Err(format!("{id} ({handle}) is not to be swept"));
        }
        Ok(())
    }

    fn abort(&mut self, why: &str, at: Timestamp) -> Result<(), String> {
        self.expect(Phase::Building, "the way back begins")?;
        self.phase = Phase::Aborting;
        self.cause = Some(why.to_owned());
        self.doomed = self.snapshot.doomed.clone();
        self.live(at);
        Ok(())
    }

    fn restored(&mut self, id: &ResourceId, record: Option<&Record>) -> Result<(), String> {
        let touched = self.going_back(id)?;
        touched.back = Back::Restored;
        touched.open = None;
        touched.made.clear();
        remember(&mut self.records, id, record);
        Ok(())
    }

    fn stuck(&mut self, id: &ResourceId, why: &str) -> Result<(), String> {
        self.going_back(id)?.back = Back::Stuck(why.to_owned());
        Ok(())
    }

    fn going_back(&mut self, id: &ResourceId) -> Result<&mut Touched, String> {
        self.expect(Phase::Aborting, "a resource is restored")?;
        match self.touched.get_mut(id) {
            None => Err(format!("{id} was not touched")),
            Some(touched) if touched.back == Back::Restored => Err(format!("{id} is restored already")),
            Some(touched) => Ok(touched),
        }
    }

    fn expect(&self, phase: Phase, what: &str) -> Result<(), String> {
        if self.phase == phase {
            Ok(())
        } else {
            Err(format!("{what} while {}", self.phase.as_str()))
        }
    }

    fn live(&mut self, at: Timestamp) {
        self.sign_of_life = self.sign_of_life.max(Some(at));
    }
}

fn announced<'a>(
    touched: &'a mut BTreeMap<ResourceId, Touched>,
    id: &ResourceId,
) -> Result<&'a mut Touched, String> {
    touched
        .get_mut(id)
        .filter(|touched| touched.open.is_some())
        .ok_or_else(|| format!("no write to {id} was announced"))
}

fn remember(records: &mut BTreeMap<ResourceId, Record>, id: &ResourceId, record: Option<&Record>) {
    match record {
        Some(record) => records.insert(id.clone(), record.clone()),
        None => records.remove(id),
    };
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
            token: None,
        }
    }
}
