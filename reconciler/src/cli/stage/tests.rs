use std::collections::BTreeSet;

use grail_state::artifacts::MemoryArtifacts;
use grail_state::journal::{Doomed, Keep, PreImage};
use grail_state::observed::Proof;
use grail_state::snapshot::Version;
use grail_state::store::Wait;
use grail_state::store::memory::MemoryStore;
use grail_state::{Entry, Handle, Snapshot, StepToken};
use serde_json::json;

use super::*;

fn stack() -> StackId {
    StackId {
        app: "shop".into(),
        stage: "dev".into(),
    }
}

fn someone() -> Holder {
    Holder {
        who: "ann".into(),
        host: "build-7".into(),
        pid: 1,
        command: "deploy".into(),
        since: Timestamp::UNIX_EPOCH,
        job: None,
    }
}

fn role(name: &str) -> (ResourceId, Record) {
    let record = Record {
        handle: Handle(name.into()),
        spec: json!({}),
        outputs: BTreeMap::from([
            (
                "arn".to_owned(),
                json!(format!("arn:aws:iam::123456789012:role/{name}")),
            ),
            ("name".to_owned(), json!(name)),
        ]),
        depends_on: BTreeSet::new(),
        rank: 1,
        token: None,
    };
    (format!("iam_role.{name}").parse().unwrap(), record)
}

/// What a transaction writes that makes a role.
fn making(name: &str) -> [Entry; 3] {
    let (id, record) = role(name);
    let intent = Entry::Intent {
        id: id.clone(),
        token: StepToken(format!("token of {name}")),
        spec: Some(json!({})),
        beside: None,
        pre: PreImage::Absent,
        keep: Keep::Nothing,
        depends_on: BTreeSet::new(),
        rank: 1,
        at: Timestamp::UNIX_EPOCH,
    };
    let begin = Entry::Begin {
        goal: Digest::default(),
        command: "deploy".into(),
        by: None,
        home: None,
        new_file: false,
        at: Timestamp::UNIX_EPOCH,
    };
    let done = Entry::Done { id, record, at: None };
    [begin, intent, done]
}

fn committed(records: &[&str]) -> Snapshot {
    let mut snapshot = Snapshot::empty(stack());
    snapshot.records = records.iter().map(|name| role(name)).collect();
    snapshot.committed = Some(Timestamp::UNIX_EPOCH);
    snapshot
}

async fn store(snapshot: &Snapshot, journal: &[Entry]) -> MemoryStore {
    let store = MemoryStore::new(stack());
    let lease = store.acquire(someone(), Wait::No).await.unwrap();
    let swapped = store.swap(&lease, &Version::default(), snapshot).await;
    swapped.unwrap();
    let next = store.load().await.unwrap().next;
    store.append(&lease, next, journal).await.unwrap();
    store.release(lease).await;
    store
}

fn stage(store: MemoryStore, folder: &Path) -> Stage {
    Stage {
        stack: stack(),
        store: Arc::new(store),
        shared: None,
        artifacts: Arc::new(MemoryArtifacts::default()),
        keys: Keys::from_master(&[7; 32]),
        debts: None,
        unread: false,
        deployed_file: folder.join("dev.json"),
        old_deployed_file: None,
        chalice_packages: folder.join("packages"),
    }
}

fn names(stage: &Stage) -> Vec<String> {
    let found = stage.deployed().unwrap().unwrap();
    let entries = found.deployed.entries.iter();
    entries.map(|entry| entry.name.clone()).collect()
}

#[tokio::test]
async fn the_file_is_written_as_it_was_at_the_last_commit_and_an_open_transaction_is_left_to_its_holder() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(store(&committed(&["one"]), &making("two")).await, folder.path());
    assert_eq!(stage.mirror().await.unwrap(), Mirrored::Written);
    assert_eq!(names(&stage), ["one"]);
    assert_eq!(stage.mirror().await.unwrap(), Mirrored::Same);
    // As its holder on this machine writes it meanwhile.
    let mut sink = stage.file(resources::wires(), Vec::new());
    sink.write(&stage.txn().await.unwrap()).unwrap();
    assert_eq!(names(&stage), ["one", "two"]);
    assert_eq!(stage.mirror().await.unwrap(), Mirrored::Same);
    assert_eq!(names(&stage), ["one", "two"]);
}

#[tokio::test]
async fn what_this_machine_alone_knows_is_not_left_behind() {
    let place = SharedState::parse("s3://team", "GRAIL_STATE").unwrap();
    let new = MemoryStore::new(stack());
    let used = store(&committed(&["one"]), &[]).await;
    let (id, record) = role("old");
    let mut left = committed(&["one"]);
    left.doomed.push(Doomed {
        id,
        handle: record.handle,
        spec: record.spec,
        outputs: record.outputs,
        depends_on: record.depends_on,
        rank: record.rank,
        proof: Proof::Ours,
    });
    for (here, shared, refused) in [
        (store(&committed(&["one"]), &[]).await, &new, None),
        (store(&left, &[]).await, &new, Some("still to be deleted")),
        (store(&left, &[]).await, &used, None),
        (
            store(&committed(&[]), &making("two")).await,
            &used,
            Some("an open transaction"),
        ),
    ] {
        let moved = may_move(&here.load().await.unwrap(), shared, &place).await;
        let said = moved.err().map(|refusal| refusal.faults[0].what.clone());
        match (&said, refused) {
            (None, None) => {}
            (Some(said), Some(part)) => assert!(said.contains(part), "{said}"),
            other => panic!("{other:?}"),
        }
    }
}
