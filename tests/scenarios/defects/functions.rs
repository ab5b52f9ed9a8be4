//! Functions and their roles.

use grail_tests::proxy::{Fault, On};
use grail_tests::runtime::block_on;
use serde_json::json;

use super::{ROUTE, WORK, function, project};
use crate::ground::Ground;

/// Chalice never sends a changed `Handler`, so that the function fails to import what is gone.
#[test]
fn handler_updates() {
    let ground = Ground::new(project(WORK));
    ground.deploy();
    assert_eq!(function(&ground, "mended-dev-work").handler(), Some("app.first"));
    ground.project.edit("app.py", "def first", "def second");
    ground.deploy();
    assert_eq!(function(&ground, "mended-dev-work").handler(), Some("app.second"));
    ground.assert_at_rest();
}

/// Chalice sends the tracing mode only where it is on.
#[test]
fn xray_off() {
    let ground = Ground::new(project(WORK));
    let traced = |ground: &Ground| {
        let function = function(ground, "mended-dev-work");
        function
            .tracing_config()
            .and_then(|tracing| tracing.mode())
            .map(|mode| mode.as_str().to_owned())
    };
    ground.project.configure(|config| config["xray"] = json!(true));
    ground.deploy();
    assert_eq!(traced(&ground).as_deref(), Some("Active"));
    ground.project.configure(|config| config["xray"] = json!(false));
    ground.deploy();
    assert_eq!(traced(&ground).as_deref(), Some("PassThrough"));
    ground.assert_at_rest();
}

/// Where nothing else is called that, Chalice and grail deploy it; beside a REST API Chalice loses one of the two.
#[test]
fn function_named_api_handler() {
    let lines = "@app.lambda_function()\ndef api_handler(event, context):\n    return 1\n";
    let ground = Ground::new(project(lines));
    ground.deploy();
    assert_eq!(ground.world().names()["functions"], ["mended-dev-api_handler"]);
    ground.project.edit(
        "app.py",
        lines,
        &format!("{lines}\n\n@app.route('/')\ndef index():\n    return {{}}\n"),
    );
    let refused = ground.run(&["deploy"]).expect_code(1);
    let told = "`api_handler` is the name of the function behind the REST API";
    assert!(
        refused.stderr.contains(told) && refused.stderr.contains("app.py:6"),
        "{refused}"
    );
}

/// Chalice removes a role's own policies, and then fails for ever at one that somebody attached (issue 2006 of Chalice).
#[test]
fn role_with_an_attached_policy() {
    let ground = Ground::new(project(WORK));
    ground.deploy();
    let iam = ground.account.iam();
    let document =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;
    let made = iam
        .create_policy()
        .policy_name("auditors")
        .policy_document(document)
        .send();
    let made = block_on(made).unwrap();
    let arn = made.policy().unwrap().arn().unwrap();
    let attached = iam
        .attach_role_policy()
        .role_name("mended-dev")
        .policy_arn(arn)
        .send();
    block_on(attached).unwrap();
    ground.run(&["delete"]).expect_success();
    assert_eq!(ground.world().names()["roles"].len(), 0);
}

/// Chalice leaves a role without its policy behind, and neither `deploy` nor `delete` goes on from there (issue 565 of Chalice).
#[test]
fn policy_that_is_refused() {
    let ground = Ground::new(project(WORK));
    let before = ground.world();
    let refused = ground.proxy.inject(
        On::operation("PutRolePolicy"),
        Fault::refuse(400, "MalformedPolicyDocument", "Syntax errors in policy."),
    );
    let run = ground.run(&["deploy"]).expect_code(3);
    assert!(run.stderr.contains("MalformedPolicyDocument"), "{run}");
    assert!(refused.struck() > 0);
    ground.world().assert_untouched_since(&before);
    ground.proxy.heal();
    ground.deploy();
    ground.assert_at_rest();
}

/// Chalice says "Creating lambda function" and nothing for minutes while a role is not usable yet (issue 709 of Chalice).
#[test]
fn waiting_for_a_role_is_told() {
    let ground = Ground::new(project(WORK));
    let early = Fault::refuse(
        400,
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    );
    let struck = ground.proxy.inject(On::operation("CreateFunction").nth(1), early);
    let run = ground.run(&["deploy"]).expect_success();
    assert_eq!(struck.struck(), 1);
    assert!(run.stderr.contains("the role to become usable"), "{run}");
}

/// Chalice's second call to a function that is still being changed ends the deploy (issues 1844 and 1872 of Chalice).
#[test]
fn update_in_progress() {
    let ground = Ground::new(project(WORK));
    ground.deploy();
    ground.project.edit("app.py", "def first", "def second");
    let busy = Fault::refuse(
        409,
        "ResourceConflictException",
        "The operation cannot be performed at this time. An update is in progress for resource: mended-dev-work",
    );
    let struck = ground
        .proxy
        .inject(On::operation("UpdateFunctionConfiguration").nth(1), busy);
    ground.deploy();
    assert_eq!(struck.struck(), 1);
    assert_eq!(function(&ground, "mended-dev-work").handler(), Some("app.second"));
}

/// Chalice uploads every function at every deploy (issue 1842 of Chalice).
#[test]
fn unchanged_functions() {
    let ground = Ground::new(project(&format!("{WORK}\n\n{ROUTE}")));
    ground.deploy();
    ground.project.configure(|config| {
        config["stages"]["dev"]["lambda_functions"] = json!({"work": {"lambda_timeout": 7}});
    });
    assert_eq!(ground.deploy().writes().names(), ["UpdateFunctionConfiguration"]);
}
