//! `automatic_layer`: a version of the layer is published when its content changes and at no other time, and one is left.

use grail_tests::account::Account;
use grail_tests::cli::{Grail, Run};
use grail_tests::project::Project;
use grail_tests::runtime::block_on;
use grail_tests::web;
use serde_json::{Value, json};

use crate::ground::Ground;

const LAYER: &str = "layered-dev-managed-layer";

/// An API whose answers come from what lies in `vendor/`, and with it in the layer.
fn layered() -> Project {
    let project = Project::empty();
    let app = "import greeting\nfrom chalice import Chalice\n\napp = Chalice(app_name='layered')\n\n\n\
               @app.route('/')\ndef index():\n    return {'says': greeting.WORD}\n";
    project.write("app.py", app);
    project.write("vendor/greeting.py", "WORD = 'hello'\n");
    let config = json!({"version": "2.0", "app_name": "layered", "automatic_layer": true});
    project.write(".chalice/config.json", &config.to_string());
    project
}

/// What a run did, to what.
fn steps(run: &Run) -> Vec<String> {
    let events = run.events();
    let step = |event: &Value| match event["event"].as_str()? {
        "started" => Some(format!("{} {}", event["action"].as_str()?, event["id"].as_str()?)),
        "swept" => Some(format!("sweep {}", event["id"].as_str()?)),
        _ => None,
    };
    let mut steps: Vec<_> = events.iter().filter_map(step).collect();
    steps.sort_unstable();
    steps
}

/// The versions of the layer, the oldest first.
fn versions(account: &Account) -> Vec<i64> {
    let lambda = account.lambda();
    let listed = block_on(lambda.list_layer_versions().layer_name(LAYER).send()).unwrap();
    let mut versions: Vec<_> = listed
        .layer_versions()
        .iter()
        .map(|version| version.version())
        .collect();
    versions.sort_unstable();
    versions
}

/// The versions that the API's function uses.
fn used(account: &Account) -> Vec<String> {
    let lambda = account.lambda();
    let function = block_on(
        lambda
            .get_function_configuration()
            .function_name("layered-dev")
            .send(),
    )
    .unwrap();
    let arns = function
        .layers()
        .iter()
        .map(|layer| layer.arn().unwrap().to_owned());
    arns.collect()
}

#[test]
fn a_layer_is_published_when_its_content_changes_and_at_no_other_time() {
    let ground = Ground::new(layered());
    let deploy = || ground.run(&["deploy", "--output", "json"]).expect_success();
    let first = deploy();
    assert!(
        steps(&first).contains(&"create lambda_layer.managed-layer".to_owned()),
        "{first}"
    );
    assert_eq!(versions(&ground.account), [1]);
    let recorded = ground.project.recorded("dev", "managed-layer");
    assert_eq!(recorded["resource_type"], "lambda_layer");
    assert_eq!(
        used(&ground.account),
        [recorded["layer_version_arn"].as_str().unwrap()]
    );
    assert_eq!(
        ground.project.deployed("dev")["resources"][0]["name"],
        "managed-layer"
    );
    ground.assert_at_rest();

    ground.project.edit("app.py", "'says'", "'tells'");
    assert_eq!(steps(&deploy()), ["update lambda_function.api_handler"]);
    assert_eq!(versions(&ground.account), [1]);

    ground.project.write("vendor/greeting.py", "WORD = 'good day'\n");
    let replaced = [
        "create lambda_layer.managed-layer",
        "sweep lambda_layer.managed-layer",
        "update lambda_function.api_handler",
    ];
    assert_eq!(steps(&deploy()), replaced);
    assert_eq!(versions(&ground.account), [2], "the old version is swept");
    assert!(used(&ground.account)[0].ends_with(":2"));
    ground.assert_at_rest();

    // Nothing left to put into it: no layer.
    ground.project.write("vendor/greeting.py", "");
    ground.project.edit("app.py", "greeting.WORD", "'none'");
    assert_eq!(
        steps(&deploy()),
        [
            "sweep lambda_layer.managed-layer",
            "update lambda_function.api_handler"
        ]
    );
    assert_eq!(
        (versions(&ground.account), used(&ground.account)),
        (vec![], vec![])
    );
    ground.assert_at_rest();
    ground.run(&["delete"]).expect_success();
}

#[test]
fn a_layer_whose_record_is_lost_is_found_by_its_mark() {
    let ground = Ground::new(layered());
    ground.deploy();
    std::fs::remove_dir_all(ground.state()).unwrap();
    ground.project.remove(".chalice/deployed/dev.json");
    let calls = ground.deploy();
    assert!(
        !calls.names().iter().any(|name| name.contains("PublishLayer")),
        "{:?}",
        calls.names()
    );
    assert_eq!(versions(&ground.account), [1]);
    assert_eq!(
        ground.project.recorded("dev", "managed-layer")["layer_version_arn"],
        used(&ground.account)[0]
    );
    ground.run(&["delete"]).expect_success();
    assert_eq!(versions(&ground.account), [0; 0]);
}

#[test]
fn a_function_imports_what_lies_in_the_layer() {
    let project = layered();
    let grail = Grail::local(env!("CARGO_BIN_EXE_grail"), &project);
    let _end = grail.ends_local_cloud("dev");
    let says = || -> Value {
        let run = grail.run(&["deploy", "--local"]).expect_success();
        assert!(
            run.stdout.contains("Creating shared layer deployment package."),
            "{run}"
        );
        assert!(run.stdout.contains("Creating app deployment package."), "{run}");
        let url = grail.run(&["url", "--local"]).expect_success();
        web::get(url.stdout.trim_end()).json()
    };
    assert_eq!(says(), json!({"says": "hello"}));
    project.write("vendor/greeting.py", "WORD = 'good day'\n");
    assert_eq!(says(), json!({"says": "good day"}));
    grail.run(&["delete", "--local"]).expect_success();
}
