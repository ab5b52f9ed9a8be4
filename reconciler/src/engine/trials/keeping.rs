//! What cannot be kept for a way back: code that cannot be fetched, functions that cannot be read whole.

use grail_providers::fake::Fault;

use super::app::App;
use super::corpus::full;
use super::ground::{Command, Ground};
use super::oracle::{check_recorded, check_still};
use crate::engine::StopSignal;
use crate::event::{Event, Outcome};

const NAME: &str = "app-dev-one";

/// A deployed application whose old code nobody can fetch.
async fn without_the_code() -> Ground {
    let ground = Ground::new();
    ground.deploy(&full()).await;
    ground.cloud.meddle(|world| {
        world.lost_code.insert("code-1".into());
    });
    ground
}

async fn run(ground: &Ground, app: &App) -> (Outcome, Vec<Event>) {
    let mut events = Vec::new();
    let command = Command::Deploy(app.clone());
    let outcome = ground.run_heard(&command, &mut events, StopSignal::never()).await;
    (outcome.unwrap(), events)
}

/// What was said beforehand, with how many steps had begun by then.
fn warned(events: &[Event]) -> Vec<(usize, String)> {
    let mut begun = 0;
    let mut warned = Vec::new();
    for event in events {
        match event {
            Event::Started { .. } => begun += 1,
            Event::Said {
                code,
                text,
                warning: true,
            } if code == "keep.lost" => warned.push((begun, text.clone())),
            _ => {}
        }
    }
    warned
}

fn losses(events: &[Event]) -> Vec<String> {
    let lost = |event: &Event| match event {
        Event::Restored { id, lost: Some(lost) } => Some(format!("{id}: {lost}")),
        _ => None,
    };
    events.iter().filter_map(lost).collect()
}

/// Refuses the pointing of the stage, the last write of the build, and nothing else.
fn refuse_the_last(ground: &Ground, after: usize) {
    ground.cloud.fail(ground.cloud.writes() + after, Fault::Refuse);
}

#[tokio::test(start_paused = true)]
async fn all_but_lost_code_comes_back_and_the_loss_is_told_before_and_after() {
    let ground = without_the_code().await;
    let wanted = full().change(|app| {
        app.fun("one").code = 2;
        app.fun("one").memory = 512;
        app.http().version = 2;
    });
    // UpdateFunctionCode, UpdateFunctionConfiguration, PutRestApi; then the stage.
    refuse_the_last(&ground, 3);
    let (outcome, events) = run(&ground, &wanted).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    let warned = warned(&events);
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(
        warned[0]
            .1
            .contains("lambda_function.one: `code` cannot be kept (it could not be fetched)"),
        "{warned:?}"
    );
    let before = events
        .iter()
        .position(|event| matches!(event, Event::Said { code, .. } if code == "keep.lost"));
    let written =
        |event: &Event| matches!(event, Event::Started { id, .. } if id.kind.as_str() == "lambda_function");
    assert!(
        before < events.iter().position(written),
        "told before the first write to it"
    );
    assert_eq!(
        losses(&events),
        ["lambda_function.one: `code` is not as it was (it could not be fetched)"]
    );
    let function = ground.cloud.world().functions[NAME].clone();
    assert_eq!(
        (&function.config["memory"], function.code.as_str()),
        (&serde_json::json!(128), "code-2")
    );
    let foreign = |event: &&Event| matches!(event, Event::Said { code, .. } if code == "restore.foreign");
    assert_eq!(
        events.iter().find(foreign),
        None,
        "what we changed is not taken for a stranger's change"
    );
    check_recorded(&ground, "after a loss");
    // Nothing stays open, and the next command goes on as ever.
    assert_eq!(ground.deploy(&wanted).await, Outcome::Done);
    check_still(&ground, &Command::Deploy(wanted), "after a loss").await;
}

