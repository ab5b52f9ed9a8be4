//! The reconciler that stays: edits go live, mistakes are told and survived, what others change is repaired or told, and what
//! was rolled back is left alone.

use std::time::Duration;

use grail_tests::cli::{Run, Running};
use grail_tests::patience::until;
use grail_tests::proxy::{Fault, On};
use serde_json::Value;

use crate::stand::{Stand, counts};

mod ci;
mod edits;
mod ladder;
mod workflows;

/// The environment variable of the shop that nobody may read anywhere.
const SECRET: &str = "hush-4711-nobody-reads-this";

/// A watch that runs, with its events so far.
struct Watch {
    running: Running,
}

impl Watch {
    fn start(stand: &Stand, words: &[&str]) -> Self {
        let words = [&["watch", "--output", "json"], words].concat();
        Self {
            running: stand.grail.start(&words),
        }
    }

    /// A watch of the shop whose first pass is over. Only edits bring more.
    fn of(stand: &Stand, words: &[&str]) -> Self {
        let watch = Self::start(stand, words);
        watch.until_ended("converged", 1);
        watch.rests();
        stand.proxy.forget_calls();
        watch
    }

    fn events(&self) -> Vec<Value> {
        self.running.events()
    }

    fn ended(&self, end: &str) -> usize {
        let is = |event: &&Value| event["event"] == "pass_ended" && event["end"] == end;
        self.events().iter().filter(is).count()
    }

    /// Waits until so many passes have ended so.
    fn until_ended(&self, end: &str, times: usize) {
        until(
            &format!(
                "{times} passes that end {end}: {}{}",
                self.running.said(),
                self.running.told()
            ),
            || (self.ended(end) >= times).then_some(()),
        );
    }

    /// Waits until it waits itself.
    fn rests(&self) {
        until("a watch that rests", || {
            let events = self.events();
            (events.last()?["event"] == "watching").then_some(())
        });
    }

    fn stop(self) -> Run {
        self.running.interrupt();
        self.running.wait()
    }
}

/// Saves a file as editors do: beside, and then by its name, so that no pass reads half of it.
fn save(stand: &Stand, file: &str, text: &str) {
    let path = stand.project.root().join(file);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("making a folder");
    let beside = stand.project.beside("saving").join("file");
    std::fs::write(&beside, text).expect("writing a file");
    std::fs::rename(&beside, &path).expect("renaming a file");
}

/// Puts one text in the place of another.
fn edit(stand: &Stand, old: &str, new: &str) {
    let text = stand.project.read("app.py");
    assert_eq!(text.matches(old).count(), 1, "{old}");
    save(stand, "app.py", &text.replace(old, new));
}

/// The passes of a run that began because of this.
fn passes_because(run: &Run, why: &str) -> usize {
    let because = |event: &Value| {
        event["because"]
            .as_array()
            .is_some_and(|all| all.contains(&why.into()))
    };
    let events = run.events();
    events
        .iter()
        .filter(|event| event["event"] == "pass_started" && because(event))
        .count()
}

#[test]
fn an_edit_goes_live_with_one_upload_a_function_all_at_once() {
    let stand = Stand::of_the_shop();
    stand.project.configure(|config| {
        config["stages"]["dev"]["environment_variables"]["TOKEN"] = SECRET.into();
    });
    let watch = Watch::of(&stand, &[]);
    let gate = stand.proxy.hold(On::operation("UpdateFunctionCode"), 2);
    edit(&stand, "'shop': 'open'", "'shop': 'closed'");
    watch.until_ended("converged", 2);
    watch.rests();
    gate.assert_met();
    assert_eq!(
        stand.proxy.calls().writes().counts(),
        counts(&[("UpdateFunctionCode", 2)])
    );

    // Another module of the app, made while it watches, and then changed.
    stand.proxy.forget_calls();
    save(&stand, "chalicelib/hours.py", "FROM = 9\n");
    watch.until_ended("converged", 3);
    watch.rests();
    save(&stand, "chalicelib/hours.py", "FROM = 10\n");
    watch.until_ended("converged", 4);
    watch.rests();
    assert_eq!(stand.proxy.calls().writes().names(), ["UpdateFunctionCode"; 4]);

    // What is no part of it brings no pass.
    save(&stand, "README.md", "changed");
    save(&stand, "chalicelib/hours.py~", "changed");
    save(&stand, ".app.py.swp", "changed");
    stand.project.remove("chalicelib/hours.py~");
    let run = watch.stop().expect_success();
    assert_eq!(passes_because(&run, "changed"), 3, "{run}");
    let edited = run.events();
    let edited = edited.iter().find(|event| event["files"][0] == "app.py");
    assert!(edited.is_some(), "{run}");
    assert!(!run.to_string().contains(SECRET), "a secret is said: {run}");
    stand.grail.run(&["plan", "--detailed-exitcode"]).expect_success();
}

#[test]
fn a_mistake_is_told_and_the_next_save_mends_it() {
    let stand = Stand::of_the_shop();
    let watch = Watch::of(&stand, &[]);
    let app = stand.project.read("app.py");
    save(&stand, "app.py", &format!("{app}\ndef broken(:\n"));
    watch.until_ended("refused", 1);
    watch.rests();
    let told = watch.events();
    let told = told.iter().find(|event| event["event"] == "error");
    let place = &told.expect("an error is told")["problems"][0]["place"];
    assert_eq!(place["file"], "app.py", "{told:?}");
    assert_eq!(stand.proxy.calls().writes().names(), [""; 0]);
    save(
        &stand,
        "app.py",
        &app.replace("'shop': 'open'", "'shop': 'mended'"),
    );
    watch.until_ended("converged", 2);
    watch.stop().expect_success();
    assert_eq!(stand.proxy.calls().writes().names(), ["UpdateFunctionCode"; 2]);

    // The same for people.
    let running = stand.grail.start(&["watch"]);
    until("the first pass", || {
        running.told().contains("is as it should be").then_some(())
    });
    save(&stand, "app.py", "def broken(:\n");
    until("the mistake to be told", || {
        running.told().contains("app.py").then_some(())
    });
    running.interrupt();
    let run = running.wait().expect_success();
    assert!(run.stderr.contains("Stopped; no transaction is open"), "{run}");
}

