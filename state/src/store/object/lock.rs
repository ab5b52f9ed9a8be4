//! The object `lock`: who may write, for as long as it beats.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::objects::{Condition, Surely, Tag};
use crate::store::{Holder, LockError, StoreError, Wait};

/// The schema version of the object.
const SCHEMA: u32 = 1;

/// How long things take around a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A lock that has not beaten for this long may be taken over.
    pub lease: Duration,
    /// Between two beats of a holder: well below `lease`, so that one lost beat is no loss.
    pub beat: Duration,
    /// Between two looks of who waits.
    pub look: Duration,
}

impl Default for Timing {
    /// A lease of 15 s: with a look each second a dead holder's lock is had within 17 s.
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            beat: Duration::from_secs(4),
            look: Duration::from_secs(1),
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Body {
    v: u32,
    /// One taking of the lock.
    nonce: String,
    /// `None` if it is free.
    holder: Option<Holder>,
    beat: u64,
    /// Every epoch up to this one is closed.
    closed: u64,
}

/// What the clock on the wall says.
pub(super) type Wall = Arc<dyn Fn() -> Timestamp + Send + Sync>;

pub(super) struct Lock {
    objects: Surely,
    key: String,
    timing: Timing,
    wall: Wall,
}

/// A moment by both clocks of this machine. Neither alone tells how long ago it was: the one that cannot be set stands still
/// while the machine sleeps.
#[derive(Clone, Copy)]
struct Moment {
    steady: Instant,
    wall: Timestamp,
}

impl Moment {
    /// Whether by both clocks less than `time` has passed since. One that was set back cannot tell.
    fn is_within(self, time: Duration, now: Self) -> bool {
        let by_wall = now.wall.duration_since(self.wall);
        let longest = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        now.steady.duration_since(self.steady) < time && SignedDuration::ZERO <= by_wall && by_wall < longest
    }
}

impl Lock {
    pub(super) fn new(objects: Surely, key: String, timing: Timing, wall: Wall) -> Self {
        Self {
            objects,
            key,
            timing,
            wall,
        }
    }

    fn now(&self) -> Moment {
        Moment {
            steady: Instant::now(),
            wall: (self.wall)(),
        }
    }

    async fn read(&self) -> Result<Option<(Body, Tag)>, StoreError> {
        let Some(found) = self.objects.get(&self.key).await? else {
            return Ok(None);
        };
        let body: Body = serde_json::from_slice(&found.bytes).map_err(|error| StoreError::Corrupt {
            what: self.key.clone(),
            why: error.to_string(),
        })?;
        if body.v > SCHEMA {
            return Err(StoreError::TooNew {
                what: self.key.clone(),
                found: body.v,
                known: SCHEMA,
            });
        }
        Ok(Some((body, found.tag)))
    }

    pub(super) async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        Ok(self.read().await?.and_then(|(body, _)| body.holder))
    }

    /// Takes the lock: at once if it is free, else when it is freed or has not beaten for the time of a lease.
    pub(super) async fn take(&self, holder: &Holder, wait: Wait) -> Result<Held, LockError> {
        let deadline = wait.until();
        let mut seen: Option<(Tag, Instant)> = None;
        let mut beats = false;
        loop {
            let now = Instant::now();
            match self.read().await.map_err(LockError::Store)? {
                None => {
                    if let Some(held) = self.try_take(holder, 0, Condition::New).await? {
                        return self.checked(held, 0).await;
                    }
                }
                Some((body, tag)) => {
                    let stale = seen
                        .as_ref()
                        .is_some_and(|(known, since)| *known == tag && now - *since >= self.timing.lease);
                    let condition = Condition::Still(tag.clone());
                    match body.holder {
                        Some(current) if !stale => {
                            beats |= seen.as_ref().is_some_and(|(known, _)| *known != tag);
                            if beats && deadline.is_some_and(|end| now >= end) {
                                return Err(LockError::Held(Box::new(current)));
                            }
                            if seen.as_ref().is_none_or(|(known, _)| *known != tag) {
                                seen = Some((tag, now));
                            }
                        }
                        _ => {
                            if let Some(held) = self.try_take(holder, body.closed, condition).await? {
                                return self.checked(held, body.closed).await;
                            }
                        }
                    }
                }
            }
            sleep(self.timing.look).await;
        }
    }

