//! grail is killed again and again, as a machine that loses power again and again kills it. That one death at any write is
//! survived is shown in [`crate::exhaustive`].

use std::path::Path;
use std::time::Duration;

use grail_tests::patience::until;
use grail_tests::proxy::{Effect, Fault, On};

use crate::ground::Ground;
use crate::stand::Stand;

/// Runs a deploy until its first write has taken effect, and kills it there. False where it had none to make.
fn die(ground: &Ground) -> bool {
    let fault = Fault::Silence(Effect::Done);
    let name = fault.name();
    ground.proxy.forget_calls();
    ground.proxy.inject(On::writes().nth(1), fault);
    let mut running = ground.grail().start(&["deploy"]);
    let struck = ground.proxy.wait_for(name, || running.has_ended());
    let run = running.kill();
    ground.proxy.come_to_rest();
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

/// What keeps an import busy until somebody ends it, once it has said which process it is.
const BUSY: &str = "import os, time\nwith open('pid.new', 'w') as file:\n    file.write(str(os.getpid()))\n\
    os.rename('pid.new', 'pid')\ntime.sleep(3600)\n";

/// The interpreter has a process group of its own, which no terminal signals.
#[cfg(target_os = "linux")]
#[test]
fn an_import_ends_with_the_command_that_is_stopped() {
    let stand = Stand::of_the_shop();
    stand.project.write("app.py", BUSY);
    for command in ["validate", "plan", "deploy"] {
        let mut running = stand.grail.start(&[command]);
        until("an import", || {
            (stand.project.has("pid") || running.has_ended()).then_some(())
        });
        let pid = stand.project.read("pid");
        stand.project.remove("pid");
        running.interrupt();
        let run = running
            .wait_at_most(Duration::from_secs(60))
            .unwrap_or_else(|run| panic!("{run}"));
        assert!(run.expect_code(1).stderr.contains("stopped by SIGINT"));
        // Of one that has ended and that nobody has asked after, no command line is left.
        let gone = || std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.is_empty());
        let gone = || gone() || !Path::new(&format!("/proc/{pid}")).exists();
        until("the interpreter's end", || gone().then_some(()));
    }
}
