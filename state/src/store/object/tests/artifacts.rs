//! The bytes of a way back, among the objects.

use super::*;

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
