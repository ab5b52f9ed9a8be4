//! What Touchdown and Runhouse let their users declare, row by row: the key of a manifest that says it, and what is wished for
//! then. Rows that grail answers otherwise stand in `docs/touchdown-and-runhouse.md` with the reason.

use super::*;

/// The form of the function `work` of which this is said.
fn work(said: &str) -> Value {
    let text = format!(
        "grail: 1\napp: shop\nfunctions:\n  work:\n    runtime: python3.12\n    handler: main.handler\n    code: src\n{said}"
    );
    form_of(&wished(&text, "dev"), "lambda_function.work")
}

fn ids_of(said: &str) -> Vec<String> {
    let text = format!(
        "grail: 1\napp: shop\nfunctions:\n  work:\n    runtime: python3.12\n    handler: main.handler\n    code: src\n{said}"
    );
    ids(&wished(&text, "dev"))
}

#[test]
fn touchdown_name() {
    assert_eq!(work("    name: given\n")["name"], "given");
    assert_eq!(work("")["name"], "shop-dev-work");
}

#[test]
fn touchdown_description() {
    assert_eq!(work("    description: works\n")["description"], "works");
}

#[test]
fn touchdown_timeout() {
    assert_eq!(work("    timeout: 300\n")["timeout"], 300);
}

#[test]
fn touchdown_runtime() {
    assert_eq!(work("")["runtime"], "python3.12");
}

#[test]
fn touchdown_handler() {
    assert_eq!(work("")["handler"], "main.handler");
}

#[test]
fn touchdown_role() {
    let arn = "arn:aws:iam::123456789012:role/lent";
    assert_eq!(work(&format!("    role: {arn}\n"))["role"], arn);
    let declared = work(
        "    role: ${roles.clerk.arn}\nroles:\n  clerk: {statements: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}\n",
    );
    assert_eq!(declared["role"], "iam_role.clerk/arn");
}

#[test]
fn touchdown_memory() {
    assert_eq!(work("    memory: 1536\n")["memory"], 1536);
}

#[test]
fn touchdown_code() {
    // The package of the tests stands for the text, as for every other code.
    let text = "grail: 1\napp: shop\nfunctions:\n  work:\n    runtime: python3.12\n    handler: main.fn\n    code: {inline: \"def fn(event, context): pass\"}\n";
    let form = form_of(&wished(text, "dev"), "lambda_function.work");
    assert_eq!(form["code"]["content"], "c0");
}

#[test]
fn touchdown_s3_file() {
    let text = "grail: 1\napp: shop\nfunctions:\n  work:\n    runtime: python3.12\n    handler: main.fn\n    code: {s3: {bucket: builds, key: work.zip, version: v2}}\n";
    let form = form_of(&wished(text, "dev"), "lambda_function.work");
    assert_eq!(
        form["code"]["object"],
        json!({"bucket": "builds", "key": "work.zip", "version": "v2"})
    );
}

#[test]
fn touchdown_security_groups_and_subnets() {
    let form = work("    vpc: {subnets: [subnet-1], security_groups: [sg-1]}\n");
    assert_eq!(
        form["vpc"],
        json!({"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]})
    );
}

#[test]
fn touchdown_arn() {
    let text = "grail: 1\napp: shop\ndefaults: {runtime: python3.12, handler: main.handler, code: src}\nfunctions:\n  work: {}\n  other:\n    environment: {WORK: '${functions.work.arn}'}\n";
    let form = form_of(&wished(text, "dev"), "lambda_function.other");
    assert_eq!(form["environment"]["WORK"], "lambda_function.work/arn");
}

#[test]
fn touchdown_add_permission_and_notify_lambda() {
    let ids = ids_of("    events: [{s3: {bucket: goods, prefix: in/, suffix: .csv}}]\n");
    assert!(ids.contains(&"lambda_permission.work/s3".to_owned()), "{ids:?}");
    assert!(ids.contains(&"s3_notification.goods".to_owned()), "{ids:?}");
}

#[test]
fn touchdown_topic_notify() {
    let ids = ids_of("    events: [{sns: news}]\n");
    assert!(
        ids.iter().any(|id| id.starts_with("sns_subscription.")),
        "{ids:?}"
    );
}

#[test]
fn touchdown_event_rule() {
    let text = "grail: 1\napp: shop\ndefaults: {runtime: python3.12, handler: main.handler, code: src}\nfunctions:\n  work:\n    events: [{schedule: {expression: rate(1 hour), rule: hourly, description: ticks, enabled: false}}]\n";
    let form = form_of(&wished(text, "dev"), "event_rule.work-event");
    assert_eq!(
        (
            &form["name"],
            &form["schedule"],
            &form["description"],
            &form["enabled"]
        ),
        (
            &json!("hourly"),
            &json!("rate(1 hour)"),
            &json!("ticks"),
            &json!(false)
        )
    );
}

#[test]
fn runhouse_name_and_handler_function_name() {
    let form = work("    name: given\n");
    assert_eq!(
        (&form["name"], &form["handler"]),
        (&json!("given"), &json!("main.handler"))
    );
}

#[test]
fn runhouse_paths_to_code_and_reqs() {
    let text = "grail: 1\napp: shop\nfunctions:\n  work:\n    runtime: python3.12\n    handler: main.handler\n    code: {python: {files: [src/main.py], requirements: [requests]}}\n";
    let form = form_of(&wished(text, "dev"), "lambda_function.work");
    assert_eq!(form["code"]["content"], "c0");
}

#[test]
fn runhouse_runtime_is_refused_and_not_replaced() {
    let text =
        "grail: 1\napp: shop\nfunctions:\n  work: {runtime: pyhton3.12, handler: main.handler, code: src}\n";
    let said = told(&read_text(text, "dev").unwrap_err());
    assert!(said.contains("is no runtime of Lambda"), "{said}");
}

#[test]
fn runhouse_timeout_memory_size_and_tmp_size_are_taken_as_they_are_said() {
    let form = work("    timeout: 3\n    memory: 128\n    ephemeral_storage: 512\n");
    assert_eq!(
        (&form["timeout"], &form["memory"], &form["ephemeral_storage"]),
        (&json!(3), &json!(128), &json!(512))
    );
}

#[test]
fn runhouse_retention_time() {
    let text = "grail: 1\napp: shop\nfunctions:\n  work: {runtime: python3.12, handler: main.handler, code: src, log_retention: 30}\n";
    let form = form_of(&wished(text, "dev"), "log_group.work-log-group");
    assert_eq!(
        form,
        json!({"name": "/aws/lambda/shop-dev-work", "retention_days": 30})
    );
}

#[test]
fn runhouse_env_vars_are_all_kept() {
    let form = work("    environment: {ONE: a, TWO: b}\n");
    assert_eq!(form["environment"], json!({"ONE": "a", "TWO": "b"}));
}

#[test]
fn runhouse_default_policy_is_as_narrow_as_what_the_function_needs() {
    let text =
        "grail: 1\napp: shop\nfunctions:\n  work: {runtime: python3.12, handler: main.handler, code: src}\n";
    let role = form_of(&wished(text, "dev"), "iam_role.work_role").to_string();
    assert!(!role.contains("\"*\"") && !role.contains(":*\"]"), "{role}");
}
