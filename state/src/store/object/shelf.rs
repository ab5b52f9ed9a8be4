//! The objects below `artifacts/`: the bytes that a way back needs, for whichever machine takes it.
//!
//! Bytes are kept in a store of this machine, where they are read from. Before an intent that names some is appended they are
//! put among the objects as well, below the number of its epoch, and whoever loads a journal gets what it names and is not at
//! hand. After a commit those go that the new state does not name, up to its own epoch: nobody fences a deletion, so that a
//! holder who slept between the swap and the deletions must find nothing that a newer transaction has kept.

use std::collections::{BTreeMap, BTreeSet};
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
    /// What is known to lie among the objects, and in which epoch.
    there: Mutex<BTreeSet<(u64, Digest)>>,
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

    fn key(&self, epoch: u64, digest: &Digest) -> String {
        format!("{}/{epoch:020}/{digest}", self.prefix)
    }

    /// What lies among the objects: its epoch, its digest, and its key.
    async fn all(&self) -> Result<Vec<(u64, Digest, String)>, StoreError> {
        let prefix = format!("{}/", self.prefix);
        let keys = self.objects.list(&prefix).await?;
        let place = |key: String| {
            let (epoch, digest) = key.strip_prefix(&prefix)?.split_once('/')?;
            Some((epoch.parse().ok()?, Digest(digest.to_owned()), key))
        };
        Ok(keys.into_iter().filter_map(place).collect())
    }

    /// Puts what `entries` of `epoch` name among the objects.
    pub(super) async fn keep(&self, epoch: u64, entries: &[Entry]) -> Result<(), StoreError> {
        let named = named_by(entries).into_iter().map(|digest| (epoch, digest));
        let puts = named.filter(|place| !self.there().contains(place));
        let put = |(epoch, digest): (u64, Digest)| async move {
            // What is not at hand is in the store already, or was lost before: the entry says which.
            let Some(bytes) = self.local.get(&digest).map_err(failed)? else {
                return Ok(());
            };
            let key = self.key(epoch, &digest);
            if self.objects.put(&key, &bytes, &Condition::New).await?.is_none() {
                return Err(other_bytes(key));
            }
            self.there().insert((epoch, digest));
            Ok::<_, StoreError>(())
        };
        a_few_at_once(puts.map(put)).await.map(drop)
    }

    /// Gets what `journal` names and is not at hand.
    pub(super) async fn fetch(&self, journal: &[Entry]) -> Result<(), StoreError> {
        let at_hand = |digest: &Digest| self.local.get(digest).is_ok_and(|bytes| bytes.is_some());
        let mut wanted = named_by(journal);
        wanted.retain(|digest| !at_hand(digest));
        if wanted.is_empty() {
            return Ok(());
        }
        // Of several the one of the newest epoch: it is the last to go.
        let all = self.all().await?.into_iter();
        let keys: BTreeMap<Digest, String> = all.map(|(_, digest, key)| (digest, key)).collect();
        let keys = wanted.into_iter().filter_map(|digest| {
            let key = keys.get(&digest)?.clone();
            Some((digest, key))
        });
        let get = |(digest, key): (Digest, String)| async move {
            let Some(found) = self.objects.get(&key).await? else {
                return Ok(());
            };
            if Digest::of(&found.bytes) != digest {
                return Err(other_bytes(key));
            }
            self.local.put(&found.bytes).map(drop).map_err(failed)
        };
        a_few_at_once(keys.map(get)).await.map(drop)
    }

    /// Deletes the objects of `epoch` and before that `next` does not name.
    pub(super) async fn sweep(&self, epoch: u64, next: &Snapshot) -> Result<(), StoreError> {
        let mut named = BTreeSet::new();
        if let Ok(document) = serde_json::to_value(next) {
            named_in(&document, &mut named);
        }
        let mut all = self.all().await?;
        all.retain(|(kept, digest, _)| *kept <= epoch && !named.contains(digest));
        self.there().clear();
        let delete = |(_, _, key): (u64, Digest, String)| async move { self.objects.delete(&key).await };
        a_few_at_once(all.into_iter().map(delete)).await.map(drop)
    }

    fn there(&self) -> std::sync::MutexGuard<'_, BTreeSet<(u64, Digest)>> {
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
