//! What must not happen by mistake: protection, limits, approvals, and stages that belong in one account and region.

use std::collections::BTreeMap;
use std::path::PathBuf;

use grail_tests::cli::Run;
use grail_tests::proxy::{Fault, On};
use serde_json::{Value, json};

use crate::stand::Stand;

const STATE: &str = ".chalice/grail/dev/state.json";
const SETTINGS: &str = "grail.toml";

/// The shop without its routes: its API is no longer wanted.
fn close(stand: &Stand) {
    stand.project.write(
        "app.py",
        "from chalice import Chalice\n\napp = Chalice(app_name='shop')\n\n\n\
         @app.lambda_function()\ndef count(event, context):\n    return 2\n",
    );
}

/// Fails unless these words are refused, say all of this, and change nothing anywhere.
#[track_caller]
fn refused(stand: &Stand, words: &[&str], says: &[&str]) -> Run {
    let memory = recorded(stand);
    let (run, calls) = stand.run(words);
    let run = run.expect_code(1);
    for part in says {
        assert!(run.stderr.contains(part), "it does not say {part:?}: {run}");
    }
    assert_eq!(calls.writes().names(), [""; 0], "{run}");
    assert_eq!(recorded(stand), memory, "{run}");
    run
}

/// What is recorded; a package that was built is none of it.
fn recorded(stand: &Stand) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = stand.memory();
    files.retain(|path, _| {
        ["state.json", "journal.ndjson", "deployed/dev.json"]
            .iter()
            .any(|name| path.ends_with(name))
    });
    files
}

fn state(stand: &Stand) -> Value {
    serde_json::from_str(&stand.project.read(STATE)).unwrap()
}

#[test]
fn what_is_protected_is_not_ended_even_where_the_file_is_gone() {
    let stand = Stand::with_the_shop_open();
    stand.project.write(
        SETTINGS,
        "[protect]\nresources = ['rest_api', 'lambda_functon.*']\n",
    );
    let (run, calls) = stand.run(&["deploy"]);
    let run = run.expect_success();
    assert!(
        run.stderr.contains("`lambda_functon.*`") && run.stderr.contains("names no resource"),
        "{run}"
    );
    assert_eq!(calls.writes().names(), [""; 0]);
    assert_eq!(
        state(&stand)["protected"],
        json!(["api_stage.rest_api", "rest_api.rest_api"])
    );

    // Neither with the file nor without it, neither left out nor deleted nor forced.
    let app = stand.project.read("app.py");
    for words in [
        &["plan"][..],
        &["deploy"],
        &["deploy", "--yes"],
        &["delete"],
        &["delete", "--yes", "--force"],
    ] {
        for has_file in [true, false] {
            match has_file {
                true => stand
                    .project
                    .write(SETTINGS, "[protect]\nresources = ['rest_api']\n"),
                false => stand.project.remove(SETTINGS),
            }
            close(&stand);
            refused(
                &stand,
                words,
                &[
                    "`api_stage.rest_api`, `rest_api.rest_api` are protected and would be deleted",
                    "--unprotect rest_api.rest_api",
                ],
            );
        }
    }
    // Looking at less does not get around it, and other work goes on.
    stand.project.write("app.py", &app);
    stand
        .project
        .configure(|config| config["stages"]["dev"]["lambda_memory_size"] = 256.into());
    stand.deploy();
    assert_eq!(
        state(&stand)["protected"],
        json!(["api_stage.rest_api", "rest_api.rest_api"])
    );

    // It is given up by word, for one command...
    close(&stand);
    stand
        .grail
        .run(&["plan", "--unprotect", "rest_api"])
        .expect_success();
    refused(&stand, &["deploy"], &["are protected"]);
    stand
        .grail
        .run(&["deploy", "--unprotect", "rest_api"])
        .expect_success();
    assert_eq!(state(&stand)["protected"], Value::Null);
    stand.grail.run(&["delete"]).expect_success();
}

#[test]
fn a_protection_is_given_up_where_the_file_no_longer_names_it() {
    let stand = Stand::of_the_shop();
    stand
        .project
        .write(SETTINGS, "[protect]\nstages = ['de?', 'prod']\n");
    stand.grail.run(&["deploy"]).expect_success();
    let all = state(&stand)["protected"].as_array().unwrap().len();
    assert_eq!(all, state(&stand)["records"].as_object().unwrap().len());
    refused(
        &stand,
        &["delete"],
        &[
            "`rest_api.rest_api`",
            "`lambda_function.api_handler`",
            "are protected",
        ],
    );
    stand.project.write(SETTINGS, "[stages.prod]\nprotect = ['*']\n");
    refused(&stand, &["delete"], &["are protected"]);
    // One stage may say more than the rest, and less.
    stand
        .project
        .write(SETTINGS, "[stages.dev]\nprotect = ['iam_role.*']\n");
    let run = stand.grail.run(&["deploy"]).expect_success();
    assert!(
        run.stderr.contains("no longer protected") && run.stderr.contains("`rest_api.rest_api`"),
        "{run}"
    );
    assert_eq!(state(&stand)["protected"], json!(["iam_role.default-role"]));
    stand.project.write(SETTINGS, "[protect]\nresources = []\n");
    stand.grail.run(&["delete"]).expect_success();
}

