//! A project passes between Chalice and grail, in both directions, and nothing is lost, made twice or left behind.
//!
//! Every story states the exact write calls of grail by name. What the other tool made and what is as wanted is taken over
//! without a call; what stays is the API's definition, which cannot be read back as the document that was sent, and the
//! retention of the API handler's logs, which Chalice sets on a group that nothing writes to.

mod gone;
mod lost;
mod old_record;
mod orphans;
mod renamed;
mod stand;
mod story;

use stand::{without_logs, without_tls};
use story::{
    BLUEPRINTS, BUCKETS, DOMAINS, EVERYTHING, FUNCTIONS, LAYERED, PRIVATE_API, QUEUES, REST, REST_AUTH,
    SCHEDULES, SETTINGS, STREAMS, Story, TOPICS, WEBSOCKET,
};

/// Chalice deploys; grail takes over, changes and deletes.
fn chalice_then_grail(story: &Story) {
    let stand = story.begin();
    stand.chalice().deploy(stand.stage);
    let (record, names) = (stand.record_but_for_logs(), stand.world().names());

    assert_eq!(stand.plan(), story.planned);
    stand.deploys_with(story.adopted);
    assert_eq!(stand.record_but_for_logs(), record);
    stand.holds(&names);

    (story.edit)(&stand.project);
    stand.deploys_with(story.edited);
    assert_eq!(without_tls(&stand.record_but_for_logs()), without_tls(&record));
    stand.holds(&names);
    stand.deletes();
}

/// grail deploys; Chalice redeploys, grail again; Chalice deletes; grail begins anew.
fn grail_then_chalice(story: &Story) {
    let stand = story.begin();
    stand.writes_of(&["deploy"]);
    let (record, world, url) = (stand.record(), stand.world(), stand.urls());

    stand.chalice().deploy(stand.stage);
    assert_eq!(
        stand.record_but_for_logs(),
        without_logs(&record),
        "Chalice records other things"
    );
    assert_eq!(stand.urls(), url, "Chalice made another API");
    stand.holds(&world.names());

    stand.deploys_with(story.settled);
    assert_eq!(stand.record(), record);

    (story.edit)(&stand.project);
    stand.chalice().deploy(stand.stage);
    stand.deploys_with(story.followed);
    assert_eq!(without_tls(&stand.record()), without_tls(&record));
    assert_eq!(stand.urls(), url);
    stand.holds(&world.names());

    stand.chalice().delete(stand.stage);
    stand.is_empty();

    stand.writes_of(&["deploy"]);
    stand.is_as_deployed_at_once();
    stand.urls();
    stand.is_at_rest();
    stand.deletes();
}

#[test]
fn grail_takes_over_rest() {
    chalice_then_grail(&REST);
}

#[test]
fn grail_takes_over_rest_auth() {
    chalice_then_grail(&REST_AUTH);
}

#[test]
fn grail_takes_over_functions() {
    chalice_then_grail(&FUNCTIONS);
}

#[test]
fn grail_takes_over_blueprints() {
    chalice_then_grail(&BLUEPRINTS);
}

#[test]
fn chalice_takes_over_rest() {
    grail_then_chalice(&REST);
}

#[test]
fn chalice_takes_over_rest_auth() {
    grail_then_chalice(&REST_AUTH);
}

#[test]
fn chalice_takes_over_functions() {
    grail_then_chalice(&FUNCTIONS);
}

#[test]
fn chalice_takes_over_blueprints() {
    grail_then_chalice(&BLUEPRINTS);
}

#[test]
fn grail_takes_over_schedules() {
    chalice_then_grail(&SCHEDULES);
}

#[test]
fn chalice_takes_over_schedules() {
    grail_then_chalice(&SCHEDULES);
}

#[test]
fn grail_takes_over_buckets() {
    chalice_then_grail(&BUCKETS);
}

#[test]
fn chalice_takes_over_buckets() {
    grail_then_chalice(&BUCKETS);
}

#[test]
fn grail_takes_over_topics() {
    chalice_then_grail(&TOPICS);
}

#[test]
fn chalice_takes_over_topics() {
    grail_then_chalice(&TOPICS);
}

#[test]
fn grail_takes_over_queues() {
    chalice_then_grail(&QUEUES);
}

#[test]
fn chalice_takes_over_queues() {
    grail_then_chalice(&QUEUES);
}

#[test]
fn grail_takes_over_streams() {
    chalice_then_grail(&STREAMS);
}

#[test]
fn chalice_takes_over_streams() {
    grail_then_chalice(&STREAMS);
}

#[test]
fn grail_takes_over_websocket() {
    chalice_then_grail(&WEBSOCKET);
}

#[test]
fn chalice_takes_over_websocket() {
    grail_then_chalice(&WEBSOCKET);
}

#[test]
fn grail_takes_over_domains() {
    chalice_then_grail(&DOMAINS);
}

#[test]
fn chalice_takes_over_domains() {
    grail_then_chalice(&DOMAINS);
}

#[test]
fn grail_takes_over_layered() {
    chalice_then_grail(&LAYERED);
}

#[test]
fn chalice_takes_over_layered() {
    grail_then_chalice(&LAYERED);
}

#[test]
fn grail_takes_over_private_api() {
    chalice_then_grail(&PRIVATE_API);
}

#[test]
fn chalice_takes_over_private_api() {
    grail_then_chalice(&PRIVATE_API);
}

#[test]
fn grail_takes_over_settings() {
    chalice_then_grail(&SETTINGS);
}

#[test]
fn chalice_takes_over_settings() {
    grail_then_chalice(&SETTINGS);
}

#[test]
fn grail_takes_over_everything() {
    chalice_then_grail(&EVERYTHING);
}

#[test]
fn chalice_takes_over_everything() {
    grail_then_chalice(&EVERYTHING);
}
