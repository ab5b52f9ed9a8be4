//! What is recorded and gone, or recorded and somebody else's.

use grail_tests::cli::Grail;
use grail_tests::project::Project;
use grail_tests::runtime::block_on;
use serde_json::json;

use super::{ROUTE, WORK, project};
use crate::ground::Ground;

/// Chalice's sweep dies with a KeyError on any entry whose name holds these words.
#[test]
fn names_with_api_mapping() {
    let lines = "@app.lambda_function()\ndef my_api_mapping(event, context):\n    return 1\n\n\n";
    let ground = Ground::new(project(&format!("{lines}{WORK}")));
    ground.deploy();
    ground.project.edit("app.py", lines, "");
    ground.deploy();
    assert_eq!(ground.world().names()["functions"], ["mended-dev-work"]);
    ground.run(&["delete"]).expect_success();
}

/// Chalice stops at the first thing that somebody else has removed, at every further try.
#[test]
fn delete_with_parts_already_gone() {
    let ground = Ground::new(project(&format!(
        "{WORK}\n\n@app.route('/')\ndef index():\n    return {{}}\n"
    )));
    ground
        .project
        .configure(|config| config["log_retention_in_days"] = json!(7));
    ground.deploy();
    let (lambda, gateway, logs) = (
        ground.account.lambda(),
        ground.account.apigateway(),
        ground.account.logs(),
    );
    block_on(lambda.delete_function().function_name("mended-dev-work").send()).unwrap();
    let api = ground.project.recorded("dev", "rest_api")["rest_api_id"]
        .as_str()
        .unwrap()
        .to_owned();
    block_on(gateway.delete_rest_api().rest_api_id(api).send()).unwrap();
    block_on(
        logs.delete_log_group()
            .log_group_name("/aws/lambda/mended-dev")
            .send(),
    )
    .unwrap();
    ground.run(&["delete"]).expect_success();
    let left = ground.world();
    assert_eq!(
        (left.names()["functions"].len(), left.names()["roles"].len()),
        (0, 0)
    );
    assert_eq!(ground.project.deployed("dev")["resources"], json!([]));
}

/// A record that could not be pushed names what is gone; Chalice ends at it at every deploy (issue 1876 of Chalice).
#[test]
fn deploy_with_parts_already_gone() {
    let ground = Ground::new(project(&format!("{WORK}\n\n{ROUTE}")));
    ground.deploy();
    let lambda = ground.account.lambda();
    block_on(lambda.delete_function().function_name("mended-dev-work").send()).unwrap();
    ground.project.write("app.py", &project(ROUTE).read("app.py"));
    ground.deploy();
    assert_eq!(ground.world().names()["functions"], ["mended-dev"]);
    assert!(
        ground
            .project
            .deployed_text("dev")
            .is_some_and(|text| !text.contains("mended-dev-work"))
    );
    ground.assert_at_rest();
}

/// A folder that was copied together with its record, for another application: Chalice takes the first one's API over, and
/// deletes what it finds recorded (issue 603 of Chalice).
#[test]
fn copied_project() {
    let ground = Ground::new(project(ROUTE));
    ground.deploy();
    let before = ground.world();
    let record = ground.project.deployed_text("dev").unwrap();
    // With all that lies there, and with what git keeps.
    for kept in [&[".chalice/grail"][..], &[]] {
        let copy = Project::empty();
        for (path, content) in ground.project.files() {
            let ours = path.starts_with(".chalice/grail");
            // Packages are no text, and made anew.
            if let (true, Ok(text)) = (!ours || !kept.is_empty(), String::from_utf8(content)) {
                copy.write(&path.to_string_lossy(), &text);
            }
        }
        copy.configure(|config| config["app_name"] = json!("copied"));
        let grail = Grail::new(env!("CARGO_BIN_EXE_grail"), &copy, &ground.proxy.endpoint());
        for command in ["plan", "deploy", "delete"] {
            let run = grail.run(&[command]).expect_code(1);
            let told = run.stderr.contains("mended-dev") && run.stderr.contains("copied-dev");
            assert!(
                told && run.stderr.contains("next: if this project is a copy"),
                "{run}"
            );
        }
    }
    ground.world().assert_untouched_since(&before);
    ground.assert_at_rest();
    assert_eq!(ground.project.deployed_text("dev").unwrap(), record);
}
