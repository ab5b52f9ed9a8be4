//! The cases that every store must pass, over a bucket as a server keeps it; and what the store builds on: that a conditional
//! write is atomic there.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use grail_providers::aws::objects::{Bucket, Encryption};
use grail_providers::aws::{self, LocalCloud};
use grail_state::Snapshot;
use grail_state::Version;
use grail_state::artifacts::MemoryArtifacts;
use grail_state::store::conformance::{cases, entries, holder, stack};
use grail_state::store::object::{Condition, ObjectError, ObjectStore, Objects, Timing};
use grail_state::store::{StateStore, StoreError, Wait};
use grail_tests::account::Account;
use grail_tests::emulator::{MiniStack, MiniStackSettings};
use grail_tests::proxy::{Effect, Fault, On, Proxy};
use grail_tests::runtime::block_on;

use super::BUCKET;

/// How many write at once.
const WRITERS: usize = 64;

/// Of a real server, which answers in its own time: short enough to wait for, long enough for a machine that is busy.
const TIMING: Timing = Timing {
    lease: Duration::from_secs(6),
    beat: Duration::from_millis(500),
    look: Duration::from_millis(100),
};

fn start() -> MiniStack {
    let server = MiniStack::start(&MiniStackSettings::default());
    let s3 = Account::at(&server.endpoint()).s3();
    block_on(s3.create_bucket().bucket(BUCKET).send()).unwrap();
    server
}

/// The bucket at `endpoint`, with connections of its own.
async fn bucket(endpoint: &str) -> Arc<Bucket> {
    let settings = aws::Settings {
        region: Some("us-east-1".to_owned()),
        endpoint_url: Some(endpoint.to_owned()),
        local: Some(LocalCloud { port: 0 }),
        loopback_only: true,
        ..aws::Settings::default()
    };
    let clients = aws::context::clients(&settings).await.unwrap();
    Arc::new(Bucket::new(clients, BUCKET, Encryption::OfBucket))
}

async fn store(endpoint: &str, prefix: &str) -> ObjectStore {
    let artifacts = Arc::new(MemoryArtifacts::default());
    ObjectStore::new(bucket(endpoint).await, prefix, stack(), artifacts, TIMING)
}

#[test]
fn the_store_over_a_bucket_keeps_to_every_case() {
    let server = start();
    let endpoint = server.endpoint();
    block_on(join_all(cases().into_iter().map(|(name, case)| {
        let endpoint = endpoint.clone();
        async move {
            let (one, two) = (store(&endpoint, name).await, store(&endpoint, name).await);
            case(&one, &two).await;
        }
    })));
}

#[test]
fn of_many_conditional_writes_at_once_one_is_made() {
    let server = start();
    let endpoint = server.endpoint();
    block_on(async {
        let buckets = join_all((0..WRITERS).map(|_| bucket(&endpoint))).await;
        for round in 0..8 {
            let key = format!("round {round}");
            let mut condition = Condition::New;
            for change in 0..3 {
                let puts = buckets.iter().enumerate().map(|(writer, bucket)| {
                    let (text, condition) = (format!("{change} by {writer}"), condition.clone());
                    let key = &key;
                    async move { (text.clone(), bucket.put(key, text.into_bytes(), condition).await) }
                });
                let mut made = Vec::new();
                for (text, answer) in join_all(puts).await {
                    match answer {
                        Ok(tag) => made.push((text, tag)),
                        Err(ObjectError::Changed) => {}
                        Err(error) => panic!("{key}: {error:?}"),
                    }
                }
                assert_eq!(made.len(), 1, "{key}: {made:?}");
                let (text, tag) = made.remove(0);
                let found = buckets[0].get(&key).await.unwrap().unwrap();
                assert_eq!((found.bytes, &found.tag), (text.into_bytes(), &tag), "{key}");
                condition = Condition::Still(tag);
            }
        }
    });
}

#[test]
fn of_many_appends_of_one_number_one_is_made() {
    let server = start();
    let endpoint = server.endpoint();
    block_on(async {
        let stores = join_all((0..WRITERS).map(|_| store(&endpoint, "race"))).await;
        let lease = &stores[0].acquire(holder("ann"), Wait::No).await.unwrap();
        for number in 0..3 {
            let appends = stores.iter().enumerate().map(|(writer, store)| {
                let entries = entries(100 + 3 * writer..101 + 3 * writer);
                async move { (store.append(lease, number, &entries).await, entries) }
            });
            let mut written = Vec::new();
            for (answer, entries) in join_all(appends).await {
                match answer {
                    Ok(()) => written.push(entries),
                    Err(StoreError::Conflict) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            assert_eq!(written.len(), 1);
            let journal = stores[1].load().await.unwrap().journal;
            assert_eq!(journal[number as usize..], written[0]);
        }
    });
}

/// Each write of a whole transaction loses its answer once, after it took effect or before; some come late or are refused for
/// now.
#[test]
fn a_write_whose_answer_is_lost_is_made_once() {
    let server = start();
    let faults = [
        Fault::Drop(Effect::Done),
        Fault::Drop(Effect::None),
        Fault::ServerError(Effect::Done),
        Fault::ServerError(Effect::None),
        Fault::Delay(Duration::from_millis(700)),
        Fault::Throttle,
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let proxy = Proxy::before(&server.endpoint());
        for nth in 1.. {
            proxy.heal();
            let rule = proxy.inject(On::writes().nth(nth), fault.clone());
            let prefix = format!("lost/{number}/{nth}");
            block_on(transaction(&proxy.endpoint(), &prefix));
            if rule.struck() == 0 {
                assert!(nth > 6, "{}: only {nth} writes", fault.name());
                break;
            }
        }
    }
}

async fn transaction(endpoint: &str, prefix: &str) {
    let (one, two) = (store(endpoint, prefix).await, store(endpoint, prefix).await);
    let lease = one.acquire(holder("ann"), Wait::No).await.unwrap();
    one.append(&lease, 0, &entries(0..2)).await.unwrap();
    one.append(&lease, 2, &entries(2..3)).await.unwrap();
    assert_eq!(two.load().await.unwrap().journal, entries(0..3), "{prefix}");
    let next = Snapshot::empty(stack());
    let version = one.swap(&lease, &Version::default(), &next).await.unwrap();
    one.append(&lease, 3, &entries(3..4)).await.unwrap();
    one.release(lease).await;
    let loaded = two.load().await.unwrap();
    assert_eq!(
        (loaded.version, loaded.journal),
        (version, entries(3..4)),
        "{prefix}"
    );
    let lease = two.acquire(holder("bob"), Wait::No).await.unwrap();
    assert_eq!(lease.epoch, 2, "{prefix}");
    two.release(lease).await;
}
