//! What every store must do, as cases that run over each of them.
//!
//! A case gets two handles on one empty store, as two processes have them. `conformance!` makes one test of each case for a
//! function that makes such a pair; [`cases`] gives them to other packages, under the feature `conformance`. They keep to no
//! clock: over a real store they take as long as its [`Timing`](super::object::Timing) makes them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "these are tests, whoever runs them; the names of the cases say what they show"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::digest::Digest;
use crate::id::{Handle, StackId};
use crate::record::Record;

/// Gives the names of all cases to a macro, behind what else it is given.
macro_rules! with_cases {
    ($macro:path; $($given:tt)*) => {
        $macro! { $($given)*
            appends_are_numbered_from_nought
            an_append_is_all_or_nothing
            a_wrong_number_is_a_conflict
            the_second_holder_is_told_of_the_first
            a_free_lock_has_no_holder
            a_released_lock_is_had_by_who_waits
            an_epoch_is_closed_by_the_next
            epochs_rise_over_swaps_and_restarts
            a_swap_empties_the_journal_and_keeps_counting
            a_swap_compares_before_it_swaps
            loading_needs_no_lease
            the_state_of_another_stack_is_not_taken
            reports_are_kept_in_order_and_over_a_swap
        }
    };
}

/// Makes a test of each case; `$pair` is a function that gives two handles and what must outlive them.
#[cfg(test)]
macro_rules! conformance {
    ($pair:path) => {
        $crate::store::conformance::with_cases! { $crate::store::conformance::tests_of_cases; $pair: }
    };
}

#[cfg(test)]
macro_rules! tests_of_cases {
    ($pair:path: $($case:ident)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $case() {
                let (one, two, _keep) = $pair();
                $crate::store::conformance::$case(&one, &two).await;
            }
        )*
    };
}
#[cfg(test)]
pub(crate) use {conformance, tests_of_cases, with_cases};

/// One case: two handles on one empty store of [`stack`]. It panics where the store is at fault.
pub type Case = for<'a> fn(&'a dyn StateStore, &'a dyn StateStore) -> BoxFuture<'a, ()>;

/// Every case by its name, for stores that are not made in this package.
pub fn cases() -> Vec<(&'static str, Case)> {
    macro_rules! list {
        ($($case:ident)*) => {
            vec![$((stringify!($case), (|one, two| $case(one, two).boxed()) as Case)),*]
        };
    }
    with_cases! { list; }
}

pub fn stack() -> StackId {
    StackId {
        app: "shop".into(),
        stage: "dev".into(),
    }
}

pub fn holder(who: &str) -> Holder {
    Holder {
        who: who.into(),
        host: "build-7".into(),
        pid: 41,
        command: "deploy".into(),
        since: Timestamp::UNIX_EPOCH,
        job: None,
    }
}

pub fn entry(number: usize) -> Entry {
    match number % 3 {
        0 => Entry::Begin {
            goal: Digest(format!("goal {number}")),
            command: "deploy".into(),
            by: Some("ann on build-7".into()),
            home: None,
            new_file: false,
            at: Timestamp::UNIX_EPOCH,
        },
        1 => Entry::Done {
            id: format!("lambda_function.f{number}").parse().unwrap(),
            record: Record {
                handle: Handle(format!("arn:aws:lambda:::{number}")),
                spec: json!({"ratio": 16690656819.453941, "text": "line\nbreak \u{1F600}"}),
                outputs: BTreeMap::from([("arn".into(), json!(number))]),
                depends_on: Default::default(),
                rank: 1,
                token: None,
            },
            at: None,
        },
        _ => Entry::Gone {
            id: format!("lambda_function.f{number}").parse().unwrap(),
            at: None,
        },
    }
}

pub fn entries(numbers: std::ops::Range<usize>) -> Vec<Entry> {
    numbers.map(entry).collect()
}

async fn lease(store: &dyn StateStore) -> Lease {
    store.acquire(holder("ann"), Wait::No).await.unwrap()
}

/// A lease whose holder does not know that it has lost the lock, or is about to.
pub fn asleep(lease: Lease) -> Lease {
    super::object::asleep(lease)
}

pub async fn appends_are_numbered_from_nought(one: &dyn StateStore, two: &dyn StateStore) {
    let lease = lease(one).await;
    let loaded = one.load().await.unwrap();
    assert_eq!((loaded.next, loaded.version), (0, Version::default()));
    one.append(&lease, 0, &entries(0..1)).await.unwrap();
    one.append(&lease, 1, &entries(1..4)).await.unwrap();
    one.append(&lease, 4, &entries(4..5)).await.unwrap();
    for store in [one, two] {
        let loaded = store.load().await.unwrap();
        assert_eq!((loaded.next, loaded.journal), (5, entries(0..5)));
        assert_eq!(loaded.snapshot, Snapshot::empty(stack()));
    }
}

