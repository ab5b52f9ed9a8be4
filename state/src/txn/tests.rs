use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::digest::Digest;
use crate::id::{Kind, StackId};
use crate::observed::{Proof, Remote};

fn id(name: &str) -> ResourceId {
    ResourceId::new(Kind::new("thing"), name)
}

fn ids(names: &[&str]) -> BTreeSet<ResourceId> {
    names.iter().map(|name| id(name)).collect()
}

fn record(handle: &str, depends_on: &[&str]) -> Record {
    Record {
        handle: Handle(handle.into()),
        spec: json!({ "of": handle }),
        outputs: BTreeMap::new(),
        depends_on: ids(depends_on),
        rank: 0,
        token: None,
    }
}

fn present(record: &Record) -> PreImage {
    PreImage::Present {
        remote: Remote {
            handle: record.handle.clone(),
            spec: record.spec.clone(),
            outputs: record.outputs.clone(),
            proof: Proof::Ours,
            additions: Vec::new(),
        },
        record: Some(record.clone()),
    }
}

fn base(records: &[(&str, Record)]) -> Snapshot {
    let mut base = Snapshot::empty(StackId {
        app: "app".into(),
        stage: "dev".into(),
    });
    base.records = records
        .iter()
        .map(|(name, record)| (id(name), record.clone()))
        .collect();
    base
}

fn begin() -> Entry {
    Entry::Begin {
        goal: Digest::default(),
        command: "deploy".into(),
        by: Some("ann on build-7".into()),
        home: None,
        new_file: false,
        at: Timestamp::UNIX_EPOCH,
    }
}

fn abort() -> Entry {
    Entry::Abort {
        why: "refused".into(),
        at: Timestamp::UNIX_EPOCH,
    }
}

fn commit(sweep: &[Doomed]) -> Entry {
    Entry::Commit {
        sweep: sweep.to_vec(),
        prune: [(id("p"), pruning())].into(),
        later: BTreeSet::new(),
        notes: BTreeMap::new(),
        protected: None,
        at: None,
    }
}

fn pruning() -> Prune {
    Prune {
        handle: Handle("kept".into()),
        children: vec!["policy theirs".into()],
    }
}

fn pruned(handle: &str) -> Entry {
    Entry::Pruned {
        id: id("p"),
        handle: Handle(handle.into()),
        at: Timestamp::UNIX_EPOCH,
    }
}

fn intent(name: &str, pre: PreImage, wanted: Option<&str>, depends_on: &[&str]) -> Entry {
    Entry::Intent {
        id: id(name),
        token: StepToken(format!("token of {name}")),
        spec: wanted.map(|wanted| json!(wanted)),
        beside: None,
        pre,
        keep: Keep::Nothing,
        depends_on: ids(depends_on),
        rank: 0,
        at: Timestamp::UNIX_EPOCH,
    }
}

fn beside(name: &str, old: &Record) -> Entry {
    let mut entry = intent(name, present(old), Some("new"), &[]);
    if let Entry::Intent { beside, .. } = &mut entry {
        *beside = Some(old.handle.clone());
    }
    entry
}

fn done(name: &str, handle: &str) -> Entry {
    Entry::Done {
        id: id(name),
        record: record(handle, &[]),
        at: None,
    }
}

fn gone(name: &str) -> Entry {
    Entry::Gone {
        id: id(name),
        at: None,
    }
}

fn restored(name: &str, record: Option<Record>) -> Entry {
    Entry::Restored {
        id: id(name),
        record,
        at: None,
    }
}

fn fold(base: Snapshot, entries: &[Entry]) -> Txn {
    replay(base, entries).unwrap()
}

