//! The state is there and the things are gone, all or some of them; or half of the things are gone and the state as well. One
//! deployment makes what is missing, finds what is there, and makes nothing a second time. What nothing proves to be this
//! stage's is refused by name, and taken where its name is given.

use std::collections::BTreeSet;
use std::fs;

use grail_tests::cli::Grail;
use grail_tests::fixtures::{self, Fixture};
use grail_tests::project::Project;

use super::stand::Stand;

/// Which of the recorded things somebody deletes.
#[derive(Clone, Copy)]
enum Half {
    /// Those with even places in the list.
    Even,
    /// The others.
    Odd,
}

impl Half {
    fn takes(self, place: usize) -> bool {
        match self {
            Self::Even => place.is_multiple_of(2),
            Self::Odd => !place.is_multiple_of(2),
        }
    }
}

/// Deletes half of what the stage records, behind the back of its state. Returns what is gone and what stays.
fn delete_half(stand: &Stand, half: Half) -> (Vec<String>, Vec<String>) {
    let twin = stand.project.twin();
    copy(&stand.project, &twin, ".chalice/grail");
    let grail = Grail::new(env!("CARGO_BIN_EXE_grail"), &twin, &stand.proxy.endpoint());
    // The secrets of both are hidden by one key.
    let grail = grail.env("HOME", stand.project.beside("home"));
    let listed = grail
        .run(&["state", "list", "--stage", stand.stage])
        .expect_success()
        .stdout;
    let ids = listed.lines().filter_map(|line| line.split_whitespace().next());
    let (gone, kept): (Vec<_>, Vec<_>) = ids.enumerate().partition(|(place, _)| half.takes(*place));
    let kept: Vec<&str> = kept.into_iter().map(|(_, id)| id).collect();
    grail
        .run(
            &[
                &["state", "forget", "--yes", "--stage", stand.stage],
                kept.as_slice(),
            ]
            .concat(),
        )
        .expect_success();
    grail.run(&["delete", "--stage", stand.stage]).expect_success();
    let text = |ids: Vec<&str>| ids.into_iter().map(str::to_owned).collect();
    (text(gone.into_iter().map(|(_, id)| id).collect()), text(kept))
}

/// Copies a folder of a project into another one.
fn copy(from: &Project, to: &Project, folder: &str) {
    for (file, content) in from.files() {
        let name = file.to_string_lossy().into_owned();
        if name.starts_with(folder) {
            let path = to.root().join(&file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }
}

/// A deploy heals what is half gone, and the account is as it was.
fn heals_a_half(fixture: Fixture, half: Half) {
    let stand = Stand::new(fixture, fixture.stages[0]);
    stand.writes_of(&["deploy"]);
    let world = stand.world();
    let (gone, _) = delete_half(&stand, half);
    assert!(!gone.is_empty());
    assert_ne!(
        stand.world().names(),
        world.names(),
        "nothing was deleted of {gone:?}"
    );
    stand.writes_of(&["deploy"]);
    stand.holds(&world.names());
    stand.world().assert_same_as(&world, ("healed", "deployed"));
    stand.is_at_rest();
    stand.deletes();
}

/// Half of the things are gone, and with them all that was known of the others. What nothing proves is refused by name; by
/// that name it is taken, and then all is as it was. Returns what had to be named.
fn heals_a_half_of_which_nothing_is_known(fixture: Fixture, half: Half) -> BTreeSet<String> {
    let stand = Stand::new(fixture, fixture.stages[0]);
    stand.writes_of(&["deploy"]);
    let world = stand.world();
    delete_half(&stand, half);
    fs::remove_dir_all(stand.project.root().join(".chalice/grail")).unwrap();
    stand
        .project
        .remove(&format!(".chalice/deployed/{}.json", stand.stage));
    let halved = stand.world();
    let mut adopted = BTreeSet::new();
    loop {
        let words = adopted
            .iter()
            .flat_map(|name: &String| ["--adopt", name.as_str()]);
        let words: Vec<&str> = ["deploy", "--stage", stand.stage, "--output", "json"]
            .into_iter()
            .chain(words)
            .collect();
        let run = stand.grail().run(&words);
        if run.code == Some(0) {
            break;
        }
        let run = run.expect_code(1);
        stand.world().assert_untouched_since(&halved);
        let refused = refused(&run.events());
        assert!(!refused.is_empty() && refused.is_disjoint(&adopted), "{run}");
        adopted.extend(refused);
    }
    stand.holds(&world.names());
    stand.world().assert_same_as(&world, ("healed", "deployed"));
    stand.is_at_rest();
    stand.deletes();
    adopted
}

/// The names that the refusals ask for.
fn refused(events: &[serde_json::Value]) -> BTreeSet<String> {
    let faults = events
        .iter()
        .filter_map(|event| event["faults"].as_array())
        .flatten();
    let hints = faults.filter_map(|fault| fault["hint"].as_str());
    let named = hints.filter_map(|hint| hint.split("--adopt ").nth(1));
    named
        .map(|name| {
            name.split([' ', '`', ',', ';'])
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

#[test]
fn a_state_whose_things_are_all_gone_heals_by_one_deploy() {
    let before = Stand::new(fixtures::EVERYTHING, "dev");
    before.writes_of(&["deploy"]);
    // Another account of the same number, in which nothing of the stage is.
    let stand = Stand::new(fixtures::EVERYTHING, "dev");
    copy(&before.project, &stand.project, ".chalice/grail");
    copy(&before.project, &stand.project, ".chalice/deployed");
    let writes = stand.writes_of(&["deploy"]);
    assert!(writes.len() > 20, "{writes:?}");
    stand.is_as_deployed_at_once();
    stand.is_at_rest();
    stand.deletes();
}

#[test]
fn a_deletion_of_what_is_gone_already_ends_well() {
    let before = Stand::new(fixtures::EVERYTHING, "dev");
    before.writes_of(&["deploy"]);
    let stand = Stand::new(fixtures::EVERYTHING, "dev");
    copy(&before.project, &stand.project, ".chalice/grail");
    copy(&before.project, &stand.project, ".chalice/deployed");
    let writes = stand.writes_of(&["delete"]);
    assert_eq!(writes, [""; 0], "nothing was there");
    stand.is_empty();
}

#[test]
fn what_is_half_gone_heals_by_one_deploy() {
    heals_a_half(fixtures::EVERYTHING, Half::Even);
    heals_a_half(fixtures::EVERYTHING, Half::Odd);
}

#[test]
fn what_cannot_be_proved_of_a_half_is_refused_and_taken_by_name() {
    let even = heals_a_half_of_which_nothing_is_known(fixtures::EVERYTHING, Half::Even);
    let odd = heals_a_half_of_which_nothing_is_known(fixtures::EVERYTHING, Half::Odd);
    assert!(!even.is_empty() || !odd.is_empty(), "everything was proved");
}
