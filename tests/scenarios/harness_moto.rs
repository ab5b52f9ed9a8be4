//! The harness itself: behind the proxy moto answers every call that a deployment needs, and keeps what it was told.

mod domains;
mod events;
mod websockets;

use grail_tests::account::Account;
use grail_tests::account::sdk::apigateway::Client;
use grail_tests::account::sdk::apigateway::error::ProvideErrorMetadata;
use grail_tests::account::sdk::apigateway::primitives::Blob;
use grail_tests::account::sdk::apigateway::types::{Op, PatchOperation, PutMode};
use grail_tests::account::sdk::lambda;
use grail_tests::documents::ApiDocument;
use grail_tests::emulator::Moto;
use grail_tests::fixtures;
use grail_tests::proxy::Proxy;
use grail_tests::runtime::block_on;
use grail_tests::world::{World, content_digest};
use serde_json::{Value, json};

const HANDLER: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/\
                       arn:aws:lambda:us-east-1:123456789012:function:shop-dev/invocations";

/// What grail sends: OpenAPI 3, a mock without `uri`, a mark in the description.
fn document(mark: &str) -> Value {
    json!({
        "openapi": "3.0.1",
        "info": { "title": "shop", "version": "1.0", "description": mark },
        "paths": { "/goods/{id}": {
            "get": {
                "responses": { "200": { "description": "200 response" } },
                "x-amazon-apigateway-integration": {
                    "type": "aws_proxy", "httpMethod": "POST", "uri": HANDLER,
                    "passthroughBehavior": "when_no_match", "responses": { "default": { "statusCode": "200" } },
                },
            },
            "options": {
                "responses": { "200": { "description": "200 response" } },
                "x-amazon-apigateway-integration": {
                    "type": "mock", "requestTemplates": { "application/json": "{\"statusCode\": 200}" },
                    "responses": { "default": { "statusCode": "200" } },
                },
            },
        }},
        "components": {},
        "x-amazon-apigateway-binary-media-types": ["image/png", "application/zip"],
        "x-amazon-apigateway-policy": { "Version": "2012-10-17", "Statement": [] },
    })
}

fn body(document: &Value) -> Blob {
    Blob::new(document.to_string())
}

fn replace(path: &str, value: &str) -> PatchOperation {
    PatchOperation::builder()
        .op(Op::Replace)
        .path(path)
        .value(value)
        .build()
}

fn imported(client: &Client) -> String {
    let asked = client
        .import_rest_api()
        .parameters("endpointConfigurationTypes", "REGIONAL");
    let api = block_on(asked.body(body(&document("first"))).send()).unwrap();
    assert_eq!(api.description(), Some("first"));
    assert_eq!(
        api.endpoint_configuration().unwrap().types()[0].as_str(),
        "REGIONAL"
    );
    assert_eq!(api.binary_media_types(), ["image/png", "application/zip"]);
    assert!(api.policy().unwrap().contains("2012-10-17"));
    api.id().unwrap().to_owned()
}

