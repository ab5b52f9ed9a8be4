//! The objects below `journal/`: one for each append, numbered within its epoch, and one at the end of each closed epoch.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::KEPT_EPOCHS;
use super::objects::{Condition, Surely, a_few_at_once};
use super::state::State;
use crate::journal::{Entry, Seq};
use crate::snapshot::Folded;
use crate::store::StoreError;
use crate::store::line::{self, Unreadable};

/// Tries to close an epoch in which its holder still writes.
const RACES: u32 = 100;

pub(super) struct Journal {
    objects: Surely,
    prefix: String,
    /// The end of an epoch as we know it: saves listing before each append.
    end: Mutex<Option<(u64, Seq)>>,
}

/// The journal as of one moment.
pub(super) struct Read {
    pub(super) entries: Vec<Entry>,
    /// The number behind the last entry, of each epoch that has objects.
    ends: BTreeMap<u64, Seq>,
}

impl Read {
    /// The number of the next entry of `epoch`.
    pub(super) fn next(&self, epoch: u64, folded: Folded) -> Seq {
        let floor = if folded.epoch == epoch { folded.seq } else { 0 };
        self.ends.get(&epoch).copied().unwrap_or(0).max(floor)
    }
}

impl Journal {
    pub(super) fn new(objects: Surely, prefix: String) -> Self {
        Self {
            objects,
            prefix,
            end: Mutex::new(None),
        }
    }

    fn key(&self, epoch: u64, seq: Seq) -> String {
        // Twenty digits hold every number, so that the order of keys is the order of numbers.
        format!("{}/{epoch:020}/{seq:020}", self.prefix)
    }

    /// The place that a key names.
    fn place(&self, key: &str) -> Option<(u64, Seq)> {
        let (epoch, seq) = key
            .strip_prefix(&self.prefix)?
            .strip_prefix('/')?
            .split_once('/')?;
        Some((epoch.parse().ok()?, seq.parse().ok()?))
    }

    async fn places(&self, prefix: &str) -> Result<Vec<(u64, Seq)>, StoreError> {
        let keys = self.objects.list(prefix).await?;
        Ok(keys.iter().filter_map(|key| self.place(key)).collect())
    }

    /// The entries that `folded` does not cover. `None` if an object went meanwhile.
    pub(super) async fn read(&self, folded: Folded) -> Result<Option<Read>, StoreError> {
        let places = self.places(&format!("{}/", self.prefix)).await?;
        let live = places
            .into_iter()
            .filter(|place| *place >= (folded.epoch, folded.seq))
            .map(|(epoch, seq)| self.object(epoch, seq));
        let Some(objects) = a_few_at_once(live).await?.into_iter().collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let mut read = Read {
            entries: Vec::new(),
            ends: BTreeMap::new(),
        };
        for object in objects {
            let expected = read.next(object.epoch, folded);
            if object.seq != expected {
                return Err(StoreError::Corrupt {
                    what: self.key(object.epoch, object.seq),
                    why: format!("entry {expected} of its epoch is expected there: objects are missing"),
                });
            }
            read.ends
                .insert(object.epoch, object.seq + object.entries.len() as u64);
            read.entries.extend(object.entries);
        }
        Ok(Some(read))
    }

    async fn object(&self, epoch: u64, seq: Seq) -> Result<Option<line::Read>, StoreError> {
        let key = self.key(epoch, seq);
        let Some(found) = self.objects.get(&key).await? else {
            return Ok(None);
        };
        let damaged = |why: &str| StoreError::Corrupt {
            what: key.clone(),
            why: why.to_owned(),
        };
        let text = found.bytes.strip_suffix(b"\n").unwrap_or(&found.bytes);
        match line::parse(text) {
            Ok(read) if (read.epoch, read.seq) == (epoch, seq) => Ok(Some(read)),
            Ok(_) => Err(damaged("it is the entry of another place")),
            Err(Unreadable::Damaged) => Err(damaged("it does not fit its checksum")),
            Err(Unreadable::TooNew(found)) => Err(StoreError::TooNew {
                what: key.clone(),
                found,
                known: Unreadable::KNOWN,
            }),
        }
    }

