//! The object `state`: a line about the newest epoch, then the snapshot to the letter.
//!
//! The line is apart from the snapshot so that taking the lock, which writes it, makes no new version of the state: a plan
//! that was approved stays current.

use serde::{Deserialize, Serialize};

use super::objects::{Condition, Surely, Tag};
use crate::id::StackId;
use crate::snapshot::{Folded, Snapshot, Version};
use crate::store::StoreError;

/// The schema version of the line.
const SCHEMA: u32 = 1;
/// Tries against others who take the lock at the same time.
const TRIES: u32 = 20;

pub(super) struct State {
    objects: Surely,
    key: String,
    stack: StackId,
}

/// What the object held.
pub(super) struct Read {
    /// Which content it was; `None` if there was no object.
    pub(super) tag: Option<Tag>,
    /// The newest epoch.
    pub(super) fence: u64,
    pub(super) snapshot: Snapshot,
    pub(super) version: Version,
    /// The snapshot's text, empty before the first commit.
    text: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    v: u32,
    epoch: u64,
    /// Whose write it was: how a lost answer is settled.
    nonce: String,
}

impl State {
    pub(super) fn new(objects: Surely, key: String, stack: StackId) -> Self {
        Self { objects, key, stack }
    }

    pub(super) async fn read(&self) -> Result<Read, StoreError> {
        let Some(found) = self.objects.get(&self.key).await? else {
            return Ok(Read {
                tag: None,
                fence: 0,
                snapshot: Snapshot::empty(self.stack.clone()),
                version: Version::default(),
                text: Vec::new(),
            });
        };
        let corrupt = |why: String| StoreError::Corrupt {
            what: self.key.clone(),
            why,
        };
        let end = found.bytes.iter().position(|byte| *byte == b'\n');
        let (line, text) = end
            .and_then(|end| found.bytes.split_at_checked(end + 1))
            .ok_or_else(|| corrupt("it has no first line".to_owned()))?;
        let line: Line = serde_json::from_slice(line).map_err(|error| corrupt(error.to_string()))?;
        if line.v > SCHEMA {
            return Err(StoreError::TooNew {
                what: self.key.clone(),
                found: line.v,
                known: SCHEMA,
            });
        }
        let (snapshot, version) = match text.is_empty() {
            true => (Snapshot::empty(self.stack.clone()), Version::default()),
            false => (
                Snapshot::read(text, &self.key, &self.stack)?,
                Version::of_text(text),
            ),
        };
        Ok(Read {
            tag: Some(found.tag),
            fence: line.epoch.max(snapshot.folded.epoch),
            snapshot,
            version,
            text: text.to_vec(),
        })
    }

    /// Opens the next epoch for the writer `nonce`. Says which it is, and up to where the journal is folded in.
    ///
    /// Every epoch up to `closed` is known to be closed: where there are newer ones than the state knows, somebody has brought
    /// back an earlier state, and the one behind them may have been open.
    pub(super) async fn raise(&self, nonce: &str, closed: u64) -> Result<(u64, Folded), StoreError> {
        for _ in 0..TRIES {
            let state = self.read().await?;
            let newest = if closed > state.fence {
                closed + 1
            } else {
                state.fence
            };
            let epoch = newest + 1;
            if self.put(&state, epoch, nonce, &state.text).await? {
                return Ok((epoch, state.snapshot.folded));
            }
        }
        Err(StoreError::Busy)
    }

    /// Opens an epoch above `fence` that nobody holds, unless there is a newer one already. Says which is the newest, and up
    /// to where the journal is folded in.
    pub(super) async fn raise_above(&self, fence: u64, nonce: &str) -> Result<(u64, Folded), StoreError> {
        for _ in 0..TRIES {
            let state = self.read().await?;
            let epoch = state.fence.max(fence + 1);
            if state.fence == epoch || self.put(&state, epoch, nonce, &state.text).await? {
                return Ok((epoch, state.snapshot.folded));
            }
        }
        Err(StoreError::Busy)
    }

    /// Puts `next` in the place of the state that was read.
    pub(super) async fn replace(
        &self,
        read: &Read,
        epoch: u64,
        nonce: &str,
        next: &Snapshot,
    ) -> Result<Version, StoreError> {
        let text = next.to_text(&self.key)?;
        if self.put(read, epoch, nonce, &text).await? {
            return Ok(Version::of_text(&text));
        }
        // Whoever has taken the lock since the answer was lost leaves the text as it is, and no other has this one: it says
        // up to which entry of our epoch it folds in.
        match self.read().await?.text == text {
            true => Ok(Version::of_text(&text)),
            false => Err(StoreError::Conflict),
        }
    }

    async fn put(&self, read: &Read, epoch: u64, nonce: &str, text: &[u8]) -> Result<bool, StoreError> {
        let line = Line {
            v: SCHEMA,
            epoch,
            nonce: nonce.to_owned(),
        };
        let mut bytes = serde_json::to_vec(&line).map_err(|error| StoreError::Corrupt {
            what: self.key.clone(),
            why: error.to_string(),
        })?;
        bytes.push(b'\n');
        bytes.extend_from_slice(text);
        let condition = read.tag.clone().map_or(Condition::New, Condition::Still);
        Ok(self.objects.put(&self.key, &bytes, &condition).await?.is_some())
    }
}