#[test]
fn an_api_keeps_what_it_was_told() {
    let moto = Moto::start();
    let proxy = Proxy::before_moto(&moto.endpoint());
    let client = Account::at(&proxy.endpoint()).apigateway();
    let id = imported(&client);

    let asked = client.update_rest_api().rest_api_id(&id);
    let asked = asked.patch_operations(replace("/minimumCompressionSize", "1024"));
    let asked = asked.patch_operations(replace("/endpointConfiguration/types/REGIONAL", "PRIVATE"));
    assert_eq!(
        block_on(asked.send()).unwrap().minimum_compression_size(),
        Some(1024)
    );

    let put = client
        .put_rest_api()
        .rest_api_id(&id)
        .mode(PutMode::Overwrite)
        .body(body(&document("second")));
    assert_eq!(block_on(put.send()).unwrap().description(), Some("second"));
    let api = block_on(client.get_rest_api().rest_api_id(&id).send()).unwrap();
    assert_eq!(
        (api.minimum_compression_size(), api.description()),
        (Some(1024), Some("second"))
    );
    assert_eq!(
        api.endpoint_configuration().unwrap().types()[0].as_str(),
        "PRIVATE"
    );
    assert_eq!(api.binary_media_types(), ["image/png", "application/zip"]);
    let listed = block_on(client.get_rest_apis().send()).unwrap();
    assert_eq!(listed.items()[0].minimum_compression_size(), Some(1024));

    let sent = grail_tests::documents::only_defined(&proxy.calls());
    let mut wanted = ApiDocument::read(&document("any"));
    wanted.minimum_compression = Some(1024);
    wanted.endpoint_types = ["PRIVATE".to_owned()].into();
    assert_eq!(sent, wanted);

    let resources = block_on(
        client
            .get_resources()
            .rest_api_id(&id)
            .limit(500)
            .embed("methods")
            .send(),
    )
    .unwrap();
    let goods = resources
        .items()
        .iter()
        .find(|one| one.path() == Some("/goods/{id}"))
        .unwrap();
    let methods = goods.resource_methods().unwrap();
    assert_eq!(
        methods["GET"].method_integration().and_then(|it| it.uri()),
        Some(HANDLER)
    );
    assert!(methods.contains_key("OPTIONS"));
    assert!(
        block_on(client.get_authorizers().rest_api_id(&id).send())
            .unwrap()
            .items()
            .is_empty()
    );
    block_on(client.get_models().rest_api_id(&id).send()).unwrap();
    block_on(client.get_gateway_responses().rest_api_id(&id).send()).unwrap();
    block_on(client.get_request_validators().rest_api_id(&id).send()).unwrap();
    block_on(client.delete_rest_api().rest_api_id(&id).send()).unwrap();
    assert!(
        block_on(client.get_rest_api().rest_api_id(&id).send())
            .unwrap_err()
            .into_service_error()
            .is_not_found_exception()
    );
}

#[test]
fn a_stage_can_be_pointed_traced_and_brought_back() {
    let moto = Moto::start();
    let proxy = Proxy::before_moto(&moto.endpoint());
    let client = Account::at(&proxy.endpoint()).apigateway();
    let id = imported(&client);
    let deploy = |mark: &str| {
        let asked = client
            .create_deployment()
            .rest_api_id(&id)
            .stage_name("api")
            .description(mark)
            .tracing_enabled(true);
        block_on(asked.send()).unwrap().id().unwrap().to_owned()
    };
    let stage = || block_on(client.get_stage().rest_api_id(&id).stage_name("api").send()).unwrap();
    let (first, second) = (deploy("one"), deploy("two"));
    assert_eq!(
        (stage().deployment_id(), stage().tracing_enabled()),
        (Some(second.as_str()), true)
    );
    let marks = block_on(client.get_deployments().rest_api_id(&id).send()).unwrap();
    let mut marks: Vec<_> = marks.items().iter().filter_map(|one| one.description()).collect();
    marks.sort_unstable();
    assert_eq!(marks, ["one", "two"]);

    let patched = client.update_stage().rest_api_id(&id).stage_name("api");
    let patched = patched.patch_operations(replace("/deploymentId", &first));
    block_on(
        patched
            .patch_operations(replace("/tracingEnabled", "false"))
            .send(),
    )
    .unwrap();
    assert_eq!(
        (stage().deployment_id(), stage().tracing_enabled()),
        (Some(first.as_str()), false)
    );

    block_on(client.delete_stage().rest_api_id(&id).stage_name("api").send()).unwrap();
    let made = client
        .create_stage()
        .rest_api_id(&id)
        .stage_name("api")
        .deployment_id(&second)
        .tracing_enabled(true);
    block_on(made.send()).unwrap();
    assert_eq!(
        (stage().deployment_id(), stage().tracing_enabled()),
        (Some(second.as_str()), true)
    );

    let delete = |deployment: &str| {
        let asked = client
            .delete_deployment()
            .rest_api_id(&id)
            .deployment_id(deployment);
        let answer = block_on(asked.send());
        answer.err().and_then(|error| error.code().map(str::to_owned))
    };
    assert_eq!(delete(&second).as_deref(), Some("BadRequestException"));
    assert_eq!(delete(&first), None);
    assert_eq!(delete(&first).as_deref(), Some("NotFoundException"));
    let left = block_on(client.get_deployments().rest_api_id(&id).send()).unwrap();
    let left: Vec<_> = left.items().iter().filter_map(|one| one.id()).collect();
    assert_eq!(left, [second.as_str()]);
}

