//! Things that go on under another id: what is remembered of them goes with them, and comes back with them.

use grail_providers::fake::Fault;
use grail_state::{Record, ResourceId};

use super::app::{App, Fun, Source, id};
use super::ground::Ground;
use super::oracle::check_recorded;
use crate::event::Outcome;

const OLD: &str = "one-sqs-event-source";
const NEW: &str = "un-sqs-event-source";
const UPDATE: &str = "UpdateEventSourceMapping";

fn mapping(name: &str) -> ResourceId {
    id("event_source_mapping", name)
}

/// A function that reads a queue, and is called so, beside an API: that takes several steps, one after the other.
fn reading(name: &str, version: u32) -> App {
    App::of(&["other"]).with_api().change(|app| {
        app.http().version = version;
        app.functions
            .insert(name.to_owned(), Fun::told_of(Source::queue("jobs")));
    })
}

fn recorded(ground: &Ground, name: &str) -> Option<Record> {
    let snapshot = ground.store.content().snapshot.unwrap();
    snapshot.records.get(&mapping(name)).cloned()
}

async fn ground() -> Ground {
    let ground = Ground::new();
    assert_eq!(ground.deploy(&reading("one", 1)).await, Outcome::Done);
    ground.settle().await;
    ground.fork()
}

#[tokio::test(start_paused = true)]
async fn what_moves_keeps_its_mark() {
    let ground = ground().await;
    let before = recorded(&ground, OLD).unwrap();
    assert!(before.token.is_some());
    assert_eq!(ground.deploy(&reading("un", 2)).await, Outcome::Done);
    let after = recorded(&ground, NEW).unwrap();
    assert_eq!((&after.handle, &after.token), (&before.handle, &before.token));
    assert_eq!(after.depends_on, [id("lambda_function", "un")].into());
    assert_eq!(recorded(&ground, OLD), None);
    check_recorded(&ground, "after a move");
}

/// Whichever write fails, and with it the move: the way back remembers all that was known, under the old id alone.
#[tokio::test(start_paused = true)]
async fn a_way_back_in_the_middle_of_a_move_remembers_what_was() {
    let ground = ground().await;
    let before = ground.store.content().snapshot.unwrap().records;
    let facts = ground.cloud.world().facts(true);
    let there = ground.fork();
    assert_eq!(there.deploy(&reading("un", 2)).await, Outcome::Done);
    let (mut back, mut moved) = (0, 0);
    for write in 0..there.cloud.writes() {
        for fault in [Fault::Refuse, Fault::LostAnswer] {
            let ground = ground.fork();
            ground.cloud.fail(write, fault);
            let outcome = ground.deploy(&reading("un", 2)).await;
            ground.settle().await;
            if let Outcome::RolledBack { .. } = outcome {
                back += 1;
                assert_eq!(
                    ground.store.content().snapshot.unwrap().records,
                    before,
                    "{write} {fault:?}"
                );
                assert_eq!(ground.cloud.world().facts(true), facts, "{write} {fault:?}");
                let log = ground.cloud.log();
                let updates = log.iter().filter(|call| call.operation == UPDATE);
                moved += usize::from(updates.count() > 1);
            }
        }
    }
    assert!(
        back > 1 && moved > 0,
        "{back} ways back, {moved} of them from a move"
    );
}
