//! Counts, not clocks: what a deployment costs is told in calls, and what goes on at once is shown by holding calls back.

use std::collections::BTreeMap;
use std::time::Duration;

use grail_providers::resources;
use grail_tests::account::Account;
use grail_tests::cli::Run;
use grail_tests::fixtures::{self, Fixture};
use grail_tests::proxy::{Calls, On};
use serde_json::Value;

use crate::stand::{Stand, counts};

/// What the first deployment of the REST example writes: one call for each of its seven resources, and one more for the
/// role, whose policy IAM takes apart from it.
const FIRST_WRITES: [(&str, usize); 6] = [
    ("CreateRole", 1),
    ("PutRolePolicy", 1),
    ("CreateFunction", 2),
    ("ImportRestApi", 1),
    ("AddPermission", 2),
    ("CreateDeployment", 1),
];

/// What it reads: whose account this is; whether role, functions and API are there already (permissions and stage cannot be
/// without them); and what the import came to, against which later looks are compared. Nothing is looked for just before it is
/// made: only a second try of the same attempt does that.
const FIRST_READS: [(&str, usize); 8] = [
    ("GetCallerIdentity", 1),
    ("GetRole", 1),
    ("GetFunction", 2),
    ("GetRestApis", 1),
    ("GetRestApi", 1),
    ("GetResources", 1),
    ("GetAuthorizers", 1),
    ("GetGatewayResponses", 1),
];

#[test]
fn a_first_deployment_makes_the_calls_that_its_graph_needs_as_early_as_it_can() {
    let stand = Stand::of_the_shop();
    let functions = stand.proxy.hold(On::operation("CreateFunction"), 2);
    let permissions = stand.proxy.hold(On::operation("AddPermission"), 2);
    let looks = stand.proxy.hold(On::operation("GetFunction"), 2);
    let calls = stand.deploy();
    assert_eq!(calls.writes().counts(), counts(&FIRST_WRITES));
    assert_eq!(calls.reads().counts(), counts(&FIRST_READS));

    functions.assert_met();
    permissions.assert_met();
    looks.assert_met();
    // Each needs what the one before it made: the policy its role, a function the role, the API the functions' ARNs, a
    // permission the API's id; and the stage, which visitors see, comes after all of them.
    let rows = [
        "CreateRole",
        "PutRolePolicy",
        "CreateFunction",
        "ImportRestApi",
        "AddPermission",
        "CreateDeployment",
    ];
    for pair in rows.windows(2) {
        assert_one_after_the_other(&calls, pair[0], pair[1]);
    }

    let (run, calls) = stand.run(&["deploy"]);
    let run = run.expect_success();
    assert!(
        run.stderr
            .contains("No changes: 7 resources are as they should be"),
        "{run}"
    );
    assert_eq!(calls.writes().names(), [""; 0]);
    assert_eq!(calls.len(), stated_looks(&stand, &[]) + 1, "{:?}", calls.names());
    assert_eq!(calls.named("GetCallerIdentity").len(), 1);
}

/// Fails where a call named `then` began before the last one named `first` was answered.
fn assert_one_after_the_other(calls: &Calls, first: &str, then: &str) {
    let last_answer = calls.named(first).iter().filter_map(|call| call.ended).max();
    let first_start = calls.named(then).iter().map(|call| call.started).min();
    assert!(
        last_answer.is_some() && last_answer < first_start,
        "{then} began before {first} was answered: {:?}",
        calls.names()
    );
}

/// The read calls that the kinds state for what this stage records.
fn stated_looks(stand: &Stand, stage: &[&str]) -> usize {
    let words = [stage, &["status", "--output", "json"]].concat();
    let events = stand.grail.run(&words).expect_success().events();
    let status = events.iter().find(|event| event["event"] == "status");
    let resources = status.and_then(|status| status["resources"].as_array());
    let resources = resources.cloned().unwrap_or_default();
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    for resource in &resources {
        let id = resource["id"].as_str().unwrap_or_default();
        let kind = id.split('.').next().unwrap_or_default();
        *kinds.entry(kind.to_owned()).or_default() += 1;
    }
    assert!(!kinds.is_empty(), "nothing is recorded: {events:?}");
    let costs = resources::reads();
    let each = kinds.iter().map(|(kind, count)| {
        let cost = costs
            .iter()
            .find(|(known, _)| known.as_str() == kind)
            .map(|(_, cost)| *cost)
            .unwrap_or_else(|| panic!("{kind} states no cost"));
        let pages = if cost.page == 0 {
            0
        } else {
            count.div_ceil(cost.page)
        };
        (cost.each * count + cost.lists * pages) as usize
    });
    each.sum()
}

