//! What is damaged, missing, newer, or only seems so; servers that take no notice of conditions.

use super::*;

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