#[test]
fn what_is_protected_is_not_made_anew() {
    let stand = Stand::with_the_shop_open();
    stand
        .project
        .write(SETTINGS, "[protect]\nresources = ['api_stage']\n");
    stand
        .project
        .configure(|config| config["stages"]["dev"]["api_gateway_stage"] = "other".into());
    refused(
        &stand,
        &["deploy", "--allow-replace"],
        &["`api_stage.rest_api` is protected and would be deleted and made anew"],
    );
}

#[test]
fn no_more_goes_than_may_go_at_once() {
    let stand = Stand::with_the_shop_open();
    close(&stand);
    for command in ["plan", "deploy", "delete"] {
        refused(
            &stand,
            &[command, "--max-deletes", "0"],
            &["things would be deleted", "at most 0 may be", "--max-deletes"],
        );
    }
    stand.project.write(SETTINGS, "[protect]\nmax_deletes = 1\n");
    refused(&stand, &["delete"], &["at most 1 may be"]);
    stand.project.write(
        SETTINGS,
        "[protect]\nmax_deletes = 50\n[stages.dev]\nmax_deletes = 2\n",
    );
    refused(&stand, &["deploy"], &["at most 2 may be"]);
    stand
        .grail
        .run(&["deploy", "--max-deletes", "50"])
        .expect_success();
}

/// The role of the functions may do this.
fn grant(stand: &Stand, action: &str) {
    let statement = json!({"Effect": "Allow", "Action": [action, "logs:PutLogEvents"], "Resource": "*"});
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]});
    stand
        .project
        .write(".chalice/policy-mine.json", &policy.to_string());
    stand.project.configure(|config| {
        config["stages"]["dev"]["autogen_policy"] = false.into();
        config["stages"]["dev"]["iam_policy_file"] = "policy-mine.json".into();
    });
}

#[test]
fn what_lets_somebody_do_more_needs_a_yes() {
    let stand = Stand::of_the_shop();
    grant(&stand, "s3:GetObject");
    let broadening = ["deploy", "--require-approval", "broadening"];
    refused(
        &stand,
        &broadening,
        &[
            "needs somebody's approval",
            "allows logs:putlogevents, s3:getobject on *",
            "grail plan --out FILE",
            "grail deploy FILE",
        ],
    );
    // A plan that somebody has read is the approval.
    let plan = stand
        .project
        .beside("plans")
        .join("plan.json")
        .display()
        .to_string();
    stand.grail.run(&["plan", "--out", &plan]).expect_success();
    stand
        .grail
        .run(&["deploy", &plan, "--require-approval", "any"])
        .expect_success();

    // Less, and what is no matter of rights, need none.
    grant(&stand, "s3:GetObject");
    stand
        .project
        .configure(|config| config["stages"]["dev"]["lambda_memory_size"] = 256.into());
    refused(&stand, &["deploy", "--require-approval", "any"], &["2 to update"]);
    stand.grail.run(&broadening).expect_success();
    stand
        .grail
        .run(&["deploy", "--require-approval", "any"])
        .expect_success();

    // The file asks for it as well; plain words of Chalice never do.
    stand.project.write(
        SETTINGS,
        "[protect]\nrequire_approval = 'any'\n[stages.dev]\nrequire_approval = 'broadening'\n",
    );
    grant(&stand, "s3:*");
    for words in [
        &["deploy"][..],
        &["deploy", "--yes"],
        &["deploy", "--output", "json"],
    ] {
        let memory = recorded(&stand);
        let (run, calls) = stand.run(words);
        let run = run.expect_code(1);
        assert!(
            format!("{}{}", run.stdout, run.stderr).contains("allows s3:* on *"),
            "{run}"
        );
        assert!(calls.writes().is_empty() && recorded(&stand) == memory, "{run}");
    }
    for (form, part) in [
        ("human", "! iam_role.api_handler_role allows s3:* on *"),
        ("markdown", "- `iam_role.api_handler_role` `allows s3:* on *`"),
        ("json", "\"what\": \"allows s3:* on *\""),
    ] {
        let run = stand.grail.run(&["plan", "--format", form]).expect_success();
        assert!(run.stdout.contains(part), "{run}");
    }
    for (answer, code) in [("no\r", 1), ("yes\r", 0)] {
        stand.proxy.forget_calls();
        let run = stand
            .grail
            .on_terminal(&["deploy"], "[y/N]", answer)
            .expect_code(code);
        assert!(run.stdout.contains("allows s3:* on *"), "{run}");
        assert_eq!(stand.proxy.calls().writes().is_empty(), code == 1, "{run}");
    }
    grant(&stand, "*");
    stand
        .grail
        .run(&["deploy", "--require-approval", "never"])
        .expect_success();
}