/// Every entry in every state: those that are named may follow, all others are refused and change nothing.
#[test]
fn every_pair_of_state_and_entry_that_cannot_be_is_refused_by_number() {
    let old = record("old", &[]);
    let doomed = Doomed::of(id("d"), &record("dead", &[]));
    let states: Vec<(&str, Vec<Entry>, &[&str])> = vec![
        ("idle", vec![], &["begin"]),
        ("begun", vec![begin()], &["begin", "intent", "commit", "abort"]),
        (
            "announced",
            vec![begin(), intent("a", PreImage::Absent, Some("x"), &[])],
            &["done", "gone", "failed", "abort", "intent of another"],
        ),
        (
            "done",
            vec![
                begin(),
                intent("a", PreImage::Absent, Some("x"), &[]),
                done("a", "h"),
            ],
            &["begin", "intent", "intent of another", "commit", "abort"],
        ),
        (
            "committed",
            vec![begin(), commit(std::slice::from_ref(&doomed))],
            &["swept", "failed sweep", "pruned", "failed pruning"],
        ),
        (
            "swept",
            vec![
                begin(),
                commit(std::slice::from_ref(&doomed)),
                Entry::Swept {
                    id: id("d"),
                    handle: doomed.handle.clone(),
                    at: None,
                },
                pruned("kept"),
            ],
            &[],
        ),
        (
            "aborting",
            vec![begin(), intent("a", present(&old), Some("x"), &[]), abort()],
            &["restored", "stuck"],
        ),
        (
            "stuck",
            vec![
                begin(),
                intent("a", present(&old), Some("x"), &[]),
                abort(),
                Entry::Stuck {
                    id: id("a"),
                    why: "no".into(),
                    at: None,
                },
            ],
            &["restored", "stuck"],
        ),
        (
            "restored",
            vec![
                begin(),
                intent("a", present(&old), Some("x"), &[]),
                abort(),
                restored("a", Some(old.clone())),
            ],
            &[],
        ),
    ];
    let entries: Vec<(&str, Entry)> = vec![
        ("begin", begin()),
        ("intent", intent("a", PreImage::Absent, Some("x"), &[])),
        ("intent of another", intent("b", PreImage::Absent, Some("x"), &[])),
        ("done", done("a", "h")),
        ("gone", gone("a")),
        (
            "failed",
            Entry::Failed {
                id: id("a"),
                maybe: true,
                why: "cut".into(),
                at: None,
            },
        ),
        (
            "failed sweep",
            Entry::Failed {
                id: id("d"),
                maybe: true,
                why: "cut".into(),
                at: None,
            },
        ),
        ("commit", commit(&[])),
        (
            "swept",
            Entry::Swept {
                id: id("d"),
                handle: doomed.handle.clone(),
                at: None,
            },
        ),
        ("pruned", pruned("kept")),
        ("pruned another", pruned("other")),
        (
            "failed pruning",
            Entry::Failed {
                id: id("p"),
                maybe: true,
                why: "cut".into(),
                at: None,
            },
        ),
        ("abort", abort()),
        ("restored", restored("a", None)),
        (
            "stuck",
            Entry::Stuck {
                id: id("a"),
                why: "no".into(),
                at: None,
            },
        ),
    ];
    let mut refused = 0;
    for (state, prefix, legal) in &states {
        for (name, entry) in &entries {
            let mut txn = fold(base(&[("a", old.clone())]), prefix);
            let before = txn.clone();
            let result = txn.apply(entry);
            // An intent of `b` may follow wherever one of `a` may.
            let may = legal.contains(name) || (*name == "intent of another" && legal.contains(&"intent"));
            match result {
                Ok(()) => assert!(may, "{name} was taken in state `{state}`"),
                Err(corrupt) => {
                    refused += 1;
                    assert!(!may, "{name} was refused in state `{state}`: {corrupt}");
                    assert_eq!(corrupt.number, prefix.len());
                    assert_eq!(txn, before);
                }
            }
        }
    }
    assert_eq!(refused, 9 * 15 - 24);
}

#[test]
fn the_first_pre_image_wins_over_all_later_ones() {
    let old = record("h", &[]);
    let txn = fold(
        base(&[("a", old.clone())]),
        &[
            begin(),
            intent("a", present(&old), Some("one"), &[]),
            done("a", "h"),
            begin(),
            intent("a", PreImage::Absent, Some("two"), &["b"]),
        ],
    );
    let touched = &txn.touched()[&id("a")];
    assert_eq!(touched.pre, present(&old));
    assert_eq!(touched.wants, [json!("one"), json!("two")]);
    assert_eq!(txn.unsettled().count(), 1);
    assert_eq!(txn.records()[&id("a")].handle, Handle("h".into()));
}

