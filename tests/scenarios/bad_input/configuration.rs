//! A `config.json` that cannot be used as it is.

use serde_json::json;

use super::{CONFIG, Spoilt, assert_says};
use crate::stand::Stand;

#[test]
fn a_configuration_that_cannot_be_read_is_shown_where_it_breaks() {
    let shop = Spoilt::shop();
    shop.with_edit(
        CONFIG,
        ("\"app_name\": \"shop\",", "\"app_name\": \"shop\""),
        &[".chalice/config.json:4:3"],
    );
    shop.with_file(CONFIG, "", &["deploy"], &[".chalice/config.json"]);
    shop.with_file(CONFIG, "[]", &["deploy"], &[".chalice/config.json"]);
    shop.with_edit(
        CONFIG,
        ("\"GREETING\": \"welcome\"", "\"GREETING\": 4711"),
        &[
            ".chalice/config.json:8:21",
            "`GREETING` in `environment_variables`: expected a string, found a number",
        ],
    );
    shop.with_edit(
        CONFIG,
        ("app_name", "app_nam"),
        &["`app_name` is missing", "rename `app_nam` to `app_name`"],
    );
    shop.with_setting(
        "lambda_timeout",
        json!("sixty"),
        &[
            ".chalice/config.json:",
            "`lambda_timeout`: expected a whole number, found a string",
        ],
    );
    shop.with_setting(
        "manage_iam_role",
        json!(false),
        &[
            ".chalice/config.json:",
            "`manage_iam_role` is false, and no `iam_role_arn` is given",
            "give the ARN",
        ],
    );
    // All problems at once.
    let both = "{\n \"app_name\": \"shop\",\n \"lambda_memory_size\": \"big\",\n \"xray\": 1\n}\n";
    let says = [
        "config.json:3:24",
        "`lambda_memory_size`",
        "config.json:4:10",
        "`xray`",
    ];
    shop.with_file(CONFIG, both, &["deploy"], &says);
    // And every command says the same.
    for command in ["plan", "validate", "delete", "status"] {
        shop.with_file(CONFIG, "{", &[command], &[".chalice/config.json:1:"]);
    }
    std::fs::remove_file(shop.stand.project.root().join(CONFIG)).unwrap();
    shop.refused(&["deploy"], &[".chalice/config.json", "--project-dir"]);
}

#[test]
fn an_unknown_key_is_warned_of_with_a_suggestion_and_the_deployment_goes_on() {
    let stand = Stand::with_the_shop_open();
    stand
        .project
        .configure(|config| config["stages"]["dev"]["lambda_memry_size"] = 256.into());
    let (run, calls) = stand.run(&["deploy"]);
    let run = run.expect_success();
    assert_says(
        &run,
        &[
            "unknown key `lambda_memry_size`",
            "did you mean `lambda_memory_size`?",
            ".chalice/config.json:9:7",
        ],
    );
    assert!(calls.writes().is_empty(), "{:?}", calls.names());
    assert!(!run.stdout.contains("lambda_memry_size"), "{run}");
    stand.project.configure(|config| {
        config["stages"]["dev"]["lambda_functions"]["dor"] = json!({ "lambda_timeout": 5 });
    });
    let run = stand.grail.run(&["validate"]).expect_success();
    assert_says(&run, &["`lambda_functions` names `dor`", "did you mean `door`?"]);
}
