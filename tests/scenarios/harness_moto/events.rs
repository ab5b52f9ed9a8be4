//! Layers, event source mappings and bucket notifications.

use grail_tests::account::Account;
use grail_tests::account::sdk::apigateway::error::ProvideErrorMetadata;
use grail_tests::account::sdk::lambda::types::ScalingConfig;
use grail_tests::account::sdk::s3::types::{
    Event, EventBridgeConfiguration, FilterRule, FilterRuleName, LambdaFunctionConfiguration,
    NotificationConfiguration, NotificationConfigurationFilter, S3KeyFilter,
};
use grail_tests::emulator::Moto;
use grail_tests::fixtures;
use grail_tests::proxy::Proxy;
use grail_tests::runtime::block_on;
use grail_tests::world::{World, content_digest};
use serde_json::json;

#[test]
fn a_layer_version_is_found_by_its_arn_and_can_be_read() {
    let moto = Moto::start();
    let proxy = Proxy::before_moto(&moto.endpoint());
    let account = Account::at(&proxy.endpoint());
    let arn = account.publish_layer("shared");
    let lambda = account.lambda();
    let found = block_on(lambda.get_layer_version_by_arn().arn(&arn).send()).unwrap();
    assert_eq!(
        (found.version(), found.layer_version_arn()),
        (1, Some(arn.as_str()))
    );
    let content = content_digest(&fixtures::archive(&[("empty", "")]));
    let shown = &World::read(&account).section("layers")["shared"]["versions"];
    assert_eq!(shown[0]["content"].as_str(), content.as_deref());

    block_on(
        lambda
            .delete_layer_version()
            .layer_name("shared")
            .version_number(1)
            .send(),
    )
    .unwrap();
    let gone = block_on(lambda.get_layer_version_by_arn().arn(&arn).send());
    assert_eq!(gone.unwrap_err().code(), Some("ResourceNotFoundException"));
    assert_eq!(World::read(&account).section("layers"), json!({}));
}

#[test]
fn a_source_calls_a_function_once() {
    let moto = Moto::start();
    let proxy = Proxy::before_moto(&moto.endpoint());
    let account = Account::at(&proxy.endpoint()).without_retries();
    let lambda = account.lambda();
    let (function, queue) = (account.make_function("worker"), account.make_queue("work"));
    account.make_function("other");
    let create = |name: &str, source: &str| {
        let asked = lambda.create_event_source_mapping().function_name(name);
        let sent = block_on(asked.event_source_arn(source).batch_size(5).send());
        sent.map_err(|error| error.code().unwrap_or_default().to_owned())
    };
    let made = create(&function, &queue).unwrap();
    assert_eq!(made.maximum_batching_window_in_seconds(), Some(0));
    assert_eq!(create("worker", &queue).unwrap_err(), "ResourceConflictException");
    create("other", &queue).unwrap();
    let nowhere = create(&function, "arn:aws:sqs:us-east-1:123456789012:nowhere");
    assert_eq!(nowhere.unwrap_err(), "InvalidParameterValueException");

    for name in ["worker", function.as_str()] {
        let asked = lambda.list_event_source_mappings().function_name(name);
        let listed = block_on(asked.event_source_arn(&queue).send()).unwrap();
        let found: Vec<_> = listed
            .event_source_mappings()
            .iter()
            .filter_map(|one| one.uuid())
            .collect();
        assert_eq!(found, [made.uuid().unwrap()], "{name}");
    }
    let update = lambda.update_event_source_mapping().uuid(made.uuid().unwrap());
    let most = |most| ScalingConfig::builder().set_maximum_concurrency(most).build();
    block_on(update.clone().scaling_config(most(Some(2))).send()).unwrap();
    let shown = || World::read(&account).section("event_sources")[format!("{queue} to {function}")].take();
    assert_eq!(shown()["maximum_concurrency"], 2);
    block_on(update.scaling_config(most(None)).send()).unwrap();
    assert_eq!(shown()["maximum_concurrency"], json!(null));
    assert_eq!(shown()["window"], 0);
}

fn entry(function: &str, events: &[&str], filters: &[(&str, &str)]) -> LambdaFunctionConfiguration {
    let rules = filters.iter().map(|(name, value)| {
        let rule = FilterRule::builder().name(FilterRuleName::from(*name));
        rule.value(*value).build()
    });
    let key = S3KeyFilter::builder()
        .set_filter_rules(Some(rules.collect()))
        .build();
    let filter = NotificationConfigurationFilter::builder().key(key).build();
    let entry = LambdaFunctionConfiguration::builder().lambda_function_arn(function);
    let entry = entry.set_events(Some(events.iter().map(|event| Event::from(*event)).collect()));
    let filter = (!filters.is_empty()).then_some(filter);
    entry.set_filter(filter).build().unwrap()
}

