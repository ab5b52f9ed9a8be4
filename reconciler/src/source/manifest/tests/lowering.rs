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

#[test]
fn things_are_declared_and_events_refer_to_them() {
    let state = all("\
functions:
  work:
    timeout: 20
    dead_letter: ${topics.news.arn}
    environment: {JOBS: '${queues.jobs.url}', STREAM: '${tables.orders.stream_arn}'}
    events:
      - sqs: jobs
      - s3: {bucket: papers, prefix: in/}
      - sns: news
      - kinesis: clicks
      - dynamodb: {stream: orders, starting_position: oldest}
queues:
  jobs: {fifo: true, dead_letter: {queue: dead, max_receives: 3}, protect: false}
  dead: {fifo: true, name: dead.fifo, tags: {team: x}}
  plain: {dead_letter: {queue: elsewhere, max_receives: 1}, visibility_timeout: 5}
topics: {news: {display_name: News}}
tables:
  orders:
    attributes: {id: S, at: N}
    key: {partition: id}
    indexes: {by-time: {partition: id, sort: at, holds: [b, a]}, all: {partition: at}, none: {partition: at, holds: []}}
    stream: new_and_old
    capacity: {read: 2, write: 1}
    ttl: gone
buckets: {papers: {}, Old_Papers: {public_access: allowed, encryption: alias/k}, named: {name: the-papers}}
streams: {clicks: {shards: 2}, by_need: {}}
buses: {door: {protect: true}}
");
    let shown: serde_json::Map<String, Value> = state
        .resources
        .keys()
        .filter(|id| !matches!(id.kind.as_str(), "lambda_function" | "lambda_permission"))
        .map(|id| (id.to_string(), form_of(&state, &id.to_string())))
        .collect();
    insta::assert_json_snapshot!(shown);
    let said: Vec<_> = state
        .resources
        .values()
        .filter_map(|one| Some((one.id.to_string(), one.protect?)))
        .collect();
    assert_eq!(
        said,
        [
            ("event_bus.door".to_owned(), true),
            ("sqs_queue.jobs".to_owned(), false)
        ]
    );
}

#[test]
fn a_stage_changes_and_takes_away_things() {
    let text = format!(
        "{HEAD}queues: {{jobs: {{delay: 5}}, old: {{}}}}\nstages: {{prod: {{queues: {{jobs: {{retention: 60}}, old: null}}}}}}\n"
    );
    let state = wished(&text, "prod");
    assert_eq!(ids(&state), ["sqs_queue.jobs"]);
    let form = form_of(&state, "sqs_queue.jobs");
    assert_eq!(
        (&form["delay"], &form["retention"], &form["visibility_timeout"]),
        (&json!(5), &json!(60), &json!(30))
    );
}

#[test]
fn a_queue_that_is_too_eager_is_told_and_taken() {
    let text = format!(
        "{HEAD}functions: {{work: {{timeout: 60, events: [{{sqs: jobs}}]}}}}\nqueues: {{jobs: {{visibility_timeout: 90}}}}\n"
    );
    let folder = folder(&[("grail.yaml", &text), ("src/main.py", "")]);
    let (_, remarks) = read(folder.path(), "dev").unwrap();
    let said: Vec<_> = remarks.iter().map(|remark| remark.message.as_str()).collect();
    assert_eq!(
        said,
        ["`jobs` hides messages for 90 s, and the function may take 60 s"]
    );
}

#[test]
fn a_version_wishes_for_the_form_of_its_function_and_aliases_lead_there() {
    let state = all("\
functions:
  work:
    description: works
    tags: {team: x}
    reserved_concurrency: 9
    environment: {TABLE: orders}
    publish: {keep: 2, provisioned_concurrency: 3}
    aliases:
      live:
        canary: {steps: [{weight: 10, for: 5m}, {weight: 50, for: 90s}], alarms: [errors, 'arn:aws:cloudwatch:eu-central-1:123456789012:alarm:slow']}
        url: {auth: none}
      trial: {version: 3, weights: {latest: 12.5}}
      old: {version: 2, provisioned_concurrency: 1}
      back: {version: '2', canary: {steps: [{weight: 1, for: 1s}], alarms: [errors]}}
      new: {version: latest}
  other:
    environment: {WORK: '${functions.work.aliases.live.arn}', VERSION: '${functions.work.version}', WHOLE: '${functions.work.version_arn}'}
");
    let shown: serde_json::Map<String, Value> = state
        .resources
        .keys()
        .filter(|id| id.kind.as_str() != "iam_role" && id.kind.as_str() != "lambda_function")
        .map(|id| (id.to_string(), form_of(&state, &id.to_string())))
        .collect();
    insta::assert_json_snapshot!(shown);
    let after = |id: &str| {
        let mut all = state.resources.values();
        let found = all.find(|one| one.id.to_string() == id).unwrap();
        found.after.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(after("lambda_alias.work/live"), ["provisioned_concurrency.work"]);
    let environment = form_of(&state, "lambda_function.other")["environment"].clone();
    assert_eq!(
        environment,
        json!({
            "WORK": "lambda_alias.work/live/arn", "VERSION": "lambda_version.work/version",
            "WHOLE": "lambda_version.work/arn",
        })
    );
    let form = form_of(&state, "lambda_version.work")["form"].clone();
    assert!(
        form.get("tags").is_none() && form.get("reserved_concurrency").is_none(),
        "{form}"
    );
}

#[test]
fn nothing_is_published_unless_it_is_said() {
    for said in ["{}", "{publish: false}"] {
        let state = all(&format!("functions: {{work: {said}}}\n"));
        assert!(
            !ids(&state).iter().any(|id| id.starts_with("lambda_version")),
            "{said}"
        );
    }
    let five = form_of(
        &all("functions: {work: {publish: true}}\n"),
        "lambda_version.work",
    );
    assert_eq!(five["keep"], 5);
}