#[test]
fn a_route_that_asks_for_less_is_told() {
    let stand = Stand::of_the_shop();
    let app = stand.project.read("app.py");
    assert!(app.contains("@app.route('/')"), "{app}");
    stand.project.write(
        "app.py",
        &app.replace("@app.route('/')", "@app.route('/', api_key_required=True)"),
    );
    stand.grail.run(&["deploy"]).expect_success();
    stand.project.write("app.py", &app);
    let run = stand.grail.run(&["plan"]).expect_success();
    assert!(
        run.stdout
            .contains("! rest_api.rest_api no longer asks for `api_key` at GET /"),
        "{run}"
    );
}

#[test]
fn a_stage_is_worked_with_where_it_belongs_or_not_at_all() {
    let stand = Stand::of_the_shop();
    stand.project.write(
        SETTINGS,
        "[stages.dev]\naccount = '999999999999'\n[stages.prod]\nregion = 'eu-west-1'\n",
    );
    for command in ["plan", "deploy", "delete", "rollback"] {
        let run = stand.grail.run(&[command]).expect_code(1);
        assert!(
            run.stderr.contains("belongs in account 999999999999") && run.stderr.contains("123456789012"),
            "{run}"
        );
        assert_eq!(stand.proxy.calls().names(), ["GetCallerIdentity"]);
        stand.proxy.forget_calls();
    }
    let run = stand
        .grail
        .run(&["deploy", "--stage", "prod", "--region", "us-east-1"])
        .expect_code(1);
    assert!(
        run.stderr.contains("belongs in region eu-west-1") && run.stderr.contains("us-east-1"),
        "{run}"
    );
    assert_eq!(stand.proxy.calls().names(), [""; 0]);
    // Nothing else is said of the region on the command line: it is that of the file, whatever the environment says.
    stand.grail.run(&["deploy", "--stage", "prod"]).expect_success();
    let state: Value = serde_json::from_str(&stand.project.read(".chalice/grail/prod/state.json")).unwrap();
    assert_eq!(
        state["home"],
        json!({"account": "123456789012", "region": "eu-west-1"})
    );
    // A misspelt pin is no pin: it is refused.
    stand
        .project
        .write(SETTINGS, "[stages.dev]\nacount = '123456789012'\n");
    let run = stand.grail.run(&["deploy"]).expect_code(1);
    assert!(
        run.stderr.contains("grail.toml:2:1") && run.stderr.contains("`stages.dev.account`"),
        "{run}"
    );
}

#[test]
fn a_role_is_assumed_for_its_stage() {
    const THEIRS: &str = "111122223333";
    let stand = Stand::of_the_shop();
    stand.project.write(
        SETTINGS,
        "[stages.dev]\naccount = '111122223333'\nrole_arn = 'arn:aws:iam::111122223333:role/deployer'\n\
         external_id = 'between-us'\nsession_name = 'grail-ci'\nduration = '30m'\n",
    );
    let (run, calls) = stand.run(&["deploy"]);
    run.expect_success();
    assert_eq!(calls.names()[..2], ["AssumeRole", "GetCallerIdentity"]);
    let asked = calls.named("AssumeRole");
    assert_eq!(asked.len(), 1, "the credentials are had once");
    let sent = &asked.iter().next().unwrap().body;
    for (field, value) in [
        ("RoleArn", "arn:aws:iam::111122223333:role/deployer"),
        ("ExternalId", "between-us"),
        ("RoleSessionName", "grail-ci"),
        ("DurationSeconds", "1800"),
    ] {
        assert_eq!(sent[field], value, "{sent}");
    }
    assert_eq!(state(&stand)["home"]["account"], THEIRS);
    let arn = &state(&stand)["records"]["lambda_function.api_handler"]["handle"];
    assert!(arn.as_str().unwrap().contains(THEIRS), "{arn}");
    stand.deploy();
    stand.grail.run(&["delete"]).expect_success();

    stand.proxy.inject(
        On::operation("AssumeRole"),
        Fault::refuse(403, "AccessDenied", "not you"),
    );
    let run = stand.grail.run(&["deploy"]).expect_code(1);
    for part in [
        "role/deployer could not be assumed",
        "not you",
        "external_id",
        "MFA",
    ] {
        assert!(run.stderr.contains(part), "it does not say {part:?}: {run}");
    }
}
