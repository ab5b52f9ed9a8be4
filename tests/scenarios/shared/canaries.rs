//! The same search where the state is shared: every object of the bucket, and both machines.

use grail_tests::proxy::On;

use super::{Team, shop};
use crate::canaries::{Canaries, FIRST, KEY, SECOND, echo, plant};

#[test]
fn no_byte_of_a_secret_is_left_in_the_bucket_or_on_a_machine() {
    let team = Team::start();
    let canaries = Canaries::all();
    let (here, there) = (shop(), shop());
    let machines = [(&here, "ann"), (&there, "bob")];
    let [ann, bob] = machines.map(|(project, who)| {
        plant(project, FIRST);
        team.machine(project, who).env("GRAIL_SEAL_KEY", KEY)
    });
    let look = || {
        for (key, bytes) in team.objects() {
            // Packages are the user's code.
            if !key.contains("/artifacts/") {
                canaries.assert_none_in(&key, &bytes);
            }
        }
        for (project, _) in machines {
            canaries.assert_none_kept(project);
        }
    };
    ann.run(&["deploy"]).expect_success();
    look();
    plant(&here, SECOND);
    team.proxy
        .inject(On::operation("UpdateFunctionConfiguration").nth(2), echo(SECOND));
    let run = ann.run(&["deploy", "--on-failure", "keep"]).expect_code(6);
    canaries.assert_none_said(&run);
    team.proxy.heal();
    look();
    for words in [
        &["status"][..],
        &["history", "--output", "json"],
        &["rollback", "--debug"],
    ] {
        canaries.assert_none_said(&bob.run(words));
        look();
    }
    team.die_at(2, &ann);
    look();
    canaries.assert_none_said(&bob.run(&["rollback"]).expect_success());
    look();
    canaries.assert_none_said(&ann.run(&["deploy", "--verbose"]).expect_success());
    look();
}
