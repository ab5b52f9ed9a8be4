//! From the wishes of a Chalice project to a manifest that wishes for the same.
//!
//! The project is lowered as for a deploy, in an account of which nothing is known ([`nowhere`]), and each resource is said in
//! the words of a manifest, under its own logical name: so a plan afterwards finds nothing to change. What a manifest says by
//! itself (permissions, names that follow the rule) is left out. The document of a REST API becomes a file beside the manifest.
//!
//! The manifest is that of one stage: what another stage has otherwise is for a person to put under `stages`.

mod yaml;

use std::collections::BTreeMap;

use grail_state::{DesiredState, OutputRef, ResourceId, Template};
use serde_json::{Map, Value, json};

use super::references::SECTIONS;
use super::variables::{END, MARK, OF_ACCOUNT};
use crate::source::chalice::lower::Account;
use crate::source::chalice::{names, policy};

/// The file into which the document of a REST API goes.
const DOCUMENT: &str = "openapi.json";

/// The account in which a project is lowered to be written down.
pub fn nowhere() -> Account {
    let mark = |name: &str| format!("{MARK}{name}{END}");
    Account {
        account: mark("account"),
        region: mark("region"),
        partition: mark("partition"),
    }
}

/// The files of a manifest that wishes for `state`, by their names: `grail.yaml`, and what it names.
pub fn files(state: &DesiredState) -> Vec<(String, String)> {
    let writing = Writing { state };
    let mut files = Vec::new();
    let mut manifest = Map::new();
    manifest.insert("functions".to_owned(), writing.functions());
    let sections = [
        ("roles", writing.roles()),
        ("layers", writing.layers()),
        ("rest_apis", writing.rest_apis(&mut files)),
        ("websocket_apis", writing.websocket_apis()),
        ("domains", writing.domains()),
    ];
    for (name, section) in sections {
        if section.as_object().is_some_and(|section| !section.is_empty()) {
            manifest.insert(name.to_owned(), section);
        }
    }
    let head = format!(
        "# yaml-language-server: $schema=grail.schema.json\n# Written by `grail init` from the stage `{}` of the Chalice project.\n\
         grail: 1\napp: {}\nreplaces: chalice\n\n",
        state.stack.stage,
        yaml::text(&state.stack.app),
    );
    files.insert(0, ("grail.yaml".to_owned(), head + &yaml::object(&manifest)));
    files
}

/// The text of a manifest of functions that were found in an account, each said in the words of a manifest.
pub fn of_functions(app: &str, prefix: &str, functions: &Map<String, Value>) -> String {
    let head = format!(
        "# yaml-language-server: $schema=grail.schema.json\n# Written by `grail init` from the functions that begin with {}.\n\
         # Values of their environment stand here as they are: put `${{env:NAME}}` in the place of secrets.\n\
         grail: 1\napp: {}\n\n",
        yaml::text(prefix),
        yaml::text(app),
    );
    let said = plain(&Value::Object(functions.clone()));
    let manifest = Map::from_iter([("functions".to_owned(), said)]);
    head + &yaml::object(&manifest)
}

struct Writing<'a> {
    state: &'a DesiredState,
}

impl<'a> Writing<'a> {
    /// The resources of a kind: their logical names and forms, in the words of a manifest.
    fn all(&self, kind: &'a str) -> impl Iterator<Item = (&'a str, Value)> {
        let resources = self.state.resources.values();
        let own = resources.filter(move |one| one.id.kind.as_str() == kind);
        own.map(|one| (one.id.name.as_str(), said(&one.spec)))
    }

    fn has(&self, kind: &'static str, name: &str) -> bool {
        let id = ResourceId::new(grail_state::Kind::new(kind), name);
        self.state.resources.contains_key(&id)
    }

    /// A name in AWS, unless it is the one that the logical name gives.
    fn name(&self, spec: &Value, logical: &str) -> Value {
        let stack = &self.state.stack;
        let given = spec["name"].as_str().unwrap_or_default();
        let prefix = format!("{}-{}", stack.app, stack.stage);
        if given == format!("{prefix}-{logical}") {
            return Value::Null;
        }
        match given.strip_prefix(&prefix) {
            Some(rest) => json!(format!("{}-${{stage}}{rest}", stack.app)),
            None => json!(given),
        }
    }

