//! Taking up a thing that exists, at somebody's word and without a write to it.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::snapshot::EditError;
use grail_state::{Desired, DesiredState, Handle, Observed, Proof, Record, Remote, ResourceId};
use serde_json::Value;

use super::Session;
use crate::engine::look::{LookFailure, Observations, Subject, observe};
use crate::engine::{EngineError, Ports};
use crate::event::Outcome;

/// What was taken up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Its physical name.
    pub handle: Handle,
    /// False if it is marked as somebody else's: a plan still has to be told that it is ours.
    pub proven: bool,
}

/// Why a thing was not taken up. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The look or the write failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Nothing asks for such a resource.
    #[error("the project asks for no `{0}`")]
    NotWanted(ResourceId),
    /// Nothing is there.
    #[error("there is nothing to record as `{id}`{}", .handle.as_ref().map(|handle| format!(": {handle} does not exist")).unwrap_or_default())]
    NotThere {
        /// The resource.
        id: ResourceId,
        /// The physical name that was given.
        handle: Option<String>,
    },
    /// What was named is not there, and something else is under the name that the project gives it.
    #[error("{handle} does not exist; under the name that the project gives `{id}` there is {found}")]
    Another {
        /// The resource.
        id: ResourceId,
        /// The physical name that was given.
        handle: String,
        /// What is there.
        found: Handle,
    },
    /// It is marked as somebody else's.
    #[error("{handle} belongs to {owner}")]
    Theirs {
        /// What is there.
        handle: Handle,
        /// Whose it is.
        owner: String,
    },
    /// The resource or the thing is recorded already.
    #[error(transparent)]
    Known(#[from] EditError),
}

impl Session<'_> {
    /// Records the thing with the physical name `handle`, else the one under the name that `desired` gives it, as the resource
    /// `id`. Looks; writes nothing outside.
    ///
    /// # Errors
    /// As [`ImportError`] says. With `force`, what is marked as somebody else's is taken too.
    pub async fn import(
        &mut self,
        desired: &DesiredState,
        id: &ResourceId,
        handle: Option<&str>,
        force: bool,
        ports: &mut Ports<'_>,
    ) -> Result<Imported, ImportError> {
        let wish = desired.resources.get(id);
        let wish = wish.ok_or_else(|| ImportError::NotWanted(id.clone()))?;
        if let Some(known) = self.stored.records.get(id) {
            let (id, handle) = (id.clone(), known.handle.clone());
            return Err(EditError::Taken { id, handle }.into());
        }
        let remote = self.look_for(desired, wish, handle).await?;
        let owner = match &remote.proof {
            Proof::Theirs { owner } => Some(owner.clone()),
            _ => None,
        };
        if let (Some(owner), false) = (&owner, force) {
            return Err(ImportError::Theirs {
                handle: remote.handle,
                owner: owner.clone(),
            });
        }
        self.stored.check_new(id, &remote.handle)?;
        let handle = remote.handle.clone();
        let mut next = self.stored.clone();
        next.records.insert(id.clone(), record(wish, remote));
        self.close(next, ports).await?;
        if let Some(lease) = &self.lease {
            let changes = BTreeMap::from([(id.clone(), vec!["imported".to_owned()])]);
            self.remember(lease, &Outcome::Done, changes).await;
        }
        Ok(Imported {
            handle,
            proven: owner.is_none(),
        })
    }

    /// What is there for `wish`, looked for by `handle` where one is given. What it refers to is looked at first: its own name
    /// may lie there.
    async fn look_for(
        &self,
        desired: &DesiredState,
        wish: &Desired,
        handle: Option<&str>,
    ) -> Result<Remote, ImportError> {
        let records = self.recorded();
        let subjects = needed(desired, wish).into_iter().map(|one| {
            let mut subject = self.subject(&one.id, records.get(&one.id), Some(one));
            if let (true, Some(handle)) = (one.id == wish.id, handle) {
                subject.record = Some(named(handle));
            }
            subject
        });
        let subjects: Vec<Subject> = subjects.collect();
        self.until_fresh().await;
        let engine = self.engine;
        let mut seen = observe(&engine.catalog, &engine.limits, subjects, &Observations::new()).await;
        let failed: Vec<LookFailure> = seen
            .failures
            .extract_if(.., |failed| failed.id == wish.id)
            .collect();
        if !failed.is_empty() {
            return Err(EngineError::Look(failed).into());
        }
        let Some(Observed::Present(remote)) = seen.observed.remove(&wish.id) else {
            return Err(ImportError::NotThere {
                id: wish.id.clone(),
                handle: handle.map(str::to_owned),
            });
        };
        match handle {
            Some(handle) if !self.is_called(&wish.id, &remote, handle) => Err(ImportError::Another {
                id: wish.id.clone(),
                handle: handle.to_owned(),
                found: remote.handle,
            }),
            _ => Ok(remote),
        }
    }

    /// Whether `remote` is what somebody calls `handle`: its handle, its name, its ARN.
    fn is_called(&self, id: &ResourceId, remote: &Remote, handle: &str) -> bool {
        let rules = self.engine.catalog.provider(&id.kind);
        let label = rules.and_then(|rules| rules.label(&remote.spec));
        let mut outputs = remote.outputs.values().filter_map(Value::as_str);
        remote.handle.0 == handle || label.as_deref() == Some(handle) || outputs.any(|one| one == handle)
    }
}

/// The wish and all that it needs.
fn needed<'d>(desired: &'d DesiredState, wish: &'d Desired) -> Vec<&'d Desired> {
    let mut known = BTreeSet::from([&wish.id]);
    let mut all = vec![wish];
    let mut next = 0;
    while let Some(one) = all.get(next) {
        let needs = one.depends_on();
        let wanted = needs.iter().filter_map(|need| desired.resources.get(need));
        all.extend(wanted.filter(|one| known.insert(&one.id)).collect::<Vec<_>>());
        next += 1;
    }
    all
}

/// A record of which only the physical name is known.
fn named(handle: &str) -> Record {
    Record {
        handle: Handle(handle.to_owned()),
        spec: Value::Null,
        outputs: BTreeMap::new(),
        depends_on: BTreeSet::new(),
        rank: 0,
        token: None,
    }
}

fn record(wish: &Desired, remote: Remote) -> Record {
    Record {
        token: match remote.proof {
            Proof::Mark(token) => Some(token),
            _ => None,
        },
        handle: remote.handle,
        spec: remote.spec,
        outputs: remote.outputs,
        depends_on: wish.depends_on(),
        rank: wish.rank,
    }
}
