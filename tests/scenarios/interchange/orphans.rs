//! What a deployment by Chalice leaves that fails in the middle: things in the account that no file records.

use grail_tests::fixtures::{self, Fixture};
use grail_tests::proxy::On;

use super::stand::Stand;

/// Chalice fails in the middle and records nothing; grail takes over what nobody records.
///
/// `on` is the call at which Chalice fails; `left` are some of the things that it has made by then.
fn after_a_failure(fixture: Fixture, stage: &'static str, on: On, left: &[(&str, &str)]) {
    let stand = Stand::new(fixture, stage);
    stand.fails_in_chalice(on);
    let orphans = stand.world().names();
    assert!(
        !orphans["functions"].is_empty(),
        "no function was to be taken over"
    );
    for (section, name) in left {
        assert!(
            orphans[*section].iter().any(|found| found == name),
            "{section} {name} was to be left: {orphans:#?}"
        );
    }
    stand.writes_of(&["deploy"]);
    let writes = stand.proxy.calls().writes();
    assert_eq!(
        writes.named("UpdateFunctionCode").names(),
        [""; 0],
        "equal code is uploaded"
    );
    for (operation, field, section) in [
        ("CreateRole", "RoleName", "roles"),
        ("PutRolePolicy", "RoleName", "roles"),
        ("CreateFunction", "FunctionName", "functions"),
        ("ImportRestApi", "title", "rest_apis"),
        ("CreateApi", "name", "websocket_apis"),
        ("CreateDomainName", "domainName", "domains"),
    ] {
        for call in writes.named(operation).iter() {
            let name = [&call.body, &call.body["info"]]
                .iter()
                .find_map(|body| body[field].as_str())
                .unwrap_or_else(|| panic!("{operation} names nothing: {}", call.body));
            assert!(
                !orphans[section].iter().any(|orphan| orphan == name),
                "{operation} of {name}, which was there"
            );
        }
    }
    stand.is_as_deployed_at_once();
    stand.is_at_rest();
    stand.deletes();
}

#[test]
fn a_role_and_a_function_that_nobody_records_are_taken_over() {
    let left = [("roles", "notes-dev"), ("functions", "notes-dev")];
    after_a_failure(fixtures::REST, "dev", On::operation("ImportRestApi"), &left);
}

#[test]
fn an_api_that_nobody_records_is_taken_over() {
    let left = [("functions", "vault-regional"), ("rest_apis", "vault")];
    let on = On::operation("CreateDeployment");
    after_a_failure(fixtures::REST_AUTH, "regional", on, &left);
}

#[test]
fn some_of_many_functions_that_nobody_records_are_taken_over() {
    let on = On::operation("CreateRole").nth(3);
    after_a_failure(fixtures::BLUEPRINTS, "dev", on, &[]);
}

#[test]
fn a_rule_that_nobody_records_is_taken_over() {
    let left = [
        ("rules", "timer-dev-hourly-event"),
        ("rules", "timer-dev-pulse-event"),
    ];
    after_a_failure(fixtures::SCHEDULES, "dev", On::operation("PutRule").nth(3), &left);
}

#[test]
fn notifications_that_nobody_records_are_taken_over() {
    let on = On::operation("PutBucketNotificationConfiguration").nth(3);
    after_a_failure(fixtures::BUCKETS, "dev", on, &[("functions", "album-dev-forget")]);
}

#[test]
fn subscriptions_that_nobody_records_are_taken_over() {
    const LEFT: &str = "arn:aws:sns:us-east-1:123456789012:herald-news to \
                        arn:aws:lambda:us-east-1:123456789012:function:herald-dev-reader";
    let on = On::operation("Subscribe").nth(3);
    after_a_failure(fixtures::TOPICS, "dev", on, &[("subscriptions", LEFT)]);
}

#[test]
fn mappings_of_queues_that_nobody_records_are_taken_over() {
    const LEFT: &str = "arn:aws:sqs:us-east-1:123456789012:mill-flour to \
                        arn:aws:lambda:us-east-1:123456789012:function:mill-dev-baker";
    let on = On::operation("CreateEventSourceMapping").nth(3);
    after_a_failure(fixtures::QUEUES, "dev", on, &[("event_sources", LEFT)]);
}

#[test]
fn mappings_of_streams_that_nobody_records_are_taken_over() {
    let on = On::operation("CreateEventSourceMapping").nth(4);
    after_a_failure(
        fixtures::STREAMS,
        "dev",
        on,
        &[("functions", "river-dev-warning")],
    );
}

#[test]
fn a_websocket_api_with_half_its_routes_that_nobody_records_is_taken_over() {
    let left = [("websocket_apis", "chat-dev-websocket-api")];
    after_a_failure(
        fixtures::WEBSOCKET,
        "dev",
        On::operation("CreateRoute").nth(3),
        &left,
    );
}

#[test]
fn a_websocket_api_without_a_stage_that_nobody_records_is_taken_over() {
    let left = [("websocket_apis", "chat-dev-websocket-api")];
    after_a_failure(fixtures::WEBSOCKET, "dev", On::operation("CreateStage"), &left);
}

#[test]
fn a_mapped_domain_that_nobody_records_is_taken_over() {
    let left = [("domains", "shop.window.example.com"), ("rest_apis", "window")];
    after_a_failure(fixtures::DOMAINS, "prod", On::operation("CreateApi"), &left);
}

#[test]
fn a_layer_that_a_function_of_ours_uses_is_taken_over() {
    let left = [("layers", "post-dev-managed-layer")];
    after_a_failure(
        fixtures::LAYERED,
        "dev",
        On::operation("CreateFunction").nth(2),
        &left,
    );
}

/// A version of a layer bears no mark of Chalice's, and a name alone is no proof: the one that nothing of ours uses is left as
/// it is.
#[test]
fn a_layer_that_nobody_records_or_uses_is_left_alone() {
    let stand = Stand::new(fixtures::LAYERED, "dev");
    stand.fails_in_chalice(On::operation("CreateFunction").nth(1));
    let versions = || stand.world().exact()["layers"]["post-dev-managed-layer"]["versions"].clone();
    let left = versions();
    assert_eq!(left.as_array().map(Vec::len), Some(1), "{left:#}");
    stand.writes_of(&["deploy", "--adopt", "default-role"]);
    assert_eq!(
        (&versions()[0], versions().as_array().map(Vec::len)),
        (&left[0], Some(2))
    );
    stand.is_at_rest();
    stand.writes_of(&["delete"]);
    assert_eq!(versions(), left);
}

/// Nothing shows that a role without a function is ours: its name alone is no proof.
#[test]
fn a_role_alone_is_taken_over_when_the_user_says_so() {
    let stand = Stand::new(fixtures::FUNCTIONS, "dev");
    stand.fails_in_chalice(On::operation("CreateFunction").nth(1));
    let left = stand.world();
    assert_eq!(left.names()["roles"], ["jobs-dev"]);

    stand.proxy.forget_calls();
    let refused = stand.grail().run(&["deploy", "--stage", "dev"]).expect_code(1);
    assert!(refused.stderr.contains("default-role"), "{refused}");
    assert!(refused.stderr.contains("--adopt"), "{refused}");
    assert_eq!(stand.proxy.calls().writes().names(), [""; 0], "{refused}");
    stand.world().assert_untouched_since(&left);

    let writes = stand.writes_of(&["deploy", "--adopt", "default-role"]);
    assert!(!writes.iter().any(|name| name == "CreateRole"), "{writes:#?}");
    stand.is_as_deployed_at_once();
    stand.is_at_rest();
    stand.deletes();
}
