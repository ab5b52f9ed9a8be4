//! What others do to things that functions attach to.

use grail_tests::account::Account;
use grail_tests::account::sdk::s3::types as s3;
use grail_tests::account::sdk::{events, sns};
use grail_tests::runtime::block_on;
use serde_json::{Value, json};

use super::scene::{Scene, done};

/// The kinds of them.
pub(crate) const KINDS: [&str; 6] = [
    "dynamodb_table",
    "event_bus",
    "kinesis_stream",
    "s3_bucket",
    "sns_topic",
    "sqs_queue",
];

fn dynamodb(account: &Account, operation: &str, asked: Value) {
    account.ask("dynamodb", &format!("DynamoDB_20120810.{operation}"), &asked);
}

fn arn(service: &str, resource: &str) -> String {
    format!(
        "arn:aws:{service}:{}:{}:{resource}",
        grail_tests::REGION,
        grail_tests::ACCOUNT
    )
}

/// Deletes one of them.
pub(crate) fn delete(account: &Account, kind: &str, name: &str) {
    match kind {
        "dynamodb_table" => dynamodb(account, "DeleteTable", json!({"TableName": name})),
        "event_bus" => drop(done(account.events().delete_event_bus().name(name).send())),
        "kinesis_stream" => drop(done(account.kinesis().delete_stream().stream_name(name).send())),
        "s3_bucket" => drop(done(account.s3().delete_bucket().bucket(name).send())),
        "sns_topic" => drop(done(
            account.sns().delete_topic().topic_arn(arn("sns", name)).send(),
        )),
        _ => drop(done(
            account.sqs().delete_queue().queue_url(url(account, name)).send(),
        )),
    }
}

fn url(account: &Account, name: &str) -> String {
    let asked = account.sqs().get_queue_url().queue_name(name);
    block_on(asked.send()).unwrap().queue_url.unwrap()
}

fn queue(scene: &Scene, attribute: &str, value: &str) -> String {
    let (id, name) = scene.one("sqs_queue", 0);
    let asked = scene.account().sqs().set_queue_attributes();
    let asked = asked.queue_url(url(scene.account(), &name));
    done(asked.attributes(attribute.into(), value).send());
    id
}

pub(crate) fn queue_delay(scene: &Scene) -> String {
    queue(scene, "DelaySeconds", "7")
}

pub(crate) fn queue_wait(scene: &Scene) -> String {
    queue(scene, "ReceiveMessageWaitTimeSeconds", "3")
}

pub(crate) fn queue_retention(scene: &Scene) -> String {
    queue(scene, "MessageRetentionPeriod", "60")
}

pub(crate) fn queue_visibility(scene: &Scene) -> String {
    queue(scene, "VisibilityTimeout", "1")
}

pub(crate) fn queue_encryption(scene: &Scene) -> String {
    queue(scene, "KmsMasterKeyId", "alias/theirs")
}

pub(crate) fn queue_dead_letter(scene: &Scene) -> String {
    let dead = scene.account().make_queue("intruders");
    let policy = json!({"deadLetterTargetArn": dead, "maxReceiveCount": 2});
    queue(scene, "RedrivePolicy", &policy.to_string())
}

pub(crate) fn queue_tags(scene: &Scene) -> String {
    let (id, name) = scene.one("sqs_queue", 0);
    let asked = scene.account().sqs().tag_queue();
    done(
        asked
            .queue_url(url(scene.account(), &name))
            .tags("by", "hand")
            .send(),
    );
    id
}

pub(crate) fn topic_name(scene: &Scene) -> String {
    let (id, name) = scene.one("sns_topic", 0);
    let asked = scene
        .account()
        .sns()
        .set_topic_attributes()
        .topic_arn(arn("sns", &name));
    done(
        asked
            .attribute_name("DisplayName")
            .attribute_value("Intruder")
            .send(),
    );
    id
}

pub(crate) fn topic_tags(scene: &Scene) -> String {
    let (id, name) = scene.one("sns_topic", 0);
    let tag = sns::types::Tag::builder()
        .key("by")
        .value("hand")
        .build()
        .unwrap();
    let asked = scene
        .account()
        .sns()
        .tag_resource()
        .resource_arn(arn("sns", &name));
    done(asked.tags(tag).send());
    id
}

fn table(scene: &Scene, operation: &str, more: Value) -> String {
    let (id, name) = scene.one("dynamodb_table", 0);
    let mut asked = json!({"TableName": name});
    for (key, value) in more.as_object().unwrap() {
        asked[key] = value.clone();
    }
    dynamodb(scene.account(), operation, asked);
    id
}

