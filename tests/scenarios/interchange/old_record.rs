//! Projects that Chalice before 1.2.0 deployed last: one file for all stages, without roles and URLs.

use grail_tests::REGION;
use grail_tests::fixtures;
use grail_tests::project::Project;
use serde_json::{Value, json};

use super::stand::Stand;
use super::story::{PUT, PUTS_API};

/// Where Chalice before 1.2.0 kept its record.
const OLD: &str = ".chalice/deployed.json";

/// Rewrites Chalice's record as Chalice before 1.2.0 had it.
fn in_the_old_form(project: &Project, stage: &str, function: fn(&str) -> Value) {
    let record = project.deployed(stage);
    let mut old = json!({
        "api_handler_name": "vault-dev",
        "api_gateway_stage": "api",
        "backend": "api",
        "chalice_version": "1.1.1",
        "lambda_functions": {},
        "region": REGION,
    });
    for resource in record["resources"].as_array().into_iter().flatten() {
        let arn = resource["lambda_arn"].as_str().unwrap_or_default();
        match (resource["resource_type"].as_str(), resource["name"].as_str()) {
            (Some("rest_api"), _) => old["rest_api_id"] = resource["rest_api_id"].clone(),
            (_, Some("api_handler")) => old["api_handler_arn"] = json!(arn),
            (Some("lambda_function"), _) => {
                let name = arn.rsplit(':').next().unwrap_or_default();
                old["lambda_functions"][name] = function(arn);
            }
            _ => {}
        }
    }
    project.remove(&format!(".chalice/deployed/{stage}.json"));
    project.write(
        ".chalice/deployed.json",
        &format!("{:#}\n", json!({ stage: old })),
    );
}

/// A project that Chalice before 1.2.0 deployed last.
fn from_the_old_form(function: fn(&str) -> Value) {
    let stand = Stand::new(fixtures::REST_AUTH, "dev");
    stand.chalice().deploy(stand.stage);
    let (record, names) = (stand.record(), stand.world().names());
    in_the_old_form(&stand.project, stand.stage, function);
    let old = stand.project.read(OLD);

    assert_eq!(stand.plan(), PUTS_API);
    stand.deploys_with(&PUT);
    assert_eq!(
        stand.record(),
        record,
        "the new file is not what Chalice would have written"
    );
    assert_eq!(stand.project.read(OLD), old, "the old file was touched");
    stand.holds(&names);
    stand.urls();
    stand.deletes();
    assert_eq!(stand.project.read(OLD), old, "the old file was touched");
}

#[test]
fn a_record_of_chalice_before_1_2_is_enough() {
    from_the_old_form(|arn| json!({ "arn": arn, "type": "authorizer" }));
}

#[test]
fn a_record_of_chalice_0_10_is_enough() {
    from_the_old_form(|arn| json!(arn));
}
