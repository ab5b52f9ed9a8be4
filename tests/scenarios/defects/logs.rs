//! The log groups of functions.

use grail_tests::runtime::block_on;
use serde_json::json;

use super::{ROUTE, WORK, project};
use crate::ground::Ground;

/// Every group and its retention.
fn groups(ground: &Ground) -> Vec<(String, Option<i32>)> {
    let listed = block_on(ground.account.logs().describe_log_groups().send()).unwrap();
    let groups = listed.log_groups().iter();
    groups
        .map(|group| {
            (
                group.log_group_name().unwrap_or_default().to_owned(),
                group.retention_in_days(),
            )
        })
        .collect()
}

/// Chalice sets the retention of a group that nothing writes to.
#[test]
fn api_handler_log_group() {
    let ground = Ground::new(project(ROUTE));
    ground
        .project
        .configure(|config| config["log_retention_in_days"] = json!(7));
    ground.deploy();
    assert_eq!(groups(&ground), [("/aws/lambda/mended-dev".to_owned(), Some(7))]);
    let recorded = ground.project.recorded("dev", "api_handler-log-group");
    assert_eq!(recorded["log_group_name"], "/aws/lambda/mended-dev");
}

/// To Chalice the group of `workshop` is that of `work`; then it sets the retention of a group that is not there.
#[test]
fn group_with_a_longer_name() {
    let ground = Ground::new(project(WORK));
    ground
        .project
        .configure(|config| config["log_retention_in_days"] = json!(7));
    let other = "/aws/lambda/mended-dev-workshop";
    block_on(
        ground
            .account
            .logs()
            .create_log_group()
            .log_group_name(other)
            .send(),
    )
    .unwrap();
    ground.deploy();
    let ours = ("/aws/lambda/mended-dev-work".to_owned(), Some(7));
    assert_eq!(groups(&ground), [ours, (other.to_owned(), None)]);
    ground.assert_at_rest();
}