#[test]
fn a_replaced_resource_keeps_its_old_thing_until_it_is_swept() {
    let old = record("h1", &[]);
    let mut entries = vec![begin(), beside("a", &old)];
    let txn = fold(base(&[("a", old.clone())]), &entries);
    assert_eq!(
        txn.records()[&id("a")],
        old,
        "the old one stands until the new one is done"
    );

    entries.push(done("a", "h2"));
    let txn = fold(base(&[("a", old.clone())]), &entries);
    assert_eq!(txn.records()[&id("a")].handle, Handle("h2".into()));
    let doomed = Doomed {
        proof: Proof::Ours,
        ..Doomed::of(id("a"), &old)
    };
    assert_eq!(*txn.doomed(), [doomed], "with what it was seen to bear");

    let sweep = Vec::from(txn.doomed().clone());
    entries.push(commit(&sweep));
    let txn = fold(base(&[("a", old.clone())]), &entries);
    assert_eq!(txn.existing()[&id("a")].handle, Handle("h2".into()));
    let left = txn.finished(Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(left.doomed, sweep, "what is not swept stays in the snapshot");
    entries.push(Entry::Swept {
        id: id("a"),
        handle: old.handle.clone(),
        at: None,
    });
    let done = fold(base(&[("a", old)]), &entries)
        .finished(Timestamp::UNIX_EPOCH)
        .unwrap();
    assert!(done.doomed.is_empty() && done.records.len() == 1);
}

#[test]
fn a_birth_beside_that_did_not_happen_leaves_the_old_record() {
    let old = record("h1", &[]);
    let txn = fold(
        base(&[("a", old.clone())]),
        &[begin(), beside("a", &old), gone("a")],
    );
    assert_eq!(txn.records()[&id("a")], old);
    assert!(txn.doomed().is_empty() && !txn.touched()[&id("a")].died);
}

#[test]
fn going_back_restores_records_and_forgets_what_was_doomed() {
    let old = record("h1", &[]);
    let mut snapshot = base(&[("a", old.clone())]);
    snapshot.doomed = vec![Doomed::of(id("left"), &record("l", &[]))];
    let mut txn = fold(
        snapshot.clone(),
        &[begin(), beside("a", &old), done("a", "h2"), abort()],
    );
    assert_eq!(*txn.doomed(), snapshot.doomed);
    assert!(!txn.is_complete() && txn.finished(Timestamp::UNIX_EPOCH).is_none());
    txn.apply(&restored("a", Some(old))).unwrap();
    assert_eq!(txn.finished(Timestamp::UNIX_EPOCH), Some(snapshot));
}

#[test]
fn a_committed_deletion_stays_in_sight_until_it_is_swept() {
    let old = record("h", &[]);
    let doomed = Doomed::of(id("a"), &old);
    let txn = fold(base(&[("a", old)]), &[begin(), commit(&[doomed])]);
    assert!(txn.records().is_empty());
    assert_eq!(txn.existing().len(), 1);
}

#[test]
fn births_are_undone_after_what_leans_on_them_and_deaths_after_what_they_stood_on() {
    let role = record("role", &[]);
    let function = record("function", &["role"]);
    let txn = fold(
        base(&[("role", role.clone()), ("function", function.clone())]),
        &[
            begin(),
            intent("new-role", PreImage::Absent, Some("x"), &[]),
            intent("new-function", PreImage::Absent, Some("x"), &["new-role"]),
            done("new-role", "nr"),
            done("new-function", "nf"),
            intent("function", present(&function), None, &["role"]),
            gone("function"),
            intent("role", present(&role), None, &[]),
            gone("role"),
            abort(),
        ],
    );
    let order = txn.restore_order();
    assert_eq!(order[&id("new-role")], ids(&["new-function"]));
    assert_eq!(order[&id("function")], ids(&["role"]));
    assert!(order[&id("new-function")].is_empty() && order[&id("role")].is_empty());
}

/// Of what another tool has recorded it is not known what it stood on: what the new form needs is the best guess.
#[test]
fn what_was_adopted_is_brought_back_after_what_its_new_form_needs() {
    let adopted = |handle: &str| Record {
        spec: Value::Null,
        ..record(handle, &[])
    };
    let (function, rule) = (adopted("function"), adopted("rule"));
    let txn = fold(
        base(&[("function", function.clone()), ("rule", rule.clone())]),
        &[
            begin(),
            intent("function", present(&function), None, &[]),
            gone("function"),
            intent("rule", present(&rule), Some("x"), &["function"]),
            abort(),
        ],
    );
    assert!(!txn.touched()[&id("rule")].is_order_known());
    assert_eq!(txn.restore_order()[&id("rule")], ids(&["function"]));
}

#[test]
fn a_circle_of_two_goals_is_broken_and_nothing_is_left_out() {
    let txn = fold(
        base(&[]),
        &[
            begin(),
            intent("a", PreImage::Absent, Some("x"), &["b"]),
            intent("b", PreImage::Absent, Some("x"), &["a"]),
            done("a", "a"),
            done("b", "b"),
            abort(),
        ],
    );
    let order = txn.restore_order();
    assert_eq!(order.len(), 2);
    assert_eq!(
        order.values().map(BTreeSet::len).sum::<usize>(),
        1,
        "exactly one edge is dropped"
    );
}

#[test]
fn every_entry_is_a_sign_of_life() {
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    let old = record("h1", &[]);
    let doomed = Doomed::of(id("a"), &old);
    let mut entries = vec![begin()];
    entries.push(Entry::Commit {
        sweep: vec![doomed.clone()],
        prune: BTreeMap::new(),
        later: BTreeSet::new(),
        notes: BTreeMap::new(),
        protected: None,
        at: Some(at(5000)),
    });
    let mut txn = fold(base(&[("a", old)]), &entries);
    assert_eq!(txn.sign_of_life(), Some(at(5000)));
    let swept = Entry::Swept {
        id: doomed.id,
        handle: doomed.handle,
        at: Some(at(9000)),
    };
    txn.apply(&swept).unwrap();
    assert_eq!(txn.sign_of_life(), Some(at(9000)));
    // What an older grail wrote has no time, and is read all the same.
    let written = serde_json::to_value(&swept).unwrap();
    let mut older = written.clone();
    older.as_object_mut().unwrap().remove("at");
    let read: Entry = serde_json::from_value(older).unwrap();
    assert!(written.get("at").is_some() && read.at().is_none());
}

#[test]
fn what_is_to_go_from_a_thing_is_left_as_long_as_that_is_the_same() {
    let kept = record("kept", &[]);
    let other = record("other", &[]);
    let ended = |of: &Record, entries: &[Entry]| {
        let txn = fold(
            base(&[("p", of.clone())]),
            &[&[begin(), commit(&[])], entries].concat(),
        );
        assert_eq!(txn.records()[&id("p")], *of, "the thing itself stays");
        assert_eq!(txn.is_swept(), !entries.is_empty());
        txn.finished(Timestamp::UNIX_EPOCH).unwrap().prune
    };
    assert_eq!(ended(&kept, &[]), [(id("p"), pruning())].into());
    assert!(ended(&kept, &[pruned("kept")]).is_empty());
    assert!(ended(&other, &[]).is_empty());
}

#[test]
fn what_was_to_move_is_remembered_where_it_was() {
    let old = record("h", &["f"]);
    let journal = [
        begin(),
        intent("new", present(&old), Some("x"), &["g"]),
        done("new", "h"),
        abort(),
    ];
    let mut txn = fold(base(&[("old", old.clone())]), &journal);
    assert_eq!(txn.records().len(), 2, "until the commit it is known under both");
    let again = Record {
        handle: Handle("h2".into()),
        ..old
    };
    txn.apply(&restored("new", Some(again.clone()))).unwrap();
    assert_eq!(*txn.records(), [(id("old"), again)].into());
}

#[test]
fn of_what_was_to_move_and_moves_back_the_first_pre_image_counts_too() {
    let old = record("h", &["f"]);
    let mut journal = vec![
        begin(),
        intent("new", present(&old), Some("x"), &["g"]),
        done("new", "h"),
    ];
    let now = Record {
        spec: json!("x"),
        ..old.clone()
    };
    journal.extend([begin(), intent("old", present(&now), Some("y"), &["f"])]);
    let txn = fold(base(&[("old", old.clone())]), &journal);
    assert_eq!(txn.touched()[&id("old")].pre, present(&old));
}
