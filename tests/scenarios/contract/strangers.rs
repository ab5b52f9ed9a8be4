//! What others have in the account, and where they are in our way.

use grail_providers::contract::Sample;
use grail_tests::account::Account;
use grail_tests::account::sdk::apigateway::types::{EndpointConfiguration, EndpointType};
use grail_tests::account::sdk::events::types::Target;
use grail_tests::account::sdk::s3::types::{
    Event, EventBridgeConfiguration, FilterRule, FilterRuleName, LambdaFunctionConfiguration,
    NotificationConfiguration, NotificationConfigurationFilter, QueueConfiguration, S3KeyFilter,
};
use grail_tests::runtime::block_on;
use grail_tests::world::World;
use serde_json::{Map, Value, json};

use super::account::Ours;
use super::{samples, things};
use crate::emulated::function_arn;

/// A function of somebody else.
pub(crate) const FUNCTION: &str = "theirs-fn";
/// The word in all that is theirs.
const WORD: &str = "theirs";
/// What a bucket tells besides, which names nobody.
const EVENT_BRIDGE: &str = "eventbridge";

/// All that others have, of things that they share with us their part alone.
pub(super) fn theirs(ground: &Ours) -> Value {
    let mut words = vec![WORD.to_owned(), EVENT_BRIDGE.to_owned()];
    words.extend(ground.taken.lock().unwrap().iter().cloned());
    let mut world = World::read(ground.account()).exact().clone();
    if let Some(buckets) = world["buckets"].as_object_mut() {
        // Of every bucket it is told whether EventBridge hears of it, of the samples too.
        buckets.retain(|name, _| !name.starts_with(things::NAME) || words.contains(name));
    }
    part(&world, &words).unwrap_or_default()
}

/// What of `value` says one of the words, as whole as it was written.
fn part(value: &Value, words: &[String]) -> Option<Value> {
    let says = |text: &str| words.iter().any(|word| text.contains(word.as_str()));
    let text = |value: &Value| value.as_str().is_some_and(says);
    match value {
        Value::String(_) if text(value) => Some(value.clone()),
        Value::Object(fields) if fields.values().any(text) => Some(value.clone()),
        Value::Object(fields) => {
            let kept = fields.iter().filter_map(|(key, inner)| {
                let inner = if says(key) {
                    Some(inner.clone())
                } else {
                    part(inner, words)
                };
                Some((key.clone(), inner?))
            });
            let kept: Map<_, _> = kept.collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(items) => {
            let kept: Vec<_> = items.iter().filter_map(|item| part(item, words)).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        _ => None,
    }
}

/// Puts somebody else's thing where the sample's would be; false where nobody else's can be there.
pub(super) fn squat(ground: &Ours, sample: &Sample) -> bool {
    let text = |field: &str| sample.spec[field].as_str().unwrap_or_default().to_owned();
    let name = text("name");
    let account = ground.account();
    match sample.id.kind.as_str() {
        "iam_role" => drop(account.make_role(&name)),
        "lambda_function" => drop(account.make_function(&name)),
        "custom_domain" => domain(account, &name),
        "event_rule" => rule(account, &name),
        "api_mapping" => {
            let api = block_on(samples::a_served_api(
                ground,
                ground.face != "websocket",
                "theirs-too",
            ));
            mapping(account, &text("domain"), &text("prefix"), &api, "theirs-too");
            return true;
        }
        thing if things::KINDS.contains(&thing) => things::squat(account, thing, &name),
        _ => return false,
    }
    ground.taken.lock().unwrap().insert(name);
    true
}

/// A certificate for what the domains of the tests are called.
pub(super) fn certificate(account: &Account) -> Value {
    let asked = json!({"DomainName": "*.example.com", "ValidationMethod": "DNS"});
    account.ask("acm", "CertificateManager.RequestCertificate", &asked)["CertificateArn"].take()
}

/// A domain of theirs.
pub(super) fn domain(account: &Account, name: &str) {
    let certificate = certificate(account);
    let asked = account
        .apigateway()
        .create_domain_name()
        .domain_name(name)
        .regional_certificate_arn(certificate.as_str().unwrap_or_default())
        .endpoint_configuration(
            EndpointConfiguration::builder()
                .types(EndpointType::Regional)
                .build(),
        )
        .tags("by", WORD);
    block_on(asked.send()).unwrap_or_else(|error| panic!("making the domain {name}: {error:?}"));
}

/// A mapping of theirs.
pub(super) fn mapping(account: &Account, domain: &str, key: &str, api: &Value, stage: &str) {
    let asked = account.apigatewayv2().create_api_mapping();
    let asked = asked
        .domain_name(domain)
        .api_mapping_key(key)
        .api_id(api.as_str().unwrap_or_default())
        .stage(stage);
    block_on(asked.send()).unwrap_or_else(|error| panic!("mapping {domain}/{key}: {error:?}"));
}

/// What others are told of a bucket.
pub(crate) fn notifications(account: &Account, bucket: &str) {
    let queue = account.make_queue(&format!("theirs-of-{bucket}"));
    let prefix = FilterRule::builder()
        .name(FilterRuleName::Prefix)
        .value("theirs/");
    let key = S3KeyFilter::builder().filter_rules(prefix.build()).build();
    let function = LambdaFunctionConfiguration::builder()
        .id("theirs")
        .lambda_function_arn(function_arn(FUNCTION))
        .events(Event::S3ObjectCreated)
        .filter(NotificationConfigurationFilter::builder().key(key).build());
    let queue = QueueConfiguration::builder()
        .id("theirs-too")
        .queue_arn(queue)
        .events(Event::from("s3:ObjectRemoved:*"));
    let told = NotificationConfiguration::builder()
        .lambda_function_configurations(function.build().unwrap())
        .queue_configurations(queue.build().unwrap())
        .event_bridge_configuration(EventBridgeConfiguration::builder().build());
    let asked = account
        .s3()
        .put_bucket_notification_configuration()
        .bucket(bucket);
    let put = block_on(asked.notification_configuration(told.build()).send());
    put.unwrap_or_else(|error| panic!("telling others of {bucket}: {error:?}"));
}

/// Their subscription to a topic.
pub(crate) fn subscription(account: &Account, topic_arn: &str) {
    let asked = account.sns().subscribe().topic_arn(topic_arn).protocol("lambda");
    let made = block_on(asked.endpoint(function_arn(FUNCTION)).send());
    made.unwrap_or_else(|error| panic!("subscribing to {topic_arn}: {error:?}"));
}

/// A rule of theirs under this name.
fn rule(account: &Account, name: &str) {
    let events = account.events();
    let target = Target::builder()
        .id("1")
        .arn(function_arn(FUNCTION))
        .build()
        .unwrap();
    block_on(async {
        let rule = events.put_rule().name(name).schedule_expression("rate(1 day)");
        rule.send()
            .await
            .unwrap_or_else(|error| panic!("making the rule {name}: {error:?}"));
        let put = events.put_targets().rule(name).targets(target).send().await;
        put.unwrap_or_else(|error| panic!("giving the rule {name} a target: {error:?}"));
    });
}