/// A role and a function `worker`, with this archive.
fn make_worker(account: &Account, code: lambda::types::FunctionCode) {
    let trust = r#"{"Version":"2012-10-17","Statement":[]}"#;
    let role = account
        .iam()
        .create_role()
        .role_name("worker")
        .assume_role_policy_document(trust);
    let role = block_on(role.send()).unwrap();
    let asked = account
        .lambda()
        .create_function()
        .function_name("worker")
        .code(code);
    let asked = asked
        .role(role.role().unwrap().arn())
        .runtime(lambda::types::Runtime::Python312);
    block_on(asked.handler("app.handler").send()).unwrap();
}

#[test]
fn code_can_be_fetched_back_however_it_came() {
    let archive = fixtures::archive(&[("app.py", "def handler(event, context): pass")]);
    let digest = content_digest(&archive).unwrap();
    let direct =
        lambda::types::FunctionCode::builder().zip_file(lambda::primitives::Blob::new(archive.clone()));
    let stored = lambda::types::FunctionCode::builder()
        .s3_bucket("shelf")
        .s3_key("code/app.zip");
    for code in [direct.build(), stored.build()] {
        let moto = Moto::start();
        let proxy = Proxy::before_moto(&moto.endpoint());
        let account = Account::at(&proxy.endpoint());
        block_on(account.s3().create_bucket().bucket("shelf").send()).unwrap();
        let put = account
            .s3()
            .put_object()
            .bucket("shelf")
            .key("code/app.zip")
            .body(archive.clone().into());
        block_on(put.send()).unwrap();
        make_worker(&account, code);
        assert_eq!(
            World::read(&account).section("functions")["worker"]["code"],
            digest
        );
    }
}

#[test]
fn a_function_keeps_what_updates_say() {
    let moto = Moto::start();
    let proxy = Proxy::before_moto(&moto.endpoint());
    let account = Account::at(&proxy.endpoint());
    let archive = fixtures::archive(&[("app.py", "first")]);
    let code = lambda::types::FunctionCode::builder().zip_file(lambda::primitives::Blob::new(archive));
    make_worker(&account, code.build());
    let worker = || World::read(&account).section("functions")["worker"].take();
    let before = worker();
    assert_eq!(before["configuration"]["tracing"], "PassThrough");

    let traced = lambda::types::TracingConfig::builder()
        .mode(lambda::types::TracingMode::Active)
        .build();
    let asked = account
        .lambda()
        .update_function_configuration()
        .function_name("worker")
        .tracing_config(traced);
    let arn = before["configuration"]["arn"].as_str().unwrap();
    block_on(asked.handler("app.other").timeout(9).send()).unwrap();
    let archive = fixtures::archive(&[("app.py", "second")]);
    let asked = account.lambda().update_function_code().function_name(arn);
    let asked = asked.architectures(lambda::types::Architecture::Arm64);
    block_on(
        asked
            .zip_file(lambda::primitives::Blob::new(archive.clone()))
            .send(),
    )
    .unwrap();

    let lambda = account.lambda();
    let stopped = lambda.put_function_concurrency().function_name("worker");
    block_on(stopped.reserved_concurrent_executions(0).send()).unwrap();
    assert_eq!(worker()["concurrency"], 0);
    block_on(
        lambda
            .delete_function_concurrency()
            .function_name("worker")
            .send(),
    )
    .unwrap();

    let after = worker();
    assert_eq!(after["concurrency"], Value::Null);
    assert_eq!(after["configuration"]["tracing"], "Active");
    assert_eq!(after["configuration"]["handler"], "app.other");
    assert_eq!(after["configuration"]["timeout"], 9);
    assert_eq!(after["configuration"]["architectures"], json!(["arm64"]));
    assert_eq!(after["code"], content_digest(&archive).unwrap());
    let listed = block_on(account.lambda().list_functions().send()).unwrap();
    let tracing = listed.functions()[0]
        .tracing_config()
        .and_then(|it| it.mode())
        .cloned();
    assert_eq!(tracing, Some(lambda::types::TracingMode::Active));
}
