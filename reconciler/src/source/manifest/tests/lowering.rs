//! What manifests wish for.

use super::*;

const HEAD: &str = "\
grail: 1
app: shop
defaults: {runtime: python3.12, handler: main.handler, code: src}
";

fn all(rest: &str) -> DesiredState {
    wished(&format!("{HEAD}{rest}"), "dev")
}

#[test]
fn a_function_has_a_role_of_its_own_with_what_it_needs() {
    let state = all(
        "functions:\n  work:\n    tracing: true\n    dead_letter: arn:aws:sqs:eu-central-1:123456789012:dead\n    events: [{sqs: jobs}]\n",
    );
    assert_eq!(
        ids(&state),
        [
            "event_source_mapping.work-sqs-event-source",
            "iam_role.work_role",
            "lambda_function.work"
        ]
    );
    insta::assert_json_snapshot!(form_of(&state, "iam_role.work_role"));
    insta::assert_json_snapshot!(form_of(&state, "lambda_function.work"));
}

#[test]
fn every_kind_of_event_is_connected() {
    let state = all("\
functions:
  work:
    events:
      - schedule: rate(5 minutes)
      - schedule: {name: nightly, expression: 'cron(0 3 * * ? *)', enabled: false}
      - pattern: {name: started, event: {source: [aws.ec2], detail-type: [EC2 Instance State-change Notification]}}
      - s3: {bucket: uploads, prefix: in/}
      - s3: {name: gone, bucket: uploads, events: ['s3:ObjectRemoved:*'], prefix: out/}
      - sns: news
      - sqs: {queue: jobs, batch_size: 10, maximum_concurrency: 5}
      - kinesis: clicks
      - dynamodb: {stream: 'arn:aws:dynamodb:eu-central-1:123456789012:table/t/stream/2024', starting_position: oldest}
      - http: GET /things/{id}
      - http: {route: POST /things, cors: true, api_key_required: true}
      - websocket: $connect
      - websocket: $default
");
    let shown: serde_json::Map<String, Value> = state
        .resources
        .keys()
        .filter(|id| id.kind.as_str() != "iam_role" && id.kind.as_str() != "lambda_function")
        .map(|id| (id.to_string(), form_of(&state, &id.to_string())))
        .collect();
    insta::assert_json_snapshot!(shown);
}

#[test]
fn a_document_by_path_calls_functions_by_reference() {
    let openapi = "\
openapi: 3.0.1
info: {title: anything, version: '2'}
paths:
  /x:
    get:
      x-amazon-apigateway-integration: {type: aws_proxy, httpMethod: POST, uri: '${functions.work.invocation_uri}'}
    post:
      x-amazon-apigateway-integration: {type: http_proxy, httpMethod: POST, uri: 'https://${stageVariables.host}/'}
";
    let text = format!(
        "{HEAD}functions: {{work: {{}}, other: {{}}}}\nrest_apis: {{main: {{openapi: api.yaml, stage: v1}}}}\n"
    );
    let folder = folder(&[("grail.yaml", &text), ("api.yaml", openapi), ("src/main.py", "")]);
    let (manifest, _) = read(folder.path(), "dev").unwrap();
    let state = lower(&manifest, &stand_in(), &Packages::default()).unwrap();
    let definition = &form_of(&state, "rest_api.main")["definition"];
    let get = &definition["paths"]["/x"]["get"]["x-amazon-apigateway-integration"]["uri"];
    assert_eq!(
        get,
        "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/lambda_function.work/arn/invocations"
    );
    let post = &definition["paths"]["/x"]["post"]["x-amazon-apigateway-integration"]["uri"];
    assert_eq!(post, "https://${stageVariables.host}/");
    assert_eq!(
        definition["info"],
        json!({"title": "shop-dev-main", "version": "2", "description": ""})
    );
    let names = ids(&state);
    assert!(
        names.contains(&"lambda_permission.work/main".to_owned()),
        "{names:?}"
    );
    assert!(!names.contains(&"lambda_permission.other/main".to_owned()));
    assert_eq!(form_of(&state, "api_stage.main")["stage"], "v1");
}

#[test]
fn what_stands_beside_chalice_is_not_for_its_file() {
    let beside = all("functions: {work: {}}\n");
    let ranks = |state: &DesiredState| state.resources.values().map(|one| one.rank).min().unwrap();
    assert_eq!(ranks(&beside), grail_state::chalice::UNKNOWN_RANK);
    assert_eq!(ranks(&all("replaces: chalice\nfunctions: {work: {}}\n")), 0);
}

#[test]
fn a_domain_leads_to_an_api_under_a_path() {
    let state = all("\
functions: {work: {events: [{http: GET /}]}}
domains:
  main:
    name: api.example.com
    certificate: arn:aws:acm:us-east-1:123456789012:certificate/1
    mappings: [{api: rest_api, path: /v1/}]
");
    insta::assert_json_snapshot!([
        form_of(&state, "custom_domain.main"),
        form_of(&state, "api_mapping.main")
    ]);
}
