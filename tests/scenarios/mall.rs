//! A project that has something of every kind, in several forms, without its Python: wishes as lowering makes them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use grail_providers::package::{Limits, content_of_zip};
use grail_state::artifacts::{Artifacts, MemoryArtifacts};
use grail_state::{Desired, DesiredState, Kind, ResourceId, StackId, Template};
use grail_tests::account::Account;
use grail_tests::fixtures;
use serde_json::{Value, json};

use crate::contract::strangers;

/// The bucket of which all are told.
pub(crate) const BUCKET: &str = "mall-photos";
/// The topic to which all subscribe.
pub(crate) const TOPIC: &str = "mall-news";
/// The seed that makes moto give the certificate this ARN in every account.
const CERTIFICATE: u32 = 1;

/// A part of the project: one or more kinds that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// A function that a bucket tells.
    Bucket,
    /// A function that subscribes to a topic.
    Topic,
    /// A function that reads a queue and a stream.
    Queue,
    /// A function that is called by the clock.
    Clock,
    /// What the functions share, and how long a function's logs stay.
    Layer,
    /// A REST API.
    Rest,
    /// A custom domain of the REST API.
    Domain,
    /// A WebSocket API.
    Socket,
}

/// All of them.
pub(crate) const EVERYTHING: [Part; 8] = [
    Part::Bucket,
    Part::Topic,
    Part::Queue,
    Part::Clock,
    Part::Layer,
    Part::Rest,
    Part::Domain,
    Part::Socket,
];

/// The project in one form.
#[derive(Clone, Debug)]
pub(crate) struct Mall {
    /// Its name: several may live in one account.
    pub(crate) app: &'static str,
    /// Which of two forms everything has that can be changed in place.
    pub(crate) version: usize,
    /// Whether what cannot be changed in place is another one.
    pub(crate) moved: bool,
    /// What there is of it.
    pub(crate) parts: BTreeSet<Part>,
}

impl Mall {
    /// The first form.
    pub(crate) fn of(app: &'static str, parts: &[Part]) -> Mall {
        Mall {
            app,
            version: 1,
            moved: false,
            parts: parts.iter().copied().collect(),
        }
    }

    /// The same with everything changed in place.
    pub(crate) fn changed(mut self) -> Mall {
        self.version = 2;
        self
    }

    /// The same with everything replaced that cannot be changed.
    pub(crate) fn moved(mut self) -> Mall {
        self.moved = true;
        self
    }

    /// Where it lives.
    pub(crate) fn stack(&self) -> StackId {
        StackId {
            app: self.app.to_owned(),
            stage: "dev".to_owned(),
        }
    }

    /// What it wishes. Its packages are then among the artifacts.
    pub(crate) fn desired(&self, artifacts: &MemoryArtifacts) -> DesiredState {
        let mut wishes = Wishes {
            mall: self,
            artifacts,
            resources: BTreeMap::new(),
        };
        wishes.all();
        DesiredState {
            stack: self.stack(),
            resources: wishes.resources,
        }
    }
}

/// Puts into the account what the projects take for granted, with others' parts in it.
pub(crate) fn prepare(account: &Account) {
    account.make_function(strangers::FUNCTION);
    account.make_bucket(BUCKET);
    account.let_bucket_call(BUCKET, strangers::FUNCTION);
    strangers::notifications(account, BUCKET);
    let topic = account.make_topic(TOPIC);
    strangers::subscription(account, &topic);
    for queue in ["mall-jobs", "mall-chores"] {
        account.make_queue(queue);
    }
    account.make_stream("mall-clicks");
}

/// The certificate of the project's domain, which moto alone can have.
pub(crate) fn certify(account: &Account) -> String {
    account.issue_certificate(CERTIFICATE, &["*.example.com"])
}

fn arn(service: &str, resource: &str) -> String {
    format!(
        "arn:aws:{service}:{}:{}:{resource}",
        grail_tests::REGION,
        grail_tests::ACCOUNT
    )
}

fn id(kind: &str, name: &str) -> ResourceId {
    ResourceId::new(Kind::named(kind), name)
}

/// The value of an output, to be known later.
fn output(kind: &str, name: &str, output: &str) -> Value {
    json!({"=ref": format!("{kind}.{name}/{output}")})
}

fn join(parts: &[Value]) -> Value {
    json!({"=join": parts})
}

struct Wishes<'a> {
    mall: &'a Mall,
    artifacts: &'a MemoryArtifacts,
    resources: BTreeMap<ResourceId, Desired>,
}

