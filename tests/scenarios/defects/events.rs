//! What calls functions from outside.

use grail_tests::account::sdk::events::types::Target;
use grail_tests::account::sdk::s3::types::{Event, LambdaFunctionConfiguration, NotificationConfiguration};
use grail_tests::runtime::block_on;
use serde_json::Value;

use super::{handler, project};
use crate::ground::Ground;

/// What the only event source mapping is, and its form.
fn mapping(ground: &Ground) -> (String, Value) {
    let world = ground.world();
    let mappings = world.section("event_sources");
    let mappings = mappings.as_object().unwrap();
    assert_eq!(mappings.len(), 1, "{mappings:?}");
    let (what, form) = mappings.iter().next().unwrap();
    (what.clone(), form.clone())
}

/// Chalice takes the recorded stream for the wanted one, for ever.
#[test]
fn another_stream_of_a_table() {
    let tables = ["prices", "offers"];
    let ground = Ground::new(project(""));
    let streams = tables.map(|table| ground.account.make_table(table));
    let app =
        |stream: &str| project(&handler(&format!("on_dynamodb_record('{stream}')"), "seen")).read("app.py");
    ground.project.write("app.py", &app(&streams[0]));
    ground.deploy();
    let (what, form) = mapping(&ground);
    assert!(what.contains("stream of prices"), "{what} {form}");
    ground.project.write("app.py", &app(&streams[1]));
    ground.deploy();
    let (what, form) = mapping(&ground);
    assert!(what.contains("stream of offers"), "{what} {form}");
    ground.assert_at_rest();
}

/// Chalice leaves the limit out of what it sends, and AWS keeps what is there.
#[test]
fn maximum_concurrency_that_was_taken_away() {
    let ground = Ground::new(project(&handler(
        "on_sqs_message('grain', maximum_concurrency=5)",
        "mill",
    )));
    ground.account.make_queue("grain");
    ground.deploy();
    assert_eq!(mapping(&ground).1["maximum_concurrency"], 5);
    ground.project.edit("app.py", ", maximum_concurrency=5", "");
    ground.deploy();
    assert_eq!(mapping(&ground).1["maximum_concurrency"], Value::Null);
    ground.assert_at_rest();
}

/// Chalice leaves a mapping that somebody switched off as it is, without a word.
#[test]
fn mapping_that_was_disabled_by_hand() {
    let ground = Ground::new(project(&handler("on_sqs_message('grain')", "mill")));
    ground.account.make_queue("grain");
    ground.deploy();
    let id = ground.project.recorded("dev", "mill-sqs-event-source")["event_uuid"].clone();
    let lambda = ground.account.lambda();
    let off = lambda
        .update_event_source_mapping()
        .uuid(id.as_str().unwrap())
        .enabled(false);
    block_on(off.send()).unwrap();
    let plan = ground.run(&["plan"]).expect_success();
    assert!(
        plan.stdout.contains("changed outside") || plan.stderr.contains("changed outside"),
        "{plan}"
    );
    let calls = ground.deploy();
    assert_eq!(calls.writes().names(), ["UpdateEventSourceMapping"]);
    ground.assert_at_rest();
}

/// Chalice subscribes to a topic given by its ARN at every deploy, and records what it got.
#[test]
fn topic_given_by_its_arn() {
    let arn = "arn:aws:sns:us-east-1:123456789012:news";
    let ground = Ground::new(project(&handler(&format!("on_sns_message('{arn}')"), "told")));
    ground.account.make_topic("news");
    assert_eq!(ground.deploy().named("Subscribe").len(), 1);
    ground.project.edit("app.py", "    pass", "    return 1");
    assert_eq!(ground.deploy().named("Subscribe").len(), 0);
    ground.assert_at_rest();
}

/// Two notifications of one function both become the wanted one in Chalice, which S3 refuses from then on.
#[test]
fn two_notifications_of_one_function() {
    let ground = Ground::new(project(&handler("on_s3_event('albums', prefix='in/')", "seen")));
    ground.account.make_bucket("albums");
    ground.deploy();
    let function = "arn:aws:lambda:us-east-1:123456789012:function:mended-dev-seen";
    let s3 = ground.account.s3();
    let ours = block_on(s3.get_bucket_notification_configuration().bucket("albums").send()).unwrap();
    let ours = ours.lambda_function_configurations()[0].clone();
    let second = LambdaFunctionConfiguration::builder()
        .id("by-hand")
        .lambda_function_arn(function)
        .events(Event::S3ObjectRemoved)
        .build()
        .unwrap();
    let both = NotificationConfiguration::builder()
        .lambda_function_configurations(ours)
        .lambda_function_configurations(second)
        .build();
    let put = s3
        .put_bucket_notification_configuration()
        .bucket("albums")
        .notification_configuration(both);
    block_on(put.send()).unwrap();
    ground.project.edit("app.py", "in/", "new/");
    ground.deploy();
    let left = block_on(s3.get_bucket_notification_configuration().bucket("albums").send()).unwrap();
    assert_eq!(left.lambda_function_configurations().len(), 1, "{left:?}");
    ground.assert_at_rest();
}

/// Chalice writes one handler's filter while the other still has it, and S3 refuses.
#[test]
fn handlers_that_swap_their_filters() {
    let lines = |one: &str, two: &str| {
        let decorator = |prefix: &str| format!("on_s3_event('albums', prefix='{prefix}')");
        project(&(handler(&decorator(one), "first") + &handler(&decorator(two), "second"))).read("app.py")
    };
    let ground = Ground::new(project(""));
    ground.account.make_bucket("albums");
    ground.project.write("app.py", &lines("in/", "out/"));
    ground.deploy();
    ground.project.write("app.py", &lines("out/", "in/"));
    let calls = ground.deploy();
    assert_eq!(calls.named("PutBucketNotificationConfiguration").len(), 1);
    ground.assert_at_rest();
}

/// Chalice enables a rule that somebody switched off without a word; here it is told before it is done.
#[test]
fn rule_that_was_disabled_by_hand() {
    let ground = Ground::new(project(&handler("schedule('rate(5 minutes)')", "tick")));
    ground.deploy();
    let events = ground.account.events();
    block_on(events.disable_rule().name("mended-dev-tick-event").send()).unwrap();
    let plan = ground.run(&["plan"]).expect_success();
    assert!(
        plan.stdout.contains("changed outside") || plan.stderr.contains("changed outside"),
        "{plan}"
    );
    let calls = ground.deploy();
    assert_eq!(calls.writes().names(), ["PutRule"]);
    assert_eq!(
        ground.world().section("rules")["mended-dev-tick-event"]["state"],
        "ENABLED"
    );
    ground.assert_at_rest();
}

/// Chalice cannot delete a rule with a target of somebody else's, and stops there.
#[test]
fn foreign_targets_of_a_rule() {
    let ground = Ground::new(project(&handler("schedule('rate(5 minutes)')", "tick")));
    ground.deploy();
    let queue = ground.account.make_queue("audit");
    let target = Target::builder().id("audit").arn(queue).build().unwrap();
    let put = ground
        .account
        .events()
        .put_targets()
        .rule("mended-dev-tick-event")
        .targets(target);
    block_on(put.send()).unwrap();
    ground.assert_at_rest();
    ground.run(&["delete"]).expect_success();
    let world = ground.world();
    let targets = world.section("rules")["mended-dev-tick-event"]["targets"].clone();
    let ids: Vec<_> = targets.as_object().unwrap().keys().cloned().collect();
    assert_eq!(ids, ["audit"]);
    assert_eq!(
        (world.names()["functions"].len(), world.names()["roles"].len()),
        (0, 0)
    );
}
