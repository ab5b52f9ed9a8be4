//! Looking: at what is recorded, at what is wanted, and where two records differ, at both.

use std::collections::{BTreeMap, BTreeSet};

use grail_providers::port::{RuleBook, Undelete};
use grail_state::journal::Doomed;
use grail_state::{DesiredState, Handle, Observed, Proof, Record, ResourceId};
use serde_json::Value;
use tracing::Instrument as _;

use super::Session;
use crate::engine::EngineError;
use crate::engine::look::{Observations, Seen, Subject, observe};
use crate::engine::traced;

impl Session<'_> {
    /// Looks at what the state records. Needs no wish, so that it can run while the wish is still being found. What another
    /// tool recorded waits for it: where no form is known yet, only the wish says what of a thing (its tags) is ours.
    ///
    /// # Errors
    /// [`EngineError::TwoLive`]. What could not be seen is no error yet: `delete` does without.
    pub async fn observe_recorded(&mut self) -> Result<(), EngineError> {
        if self.blind {
            return Ok(());
        }
        let records = self.recorded();
        let subjects = records
            .iter()
            .filter(|(_, record)| !record.spec.is_null())
            .map(|(id, record)| self.subject(id, Some(record), None))
            .collect();
        self.look(subjects).await;
        self.observe_rivals().await
    }

    /// Looks at what is recorded or wanted and was not looked at yet.
    pub(super) async fn observe_wanted(&mut self, desired: &DesiredState) -> Result<(), EngineError> {
        if self.blind {
            return Ok(());
        }
        let first = self.observed.is_empty() && self.failures.is_empty();
        let failed: BTreeSet<_> = self.failures.iter().map(|failed| failed.id.clone()).collect();
        let records = self.recorded();
        let all: BTreeSet<_> = records.keys().chain(desired.resources.keys()).collect();
        let mut missing: Vec<_> = all
            .into_iter()
            .filter(|id| !self.observed.contains_key(*id) && !failed.contains(*id))
            .map(|id| self.subject(id, records.get(id), desired.resources.get(id)))
            .collect();
        for (id, record) in self.overlooked(desired, &records) {
            self.observed.remove(&id);
            missing.push(self.subject(&id, Some(&record), desired.resources.get(&id)));
        }
        self.look(missing).await;
        if first {
            self.observe_rivals().await?;
        }
        Ok(())
    }

    /// What is there and was looked at with a record that says something of other fields than the wish does, with a record that
    /// says something of all of them. A kind shows of what may be left unsaid only what was said: what a wish says for the first time would
    /// be written over unseen, and missing on the way back.
    fn overlooked(
        &self,
        desired: &DesiredState,
        records: &BTreeMap<ResourceId, Record>,
    ) -> Vec<(ResourceId, Record)> {
        let overlooked = desired.resources.iter().filter_map(|(id, wish)| {
            self.observed.get(id).and_then(Observed::remote)?;
            let record = records.get(id)?;
            let said = record.spec.as_object()?;
            let wanted = self.engine.catalog.rules(&id.kind)?.project(&wish.spec).ok()?;
            let wanted = wanted.as_object()?;
            if wanted.keys().eq(said.keys()) {
                return None;
            }
            let mut all = wanted.clone();
            all.extend(said.clone());
            let mut record = record.clone();
            record.spec = Value::Object(all);
            Some((id.clone(), record))
        });
        overlooked.collect()
    }

    async fn look(&mut self, subjects: Vec<Subject>) {
        let engine = self.engine;
        if subjects.is_empty() {
            return;
        }
        let span = traced::look(subjects.len());
        self.until_fresh().await;
        let looked = observe(&engine.catalog, &engine.limits, subjects, &self.observed);
        let Seen { observed, failures } = looked.instrument(span).await;
        self.observed.extend(observed);
        self.failures.extend(failures);
    }

    /// Where another tool names another thing than we do, looks at both. Where both exist, ours stands if theirs bears our
    /// mark and nothing is lost with it: it goes. (Chalice sets the retention of the API handler's logs on a group that
    /// nothing writes to, again at each of its deployments.) Anything else is for a person to decide.
    pub(super) async fn observe_rivals(&mut self) -> Result<(), EngineError> {
        // Whether ours is alive is not known where the look at it failed: nothing may follow from that.
        let unseen: BTreeSet<_> = self.failures.iter().map(|failed| &failed.id).collect();
        let rivals: Vec<_> = self
            .rivals
            .iter()
            .filter(|(id, _)| !unseen.contains(id))
            .filter_map(|(id, theirs)| {
                let ours = self.txn.records().get(id)?;
                (ours.handle != theirs.handle).then(|| (id.clone(), ours.clone(), theirs.clone()))
            })
            .collect();
        for (id, ours, theirs) in rivals {
            let subject = Subject {
                id: id.clone(),
                record: Some(theirs.clone()),
                wish: None,
                token: None,
            };
            let engine = self.engine;
            let seen = observe(
                &engine.catalog,
                &engine.limits,
                vec![subject],
                &Observations::new(),
            )
            .await;
            self.failures.extend(seen.failures);
            let live = |observed: Option<&Observed>, handle: &Handle| {
                observed
                    .and_then(Observed::remote)
                    .is_some_and(|remote| remote.handle == *handle)
            };
            match (
                live(self.observed.get(&id), &ours.handle),
                live(seen.observed.get(&id), &theirs.handle),
            ) {
                (true, true) => match self.dispensable(&id, &theirs, &seen.observed) {
                    Some(second) => self.seconds.push(second),
                    None => {
                        return Err(EngineError::TwoLive {
                            id,
                            ours: ours.handle,
                            theirs: theirs.handle,
                        });
                    }
                },
                (false, true) => self.observed.extend(seen.observed),
                _ => {}
            }
        }
        Ok(())
    }

    /// The living `theirs` as something to be deleted, if that loses nothing.
    fn dispensable(&self, id: &ResourceId, theirs: &Record, seen: &Observations) -> Option<Doomed> {
        let remote = seen.get(id).and_then(Observed::remote)?;
        let rules = self.engine.catalog.rules(&id.kind)?;
        let nothing_lost = rules.undelete() == Undelete::Exact && remote.proof == Proof::Ours;
        nothing_lost.then(|| Doomed {
            id: id.clone(),
            handle: remote.handle.clone(),
            spec: remote.spec.clone(),
            outputs: remote.outputs.clone(),
            depends_on: BTreeSet::new(),
            rank: theirs.rank,
            proof: remote.proof.clone(),
        })
    }

    pub(super) fn subject(
        &self,
        id: &ResourceId,
        record: Option<&Record>,
        wish: Option<&grail_state::Desired>,
    ) -> Subject {
        let tried = self
            .txn
            .touched()
            .get(id)
            .and_then(|touched| touched.tokens.last());
        let token = record.and_then(|record| record.token.as_ref()).or(tried);
        Subject {
            id: id.clone(),
            record: record.cloned(),
            wish: wish.map(|wish| wish.spec.clone()),
            token: token.cloned(),
        }
    }
}
