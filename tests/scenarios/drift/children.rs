//! Every kind of child that others can hang on our things.

use grail_tests::account::sdk::apigateway::types::{AuthorizerType, GatewayResponseType};
use grail_tests::account::sdk::events::types::Target;
use grail_tests::account::sdk::lambda::types::{FunctionResponseType, FunctionUrlAuthType};
use grail_tests::account::sdk::s3::types::{Event, LambdaFunctionConfiguration, NotificationConfiguration};
use serde_json::json;

use super::Fields;
use super::scene::{Scene, done};

/// Who hangs them.
const NAME: &str = "intruder";

/// How the words of those begin that are told and cannot be removed.
pub(crate) const STAY: [&str; 3] = ["tag ", "FilterPolicy", "reports of partial failures"];

/// What is left of them when the definition of the REST API was put again: a document says nothing of a resource without
/// methods (the kind's documentation has it).
pub(crate) fn after_an_overwrite(mut children: Fields) -> Fields {
    for all in children.values_mut() {
        all.retain(|child| !child.starts_with("resource without methods "));
    }
    children
}

/// A child that appears when the others were seen, or goes again.
pub(crate) fn latecomer(scene: &Scene, comes: bool) {
    let iam = scene.account().iam();
    let (_, role) = scene.one("iam_role", 0);
    if comes {
        let denied = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]});
        let put = iam.put_role_policy().role_name(role).policy_name("latecomer");
        done(put.policy_document(denied.to_string()).send());
    } else {
        done(
            iam.delete_role_policy()
                .role_name(role)
                .policy_name("latecomer")
                .send(),
        );
    }
}

/// Where it is told, and how.
pub(crate) fn latecomers_words(scene: &Scene) -> (String, String) {
    let (id, _) = scene.one("iam_role", 0);
    (id, "inline policy latecomer".to_owned())
}

/// Hangs all of them, on things that no change of a field touches where that would take them along. What is to be told of
/// each.
///
/// moto has no provisioned concurrency, does not list the authorizers of WebSocket APIs, and its settings for asynchronous
/// calls cannot be read: the kinds' own tests have these, with canned replies.
pub(crate) fn hang(scene: &Scene) -> Fields {
    let mut children = Fields::new();
    let stranger = scene.account().make_function(NAME);
    scene.account().publish_layer("foreign");
    let mut told = |id: String, words: Vec<String>| children.entry(id).or_default().extend(words);
    let (id, words) = on_a_function(scene);
    told(id, words);
    let (id, words) = on_a_role(scene);
    told(id, words);
    let (id, words) = on_a_rule(scene, &stranger);
    told(id, words);
    let (id, words) = on_the_rest_api(scene);
    told(id, words);
    let (id, words) = on_the_socket(scene);
    told(id, words);
    let (id, words) = on_a_domain(scene);
    told(id, words);
    let (id, words) = on_a_bucket(scene, &stranger);
    told(id, words);
    let (id, words) = on_a_subscription(scene);
    told(id, words);
    let (id, words) = on_a_mapping(scene);
    told(id, words);
    children
}

fn on_a_function(scene: &Scene) -> (String, Vec<String>) {
    let lambda = scene.account().lambda();
    let (id, arn) = scene.one("lambda_function", 12);
    let name = arn.rsplit(':').next().unwrap();
    let statement = lambda.add_permission().function_name(name).statement_id(NAME);
    done(
        statement
            .action("lambda:InvokeFunction")
            .principal("210987654321")
            .send(),
    );
    done(
        lambda
            .create_alias()
            .function_name(name)
            .name(NAME)
            .function_version("$LATEST")
            .send(),
    );
    let url = lambda.create_function_url_config().function_name(name);
    done(url.auth_type(FunctionUrlAuthType::None).send());
    let queue = scene.account().make_queue("intruder-queue");
    let mapping = lambda.create_event_source_mapping().function_name(&arn);
    let mapping = done(mapping.event_source_arn(&queue).send());
    let words = vec![
        format!("statement {NAME}"),
        format!("alias {NAME}"),
        "URL of $LATEST".to_owned(),
        format!("event source mapping {} ({queue})", mapping.uuid().unwrap()),
    ];
    (id, words)
}

fn on_a_role(scene: &Scene) -> (String, Vec<String>) {
    let iam = scene.account().iam();
    let (id, role) = scene.one("iam_role", 0);
    let broad = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]});
    let inline = iam.put_role_policy().role_name(&role).policy_name(NAME);
    done(inline.policy_document(broad.to_string()).send());
    let managed = iam
        .create_policy()
        .policy_name(NAME)
        .policy_document(broad.to_string());
    let managed = done(managed.send());
    let arn = managed.policy().unwrap().arn().unwrap();
    done(iam.attach_role_policy().role_name(&role).policy_arn(arn).send());
    (
        id,
        vec![format!("inline policy {NAME}"), format!("attached policy {arn}")],
    )
}

fn on_a_rule(scene: &Scene, stranger: &str) -> (String, Vec<String>) {
    let (id, rule) = scene.one("event_rule", 0);
    let target = Target::builder().id(NAME).arn(stranger).build().unwrap();
    done(
        scene
            .account()
            .events()
            .put_targets()
            .rule(rule)
            .targets(target)
            .send(),
    );
    (id, vec![format!("target {NAME} ({stranger})")])
}

