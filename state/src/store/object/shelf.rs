//! The objects below `artifacts/`: the bytes that a way back needs, for whichever machine takes it.
//!
//! Bytes are kept in a store of this machine, where they are read from. Before an intent that names some is appended they are
//! put among the objects as well, and whoever loads a journal gets what it names and is not at hand. After a commit those go
//! that the new state does not name.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::objects::{Condition, Surely, a_few_at_once};
use crate::artifacts::{ArtifactError, Artifacts, named_in};
use crate::digest::Digest;
use crate::journal::Entry;
use crate::snapshot::Snapshot;
use crate::store::StoreError;

pub(super) struct Shelf {
    objects: Surely,
    prefix: String,
    local: Arc<dyn Artifacts>,
    /// What is known to lie among the objects.
    there: Mutex<BTreeSet<Digest>>,
}

impl Shelf {
    pub(super) fn new(objects: Surely, prefix: String, local: Arc<dyn Artifacts>) -> Self {
        Self {
            objects,
            prefix,
            local,
            there: Mutex::default(),
        }
    }

    fn key(&self, digest: &Digest) -> String {
        format!("{}/{digest}", self.prefix)
    }

    /// Puts what `entries` name among the objects.
    pub(super) async fn keep(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let named = named_by(entries);
        let puts = named.into_iter().filter(|digest| !self.there().contains(digest));
        let put = |digest: Digest| async move {
            // What is not at hand is in the store already, or was lost before: the entry says which.
            let Some(bytes) = self.local.get(&digest).map_err(failed)? else {
                return Ok(());
            };
            let key = self.key(&digest);
            if self.objects.put(&key, &bytes, &Condition::New).await?.is_none() {
                return Err(other_bytes(key));
            }
            self.there().insert(digest);
            Ok::<_, StoreError>(())
        };
        a_few_at_once(puts.map(put)).await.map(drop)
    }

    /// Gets what `journal` names and is not at hand.
    pub(super) async fn fetch(&self, journal: &[Entry]) -> Result<(), StoreError> {
        let get = |digest: Digest| async move {
            if self.local.get(&digest).is_ok_and(|bytes| bytes.is_some()) {
                return Ok(());
            }
            let key = self.key(&digest);
            let Some(found) = self.objects.get(&key).await? else {
                return Ok(());
            };
            if Digest::of(&found.bytes) != digest {
                return Err(other_bytes(key));
            }
            self.local.put(&found.bytes).map(drop).map_err(failed)
        };
        a_few_at_once(named_by(journal).into_iter().map(get))
            .await
            .map(drop)
    }

    /// Deletes the objects that `next` does not name.
    pub(super) async fn sweep(&self, next: &Snapshot) -> Result<(), StoreError> {
        let mut named = BTreeSet::new();
        if let Ok(document) = serde_json::to_value(next) {
            named_in(&document, &mut named);
        }
        let prefix = format!("{}/", self.prefix);
        let keys = self.objects.list(&prefix).await?;
        let spent = |key: &&String| {
            let name = key.strip_prefix(&prefix).unwrap_or_default();
            !named.contains(&Digest(name.to_owned()))
        };
        self.there().clear();
        let gone = keys.iter().filter(spent).map(|key| self.objects.delete(key));
        a_few_at_once(gone).await.map(drop)
    }

    fn there(&self) -> std::sync::MutexGuard<'_, BTreeSet<Digest>> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn named_by(entries: &[Entry]) -> BTreeSet<Digest> {
    let keeps = entries.iter().filter_map(|entry| match entry {
        Entry::Intent { keep, .. } => Some(keep.artifacts()),
        _ => None,
    });
    keeps.flatten().cloned().collect()
}

fn other_bytes(key: String) -> StoreError {
    StoreError::Corrupt {
        what: key,
        why: "it does not fit its digest".to_owned(),
    }
}

fn failed(error: ArtifactError) -> StoreError {
    StoreError::Remote {
        doing: "keep",
        what: "an artifact".to_owned(),
        source: Box::new(error),
    }
}