#[test]
fn a_bucket_keeps_what_it_tells_whom_and_refuses_what_s3_refuses() {
    const CREATED: &str = "s3:ObjectCreated:*";
    let moto = Moto::start();
    let proxy = Proxy::before_moto(&moto.endpoint());
    let account = Account::at(&proxy.endpoint());
    account.make_bucket("album");
    let (first, second) = (account.make_function("first"), account.make_function("second"));
    let put = |entries: &[LambdaFunctionConfiguration], eventbridge: bool| {
        let bridge = eventbridge.then(|| EventBridgeConfiguration::builder().build());
        let configuration = NotificationConfiguration::builder()
            .set_lambda_function_configurations(Some(entries.to_vec()))
            .set_event_bridge_configuration(bridge);
        let asked = account
            .s3()
            .put_bucket_notification_configuration()
            .bucket("album");
        let sent = block_on(asked.notification_configuration(configuration.build()).send());
        sent.map(|_| ())
            .map_err(|error| error.code().unwrap_or_default().to_owned())
    };
    let tells = || World::read(&account).section("buckets")["album"]["notifications"].take();
    let raw = [("Prefix", "raw/"), ("Suffix", ".jpg")];
    let one = entry(&first, &[CREATED], &raw);
    assert_eq!(
        put(std::slice::from_ref(&one), false),
        Err("InvalidArgument".to_owned())
    );
    account.let_bucket_call("album", "first");
    put(std::slice::from_ref(&one), false).unwrap();
    let shown = block_on(
        account
            .s3()
            .get_bucket_notification_configuration()
            .bucket("album")
            .send(),
    )
    .unwrap();
    let rules = shown.lambda_function_configurations()[0]
        .filter()
        .and_then(|filter| filter.key());
    let names: Vec<_> = rules
        .unwrap()
        .filter_rules()
        .iter()
        .map(|rule| rule.name().cloned())
        .collect();
    assert_eq!(
        names,
        [
            Some(FilterRuleName::from("Prefix")),
            Some(FilterRuleName::from("Suffix"))
        ]
    );

    account.let_bucket_call("album", "second");
    let overlapping = entry(&second, &["s3:ObjectCreated:Put"], &[("prefix", "raw/new/")]);
    assert_eq!(
        put(&[one.clone(), overlapping], true),
        Err("InvalidArgument".to_owned())
    );
    assert_eq!(tells()["eventbridge"], false);
    let beside = entry(&second, &["s3:ObjectCreated:Put"], &[("suffix", ".png")]);
    put(&[one, beside], true).unwrap();
    let (prefix, suffix) = (
        json!({ "prefix": "raw/", "suffix": ".jpg" }),
        json!({ "suffix": ".png" }),
    );
    let told = |function: &str, event: &str, filters| json!({ "arn": function, "events": [event], "filters": filters });
    let expected = json!({
        "functions": [told(&first, CREATED, prefix), told(&second, "s3:ObjectCreated:Put", suffix)],
        "queues": [], "topics": [], "eventbridge": true,
    });
    assert_eq!(tells(), expected);
    put(&[], true).unwrap();
    assert_eq!(tells()["eventbridge"], true);
    put(&[], false).unwrap();
    assert_eq!(
        tells(),
        json!({ "functions": [], "queues": [], "topics": [], "eventbridge": false })
    );
}

#[test]
fn the_id_of_a_statement_stands_once_in_a_policy() {
    let moto = Moto::start();
    let proxy = Proxy::before_moto(&moto.endpoint());
    let account = Account::at(&proxy.endpoint()).without_retries();
    let function = account.make_function("worker");
    account.let_bucket_call("bucket", &function);
    let again = account.lambda().add_permission().function_name(&function);
    let again = again
        .statement_id("bucket-may-call")
        .action("lambda:InvokeFunction")
        .principal("s3.amazonaws.com");
    let refused = block_on(again.send()).unwrap_err();
    assert_eq!(refused.code(), Some("ResourceConflictException"));
    let policy = &World::read(&account).section("functions")["worker"]["policy"];
    assert_eq!(policy.as_array().map(Vec::len), Some(1));
}