pub async fn an_append_is_all_or_nothing(one: &dyn StateStore, two: &dyn StateStore) {
    let lease = lease(one).await;
    one.append(&lease, 0, &[]).await.unwrap();
    assert_eq!(two.load().await.unwrap().next, 0);
    one.append(&lease, 0, &entries(0..3)).await.unwrap();
    assert!(matches!(
        one.append(&lease, 2, &entries(2..5)).await,
        Err(StoreError::Conflict)
    ));
    assert_eq!(two.load().await.unwrap().journal, entries(0..3));
}

pub async fn a_wrong_number_is_a_conflict(one: &dyn StateStore, two: &dyn StateStore) {
    let lease = lease(one).await;
    one.append(&lease, 0, &entries(0..2)).await.unwrap();
    for seq in [0, 1, 3, u64::MAX] {
        assert!(matches!(
            one.append(&lease, seq, &entries(9..10)).await,
            Err(StoreError::Conflict)
        ));
    }
    // The other handle writes with the same lease: what counts is what is stored.
    two.append(&lease, 2, &entries(2..3)).await.unwrap();
    assert!(matches!(
        one.append(&lease, 2, &entries(9..10)).await,
        Err(StoreError::Conflict)
    ));
    one.append(&lease, 3, &entries(3..4)).await.unwrap();
    assert_eq!(one.load().await.unwrap().journal, entries(0..4));
}

