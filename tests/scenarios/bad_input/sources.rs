//! Event sources that are not there, are none, or stand in each other's way: found by `plan`, at the decorator's line.

use grail_tests::account::sdk::s3::types::{
    Event, FilterRule, FilterRuleName, NotificationConfiguration, NotificationConfigurationFilter,
    QueueConfiguration, S3KeyFilter,
};
use grail_tests::runtime::block_on;

use super::Fresh;

/// A handler under this decorator: three lines and two blank ones.
fn handler(decorator: &str, name: &str) -> String {
    format!("@app.{decorator}\ndef {name}(event):\n    pass\n\n\n")
}

#[test]
fn a_missing_bucket_is_named_at_its_decorator() {
    let lines = handler("on_s3_event('albums')", "there") + &handler("on_s3_event('photos')", "gone");
    let fresh = Fresh::with_lines(&lines);
    fresh.account.make_bucket("albums");
    fresh.refused(&[
        "`s3_notification.photos`",
        "there is no bucket `photos`",
        "at app.py:11",
    ]);
}

#[test]
fn a_missing_topic_is_named_at_its_decorator() {
    let lines = handler("on_sns_message('news')", "there")
        + &handler("on_sns_message('weather')", "named")
        + &handler(
            "on_sns_message('arn:aws:sns:us-east-1:123456789012:tides')",
            "by_arn",
        );
    let fresh = Fresh::with_lines(&lines);
    fresh.account.make_topic("news");
    fresh.refused(&[
        "there is no topic arn:aws:sns:us-east-1:123456789012:weather: a project names its topics and does not make them",
        "at app.py:11",
        "there is no topic arn:aws:sns:us-east-1:123456789012:tides",
        "at app.py:16",
    ]);
}

#[test]
fn a_missing_queue_is_named_at_its_decorator() {
    let lines = handler("on_sqs_message('grain')", "there")
        + &handler("on_sqs_message('flour')", "named")
        + &handler(
            "on_sqs_message(queue_arn='arn:aws:sqs:us-east-1:123456789012:bran')",
            "by_arn",
        );
    let fresh = Fresh::with_lines(&lines);
    fresh.account.make_queue("grain");
    fresh.refused(&[
        "there is no queue `flour` in us-east-1",
        "at app.py:11",
        "there is no queue `bran` in us-east-1",
        "at app.py:16",
    ]);
}

#[test]
fn a_missing_stream_is_named_at_its_decorator() {
    let old = "arn:aws:dynamodb:us-east-1:123456789012:table/fees/stream/2020-01-01T00:00:00.000";
    let lines = handler("on_kinesis_record('boats')", "there")
        + &handler("on_kinesis_record('fish')", "gone")
        + &handler(&format!("on_dynamodb_record('{old}')"), "old");
    let fresh = Fresh::with_lines(&lines);
    fresh.account.make_stream("boats");
    fresh.refused(&[
        "there is no Kinesis stream `fish` in us-east-1",
        "at app.py:11",
        "the table `fees` has no such stream in us-east-1",
        "at app.py:16",
    ]);
}

#[test]
fn an_arn_of_something_else_or_of_somewhere_else_is_named_at_its_decorator() {
    let lines = handler(
        "on_sqs_message(queue_arn='arn:aws:sns:us-east-1:123456789012:grain')",
        "topic",
    ) + &handler(
        "on_sqs_message(queue_arn='arn:aws:sqs:eu-west-1:123456789012:grain')",
        "far",
    ) + &handler(
        "on_dynamodb_record('arn:aws:dynamodb:us-east-1:123456789012:table/prices')",
        "table",
    ) + &handler("on_sns_message('arn:aws:sns:us-east-1:12:news')", "nobody")
        + &handler(
            "on_sns_message('arn:aws:sns:us-east-1:123456789012:news.fifo')",
            "in_line",
        );
    // What shows by itself is told before anything outside is asked for.
    Fresh::with_lines(&lines).refused(&[
        "`arn:aws:sns:us-east-1:123456789012:grain` is no ARN of a queue (arn:aws:sqs:REGION:ACCOUNT:NAME)",
        "at app.py:6",
        "is no ARN of a table's stream",
        "at app.py:16",
        "is not a topic's ARN: region or account are missing or wrong",
        "at app.py:21",
        "is a FIFO topic, which delivers to queues only",
        "at app.py:26",
    ]);
    let far = handler(
        "on_sqs_message(queue_arn='arn:aws:sqs:eu-west-1:123456789012:grain')",
        "far",
    );
    Fresh::with_lines(&far).refused(&[
        "is in the region eu-west-1, and a function can only be fed from its own, us-east-1",
        "at app.py:6",
    ]);
}

#[test]
fn notifications_of_ours_that_overlap_are_named_at_the_later_decorator() {
    let lines = handler("on_s3_event('albums', prefix='in/')", "all_that_comes")
        + &handler("on_s3_event('albums', prefix='out/')", "what_goes")
        + &handler(
            "on_s3_event('albums', prefix='in/raw/', suffix='.jpg')",
            "pictures",
        );
    let fresh = Fresh::with_lines(&lines);
    fresh.account.make_bucket("albums");
    fresh.refused(&[
        "`pictures-s3event` and `all_that_comes-s3event` overlap: they share events and objects of the bucket `albums`, and S3 \
         allows one destination for each",
        "at app.py:16",
    ]);
}

#[test]
fn a_notification_that_overlaps_a_foreign_one_is_named_at_its_decorator() {
    let lines = handler("on_s3_event('albums', prefix='in/')", "fits")
        + &handler(
            "on_s3_event('albums', prefix='audit/', events=['s3:ObjectCreated:Put'])",
            "in_the_way",
        );
    let fresh = Fresh::with_lines(&lines);
    fresh.account.make_bucket("albums");
    let queue = fresh.account.make_queue("auditors");
    let prefix = FilterRule::builder()
        .name(FilterRuleName::Prefix)
        .value("audit/")
        .build();
    let key = S3KeyFilter::builder().filter_rules(prefix).build();
    let theirs = QueueConfiguration::builder()
        .id("audit")
        .queue_arn(&queue)
        .events(Event::S3ObjectCreated)
        .filter(NotificationConfigurationFilter::builder().key(key).build());
    let theirs = NotificationConfiguration::builder()
        .queue_configurations(theirs.build().unwrap())
        .build();
    let s3 = fresh.account.s3();
    let put = s3
        .put_bucket_notification_configuration()
        .bucket("albums")
        .notification_configuration(theirs);
    block_on(put.send()).unwrap();
    let before = fresh.stand.world();
    fresh.refused(&[
        "`s3_notification.albums`",
        &format!("the notification `audit` of the bucket `albums` to {queue} is about some of the same events and objects"),
        "at app.py:11",
    ]);
    fresh.stand.world().assert_untouched_since(&before);
}

#[test]
fn a_schedule_that_is_none_is_named_at_its_decorator() {
    let lines = handler("schedule('rate(5 minutes)')", "good")
        + &handler("schedule('rate(1 minutes)')", "many")
        + &handler("schedule('cron(0 25 * * ? *)')", "late")
        + &handler("schedule('every day')", "words");
    Fresh::with_lines(&lines).refused(&[
        "`event_rule.many-event` is not valid: schedule:",
        "rate(1 minutes)",
        "at app.py:11",
        "`event_rule.late-event` is not valid: schedule:",
        "at app.py:16",
        "`event_rule.words-event` is not valid: schedule:",
        "at app.py:21",
    ]);
}