#[test]
fn missed_events_are_made_up_for_by_the_timer() {
    let stand = Stand::of_the_shop();
    let watch = Watch::of(&stand, &["--follow", "off", "--interval", "1s"]);
    edit(&stand, "'shop': 'open'", "'shop': 'closed'");
    until("the edit to go live", || {
        (stand.proxy.calls().named("UpdateFunctionCode").len() == 2).then_some(())
    });
    watch.rests();
    let run = watch.stop().expect_success();
    assert_eq!(passes_because(&run, "changed"), 0, "{run}");
    assert!(passes_because(&run, "timer") > 0, "{run}");
}

#[test]
fn several_edits_during_a_pass_are_one_more() {
    let stand = Stand::of_the_shop();
    let watch = Watch::of(&stand, &["--interval", "10m"]);
    let slow = Fault::Delay(Duration::from_secs(2));
    stand
        .proxy
        .inject(On::operation("UpdateFunctionCode").nth(1), slow);
    edit(&stand, "'shop': 'open'", "'shop': 'one'");
    until("the pass to be under way", || {
        (!stand.proxy.calls().named("UpdateFunctionCode").is_empty()).then_some(())
    });
    for (old, new) in [("one", "two"), ("two", "three"), ("three", "four")] {
        edit(&stand, &format!("'shop': '{old}'"), &format!("'shop': '{new}'"));
        std::thread::sleep(Duration::from_millis(100));
    }
    watch.until_ended("converged", 3);
    watch.rests();
    let run = watch.stop().expect_success();
    assert_eq!(passes_because(&run, "changed"), 2, "{run}");
    stand.grail.run(&["plan", "--detailed-exitcode"]).expect_success();
}

/// Somebody gives a function more memory.
fn meddle(stand: &Stand) {
    let account = grail_tests::account::Account::at(&stand.proxy.quiet_endpoint());
    let change = account
        .lambda()
        .update_function_configuration()
        .function_name("shop-dev-door")
        .memory_size(512)
        .send();
    grail_tests::runtime::block_on(change).expect("changing a function by hand");
}

#[test]
fn what_others_change_is_repaired() {
    let stand = Stand::of_the_shop();
    let watch = Watch::of(&stand, &["--interval", "1s"]);
    meddle(&stand);
    until("the repair", || {
        (stand.proxy.calls().writes().names() == ["UpdateFunctionConfiguration"]).then_some(())
    });
    watch.stop().expect_success();
    stand.grail.run(&["plan", "--detailed-exitcode"]).expect_success();
}

#[test]
fn what_others_change_is_only_told_where_that_was_asked_for() {
    let stand = Stand::of_the_shop();
    let watch = Watch::of(&stand, &["--interval", "1s", "--on-drift", "report"]);
    meddle(&stand);
    watch.until_ended("reported", 2);
    assert_eq!(stand.proxy.calls().writes().names(), [""; 0]);
    let told = watch.events();
    let told = told.iter().find(|event| event["event"] == "drift_reported");
    let step = &told.expect("the drift is told")["plan"]["build"][0];
    assert_eq!(
        (&step["resource"], &step["why"]),
        (&"lambda_function.door".into(), &"changed_outside".into())
    );
    // A deployment of something else is a whole one.
    edit(&stand, "'shop': 'open'", "'shop': 'closed'");
    watch.until_ended("converged", 2);
    watch.stop().expect_success();
    stand.grail.run(&["plan", "--detailed-exitcode"]).expect_success();
    // Who waits for convergence is told by the exit code.
    meddle(&stand);
    let words = ["watch", "--until-converged", "--on-drift", "report"];
    let run = stand.grail.run(&words).expect_code(2);
    assert!(run.stderr.contains("Others have changed"), "{run}");
}

#[test]
fn what_was_rolled_back_waits_for_another_goal_another_world_or_a_word() {
    let stand = Stand::of_the_shop();
    let watch = Watch::of(&stand, &["--interval", "1s"]);
    let refused = On::operation("UpdateFunctionCode").about("shop-dev-door");
    stand.proxy.inject(refused, Fault::access_denied());
    edit(&stand, "'shop': 'open'", "'shop': 'closed'");
    watch.until_ended("rolled_back", 1);
    watch.until_ended("spared", 2);
    assert_eq!(watch.ended("rolled_back"), 1);
    // A file that is saved as it was is no other goal.
    save(&stand, "app.py", &stand.project.read("app.py"));
    watch.until_ended("spared", 4);
    assert_eq!(watch.ended("rolled_back"), 1);
    // The world is another.
    meddle(&stand);
    watch.until_ended("rolled_back", 2);
    // The cause is gone, which nothing shows: somebody has to say so.
    stand.proxy.heal();
    watch.until_ended("spared", 5);
    let converged = watch.ended("converged");
    watch.running.hang_up();
    watch.until_ended("converged", converged + 1);
    watch.stop().expect_success();
    stand.grail.run(&["plan", "--detailed-exitcode"]).expect_success();
}
