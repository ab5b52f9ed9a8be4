//! Ways back whose order nobody has recorded: what is refused waits for what it may have stood on.

use std::collections::VecDeque;

use grail_state::PreImage;

use super::*;

/// Things that another tool recorded, in its order, and of which nothing else is known.
fn adopted(names: &[&str]) -> Snapshot {
    let (mut snapshot, ..) = scene(&[]);
    for (rank, name) in (0..).zip(names) {
        let there = remote(name, &Value::Null);
        let record = Record {
            handle: there.handle,
            spec: Value::Null,
            outputs: there.outputs,
            depends_on: BTreeSet::new(),
            rank,
            token: None,
        };
        snapshot.records.insert(id(name), record);
    }
    snapshot
}

fn intent(snapshot: &Snapshot, name: &str, spec: Option<Value>) -> Entry {
    let record = &snapshot.records[&id(name)];
    Entry::Intent {
        id: id(name),
        token: super::super::prepare::token_of(name),
        spec,
        beside: None,
        pre: PreImage::Present {
            remote: remote(name, &form(name, 1)),
            record: Some(record.clone()),
        },
        keep: Keep::Nothing,
        depends_on: BTreeSet::new(),
        rank: record.rank,
        at: Timestamp::UNIX_EPOCH,
    }
}

/// `below` was deleted and `above` changed: what is there, and the journal.
fn begun(snapshot: &Snapshot) -> (World, Vec<Entry>) {
    let changed = form("above", 2);
    let record = Record {
        spec: changed.clone(),
        ..snapshot.records[&id("above")].clone()
    };
    let journal = vec![
        Entry::Begin {
            goal: Digest::default(),
            command: "deploy".to_owned(),
            by: None,
            home: None,
            new_file: false,
            at: Timestamp::UNIX_EPOCH,
        },
        intent(snapshot, "below", None),
        Entry::Gone {
            id: id("below"),
            at: None,
        },
        intent(snapshot, "above", Some(changed.clone())),
        Entry::Done {
            id: id("above"),
            record,
            at: None,
        },
    ];
    (World::from([("above".to_owned(), changed)]), journal)
}

/// Goes back where `above` cannot be written to while `below` is away, and `below` is made only at the `patience`th try.
fn goes_back(patience: usize) -> (Outcome, World, Vec<Entry>) {
    let snapshot = adopted(&["below", "above"]);
    let (mut world, journal) = begun(&snapshot);
    let why = "asked to".to_owned();
    let mut machine = machine(replay(snapshot, &journal).unwrap(), Course::Back { why });
    let (mut now, mut tries, mut noted) = (Time::ZERO, 0, Vec::new());
    let mut inputs = VecDeque::from([Input::Start]);
    loop {
        let input = inputs.pop_front().unwrap_or_else(|| {
            now = machine.wakes_at().expect("something is waited for");
            Input::Tick
        });
        let mut outputs = Vec::new();
        machine.feed(now, input, &mut outputs);
        for output in outputs {
            match output {
                Output::Note(entries) => {
                    noted.extend(entries);
                    inputs.push_back(Input::Noted);
                }
                Output::Look { ticket, id, .. } => {
                    let there = world.get(&id.name);
                    let there = there.map(|form| Observed::Present(remote(&id.name, form)));
                    let result = Ok(there.unwrap_or(Observed::Absent));
                    inputs.push_back(Input::Seen { ticket, result });
                }
                Output::Call { ticket, id, call, .. } => {
                    tries += usize::from(id.name == "below");
                    let result = match call.form() {
                        _ if id.name == "below" && tries < patience => {
                            Err(Failure::later("too many requests", Duration::ZERO))
                        }
                        _ if id.name == "above" && !world.contains_key("below") => {
                            Err(Failure::refused("it leads to nothing"))
                        }
                        form => {
                            let form = form.unwrap().clone();
                            world.insert(id.name.clone(), form.clone());
                            Ok(Some(remote(&id.name, &form)))
                        }
                    };
                    inputs.push_back(Input::Answered { ticket, result });
                }
                Output::Finish(outcome) => return (outcome, world, noted),
                Output::Secure { .. } | Output::Project | Output::Emit(_) => {}
            }
        }
    }
}

#[test]
fn what_is_still_to_be_brought_back_is_waited_for_and_not_taken_for_gone() {
    for patience in [1, 10, 20] {
        let (outcome, world, noted) = goes_back(patience);
        assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
        let old = ["above", "below"].map(|name| (name.to_owned(), form(name, 1)));
        assert_eq!(world, World::from(old), "after {patience} tries");
        let stuck = noted.iter().filter(|entry| matches!(entry, Entry::Stuck { .. }));
        assert_eq!(stuck.count(), 0);
    }
}

#[test]
fn what_stands_on_a_stuck_thing_is_stuck_with_it_and_not_given_up() {
    let (outcome, world, noted) = goes_back(1000);
    let Outcome::Stuck { at } = outcome else {
        panic!("ended as {outcome:?}");
    };
    assert_eq!(at.len(), 2, "{at:?}");
    assert_eq!(world["above"], form("above", 2));
    let restored = noted
        .iter()
        .filter(|entry| matches!(entry, Entry::Restored { .. }));
    assert_eq!(restored.count(), 0);
}
