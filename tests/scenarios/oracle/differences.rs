//! Where grail's account or record is not Chalice's, on purpose: each difference by name, with its reason. A difference is
//! taken out of the comparison only after it was found to be just what is said here, and each is found at least once.

use std::collections::BTreeSet;

use grail_tests::fixtures::{ALL, Fixture};
use grail_tests::project::Project;
use serde_json::{Value, json};

/// What a deployment came to, ids apart.
pub(super) struct Made {
    pub(super) account: Value,
    /// Chalice's file.
    pub(super) record: String,
}

/// A difference that is wanted.
struct Difference {
    name: &'static str,
    reason: &'static str,
    /// Whether a project in a stage shows it.
    shows: fn(&Project, &str) -> bool,
    /// Makes the two equal where they differ as said; fails where they do not.
    settle: fn(&Names, &mut [Made; 2]),
}

/// What a project is called in a stage.
struct Names {
    /// `<app>-<stage>`.
    base: String,
}

const DIFFERENCES: [Difference; 1] = [Difference {
    name: "log group of the API handler",
    reason: "Chalice sets the retention of a group that nothing writes to: it derives the name from `api_handler`, not from the \
             function's name. grail sets that of the group that Lambda writes to, and records it under the same entry.",
    shows: |project, stage| keeps_logs_of_api(project, stage),
    settle: |names, [ours, theirs]| {
        let [right, wrong] = ["", "-api_handler"].map(|end| format!("/aws/lambda/{}{end}", names.base));
        let groups = theirs.account["log_groups"]
            .as_object_mut()
            .expect("log groups are an object");
        let group = groups.remove(&wrong);
        let group = group.unwrap_or_else(|| panic!("Chalice names the group of the API handler otherwise"));
        assert_eq!(
            groups.insert(right.clone(), group),
            None,
            "Chalice makes the right group too"
        );
        let old = format!("\"{wrong}\"");
        assert_eq!(theirs.record.matches(&old).count(), 1, "{}", theirs.record);
        theirs.record = theirs.record.replace(&old, &format!("\"{right}\""));
        assert!(
            ours.account["log_groups"][&wrong].is_null(),
            "grail makes the wrong group too"
        );
    },
}];

/// Takes the wanted differences out of what grail (first) and Chalice (second) made.
pub(super) fn settle(fixture: Fixture, stage: &str, made: &mut [Made; 2]) {
    let project = fixture.project();
    let app = config(&project)["app_name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let names = Names {
        base: format!("{app}-{stage}"),
    };
    for difference in DIFFERENCES.iter().filter(|one| (one.shows)(&project, stage)) {
        (difference.settle)(&names, made);
    }
}

fn config(project: &Project) -> Value {
    serde_json::from_str(&project.read(".chalice/config.json")).expect("the fixture's config.json is JSON")
}

fn keeps_logs_of_api(project: &Project, stage: &str) -> bool {
    const KEY: &str = "log_retention_in_days";
    let config = config(project);
    let places = [&config["stages"][stage], &config];
    let set = places.iter().any(|place| place[KEY].is_u64());
    set && project.read("app.py").contains("@app.route(")
}

#[test]
fn each_wanted_difference_has_a_reason_and_is_shown_by_a_fixture() {
    let mut names = BTreeSet::new();
    for difference in &DIFFERENCES {
        assert!(
            names.insert(difference.name),
            "{} stands here twice",
            difference.name
        );
        assert!(difference.reason.len() > 40, "{} has no reason", difference.name);
        let each = ALL
            .iter()
            .flat_map(|fixture| fixture.stages.iter().map(move |stage| (fixture, stage)));
        let shown = each
            .filter(|(fixture, stage)| (difference.shows)(&fixture.project(), stage))
            .count();
        assert_ne!(shown, 0, "no fixture shows {}", difference.name);
    }
}

/// A difference that is not just as said fails: here the two agree where they must not.
#[test]
#[should_panic(expected = "Chalice names the group of the API handler otherwise")]
fn a_wanted_difference_that_is_gone_is_told() {
    let made = || Made {
        account: json!({ "log_groups": { "/aws/lambda/tuned-dev": { "retention_days": 60 } } }),
        record: String::new(),
    };
    let fixture = grail_tests::fixtures::SETTINGS;
    settle(fixture, "dev", &mut [made(), made()]);
}
