//! What a look at a large project costs: 500 functions, each with a permission, a mapping and a log group, and 200 rules.
//! Each kind makes the calls that it states, whether the state knows the things or has lost them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use grail::engine::{Clock, Engine, Limits};
use grail::plan::Consent;
use grail_providers::aws::{Context, Seam};
use grail_providers::port::{Catalog, RuleBook};
use grail_providers::resources;
use grail_state::artifacts::MemoryArtifacts;
use grail_state::seal::Keys;
use grail_state::store::memory::MemoryStore;
use grail_state::{Desired, DesiredState, Digester, Handle, Kind, Record, ResourceId, StackId, Template};
use grail_tests::proxy::{Call, Proxy};
use grail_tests::runtime;
use jiff::Timestamp;
use serde_json::{Value, json};

const FUNCTIONS: usize = 500;
const RULES: usize = 200;
const OWNER: &str = "version=1.34.0:stage=dev:app=mall";
const SHA: &str = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=";

fn stack() -> StackId {
    StackId {
        app: "mall".to_owned(),
        stage: "dev".to_owned(),
    }
}

fn function_arn(number: usize) -> String {
    format!("arn:aws:lambda:us-east-1:123456789012:function:mall-dev-f{number}")
}

fn queue_arn(number: usize) -> String {
    format!("arn:aws:sqs:us-east-1:123456789012:q{number}")
}

fn rule_name(number: usize) -> String {
    format!("mall-dev-f{number}-event")
}

/// The number at the end of a name.
fn number_in(name: &str) -> usize {
    let digits = name.trim_start_matches("mall-dev-f").trim_end_matches("-event");
    digits.parse().unwrap_or_else(|_| panic!("{name} has no number"))
}

/// A thing of the project: its form, handle and outputs.
type Thing = (ResourceId, Value, String, Value);

fn function(number: usize) -> Thing {
    let (name, arn) = (format!("mall-dev-f{number}"), function_arn(number));
    let hex = "ab".repeat(32);
    let spec = json!({
        "name": name, "handler": "app.app", "runtime": "python3.12", "memory": 128, "timeout": 60,
        "role": "arn:aws:iam::123456789012:role/mall-dev", "tags": {"aws-chalice": OWNER},
        "code": {"content": "c1", "artifact": hex, "size": 10},
    });
    let outputs = json!({"arn": arn, "name": name, "code_sha256": SHA});
    (id("lambda_function", format!("f{number}")), spec, arn, outputs)
}

fn permission(number: usize) -> Thing {
    let name = format!("mall-dev-f{number}");
    let spec = json!({
        "function": name, "principal": "sns.amazonaws.com", "source_arn": format!("arn:aws:sns:us-east-1:123456789012:t{number}"),
    });
    (
        id("lambda_permission", format!("f{number}/sns")),
        spec,
        format!("{name}/s{number}"),
        json!({"sid": format!("s{number}")}),
    )
}

fn mapping(number: usize) -> Thing {
    let (uuid, arn) = (format!("u-{number}"), queue_arn(number));
    let spec = json!({
        "service": "sqs", "source_arn": arn, "name": format!("q{number}"), "function": function_arn(number),
        "batch_size": 1, "maximum_batching_window": 0,
    });
    let outputs = json!({
        "uuid": uuid, "service": "sqs", "source_arn": arn, "name": format!("q{number}"), "function_arn": function_arn(number),
    });
    (
        id("event_source_mapping", format!("f{number}-sqs-event-source")),
        spec,
        uuid,
        outputs,
    )
}

fn rule(number: usize) -> Thing {
    let name = rule_name(number);
    let spec = json!({
        "name": name, "schedule": "rate(1 hour)", "description": "", "function": function_arn(number),
    });
    let outputs = json!({"name": name, "arn": rule_arn(number)});
    (id("event_rule", format!("f{number}-event")), spec, name, outputs)
}

fn rule_arn(number: usize) -> String {
    format!("arn:aws:events:us-east-1:123456789012:rule/{}", rule_name(number))
}

fn log_group(number: usize) -> Thing {
    let name = group_name(number);
    let spec = json!({"name": name, "retention_days": 7});
    (
        id("log_group", format!("f{number}-log-group")),
        spec,
        name.clone(),
        json!({"name": name}),
    )
}

