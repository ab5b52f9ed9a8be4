//! Things of others in the account: none of them may be touched by anything that happens to ours.

use aws_sdk_cloudwatchevents::types::Target;
use aws_sdk_s3::types::{Event, NotificationConfiguration, QueueConfiguration};

use crate::account::Account;
use crate::runtime::block_on;

/// A function, a rule that calls it, and an API.
pub(super) fn anywhere(account: &Account) {
    let function = account.make_function("stranger");
    let target = Target::builder().id("1").arn(function).build();
    let target = target.expect("a target with id and ARN is whole");
    block_on(async {
        let events = account.events();
        let rule = events
            .put_rule()
            .name("stranger")
            .schedule_expression("rate(3 days)");
        told("making a rule of others", rule.send().await);
        let aimed = events.put_targets().rule("stranger").targets(target);
        told("aiming a rule of others", aimed.send().await);
        let api = account.apigateway().create_rest_api().name("stranger");
        told("making an API of others", api.send().await);
    });
}

/// Others on the same bucket, topic and queue, and an API of the same name.
pub(super) fn beside_the_bazaar(account: &Account) {
    let queue = account.make_queue("others");
    let entry = QueueConfiguration::builder()
        .id("others")
        .queue_arn(&queue)
        .events(Event::from("s3:ObjectRestore:*"))
        .build()
        .expect("an entry with queue and events is whole");
    let notifications = NotificationConfiguration::builder().queue_configurations(entry);
    block_on(async {
        let put = account
            .s3()
            .put_bucket_notification_configuration()
            .bucket("bazaar-goods");
        let put = put.notification_configuration(notifications.build());
        told("configuring notifications of others", put.send().await);
        let topic = format!("arn:aws:sns:{}:{}:bazaar-bell", crate::REGION, crate::ACCOUNT);
        let heard = account.sns().subscribe().topic_arn(topic).protocol("sqs");
        told("subscribing others", heard.endpoint(&queue).send().await);
        let api = account.apigateway().create_rest_api().name("bazaar");
        told("making an API of the same name", api.send().await);
    });
}

fn told<T, E: std::fmt::Debug>(what: &str, answer: Result<T, E>) {
    if let Err(error) = answer {
        panic!("{what}: {error:?}");
    }
}
