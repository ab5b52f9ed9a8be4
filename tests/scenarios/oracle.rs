//! The real Chalice as the oracle: the same project deployed by either tool gives the same account, the same API document and
//! the same state file, ids apart. Where grail mends a defect of Chalice's, the difference stands in [`differences`].

mod differences;

use differences::Made;
use grail_tests::account::Account;
use grail_tests::chalice::Chalice;
use grail_tests::cli::Grail;
use grail_tests::difference::assert_same;
use grail_tests::documents;
use grail_tests::emulator::Moto;
use grail_tests::fixtures::{self, Fixture};
use grail_tests::project::Project;
use grail_tests::proxy::Proxy;
use grail_tests::world::World;
use serde_json::Value;

/// A prepared account with a copy of the project.
struct Stand {
    _moto: Moto,
    proxy: Proxy,
    account: Account,
    project: Project,
}

impl Stand {
    fn new(fixture: Fixture) -> Stand {
        let moto = Moto::start();
        let proxy = Proxy::before_moto(&moto.endpoint());
        let account = Account::at(&proxy.quiet_endpoint());
        Stand {
            project: fixture.prepared(&account),
            proxy,
            account,
            _moto: moto,
        }
    }

    fn world(&self) -> World {
        World::read(&self.account)
    }

    /// The API documents that were sent, without the ids under which they were.
    fn apis(&self) -> Value {
        let defined = documents::defined(&self.proxy.calls());
        defined.values().map(documents::ApiDocument::to_json).collect()
    }
}

fn agree(fixture: Fixture) {
    for stage in fixture.stages {
        let theirs = Stand::new(fixture);
        Chalice::new(&theirs.project, &theirs.proxy.endpoint()).deploy(stage);

        let ours = Stand::new(fixture);
        let before = ours.world();
        let grail = Grail::new(env!("CARGO_BIN_EXE_grail"), &ours.project, &ours.proxy.endpoint());
        grail.run(&["deploy", "--stage", stage]).expect_success();

        let mut made = [&ours, &theirs].map(|stand| Made {
            account: stand.world().comparable(),
            record: stand.project.deployed_without_ids(stage),
        });
        differences::settle(fixture, stage, &mut made);
        let [ours_made, theirs_made] = made;
        assert_same(
            ("grail's account", "Chalice's"),
            &ours_made.account,
            &theirs_made.account,
        );
        assert_same(
            ("grail's API document", "Chalice's"),
            &ours.apis(),
            &theirs.apis(),
        );
        assert_eq!(ours_made.record, theirs_made.record, "the state files differ");

        let deployed = ours.world();
        assert!(!deployed.names()["functions"].is_empty(), "nothing was deployed");
        ours.proxy.forget_calls();
        grail.run(&["deploy", "--stage", stage]).expect_success();
        assert_eq!(
            ours.proxy.calls().writes().names(),
            [""; 0],
            "an unchanged redeploy writes"
        );
        ours.world().assert_untouched_since(&deployed);

        grail.run(&["delete", "--stage", stage]).expect_success();
        let mut left = ours.world().comparable();
        // A log group stays, as it does with Chalice: its retention goes, its logs do not.
        left["log_groups"] = before.comparable()["log_groups"].clone();
        assert_same(("before", "after the deletion"), &before.comparable(), &left);
    }
}

#[test]
fn grail_and_chalice_agree_on_rest() {
    agree(fixtures::REST);
}

#[test]
fn grail_and_chalice_agree_on_rest_auth() {
    agree(fixtures::REST_AUTH);
}

#[test]
fn grail_and_chalice_agree_on_functions() {
    agree(fixtures::FUNCTIONS);
}

#[test]
fn grail_and_chalice_agree_on_blueprints() {
    agree(fixtures::BLUEPRINTS);
}

#[test]
fn grail_and_chalice_agree_on_settings() {
    agree(fixtures::SETTINGS);
}

#[test]
fn grail_and_chalice_agree_on_schedules() {
    agree(fixtures::SCHEDULES);
}

#[test]
fn grail_and_chalice_agree_on_buckets() {
    agree(fixtures::BUCKETS);
}

#[test]
fn grail_and_chalice_agree_on_topics() {
    agree(fixtures::TOPICS);
}

#[test]
fn grail_and_chalice_agree_on_queues() {
    agree(fixtures::QUEUES);
}

#[test]
fn grail_and_chalice_agree_on_streams() {
    agree(fixtures::STREAMS);
}

#[test]
fn grail_and_chalice_agree_on_websocket() {
    agree(fixtures::WEBSOCKET);
}

#[test]
fn grail_and_chalice_agree_on_domains() {
    agree(fixtures::DOMAINS);
}

#[test]
fn grail_and_chalice_agree_on_layered() {
    agree(fixtures::LAYERED);
}

#[test]
fn grail_and_chalice_agree_on_private_api() {
    agree(fixtures::PRIVATE_API);
}

#[test]
fn grail_and_chalice_agree_on_everything() {
    agree(fixtures::EVERYTHING);
}