pub async fn the_second_holder_is_told_of_the_first(one: &dyn StateStore, two: &dyn StateStore) {
    let lease = lease(one).await;
    for wait in [Wait::No, Wait::AtMost(Duration::from_secs(1))] {
        match two.acquire(holder("bob"), wait).await {
            Err(LockError::Held(current)) => assert_eq!(*current, holder("ann")),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(two.holder().await.unwrap(), Some(holder("ann")));
    assert_eq!(one.holder().await.unwrap(), Some(holder("ann")));
    one.release(lease).await;
    two.acquire(holder("bob"), Wait::No).await.unwrap();
}

pub async fn a_free_lock_has_no_holder(one: &dyn StateStore, two: &dyn StateStore) {
    assert_eq!(one.holder().await.unwrap(), None);
    one.release(lease(one).await).await;
    assert_eq!(two.holder().await.unwrap(), None);
}

pub async fn a_released_lock_is_had_by_who_waits(one: &dyn StateStore, two: &dyn StateStore) {
    for (time, epoch) in [(Duration::from_secs(600), 2), (Duration::MAX, 4)] {
        let first = lease(one).await;
        let release = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            one.release(first).await;
        };
        let waiting = two.acquire(holder("bob"), Wait::AtMost(time));
        let ((), second) = tokio::join!(release, waiting);
        let second = second.unwrap();
        assert_eq!(second.epoch, epoch);
        two.release(second).await;
    }
}

pub async fn an_epoch_is_closed_by_the_next(one: &dyn StateStore, two: &dyn StateStore) {
    let old = lease(one).await;
    one.append(&old, 0, &entries(0..2)).await.unwrap();
    let base = one.load().await.unwrap().version;
    let old = asleep(old);
    let new = lease(two).await;
    assert!(new.epoch > old.epoch);
    let conflict = |result: Result<(), StoreError>| assert!(matches!(result, Err(StoreError::Conflict)));
    conflict(one.append(&old, 2, &entries(2..3)).await);
    conflict(one.append(&old, 0, &entries(2..3)).await);
    conflict(one.swap(&old, &base, &Snapshot::empty(stack())).await.map(|_| ()));
    let loaded = two.load().await.unwrap();
    assert_eq!((loaded.next, &loaded.journal), (0, &entries(0..2)));
    two.append(&new, 0, &entries(2..3)).await.unwrap();
    // A whole foreign transaction later it is still refused.
    two.swap(&new, &base, &Snapshot::empty(stack())).await.unwrap();
    two.release(new).await;
    conflict(one.append(&old, 2, &entries(2..3)).await);
    assert_eq!(one.load().await.unwrap().journal, []);
}

pub async fn epochs_rise_over_swaps_and_restarts(one: &dyn StateStore, two: &dyn StateStore) {
    let mut before = 0;
    for round in 0..6 {
        let store = if round % 2 == 0 { one } else { two };
        let lease = lease(store).await;
        assert!(lease.epoch > before, "{} after {before}", lease.epoch);
        before = lease.epoch;
        if round % 3 == 1 {
            store.append(&lease, 0, &entries(0..1)).await.unwrap();
        }
        if round % 3 == 2 {
            let version = store.load().await.unwrap().version;
            store
                .swap(&lease, &version, &Snapshot::empty(stack()))
                .await
                .unwrap();
        }
    }
}

pub async fn a_swap_empties_the_journal_and_keeps_counting(one: &dyn StateStore, two: &dyn StateStore) {
    let lease = lease(one).await;
    one.append(&lease, 0, &entries(0..3)).await.unwrap();
    let mut next = Snapshot::empty(stack());
    next.remember_projection(Digest::of(b"x"));
    let version = one.swap(&lease, &Version::default(), &next).await.unwrap();
    for store in [one, two] {
        let loaded = store.load().await.unwrap();
        assert_eq!((loaded.journal.len(), loaded.next), (0, 3));
        assert_eq!(loaded.version, version);
        assert_eq!(loaded.snapshot.projections, next.projections);
        assert_eq!(
            (loaded.snapshot.folded.epoch, loaded.snapshot.folded.seq),
            (lease.epoch, 3)
        );
    }
    one.append(&lease, 3, &entries(3..4)).await.unwrap();
    assert_eq!(two.load().await.unwrap().journal, entries(3..4));
    let again = one.swap(&lease, &version, &next).await.unwrap();
    assert_ne!(
        again, version,
        "equal snapshots of different commits are two versions"
    );
}

pub async fn a_swap_compares_before_it_swaps(one: &dyn StateStore, two: &dyn StateStore) {
    let lease = lease(one).await;
    let empty = Snapshot::empty(stack());
    let first = one.swap(&lease, &Version::default(), &empty).await.unwrap();
    one.append(&lease, 0, &entries(0..1)).await.unwrap();
    for stale in [Version::default(), Version(Some("x".into()))] {
        let mut other = empty.clone();
        other.remember_projection(Digest::of(b"other"));
        assert!(matches!(
            one.swap(&lease, &stale, &other).await,
            Err(StoreError::Conflict)
        ));
    }
    let loaded = two.load().await.unwrap();
    assert_eq!((loaded.version, loaded.journal), (first, entries(0..1)));
}

pub async fn loading_needs_no_lease(one: &dyn StateStore, two: &dyn StateStore) {
    let before = two.load().await.unwrap();
    assert_eq!((before.next, before.journal.len()), (0, 0));
    assert_eq!(before.snapshot, Snapshot::empty(stack()));
    let lease = lease(one).await;
    one.append(&lease, 0, &entries(0..1)).await.unwrap();
    assert_eq!(two.load().await.unwrap().journal, entries(0..1));
}

pub async fn the_state_of_another_stack_is_not_taken(one: &dyn StateStore, two: &dyn StateStore) {
    let lease = lease(one).await;
    let other = StackId {
        app: "blog".into(),
        stage: "dev".into(),
    };
    let refused = one
        .swap(&lease, &Version::default(), &Snapshot::empty(other))
        .await;
    assert!(matches!(refused, Err(StoreError::OtherStack { .. })));
    assert_eq!(two.load().await.unwrap().version, Version::default());
}

pub async fn reports_are_kept_in_order_and_over_a_swap(one: &dyn StateStore, two: &dyn StateStore) {
    assert_eq!(two.reports().await.unwrap(), []);
    let report = |command: &str| Report {
        command: command.into(),
        who: "ann".into(),
        host: "build-7".into(),
        began: Timestamp::UNIX_EPOCH,
        ended: Timestamp::UNIX_EPOCH,
        outcome: "open".into(),
        why: Some("stopped by SIGINT".into()),
        changes: BTreeMap::from([("lambda_function.f".parse().unwrap(), vec!["created".into()])]),
    };
    let old = lease(one).await;
    one.add_report(&old, &report("deploy")).await.unwrap();
    one.swap(&old, &Version::default(), &Snapshot::empty(stack()))
        .await
        .unwrap();
    one.release(old).await;
    let lease = lease(two).await;
    two.add_report(&lease, &report("rollback")).await.unwrap();
    assert_eq!(
        one.reports().await.unwrap(),
        [report("deploy"), report("rollback")]
    );
}
