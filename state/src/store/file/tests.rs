//! What only files can suffer. What every store must do is in `conformance`.

use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::digest::Digest;
use crate::snapshot::Folded;
use crate::store::conformance::{self, entries, holder, stack};

conformance::conformance!(pair);

fn pair() -> (FileStore, FileStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("grail/dev");
    (FileStore::new(&at, stack()), FileStore::new(&at, stack()), folder)
}

/// A store with three lines of two entries each, and nobody holding its lock.
async fn written() -> (FileStore, TempDir) {
    let (store, _, folder) = pair();
    let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
    for at in [0, 2, 4] {
        store
            .append(&lease, at as u64, &entries(at..at + 2))
            .await
            .unwrap();
    }
    (store, folder)
}

fn journal(store: &FileStore) -> Vec<u8> {
    fs::read(store.inner.journal_path()).unwrap()
}

/// A line without its opening brace, as one writes it who knows its checksum.
fn summed(rest: &str) -> Vec<u8> {
    let sum = &Digest::of(rest.as_bytes()).0[..16];
    format!("{{\"sum\":\"{sum}\",{rest}\n").into_bytes()
}

fn corrupt(error: StoreError) -> String {
    match error {
        StoreError::Corrupt { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nothing_is_made_before_the_lock_is_taken() {
    let (store, _, folder) = pair();
    store.load().await.unwrap();
    store.holder().await.unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_for_their_owner() {
    use std::os::unix::fs::PermissionsExt as _;
    let (store, _folder) = written().await;
    let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
    store
        .swap(&lease, &Version::default(), &Snapshot::empty(stack()))
        .await
        .unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(store.folder()), 0o700);
    for name in ["state.json", "journal.ndjson", "lock", "epoch"] {
        assert_eq!(mode(&store.folder().join(name)), 0o600, "{name}");
    }
    assert_eq!(fs::read_dir(store.folder()).unwrap().count(), 4);
}

#[tokio::test]
async fn a_torn_last_line_is_dropped_wherever_it_is_torn_and_cut_off_by_the_next() {
    let (store, _folder) = written().await;
    let whole = journal(&store);
    let last = whole.len() - whole.rsplit(|byte| *byte == b'\n').nth(1).unwrap().len() - 1;
    for cut in last..whole.len() - 1 {
        fs::write(store.inner.journal_path(), &whole[..cut]).unwrap();
        let loaded = store.load().await.unwrap();
        assert_eq!(loaded.journal, entries(0..4), "cut at {cut} of {}", whole.len());
        if cut % 16 != 0 {
            continue;
        }
        let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
        store.append(&lease, 0, &entries(6..7)).await.unwrap();
        let loaded = store.load().await.unwrap();
        assert_eq!(loaded.journal, [entries(0..4), entries(6..7)].concat());
    }
}

#[tokio::test]
async fn a_last_line_without_its_break_counts() {
    let (store, _folder) = written().await;
    let whole = journal(&store);
    fs::write(store.inner.journal_path(), &whole[..whole.len() - 1]).unwrap();
    let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
    store.append(&lease, 0, &entries(6..7)).await.unwrap();
    store.append(&lease, 1, &entries(7..8)).await.unwrap();
    assert_eq!(store.load().await.unwrap().journal, entries(0..8));
}

#[tokio::test]
async fn a_torn_middle_is_named_and_left() {
    let (store, _folder) = written().await;
    let text = String::from_utf8(journal(&store)).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let torn = format!("{}\n{}\n{}\n", lines[0], &lines[1][..40], lines[2]);
    fs::write(store.inner.journal_path(), &torn).unwrap();
    assert_eq!(
        corrupt(store.load().await.unwrap_err()),
        "line 2 does not fit its checksum"
    );
    match store.acquire(holder("ann"), Wait::No).await {
        Err(LockError::Store(error)) => assert_eq!(corrupt(error), "line 2 does not fit its checksum"),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.holder().await.unwrap(), None, "a refused lock is not held");
    assert_eq!(journal(&store), torn.as_bytes());
}

#[tokio::test]
async fn a_missing_line_is_seen_at_either_end() {
    let (store, _folder) = written().await;
    let text = String::from_utf8(journal(&store)).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    for (kept, line) in [
        (vec![1, 2], 1),
        (vec![0, 2], 2),
        (vec![0, 1, 1], 3),
        (vec![1, 0], 1),
    ] {
        let text: String = kept.iter().map(|at| lines[*at]).collect();
        fs::write(store.inner.journal_path(), text).unwrap();
        let why = corrupt(store.load().await.unwrap_err());
        assert!(
            why.starts_with(&format!("line {line} has entry")),
            "{kept:?}: {why}"
        );
    }
}

#[tokio::test]
async fn an_epoch_that_is_missing_is_seen() {
    let (store, _folder) = written().await;
    let first = journal(&store);
    for at in 6..8 {
        let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
        store.append(&lease, 0, &entries(at..at + 1)).await.unwrap();
    }
    let all = journal(&store);
    let last = all.split_inclusive(|byte| *byte == b'\n').next_back().unwrap();
    fs::write(store.inner.journal_path(), [&first, last].concat()).unwrap();
    assert_eq!(
        corrupt(store.load().await.unwrap_err()),
        "line 4 follows on entry 1 of epoch 2, and all before it reaches up to entry 6 of epoch 1: lines are missing, or the \
         state is not the one that it was written for"
    );
}

#[tokio::test]
async fn a_journal_and_a_state_that_do_not_belong_together_are_refused_and_left() {
    let (store, _folder) = written().await;
    let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
    let mut versions = vec![];
    let mut version = Version::default();
    for seq in 0..2 {
        store.append(&lease, seq, &entries(0..1)).await.unwrap();
        version = store
            .swap(&lease, &version, &Snapshot::empty(stack()))
            .await
            .unwrap();
        versions.push(fs::read(store.inner.state_path()).unwrap());
    }
    store.append(&lease, 2, &entries(2..3)).await.unwrap();
    let lines = journal(&store);
    // The state of the commit before; none at all.
    fs::write(store.inner.state_path(), &versions[0]).unwrap();
    let why = corrupt(store.load().await.unwrap_err());
    assert!(
        why.contains("line 1 has entry 2 of epoch 2 where entry 1"),
        "{why}"
    );
    fs::remove_file(store.inner.state_path()).unwrap();
    let why = corrupt(store.load().await.unwrap_err());
    assert!(
        why.contains("line 1 has entry 2 of epoch 2 where entry 0"),
        "{why}"
    );
    drop(lease);
    // The same where the journal begins with an epoch.
    fs::write(store.inner.state_path(), &versions[1]).unwrap();
    fs::write(store.inner.journal_path(), "").unwrap();
    let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
    store.append(&lease, 0, &entries(0..1)).await.unwrap();
    fs::write(store.inner.state_path(), &versions[0]).unwrap();
    let why = corrupt(store.load().await.unwrap_err());
    assert!(why.starts_with("line 1 follows on entry 2 of epoch 2"), "{why}");
    assert_ne!(journal(&store), lines);
}

#[tokio::test]
async fn the_journal_of_another_stack_is_refused_and_left() {
    let (store, folder) = written().await;
    let lines = journal(&store);
    for (app, stage) in [("shop", "prod"), ("blog", "dev")] {
        let other = StackId {
            app: app.into(),
            stage: stage.into(),
        };
        let other = FileStore::new(folder.path().join("grail/other"), other);
        fs::create_dir_all(other.folder()).unwrap();
        fs::write(other.inner.journal_path(), &lines).unwrap();
        let error = other.load().await.unwrap_err().to_string();
        assert!(error.starts_with("line 1 of "), "{error}");
        assert!(error.contains("is the state of shop-dev, and this is"), "{error}");
        assert!(other.acquire(holder("ann"), Wait::No).await.is_err());
        assert!(other.set_aside_damaged(holder("ann")).await.is_err());
        assert_eq!(journal(&other), lines);
    }
}

#[tokio::test]
async fn lines_of_earlier_grails_are_read_and_gone_on_with() {
    let (store, _folder) = written().await;
    // As they were written. Never change these texts.
    let first =
        "\"v\":1,\"epoch\":1,\"seq\":0,\"entries\":[{\"entry\":\"gone\",\"id\":\"lambda_function.f2\"}]}";
    let second =
        "\"v\":1,\"epoch\":2,\"seq\":0,\"entries\":[{\"entry\":\"gone\",\"id\":\"lambda_function.f5\"}]}";
    let text = [summed(first), summed(second)].concat();
    fs::write(store.inner.journal_path(), text).unwrap();
    let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
    store.append(&lease, 0, &entries(8..9)).await.unwrap();
    store.append(&lease, 1, &entries(9..10)).await.unwrap();
    let loaded = store.load().await.unwrap();
    let expected: Vec<_> = [2, 5, 8, 9].map(|at| entries(at..at + 1)).concat();
    assert_eq!(loaded.journal, expected);
    // As this build writes it. Never change this text.
    let third = "\"v\":2,\"stack\":{\"app\":\"shop\",\"stage\":\"dev\"},\"after\":{\"epoch\":2,\"seq\":1},\"epoch\":3,\"seq\":0,\
                 \"entries\":[{\"entry\":\"gone\",\"id\":\"lambda_function.f8\"}]}";
    let lines = journal(&store);
    let lines: Vec<_> = lines.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(
        String::from_utf8_lossy(lines[2]),
        String::from_utf8(summed(third)).unwrap()
    );
}

#[tokio::test]
async fn an_entry_that_cannot_stand_is_named_by_its_line() {
    let (store, _folder) = written().await;
    let loaded = store.load().await.unwrap();
    let impossible = crate::txn::replay(loaded.snapshot, &loaded.journal).unwrap_err();
    assert_eq!(impossible.number, 1);
    let corrupt = corrupt(store.misplaced(&impossible).await);
    assert!(
        corrupt.starts_with("line 1: entry 1 of the journal cannot stand"),
        "{corrupt}"
    );
    for (number, line) in [(2, "line 2: "), (5, "line 3: "), (6, "entry 6 ")] {
        let entry = Corrupt {
            number,
            why: "x".into(),
        };
        match store.misplaced(&entry).await {
            StoreError::Corrupt { what, why } => {
                assert!(
                    what.ends_with("journal.ndjson") && why.starts_with(line),
                    "{what}: {why}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn numbers_that_cannot_rise_are_refused() {
    let (store, _folder) = written().await;
    fs::write(store.folder().join("epoch"), u64::MAX.to_string()).unwrap();
    match store.acquire(holder("ann"), Wait::No).await {
        Err(LockError::Store(StoreError::Corrupt { what, .. })) => assert!(what.ends_with("epoch")),
        other => panic!("{other:?}"),
    }
}

/// The device that is always full.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_device_takes_nothing_and_is_gone_on_from() {
    let (store, _, _folder) = pair();
    let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
    let path = store.inner.journal_path();
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    match store.append(&lease, 0, &entries(0..1)).await {
        Err(StoreError::Io {
            doing,
            path: at,
            source,
        }) => {
            assert_eq!((doing, at), ("append to", path.clone()));
            assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        }
        other => panic!("{other:?}"),
    }
    fs::remove_file(&path).unwrap();
    store.append(&lease, 0, &entries(0..1)).await.unwrap();
    assert_eq!(store.load().await.unwrap().journal, entries(0..1));
}

#[tokio::test]
async fn what_stood_among_deletions_and_stays_is_read_as_what_stays() {
    let (store, _folder) = written().await;
    // As version 1 wrote it. Never change this text.
    let line = "\"v\":1,\"stack\":{\"app\":\"shop\",\"stage\":\"dev\"},\"epoch\":1,\"seq\":0,\"entries\":[{\"entry\":\"commit\",\"sweep\":[\
                {\"id\":\"iam_role.r\",\"handle\":\"r\",\"spec\":{},\"outputs\":{},\"depends_on\":[],\"rank\":0,\"children\":[\"policy theirs\"]},\
                {\"id\":\"iam_role.s\",\"handle\":\"s\",\"spec\":{},\"outputs\":{},\"depends_on\":[],\"rank\":0}]}]}";
    fs::write(store.inner.journal_path(), summed(line)).unwrap();
    let journal = store.load().await.unwrap().journal;
    let [Entry::Commit { sweep, prune, .. }] = journal.as_slice() else {
        panic!("{journal:?}");
    };
    assert_eq!(sweep.len(), 1);
    assert_eq!(sweep[0].handle.0, "s");
    let (id, prune) = prune.first_key_value().unwrap();
    assert_eq!(
        (id.to_string().as_str(), prune.handle.0.as_str()),
        ("iam_role.r", "r")
    );
    assert_eq!(prune.children, ["policy theirs"]);
    // It ended both with one word.
    let ended = "\"v\":1,\"stack\":{\"app\":\"shop\",\"stage\":\"dev\"},\"epoch\":1,\"seq\":2,\"entries\":[\
                 {\"entry\":\"swept\",\"id\":\"iam_role.r\",\"handle\":\"r\"}]}";
    let begun = "\"v\":1,\"stack\":{\"app\":\"shop\",\"stage\":\"dev\"},\"epoch\":1,\"seq\":0,\"entries\":[\
                 {\"entry\":\"begin\",\"goal\":\"g\",\"command\":\"deploy\",\"at\":\"2026-11-01T00:00:00Z\",\"new_file\":false},";
    let (_, committed) = line.split_once('[').unwrap();
    let line = format!("{begun}{committed}");
    fs::write(
        store.inner.journal_path(),
        [summed(&line), summed(ended)].concat(),
    )
    .unwrap();
    let content = store.load().await.unwrap();
    let txn = crate::txn::replay(content.snapshot, &content.journal).unwrap();
    assert!(txn.prune().is_empty() && txn.doomed().len() == 1, "{txn:?}");
}

#[tokio::test]
async fn a_line_of_a_newer_grail_is_refused_as_such() {
    let (store, _folder) = written().await;
    let rest = "\"v\":3,\"epoch\":2,\"seq\":0,\"entries\":[{\"entry\":\"of the future\"}]}";
    let mut text = journal(&store);
    text.extend(summed(rest));
    fs::write(store.inner.journal_path(), text).unwrap();
    let error = store.load().await.unwrap_err().to_string();
    assert!(error.starts_with("line 4 of "), "{error}");
    assert!(
        error.ends_with("journal.ndjson has schema version 3; this grail reads versions up to 2"),
        "{error}"
    );
}

#[tokio::test]
async fn a_crash_inside_a_swap_leaves_history() {
    let (store, _folder) = written().await;
    let history = journal(&store);
    let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
    store.append(&lease, 0, &entries(6..8)).await.unwrap();
    let all = journal(&store);
    let version = store
        .swap(&lease, &Version::default(), &Snapshot::empty(stack()))
        .await
        .unwrap();
    for left in [history, all] {
        // The snapshot is durable, the journal is not empty yet.
        fs::write(store.inner.journal_path(), left).unwrap();
        let loaded = store.load().await.unwrap();
        assert_eq!(
            (loaded.version, loaded.journal, loaded.next),
            (version.clone(), vec![], 2)
        );
    }
    store.append(&lease, 2, &entries(8..9)).await.unwrap();
    drop(lease);
    let lease = store.acquire(holder("bob"), Wait::No).await.unwrap();
    store.append(&lease, 0, &entries(9..10)).await.unwrap();
    assert_eq!(store.load().await.unwrap().journal, entries(8..10));
}

#[tokio::test]
async fn a_damaged_snapshot_is_never_overwritten_until_it_is_set_aside() {
    let (store, _folder) = written().await;
    let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
    for damage in ["", "{", "{\"schema\": 1}", "[]", "\u{feff}{}"] {
        fs::write(store.inner.state_path(), damage).unwrap();
        corrupt(store.load().await.unwrap_err());
        corrupt(
            store
                .swap(&lease, &Version::default(), &Snapshot::empty(stack()))
                .await
                .unwrap_err(),
        );
        assert_eq!(fs::read_to_string(store.inner.state_path()).unwrap(), damage);
    }
    assert!(matches!(
        store.set_aside_damaged(holder("ann")).await,
        Err(LockError::Held(_))
    ));
    drop(lease);
    assert!(matches!(
        store.acquire(holder("ann"), Wait::No).await,
        Err(LockError::Store(StoreError::Corrupt { .. }))
    ));
    let aside = store.set_aside_damaged(holder("ann")).await.unwrap();
    let names: Vec<_> = aside
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names, ["state.json.corrupt-1", "journal.ndjson.corrupt-1"]);
    assert_eq!(store.load().await.unwrap().journal, []);
    assert!(store.acquire(holder("ann"), Wait::No).await.unwrap().epoch > 2);
    assert_eq!(
        store.set_aside_damaged(holder("ann")).await.unwrap(),
        Vec::<PathBuf>::new()
    );
}

#[tokio::test]
async fn a_damaged_journal_is_set_aside_without_its_snapshot() {
    let (store, _folder) = written().await;
    let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
    let version = store
        .swap(&lease, &Version::default(), &Snapshot::empty(stack()))
        .await
        .unwrap();
    drop(lease);
    fs::write(store.inner.journal_path(), "x\n").unwrap();
    let aside = store.set_aside_damaged(holder("ann")).await.unwrap();
    assert_eq!(fs::read_to_string(&aside[0]).unwrap(), "x\n");
    assert_eq!(store.load().await.unwrap().version, version);
}

#[tokio::test]
async fn the_state_of_another_stack_in_the_folder_is_refused_and_left() {
    let (store, _folder) = written().await;
    let other = StackId {
        app: "blog".into(),
        stage: "dev".into(),
    };
    let text = Snapshot::empty(other).to_text("x").unwrap();
    fs::write(store.inner.state_path(), &text).unwrap();
    assert!(matches!(store.load().await, Err(StoreError::OtherStack { .. })));
    assert!(store.set_aside_damaged(holder("ann")).await.is_err());
    assert_eq!(fs::read(store.inner.state_path()).unwrap(), text);
}

#[tokio::test]
async fn the_text_of_a_dead_holder_is_not_believed() {
    let (store, other, _folder) = pair();
    drop(store.acquire(holder("ann"), Wait::No).await.unwrap());
    // A killed process cannot clear its text.
    fs::write(
        store.folder().join("lock"),
        serde_json::to_vec(&holder("ann")).unwrap(),
    )
    .unwrap();
    assert_eq!(store.holder().await.unwrap(), None);
    let lease = other.acquire(holder("bob"), Wait::No).await.unwrap();
    assert_eq!(store.holder().await.unwrap(), Some(holder("bob")));
    fs::write(store.folder().join("lock"), "no json").unwrap();
    assert!(matches!(
        store.acquire(holder("ann"), Wait::No).await,
        Err(LockError::HeldBySomeone)
    ));
    drop(lease);
}

#[tokio::test]
async fn a_folder_deleted_under_a_holder_ends_its_lease() {
    let (store, other, _folder) = pair();
    let old = store.acquire(holder("ann"), Wait::No).await.unwrap();
    fs::remove_dir_all(store.folder()).unwrap();
    let new = other.acquire(holder("bob"), Wait::No).await.unwrap();
    other.append(&new, 0, &entries(0..1)).await.unwrap();
    // The numbers start anew, so the old lease may bear the same epoch; its numbers do not fit any more.
    assert!(store.append(&old, 0, &entries(1..2)).await.is_err());
    assert_eq!(other.load().await.unwrap().journal, entries(0..1));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let store = FileStore::new(file.join("dev"), stack());
    match store.acquire(holder("ann"), Wait::No).await {
        Err(LockError::Store(StoreError::Io { path, .. })) => assert_eq!(path, file.join("dev")),
        other => panic!("{other:?}"),
    }
    assert!(matches!(prepare(&file), Err(StoreError::Io { .. })));
}

#[tokio::test]
async fn an_append_that_fails_can_be_tried_again_with_its_number() {
    let (store, _folder) = written().await;
    let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
    let path = store.inner.journal_path();
    let text = journal(&store);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(
        store.append(&lease, 0, &entries(6..7)).await,
        Err(StoreError::Io { .. })
    ));
    fs::remove_dir(&path).unwrap();
    fs::write(&path, text).unwrap();
    store.append(&lease, 0, &entries(6..7)).await.unwrap();
    assert_eq!(store.load().await.unwrap().journal, entries(0..7));
}

#[test]
fn all_of_it_is_kept_out_of_version_control() {
    let folder = tempfile::tempdir().unwrap();
    let grail = folder.path().join(".chalice/grail");
    prepare(&grail).unwrap();
    assert_eq!(fs::read_to_string(grail.join(".gitignore")).unwrap(), "*\n");
    fs::write(grail.join(".gitignore"), "mine").unwrap();
    prepare(&grail).unwrap();
    assert_eq!(fs::read_to_string(grail.join(".gitignore")).unwrap(), "mine");
}

/// The line of `size` entries of the first epoch, from number `seq` on.
fn line_at(seq: usize, size: usize) -> Vec<u8> {
    let place = Place {
        stack: &stack(),
        after: match seq {
            0 => Folded::default(),
            seq => Folded {
                epoch: 1,
                seq: seq as u64,
            },
        },
        epoch: 1,
        seq: seq as u64,
    };
    line::line(&place, &entries(seq..seq + size), "j").unwrap()
}

proptest! {
    /// A change of one bit loses no entry silently: it is seen, or it makes no difference.
    #[test]
    fn no_flipped_bit_goes_unseen(sizes in prop::collection::vec(1_usize..4, 1..5), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let (mut text, mut seq) = (Vec::new(), 0);
        for size in sizes {
            text.extend(line_at(seq, size));
            seq += size;
        }
        let at = at.index(text.len());
        text[at] ^= 1 << bit;
        match journal::read(&text, Default::default(), &stack(), "j") {
            Err(StoreError::Corrupt { .. }) => {}
            other => prop_assert!(false, "bit {bit} of byte {at} went unseen: {other:?}"),
        }
    }

    /// Whatever a crash leaves of the file is read as the entries of the lines that are whole.
    #[test]
    fn every_prefix_is_read(sizes in prop::collection::vec(1_usize..4, 1..5), at in any::<prop::sample::Index>()) {
        let mut text = Vec::new();
        let mut whole = vec![(0, 0)];
        let mut seq = 0;
        for size in sizes {
            text.extend(line_at(seq, size));
            seq += size;
            // Without its line break a line is whole already.
            whole.push((text.len() - 1, seq));
        }
        let cut = at.index(text.len() + 1);
        let (live, _) = journal::read(&text[..cut], Default::default(), &stack(), "j").unwrap();
        let kept = whole.iter().rev().find(|(end, _)| *end <= cut).unwrap().1;
        prop_assert_eq!(live, entries(0..kept));
    }
}

#[tokio::test]
async fn what_is_forgotten_was_never_there_and_nobody_who_works_with_it_is_robbed() {
    let (store, folder) = written().await;
    let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
    let refused = store.condemn(&holder("bob")).unwrap_err();
    assert!(
        matches!(&refused, LockError::Held(by) if by.who == "ann"),
        "{refused:?}"
    );
    assert!(!journal(&store).is_empty());
    let epoch = lease.epoch;
    store
        .swap(&lease, &Version::default(), &Snapshot::empty(stack()))
        .await
        .unwrap();
    drop(lease);
    // Also what is damaged.
    fs::write(store.inner.state_path(), "{").unwrap();
    assert!(store.load().await.is_err());
    store.condemn(&holder("bob")).unwrap().forget().unwrap();
    let loaded = store.load().await.unwrap();
    assert_eq!(
        (loaded.snapshot, loaded.journal.len()),
        (Snapshot::empty(stack()), 0)
    );
    let names = fs::read_dir(folder.path().join("grail/dev")).unwrap();
    let mut names: Vec<_> = names.map(|name| name.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["epoch", "lock"]);
    let lease = store.acquire(holder("ann"), Wait::No).await.unwrap();
    assert!(lease.epoch > epoch, "an old holder stays out");
}
