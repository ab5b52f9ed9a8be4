//! What must hold after every command, however the one before it ended.

use std::collections::BTreeSet;

use serde_json::Value;

use super::app::{App, OWNER};
use super::ground::{Command, Ground};
use crate::event::Outcome;

/// Which world is to be there.
#[derive(Clone, Debug)]
pub(super) struct Worlds {
    /// The old one, with all ids.
    pub(super) old: Value,
    /// The new one, without the ids that a service chooses.
    pub(super) new: Value,
}

/// The world that `command` leads to from `ground` when nothing goes wrong.
pub(super) async fn undisturbed(ground: &Ground, command: &Command) -> Value {
    let fork = ground.fork();
    let outcome = fork.run(command).await.unwrap();
    assert!(
        matches!(outcome, Outcome::Done | Outcome::Unchanged),
        "undisturbed: {outcome:?}"
    );
    fork.cloud.world().facts(false)
}

/// True if the new world is there; a panic if it is neither, or if any other oracle is hurt.
pub(super) fn check(ground: &Ground, outcome: &Outcome, worlds: &Worlds, case: &str) -> bool {
    let world = ground.cloud.world();
    let new = match outcome {
        Outcome::Done | Outcome::Unchanged => true,
        Outcome::RolledBack { .. } | Outcome::Refused { .. } => false,
        other => panic!("{case}: ended as {other:?}"),
    };
    if new {
        assert_same(
            &worlds.new,
            &world.facts(false),
            &format!("{case}: not the new world"),
        );
    } else {
        assert_same(
            &worlds.old,
            &world.facts(true),
            &format!("{case}: not the old world"),
        );
    }
    check_recorded(ground, case);
    new
}

/// Nothing of ours is unrecorded, nothing recorded is missing, nothing was made twice, and the journal is empty.
///
/// On a stage that Chalice made nothing may be recorded before the first commit: its file names what there is. Statements and
/// stages it does not name, so that it is not checked of those which Chalice has made, and only until then, whether anything
/// knows of them; they are found by their natural key. What is ours besides must be recorded or named there as well.
pub(super) fn check_recorded(ground: &Ground, case: &str) {
    let world = ground.cloud.world();
    let content = ground.store.content();
    assert!(
        content.live().is_empty(),
        "{case}: the journal is not empty: {:?}",
        content.live()
    );
    let snapshot = content.snapshot;
    let recorded: BTreeSet<String> = snapshot
        .iter()
        .flat_map(|snapshot| snapshot.records.values())
        .map(|record| record.handle.0.clone())
        .collect();
    let doomed = snapshot
        .iter()
        .map(|snapshot| snapshot.doomed.len())
        .sum::<usize>();
    assert_eq!(doomed, 0, "{case}: something is left to be swept");
    let owned = world.owned(OWNER);
    let committed = snapshot.is_some_and(|snapshot| snapshot.committed.is_some());
    let mut known = recorded.clone();
    if let Some(file) = &ground.beside {
        let named = file.named();
        assert!(
            named.is_subset(&owned),
            "{case}: Chalice's file names what is not there"
        );
        if !committed {
            assert!(recorded.is_subset(&owned), "{case}: recorded, and not there");
            known.extend(named);
            known.extend(file.unnamed.intersection(&owned).cloned());
        }
    }
    assert_eq!(owned, known, "{case}: what is ours is not what is recorded");
    assert_eq!(
        world.doubled_deployments(),
        [] as [String; 0],
        "{case}: made twice"
    );
}

/// The same command again writes nothing.
pub(super) async fn check_still(ground: &Ground, command: &Command, case: &str) {
    let before = ground.cloud.writes();
    let outcome = ground.run(command).await;
    assert!(
        matches!(outcome, Ok(Outcome::Unchanged)),
        "{case}: the second run of {command:?} ended as {outcome:?}"
    );
    assert_eq!(ground.cloud.writes(), before, "{case}: the second run writes");
    let appended = ground.store.content().live().len();
    assert_eq!(appended, 0, "{case}: the second run journals");
}

pub(super) fn assert_same(expected: &Value, found: &Value, what: &str) {
    if expected != found {
        let show = |value: &Value| serde_json::to_string_pretty(value).unwrap();
        let (expected, found) = (show(expected), show(found));
        let lines: Vec<_> = expected
            .lines()
            .filter(|line| !found.lines().any(|other| other == *line))
            .map(|line| format!("- {line}"))
            .chain(
                found
                    .lines()
                    .filter(|line| !expected.lines().any(|other| other == *line))
                    .map(|line| format!("+ {line}")),
            )
            .collect();
        panic!("{what}\n{}\n{found}", lines.join("\n"));
    }
}

/// The command that leads back to `app`, or to nothing.
pub(super) fn towards(app: Option<&App>) -> Command {
    app.map_or(Command::Delete, |app| Command::Deploy(app.clone()))
}
