//! Records that are of another place, damaged, or in use.

use grail_tests::account::Account;
use grail_tests::proxy::On;
use grail_tests::runtime::block_on;
use serde_json::{Value, json};

use super::{Spoilt, assert_says, refused};
use crate::stand::Stand;

const STATE: &str = ".chalice/grail/dev/state.json";
const JOURNAL: &str = ".chalice/grail/dev/journal.ndjson";
const DEPLOYED: &str = ".chalice/deployed/dev.json";

#[test]
fn a_record_of_another_account_or_region_is_refused_before_any_look() {
    for (role, elsewhere) in [
        (
            "arn:aws:lambda:us-east-1:999999999999:function:shop-dev",
            "account 999999999999",
        ),
        (
            "arn:aws:lambda:eu-west-1:123456789012:function:shop-dev",
            "region eu-west-1",
        ),
    ] {
        let stand = Stand::of_the_shop();
        let entry = json!({ "name": "api_handler", "resource_type": "lambda_function", "lambda_arn": role });
        let record = json!({ "resources": [entry], "schema_version": "2.0", "backend": "api" });
        stand.project.write(DEPLOYED, &format!("{record:#}\n"));
        stand.project.write(".chalice/grail/.gitignore", "*\n");
        for command in ["deploy", "delete", "plan"] {
            let says = [
                "`api_handler` is recorded in",
                elsewhere,
                "123456789012",
                "us-east-1",
                "--profile",
            ];
            refused(&stand, &stand.grail, &[command], &says);
            assert_eq!(stand.proxy.calls().names(), ["GetCallerIdentity"]);
        }
    }
}

#[test]
fn a_damaged_record_is_kept_as_it_is() {
    let shop = Spoilt::shop();
    let half = |file: &str| {
        let text = shop.stand.project.read(file);
        text[..text.len() / 2].to_owned()
    };
    for command in ["deploy", "delete", "plan"] {
        shop.with_file(
            DEPLOYED,
            &half(DEPLOYED),
            &[command],
            &["dev.json", "left as it is"],
        );
        shop.with_file(
            STATE,
            &half(STATE),
            &[command],
            &["state.json", "is damaged", "left as they are"],
        );
        shop.with_file(
            JOURNAL,
            "no entry\nno entry\n",
            &[command],
            &["journal.ndjson", "is damaged", "left as they are"],
        );
    }
    shop.with_file(STATE, &half(STATE), &["status"], &["state.json", "is damaged"]);
    shop.with_file(DEPLOYED, "{}", &["deploy"], &["dev.json"]);
    shop.with_file(DEPLOYED, &half(DEPLOYED), &["url"], &["dev.json"]);
    let mut newer: Value = serde_json::from_str(&shop.stand.project.read(STATE)).unwrap();
    assert!(newer["schema"].is_u64(), "{newer}");
    newer["schema"] = 999.into();
    shop.with_file(
        STATE,
        &newer.to_string(),
        &["deploy"],
        &["state.json", "999", "newer grail"],
    );
}

#[test]
fn a_stage_that_somebody_works_on_is_left_to_them() {
    let stand = Stand::with_the_shop_open();
    stand.project.edit("app.py", "'shop': 'open'", "'shop': 'closed'");
    // The first deployment waits here until two more calls of this kind have come: its own second, and the test's.
    let gate = stand.proxy.hold(On::operation("UpdateFunctionCode"), 3);
    let first = stand.grail.start(&["deploy"]);
    while stand.proxy.calls().named("UpdateFunctionCode").len() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let memory = stand.memory();
    for command in ["deploy", "delete", "rollback"] {
        let run = stand.grail.run(&[command]).expect_code(5);
        assert_says(
            &run,
            &["the stage is locked by", "grail deploy", "wait until it is done"],
        );
    }
    let run = stand.grail.run(&["deploy", "--output", "json"]).expect_code(5);
    assert_eq!(run.events()[0]["exit"], 5, "{run}");
    // Looking is free.
    let status = stand.grail.run(&["status"]);
    assert!(status.stdout.contains("locked by"), "{status}");
    assert_eq!(stand.memory(), memory);
    assert_eq!(stand.proxy.calls().writes().len(), 2);

    let account = Account::at(&stand.proxy.endpoint());
    let nobody = account
        .lambda()
        .update_function_code()
        .function_name("nobody")
        .s3_bucket("b")
        .s3_key("k");
    block_on(nobody.send()).unwrap_err();
    gate.assert_met();
    first.wait().expect_success();
    stand.deploy();
}
