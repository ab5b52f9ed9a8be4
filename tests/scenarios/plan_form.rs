//! The JSON form of plans is what its schema says, for every kind of resource: judged by a validator that is not ours.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use grail_tests::account::Account;
use grail_tests::cli::Grail;
use grail_tests::emulator::Moto;
use grail_tests::fixtures::{self, Fixture};
use grail_tests::project::Project;
use grail_tests::proxy::Proxy;
use grail_tests::python;
use grail_tests::runtime::block_on;
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("../../reconciler/plan.schema.json");

/// Takes a schema and documents from standard input, and prints what of them is wrong.
const JUDGE: &str = r#"
import json, sys
import jsonschema
schema, documents = json.load(sys.stdin)
jsonschema.Draft202012Validator.check_schema(schema)
judge = jsonschema.Draft202012Validator(schema)
for document in documents:
    for error in judge.iter_errors(document):
        print(list(error.path), error.message[:300])
"#;

fn wrong(documents: &[Value]) -> String {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut judge = Command::new(python::environment().bin().join("python"))
        .args(["-c", JUDGE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = judge.stdin.take().unwrap();
    input
        .write_all(json!([schema, documents]).to_string().as_bytes())
        .unwrap();
    drop(input);
    let said = judge.wait_with_output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).unwrap()
}

/// The plans of a fixture: for an empty account, for a deployed one that grows, and for one that shrinks to nothing but a
/// function.
fn plans(fixture: Fixture) -> Vec<Value> {
    let moto = Moto::start();
    let proxy = Proxy::before_moto(&moto.endpoint());
    let project = fixture.prepared(&Account::at(&proxy.quiet_endpoint()));
    let grail = Grail::new(env!("CARGO_BIN_EXE_grail"), &project, &proxy.endpoint()).with_shared_cache();
    let stage = fixture.stages[0];
    let run = |words: &[&str]| grail.run(&[words, &["--stage", stage]].concat()).expect_success();
    let plan = || {
        serde_json::from_str::<Value>(&run(&["plan", "--format", "json", "--allow-replace"]).stdout).unwrap()
    };
    let mut plans = vec![plan()];
    run(&["deploy"]);
    plans.push(plan());
    project.configure(|config| {
        config["stages"][stage]["lambda_memory_size"] = 640.into();
        config["stages"][stage]["api_gateway_stage"] = "another".into();
    });
    plans.push(plan());
    let app: Value = serde_json::from_str(&project.read(".chalice/config.json")).unwrap();
    let name = app["app_name"].as_str().unwrap();
    project.write(
        "app.py",
        &format!(
            "from chalice import Chalice\n\napp = Chalice(app_name='{name}')\n\n\n\
             @app.lambda_function()\ndef alone(event, context):\n    return 1\n"
        ),
    );
    plans.push(plan());
    let event = run(&["plan", "--output", "json"])
        .events()
        .into_iter()
        .find(|event| event["event"] == "planned");
    plans.push(event.unwrap()["plan"].clone());
    plans
}

/// A handler that reads a queue, and is called `name`.
const READER: &str = "from chalice import Chalice\n\napp = Chalice(app_name='kiosk')\n\n\n\
                      @app.on_sqs_message(queue='jobs')\ndef NAME(event):\n    return 1\n";

/// A plan with the managed layer: it holds what lies in `vendor/`.
fn layered() -> Value {
    let moto = Moto::start();
    let project = Project::empty();
    project.write("vendor/greeting.py", "WORD = 'hello'\n");
    project.write("app.py", &READER.replace("NAME", "work"));
    let config = json!({"version": "2.0", "app_name": "kiosk", "automatic_layer": true});
    project.write(".chalice/config.json", &config.to_string());
    let account = Account::at(&moto.endpoint());
    block_on(account.sqs().create_queue().queue_name("jobs").send()).expect("making a queue");
    let grail = Grail::new(env!("CARGO_BIN_EXE_grail"), &project, &moto.endpoint()).with_shared_cache();
    let run = grail.run(&["plan", "--format", "json"]).expect_success();
    serde_json::from_str(&run.stdout).unwrap()
}

/// A plan in which something moves, and something of others is removed.
fn moving_and_pruning() -> Value {
    let moto = Moto::start();
    let proxy = Proxy::before_moto(&moto.endpoint());
    let account = Account::at(&proxy.quiet_endpoint());
    block_on(account.sqs().create_queue().queue_name("jobs").send()).expect("making a queue");
    let project = Project::empty();
    let write = |name: &str| project.write("app.py", &READER.replace("NAME", name));
    project.write(
        ".chalice/config.json",
        &json!({"version": "2.0", "app_name": "kiosk", "stages": {"dev": {}}}).to_string(),
    );
    write("work");
    let grail = Grail::new(env!("CARGO_BIN_EXE_grail"), &project, &proxy.endpoint()).with_shared_cache();
    grail.run(&["deploy"]).expect_success();
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},
    ]});
    let added = account.iam().put_role_policy().role_name("kiosk-dev");
    let added = added.policy_name("theirs").policy_document(policy.to_string());
    block_on(added.send()).expect("adding a policy by hand");
    write("toil");
    let words = ["plan", "--format", "json", "--prune-foreign"];
    serde_json::from_str(&grail.run(&words).expect_success().stdout).unwrap()
}

#[test]
fn what_moves_and_what_is_removed_are_as_the_schema_and_the_page_say() {
    let document = moving_and_pruning();
    assert_eq!(wrong(std::slice::from_ref(&document)), "");
    assert_eq!(document["moves"].as_object().unwrap().len(), 1, "{document:#}");
    assert_eq!(document["counts"]["prune"], 1, "{document:#}");
    let (id, prune) = document["prune"].as_object().unwrap().iter().next().unwrap();
    assert!(id.starts_with("iam_role."), "{id}");
    assert_eq!(prune["children"], json!(["inline policy theirs"]));
    // Every member of a plan has its line in the page.
    const PAGE: &str = include_str!("../../reconciler/PLAN_FORMAT.md");
    for member in document.as_object().unwrap().keys() {
        assert!(
            PAGE.contains(&format!("\n| `{member}` |")),
            "the page does not name {member}"
        );
    }
}

#[test]
fn plans_are_as_their_schema_says() {
    let mut documents = plans(fixtures::EVERYTHING);
    documents.push(layered());
    assert_eq!(wrong(&documents), "");
    let steps = |document: &Value| {
        let part = |name: &str| document[name].as_array().unwrap().clone();
        [part("build"), part("sweep")].concat()
    };
    let all: Vec<Value> = documents.iter().flat_map(steps).collect();
    let kinds: BTreeSet<_> = all
        .iter()
        .map(|step| {
            step["resource"]
                .as_str()
                .unwrap()
                .split('.')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    // Whatever grail makes for a project of Chalice's.
    let catalog: BTreeSet<_> = grail_providers::resources::wires()
        .iter()
        .map(|(kind, _)| kind.to_string())
        .collect();
    let missing: Vec<_> = catalog.difference(&kinds).collect();
    assert!(missing.is_empty(), "no plan has {missing:?}");
    let actions: BTreeSet<_> = all
        .iter()
        .map(|step| step["action"]["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["create", "delete", "update"].into());
    assert!(documents.iter().all(|document| document["version"] == 1));
    // The judge judges.
    let mut altered = documents[0].clone();
    altered["build"][0]["action"]["action"] = "perhaps".into();
    altered["counts"]["create"] = "many".into();
    assert!(wrong(&[altered]).lines().count() >= 2);
}
