//! The changes, one for each field that can be changed behind grail's back. Each answers with the resource that it has changed.

use grail_tests::account::sdk::apigateway::types::{Op, PatchOperation};
use grail_tests::account::sdk::apigatewayv2::types::{DomainNameConfiguration, EndpointType, SecurityPolicy};
use grail_tests::account::sdk::events::types::{RuleState, Target};
use grail_tests::account::sdk::lambda::primitives::Blob;
use grail_tests::account::sdk::lambda::types::{
    Architecture, Cors, Environment, Runtime, ScalingConfig, TracingConfig, TracingMode, VpcConfig,
};
use grail_tests::account::sdk::s3::types::{Event, NotificationConfiguration};
use grail_tests::fixtures;
use serde_json::{Value, json};

use super::scene::{Scene, done};

/// A secret that somebody sets.
pub(crate) const CANARY: &str = "hunter2-canary";
/// A certificate of the account that no domain of the project has.
const OTHER_CERTIFICATE: &str =
    "arn:aws:acm:us-east-1:123456789012:certificate/d95bafc8-f2a4-427b-9cf4-bb99f4bea973";
const STRANGER: &str = "arn:aws:lambda:us-east-1:123456789012:function:intruder";

fn patch(path: &str, value: &str) -> PatchOperation {
    PatchOperation::builder()
        .op(Op::Replace)
        .path(path)
        .value(value)
        .build()
}

/// `api/stage`, `domain/prefix`.
fn halves(handle: &str) -> (&str, &str) {
    handle.split_once('/').unwrap()
}