    /// Whether conditions count there is not known before an epoch was `closed`. Where they do not, no lock stays: whoever
    /// comes next is to be refused too.
    async fn checked(&self, held: Held, closed: u64) -> Result<Held, LockError> {
        if closed > 0 {
            return Ok(held);
        }
        let Err(error) = self.objects.keeps_conditions(&self.key).await else {
            return Ok(held);
        };
        drop(held);
        // The refusal is told anyway, and a lock that stays is checked when it is taken over.
        let _ = self.objects.delete(&self.key).await;
        Err(LockError::Store(error))
    }

    async fn try_take(
        &self,
        holder: &Holder,
        closed: u64,
        condition: Condition,
    ) -> Result<Option<Held>, LockError> {
        let body = Body {
            v: SCHEMA,
            nonce: nonce().map_err(LockError::Store)?,
            holder: Some(holder.clone()),
            beat: 0,
            closed,
        };
        let began = self.now();
        let put = self.put(&body, &condition).await.map_err(LockError::Store)?;
        Ok(put.map(|tag| Held::new(self, body, tag, began)))
    }

    async fn put(&self, body: &Body, condition: &Condition) -> Result<Option<Tag>, StoreError> {
        let bytes = serde_json::to_vec(body).map_err(|error| StoreError::Corrupt {
            what: self.key.clone(),
            why: error.to_string(),
        })?;
        self.objects.put(&self.key, &bytes, condition).await
    }

    /// Who holds the lock, and whether they renew it: it is watched for a little longer than one beat takes.
    pub(super) async fn watch(&self) -> Result<Option<(Holder, bool)>, StoreError> {
        let Some((before, _)) = self.read().await? else {
            return Ok(None);
        };
        if before.holder.is_none() {
            return Ok(None);
        }
        let mut watched = Duration::ZERO;
        while watched <= self.timing.beat + self.timing.look {
            sleep(self.timing.look).await;
            watched += self.timing.look;
            let Some((now, _)) = self.read().await? else {
                return Ok(None);
            };
            match now.holder {
                None => return Ok(None),
                Some(holder) if (&now.nonce, now.beat) != (&before.nonce, before.beat) => {
                    return Ok(Some((holder, true)));
                }
                Some(_) => {}
            }
        }
        Ok(before.holder.map(|holder| (holder, false)))
    }

    /// The lock as somebody else holds it, to be [broken](Lock::break_it).
    pub(super) async fn theirs(&self) -> Result<Option<Theirs>, StoreError> {
        Ok(self.read().await?.and_then(|(body, tag)| {
            let holder = body.holder.clone()?;
            Some(Theirs { holder, body, tag })
        }))
    }

    /// Frees it. False if it has beaten since, or somebody else was quicker.
    pub(super) async fn break_it(&self, theirs: Theirs) -> Result<bool, StoreError> {
        let free = Body {
            nonce: nonce()?,
            holder: None,
            ..theirs.body
        };
        Ok(self.put(&free, &Condition::Still(theirs.tag)).await?.is_some())
    }
}

/// A lock that somebody else holds.
pub(super) struct Theirs {
    pub(super) holder: Holder,
    body: Body,
    tag: Tag,
}

impl Theirs {
    /// Every epoch up to this one is closed.
    pub(super) fn closed(&self) -> u64 {
        self.body.closed
    }
}

/// A mark that no other writer has.
pub(super) fn nonce() -> Result<String, StoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Remote {
        doing: "make a mark for",
        what: "the lock".to_owned(),
        source: error.to_string().into(),
    })?;
    Ok(hex::encode(bytes))
}

/// A lock that we have taken. It beats until this is dropped.
pub(super) struct Held {
    ours: Arc<Ours>,
    beating: JoinHandle<()>,
}