fn group_name(number: usize) -> String {
    format!("/aws/lambda/mall-dev-f{number}")
}

fn id(kind: &str, name: String) -> ResourceId {
    ResourceId::new(Kind::named(kind), name)
}

fn project() -> Vec<Thing> {
    let each = |of: fn(usize) -> Thing, many| (0..many).map(of);
    each(function, FUNCTIONS)
        .chain(each(permission, FUNCTIONS))
        .chain(each(mapping, FUNCTIONS))
        .chain(each(log_group, FUNCTIONS))
        .chain(each(rule, RULES))
        .collect()
}

/// AWS, with all of it made.
fn play(call: &Call) -> (u16, String) {
    let answer = match call.name() {
        "GetFunction" => told_function(function_in(&call.path)),
        "GetPolicy" => told_policy(function_in(&call.path)),
        "ListEventSourceMappings" => page(
            call.query.get("Marker"),
            FUNCTIONS,
            100,
            "EventSourceMappings",
            "NextMarker",
            told_mapping,
        ),
        "ListRules" => page(
            text(&call.body, "NextToken").as_ref(),
            RULES,
            100,
            "Rules",
            "NextToken",
            told_rule,
        ),
        "DescribeLogGroups" => page(
            text(&call.body, "nextToken").as_ref(),
            FUNCTIONS,
            50,
            "logGroups",
            "nextToken",
            |number| json!({"logGroupName": group_name(number), "retentionInDays": 7}),
        ),
        "ListTargetsByRule" => {
            let number = number_in(call.body["Rule"].as_str().unwrap());
            json!({"Targets": [{"Id": "1", "Arn": function_arn(number)}]})
        }
        other => panic!("nobody needs to ask for {other}: {} {:?}", call.path, call.body),
    };
    (200, answer.to_string())
}

fn text(body: &Value, field: &str) -> Option<String> {
    body[field].as_str().map(str::to_owned)
}

fn function_in(path: &str) -> usize {
    let path = grail_tests::proxy::percent_decoded(path);
    let name = path
        .split("/functions/")
        .nth(1)
        .unwrap()
        .split('/')
        .next()
        .unwrap();
    number_in(name.rsplit(':').next().unwrap())
}

/// One page of many, after the one that ended at `from`.
fn page(
    from: Option<&String>,
    of: usize,
    size: usize,
    list: &str,
    next: &str,
    each: impl Fn(usize) -> Value,
) -> Value {
    let start: usize = from.map_or(0, |from| from.parse().unwrap());
    let end = of.min(start + size);
    let mut answer = json!({list: (start..end).map(each).collect::<Vec<_>>()});
    if end < of {
        answer[next] = end.to_string().into();
    }
    answer
}

fn told_function(number: usize) -> Value {
    json!({
        "Configuration": {
            "FunctionName": format!("mall-dev-f{number}"), "FunctionArn": function_arn(number), "Handler": "app.app",
            "Runtime": "python3.12", "Role": "arn:aws:iam::123456789012:role/mall-dev", "MemorySize": 128, "Timeout": 60,
            "CodeSha256": SHA, "CodeSize": 10, "State": "Active", "LastUpdateStatus": "Successful",
        },
        "Code": {"Location": "http://127.0.0.1:1/never"},
        "Tags": {"aws-chalice": OWNER},
    })
}

fn told_policy(number: usize) -> Value {
    let topic = format!("arn:aws:sns:us-east-1:123456789012:t{number}");
    let statement = json!({
        "Sid": format!("s{number}"), "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "lambda:InvokeFunction", "Resource": function_arn(number), "Condition": {"ArnLike": {"AWS:SourceArn": topic}},
    });
    json!({"Policy": json!({"Version": "2012-10-17", "Statement": [statement]}).to_string(), "RevisionId": "r"})
}

fn told_mapping(number: usize) -> Value {
    json!({
        "UUID": format!("u-{number}"), "EventSourceArn": queue_arn(number), "FunctionArn": function_arn(number),
        "State": "Enabled", "BatchSize": 1, "MaximumBatchingWindowInSeconds": 0,
    })
}

