//! grail is killed again and again, as a machine that loses power again and again kills it. That one death at any write is
//! survived is shown in [`crate::exhaustive`].

use grail_tests::proxy::{Effect, Fault, On};

use crate::ground::Ground;

/// Runs a deploy until its first write has taken effect, and kills it there. False where it had none to make.
fn die(ground: &Ground) -> bool {
    let fault = Fault::Silence(Effect::Done);
    let name = fault.name();
    ground.proxy.forget_calls();
    ground.proxy.inject(On::writes().nth(1), fault);
    let mut running = ground.grail().start(&["deploy"]);
    let struck = ground.proxy.wait_for(name, || running.has_ended());
    let run = running.kill();
    ground.proxy.heal();
    assert_eq!(run.code, if struck { None } else { Some(0) }, "{run}");
    struck
}

/// Time after time, without ever coming to an end: each life begins where the last one died.
#[test]
fn a_deploy_that_dies_again_and_again_gets_there() {
    let undisturbed = Ground::shop();
    let writes = undisturbed.deploy().writes().len();
    let ground = Ground::shop();
    let mut lives = 0;
    // Each life gets one write further at least: its first write takes effect before it dies.
    while die(&ground) {
        lives += 1;
        assert!(lives <= 3 * writes, "it does not come to an end");
    }
    assert!(lives > 3, "it died {lives} times only");
    ground
        .world()
        .assert_same_as(&undisturbed.world(), ("after many deaths", "undisturbed"));
    ground.assert_at_rest();
}
