//! Applications to deploy: a small description, and the wishes that a source would make of it.

use std::collections::{BTreeMap, BTreeSet};

use grail_providers::fake::OWNER_TAG;
use grail_state::{Desired, DesiredState, Kind, ResourceId, StackId, Template};
use serde_json::json;

mod events;
mod gateways;

pub(super) use events::{Source, queue_arn, stream_arn, topic_arn};
pub(super) use gateways::{Http, Site, Socket};

pub(super) const OWNER: &str = "app-dev";

pub(super) fn stack() -> StackId {
    StackId {
        app: "app".into(),
        stage: "dev".into(),
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct App {
    /// Application and stage.
    pub(super) owner: &'static str,
    pub(super) policy: u32,
    pub(super) trust: u32,
    pub(super) functions: BTreeMap<String, Fun>,
    /// The contents of the managed layer.
    pub(super) layer: Option<u32>,
    pub(super) api: Option<Http>,
    pub(super) socket: Option<Socket>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fun {
    /// The physical name's end, where it is not the logical one.
    pub(super) called: Option<String>,
    pub(super) code: u32,
    pub(super) memory: u32,
    /// What it is for, where anything is said of it.
    pub(super) description: Option<&'static str>,
    pub(super) secret: String,
    pub(super) tag: Option<String>,
    pub(super) concurrency: Option<u32>,
    pub(super) retention: Option<u32>,
    /// What it is told of.
    pub(super) source: Option<Source>,
}

impl App {
    pub(super) fn of(functions: &[&str]) -> Self {
        Self {
            owner: OWNER,
            policy: 1,
            trust: 1,
            functions: functions
                .iter()
                .map(|name| ((*name).to_owned(), Fun::plain()))
                .collect(),
            layer: None,
            api: None,
            socket: None,
        }
    }

    pub(super) fn with_api(mut self) -> Self {
        self.api = Some(Http {
            version: 1,
            endpoint: "EDGE",
            compression: None,
            tracing: false,
            site: None,
        });
        self
    }

    /// A WebSocket API whose routes are all handled by the function `handler`.
    pub(super) fn with_socket(mut self, handler: &str) -> Self {
        self.socket = Some(Socket::handled_by(handler));
        self
    }

    pub(super) fn change(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(super) fn fun(&mut self, name: &str) -> &mut Fun {
        self.functions.get_mut(name).unwrap()
    }

    /// Makes `source` tell the function `name`.
    pub(super) fn tell(&mut self, name: &str, source: Source) {
        self.functions
            .entry(name.to_owned())
            .or_insert_with(Fun::plain)
            .source = Some(source);
    }

    pub(super) fn http(&mut self) -> &mut Http {
        self.api.as_mut().unwrap()
    }

    pub(super) fn socket(&mut self) -> &mut Socket {
        self.socket.as_mut().unwrap()
    }

    pub(super) fn desired(&self) -> DesiredState {
        let mut all = vec![self.role()];
        all.extend(self.layer.map(|content| self.managed_layer(content)));
        for (name, function) in &self.functions {
            all.push(self.function(name, function));
            all.extend(function.retention.map(|days| self.group(name, days)));
        }
        all.extend(self.events());
        all.extend(self.gateways());
        let stack = self.owner.split_once('-').unwrap();
        DesiredState {
            stack: StackId {
                app: stack.0.into(),
                stage: stack.1.into(),
            },
            resources: all.into_iter().map(|wish| (wish.id.clone(), wish)).collect(),
        }
    }

    fn role(&self) -> Desired {
        let spec = json!({
            "name": self.owner, "trust": {"version": self.trust},
            "policies": {"main": {"version": self.policy}, "logs": {"allow": "logs"}},
        });
        wish(id("iam_role", "default-role"), spec, 0)
    }

    fn managed_layer(&self, content: u32) -> Desired {
        let spec = json!({
            "name": format!("{}-managed-layer", self.owner), "runtime": "python3.12", "architecture": "x86_64",
            "code": {"content": format!("layer-{content}")},
        });
        wish(id("lambda_layer", "managed-layer"), spec, 1)
    }

    fn function(&self, name: &str, function: &Fun) -> Desired {
        let mut tags = BTreeMap::from([(OWNER_TAG.to_owned(), self.owner.to_owned())]);
        tags.extend(
            function
                .tag
                .iter()
                .map(|tag| ("team.name".to_owned(), tag.clone())),
        );
        let layers: Vec<_> = self
            .layer
            .iter()
            .map(|_| output("lambda_layer", "managed-layer", "arn"))
            .collect();
        let mut spec = json!({
            "name": self.physical(name), "handler": "app.handler", "role": output("iam_role", "default-role", "arn"),
            "memory": function.memory, "environment": {"SECRET": function.secret}, "tags": tags, "layers": layers,
            "reserved_concurrency": function.concurrency, "code": {"content": format!("code-{}", function.code)},
        });
        if let Some(description) = function.description {
            spec["description"] = json!(description);
        }
        wish(id("lambda_function", name), spec, 2)
    }

    fn group(&self, name: &str, days: u32) -> Desired {
        let group = format!("/aws/lambda/{}", self.physical(name));
        let spec = json!({"name": group, "retention_days": days});
        wish(id("log_group", &format!("{name}-log-group")), spec, 1)
    }

    /// The physical name of a function.
    fn physical(&self, name: &str) -> String {
        let called = self
            .functions
            .get(name)
            .and_then(|function| function.called.as_deref());
        format!("{}-{}", self.owner, called.unwrap_or(name))
    }
}

impl Fun {
    pub(super) fn plain() -> Self {
        Self {
            called: None,
            code: 1,
            memory: 128,
            description: None,
            secret: "hunter2".into(),
            tag: None,
            concurrency: None,
            retention: None,
            source: None,
        }
    }

    pub(super) fn told_of(source: Source) -> Self {
        Self {
            source: Some(source),
            ..Self::plain()
        }
    }
}

/// That `principal` may call the function `name` for `source`.
fn permission(name: &str, source: &str, principal: &str, arn: serde_json::Value, rank: u32) -> Desired {
    let spec = json!({
        "function": output("lambda_function", name, "name"), "principal": format!("{principal}.amazonaws.com"),
        "source_arn": arn,
    });
    wish(id("lambda_permission", &format!("{name}/{source}")), spec, rank)
}

fn wish(id: ResourceId, spec: serde_json::Value, rank: u32) -> Desired {
    Desired {
        id,
        spec: Template::from_value(spec),
        after: BTreeSet::new(),
        rank,
        origin: None,
        protect: None,
    }
}

pub(super) fn id(kind: &'static str, name: &str) -> ResourceId {
    ResourceId::new(Kind::new(kind), name)
}

fn output(kind: &'static str, name: &str, output: &str) -> serde_json::Value {
    json!({"=ref": format!("{kind}.{name}/{output}")})
}
