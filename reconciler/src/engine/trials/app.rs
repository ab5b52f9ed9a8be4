//! Applications to deploy: a small description, and the wishes that a source would make of it.

use std::collections::{BTreeMap, BTreeSet};

use grail_providers::fake::OWNER_TAG;
use grail_state::{Desired, DesiredState, Kind, ResourceId, StackId, Template};
use serde_json::json;

pub(super) const OWNER: &str = "app-dev";

pub(super) fn stack() -> StackId {
    StackId {
        app: "app".into(),
        stage: "dev".into(),
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct App {
    pub(super) policy: u32,
    pub(super) trust: u32,
    pub(super) functions: BTreeMap<String, Fun>,
    pub(super) api: Option<Http>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fun {
    /// The physical name's end, where it is not the logical one.
    pub(super) called: Option<String>,
    pub(super) code: u32,
    pub(super) memory: u32,
    pub(super) secret: String,
    pub(super) tag: Option<String>,
    pub(super) concurrency: Option<u32>,
    pub(super) retention: Option<u32>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Http {
    pub(super) version: u32,
    pub(super) endpoint: &'static str,
    pub(super) compression: Option<u32>,
    pub(super) tracing: bool,
}

impl App {
    pub(super) fn of(functions: &[&str]) -> Self {
        Self {
            policy: 1,
            trust: 1,
            functions: functions
                .iter()
                .map(|name| ((*name).to_owned(), Fun::plain()))
                .collect(),
            api: None,
        }
    }

    pub(super) fn with_api(mut self) -> Self {
        self.api = Some(Http {
            version: 1,
            endpoint: "EDGE",
            compression: None,
            tracing: false,
        });
        self
    }

    pub(super) fn change(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(super) fn fun(&mut self, name: &str) -> &mut Fun {
        self.functions.get_mut(name).unwrap()
    }

    pub(super) fn http(&mut self) -> &mut Http {
        self.api.as_mut().unwrap()
    }

    pub(super) fn desired(&self) -> DesiredState {
        let mut all = vec![self.role()];
        for (name, function) in &self.functions {
            all.push(function.wish(name));
            all.extend(function.retention.map(|days| group(name, function, days)));
        }
        if let Some(http) = &self.api {
            all.push(self.rest_api(http));
            all.extend(self.functions.keys().map(|name| permission(name)));
            all.push(self.stage(http));
        }
        DesiredState {
            stack: stack(),
            resources: all.into_iter().map(|wish| (wish.id.clone(), wish)).collect(),
        }
    }

    fn role(&self) -> Desired {
        let spec = json!({
            "name": OWNER, "trust": {"version": self.trust},
            "policies": {"main": {"version": self.policy}, "logs": {"allow": "logs"}},
        });
        wish(id("iam_role", "default-role"), spec, 0)
    }

    fn rest_api(&self, http: &Http) -> Desired {
        let uris: BTreeMap<_, _> = self
            .functions
            .keys()
            .map(|name| (format!("/{name}"), output("lambda_function", name, "arn")))
            .collect();
        let spec = json!({
            "name": "app", "endpoint_type": http.endpoint, "minimum_compression": http.compression,
            "definition": {"version": http.version, "paths": uris},
        });
        wish(id("rest_api", "rest_api"), spec, 10)
    }

    fn stage(&self, http: &Http) -> Desired {
        let spec = json!({
            "api": output("rest_api", "rest_api", "id"), "stage": "api", "tracing": http.tracing,
            "definition": output("rest_api", "rest_api", "definition_digest"),
        });
        let mut wish = wish(id("api_stage", "rest_api"), spec, 12);
        for name in self.functions.keys() {
            wish.after
                .insert(id("lambda_permission", &format!("{name}/rest_api")));
            wish.after.insert(id("lambda_function", name));
        }
        wish
    }
}

impl Fun {
    pub(super) fn plain() -> Self {
        Self {
            called: None,
            code: 1,
            memory: 128,
            secret: "hunter2".into(),
            tag: None,
            concurrency: None,
            retention: None,
        }
    }

    fn wish(&self, name: &str) -> Desired {
        let mut tags = BTreeMap::from([(OWNER_TAG.to_owned(), OWNER.to_owned())]);
        tags.extend(self.tag.iter().map(|tag| ("team.name".to_owned(), tag.clone())));
        let spec = json!({
            "name": self.physical(name), "handler": "app.handler", "role": output("iam_role", "default-role", "arn"),
            "memory": self.memory, "environment": {"SECRET": self.secret}, "tags": tags,
            "reserved_concurrency": self.concurrency, "code": {"content": format!("code-{}", self.code)},
        });
        wish(id("lambda_function", name), spec, 2)
    }

    fn physical(&self, name: &str) -> String {
        format!("{OWNER}-{}", self.called.as_deref().unwrap_or(name))
    }
}

fn group(name: &str, function: &Fun, days: u32) -> Desired {
    let spec = json!({"name": format!("/aws/lambda/{}", function.physical(name)), "retention_days": days});
    wish(id("log_group", &format!("{name}-log-group")), spec, 1)
}

fn permission(name: &str) -> Desired {
    let spec = json!({
        "function": output("lambda_function", name, "name"), "principal": "apigateway.amazonaws.com",
        "source_arn": output("rest_api", "rest_api", "execution_arn"),
    });
    wish(id("lambda_permission", &format!("{name}/rest_api")), spec, 11)
}

fn wish(id: ResourceId, spec: serde_json::Value, rank: u32) -> Desired {
    Desired {
        id,
        spec: Template::from_value(spec),
        after: BTreeSet::new(),
        rank,
        origin: None,
    }
}

pub(super) fn id(kind: &'static str, name: &str) -> ResourceId {
    ResourceId::new(Kind::new(kind), name)
}

fn output(kind: &'static str, name: &str, output: &str) -> serde_json::Value {
    json!({"=ref": format!("{kind}.{name}/{output}")})
}
