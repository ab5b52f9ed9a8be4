//! What each entry does to a transaction, and where it cannot stand.

use std::collections::{BTreeMap, BTreeSet};

use super::{Back, Begun, Open, Phase, Touched, Txn};
use crate::id::{Handle, ResourceId};
use crate::journal::{Doomed, Entry, Keep, PreImage};
use crate::record::Record;

impl Txn {
    pub(super) fn fold(&mut self, entry: &Entry) -> Result<(), String> {
        match entry {
            Entry::Begin {
                command,
                by,
                at,
                new_file,
                ..
            } => self.begin(Begun {
                command: command.clone(),
                by: by.clone(),
                at: *at,
                new_file: *new_file,
            }),
            Entry::Intent { .. } => self.intend(entry),
            Entry::Done { id, record, .. } => self.done(id, record),
            Entry::Gone { id, .. } => self.gone(id),
            Entry::Failed { id, why, .. } => self.failed(id, why),
            Entry::Commit {
                sweep,
                prune,
                later,
                notes,
                protected,
                ..
            } => self.commit(sweep, notes, protected.as_ref()).map(|()| {
                self.prune.clone_from(prune);
                self.later.clone_from(later);
            }),
            Entry::Swept { id, handle, .. } => self.swept(id, handle),
            Entry::Pruned { id, handle, .. } => self.pruned(id, handle),
            Entry::Abort { why, .. } => self.abort(why),
            Entry::Restored { id, record, .. } => self.restored(id, record.as_ref()),
            Entry::Stuck { id, why, .. } => self.stuck(id, why),
        }
        .map(|()| self.sign_of_life = self.sign_of_life.max(entry.at()))
    }

    fn begin(&mut self, begun: Begun) -> Result<(), String> {
        match self.phase {
            Phase::Idle | Phase::Building => {}
            other => return Err(format!("a pass cannot begin while {}", other.as_str())),
        }
        if let Some((id, _)) = self.unsettled().next() {
            return Err(format!("a pass cannot begin before the write to {id} is settled"));
        }
        self.phase = Phase::Building;
        self.begun = Some(begun);
        self.cause = None;
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
        let (pre, keep) = self.first_pre_image(id, pre).unwrap_or((pre, keep));
        let (pre, keep) = (pre.clone(), keep.clone());
        let touched = self.touched.entry(id.clone()).or_insert_with(|| Touched {
            pre,
            keep,
            wants: Vec::new(),
            made: Vec::new(),
            tokens: Vec::new(),
            depends_on: BTreeSet::new(),
            rank: *rank,
            beside: false,
            died: false,
            unmade: false,
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
        touched.unmade |= spec.is_none();
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
        Ok(())
    }

    /// The first pre-image of a thing that was touched under another id: it was to move, and then was not.
    fn first_pre_image(&self, id: &ResourceId, pre: &PreImage) -> Option<(&PreImage, &Keep)> {
        let PreImage::Present { remote, .. } = pre else {
            return None;
        };
        let mut others = self
            .touched
            .iter()
            .filter(|(other, _)| other.kind == id.kind && *other != id);
        let (_, same) = others.find(|(_, touched)| touched.pre_handle() == Some(&remote.handle))?;
        Some((&same.pre, &same.keep))
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
                (Some(record), PreImage::Present { remote, .. }) if remote.handle == old => Some(Doomed {
                    proof: remote.proof.clone(),
                    ..Doomed::of(id.clone(), record)
                }),
                (Some(record), _) => Some(Doomed::of(id.clone(), record)),
                (None, PreImage::Present { remote, .. }) => Some(Doomed {
                    id: id.clone(),
                    handle: old,
                    spec: remote.spec.clone(),
                    outputs: remote.outputs.clone(),
                    depends_on: touched.depends_on.clone(),
                    rank: touched.rank,
                    proof: remote.proof.clone(),
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
                self.cause = Some(format!("{id}: {why}"));
                Ok(())
            }
            Phase::Sweeping if self.doomed.iter().any(|doomed| doomed.id == *id) => Ok(()),
            Phase::Sweeping if self.prune.contains_key(id) => Ok(()),
            Phase::Sweeping => Err(format!("{id} is not to be swept")),
            other => Err(format!("no step can fail while {}", other.as_str())),
        }
    }

    fn commit(
        &mut self,
        sweep: &[Doomed],
        notes: &BTreeMap<ResourceId, Option<Record>>,
        protected: Option<&BTreeSet<ResourceId>>,
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
        self.doomed = sweep.iter().cloned().collect();
        self.protected = protected.cloned();
        self.phase = Phase::Sweeping;
        Ok(())
    }

    fn swept(&mut self, id: &ResourceId, handle: &Handle) -> Result<(), String> {
        self.expect(Phase::Sweeping, "a thing is swept")?;
        let is_it = |doomed: &Doomed| doomed.id == *id && doomed.handle == *handle;
        let place = self.doomed.iter().position(is_it);
        match place.and_then(|place| self.doomed.remove(place)) {
            Some(_) => Ok(()),
            // Grails of the first version ended a pruning with this word too.
            None => self
                .pruned(id, handle)
                .map_err(|_| format!("{id} ({handle}) is not to be swept")),
        }
    }

    fn pruned(&mut self, id: &ResourceId, handle: &Handle) -> Result<(), String> {
        self.expect(Phase::Sweeping, "what others have added is removed")?;
        match self.prune.get(id) {
            Some(prune) if prune.handle == *handle => {
                self.prune.remove(id);
                Ok(())
            }
            _ => Err(format!("nothing is to go from {id} ({handle})")),
        }
    }

    fn abort(&mut self, why: &str) -> Result<(), String> {
        self.expect(Phase::Building, "the way back begins")?;
        self.phase = Phase::Aborting;
        self.cause = Some(why.to_owned());
        self.doomed = self.snapshot.doomed.iter().cloned().collect();
        Ok(())
    }

    fn restored(&mut self, id: &ResourceId, record: Option<&Record>) -> Result<(), String> {
        let touched = self.going_back(id)?;
        touched.back = Back::Restored;
        touched.open = None;
        touched.made.clear();
        match self.known_as(id).cloned() {
            Some(before) => {
                self.records.remove(id);
                remember(&mut self.records, &before, record);
            }
            None => remember(&mut self.records, id, record),
        }
        Ok(())
    }

    /// The other id under which the last commit has the thing that `id` was before it was touched: it was to move.
    fn known_as(&self, id: &ResourceId) -> Option<&ResourceId> {
        let before = self.touched.get(id)?.pre_record()?;
        let records = &self.snapshot.records;
        let mut same = records
            .iter()
            .filter(|(other, record)| other.kind == id.kind && record.handle == before.handle);
        same.find(|_| !records.contains_key(id)).map(|(other, _)| other)
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
