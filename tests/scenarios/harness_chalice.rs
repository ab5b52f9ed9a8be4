//! The harness itself: the real Chalice deploys, redeploys and deletes every fixture on moto through the proxy.

use grail_tests::account::Account;
use grail_tests::chalice::Chalice;
use grail_tests::emulator::Moto;
use grail_tests::fixtures::{self, Fixture};
use grail_tests::proxy::Proxy;

fn goes_round(fixture: Fixture) {
    for stage in fixture.stages {
        let moto = Moto::start();
        let proxy = Proxy::before_moto(&moto.endpoint());
        fixture.prepare(&Account::at(&proxy.quiet_endpoint()));
        let project = fixture.project();
        let chalice = Chalice::new(&project, &proxy.endpoint());
        chalice.deploy(stage);
        println!("{:?}", proxy.calls().counts());
        chalice.deploy(stage);
        chalice.delete(stage);
        assert_eq!(
            project.deployed(stage)["resources"].as_array().map(Vec::len),
            Some(0)
        );
    }
}

#[test]
fn chalice_goes_round_with_rest() {
    goes_round(fixtures::ALL[0]);
}

#[test]
fn chalice_goes_round_with_rest_auth() {
    goes_round(fixtures::ALL[1]);
}

#[test]
fn chalice_goes_round_with_functions() {
    goes_round(fixtures::ALL[2]);
}

#[test]
fn chalice_goes_round_with_blueprints() {
    goes_round(fixtures::ALL[3]);
}