fn costs_what_its_kinds_state(fixture: Fixture) {
    let stage = fixture.stages[0];
    let stand = Stand::of(fixture.project());
    let account = Account::at(&stand.proxy.quiet_endpoint());
    fixture.prepare(&account);
    fixture.fit(&account, &stand.project);
    stand.grail.run(&["deploy", "--stage", stage]).expect_success();
    let (run, calls) = stand.run(&["deploy", "--stage", stage]);
    run.expect_success();
    assert_eq!(calls.writes().names(), [""; 0], "{}", fixture.name);
    let stated = stated_looks(&stand, &["--stage", stage]) + calls.named("GetCallerIdentity").len();
    assert_eq!(calls.len(), stated, "{}: {:?}", fixture.name, calls.counts());
}

#[test]
fn an_unchanged_redeployment_of_any_project_costs_what_its_kinds_state() {
    for fixture in fixtures::ALL {
        costs_what_its_kinds_state(fixture);
    }
}

#[test]
fn with_parallelism_one_no_two_writes_are_in_flight() {
    let stand = Stand::of_the_shop();
    // A write that has a companion on its way would find it here.
    let pairs = stand.proxy.hold_for(On::writes(), 2, Duration::from_millis(200));
    let (run, calls) = stand.run(&["deploy", "--parallelism", "1"]);
    run.expect_success();
    assert!(!pairs.was_met());
    assert_eq!(calls.writes().max_in_flight(), 1);
    assert_eq!(calls.writes().counts(), counts(&FIRST_WRITES));
}

#[test]
fn an_edit_touches_what_it_changes_and_nothing_else() {
    let stand = Stand::with_the_shop_open();
    let writes = |calls: &Calls| calls.writes().counts();

    // The code of a route: both functions share the package, and nothing else is touched.
    stand.project.edit("app.py", "'shop': 'open'", "'shop': 'closed'");
    let gate = stand.proxy.hold(On::operation("UpdateFunctionCode"), 2);
    assert_eq!(writes(&stand.deploy()), counts(&[("UpdateFunctionCode", 2)]));
    gate.assert_met();

    // A variable of the whole stage: the configuration of both.
    stand.project.configure(|config| {
        config["stages"]["dev"]["environment_variables"]["GREETING"] = "hello".into();
    });
    assert_eq!(
        writes(&stand.deploy()),
        counts(&[("UpdateFunctionConfiguration", 2)])
    );

    // The memory of one function.
    stand.project.configure(|config| {
        config["stages"]["dev"]["lambda_functions"]["door"]["lambda_memory_size"] = 256.into();
    });
    let calls = stand.deploy().writes();
    assert_eq!(calls.names(), ["UpdateFunctionConfiguration"]);
    let asked = calls
        .iter()
        .next()
        .map(|call| (call.path.clone(), call.body.clone()));
    let (path, body) = asked.unwrap_or_default();
    assert!(path.contains("shop-dev-door"), "{path}");
    assert_eq!(body, serde_json::json!({ "MemorySize": 256 }));

    // A route: the package, the definition, and the stage that shows it; the permissions hold for any path.
    let app = stand.project.read("app.py");
    let route = "\n\n@app.route('/hours')\ndef hours():\n    return {'from': 9}\n";
    stand.project.write("app.py", &(app + route));
    let calls = stand.deploy();
    let expected = [
        ("UpdateFunctionCode", 2),
        ("PutRestApi", 1),
        ("CreateDeployment", 1),
    ];
    assert_eq!(writes(&calls), counts(&expected));
    // The live switch comes last.
    assert_one_after_the_other(&calls, "UpdateFunctionCode", "PutRestApi");
    assert_one_after_the_other(&calls, "PutRestApi", "CreateDeployment");

    // A file that the package does not hold.
    stand.project.write("NOTES.txt", "not part of the package");
    assert_eq!(writes(&stand.deploy()), counts(&[]));
}