struct Ours {
    lock: Lock,
    holder: Holder,
    nonce: String,
    closed: AtomicU64,
    lost: AtomicBool,
    last: Mutex<(u64, Tag)>,
    /// When the last write was begun that showed the lock to be ours.
    good: std::sync::Mutex<Moment>,
}

impl Held {
    fn new(lock: &Lock, body: Body, tag: Tag, taken: Moment) -> Self {
        let ours = Arc::new(Ours {
            lock: Lock::new(
                lock.objects.clone(),
                lock.key.clone(),
                lock.timing,
                lock.wall.clone(),
            ),
            nonce: body.nonce,
            closed: AtomicU64::new(body.closed),
            lost: AtomicBool::new(false),
            last: Mutex::new((body.beat, tag)),
            good: std::sync::Mutex::new(taken),
            // A body that was taken names its holder.
            holder: body.holder.unwrap_or_else(Holder::unknown),
        });
        let beating = tokio::spawn(beat(ours.clone()));
        Self { ours, beating }
    }

    /// The mark of this taking, which no other has.
    pub(super) fn nonce(&self) -> &str {
        &self.ours.nonce
    }

    /// Every epoch up to this one is known to be closed.
    pub(super) fn closed(&self) -> u64 {
        self.ours.closed.load(Ordering::Relaxed)
    }

    /// Knows that every epoch up to `epoch` is closed.
    pub(super) fn closes(&self, epoch: u64) {
        self.ours.closed.store(epoch, Ordering::Relaxed);
    }

    /// Whether somebody else is known to have it by now.
    pub(super) fn is_lost(&self) -> bool {
        self.ours.lost.load(Ordering::Relaxed)
    }

    /// Whether nobody can have taken it over yet. Where it has not beaten for too long, it beats first.
    pub(super) async fn is_ours(&self) -> bool {
        if self.is_lost() {
            return false;
        }
        if self.ours.is_fresh() {
            return true;
        }
        self.ours.beat().await;
        !self.is_lost() && self.ours.is_fresh()
    }

    #[cfg(any(test, feature = "conformance"))]
    pub(super) fn falls_asleep(&self) {
        self.beating.abort();
    }

    /// Frees it, if it still is ours.
    pub(super) async fn free(&self) -> Result<(), StoreError> {
        self.beating.abort();
        self.ours.write(None).await.map(drop)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.beating.abort();
    }
}

async fn beat(ours: Arc<Ours>) {
    loop {
        sleep(ours.lock.timing.beat).await;
        ours.beat().await;
        if ours.lost.load(Ordering::Relaxed) {
            return;
        }
    }
}

impl Ours {
    /// Whether it was shown to be ours less than a lease ago.
    fn is_fresh(&self) -> bool {
        let good = *self.good.lock().unwrap_or_else(PoisonError::into_inner);
        good.is_within(self.lock.timing.lease, self.lock.now())
    }

    async fn beat(&self) {
        match self.write(Some(&self.holder)).await {
            Ok(true) => {}
            Ok(false) => self.lost.store(true, Ordering::Relaxed),
            Err(error) => tracing::warn!(%error, "the lock could not be renewed; it is tried again"),
        }
    }

    /// Writes the lock anew. False if it is no longer ours.
    async fn write(&self, holder: Option<&Holder>) -> Result<bool, StoreError> {
        let mut last = self.last.lock().await;
        loop {
            let body = Body {
                v: SCHEMA,
                nonce: self.nonce.clone(),
                holder: holder.cloned(),
                beat: last.0 + 1,
                closed: self.closed.load(Ordering::Relaxed),
            };
            let began = self.lock.now();
            if let Some(tag) = self.lock.put(&body, &Condition::Still(last.1.clone())).await? {
                *last = (body.beat, tag);
                *self.good.lock().unwrap_or_else(PoisonError::into_inner) = began;
                return Ok(true);
            }
            // A beat that was cut off may have been ours.
            match self.lock.read().await? {
                Some((body, tag)) if body.nonce == self.nonce && body.beat > last.0 => {
                    *last = (body.beat, tag);
                }
                _ => return Ok(false),
            }
        }
    }
}
