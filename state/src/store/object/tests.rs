//! What only objects can suffer. What every store must do is in `conformance`.

mod artifacts;
mod damage;
mod histories;
mod locking;
mod simulated;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};

use super::*;
use crate::artifacts::MemoryArtifacts;
use crate::digest::Digest;
use crate::journal::{Keep, PreImage};
use crate::seal::{Keys, Sealer};
use crate::store::conformance::{self, asleep, entries, holder, stack};
use simulated::{Simulated, Weather};

conformance::conformance!(pair);

/// The same in foul weather: slower, never otherwise.
mod in_weather {
    use super::*;

    conformance::conformance!(pair);

    fn pair() -> (ObjectStore, ObjectStore, Simulated) {
        let objects = Simulated::new(1, weather());
        (store(&objects), store(&objects), objects)
    }
}

fn weather() -> Weather {
    Weather {
        lost: 4,
        unanswered: 8,
        late: 0,
        twice: 5,
        slow: 60,
    }
}

fn store(objects: &Simulated) -> ObjectStore {
    with_artifacts(objects, &MemoryArtifacts::default())
}

/// A store on the machine that has these artifacts.
fn with_artifacts(objects: &Simulated, artifacts: &MemoryArtifacts) -> ObjectStore {
    ObjectStore::new(
        Arc::new(objects.clone()),
        "team/shop/dev",
        stack(),
        Arc::new(artifacts.clone()),
        Timing::default(),
    )
}

fn pair() -> (ObjectStore, ObjectStore, Simulated) {
    let objects = Simulated::new(0, Weather::default());
    (store(&objects), store(&objects), objects)
}

/// The same with everything sealed.
mod sealed {
    use super::*;

    conformance::conformance!(pair);