    fn functions(&self) -> Value {
        let mut events = self.events();
        let mut functions = Map::new();
        for (name, spec) in self.all("lambda_function") {
            let mut function = Map::new();
            set(&mut function, "name", self.name(&spec, name));
            for key in [
                "handler",
                "runtime",
                "memory",
                "timeout",
                "role",
                "reserved_concurrency",
            ] {
                set(&mut function, key, spec[key].clone());
            }
            if spec["architecture"] != "x86_64" {
                set(&mut function, "architecture", spec["architecture"].clone());
            }
            if spec["tracing"] == "active" {
                set(&mut function, "tracing", json!(true));
            }
            for key in ["environment", "tags", "layers"] {
                set(&mut function, key, filled(&spec[key]));
            }
            if let Some(vpc) = spec["vpc"].as_object() {
                let vpc = json!({"subnets": vpc["subnet_ids"], "security_groups": vpc["security_group_ids"]});
                set(&mut function, "vpc", vpc);
            }
            let group = names::log_group_logical(name);
            let groups: BTreeMap<_, _> = self.all("log_group").collect();
            if let Some(group) = groups.get(group.as_str()) {
                set(&mut function, "log_retention", group["retention_days"].clone());
            }
            set(&mut function, "code", json!({"chalice": "."}));
            if let Some(events) = events.remove(name) {
                set(&mut function, "events", Value::Array(events));
            }
            functions.insert(name.to_owned(), Value::Object(function));
        }
        Value::Object(functions)
    }

    /// What calls each function.
    fn events(&self) -> BTreeMap<String, Vec<Value>> {
        let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let mut add = |spec: &Value, event: Value| {
            if let Some(function) = function_in(&spec["function"]) {
                events.entry(function).or_default().push(event);
            }
        };
        for (_, spec) in self.all("event_rule") {
            let mut event = Map::new();
            set(&mut event, "description", spec["description"].clone());
            match spec["pattern"].as_str() {
                Some(pattern) => {
                    set(
                        &mut event,
                        "event",
                        serde_json::from_str(pattern).unwrap_or(Value::Null),
                    );
                    add(&spec, json!({"pattern": event}));
                }
                None => {
                    set(&mut event, "expression", spec["schedule"].clone());
                    add(&spec, json!({"schedule": event}));
                }
            }
        }
        for (bucket, spec) in self.all("s3_notification") {
            for entry in spec["entries"].as_object().into_iter().flat_map(Map::values) {
                let mut event = Map::new();
                set(&mut event, "bucket", json!(bucket));
                for key in ["events", "prefix", "suffix"] {
                    set(&mut event, key, entry[key].clone());
                }
                add(entry, json!({"s3": event}));
            }
        }
        for (_, spec) in self.all("sns_subscription") {
            add(&spec, json!({"sns": spec["topic"]}));
        }
        for (_, spec) in self.all("event_source_mapping") {
            add(&spec, mapping(&spec));
        }
        for (_, spec) in self.all("websocket_api") {
            for (route, target) in spec["routes"].as_object().into_iter().flatten() {
                add(target, json!({"websocket": route}));
            }
        }
        events
    }

    fn roles(&self) -> Value {
        let mut roles = Map::new();
        for (name, spec) in self.all("iam_role") {
            let mut role = Map::new();
            set(&mut role, "name", self.name(&spec, name));
            if spec["trust"] != policy::trust() {
                set(&mut role, "trust", spec["trust"].clone());
            }
            set(&mut role, "policies", spec["policies"].clone());
            roles.insert(name.to_owned(), Value::Object(role));
        }
        Value::Object(roles)
    }

    fn layers(&self) -> Value {
        let mut layers = Map::new();
        for (name, spec) in self.all("lambda_layer") {
            let mut layer = Map::new();
            set(&mut layer, "name", self.name(&spec, name));
            set(&mut layer, "runtime", spec["runtime"].clone());
            set(&mut layer, "architecture", spec["architecture"].clone());
            set(&mut layer, "code", json!({"chalice": "."}));
            layers.insert(name.to_owned(), Value::Object(layer));
        }
        Value::Object(layers)
    }

    fn rest_apis(&self, files: &mut Vec<(String, String)>) -> Value {
        let mut apis = Map::new();
        let stages: BTreeMap<_, _> = self.all("api_stage").collect();
        for (name, spec) in self.all("rest_api") {
            files.push((DOCUMENT.to_owned(), format!("{:#}\n", spec["definition"])));
            let mut api = Map::new();
            set(&mut api, "name", self.name(&spec, name));
            if let Some(stage) = stages.get(name) {
                set(&mut api, "stage", stage["stage"].clone());
                if stage["tracing"] == true {
                    set(&mut api, "tracing", json!(true));
                }
            }
            set(&mut api, "endpoint", lower_case(&spec["endpoint_type"]));
            set(
                &mut api,
                "minimum_compression",
                spec["minimum_compression"].clone(),
            );
            set(&mut api, "openapi", json!(DOCUMENT));
            let ending = format!("/{name}");
            let callers = self.all("lambda_permission");
            let calls: Vec<_> = callers.filter_map(|(id, _)| id.strip_suffix(&ending)).collect();
            set(&mut api, "calls", json!(calls));
            apis.insert(name.to_owned(), Value::Object(api));
        }
        Value::Object(apis)
    }

