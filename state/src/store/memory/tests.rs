//! The hooks. What every store must do is in `conformance`.

use super::*;
use crate::store::conformance::{self, entries, holder, stack};

conformance::conformance!(pair);

fn pair() -> (MemoryStore, MemoryStore, ()) {
    let store = MemoryStore::new(stack());
    (store.clone(), store, ())
}

#[tokio::test]
async fn an_append_fails_once_where_it_is_asked_to() {
    let store = MemoryStore::new(stack());
    let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
    store.fail_append_after(1);
    store.append(&lease, 0, &entries(0..1)).await.unwrap();
    assert!(matches!(
        store.append(&lease, 1, &entries(1..2)).await,
        Err(StoreError::Io { .. })
    ));
    store.append(&lease, 1, &entries(1..2)).await.unwrap();
    assert_eq!(store.load().await.unwrap().journal, entries(0..2));
    assert_eq!(store.appends(), 2);
}

#[tokio::test]
async fn a_frozen_store_is_left_by_a_restart_with_any_prefix() {
    let store = MemoryStore::new(stack());
    let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
    store.freeze_after(2);
    store.append(&lease, 0, &entries(0..2)).await.unwrap();
    store.append(&lease, 2, &entries(2..3)).await.unwrap();
    assert!(store.append(&lease, 3, &entries(3..4)).await.is_err());
    assert!(store.load().await.is_err());
    for kept in 0..=3 {
        let after = MemoryStore::restored(stack(), store.content().with_prefix(kept));
        assert_eq!(after.load().await.unwrap().journal, entries(0..kept));
        let lease = after.acquire(holder("bob"), Wait::No).await.unwrap();
        assert_eq!(lease.epoch, 2);
        after.append(&lease, 0, &entries(kept..kept + 1)).await.unwrap();
        assert_eq!(after.load().await.unwrap().journal, entries(0..kept + 1));
    }
}

#[tokio::test]
async fn a_crash_inside_a_swap_leaves_history() {
    let store = MemoryStore::new(stack());
    let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
    store.append(&lease, 0, &entries(0..2)).await.unwrap();
    store.freeze_in_swap();
    let swapped = store
        .swap(&lease, &Version::default(), &Snapshot::empty(stack()))
        .await;
    assert!(swapped.is_err());
    assert_eq!(store.content().journal.len(), 2);
    let after = MemoryStore::restored(stack(), store.content());
    let loaded = after.load().await.unwrap();
    assert_eq!((loaded.journal, loaded.next), (vec![], 2));
    assert_ne!(loaded.version, Version::default());
}

#[tokio::test]
async fn a_lock_taken_away_is_not_freed_by_its_old_holder() {
    let store = MemoryStore::new(stack());
    let old = store.acquire(holder("ann"), Wait::No).await.unwrap();
    store.take_lock_away();
    let _new = store.acquire(holder("bob"), Wait::No).await.unwrap();
    assert!(matches!(
        store.append(&old, 0, &entries(0..1)).await,
        Err(StoreError::Conflict)
    ));
    drop(old);
    assert_eq!(store.holder().await.unwrap(), Some(holder("bob")));
}