#[tokio::test(start_paused = true)]
async fn code_that_stays_as_it_is_need_not_be_kept() {
    let ground = without_the_code().await;
    let old = ground.cloud.world().facts(true);
    let wanted = full().change(|app| {
        app.fun("one").memory = 512;
        app.http().version = 2;
    });
    refuse_the_last(&ground, 2);
    let (outcome, events) = run(&ground, &wanted).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!((warned(&events), losses(&events)), (vec![], vec![]));
    assert_eq!(ground.cloud.world().facts(true), old);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_could_not_be_taken_back_waits_for_the_commit() {
    let ground = Ground::new();
    let two = App::of(&["one", "two"]).change(|app| app.fun("two").retention = Some(7));
    ground.deploy(&two).await;
    ground.cloud.meddle(|world| {
        world.lost_code.insert("code-1".into());
    });
    let wanted = App::of(&["one"]).change(|app| app.policy = 2);
    // The group of logs cannot be deleted: the run turns around, and the function was never touched.
    let old = ground.cloud.world().facts(true);
    let refused = ground.fork();
    refuse_the_last(&refused, 1);
    let (outcome, events) = run(&refused, &wanted).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(refused.cloud.world().facts(true), old);
    assert_eq!(losses(&events), [""; 0]);

    let (outcome, events) = run(&ground, &wanted).await;
    assert_eq!(outcome, Outcome::Done);
    let place = |wanted: &str| {
        let is = |event: &Event| match event {
            Event::Committed => wanted == "commit",
            Event::Swept { id, .. } => id.to_string() == wanted,
            _ => false,
        };
        events
            .iter()
            .position(is)
            .unwrap_or_else(|| panic!("no {wanted}"))
    };
    assert!(place("commit") < place("lambda_function.two"));
    assert!(!ground.cloud.world().functions.contains_key("app-dev-two"));
    check_recorded(&ground, "after a late deletion");
    check_still(&ground, &Command::Deploy(wanted), "after a late deletion").await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_made_again_is_named_with_what_was_part_of_it_and_blocks_nothing() {
    let ground = without_the_code().await;
    // A new name: the function goes before the new one is made.
    let wanted = full().change(|app| {
        app.fun("one").called = Some("uno".into());
        app.fun("one").code = 2;
    });
    let made = undisturbed_writes(&ground, &wanted).await;
    let mut lost = 0;
    for write in 0..made {
        let ground = ground.fork();
        ground.cloud.fail(write, Fault::Refuse);
        let (outcome, events) = run(&ground, &wanted).await;
        assert!(
            matches!(outcome, Outcome::RolledBack { .. } | Outcome::Done),
            "{write}: {outcome:?}"
        );
        let losses = losses(&events);
        if losses
            .iter()
            .any(|loss| loss.starts_with("lambda_function.one: it is gone"))
        {
            lost += 1;
            assert!(!ground.cloud.world().functions.contains_key(NAME), "{write}");
        }
        check_recorded(&ground, &format!("write {write} refused"));
        ground.cloud.meddle(|world| world.lost_code.clear());
        assert_eq!(
            ground.deploy(&wanted).await,
            Outcome::Done,
            "write {write} refused"
        );
    }
    assert!(lost > 0, "the function was lost in some case");
}

async fn undisturbed_writes(ground: &Ground, wanted: &App) -> usize {
    let fork = ground.fork();
    assert_eq!(fork.deploy(wanted).await, Outcome::Done);
    fork.cloud.writes()
}

#[tokio::test(start_paused = true)]
async fn a_function_that_cannot_be_read_whole_stays_as_it_is_and_blocks_nothing() {
    let ground = Ground::new();
    ground.deploy(&full()).await;
    ground.cloud.meddle(|world| {
        world.closed.insert(NAME.into());
    });
    let wanted = full().change(|app| {
        app.policy = 2;
        app.fun("one").memory = 512;
        app.http().version = 2;
    });
    // The policy of the role, the configuration, the API; then the stage.
    refuse_the_last(&ground, 3);
    let (outcome, events) = run(&ground, &wanted).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(warned(&events).len(), 1, "{events:?}");
    assert_eq!(
        losses(&events),
        ["lambda_function.one: what it is like now is not as it was (app-dev-one cannot be read whole)"]
    );
    let world = ground.cloud.world();
    assert_eq!(world.functions[NAME].config["memory"], 512);
    assert_eq!(
        world.roles["app-dev"].policies["main"]["version"], 1,
        "all else is back"
    );
    check_recorded(&ground, "after a loss");
    assert_eq!(ground.deploy(&full()).await, Outcome::Done);
    assert_eq!(ground.cloud.world().functions[NAME].config["memory"], 128);
}
