//! What only objects can suffer. What every store must do is in `conformance`.

mod histories;
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
async fn a_killed_holder_is_taken_over_within_half_a_minute() {
    let (one, two, _) = pair();
    let dead = asleep(one.acquire(holder("ann"), Wait::No).await.unwrap());
    one.append(&dead, 0, &entries(0..1)).await.unwrap();
    let before = Instant::now();
    let lease = two.acquire(holder("bob"), Wait::No).await.unwrap();
    let took = before.elapsed();
    assert!(
        took >= Duration::from_secs(15) && took < Duration::from_secs(30),
        "{took:?}"
    );
    assert_eq!(two.load().await.unwrap().journal, entries(0..1));
    assert!(matches!(
        one.append(&dead, 1, &entries(1..2)).await,
        Err(StoreError::Conflict)
    ));
    two.append(&lease, 0, &entries(1..2)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_slept_asks_before_it_acts() {
    let (one, two, _) = pair();
    let lease = asleep(one.acquire(holder("ann"), Wait::No).await.unwrap());
    assert!(one.still_held(&lease).await);
    // Too long, but nobody has come: it is renewed.
    sleep(Duration::from_secs(600)).await;
    assert!(one.still_held(&lease).await);
    one.append(&lease, 0, &entries(0..1)).await.unwrap();
    let other = two.acquire(holder("bob"), Wait::No).await.unwrap();
    assert!(!one.still_held(&lease).await && two.still_held(&other).await);
    two.release(other).await;
    assert!(!one.still_held(&lease).await, "freed again, but not for us");
}

/// The clock that cannot be set stands still while a machine sleeps, so that only the one on the wall tells.
#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_asks_before_it_acts() {
    for slept in [16, 3600, -3600] {
        let (_, two, objects) = pair();
        let wall = Arc::new(std::sync::atomic::AtomicI64::new(1_800_000_000));
        let read = Arc::clone(&wall);
        let one = ObjectStore::with_wall(
            Arc::new(objects.clone()),
            "team/shop/dev",
            stack(),
            Arc::new(MemoryArtifacts::default()),
            Timing::default(),
            Arc::new(move || Timestamp::from_second(read.load(Ordering::Relaxed)).unwrap()),
        );
        let lease = one.acquire(holder("ann"), Wait::No).await.unwrap();
        let beats = || {
            objects
                .effects()
                .iter()
                .filter(|it| it.key.ends_with("/lock"))
                .count()
        };
        let before = beats();
        assert!(one.still_held(&lease).await);
        assert_eq!(beats(), before, "just taken: nothing is asked");
        // Somebody else has it by now, and not a moment has passed for the clock that cannot be set.
        two.unlock().await.unwrap();
        assert!(one.still_held(&lease).await);
        wall.fetch_add(slept, Ordering::Relaxed);
        assert!(!one.still_held(&lease).await, "slept {slept} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_watched_until_it_beats_or_should_have() {
    let (one, two, _) = pair();
    assert_eq!(two.watch_lock().await.unwrap(), None);
    let lease = one.acquire(holder("ann"), Wait::No).await.unwrap();
    assert_eq!(two.watch_lock().await.unwrap(), Some((holder("ann"), true)));
    let lease = asleep(lease);
    assert_eq!(two.watch_lock().await.unwrap(), Some((holder("ann"), false)));
    one.release(lease).await;
    assert_eq!(two.watch_lock().await.unwrap(), None);
}

/// What machines say of the time is in the lock's text and in the entries, and nothing is decided by it.
#[tokio::test(start_paused = true)]
async fn clocks_that_differ_by_minutes_change_nothing() {
    for skew in [-300, 300] {
        let (one, two, _) = pair();
        let at = |seconds: i64| Holder {
            since: jiff::Timestamp::from_second(1_800_000_000 + seconds).unwrap(),
            ..holder("ann")
        };
        let lease = one.acquire(at(0), Wait::No).await.unwrap();
        let refused = two
            .acquire(at(skew), Wait::AtMost(Duration::from_secs(120)))
            .await;
        assert!(matches!(refused, Err(LockError::Held(_))), "{skew}: {refused:?}");
        one.append(&lease, 0, &entries(0..1)).await.unwrap();
        let lease = asleep(lease);
        let before = Instant::now();
        let taken = two.acquire(at(skew), Wait::No).await.unwrap();
        let took = before.elapsed();
        assert!(
            took >= Duration::from_secs(15) && took < Duration::from_secs(30),
            "{skew}: {took:?}"
        );
        assert!(matches!(
            one.append(&lease, 1, &entries(1..2)).await,
            Err(StoreError::Conflict)
        ));
        two.append(&taken, 0, &entries(1..2)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_beats_keeps_the_lock() {
    let (one, two, _) = pair();
    let lease = one.acquire(holder("ann"), Wait::No).await.unwrap();
    let wait = Wait::AtMost(Duration::from_secs(3600));
    let refused = two.acquire(holder("bob"), wait).await;
    assert!(matches!(refused, Err(LockError::Held(_))), "{refused:?}");
    one.append(&lease, 0, &entries(0..1)).await.unwrap();
    one.swap(&lease, &Version::default(), &Snapshot::empty(stack()))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_broken_lock_is_free_and_its_holder_writes_nothing_more() {
    let (one, two, _) = pair();
    assert_eq!(two.unlock().await.unwrap(), None);
    let lease = one.acquire(holder("ann"), Wait::No).await.unwrap();
    one.append(&lease, 0, &entries(0..1)).await.unwrap();
    let version = one.load().await.unwrap().version;
    assert_eq!(two.unlock().await.unwrap(), Some(holder("ann")));
    assert_eq!(two.holder().await.unwrap(), None);
    // Not a moment later, long before its next beat.
    let appended = one.append(&lease, 1, &entries(1..2)).await;
    assert!(matches!(appended, Err(StoreError::Conflict)), "{appended:?}");
    let swapped = one.swap(&lease, &version, &Snapshot::empty(stack())).await;
    assert!(matches!(swapped, Err(StoreError::Conflict)), "{swapped:?}");
    let new = two.acquire(holder("bob"), Wait::No).await.unwrap();
    assert_eq!(two.load().await.unwrap().journal, entries(0..1));
    one.release(lease).await;
    assert_eq!(two.holder().await.unwrap(), Some(holder("bob")));
    two.append(&new, 0, &entries(1..2)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_damaged_state_keeps_no_lock_from_being_broken() {
    let (one, two, objects) = pair();
    let lease = one.acquire(holder("ann"), Wait::No).await.unwrap();
    objects.meddle("team/shop/dev/state", |state| state.clear());
    assert_eq!(two.unlock().await.unwrap(), Some(holder("ann")));
    assert_eq!(two.holder().await.unwrap(), None);
    drop(lease);
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

#[tokio::test(start_paused = true)]
async fn what_is_damaged_missing_or_newer_is_refused_and_left() {
    const ENTRY: &str = "team/shop/dev/journal/00000000000000000001/00000000000000000002";
    let (store, objects) = written().await;
    let text = |error: StoreError| error.to_string();
    let whole = objects.bytes(ENTRY);
    for at in 0..whole.len() - 1 {
        objects.meddle(ENTRY, |bytes| bytes[at] ^= 4);
        let error = store.load().await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "byte {at}: {error}");
        objects.meddle(ENTRY, |bytes| bytes.clone_from(&whole));
    }
    assert_eq!(store.load().await.unwrap().journal, entries(0..6));
    objects.remove(ENTRY);
    assert_eq!(
        text(store.load().await.unwrap_err()),
        "team/shop/dev/journal/00000000000000000001/00000000000000000004 is damaged: entry 2 of its epoch is expected there: \
         objects are missing"
    );
    for (bytes, part) in [
        (
            &b"{\"v\":2,\"epoch\":1,\"nonce\":\"x\"}\n"[..],
            "schema version 2",
        ),
        (
            b"{\"v\":1,\"epoch\":1,\"nonce\":\"x\"}\n{\"schema\":9}",
            "schema version 9",
        ),
        (b"{\"v\":1,\"epoch\":1,\"nonce\":\"x\"}\n{\"sch", "is damaged"),
        (b"{\"v\":1", "is damaged"),
        (b"", "is damaged"),
    ] {
        objects.meddle("team/shop/dev/state", |state| *state = bytes.to_vec());
        let error = text(store.load().await.unwrap_err());
        assert!(error.contains(part), "{error}");
        let refused = store.acquire(holder("bob"), Wait::No).await;
        assert!(matches!(refused, Err(LockError::Store(_))), "{refused:?}");
        assert_eq!(objects.bytes("team/shop/dev/state"), bytes);
    }
}

/// A server that knows nothing of conditions.
struct Careless(Simulated);

#[async_trait]
impl Objects for Careless {
    async fn get(&self, key: &str) -> Result<Option<Found>, ObjectError> {
        self.0.get(key).await
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, _: Condition) -> Result<Tag, ObjectError> {
        let condition = match self.0.get(key).await? {
            Some(found) => Condition::Still(found.tag),
            None => Condition::New,
        };
        self.0.put(key, bytes, condition).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        self.0.list(prefix).await
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.0.delete(key).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_no_notice_of_conditions_is_refused() {
    let (_, _, objects) = pair();
    let artifacts = Arc::new(MemoryArtifacts::default());
    let store = ObjectStore::new(
        Arc::new(Careless(objects.clone())),
        "team/shop/dev",
        stack(),
        artifacts,
        Timing::default(),
    );
    // The third finds what a process left that was killed before it could ask.
    let left = br#"{"v":1,"nonce":"n","holder":null,"beat":0,"closed":0}"#.to_vec();
    for killed in [false, false, true] {
        if killed {
            let put = objects.put("team/shop/dev/lock", left.clone(), Condition::New);
            put.await.unwrap();
        }
        let refused = store.acquire(holder("ann"), Wait::No).await.unwrap_err();
        let LockError::Store(error) = refused else {
            panic!("{refused}")
        };
        let told = format!("{error}: {:?}", std::error::Error::source(&error));
        assert!(told.contains("Unconditional"), "{told}");
        assert_eq!(objects.keys(), Vec::<String>::new());
    }
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

/// Between a reader's look at the state and its look at the journal somebody folds the one into the other, and of the journal
/// there is left what closes its epoch.
#[tokio::test(start_paused = true)]
async fn a_commit_in_the_middle_of_a_look_is_no_damage() {
    let (other, objects) = written().await;
    let foreign = async move {
        let lease = other.acquire(holder("bob"), Wait::No).await.unwrap();
        other
            .swap(&lease, &Version::default(), &Snapshot::empty(stack()))
            .await
            .unwrap();
    };
    let later = ListedLater {
        objects,
        meanwhile: std::sync::Mutex::new(Some(Box::pin(foreign))),
    };
    let artifacts = Arc::new(MemoryArtifacts::default());
    let reader = ObjectStore::new(
        Arc::new(later),
        "team/shop/dev",
        stack(),
        artifacts,
        Timing::default(),
    );
    let loaded = reader.load().await.unwrap();
    assert_eq!((loaded.journal, loaded.snapshot.folded.epoch), (vec![], 2));
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

fn keeping(digest: &Digest) -> Entry {
    Entry::Intent {
        id: "lambda_function.api".parse().unwrap(),
        token: crate::id::StepToken("t".into()),
        spec: None,
        beside: None,
        pre: PreImage::Absent,
        keep: Keep::Plain {
            spec: serde_json::json!({}),
            artifacts: vec![digest.clone()],
            lost: Vec::new(),
        },
        depends_on: Default::default(),
        rank: 1,
        at: jiff::Timestamp::UNIX_EPOCH,
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_way_back_needs_is_had_by_another_machine() {
    let objects = Simulated::new(0, Weather::default());
    let (here, there) = (MemoryArtifacts::default(), MemoryArtifacts::default());
    let code = here.put(b"the old code").unwrap();
    let one = with_artifacts(&objects, &here);
    let lease = asleep(one.acquire(holder("ann"), Wait::No).await.unwrap());
    one.append(&lease, 0, &[keeping(&code)]).await.unwrap();
    let effects: Vec<_> = objects.effects().into_iter().map(|effect| effect.key).collect();
    assert!(
        effects.ends_with(&[
            format!("team/shop/dev/artifacts/00000000000000000001/{code}"),
            "team/shop/dev/journal/00000000000000000001/00000000000000000000".to_owned(),
        ]),
        "{effects:?}"
    );

    let two = with_artifacts(&objects, &there);
    let lease = two.acquire(holder("bob"), Wait::No).await.unwrap();
    let loaded = two.load().await.unwrap();
    assert_eq!(loaded.journal, [keeping(&code)]);
    assert_eq!(there.get(&code).unwrap().unwrap(), b"the old code");
    two.swap(&lease, &loaded.version, &loaded.snapshot).await.unwrap();
    assert!(
        !objects.keys().iter().any(|key| key.contains("artifacts")),
        "{:?}",
        objects.keys()
    );
}

/// A holder is paused between its swap and its deletions. Somebody else takes over and keeps the same bytes for a way back of
/// their own.
#[tokio::test(start_paused = true)]
async fn a_late_sweep_leaves_what_a_newer_transaction_keeps() {
    let objects = Simulated::new(0, Weather::default());
    let machine = MemoryArtifacts::default();
    let code = machine.put(b"the old code").unwrap();
    let (two, newer) = (with_artifacts(&objects, &machine), keeping(&code));
    let foreign = async move {
        let lease = two.acquire(holder("bob"), Wait::No).await.unwrap();
        two.append(&lease, 0, &[newer]).await.unwrap();
        drop(asleep(lease));
    };
    let later = Arc::new(ListedLater {
        objects: objects.clone(),
        meanwhile: std::sync::Mutex::new(None),
    });
    let one = ObjectStore::new(
        Arc::clone(&later) as Arc<dyn Objects>,
        "team/shop/dev",
        stack(),
        Arc::new(machine),
        Timing::default(),
    );
    let lease = asleep(one.acquire(holder("ann"), Wait::No).await.unwrap());
    one.append(&lease, 0, &[keeping(&code)]).await.unwrap();
    *later.meanwhile.lock().unwrap() = Some(Box::pin(foreign));
    one.swap(&lease, &Version::default(), &Snapshot::empty(stack()))
        .await
        .unwrap();
    // A third machine, which has nothing of its own, takes up what the second has left.
    let third = MemoryArtifacts::default();
    let loaded = with_artifacts(&objects, &third).load().await.unwrap();
    assert_eq!(loaded.journal, [keeping(&code)]);
    assert_eq!(third.get(&code).unwrap().unwrap(), b"the old code");
}

#[tokio::test(start_paused = true)]
async fn an_artifact_that_is_damaged_in_the_bucket_is_not_taken_for_kept() {
    let objects = Simulated::new(0, Weather::default());
    let here = MemoryArtifacts::default();
    let code = here.put(b"the old code").unwrap();
    let key = format!("team/shop/dev/artifacts/00000000000000000001/{code}");
    let put = objects.put(&key, b"the old c".to_vec(), Condition::New);
    put.await.unwrap();
    let store = with_artifacts(&objects, &here);
    let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
    let appended = store.append(&lease, 0, &[keeping(&code)]).await;
    assert!(
        matches!(appended, Err(StoreError::Corrupt { .. })),
        "{appended:?}"
    );
    assert_eq!(store.load().await.map(|loaded| loaded.journal).unwrap(), []);
}
