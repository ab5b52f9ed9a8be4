//! What became of our things: a thorough look at all that is recorded, and what others have added to it. Takes no lock, and
//! writes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use grail_providers::port::{Examined, Kin};
use grail_state::{DesiredState, Observed, Record, Remote, ResourceId};
use jiff::Timestamp;
use tokio::time::timeout;

use super::Session;
use crate::engine::EngineError;
use crate::engine::look::LookFailure;
use crate::plan::{Drifted, drift};

/// What a thorough look at a stage came to.
#[derive(Debug, Default)]
pub struct Drift {
    /// What is not as recorded.
    pub drifted: Vec<Drifted>,
    /// What others have added to things of ours. It stays, and is no drift.
    pub additions: BTreeMap<ResourceId, Vec<String>>,
    /// When a thing was last changed, by whomever, where its service says so.
    pub changed: BTreeMap<ResourceId, Timestamp>,
    /// How many things were looked at and compared.
    pub compared: usize,
    /// What another tool has recorded: it is there, and what form it should have is known to the next deployment only.
    pub formless: Vec<ResourceId>,
    /// What an open transaction is at, and was left out.
    pub open: Vec<ResourceId>,
    /// What could not be looked at.
    pub unseen: Vec<LookFailure>,
    /// What of the additions could not be looked at, and why.
    pub unexamined: Vec<(ResourceId, String)>,
}

impl Session<'_> {
    /// Looks at everything that is recorded, thoroughly, and compares it with what is recorded.
    ///
    /// # Errors
    /// [`EngineError::TwoLive`]. What could not be seen is told in the answer.
    pub async fn drift(&mut self) -> Result<Drift, EngineError> {
        let nothing = DesiredState::empty(self.txn.snapshot().stack.clone());
        self.observe_wanted(&nothing).await?;
        let mut records = self.recorded();
        let open: Vec<_> = self.txn.touched().keys().cloned().collect();
        let kin = self.kin(&records);
        records.retain(|id, _| !self.txn.touched().contains_key(id));
        let living: Vec<_> = records
            .keys()
            .filter_map(|id| Some((id.clone(), self.observed.get(id)?.remote()?.clone())))
            .collect();
        let formless = living.iter().map(|(id, _)| id);
        let formless = formless.filter(|id| records.get(*id).is_some_and(|record| record.spec.is_null()));
        let mut found = Drift {
            drifted: drift(&records, &self.observed, &*self.engine.catalog),
            compared: records
                .keys()
                .filter(|id| self.observed.contains_key(*id))
                .count(),
            formless: formless.cloned().collect(),
            open,
            unseen: std::mem::take(&mut self.failures),
            ..Drift::default()
        };
        found.unseen.retain(|failed| records.contains_key(&failed.id));
        self.examine(living, &kin, &mut found).await;
        Ok(found)
    }

    /// True if the state is still what this session has read: nobody has begun or ended anything since.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn is_current(&self) -> Result<bool, EngineError> {
        let now = self.engine.store.load().await?;
        Ok(now.version == self.version && now.journal.len() == self.journal.len())
    }

    /// The things of the stack: all that is recorded, was seen, or is being made or deleted.
    fn kin(&self, records: &BTreeMap<ResourceId, Record>) -> Kin {
        let recorded = records.iter().map(|(id, record)| (&id.kind, &record.handle));
        let seen = self.observed.iter();
        let seen = seen.filter_map(|(id, seen)| Some((&id.kind, &Observed::remote(seen)?.handle)));
        let doomed = self
            .txn
            .doomed()
            .iter()
            .map(|thing| (&thing.id.kind, &thing.handle));
        let touched = self.txn.touched().iter();
        let made = touched.flat_map(|(id, touched)| {
            let made = touched.made.iter().map(|record| &record.handle);
            made.chain(touched.pre_handle())
                .map(move |handle| (&id.kind, handle))
        });
        let all = recorded.chain(seen).chain(doomed).chain(made);
        all.map(|(kind, handle)| (kind.clone(), handle.clone())).collect()
    }

    /// Adds to what was seen what others have added beyond it. What cannot be seen is told as [`Session::unverified`] is.
    pub(super) async fn look_for_additions(&mut self) {
        let kin = self.kin(&self.recorded());
        self.unexamined.clear();
        let living = self.observed.iter();
        let living = living.filter_map(|(id, seen)| Some((id.clone(), seen.remote()?.clone())));
        for (id, examined) in self.examined(living.collect(), &kin).await {
            if let Some(Observed::Present(remote)) = self.observed.get_mut(&id) {
                add(&mut remote.additions, examined.additions);
                let unseen = examined.unseen.into_iter();
                self.unexamined.extend(unseen.map(|why| (id.clone(), why)));
            }
        }
    }

    async fn examine(&self, living: Vec<(ResourceId, Remote)>, kin: &Kin, found: &mut Drift) {
        let told: BTreeMap<_, _> = living
            .iter()
            .map(|(id, remote)| (id.clone(), remote.additions.clone()))
            .collect();
        found.additions = told;
        for (id, examined) in self.examined(living, kin).await {
            let changed = examined.changed.and_then(|at| Timestamp::try_from(at).ok());
            found.changed.extend(changed.map(|at| (id.clone(), at)));
            let unseen = examined.unseen.into_iter().map(|why| (id.clone(), why));
            found.unexamined.extend(unseen);
            add(found.additions.entry(id).or_default(), examined.additions);
        }
        found.additions.retain(|_, additions| !additions.is_empty());
    }

    async fn examined(&self, living: Vec<(ResourceId, Remote)>, kin: &Kin) -> Vec<(ResourceId, Examined)> {
        let engine = self.engine;
        let limit = engine.limits.call;
        let questions = living.into_iter().filter_map(|(id, remote)| {
            let provider = Arc::clone(engine.catalog.provider(&id.kind)?);
            Some((id, remote, provider))
        });
        stream::iter(questions)
            .map(|(id, remote, provider)| async move {
                let looked = timeout(limit, provider.examine(&remote, kin)).await;
                let answer = looked.unwrap_or_else(|_| Examined {
                    unseen: vec![format!("no end after {} s", limit.as_secs())],
                    ..Examined::default()
                });
                (id, answer)
            })
            .buffered(engine.limits.parallelism.max(1))
            .collect()
            .await
    }
}

/// Adds what a thorough look has found to what an ordinary one had.
fn add(additions: &mut Vec<String>, found: Vec<String>) {
    for addition in found {
        if !additions.contains(&addition) {
            additions.push(addition);
        }
    }
}