fn told_rule(number: usize) -> Value {
    json!({
        "Name": rule_name(number), "Arn": rule_arn(number), "ScheduleExpression": "rate(1 hour)", "State": "ENABLED",
    })
}

/// What grail knows, and AWS.
struct Mall {
    proxy: Proxy,
    engine: Engine,
}

impl Mall {
    fn new() -> Mall {
        let proxy = Proxy::playing(play);
        let artifacts = MemoryArtifacts::default();
        let seam = Seam::over(proxy.wire());
        let context = Context::given(seam, stack(), Arc::new(artifacts.clone()));
        let keys = Keys::from_master(&[7; 32]);
        let digester: Digester = keys.digester.clone();
        let engine = Engine {
            catalog: Arc::new(resources::catalog(Arc::new(context), Arc::new(digester))),
            store: Arc::new(MemoryStore::new(stack())),
            artifacts: Arc::new(artifacts),
            sealer: Arc::new(keys.sealer),
            limits: Limits::default(),
            clock: Clock::starting_at(Timestamp::UNIX_EPOCH),
            home: None,
        };
        Mall { proxy, engine }
    }

    /// Plans what is there already, and sees that there is nothing to do. How often each operation was asked for.
    fn plan(&self, recorded: BTreeMap<ResourceId, Record>) -> BTreeMap<String, usize> {
        self.proxy.forget_calls();
        let plan = runtime::shared().block_on(async {
            let mut session = self.engine.read().await.unwrap();
            session.adopt(recorded).unwrap();
            session.preview(&desired(), &Consent::default()).await
        });
        let plan = plan.unwrap_or_else(|error| panic!("{error}"));
        let steps: Vec<_> = plan.steps().map(|step| step.resource.to_string()).collect();
        assert_eq!(steps, [""; 0]);
        self.proxy.calls().counts()
    }
}

fn desired() -> DesiredState {
    let wishes = project().into_iter().zip(0..).map(|((id, spec, ..), rank)| {
        let wish = Desired {
            id: id.clone(),
            spec: Template::Lit(spec),
            after: BTreeSet::new(),
            rank,
            origin: None,
            protect: None,
        };
        (id, wish)
    });
    DesiredState {
        stack: stack(),
        resources: wishes.collect(),
    }
}

fn records(catalog: &Catalog) -> BTreeMap<ResourceId, Record> {
    let records = project()
        .into_iter()
        .zip(0..)
        .map(|((id, spec, handle, outputs), rank)| {
            let rules = catalog.rules(&id.kind).unwrap();
            let record = Record {
                handle: Handle(handle),
                spec: rules.project(&Template::Lit(spec)).unwrap(),
                outputs: serde_json::from_value(outputs).unwrap(),
                depends_on: BTreeSet::new(),
                rank,
                token: None,
            };
            (id, record)
        });
    records.collect()
}

/// What the kinds state for the project.
fn stated() -> usize {
    let reads = resources::reads();
    let mut kinds: BTreeMap<Kind, u32> = BTreeMap::new();
    for (id, ..) in project() {
        *kinds.entry(id.kind).or_default() += 1;
    }
    let each = kinds.iter().map(|(kind, many)| {
        let cost = reads[kind];
        let pages = if cost.page == 0 {
            0
        } else {
            many.div_ceil(cost.page)
        };
        (cost.each * many + cost.lists * pages) as usize
    });
    each.sum()
}

#[test]
fn a_look_at_500_functions_costs_what_the_kinds_state() {
    let mall = Mall::new();
    let expected = [
        ("GetFunction", FUNCTIONS),
        ("GetPolicy", FUNCTIONS),
        ("ListEventSourceMappings", 5),
        ("ListRules", 2),
        ("ListTargetsByRule", RULES),
        ("DescribeLogGroups", 10),
    ];
    let expected = crate::stand::counts(&expected);
    assert_eq!(expected.values().sum::<usize>(), stated());
    let recorded = records(&mall.engine.catalog);
    assert_eq!(mall.plan(recorded), expected, "with everything recorded");
    assert_eq!(mall.plan(BTreeMap::new()), expected, "with nothing recorded");
}