    fn pair() -> (ObjectStore, ObjectStore, Simulated) {
        let objects = Simulated::new(1, weather());
        let key = || Keys::from_master(&[7; 32]).sealer;
        (
            sealed_store(&objects, key()),
            sealed_store(&objects, key()),
            objects,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_in_clear_and_a_rotated_key_reads_it() {
        let (one, _, objects) = pair();
        let lease = one.acquire(holder("ann"), Wait::No).await.unwrap();
        one.append(&lease, 0, &entries(0..3)).await.unwrap();
        let mut next = Snapshot::empty(stack());
        next.remember_projection(Digest("a mark".into()));
        one.swap(&lease, &Version::default(), &next).await.unwrap();
        one.append(&lease, 3, &entries(3..5)).await.unwrap();
        one.release(lease).await;
        for key in objects.keys() {
            let text = String::from_utf8_lossy(&objects.bytes(&key)).into_owned();
            assert!(
                text.starts_with("grail-sealed-1 ") && !text.contains("epoch"),
                "{key}: {text}"
            );
        }
        let rotated = sealed_store(&objects, Keys::from_masters(&[8; 32], &[[7; 32]]).sealer);
        assert_eq!(rotated.load().await.unwrap().journal, entries(3..5));
        let lease = rotated.acquire(holder("bob"), Wait::No).await.unwrap();
        let version = rotated.load().await.unwrap().version;
        rotated.swap(&lease, &version, &next).await.unwrap();
        rotated.release(lease).await;
        // All that counts is sealed with the new key now.
        let new = sealed_store(&objects, Keys::from_master(&[8; 32]).sealer);
        assert_eq!(new.load().await.unwrap().snapshot.projections, next.projections);
        assert!(matches!(one.load().await, Err(StoreError::Remote { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_changed_or_passed_off_as_another_is_refused() {
        const ENTRY: &str = "team/shop/dev/journal/00000000000000000001/00000000000000000000";
        let (one, _, objects) = pair();
        let lease = one.acquire(holder("ann"), Wait::No).await.unwrap();
        one.append(&lease, 0, &entries(0..1)).await.unwrap();
        let whole = objects.bytes(ENTRY);
        let header = "grail-sealed-1 ".len();
        for at in (header..whole.len()).step_by(7) {
            objects.meddle(ENTRY, |bytes| bytes[at] ^= 1);
            assert!(one.load().await.is_err(), "byte {at}");
            objects.meddle(ENTRY, |bytes| bytes.clone_from(&whole));
        }
        let state = objects.bytes("team/shop/dev/state");
        objects.meddle(ENTRY, |bytes| bytes.clone_from(&state));
        assert!(one.load().await.is_err());
    }
}

fn sealed_store(objects: &Simulated, sealer: Sealer) -> ObjectStore {
    let objects = SealedObjects::above(Arc::new(objects.clone()), sealer);
    let artifacts = Arc::new(MemoryArtifacts::default());
    ObjectStore::new(
        Arc::new(objects),
        "team/shop/dev",
        stack(),
        artifacts,
        Timing::default(),
    )
}

/// A store with three appends of two entries each, and nobody holding its lock.
async fn written() -> (ObjectStore, Simulated) {
    let (store, _, objects) = pair();
    let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
    for at in [0, 2, 4] {
        store
            .append(&lease, at as u64, &entries(at..at + 2))
            .await
            .unwrap();
    }
    store.release(lease).await;
    (store, objects)
}

#[tokio::test(start_paused = true)]
async fn taking_the_lock_is_no_new_version() {
    let (one, two, _) = pair();
    let lease = one.acquire(holder("ann"), Wait::No).await.unwrap();
    let version = one
        .swap(&lease, &Version::default(), &Snapshot::empty(stack()))
        .await
        .unwrap();
    one.release(lease).await;
    let lease = two.acquire(holder("bob"), Wait::No).await.unwrap();
    assert_eq!(two.load().await.unwrap().version, version);
    two.swap(&lease, &version, &Snapshot::empty(stack()))
        .await
        .unwrap();
}

/// A person brings back an earlier version of the state: the epochs that were opened since are not opened again.
#[tokio::test(start_paused = true)]
async fn a_state_that_was_brought_back_opens_an_epoch_that_never_was() {
    const STATE: &str = "team/shop/dev/state";
    let (one, two, objects) = pair();
    let mut earlier = Vec::new();
    for turn in 0..4 {
        let lease = one.acquire(holder("ann"), Wait::No).await.unwrap();
        if turn == 0 {
            earlier = objects.bytes(STATE);
        }
        one.release(lease).await;
    }
    let asleep = asleep(one.acquire(holder("ann"), Wait::No).await.unwrap());
    objects.meddle(STATE, |state| *state = earlier);
    let lease = two.acquire(holder("bob"), Wait::No).await.unwrap();
    assert!(
        lease.epoch > asleep.epoch,
        "{} after {}",
        lease.epoch,
        asleep.epoch
    );
    two.append(&lease, 0, &entries(0..1)).await.unwrap();
    assert_eq!(two.load().await.unwrap().journal, entries(0..1));
}

#[tokio::test(start_paused = true)]
async fn sixty_four_writers_for_one_number_are_one_entry() {
    let (one, _, objects) = pair();
    let lease = one.acquire(holder("ann"), Wait::No).await.unwrap();
    let stores: Vec<_> = (0..64).map(|_| store(&objects)).collect();
    for round in 0..4 {
        let tries = stores.iter().enumerate().map(|(number, store)| {
            let entry = entries(100 + 3 * number..101 + 3 * number);
            let lease = &lease;
            async move { store.append(lease, round, &entry).await.map(|()| entry) }
        });
        let written: Vec<_> = join_all(tries).await.into_iter().flatten().collect();
        assert_eq!(written.len(), 1, "round {round}");
        assert_eq!(one.load().await.unwrap().journal[round as usize..], written[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_closes_an_epoch_outlives_the_swap_and_the_rest_does_not() {
    let (one, two, objects) = pair();
    let asleep = asleep(one.acquire(holder("ann"), Wait::No).await.unwrap());
    one.append(&asleep, 0, &entries(0..2)).await.unwrap();
    one.append(&asleep, 2, &entries(2..3)).await.unwrap();
    let lease = two.acquire(holder("bob"), Wait::No).await.unwrap();
    two.append(&lease, 0, &entries(3..4)).await.unwrap();
    let journal = || -> Vec<String> {
        let keys = objects.keys().into_iter();
        keys.filter(|key| key.contains("journal")).collect()
    };
    assert_eq!(journal().len(), 4);
    two.swap(&lease, &Version::default(), &Snapshot::empty(stack()))
        .await
        .unwrap();
    assert_eq!(
        journal(),
        ["team/shop/dev/journal/00000000000000000001/00000000000000000003"]
    );
    assert!(matches!(
        one.append(&asleep, 3, &entries(3..4)).await,
        Err(StoreError::Conflict)
    ));
}

type Meanwhile = std::sync::Mutex<Option<futures::future::BoxFuture<'static, ()>>>;

/// Objects that are next listed after others have done something.
struct ListedLater {
    objects: Simulated,
    meanwhile: Meanwhile,
}

#[async_trait]
impl Objects for ListedLater {
    async fn get(&self, key: &str) -> Result<Option<Found>, ObjectError> {
        self.objects.get(key).await
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, condition: Condition) -> Result<Tag, ObjectError> {
        self.objects.put(key, bytes, condition).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile.await;
        }
        self.objects.list(prefix).await
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.objects.delete(key).await
    }
}

/// Objects whose next write of an entry takes effect, and whose answer is lost while others do something.
struct Interrupted {
    objects: Simulated,
    meanwhile: Meanwhile,
}

#[async_trait]
impl Objects for Interrupted {
    async fn get(&self, key: &str) -> Result<Option<Found>, ObjectError> {
        self.objects.get(key).await
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, condition: Condition) -> Result<Tag, ObjectError> {
        let put = self.objects.put(key, bytes, condition).await;
        let meanwhile = key
            .contains("/journal/")
            .then(|| self.meanwhile.lock().unwrap().take());
        match meanwhile.flatten() {
            Some(meanwhile) => {
                meanwhile.await;
                Err(ObjectError::Unclear("no answer".into()))
            }
            None => put,
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        self.objects.list(prefix).await
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.objects.delete(key).await
    }
}

/// The holder is paused between the write and its answer. Somebody else takes over, folds the entry in and empties the journal,
/// so that the place of the entry is free when the holder tries again.
#[tokio::test(start_paused = true)]
async fn an_append_that_a_whole_foreign_transaction_interrupts_is_a_conflict() {
    let (_, two, objects) = pair();
    let foreign = async move {
        let lease = two.acquire(holder("bob"), Wait::No).await.unwrap();
        let loaded = two.load().await.unwrap();
        assert_eq!(loaded.journal, entries(0..1));
        two.swap(&lease, &loaded.version, &loaded.snapshot).await.unwrap();
        two.release(lease).await;
    };
    let interrupted = Interrupted {
        objects: objects.clone(),
        meanwhile: std::sync::Mutex::new(Some(Box::pin(foreign))),
    };
    let artifacts = Arc::new(MemoryArtifacts::default());
    let one = ObjectStore::new(
        Arc::new(interrupted),
        "team/shop/dev",
        stack(),
        artifacts,
        Timing::default(),
    );
    let lease = asleep(one.acquire(holder("ann"), Wait::No).await.unwrap());
    assert!(matches!(
        one.append(&lease, 0, &entries(0..1)).await,
        Err(StoreError::Conflict)
    ));
    assert_eq!(one.load().await.unwrap().journal, []);
}
