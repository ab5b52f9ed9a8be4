//! The rules on the model kinds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use grail_state::Digester;
use serde_json::json;

use super::*;
use crate::fake::{
    Api, Bucket, Cloud, Domain, Entry, Function, Notifications, OWNER_TAG, Physics, Pointer, Role,
    Rule as EventRule, Socket, Stage, Stages, World, catalog, function_arn,
};

const OWNER: &str = "app-dev";

/// The make-believe cloud, with all that the model kinds need.
struct ModelGround {
    cloud: Cloud,
    catalog: Catalog,
    samples: AtomicUsize,
}

impl ModelGround {
    fn new() -> Self {
        let cloud = Cloud::new(Physics::default());
        let catalog = catalog(&cloud, &Arc::new(Digester::new([0; 32])));
        cloud.meddle(furnish);
        Self {
            cloud,
            catalog,
            samples: AtomicUsize::new(0),
        }
    }
}

#[async_trait]
impl Ground for ModelGround {
    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    async fn sample(&self, kind: &Kind) -> Option<Sample> {
        let number = self.samples.fetch_add(1, Ordering::Relaxed);
        Some(sample(kind, number, &self.cloud))
    }

    async fn squat(&self, sample: &Sample) -> bool {
        self.cloud.meddle(|world| squat(world, sample))
    }

    fn writes(&self) -> usize {
        self.cloud.writes()
    }

    async fn strangers(&self) -> Value {
        let world = self.cloud.world();
        let mut theirs = world.clone();
        theirs.functions.retain(|name, _| name.starts_with("other"));
        let domains = world
            .domains
            .iter()
            .filter(|(_, domain)| domain.tags.contains_key("by"));
        let kept: Vec<_> = domains
            .map(|(name, domain)| {
                let paths = domain.paths.iter().filter(|(_, to)| to.api == "theirs");
                format!("{name} {:?} {:?}", paths.collect::<Vec<_>>(), domain.tags)
            })
            .collect();
        let buckets: Vec<_> = world
            .buckets
            .values()
            .map(|bucket| {
                let entries = bucket.notifications.functions.iter();
                let theirs: Vec<_> = entries
                    .filter(|entry| entry.function.contains(":other"))
                    .collect();
                format!("{theirs:?} {:?}", bucket.notifications.others)
            })
            .collect();
        let subscriptions: Vec<_> = world
            .topics
            .values()
            .flatten()
            .filter(|(_, one)| one.endpoint.contains(":other"))
            .map(|(arn, _)| arn.clone())
            .collect();
        let targets: Vec<_> = world
            .rules
            .iter()
            .flat_map(|(name, rule)| {
                rule.targets
                    .iter()
                    .map(move |target| format!("{name} {target:?}"))
            })
            .filter(|target| target.contains(":other"))
            .collect();
        let roles: Vec<_> = world
            .roles
            .iter()
            .filter(|(_, role)| role.trust == json!("theirs"))
            .collect();
        json!({
            "functions": theirs.facts(true)["functions"], "domains": kept, "buckets": buckets,
            "subscriptions": subscriptions, "targets": targets, "roles": format!("{roles:?}"),
        })
    }
}

fn function(owner: &str) -> Function {
    Function {
        config: json!({"handler": "x", "role": "r", "memory": 1, "environment": {}, "layers": []}),
        code: "code".into(),
        tags: [(OWNER_TAG.to_owned(), owner.to_owned())].into(),
        concurrency: None,
        policy: Default::default(),
        busy: None,
    }
}

/// Functions of ours and of others, a role, and what tells functions of something, with others' parts in it.
fn furnish(world: &mut World) {
    for (name, owner) in [
        ("app-dev-one", OWNER),
        ("app-dev-two", OWNER),
        ("other-a", "other-prod"),
    ] {
        world.functions.insert(name.into(), function(owner));
    }
    let role = Role {
        trust: json!({}),
        policies: Default::default(),
        mark: Some("t".into()),
        owner: None,
        ready: None,
    };
    world.roles.insert(OWNER.into(), role);
    for topic in ["news", "alarms"] {
        let theirs = crate::fake::Subscription {
            endpoint: function_arn("other-a"),
        };
        world.topics.insert(
            format!("arn:aws:sns:::{topic}"),
            [("arn:theirs".to_owned(), theirs)].into(),
        );
    }
}

