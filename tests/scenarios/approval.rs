//! What somebody has agreed to is what is done: saved plans, parts, plans without a look, questions on a terminal; and what is
//! told to programs, and afterwards.

use grail_tests::cli::Run;
use serde_json::Value;

use crate::ground::grow;
use crate::stand::Stand;

/// Where a plan is saved, outside the project.
fn file(stand: &Stand) -> String {
    stand
        .project
        .beside("plans")
        .join("plan.json")
        .display()
        .to_string()
}

fn larger(stand: &Stand) {
    stand
        .project
        .configure(|config| config["stages"]["dev"]["lambda_memory_size"] = 256.into());
}

#[test]
fn a_saved_plan_is_what_is_done_or_nothing_is() {
    let stand = Stand::with_the_shop_open();
    larger(&stand);
    let plan = file(&stand);
    stand.grail.run(&["plan", "--out", &plan]).expect_success();

    // The project is another by now.
    let app = stand.project.read("app.py");
    grow(&stand.project);
    let (run, calls) = stand.run(&["deploy", &plan]);
    let run = run.expect_code(1);
    assert!(run.stderr.contains("no longer current"), "{run}");
    assert!(
        run.stderr.contains("`lambda_function.count` would be created"),
        "{run}"
    );
    assert_eq!(calls.writes().names(), [""; 0]);

    // Another stage is another thing altogether.
    let run = stand
        .grail
        .run(&["deploy", &plan, "--stage", "prod"])
        .expect_code(1);
    assert!(
        run.stderr.contains("the plan is for shop-dev in account"),
        "{run}"
    );

    // Other terms than those of the plan are refused by the command line.
    stand
        .grail
        .run(&["deploy", &plan, "--allow-replace"])
        .expect_code(64);

    stand.project.write("app.py", &app);
    stand.project.configure(|config| {
        config["stages"]["dev"]["environment_variables"]["GREETING"] = "welcome".into();
    });
    let (run, calls) = stand.run(&["deploy", &plan]);
    run.expect_success();
    let written = calls.writes();
    assert!(
        written
            .iter()
            .all(|call| call.name() == "UpdateFunctionConfiguration"),
        "{:?}",
        written.names()
    );
    let run = stand.grail.run(&["deploy", &plan]).expect_code(1);
    assert!(run.stderr.contains("the state was written since"), "{run}");
}

#[test]
fn a_part_is_deployed_alone() {
    let stand = Stand::with_the_shop_open();
    larger(&stand);
    let (run, calls) = stand.run(&["deploy", "--target", "lambda_function.door"]);
    run.expect_success();
    let changed = calls.named("UpdateFunctionConfiguration");
    assert_eq!(changed.len(), 1, "{:?}", calls.writes().names());
    assert_eq!(calls.writes().len(), 1);
    let run = stand.grail.run(&["plan", "--detailed-exitcode"]).expect_code(2);
    assert!(run.stdout.contains("Plan: 1 to update"), "{run}");
    let run = stand.grail.run(&["plan", "--target", "roof"]).expect_code(1);
    assert!(run.stderr.contains("no resource `roof`"), "{run}");
}

#[test]
fn a_plan_without_a_look_asks_for_the_account_alone() {
    let stand = Stand::with_the_shop_open();
    larger(&stand);
    let (run, calls) = stand.run(&["plan", "--refresh", "none"]);
    let run = run.expect_success();
    assert!(run.stdout.contains("Plan: 2 to update, 5 unchanged."), "{run}");
    assert!(run.stderr.contains("nothing was looked at"), "{run}");
    assert_eq!(calls.names(), ["GetCallerIdentity"]);
    stand
        .grail
        .run(&["plan", "--refresh", "none", "--out", &file(&stand)])
        .expect_code(64);
}

/// The shop without its routes: its API goes, and with it its address.
fn close(stand: &Stand) {
    stand.project.write(
        "app.py",
        "from chalice import Chalice\n\napp = Chalice(app_name='shop')\n\n\n\
         @app.lambda_function()\ndef count(event, context):\n    return 2\n",
    );
}

#[test]
fn on_a_terminal_what_nobody_could_bring_back_is_asked_about() {
    let stand = Stand::with_the_shop_open();
    close(&stand);
    for (answer, code) in [("no\r", 1), ("\u{3}", 1), ("yes\r", 0)] {
        stand.proxy.forget_calls();
        let run = stand
            .grail
            .on_terminal(&["deploy"], "[y/N]", answer)
            .expect_code(code);
        assert!(
            run.stdout
                .contains("nothing can bring it back as it is: rest_api.rest_api (shop)"),
            "{run}"
        );
        assert_eq!(stand.proxy.calls().writes().is_empty(), code == 1, "{run}");
    }
    // With `--yes`, and where nobody is there, nothing is asked.
    for answered in [true, false] {
        let stand = Stand::with_the_shop_open();
        close(&stand);
        let run = if answered {
            stand.grail.on_terminal(&["deploy", "--yes"], "[y/N]", "no\r")
        } else {
            stand.grail.run(&["deploy"])
        };
        let run = run.expect_success();
        assert!(
            !run.stdout.contains("[y/N]") && !run.stderr.contains("[y/N]"),
            "{run}"
        );
    }
}

#[track_caller]
fn assert_lines(run: &Run, command: &str) -> Vec<Value> {
    let lines = run.events();
    assert!(!lines.is_empty(), "{run}");
    for line in &lines {
        assert_eq!(line["version"], 1, "{line}");
        assert_eq!(line["command"], command, "{line}");
        assert!(line["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{line}");
        assert!(line["event"].is_string(), "{line}");
    }
    lines
}

#[test]
fn each_line_for_programs_says_of_which_form_command_and_time_it_is() {
    let stand = Stand::of_the_shop();
    for (words, command, code) in [
        (&["plan"][..], "plan", 0),
        (&["apply"], "deploy", 0),
        (&["status"], "status", 0),
        (&["url"], "url", 0),
        (&["validate"], "validate", 0),
        (&["rollback"], "rollback", 0),
        (&["history"], "history", 0),
        (&["plan", "--target", "roof"], "plan", 1),
        (&["delete"], "delete", 0),
    ] {
        let run = stand
            .grail
            .run(&[words, &["--output", "json"]].concat())
            .expect_code(code);
        assert_lines(&run, command);
    }
}

#[test]
fn what_was_done_is_told_afterwards() {
    let stand = Stand::of_the_shop();
    let run = stand.grail.run(&["history"]).expect_success();
    assert_eq!(run.stdout, "");
    stand.deploy();
    stand.deploy();
    larger(&stand);
    stand.deploy();
    stand.grail.run(&["delete"]).expect_success();
    let run = stand.grail.run(&["history", "--output", "json"]).expect_success();
    let lines = assert_lines(&run, "history");
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["report"]["command"].as_str(),
                line["report"]["outcome"].as_str(),
            )
        })
        .collect();
    // The newest first; the deploy that did nothing is not told.
    assert_eq!(
        told,
        [
            (Some("delete"), Some("done")),
            (Some("deploy"), Some("done")),
            (Some("deploy"), Some("done"))
        ]
    );
    let changes = &lines[1]["report"]["changes"];
    assert_eq!(changes["lambda_function.door"][0], "updated", "{changes}");
    let run = stand.grail.run(&["history", "--limit", "1"]).expect_success();
    assert!(run.stdout.contains("delete: done in"), "{run}");
    assert_eq!(run.stdout.matches("done in").count(), 1, "{run}");
}