    /// The number behind the last entry of `epoch`, and whether the epoch is closed there.
    async fn end_of(&self, epoch: u64, folded: Folded) -> Result<(Seq, bool), StoreError> {
        let floor = if folded.epoch == epoch { folded.seq } else { 0 };
        loop {
            let places = self.places(&format!("{}/{epoch:020}/", self.prefix)).await?;
            let Some((_, last)) = places.last() else {
                return Ok((floor, false));
            };
            if let Some(object) = self.object(epoch, *last).await? {
                let end = object.seq + object.entries.len() as u64;
                return Ok((end.max(floor), object.closed.is_some()));
            }
        }
    }

    /// The number of the next entry of `epoch`, of whose journal `folded` may cover the beginning.
    pub(super) async fn next(&self, epoch: u64, folded: Folded) -> Result<Seq, StoreError> {
        if let Some((known, next)) = *self.known()
            && known == epoch
        {
            return Ok(next);
        }
        let (next, closed) = self.end_of(epoch, folded).await?;
        if closed {
            return Err(StoreError::Conflict);
        }
        *self.known() = Some((epoch, next));
        Ok(next)
    }

    /// Appends `entries`, unless the epoch is closed or `seq` is not its next number.
    pub(super) async fn append(
        &self,
        epoch: u64,
        seq: Seq,
        entries: &[Entry],
        state: &State,
    ) -> Result<(), StoreError> {
        let known = *self.known();
        if known != Some((epoch, seq)) {
            // Somebody else writes with the same lease, or we have just begun: what counts is what is stored.
            *self.known() = None;
            let read = state.read().await?;
            if read.fence != epoch || self.next(epoch, read.snapshot.folded).await? != seq {
                return Err(StoreError::Conflict);
            }
        }
        if entries.is_empty() {
            return Ok(());
        }
        let key = self.key(epoch, seq);
        let bytes = line::object(epoch, seq, entries, &key)?;
        // Forgotten on failure: the next append looks at what is really there.
        *self.known() = None;
        let Some((_, first)) = self.objects.put_once(&key, &bytes, &Condition::New).await? else {
            return Err(StoreError::Conflict);
        };
        // An earlier try may have been folded in and emptied by others since: then this one found its place free again.
        if !first && state.read().await?.fence != epoch {
            return Err(StoreError::Conflict);
        }
        *self.known() = Some((epoch, seq + entries.len() as u64));
        Ok(())
    }

    /// Closes every epoch before `epoch` that may be open: those above `closed`, and above what is folded in.
    pub(super) async fn close_before(
        &self,
        epoch: u64,
        closed: u64,
        folded: Folded,
    ) -> Result<(), StoreError> {
        let first = (closed + 1).max(folded.epoch).max(1);
        for old in first..epoch {
            self.close(old, epoch, folded).await?;
        }
        Ok(())
    }

    /// Closes `epoch` on behalf of `by`. `folded` is up to where the journal is folded in, which the holder of `epoch` can no
    /// longer change.
    pub(super) async fn close(&self, epoch: u64, by: u64, folded: Folded) -> Result<(), StoreError> {
        for _ in 0..RACES {
            let (end, closed) = self.end_of(epoch, folded).await?;
            if closed {
                return Ok(());
            }
            let key = self.key(epoch, end);
            let bytes = line::closing(epoch, end, by, &key)?;
            if self.objects.put(&key, &bytes, &Condition::New).await?.is_some() {
                return Ok(());
            }
        }
        Err(StoreError::Busy)
    }

    /// Deletes what `folded` covers, but for what closes the newer epochs: the last object of each.
    pub(super) async fn empty(&self, folded: Folded) -> Result<(), StoreError> {
        let places = self.places(&format!("{}/", self.prefix)).await?;
        let mut last: BTreeMap<u64, Seq> = BTreeMap::new();
        last.extend(places.iter().copied());
        let oldest = folded.epoch.saturating_sub(KEPT_EPOCHS);
        let spent = |(epoch, seq): &(u64, Seq)| {
            let closes = *epoch < folded.epoch && *epoch >= oldest && last.get(epoch) == Some(seq);
            (*epoch, *seq) < (folded.epoch, folded.seq) && !closes
        };
        let gone = places.iter().filter(|place| spent(place)).map(|(epoch, seq)| {
            let key = self.key(*epoch, *seq);
            async move { self.objects.delete(&key).await }
        });
        a_few_at_once(gone).await.map(drop)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<(u64, Seq)>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