/// A sample that is `number`th, with all that it needs.
fn sample(kind: &Kind, number: usize, cloud: &Cloud) -> Sample {
    cloud.meddle(|world| {
        let (name, spec, changed) = sample_of(kind, number, world);
        Sample {
            id: ResourceId::new(kind.clone(), name),
            spec,
            changed,
        }
    })
}

/// The form with other values in some fields.
fn with(form: &Value, fields: Value) -> Option<Value> {
    let mut changed = form.clone();
    for (key, value) in fields.as_object()? {
        changed[key] = value.clone();
    }
    Some(changed)
}

fn sample_of(kind: &Kind, number: usize, world: &mut World) -> (String, Value, Option<Value>) {
    let ours = function_arn("app-dev-one");
    let theirs = function_arn("other-a");
    match kind.as_str() {
        "iam_role" => {
            let spec = json!({
                "name": format!("app-dev-role{number}"), "trust": {"version": 1}, "policies": {"a": {"v": 1}, "b": {"v": 1}},
            });
            let changed = with(
                &spec,
                json!({"trust": {"version": 2}, "policies": {"a": {"v": 2}}}),
            );
            (format!("role{number}"), spec, changed)
        }
        "lambda_function" => {
            let spec = json!({
                "name": format!("app-dev-fn{number}"), "handler": "app.h", "role": format!("arn:aws:iam::1:role/{OWNER}"),
                "memory": 128, "environment": {"SECRET": "s"}, "tags": {OWNER_TAG: OWNER, "team": "x"},
                "reserved_concurrency": 5, "code": {"content": "c1"}, "description": "one",
            });
            let tags = json!({OWNER_TAG: OWNER, "stage": "y"});
            let changed = with(
                &spec,
                json!({"memory": 256, "tags": tags, "code": {"content": "c2"}, "description": "two"}),
            );
            (format!("fn{number}"), spec, changed)
        }
        "lambda_layer" => {
            let spec = json!({
                "name": format!("app-dev-layer{number}"), "runtime": "python3.12", "architecture": "arm64",
                "code": {"content": "c1"},
            });
            (format!("layer{number}"), spec, None)
        }
        "lambda_permission" => {
            let spec = json!({
                "function": "app-dev-one", "principal": "s3.amazonaws.com", "source_arn": "arn:aws:s3:::a",
                "source_account": "123456789012",
            });
            let changed = with(&spec, json!({"source_arn": "arn:aws:s3:::b"}));
            (format!("one/s3-{number}"), spec, changed)
        }
        "log_group" => {
            let spec = json!({"name": format!("/aws/lambda/app-dev-fn{number}"), "retention_days": 7});
            let changed = with(&spec, json!({"retention_days": 14}));
            (format!("fn{number}-log-group"), spec, changed)
        }
        "rest_api" => {
            let spec = json!({
                "name": format!("app{number}"), "endpoint_type": "EDGE", "minimum_compression": 10,
                "definition": {"paths": {"/": ours}},
            });
            let definition = json!({"paths": {"/": ours, "/more": ours}});
            let changed = with(
                &spec,
                json!({"definition": definition, "minimum_compression": null}),
            );
            ("rest_api".to_owned(), spec, changed)
        }
        "websocket_api" => {
            let route =
                |function: &str, description| json!({"function": function, "description": description});
            let spec = json!({
                "name": format!("app{number}"),
                "routes": {"$connect": route(&ours, "connect"), "$default": route(&ours, "message")},
            });
            let two = function_arn("app-dev-two");
            let routes =
                json!({"$default": route(&two, "message"), "$disconnect": route(&ours, "disconnect")});
            (
                "websocket_api".to_owned(),
                spec.clone(),
                with(&spec, json!({"routes": routes})),
            )
        }
        "api_stage" | "websocket_stage" => {
            let (api, digest) = an_api(kind.as_str() == "api_stage", world);
            let mut spec = json!({"api": api, "stage": format!("stage{number}"), "definition": digest});
            let mut changed = None;
            if kind.as_str() == "api_stage" {
                spec["tracing"] = json!(false);
                changed = with(&spec, json!({"tracing": true}));
            }
            ("rest_api".to_owned(), spec, changed)
        }
        "custom_domain" => {
            let spec = json!({
                "name": format!("d{number}.example.com"), "protocol": "rest", "endpoint_type": "REGIONAL",
                "certificate_arn": "arn:aws:acm:::c/1", "security_policy": "TLS_1_2", "tags": {"team": "x", "a": "b"},
            });
            let changed = with(
                &spec,
                json!({"certificate_arn": "arn:aws:acm:::c/2", "tags": {"team": "y"}}),
            );
            ("api_gateway_custom_domain".to_owned(), spec, changed)
        }
        "api_mapping" => {
            let domain = format!("m{number}.example.com");
            let (api, _) = an_api(true, world);
            let (other, _) = an_api(true, world);
            let there = Domain {
                alias: "d-1".into(),
                endpoint_type: "REGIONAL".into(),
                certificate: "c".into(),
                security_policy: "TLS_1_2".into(),
                tags: [("by".to_owned(), "theirs".to_owned())].into(),
                mark: None,
                busy: None,
                paths: [("theirs".to_owned(), pointer("theirs"))].into(),
            };
            // Where others' paths are, ours is looked at beside them.
            world.domains.insert(domain.clone(), there);
            let spec = json!({
                "domain": domain, "prefix": "v1", "protocol": "rest", "api": api, "stage": "live",
            });
            let changed = with(&spec, json!({"api": other}));
            ("api_gateway_custom_domain".to_owned(), spec, changed)
        }
        "s3_notification" => {
            let bucket = format!("bucket{number}");
            let entry = Entry {
                id: "theirs".into(),
                function: theirs,
                events: vec!["s3:ObjectCreated:*".into()],
                prefix: Some("theirs/".into()),
                suffix: None,
            };
            let notifications = Notifications {
                functions: vec![entry],
                others: [("EventBridgeConfiguration".to_owned(), json!({}))].into(),
            };
            world.buckets.insert(bucket.clone(), Bucket { notifications });
            for name in ["app-dev-one", "app-dev-two"] {
                let statement =
                    json!({"principal": "s3.amazonaws.com", "source_arn": format!("arn:aws:s3:::{bucket}")});
                let function = world.functions.get_mut(name).unwrap();
                function.policy.insert(bucket.clone(), statement);
            }
            let two = function_arn("app-dev-two");
            let entry = |function: &str, prefix| json!({"function": function, "events": ["s3:ObjectCreated:*"], "prefix": prefix});
            let spec = json!({
                "bucket": bucket, "entries": {"one-s3event": entry(&ours, "a/"), "two-s3event": entry(&two, "b/")},
            });
            let swapped = json!({"one-s3event": entry(&ours, "b/"), "two-s3event": entry(&two, "a/")});
            let changed = with(&spec, json!({"entries": swapped}));
            (bucket, spec, changed)
        }
        "lambda_alias" => {
            let name = format!("app-dev-alias{number}");
            let function = world.functions.get("app-dev-one").cloned();
            world.functions.extend(function.map(|one| (name.clone(), one)));
            let spec = json!({"function": name, "name": "live", "version": "1"});
            (
                format!("alias{number}"),
                spec.clone(),
                with(&spec, json!({"version": "2"})),
            )
        }
        "function_url" => {
            let name = format!("app-dev-url{number}");
            let function = world.functions.get("app-dev-one").cloned();
            world.functions.extend(function.map(|one| (name.clone(), one)));
            let spec = json!({"function": function_arn(&name), "auth": "aws_iam"});
            (
                format!("url{number}"),
                spec.clone(),
                with(&spec, json!({"auth": "none"})),
            )
        }
        "sns_subscription" => {
            let topic = format!("topic{number}");
            let arn = format!("arn:aws:sns:::{topic}");
            world.topics.insert(arn.clone(), Default::default());
            let spec = json!({"topic": topic, "topic_arn": arn, "function": ours});
            (format!("fn{number}-sns-subscription"), spec, None)
        }
        "event_source_mapping" => {
            let queue = format!("jobs{number}");
            let source = format!("arn:aws:sqs:eu-west-1:123456789012:{queue}");
            world.sources.insert(source.clone());
            let spec = json!({
                "service": "sqs", "source_arn": source, "name": queue, "function": ours, "batch_size": 1,
                "maximum_batching_window": 0, "maximum_concurrency": 5,
            });
            let changed = with(
                &spec,
                json!({"batch_size": 10, "maximum_concurrency": null, "enabled": false}),
            );
            (format!("fn{number}-sqs-event-source"), spec, changed)
        }
        "event_rule" => {
            let spec = json!({
                "name": format!("app-dev-fn{number}-event"), "schedule": "rate(1 hour)", "description": "", "function": ours,
            });
            let changed = with(
                &spec,
                json!({"schedule": null, "pattern": r#"{"a": ["b"]}"#, "function": function_arn("app-dev-two")}),
            );
            (format!("fn{number}-event"), spec, changed)
        }
        other => panic!("the model ground has no sample of {other}"),
    }
}

fn pointer(api: &str) -> Pointer {
    Pointer {
        api: api.into(),
        stage: "live".into(),
    }
}

/// An API of ours with a stage `live`, and the digest of what stands in it.
fn an_api(rest: bool, world: &mut World) -> (String, String) {
    let live = Stage {
        deployment: "none".into(),
        tracing: false,
    };
    let stages = Stages {
        stages: [("live".to_owned(), live)].into(),
        ..Stages::default()
    };
    let id = world.fresh_id("made");
    if rest {
        let api = Api {
            name: id.clone(),
            mark: Some("t".into()),
            endpoint_type: "EDGE".into(),
            minimum_compression: None,
            definition: json!({}),
            stages,
        };
        let digest = api.digest();
        world.apis.insert(id.clone(), api);
        return (id, digest);
    }
    let socket = Socket {
        stages,
        ..Socket::default()
    };
    let digest = socket.digest();
    world.sockets.insert(id.clone(), socket);
    (id, digest)
}

/// Somebody else's thing under the name of the sample.
fn squat(world: &mut World, sample: &Sample) -> bool {
    let text = |field: &str| sample.spec[field].as_str().unwrap().to_owned();
    match sample.id.kind.as_str() {
        "iam_role" => {
            let theirs = Role {
                trust: json!("theirs"),
                policies: Default::default(),
                mark: Some("theirs".into()),
                owner: None,
                ready: None,
            };
            world.roles.insert(text("name"), theirs);
        }
        "lambda_function" => drop(world.functions.insert(text("name"), function("other-prod"))),
        "custom_domain" => {
            let theirs = Domain {
                alias: "d-2".into(),
                endpoint_type: "EDGE".into(),
                certificate: "theirs".into(),
                security_policy: "TLS_1_0".into(),
                tags: [("by".to_owned(), "theirs".to_owned())].into(),
                mark: None,
                busy: None,
                paths: Default::default(),
            };
            world.domains.insert(text("name"), theirs);
        }
        "api_mapping" => {
            let domain = world.domains.get_mut(&text("domain")).unwrap();
            domain.paths.insert(text("prefix"), pointer("theirs"));
        }
        "event_rule" => {
            let theirs = EventRule {
                schedule: Some("rate(1 day)".into()),
                targets: [("1".to_owned(), function_arn("other-a"))].into(),
                enabled: true,
                ..EventRule::default()
            };
            world.rules.insert(text("name"), theirs);
        }
        _ => return false,
    }
    true
}

#[tokio::test(start_paused = true)]
async fn every_model_kind_keeps_every_rule() {
    let ground = ModelGround::new();
    let verdicts = judge(&ground).await;
    assert_eq!(verdicts.broken().count(), 0, "{verdicts}");
    assert_eq!(verdicts.0.len(), 17 * Rule::ALL.len());
    let silent: BTreeMap<_, _> = ground
        .catalog()
        .iter()
        .map(|provider| (provider.kind().to_string(), verdicts.silent(&provider.kind())))
        .filter(|(_, rules)| !rules.is_empty())
        .collect();
    let no_change = [Rule::UpdateRead, Rule::UpdateGone];
    let expected = [
        // Identity and contents are all that there is of them.
        (
            "lambda_layer",
            [&no_change[..], &[Rule::SecureRestore, Rule::Foreign]].concat(),
        ),
        ("sns_subscription", [&no_change[..], &[Rule::Foreign]].concat()),
        ("websocket_stage", [&no_change[..], &[Rule::Foreign]].concat()),
        // Nobody else's can stand in their place.
        ("api_stage", vec![Rule::Foreign]),
        ("event_source_mapping", vec![Rule::Foreign]),
        ("log_group", vec![Rule::Foreign]),
        ("rest_api", vec![Rule::Foreign]),
        ("s3_notification", vec![Rule::Foreign]),
        ("websocket_api", vec![Rule::Foreign]),
        // Its id says that it is ours, and Chalice's file does not know of it.
        ("lambda_permission", vec![Rule::Foreign, Rule::Wires]),
        // It is part of a function of ours, and Chalice has none.
        ("function_url", vec![Rule::Foreign, Rule::Wires]),
        ("lambda_alias", vec![Rule::Foreign, Rule::Wires]),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(kind, rules)| (kind.to_owned(), rules)).into();
    assert_eq!(silent, expected);
}
