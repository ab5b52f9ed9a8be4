//! Who holds the lock, for how long, and what becomes of a holder that slept.

use super::*;

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
