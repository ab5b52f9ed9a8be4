//! A handler that is renamed: its function is made anew under the new name, and what reads its stream for it goes on where it was.

use grail_tests::fixtures;
use grail_tests::proxy::{Fault, On};
use serde_json::Value;

use super::stand::Stand;

/// Both Kinesis handlers under other names: one by its function's name, one by its decorator.
fn rename(stand: &Stand) {
    stand.project.edit("app.py", "def boat(event)", "def ship(event)");
    stand.project.edit("app.py", "name=\"angler\"", "name=\"fisher\"");
}

/// The id of the mapping for a handler, as Chalice's file has it.
#[track_caller]
fn uuid(stand: &Stand, handler: &str) -> Value {
    let name = format!("{handler}-kinesis-event-source");
    stand.project.recorded(stand.stage, &name)["event_uuid"].clone()
}

#[test]
fn what_reads_for_a_renamed_handler_keeps_its_place() {
    let stand = Stand::new(fixtures::STREAMS, "dev");
    stand.writes_of(&["deploy"]);
    let before = (uuid(&stand, "boat"), uuid(&stand, "angler"));
    let shown = |words: &[&str]| stand.grail().run(words).expect_success().stdout;
    rename(&stand);
    let plan = shown(&["plan"]);
    assert!(
        plan.contains(
            "The same thing under another name: event_source_mapping.angler-kinesis-event-source is \
             event_source_mapping.fisher-kinesis-event-source from now on"
        ),
        "{plan}"
    );
    // Refused half way, all is as it was.
    let world = stand.world();
    stand.proxy.inject(
        On::operation("UpdateEventSourceMapping").nth(2),
        Fault::access_denied(),
    );
    let refused = stand.grail().run(&["deploy"]);
    assert_eq!(refused.code, Some(3), "{refused}");
    stand.proxy.heal();
    stand.world().assert_same_as(&world, ("gone back", "before"));
    assert_eq!((uuid(&stand, "boat"), uuid(&stand, "angler")), before);

    let writes = stand.writes_of(&["deploy"]);
    let of = |name: &str| writes.iter().filter(|write| *write == name).count();
    assert_eq!((of("CreateFunction"), of("DeleteFunction")), (2, 2), "{writes:?}");
    assert_eq!(of("UpdateEventSourceMapping"), 2, "{writes:?}");
    assert_eq!(
        (of("CreateEventSourceMapping"), of("DeleteEventSourceMapping")),
        (0, 0),
        "{writes:?}"
    );
    assert_eq!((uuid(&stand, "ship"), uuid(&stand, "fisher")), before);
    stand.is_as_deployed_at_once();
    stand.is_at_rest();
    stand.chalice().deploy(stand.stage);
    assert_eq!((uuid(&stand, "ship"), uuid(&stand, "fisher")), before);
    stand.is_at_rest();
    stand.deletes();
}
