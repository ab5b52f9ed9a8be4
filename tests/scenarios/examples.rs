//! Every example is deployed, so that none can rot, and does what its README says.

use std::collections::{BTreeMap, BTreeSet};

use grail_tests::cli::Program;
use grail_tests::project::Project;
use grail_tests::python::{self, repository};
use serde_json::Value;

use crate::ground::Ground;

/// The examples: Chalice projects, and projects of a manifest.
pub(crate) fn examples() -> Vec<String> {
    let entries = std::fs::read_dir(repository().join("examples")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join(".chalice").is_dir() || entry.path().join("grail.yaml").is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    assert!(names.contains(&"rest-api".to_owned()), "{names:?}");
    names
}

/// What a README says of the first plan: "Expected plan of the first deploy: <n> to create (`<id>`, ...)."
pub(crate) fn expected(readme: &str) -> (usize, BTreeSet<String>) {
    let said = readme
        .split("Expected plan of the first deploy:")
        .nth(1)
        .expect("the README of an example tells its expected plan");
    let (count, rest) = said
        .split_once(" to create")
        .expect("it says how many are created");
    let named = rest
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'))
        .expect("it names them in brackets")
        .0;
    let ids = named.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    (count.trim().parse().expect("a number"), ids)
}

fn ids_by_action(plan: &Value) -> BTreeSet<(String, String)> {
    let steps = plan["build"]
        .as_array()
        .into_iter()
        .chain(plan["sweep"].as_array());
    let each = steps.flatten().map(|step| {
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        (word(&step["action"]["action"]), word(&step["resource"]))
    });
    each.collect()
}

/// What the example attaches to, by its own script, past the proxy.
pub(crate) fn make_resources(ground: &Ground) {
    let python = python::environment().program("python");
    let program = Program::new(&python, &ground.project, "").without("AWS_ENDPOINT_URL");
    program
        .run(&["resources.py", "create", ground.account.endpoint()])
        .expect_success();
}

/// The names of everything but log groups: the logs stay the user's when their function goes.
fn without_logs(ground: &Ground) -> BTreeMap<String, Vec<String>> {
    let mut names = ground.world().names();
    names.remove("log_groups");
    names
}

#[test]
fn every_example_does_what_its_readme_says() {
    for name in examples() {
        // moto does not speak the protocol of CloudWatch's alarms: `native_versions` deploys it on the local cloud.
        if name == "canary" {
            continue;
        }
        let ground = Ground::new(Project::example(&name));
        if ground.project.has("resources.py") {
            make_resources(&ground);
        }
        let before = without_logs(&ground);
        let (count, ids) = expected(&ground.project.read("README.md"));
        assert_eq!(count, ids.len(), "{name}: the README counts other than it names");

        let plan = ground.run(&["plan", "--format", "json"]).expect_success();
        let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
        let wanted: BTreeSet<_> = ids.into_iter().map(|id| ("create".to_owned(), id)).collect();
        assert_eq!(ids_by_action(&plan), wanted, "{name}");
        assert!(ground.proxy.calls().writes().is_empty(), "{name}: a plan writes");

        let run = ground.run(&["deploy"]).expect_success();
        assert!(run.stderr.contains(&format!("Plan: {count} to create.")), "{run}");
        assert!(run.stdout.contains("Resources deployed:"), "{run}");
        ground.assert_at_rest();
        let run = ground.run(&["deploy"]).expect_success();
        assert!(
            run.stderr.contains(&format!("No changes: {count} resources")),
            "{run}"
        );

        ground.run(&["delete"]).expect_success();
        assert_eq!(without_logs(&ground), before, "{name} leaves something");
    }
}