pub(crate) fn table_capacity(scene: &Scene) -> String {
    let units = json!({"ReadCapacityUnits": 3, "WriteCapacityUnits": 3});
    table(
        scene,
        "UpdateTable",
        json!({"BillingMode": "PROVISIONED", "ProvisionedThroughput": units}),
    )
}

pub(crate) fn table_protection(scene: &Scene) -> String {
    table(scene, "UpdateTable", json!({"DeletionProtectionEnabled": true}))
}

pub(crate) fn table_recovery(scene: &Scene) -> String {
    let told = json!({"PointInTimeRecoveryEnabled": true});
    table(
        scene,
        "UpdateContinuousBackups",
        json!({"PointInTimeRecoverySpecification": told}),
    )
}

pub(crate) fn table_ttl(scene: &Scene) -> String {
    let told = json!({"AttributeName": "theirs", "Enabled": true});
    table(
        scene,
        "UpdateTimeToLive",
        json!({"TimeToLiveSpecification": told}),
    )
}

pub(crate) fn table_tags(scene: &Scene) -> String {
    let (id, name) = scene.one("dynamodb_table", 0);
    let tags = json!([{"Key": "by", "Value": "hand"}]);
    let resource = arn("dynamodb", &format!("table/{name}"));
    dynamodb(
        scene.account(),
        "TagResource",
        json!({"ResourceArn": resource, "Tags": tags}),
    );
    id
}

pub(crate) fn stream_retention(scene: &Scene) -> String {
    let (id, name) = scene.one("kinesis_stream", 0);
    let asked = scene.account().kinesis().increase_stream_retention_period();
    done(asked.stream_name(name).retention_period_hours(48).send());
    id
}

pub(crate) fn stream_shards(scene: &Scene) -> String {
    let (id, name) = scene.one("kinesis_stream", 0);
    let asked = scene.account().kinesis().update_shard_count().stream_name(name);
    done(
        asked
            .target_shard_count(2)
            .scaling_type("UNIFORM_SCALING".into())
            .send(),
    );
    id
}

pub(crate) fn stream_tags(scene: &Scene) -> String {
    let (id, name) = scene.one("kinesis_stream", 0);
    let asked = scene.account().kinesis().add_tags_to_stream().stream_name(name);
    done(asked.tags("by", "hand").send());
    id
}

pub(crate) fn bucket_versioning(scene: &Scene) -> String {
    let (id, name) = scene.one("s3_bucket", 0);
    let told = s3::VersioningConfiguration::builder().status(s3::BucketVersioningStatus::Enabled);
    let asked = scene.account().s3().put_bucket_versioning().bucket(name);
    done(asked.versioning_configuration(told.build()).send());
    id
}

pub(crate) fn bucket_block(scene: &Scene) -> String {
    let (id, name) = scene.one("s3_bucket", 0);
    done(
        scene
            .account()
            .s3()
            .delete_public_access_block()
            .bucket(name)
            .send(),
    );
    id
}

pub(crate) fn bucket_encryption(scene: &Scene) -> String {
    let (id, name) = scene.one("s3_bucket", 0);
    let applied = s3::ServerSideEncryptionByDefault::builder()
        .sse_algorithm(s3::ServerSideEncryption::AwsKms)
        .kms_master_key_id("alias/theirs");
    let rule = s3::ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(applied.build().unwrap());
    let told = s3::ServerSideEncryptionConfiguration::builder().rules(rule.build());
    let asked = scene.account().s3().put_bucket_encryption().bucket(name);
    done(
        asked
            .server_side_encryption_configuration(told.build().unwrap())
            .send(),
    );
    id
}

pub(crate) fn bucket_tags(scene: &Scene) -> String {
    let (id, name) = scene.one("s3_bucket", 0);
    let tag = |key: &str, value: &str| s3::Tag::builder().key(key).value(value).build().unwrap();
    let tagging = s3::Tagging::builder()
        .tag_set(tag("grail", "stage=dev:app=bazaar"))
        .tag_set(tag("by", "hand"));
    let asked = scene.account().s3().put_bucket_tagging().bucket(name);
    done(asked.tagging(tagging.build().unwrap()).send());
    id
}

pub(crate) fn bus_tags(scene: &Scene) -> String {
    let (id, name) = scene.one("event_bus", 0);
    let tag = events::types::Tag::builder()
        .key("by")
        .value("hand")
        .build()
        .unwrap();
    let asked = scene.account().events().tag_resource();
    let asked = asked.resource_arn(arn("events", &format!("event-bus/{name}")));
    done(asked.tags(tag).send());
    id
}