fn on_the_rest_api(scene: &Scene) -> (String, Vec<String>) {
    let client = scene.account().apigateway();
    let (id, api) = scene.one("rest_api", 0);
    let all = done(client.get_resources().rest_api_id(&api).limit(500).send());
    let root = all
        .items()
        .iter()
        .find(|one| one.path() == Some("/"))
        .unwrap()
        .id()
        .unwrap();
    let resource = |path: &str| {
        let call = client.create_resource().rest_api_id(&api).parent_id(root);
        done(call.path_part(path).send()).id().unwrap().to_owned()
    };
    resource("bare");
    let called = resource(NAME);
    let method = client
        .put_method()
        .rest_api_id(&api)
        .resource_id(&called)
        .http_method("GET");
    done(method.authorization_type("NONE").send());
    let integration = client.put_integration().rest_api_id(&api).resource_id(&called);
    done(integration.http_method("GET").r#type("MOCK".into()).send());
    let response = client.put_gateway_response().rest_api_id(&api);
    done(
        response
            .response_type(GatewayResponseType::Default5Xx)
            .status_code("500")
            .send(),
    );
    let authorizer = client.create_authorizer().rest_api_id(&api).name(NAME);
    let uri = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:intruder/invocations";
    let authorizer = authorizer.r#type(AuthorizerType::Token).authorizer_uri(uri);
    done(authorizer.identity_source("method.request.header.Pass").send());
    let model = client.create_model().rest_api_id(&api).name("Intruder");
    done(model.content_type("application/json").schema("{}").send());
    done(
        client
            .create_request_validator()
            .rest_api_id(&api)
            .name(NAME)
            .send(),
    );
    let deployment = done(client.create_deployment().rest_api_id(&api).send());
    let stage = client.create_stage().rest_api_id(&api).stage_name(NAME);
    done(stage.deployment_id(deployment.id().unwrap()).send());
    let words = [
        format!("method GET /{NAME}"),
        "resource without methods /bare".to_owned(),
        "gateway response DEFAULT_5XX".to_owned(),
        format!("authorizer {NAME}"),
        "model Intruder".to_owned(),
        format!("request validator {NAME}"),
        format!("stage {NAME}"),
    ];
    (id, words.to_vec())
}

fn on_the_socket(scene: &Scene) -> (String, Vec<String>) {
    let client = scene.account().apigatewayv2();
    let (id, api) = scene.one("websocket_api", 0);
    let routes = done(client.get_routes().api_id(&api).send());
    let target = routes.items()[0].target().unwrap().to_owned();
    done(
        client
            .create_route()
            .api_id(&api)
            .route_key(NAME)
            .target(target)
            .send(),
    );
    let deployments = done(client.get_deployments().api_id(&api).send());
    let stage = client.create_stage().api_id(&api).stage_name(NAME);
    done(
        stage
            .deployment_id(deployments.items()[0].deployment_id().unwrap())
            .send(),
    );
    let words = vec![format!("route {NAME}"), format!("stage {NAME}")];
    (id, words)
}

fn on_a_domain(scene: &Scene) -> (String, Vec<String>) {
    let client = scene.account().apigateway();
    let all = scene.all("custom_domain").into_iter();
    let mut rest = all.filter(|(id, _)| !id.contains("websocket"));
    let (id, domain) = rest.next().unwrap();
    let (_, api) = scene.one("rest_api", 0);
    let mapping = client
        .create_base_path_mapping()
        .domain_name(&domain)
        .base_path(NAME);
    done(mapping.rest_api_id(&api).stage(NAME).send());
    let arn = format!("arn:aws:apigateway:us-east-1::/domainnames/{domain}");
    done(
        client
            .tag_resource()
            .resource_arn(arn)
            .tags(NAME, "was here")
            .send(),
    );
    (
        id,
        vec![
            format!("mapping of /{NAME} to {api}/{NAME}"),
            format!("tag {NAME}"),
        ],
    )
}

fn on_a_bucket(scene: &Scene, stranger: &str) -> (String, Vec<String>) {
    let (id, bucket) = scene.one("s3_notification", 0);
    scene.account().let_bucket_call(&bucket, NAME);
    let client = scene.account().s3();
    let there = done(
        client
            .get_bucket_notification_configuration()
            .bucket(&bucket)
            .send(),
    );
    let mut entries = there.lambda_function_configurations.unwrap_or_default();
    let theirs = LambdaFunctionConfiguration::builder()
        .id(NAME)
        .lambda_function_arn(stranger)
        .events(Event::S3ObjectTaggingPut);
    entries.push(theirs.build().unwrap());
    let next = NotificationConfiguration::builder().set_lambda_function_configurations(Some(entries));
    let call = client.put_bucket_notification_configuration().bucket(&bucket);
    done(call.notification_configuration(next.build()).send());
    (id, vec![format!("notification {NAME} to {stranger}")])
}

fn on_a_subscription(scene: &Scene) -> (String, Vec<String>) {
    let (id, arn) = scene.one("sns_subscription", 0);
    let call = scene
        .account()
        .sns()
        .set_subscription_attributes()
        .subscription_arn(arn);
    let call = call
        .attribute_name("FilterPolicy")
        .attribute_value(r#"{"kind":["loud"]}"#);
    done(call.send());
    (
        id,
        vec!["FilterPolicy".to_owned(), "FilterPolicyScope".to_owned()],
    )
}

fn on_a_mapping(scene: &Scene) -> (String, Vec<String>) {
    // One that stays: another is made anew, since it cannot be led back to its function.
    let (id, uuid) = scene.one("event_source_mapping", 1);
    let call = scene.account().lambda().update_event_source_mapping().uuid(uuid);
    done(
        call.function_response_types(FunctionResponseType::ReportBatchItemFailures)
            .send(),
    );
    (id, vec!["reports of partial failures".to_owned()])
}
