//! The state of a stage is lost, grail's own or Chalice's file or both: whatever is there is found again, and nothing is made
//! a second time.

use std::collections::BTreeMap;
use std::fs;

use grail_tests::fixtures::{self, Fixture};

use super::stand::Stand;

/// What would make a second one of something.
const MAKING: [&str; 8] = [
    "CreateRole",
    "CreateFunction",
    "CreateEventSourceMapping",
    "CreateApi",
    "CreateDomainName",
    "ImportRestApi",
    "PublishLayerVersion",
    "Subscribe",
];

/// Deploys, loses what `lose` says, and deploys again: nothing is made, everything is as it was, and the record is the same.
fn finds_again(fixture: Fixture, lose: fn(&Stand)) {
    for stage in fixture.stages {
        let stand = Stand::new(fixture, stage);
        stand.writes_of(&["deploy"]);
        let (world, record) = (stand.world(), stand.record());
        lose(&stand);
        let writes = stand.writes_of(&["deploy"]);
        let made: Vec<&String> = writes
            .iter()
            .filter(|name| MAKING.contains(&name.as_str()))
            .collect();
        assert!(made.is_empty(), "{stage}: made again: {made:?} of {writes:?}");
        stand.world().assert_same_as(&world, ("found again", "deployed"));
        assert_eq!(stand.record(), record, "{stage}: the record");
        stand.is_at_rest();
        stand.deletes();
    }
}

fn lose_own(stand: &Stand) {
    fs::remove_dir_all(stand.project.root().join(".chalice/grail")).unwrap();
}

fn lose_both(stand: &Stand) {
    lose_own(stand);
    stand
        .project
        .remove(&format!(".chalice/deployed/{}.json", stand.stage));
}

/// What Chalice deployed, without its record: grail finds all of it.
fn finds_what_chalice_made(fixture: Fixture, stage: &'static str) {
    let stand = Stand::new(fixture, stage);
    stand.chalice().deploy(stage);
    let (record, names) = (stand.record_but_for_logs(), stand.world().names());
    stand.project.remove(&format!(".chalice/deployed/{stage}.json"));
    let writes = stand.writes_of(&["deploy"]);
    let made: Vec<&String> = writes
        .iter()
        .filter(|name| MAKING.contains(&name.as_str()))
        .collect();
    assert!(made.is_empty(), "made again: {made:?} of {writes:?}");
    assert_eq!(stand.record_but_for_logs(), record);
    stand.holds(&names);
    stand.is_at_rest();
    stand.deletes();
}

#[test]
fn rules_are_found_again() {
    finds_again(fixtures::SCHEDULES, lose_own);
    finds_again(fixtures::SCHEDULES, lose_both);
    finds_what_chalice_made(fixtures::SCHEDULES, "dev");
}

#[test]
fn notifications_are_found_again() {
    finds_again(fixtures::BUCKETS, lose_own);
    finds_again(fixtures::BUCKETS, lose_both);
    finds_what_chalice_made(fixtures::BUCKETS, "dev");
}

#[test]
fn subscriptions_are_found_again() {
    finds_again(fixtures::TOPICS, lose_own);
    finds_again(fixtures::TOPICS, lose_both);
    finds_what_chalice_made(fixtures::TOPICS, "dev");
}

#[test]
fn mappings_of_queues_are_found_again() {
    finds_again(fixtures::QUEUES, lose_own);
    finds_again(fixtures::QUEUES, lose_both);
    finds_what_chalice_made(fixtures::QUEUES, "dev");
}

#[test]
fn mappings_of_streams_are_found_again() {
    finds_again(fixtures::STREAMS, lose_own);
    finds_again(fixtures::STREAMS, lose_both);
    finds_what_chalice_made(fixtures::STREAMS, "dev");
}

#[test]
fn a_websocket_api_is_found_again() {
    finds_again(fixtures::WEBSOCKET, lose_own);
    finds_again(fixtures::WEBSOCKET, lose_both);
    finds_what_chalice_made(fixtures::WEBSOCKET, "dev");
}

#[test]
fn domains_and_their_mappings_are_found_again() {
    finds_again(fixtures::DOMAINS, lose_own);
    finds_again(fixtures::DOMAINS, lose_both);
    finds_what_chalice_made(fixtures::DOMAINS, "prod");
}

#[test]
fn layers_are_found_again() {
    finds_again(fixtures::LAYERED, lose_own);
    finds_again(fixtures::LAYERED, lose_both);
}

#[test]
fn everything_is_found_again() {
    finds_again(fixtures::EVERYTHING, lose_own);
    finds_again(fixtures::EVERYTHING, lose_both);
}

/// A deployment that finds things again takes nobody else's: what others have beside ours stays.
#[test]
fn what_others_have_beside_ours_stays_when_the_state_is_lost() {
    let stand = Stand::new(fixtures::BUCKETS, "dev");
    let before = theirs(&stand);
    assert_eq!(before.len(), 3, "{before:?}");
    stand.writes_of(&["deploy"]);
    assert_eq!(theirs(&stand), before);
    lose_both(&stand);
    stand.writes_of(&["deploy"]);
    assert_eq!(theirs(&stand), before);
    stand.deletes();
    assert_eq!(theirs(&stand), before);
}

/// The entries of others in the bucket that has some, ids included.
fn theirs(stand: &Stand) -> BTreeMap<&'static str, String> {
    let notifications = stand.world().exact()["buckets"]["album-photos"]["notifications"].clone();
    let functions = notifications["functions"].as_array().cloned().unwrap_or_default();
    let indexed = functions.iter().find(|one| one["identity"]["id"] == "index");
    let entries = [
        ("function", indexed.cloned().unwrap_or_default()),
        ("queues", notifications["queues"].clone()),
        ("eventbridge", notifications["eventbridge"].clone()),
    ];
    entries
        .into_iter()
        .map(|(name, entry)| (name, entry.to_string()))
        .collect()
}