    fn websocket_apis(&self) -> Value {
        let mut apis = Map::new();
        let stages: BTreeMap<_, _> = self.all("websocket_stage").collect();
        for (name, spec) in self.all("websocket_api") {
            let mut api = Map::new();
            set(&mut api, "name", self.name(&spec, name));
            if let Some(stage) = stages.get(name) {
                set(&mut api, "stage", stage["stage"].clone());
            }
            apis.insert(name.to_owned(), Value::Object(api));
        }
        Value::Object(apis)
    }

    fn domains(&self) -> Value {
        let mut domains = Map::new();
        let mappings: BTreeMap<_, _> = self.all("api_mapping").collect();
        for (name, spec) in self.all("custom_domain") {
            let mut domain = Map::new();
            set(&mut domain, "name", spec["name"].clone());
            set(&mut domain, "certificate", spec["certificate_arn"].clone());
            set(&mut domain, "endpoint", lower_case(&spec["endpoint_type"]));
            set(&mut domain, "tls", spec["security_policy"].clone());
            set(&mut domain, "tags", filled(&spec["tags"]));
            if let Some(mapping) = mappings.get(name) {
                let api = match self.has("websocket_api", names::WEBSOCKET_API)
                    && mapping["protocol"] == "websocket"
                {
                    true => names::WEBSOCKET_API,
                    false => names::REST_API,
                };
                let mut leads = Map::new();
                set(&mut leads, "api", json!(api));
                set(&mut leads, "path", filled(&mapping["prefix"]));
                set(&mut domain, "mappings", json!([leads]));
            }
            domains.insert(name.to_owned(), Value::Object(domain));
        }
        Value::Object(domains)
    }
}

fn mapping(spec: &Value) -> Value {
    let service = spec["service"].as_str().unwrap_or_default();
    let source = match service {
        "sqs" => "queue",
        _ => "stream",
    };
    let mut event = Map::new();
    set(&mut event, source, spec["source_arn"].clone());
    set(&mut event, "batch_size", spec["batch_size"].clone());
    if spec["maximum_batching_window"] != 0 {
        set(
            &mut event,
            "batching_window",
            spec["maximum_batching_window"].clone(),
        );
    }
    set(
        &mut event,
        "maximum_concurrency",
        spec["maximum_concurrency"].clone(),
    );
    match spec["starting_position"].as_str() {
        Some("TRIM_HORIZON") => set(&mut event, "starting_position", json!("oldest")),
        Some(_) => set(&mut event, "starting_position", json!("latest")),
        None => {}
    }
    json!({service: event})
}

/// Sets what is not null.
fn set(object: &mut Map<String, Value>, key: &str, value: Value) {
    if !value.is_null() {
        object.insert(key.to_owned(), value);
    }
}

/// What has something in it, or null.
fn filled(value: &Value) -> Value {
    let empty = match value {
        Value::Object(entries) => entries.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    };
    if empty { Value::Null } else { value.clone() }
}

fn lower_case(value: &Value) -> Value {
    value
        .as_str()
        .map_or(Value::Null, |text| json!(text.to_lowercase()))
}

/// The function that a reference means.
fn function_in(value: &Value) -> Option<String> {
    let inner = value.as_str()?.strip_prefix("${functions.")?.strip_suffix('}')?;
    Some(inner.rsplit_once('.')?.0.to_owned())
}

/// A form in the words of a manifest: references by name, what is known of the account as variables.
fn said(template: &Template) -> Value {
    match template {
        Template::Lit(value) => plain(value),
        Template::Ref(output) => json!(reference(output)),
        Template::List(items) => items.iter().map(said).collect(),
        Template::Map(entries) => entries
            .iter()
            .map(|(key, item)| (key.clone(), said(item)))
            .collect(),
        Template::Join(parts) => {
            let texts = parts.iter().map(|part| match said(part) {
                Value::String(text) => text,
                other => other.to_string(),
            });
            json!(texts.collect::<String>())
        }
    }
}

fn plain(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let text = text.replace("${", "$${");
            let known = OF_ACCOUNT.iter().fold(text, |text, name| {
                text.replace(&format!("{MARK}{name}{END}"), &format!("${{{name}}}"))
            });
            json!(known)
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), plain(value)))
            .collect(),
        other => other.clone(),
    }
}

fn reference(output: &OutputRef) -> String {
    let kind = output.of.kind.as_str();
    let section = SECTIONS.iter().find(|(_, known, _)| *known == kind);
    let attribute =
        section.and_then(|(_, _, attributes)| attributes.iter().find(|(_, known)| *known == output.output));
    match (section, attribute) {
        (Some((section, ..)), Some((attribute, _))) => {
            format!("${{{section}.{}.{attribute}}}", output.of.name)
        }
        _ => String::new(),
    }
}
