//! `grail graph`: what is recorded, what is wished for and what would happen, drawn.

use grail_tests::cli::{Grail, Run};
use grail_tests::fixtures::EVERYTHING;
use grail_tests::project::Project;
use grail_tests::proxy::{Fault, On};
use grail_tests::python::repository;
use serde_json::Value;

use crate::stand::Stand;

/// Where the README's picture is, and how large it may be.
const PICTURE: &str = "docs/graph.svg";
const LARGEST: usize = 100_000;

/// The event of `--output json`.
#[track_caller]
fn drawn(run: &Run) -> Value {
    let found = run.events().into_iter().find(|event| event["event"] == "graph");
    found.unwrap_or_else(|| panic!("nothing is drawn: {run}"))
}

/// The conditions of the resources, by their ids.
fn conditions(event: &Value) -> Vec<(&str, &str)> {
    let resources = event["resources"].as_array().unwrap().iter();
    resources
        .map(|one| (one["id"].as_str().unwrap(), one["condition"].as_str().unwrap()))
        .collect()
}

#[test]
fn what_is_recorded_is_drawn_without_python_and_without_a_call() {
    let stand = Stand::with_the_shop_open();
    let before = stand.memory();
    let grail = stand.grail.clone().without_python(&stand.project);
    let run = grail.run(&["graph"]).expect_success();
    assert!(
        run.stdout.starts_with("<svg ") && run.stdout.ends_with("</svg>\n"),
        "{run}"
    );
    assert_eq!(run.stdout.matches("data-resource=").count(), 7);
    assert!(
        run.stdout.contains(">7 resources<") && run.stdout.contains("function · shop-dev-door"),
        "{run}"
    );
    assert_eq!(run.stderr, "");
    let dot = grail.run(&["graph", "--format", "dot"]).expect_success().stdout;
    assert!(dot.starts_with("digraph \"shop-dev\" {\n"), "{dot}");
    assert!(
        dot.contains("\"iam_role.default-role\" -> \"lambda_function.door\";"),
        "{dot}"
    );
    let mermaid = grail
        .run(&["graph", "--format", "mermaid"])
        .expect_success()
        .stdout;
    assert!(
        mermaid.starts_with("flowchart TB\n") && mermaid.contains("shop-dev-door"),
        "{mermaid}"
    );
    assert_eq!(stand.proxy.calls().names(), [""; 0]);
    assert_eq!(stand.memory(), before);
    grail.run(&["graph", "--plan", "--desired"]).expect_code(64);
}

#[test]
fn a_plan_is_drawn_in_what_happens_and_holds_no_secret() {
    const CANARY: &str = "canary-93d1c0ffee";
    let stand = Stand::with_the_shop_open();
    stand.project.configure(|config| {
        config["stages"]["dev"]["environment_variables"]["TOKEN"] = CANARY.into();
    });
    let plan = stand
        .project
        .beside("plans")
        .join("plan.json")
        .display()
        .to_string();
    stand.grail.run(&["plan", "--out", &plan]).expect_success();
    let (run, calls) = stand.run(&["graph", "--plan", "--output", "json"]);
    let run = run.expect_success();
    let now = drawn(&run);
    assert_eq!(now["title"], "Plan for shop-dev");
    let updated: Vec<&str> = conditions(&now)
        .into_iter()
        .filter_map(|(id, condition)| (condition == "update").then_some(id))
        .collect();
    assert_eq!(updated, ["lambda_function.api_handler", "lambda_function.door"]);
    assert_eq!(calls.writes().names(), [""; 0]);

    // The saved one is the same, drawn without a call and without Python.
    stand.proxy.forget_calls();
    let grail = stand.grail.clone().without_python(&stand.project);
    let saved = grail
        .run(&["graph", "--plan", &plan, "--output", "json"])
        .expect_success();
    assert_eq!(drawn(&saved)["picture"], now["picture"]);
    assert_eq!(drawn(&saved)["resources"], now["resources"]);
    assert_eq!(stand.proxy.calls().names(), [""; 0]);
    for format in ["svg", "dot", "mermaid"] {
        for picture in [
            stand.grail.run(&["graph", "--plan", "--format", format]),
            stand
                .grail
                .run(&["graph", "--desired", "--format", format, "--output", "json"]),
            stand.grail.run(&["graph", "--plan", &plan, "--format", format]),
        ] {
            let picture = picture.expect_success();
            assert!(
                !picture.stdout.contains(CANARY) && !picture.stderr.contains(CANARY),
                "{picture}"
            );
        }
    }
    let run = grail
        .run(&["graph", "--plan", &plan, "--stage", "prod"])
        .expect_code(1);
    assert!(
        run.stderr
            .contains("the plan is for shop-dev, and this is shop-prod"),
        "{run}"
    );
}

#[test]
fn an_open_transaction_shows_where_it_stands() {
    let stand = Stand::of_the_shop();
    let run = stand.grail.run(&["graph"]).expect_success();
    assert!(run.stdout.contains(">0 resources<"), "{run}");
    assert!(run.stderr.contains("grail graph --desired"), "{run}");
    stand
        .proxy
        .inject(On::operation("CreateDeployment"), Fault::access_denied());
    stand
        .grail
        .run(&["deploy", "--on-failure", "keep"])
        .expect_code(6);
    let run = stand.grail.run(&["graph", "--output", "json"]).expect_success();
    let event = drawn(&run);
    let of = |id: &str| {
        conditions(&event)
            .into_iter()
            .find(|(one, _)| *one == id)
            .map(|(_, condition)| condition.to_owned())
    };
    assert_eq!(of("iam_role.default-role").as_deref(), Some("done"));
    assert_eq!(of("api_stage.rest_api").as_deref(), Some("failed"));
}

/// The picture in the README is what the command that stands beside it draws, of an app with every decorator, without an account.
#[test]
fn the_picture_in_the_repository_is_current() {
    let project = Project::fixture(EVERYTHING.name);
    // Nothing listens there.
    let grail = Grail::new(env!("CARGO_BIN_EXE_grail"), &project, "http://127.0.0.1:1");
    let file = project.beside("pictures").join("graph.svg");
    let run = grail
        .run(&["graph", "--desired", "--out", &file.display().to_string()])
        .expect_success();
    assert!(
        run.stdout.is_empty() && run.stderr.ends_with("graph.svg: 77 resources\n"),
        "{run}"
    );
    let made = std::fs::read_to_string(&file).unwrap();
    let kept = repository().join(PICTURE);
    assert!(made.len() < LARGEST, "{} bytes", made.len());
    let kept = std::fs::read_to_string(kept).unwrap_or_default();
    assert!(
        kept == made,
        "{PICTURE} is out of date: `grail graph --desired --project-dir tests/fixtures/everything --out {PICTURE}` draws it"
    );
}