impl Wishes<'_> {
    fn all(&mut self) {
        self.role();
        for part in self.mall.parts.clone() {
            match part {
                Part::Bucket => self.bucket(),
                Part::Topic => self.topic(),
                Part::Queue => self.queue(),
                Part::Clock => self.clock(),
                Part::Layer => self.layer(),
                Part::Rest => self.rest(),
                Part::Domain => self.domain(),
                Part::Socket => self.socket(),
            }
        }
    }

    fn add(&mut self, kind: &str, name: &str, spec: Value, after: &[ResourceId]) -> ResourceId {
        let id = id(kind, name);
        let wish = Desired {
            id: id.clone(),
            spec: Template::from_value(spec),
            after: after.iter().cloned().collect(),
            rank: u32::try_from(self.resources.len()).unwrap(),
            origin: None,
            protect: None,
        };
        assert!(
            self.resources.insert(id.clone(), wish).is_none(),
            "two wishes for {id}"
        );
        id
    }

    /// One of two values: before and after a change.
    fn either<T>(&self, first: T, second: T) -> T {
        if self.mall.version == 1 { first } else { second }
    }

    fn is_moved<T>(&self, no: T, yes: T) -> T {
        if self.mall.moved { yes } else { no }
    }

    fn stack(&self) -> String {
        self.mall.stack().to_string()
    }

    fn code(&self, name: &str) -> Value {
        let answer = self.either("one", "two");
        let text = format!("def app(event, context):\n    return {answer:?}\n");
        let zip = fixtures::archive(&[(name, &text)]);
        let content = content_of_zip(Cursor::new(&zip), Limits::default()).unwrap();
        let artifact = self.artifacts.put(&zip).unwrap();
        json!({"content": content.as_str(), "artifact": artifact, "size": zip.len()})
    }

    fn role(&mut self) {
        let allow = |action: &str, resource: &str| json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": [action], "Resource": resource}]});
        let trust = json!({
            "Sid": self.either("one", "two"), "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        });
        let policy = allow(
            self.either("logs:PutLogEvents", "logs:CreateLogStream"),
            "arn:*:logs:*:*:*",
        );
        let stack = self.stack();
        let spec = json!({
            "name": stack, "trust": {"Version": "2012-10-17", "Statement": [trust]}, "policies": {stack: policy},
        });
        self.add("iam_role", "default-role", spec, &[]);
    }

    fn function(&mut self, name: &str) {
        let stack = self.stack();
        let physical = if name == "api_handler" {
            stack
        } else {
            format!("{stack}-{name}")
        };
        let owner = format!("version=1.34.0:stage=dev:app={}", self.mall.app);
        let mut spec = json!({
            "name": physical, "handler": "app.app", "runtime": "python3.12", "role": output("iam_role", "default-role", "arn"),
            "memory": self.either(128, 256), "timeout": 60, "environment": {"SECRET": self.either("swordfish", "trout")},
            "tags": {"aws-chalice": owner, "team": self.either("x", "y")},
            "reserved_concurrency": self.either(Some(2), None), "code": self.code("app.py"),
        });
        if self.mall.parts.contains(&Part::Layer) {
            spec["layers"] = json!([output("lambda_layer", "managed-layer", "arn")]);
        }
        self.add("lambda_function", name, spec, &[]);
    }

    fn permission(
        &mut self,
        function: &str,
        caller: &str,
        source_arn: Value,
        account: Option<&str>,
    ) -> ResourceId {
        let principal = match caller {
            "rest_api" | "websocket_api" => "apigateway",
            "event" => "events",
            other => other,
        };
        let mut spec = json!({
            "function": output("lambda_function", function, "name"), "principal": format!("{principal}.amazonaws.com"),
            "source_arn": source_arn,
        });
        if let Some(account) = account {
            spec["source_account"] = account.into();
        }
        self.add("lambda_permission", &format!("{function}/{caller}"), spec, &[])
    }

    fn bucket(&mut self) {
        let names = ["paper", "scrap"];
        let mut entries = BTreeMap::new();
        let mut permissions = Vec::new();
        let prefixes = self.either(["in", "out"], ["out", "in"]);
        for (name, prefix) in names.iter().zip(prefixes) {
            self.function(name);
            let bucket = format!("arn:aws:s3:::{BUCKET}").into();
            permissions.push(self.permission(name, "s3", bucket, Some(grail_tests::ACCOUNT)));
            entries.insert(
                format!("{name}-s3event"),
                json!({
                    "function": output("lambda_function", name, "arn"), "events": ["s3:ObjectCreated:*"],
                    "prefix": format!("{}/{prefix}/", self.mall.app),
                }),
            );
        }
        let spec = json!({"bucket": BUCKET, "entries": entries});
        self.add("s3_notification", BUCKET, spec, &permissions);
    }

    fn topic(&mut self) {
        self.function("news");
        let topic = arn("sns", TOPIC);
        let permission = self.permission("news", "sns", topic.clone().into(), None);
        let spec =
            json!({"topic": TOPIC, "topic_arn": topic, "function": output("lambda_function", "news", "arn")});
        self.add("sns_subscription", "news-sns-subscription", spec, &[permission]);
    }

    fn queue(&mut self) {
        self.function("order");
        let function = output("lambda_function", "order", "arn");
        let queue = self.is_moved("mall-jobs", "mall-chores");
        let mut spec = json!({
            "service": "sqs", "source_arn": arn("sqs", queue), "name": queue, "function": function,
            "batch_size": self.either(1, 5), "maximum_batching_window": 0,
        });
        if self.mall.version == 1 {
            spec["maximum_concurrency"] = 5.into();
        }
        self.add("event_source_mapping", "order-sqs-event-source", spec, &[]);
        let spec = json!({
            "service": "kinesis", "source_arn": arn("kinesis", "stream/mall-clicks"), "name": "mall-clicks",
            "function": function, "batch_size": self.either(100, 50), "maximum_batching_window": 0,
            "starting_position": "LATEST",
        });
        self.add("event_source_mapping", "order-kinesis-event-source", spec, &[]);
    }

    fn clock(&mut self) {
        self.function("clock");
        let name = format!("{}-clock-event", self.stack());
        let rule = arn("events", &format!("rule/{name}"));
        let permission = self.permission("clock", "event", rule.into(), None);
        let spec = json!({
            "name": name, "schedule": self.either("rate(1 hour)", "rate(2 hours)"), "description": self.either("", "slow"),
            "function": output("lambda_function", "clock", "arn"),
        });
        self.add("event_rule", "clock-event", spec, &[permission]);
    }

    fn layer(&mut self) {
        let stack = self.stack();
        let spec = json!({"name": format!("{stack}-managed-layer"), "runtime": "python3.12", "code": self.code("shared.py")});
        self.add("lambda_layer", "managed-layer", spec, &[]);
        self.function("count");
        let spec =
            json!({"name": format!("/aws/lambda/{stack}-count"), "retention_days": self.either(7, 14)});
        self.add("log_group", "count-log-group", spec, &[]);
    }

    fn rest(&mut self) {
        self.function("api_handler");
        let paths = self.either(vec!["/"], vec!["/", "/more"]);
        let uri = join(&[
            json!(format!(
                "arn:aws:apigateway:{}:lambda:path/2015-03-31/functions/",
                grail_tests::REGION
            )),
            output("lambda_function", "api_handler", "arn"),
            json!("/invocations"),
        ]);
        let integration = json!({
            "uri": uri, "type": "aws_proxy", "httpMethod": "POST", "passthroughBehavior": "when_no_match",
            "contentHandling": "CONVERT_TO_TEXT", "responses": {"default": {"statusCode": "200"}},
        });
        let method = json!({
            "responses": {"200": {"description": "200 response"}}, "x-amazon-apigateway-integration": integration,
        });
        let each: BTreeMap<_, _> = paths
            .into_iter()
            .map(|path| (path, json!({"get": method})))
            .collect();
        let definition = json!({
            "openapi": "3.0.1", "info": {"version": "1.0", "title": self.mall.app, "description": ""}, "paths": each,
            "components": {"schemas": {"Empty": {"type": "object", "title": "Empty Schema"}}},
            "x-amazon-apigateway-binary-media-types": ["image/png"],
        });
        let spec = json!({
            "name": self.mall.app, "endpoint_type": self.is_moved("REGIONAL", "EDGE"), "definition": definition,
            "minimum_compression": self.either(Some(10), None),
        });
        self.add("rest_api", "rest_api", spec, &[]);
        self.served("rest_api", "api_stage", "api_handler");
    }

    /// The permission and the stage of an API.
    fn served(&mut self, api: &str, stage: &str, function: &str) {
        let every_call = join(&[output(api, api, "execution_arn"), json!("/*")]);
        let permission = self.permission(function, api, every_call, None);
        let mut spec = json!({
            "api": output(api, api, "id"), "stage": "api", "definition": output(api, api, "definition_digest"),
        });
        if stage == "api_stage" {
            spec["tracing"] = self.either(false, true).into();
        }
        self.add(stage, api, spec, &[permission]);
    }

    fn domain(&mut self) {
        let name = format!("{}.example.com", self.mall.app);
        let spec = json!({
            "name": name, "protocol": "rest", "endpoint_type": "REGIONAL", "security_policy": "TLS_1_2",
            "certificate_arn": arn("acm", "certificate/cd613e30-d8f1-4adf-91b7-584a2265b1f5"),
            "tags": {"team": self.either("x", "y")},
        });
        let domain = self.add("custom_domain", "api_gateway_custom_domain", spec, &[]);
        let stage = id("api_stage", "rest_api");
        let spec = json!({
            "domain": name, "prefix": self.is_moved("v1", "v2"), "protocol": "rest", "api": output("rest_api", "rest_api", "id"),
            "stage": "api",
        });
        self.add("api_mapping", "api_gateway_custom_domain", spec, &[domain, stage]);
    }

    fn socket(&mut self) {
        let name = "websocket_message";
        self.function(name);
        let route = json!({"function": output("lambda_function", name, "arn"), "description": "message"});
        let connect = json!({"function": output("lambda_function", name, "arn"), "description": "connect"});
        let routes = self.either(
            json!({"$default": route}),
            json!({"$default": route, "$connect": connect}),
        );
        let spec = json!({"name": format!("{}-websocket-api", self.stack()), "routes": routes});
        self.add("websocket_api", "websocket_api", spec, &[]);
        self.served("websocket_api", "websocket_stage", name);
    }
}