#[test]
fn a_plan_writes_nothing_anywhere_and_tells_by_its_code() {
    let stand = Stand::of_the_shop();
    let untouched = stand.project.files();
    let (run, calls) = stand.run(&["plan", "--detailed-exitcode"]);
    let run = run.expect_code(2);
    assert!(run.stdout.contains("Plan: 7 to create."), "{run}");
    assert_eq!(calls.writes().names(), [""; 0]);
    assert_eq!(stand.project.files(), untouched);

    // Data alone is on standard output, in whatever form.
    let run = stand.grail.run(&["plan", "--format", "json"]).expect_success();
    let plan: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"));
    assert_eq!(plan["build"].as_array().map(Vec::len), Some(7), "{run}");
    let run = stand
        .grail
        .run(&["plan", "--format", "markdown"])
        .expect_success();
    assert!(!run.stdout.contains("deployment package"), "{run}");
    assert_eq!(stand.project.files(), untouched);

    let out = stand.project.beside("plans").join("plan.json");
    let path = out.display().to_string();
    stand.grail.run(&["plan", "--out", &path]).expect_success();
    let written: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    assert_eq!(written["plan"]["digest"], plan["digest"]);

    stand.deploy();
    let deployed = stand.project.files();
    let (run, calls) = stand.run(&["plan", "--detailed-exitcode"]);
    let run = run.expect_success();
    assert_eq!(run.stdout, "No changes. 7 resources are as they should be.\n");
    assert_eq!(calls.writes().names(), [""; 0]);

    stand.project.edit("app.py", "'shop': 'open'", "'shop': 'closed'");
    let edited = stand.project.files();
    let (run, calls) = stand.run(&["plan", "--detailed-exitcode"]);
    let run = run.expect_code(2);
    assert!(run.stdout.contains("Plan: 2 to update, 5 unchanged."), "{run}");
    assert_eq!(calls.writes().names(), [""; 0]);
    assert_eq!(stand.project.files(), edited);
    assert_eq!(edited.len(), deployed.len());
}

#[test]
fn people_and_programs_each_find_what_they_look_for() {
    let stand = Stand::of_the_shop();
    let run = stand.grail.run(&["deploy"]).expect_success();
    let id = stand.project.recorded("dev", "rest_api")["rest_api_id"].clone();
    let id = id.as_str().unwrap();
    let url = format!("https://{id}.execute-api.us-east-1.amazonaws.com/api/");
    let lines: Vec<&str> = run.stdout.lines().collect();
    let mut sorted = lines.clone();
    // The two functions are made at once: which comes first is open.
    sorted[2..4].sort_unstable();
    let wanted = [
        "Creating deployment package.",
        "Creating IAM role: shop-dev",
        "Creating lambda function: shop-dev",
        "Creating lambda function: shop-dev-door",
        "Creating Rest API",
        "Resources deployed:",
        "  - Lambda ARN: arn:aws:lambda:us-east-1:123456789012:function:shop-dev",
        "  - Lambda ARN: arn:aws:lambda:us-east-1:123456789012:function:shop-dev-door",
        &format!("  - Rest API URL: {url}"),
    ];
    assert_eq!(sorted, wanted, "{run}");
    assert_eq!(
        stand.grail.run(&["url"]).expect_success().stdout,
        format!("{url}\n")
    );

    stand.project.edit("app.py", "'shop': 'open'", "'shop': 'closed'");
    let event = |run: Run, name: &str| {
        let events = run.expect_success().events();
        assert!(!events.is_empty());
        for event in &events {
            assert_eq!(event["version"], 1, "{event}");
            assert!(event["event"].is_string(), "{event}");
        }
        let named = events.iter().filter(|event| event["event"] == name).cloned();
        named.collect::<Vec<Value>>()
    };
    let json = |words: &[&str]| stand.grail.run(&[words, &["--output", "json"]].concat());
    assert_eq!(event(json(&["plan"]), "planned").len(), 1);
    assert_eq!(event(json(&["deploy"]), "finished").len(), 2);
    assert_eq!(event(json(&["url"]), "url")[0]["url"], url);
    assert_eq!(
        event(json(&["status"]), "status")[0]["resources"]
            .as_array()
            .map(Vec::len),
        Some(7)
    );
    assert_eq!(event(json(&["validate"]), "valid")[0]["routes"], 5);
    let ended = event(json(&["delete"]), "ended");
    assert_eq!(ended[0]["outcome"]["outcome"], "done");
    let refused = json(&["url"]).expect_code(1);
    assert_eq!(refused.events()[0]["event"], "error", "{refused}");
    assert!(
        stand.world().names().values().all(Vec::is_empty),
        "{:?}",
        stand.world().names()
    );
}