/// A REST API of somebody else's, with a stage of the name that ours has.
fn foreign_api(scene: &Scene) -> String {
    let api = scene.account().apigateway();
    let made = done(api.create_rest_api().name("intruder").send());
    let id = made.id().unwrap().to_owned();
    let root = done(api.get_resources().rest_api_id(&id).send()).items()[0]
        .id()
        .unwrap()
        .to_owned();
    let method = api
        .put_method()
        .rest_api_id(&id)
        .resource_id(&root)
        .http_method("GET");
    done(method.authorization_type("NONE").send());
    let integration = api.put_integration().rest_api_id(&id).resource_id(&root);
    done(integration.http_method("GET").r#type("MOCK".into()).send());
    done(api.create_deployment().rest_api_id(&id).stage_name("api").send());
    id
}

fn rest_mapping(scene: &Scene) -> (String, String) {
    let all = scene.all("api_mapping").into_iter();
    let mut rest = all.filter(|(id, _)| !id.contains("websocket"));
    rest.next().unwrap()
}

fn socket_mapping(scene: &Scene) -> (String, String) {
    let all = scene.all("api_mapping").into_iter();
    let mut sockets = all.filter(|(id, _)| id.contains("websocket"));
    sockets.next().unwrap()
}

pub(crate) fn mapping_to_another_api(scene: &Scene) -> String {
    let (id, handle) = rest_mapping(scene);
    let (domain, prefix) = halves(&handle);
    let call = scene.account().apigateway().update_base_path_mapping();
    let call = call.domain_name(domain).base_path(prefix);
    let other = foreign_api(scene);
    done(call.patch_operations(patch("/restapiId", &other)).send());
    id
}

/// The stage is one that somebody else has made of our API.
pub(crate) fn mapping_to_another_stage(scene: &Scene) -> String {
    let (id, handle) = socket_mapping(scene);
    let (domain, _) = halves(&handle);
    let api = scene.handle("websocket_api.websocket_api").to_owned();
    let client = scene.account().apigatewayv2();
    let there = done(client.get_api_mappings().domain_name(domain).send());
    let mapping = there.items()[0].api_mapping_id().unwrap().to_owned();
    let call = client.update_api_mapping().domain_name(domain);
    done(call.api_id(&api).api_mapping_id(mapping).stage("intruder").send());
    id
}

pub(crate) fn stage_definition(scene: &Scene) -> String {
    let (id, handle) = scene.one("api_stage", 0);
    let (api, stage) = halves(&handle);
    let client = scene.account().apigateway();
    let made = done(
        client
            .create_deployment()
            .rest_api_id(api)
            .description("by hand")
            .send(),
    );
    let call = client.update_stage().rest_api_id(api).stage_name(stage);
    done(
        call.patch_operations(patch("/deploymentId", made.id().unwrap()))
            .send(),
    );
    id
}

pub(crate) fn stage_tracing(scene: &Scene) -> String {
    let (id, handle) = scene.one("api_stage", 0);
    let (api, stage) = halves(&handle);
    let call = scene
        .account()
        .apigateway()
        .update_stage()
        .rest_api_id(api)
        .stage_name(stage);
    done(call.patch_operations(patch("/tracingEnabled", "true")).send());
    id
}

fn rest_domain(scene: &Scene) -> (String, String) {
    let all = scene.all("custom_domain").into_iter();
    let mut rest = all.filter(|(id, _)| !id.contains("websocket"));
    rest.next().unwrap()
}

fn socket_domain(scene: &Scene) -> (String, String) {
    let all = scene.all("custom_domain").into_iter();
    let mut sockets = all.filter(|(id, _)| id.contains("websocket"));
    sockets.next().unwrap()
}

pub(crate) fn domain_endpoint_type(scene: &Scene) -> String {
    let (id, handle) = rest_domain(scene);
    let call = scene
        .account()
        .apigateway()
        .update_domain_name()
        .domain_name(&handle);
    done(
        call.patch_operations(patch("/endpointConfiguration/types/REGIONAL", "EDGE"))
            .send(),
    );
    id
}

pub(crate) fn domain_tags(scene: &Scene) -> String {
    let (id, handle) = rest_domain(scene);
    let arn = format!("arn:aws:apigateway:us-east-1::/domainnames/{handle}");
    let call = scene.account().apigateway().tag_resource().resource_arn(arn);
    done(call.tags("market", "night").send());
    id
}

fn configure_socket_domain(
    scene: &Scene,
    certificate: Option<&str>,
    policy: Option<SecurityPolicy>,
) -> String {
    let (id, handle) = socket_domain(scene);
    let client = scene.account().apigatewayv2();
    let there = done(client.get_domain_name().domain_name(&handle).send());
    let now = &there.domain_name_configurations()[0];
    let next = DomainNameConfiguration::builder()
        .certificate_arn(certificate.unwrap_or(now.certificate_arn().unwrap()))
        .endpoint_type(EndpointType::Regional)
        .set_security_policy(policy.or(now.security_policy().cloned()));
    let call = client.update_domain_name().domain_name(&handle);
    done(call.domain_name_configurations(next.build()).send());
    id
}

pub(crate) fn domain_certificate(scene: &Scene) -> String {
    configure_socket_domain(scene, Some(OTHER_CERTIFICATE), None)
}

pub(crate) fn domain_security_policy(scene: &Scene) -> String {
    configure_socket_domain(scene, None, Some(SecurityPolicy::Tls10))
}

/// A rule with a schedule, or one with a pattern.
fn rule(scene: &Scene, scheduled: bool) -> (String, String) {
    let events = scene.account().events();
    let mut all = scene.all("event_rule").into_iter();
    let wanted = |(_, name): &(String, String)| {
        let rule = done(events.describe_rule().name(name).send());
        rule.schedule_expression().is_some_and(|text| !text.is_empty()) == scheduled
    };
    all.find(wanted).unwrap()
}

fn put_rule(scene: &Scene, scheduled: bool, change: impl Fn(&mut Rule)) -> String {
    let (id, name) = rule(scene, scheduled);
    let events = scene.account().events();
    let there = done(events.describe_rule().name(&name).send());
    let full = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let mut rule = Rule {
        schedule: full(there.schedule_expression()),
        pattern: full(there.event_pattern()),
        description: full(there.description()),
        state: there.state().cloned(),
    };
    change(&mut rule);
    done(
        events
            .put_rule()
            .name(&name)
            .set_schedule_expression(rule.schedule)
            .set_event_pattern(rule.pattern)
            .set_description(rule.description)
            .set_state(rule.state)
            .send(),
    );
    id
}

struct Rule {
    schedule: Option<String>,
    pattern: Option<String>,
    description: Option<String>,
    state: Option<RuleState>,
}

pub(crate) fn rule_description(scene: &Scene) -> String {
    put_rule(scene, true, |rule| rule.description = Some("by hand".to_owned()))
}

pub(crate) fn rule_enabled(scene: &Scene) -> String {
    put_rule(scene, true, |rule| rule.state = Some(RuleState::Disabled))
}

pub(crate) fn rule_schedule(scene: &Scene) -> String {
    put_rule(scene, true, |rule| {
        rule.schedule = Some("rate(1 minute)".to_owned())
    })
}

pub(crate) fn rule_pattern(scene: &Scene) -> String {
    put_rule(scene, false, |rule| {
        rule.pattern = Some(r#"{"source":["elsewhere"]}"#.to_owned())
    })
}

fn put_target(scene: &Scene, scheduled: bool, arn: Option<&str>, input: Option<&str>) -> String {
    let (id, name) = rule(scene, scheduled);
    let events = scene.account().events();
    let there = done(events.list_targets_by_rule().rule(&name).send());
    let ours = there.targets().iter().find(|target| target.id() == "1").unwrap();
    let target = Target::builder()
        .id("1")
        .arn(arn.unwrap_or(ours.arn()))
        .set_input(input.map(ToOwned::to_owned));
    done(
        events
            .put_targets()
            .rule(&name)
            .targets(target.build().unwrap())
            .send(),
    );
    id
}

pub(crate) fn rule_function(scene: &Scene) -> String {
    put_target(scene, true, Some(STRANGER), None)
}

pub(crate) fn rule_target(scene: &Scene) -> String {
    put_target(scene, false, None, Some(r#"{"forged":true}"#))
}

/// The mapping of a queue, or of the stream of that service.
fn mapping(scene: &Scene, service: &str) -> (String, String) {
    let lambda = scene.account().lambda();
    let mut all = scene.all("event_source_mapping").into_iter();
    let wanted = |(_, uuid): &(String, String)| {
        let there = done(lambda.get_event_source_mapping().uuid(uuid).send());
        there.event_source_arn().unwrap().split(':').nth(2) == Some(service)
    };
    all.find(wanted).unwrap()
}

pub(crate) fn mapping_batch_size(scene: &Scene) -> String {
    let (id, uuid) = mapping(scene, "dynamodb");
    let call = scene.account().lambda().update_event_source_mapping().uuid(uuid);
    done(call.batch_size(77).send());
    id
}

pub(crate) fn mapping_enabled(scene: &Scene) -> String {
    let (id, uuid) = mapping(scene, "kinesis");
    let call = scene.account().lambda().update_event_source_mapping().uuid(uuid);
    done(call.enabled(false).send());
    id
}

pub(crate) fn mapping_function(scene: &Scene) -> String {
    let (id, uuid) = mapping(scene, "kinesis");
    let call = scene.account().lambda().update_event_source_mapping().uuid(uuid);
    done(call.function_name(STRANGER).send());
    id
}

pub(crate) fn mapping_batching_window(scene: &Scene) -> String {
    let (id, uuid) = mapping(scene, "dynamodb");
    let call = scene.account().lambda().update_event_source_mapping().uuid(uuid);
    done(call.maximum_batching_window_in_seconds(77).send());
    id
}

pub(crate) fn mapping_concurrency(scene: &Scene) -> String {
    let (id, uuid) = mapping(scene, "sqs");
    let call = scene.account().lambda().update_event_source_mapping().uuid(uuid);
    let scaling = ScalingConfig::builder().maximum_concurrency(9).build();
    done(call.scaling_config(scaling).send());
    id
}

pub(crate) fn role_policies(scene: &Scene) -> String {
    let (id, role) = scene.one("iam_role", 0);
    let iam = scene.account().iam();
    let names = done(iam.list_role_policies().role_name(&role).send());
    let ours = names
        .policy_names()
        .iter()
        .find(|name| !name.contains("intruder"))
        .unwrap();
    let broad = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]});
    let call = iam.put_role_policy().role_name(&role).policy_name(ours);
    done(call.policy_document(broad.to_string()).send());
    id
}

pub(crate) fn role_boundary(scene: &Scene) -> String {
    let id = "iam_role.ledger_role".to_owned();
    let iam = scene.account().iam();
    let call = iam.put_role_permissions_boundary().role_name(scene.handle(&id));
    done(
        call.permissions_boundary("arn:aws:iam::aws:policy/AdministratorAccess")
            .send(),
    );
    id
}

pub(crate) fn role_trust(scene: &Scene) -> String {
    let (id, role) = scene.one("iam_role", 0);
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::210987654321:root"}}]});
    let call = scene.account().iam().update_assume_role_policy().role_name(&role);
    done(call.policy_document(trust.to_string()).send());
    id
}

/// Another function for each number.
fn function(scene: &Scene, number: usize) -> (String, String) {
    scene.one("lambda_function", number)
}

/// Changes the configuration of the function of that number.
macro_rules! configured {
    ($name:ident, $number:literal, |$call:ident| $change:expr) => {
        pub(crate) fn $name(scene: &Scene) -> String {
            let (id, arn) = function(scene, $number);
            let $call = scene
                .account()
                .lambda()
                .update_function_configuration()
                .function_name(arn);
            done($change.send());
            id
        }
    };
}

configured!(function_handler, 0, |call| call.handler("elsewhere.app"));
configured!(function_runtime, 1, |call| call.runtime(Runtime::Nodejs20x));
configured!(function_memory, 2, |call| call.memory_size(777));
configured!(function_timeout, 3, |call| call.timeout(77));
configured!(function_role, 4, |call| call
    .role("arn:aws:iam::123456789012:role/intruder-role"));
configured!(function_environment, 5, |call| call
    .environment(Environment::builder().variables("CANARY", CANARY).build()));
configured!(function_layers, 6, |call| call
    .layers("arn:aws:lambda:us-east-1:123456789012:layer:foreign:1"));
configured!(function_tracing, 7, |call| call.tracing_config(
    TracingConfig::builder().mode(TracingMode::Active).build()
));
configured!(function_vpc, 8, |call| call.vpc_config(
    VpcConfig::builder()
        .subnet_ids("subnet-0a1b2c3d")
        .security_group_ids("sg-0a1b2c3d")
        .build()
));

/// Of the function of the manifest: on what Chalice cannot state, its functions are silent.
pub(crate) fn function_description(scene: &Scene) -> String {
    let id = "lambda_function.ledger".to_owned();
    let lambda = scene.account().lambda();
    let call = lambda
        .update_function_configuration()
        .function_name(scene.handle(&id));
    done(call.description("by hand").send());
    id
}

/// The alias is led to whatever the function is now.
pub(crate) fn alias_version(scene: &Scene) -> String {
    let (id, arn) = scene.one("lambda_alias", 0);
    let (function, alias) = arn.rsplit_once(':').unwrap();
    let call = scene.account().lambda().update_alias();
    let call = call.function_name(function.rsplit(':').next().unwrap());
    done(call.name(alias).function_version("$LATEST").send());
    id
}

pub(crate) fn url_cors(scene: &Scene) -> String {
    let (id, function) = scene.one("function_url", 0);
    let call = scene
        .account()
        .lambda()
        .update_function_url_config()
        .function_name(function);
    done(
        call.cors(
            Cors::builder()
                .allow_origins("https://intruder.example.com")
                .build(),
        )
        .send(),
    );
    id
}

/// The door that everybody may use is shut.
pub(crate) fn url_statement(scene: &Scene) -> String {
    let (id, function) = scene.one("function_url", 0);
    let call = scene
        .account()
        .lambda()
        .remove_permission()
        .function_name(function);
    done(call.statement_id("FunctionURLAllowPublicAccess").send());
    id
}

fn another_package(word: &str) -> Blob {
    let text = format!("# {word}\ndef app(event, context):\n    return {{}}\n");
    Blob::new(fixtures::archive(&[("app.py", &text)]))
}

pub(crate) fn function_code(scene: &Scene) -> String {
    let (id, arn) = function(scene, 9);
    let call = scene.account().lambda().update_function_code().function_name(arn);
    done(call.zip_file(another_package("forged")).send());
    id
}

/// The processor changes with the code alone: both are changed, of one function.
pub(crate) fn function_architecture(scene: &Scene) -> String {
    let (id, arn) = function(scene, 9);
    let call = scene.account().lambda().update_function_code().function_name(arn);
    done(
        call.zip_file(another_package("forged"))
            .architectures(Architecture::Arm64)
            .send(),
    );
    id
}

pub(crate) fn function_tags(scene: &Scene) -> String {
    let (id, arn) = function(scene, 10);
    let call = scene.account().lambda().tag_resource().resource(arn);
    done(call.tags("market", "night").tags("intruder", "was here").send());
    id
}

pub(crate) fn function_reserved_concurrency(scene: &Scene) -> String {
    let (id, arn) = function(scene, 11);
    let call = scene
        .account()
        .lambda()
        .put_function_concurrency()
        .function_name(arn);
    done(call.reserved_concurrent_executions(3).send());
    id
}

/// Writes something else under the id of a statement of ours: of the first whose principal is `of`, with `part` replaced.
fn forged_statement(scene: &Scene, of: &str, part: &str, value: Option<&str>) -> String {
    let lambda = scene.account().lambda();
    for (id, handle) in scene.all("lambda_permission") {
        let (function, sid) = handle.rsplit_once('/').unwrap();
        let policy = done(lambda.get_policy().function_name(function).send());
        let policy: Value = serde_json::from_str(policy.policy().unwrap()).unwrap();
        let all = policy["Statement"].as_array().unwrap();
        let ours = all.iter().find(|one| one["Sid"] == sid).unwrap();
        let mut principal = ours["Principal"]["Service"].as_str().unwrap();
        if principal != of {
            continue;
        }
        let mut source = ours["Condition"]["ArnLike"]["AWS:SourceArn"].as_str().unwrap();
        let mut account = ours["Condition"]["StringEquals"]["AWS:SourceAccount"].as_str();
        match part {
            "principal" => principal = value.unwrap(),
            "source_arn" => source = value.unwrap(),
            _ => account = value,
        }
        done(
            lambda
                .remove_permission()
                .function_name(function)
                .statement_id(sid)
                .send(),
        );
        let call = lambda.add_permission().function_name(function).statement_id(sid);
        done(
            call.action("lambda:InvokeFunction")
                .principal(principal)
                .source_arn(source)
                .set_source_account(account.map(ToOwned::to_owned))
                .send(),
        );
        return id;
    }
    panic!("no permission of {of}");
}

pub(crate) fn permission_principal(scene: &Scene) -> String {
    forged_statement(
        scene,
        "events.amazonaws.com",
        "principal",
        Some("iot.amazonaws.com"),
    )
}

pub(crate) fn permission_source_arn(scene: &Scene) -> String {
    let topic = "arn:aws:sns:us-east-1:210987654321:theirs";
    forged_statement(scene, "sns.amazonaws.com", "source_arn", Some(topic))
}

pub(crate) fn permission_source_account(scene: &Scene) -> String {
    forged_statement(scene, "s3.amazonaws.com", "source_account", Some("210987654321"))
}

pub(crate) fn log_retention(scene: &Scene) -> String {
    let (id, group) = scene.one("log_group", 0);
    let call = scene
        .account()
        .logs()
        .put_retention_policy()
        .log_group_name(group);
    done(call.retention_in_days(1).send());
    id
}

fn rest_api(scene: &Scene, change: PatchOperation) -> String {
    let (id, api) = scene.one("rest_api", 0);
    let call = scene.account().apigateway().update_rest_api().rest_api_id(api);
    done(call.patch_operations(change).send());
    id
}

pub(crate) fn rest_name(scene: &Scene) -> String {
    rest_api(scene, patch("/name", "renamed"))
}

pub(crate) fn rest_compression(scene: &Scene) -> String {
    rest_api(scene, patch("/minimumCompressionSize", "77"))
}

pub(crate) fn rest_endpoint_type(scene: &Scene) -> String {
    rest_api(scene, patch("/endpointConfiguration/types/REGIONAL", "EDGE"))
}

/// A method of ours calls something else.
pub(crate) fn rest_definition(scene: &Scene) -> String {
    let (id, api) = scene.one("rest_api", 0);
    let client = scene.account().apigateway();
    let resources = done(
        client
            .get_resources()
            .rest_api_id(&api)
            .embed("methods")
            .limit(500)
            .send(),
    );
    let root = resources
        .items()
        .iter()
        .find(|one| one.path() == Some("/"))
        .unwrap();
    let call = client
        .put_integration()
        .rest_api_id(&api)
        .resource_id(root.id().unwrap());
    let call = call
        .http_method("GET")
        .r#type("AWS_PROXY".into())
        .integration_http_method("POST");
    let uri = format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{STRANGER}/invocations");
    done(call.uri(uri).send());
    id
}

pub(crate) fn bucket_entries(scene: &Scene) -> String {
    let (id, bucket) = scene.one("s3_notification", 0);
    let client = scene.account().s3();
    let there = done(
        client
            .get_bucket_notification_configuration()
            .bucket(&bucket)
            .send(),
    );
    let mut entries = there.lambda_function_configurations.unwrap_or_default();
    let ours = entries
        .iter_mut()
        .find(|one| one.lambda_function_arn().contains("bazaar-dev"));
    ours.unwrap().events = vec![Event::S3ReducedRedundancyLostObject];
    let next = NotificationConfiguration::builder().set_lambda_function_configurations(Some(entries));
    let call = client.put_bucket_notification_configuration().bucket(&bucket);
    done(call.notification_configuration(next.build()).send());
    id
}

pub(crate) fn socket_name(scene: &Scene) -> String {
    let (id, api) = scene.one("websocket_api", 0);
    done(
        scene
            .account()
            .apigatewayv2()
            .update_api()
            .api_id(api)
            .name("renamed")
            .send(),
    );
    id
}

/// A route of ours leads to what another one calls.
pub(crate) fn socket_routes(scene: &Scene) -> String {
    let (id, api) = scene.one("websocket_api", 0);
    let client = scene.account().apigatewayv2();
    let routes = done(client.get_routes().api_id(&api).send());
    let route = |key: &str| {
        routes
            .items()
            .iter()
            .find(|one| one.route_key() == Some(key))
            .unwrap()
    };
    let (came, left) = (route("$connect"), route("$disconnect"));
    let call = client
        .update_route()
        .api_id(&api)
        .route_id(came.route_id().unwrap());
    done(call.target(left.target().unwrap()).send());
    id
}

pub(crate) fn socket_stage_definition(scene: &Scene) -> String {
    let (id, handle) = scene.one("websocket_stage", 0);
    let (api, stage) = halves(&handle);
    let client = scene.account().apigatewayv2();
    let made = done(
        client
            .create_deployment()
            .api_id(api)
            .description("by hand")
            .send(),
    );
    let call = client.update_stage().api_id(api).stage_name(stage);
    done(call.deployment_id(made.deployment_id().unwrap()).send());
    id
}
