//! Settings whose type is right and whose value AWS does not take: found by `plan`, at the setting's place.

use super::Fresh;

const WORK: &str = "@app.lambda_function()\ndef work(event, context):\n    pass\n";

#[test]
fn a_retention_that_does_not_exist_is_named_at_its_setting() {
    let config = "{\n \"app_name\": \"late\",\n \"stages\": {\n  \"dev\": {\n   \"log_retention_in_days\": 4\n  }\n }\n}\n";
    Fresh::new(WORK, config).refused(&[
        "`log_group.work-log-group` is not valid: retention_days: 4 is no period that CloudWatch Logs knows (1, 3, 5, 7,",
        "at .chalice/config.json:5",
    ]);
}
