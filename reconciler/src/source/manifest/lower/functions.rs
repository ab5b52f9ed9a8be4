//! Functions with what comes before them: log group, role, layers.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::{Kind, ResourceId, Template};
use serde_json::{Value, json};

use super::{Lowering, function_id, list, map, object};
use crate::source::chalice::names;
use crate::source::manifest::form::Brief;
use crate::source::manifest::functions::{
    Code, DEFAULT_MEMORY, DEFAULT_STORAGE, DEFAULT_TIMEOUT, Function, Image, Layer,
};

const LAYER: Kind = Kind::new("lambda_layer");
const LOG_GROUP: Kind = Kind::new("log_group");

/// The tag by which Chalice tells whose a function is.
const CHALICES_TAG: &str = "aws-chalice";

impl Lowering<'_> {
    pub(super) fn layers(&mut self) {
        let form = self.form;
        for (name, layer) in &form.layers {
            let Some(layer) = layer else { continue };
            let spec = self.layer(name, layer);
            self.add(
                ResourceId::new(LAYER, name.as_str()),
                spec,
                BTreeSet::new(),
                &["layers", name],
            );
        }
    }

    fn layer(&self, name: &str, layer: &Layer) -> Template {
        let code = self.packages.layers.get(name).map(|zip| zip.to_value());
        Template::Lit(json!({
            "name": self.physical(layer.name.as_deref(), name),
            "runtime": layer.runtime,
            "architecture": layer.architecture.unwrap_or_default().name(),
            "code": code,
        }))
    }

    pub(super) fn function(&mut self, name: &str, function: &Function) {
        self.log_group(name, function);
        let role = self.role_of(name, function);
        let spec = self.function_spec(name, function, role);
        self.add(function_id(name), spec, BTreeSet::new(), &["functions", name]);
    }

    fn function_spec(&self, name: &str, function: &Function, role: Template) -> Template {
        let image = match &function.code {
            Some(Brief::Full(code)) => code.image.as_ref(),
            _ => None,
        };
        let environment = function.environment.iter().flatten();
        let environment: BTreeMap<_, _> = environment
            .map(|(key, value)| (key.clone(), self.phrase(&value.0)))
            .collect();
        let layers = function.layers.iter().flatten();
        let layers = layers
            .filter(|_| image.is_none())
            .map(|layer| self.phrase(&layer.0));
        let phrases = |all: &[crate::source::manifest::form::Phrase]| {
            list(all.iter().map(|one| self.phrase(&one.0)).collect())
        };
        let vpc = function.vpc.as_ref().map_or(Template::Lit(Value::Null), |vpc| {
            map(BTreeMap::from([
                ("subnet_ids".to_owned(), phrases(&vpc.subnets)),
                ("security_group_ids".to_owned(), phrases(&vpc.security_groups)),
            ]))
        });
        let dead_letter = function.dead_letter.as_ref();
        // A provided runtime asks for a handler all the same, and makes nothing of it.
        let handler = match image {
            Some(_) => "",
            None => function.handler.as_deref().unwrap_or("bootstrap"),
        };
        let runtime = function.runtime.as_deref().filter(|_| image.is_none());
        let plain = json!({
            "name": self.physical(function.name.as_deref(), name),
            "description": function.description.as_deref().unwrap_or_default(),
            "handler": handler,
            "runtime": runtime.unwrap_or_default(),
            "snap_start": function.snap_start.unwrap_or(false),
            "memory": function.memory.unwrap_or(DEFAULT_MEMORY),
            "timeout": function.timeout.unwrap_or(DEFAULT_TIMEOUT),
            "ephemeral_storage": function.ephemeral_storage.unwrap_or(DEFAULT_STORAGE),
            "tags": self.tags(function),
            "architecture": function.architecture.unwrap_or_default().name(),
            "tracing": if function.tracing == Some(true) { "active" } else { "pass_through" },
            "reserved_concurrency": function.reserved_concurrency,
        });
        object(
            started(plain, image),
            [
                ("role", role),
                ("environment", map(environment)),
                ("layers", list(layers.collect())),
                ("vpc", vpc),
                ("code", self.code(name, function)),
                (
                    "dead_letter",
                    dead_letter.map_or(Template::Lit(json!("")), |target| self.phrase(&target.0)),
                ),
            ],
        )
    }

    fn code(&self, name: &str, function: &Function) -> Template {
        if let Some(Brief::Full(Code { s3: Some(object), .. })) = &function.code {
            let (bucket, key, version) = (&object.bucket, &object.key, &object.version);
            // Which version is the newest is known when the account is looked at.
            let version = version.as_deref().unwrap_or_default();
            let mut object = json!({"bucket": bucket, "key": key});
            if !version.is_empty() {
                object["version"] = json!(version);
            }
            return Template::Lit(json!({
                "content": format!("s3://{bucket}/{key}#{version}"),
                "artifact": "",
                "size": 0,
                "object": object,
            }));
        }
        if let Some(Brief::Full(Code {
            image: Some(image), ..
        })) = &function.code
        {
            let address = super::super::references::at_home(&image.uri, self.account);
            return Template::Lit(json!({
                "content": format!("image:{address}"), "artifact": "", "size": 0, "image": address,
            }));
        }
        Template::Lit(
            self.packages
                .functions
                .get(name)
                .map_or(Value::Null, |zip| zip.to_value()),
        )
    }

    /// The function's tags, with the one by which it is known as ours, unless Chalice's says that already.
    fn tags(&self, function: &Function) -> BTreeMap<String, String> {
        let mut tags = function.tags.clone().unwrap_or_default();
        let (app, stage) = (self.manifest.app(), self.manifest.stage());
        let ending = format!(":stage={stage}:app={app}");
        if !tags.get(CHALICES_TAG).is_some_and(|tag| tag.ends_with(&ending)) {
            tags.insert(
                grail_providers::OWNER_TAG.to_owned(),
                format!("stage={stage}:app={app}"),
            );
        }
        tags
    }

    fn log_group(&mut self, name: &str, function: &Function) {
        let Some(days) = function.log_retention else {
            return;
        };
        let physical = self.physical(function.name.as_deref(), name);
        let id = ResourceId::new(LOG_GROUP, names::log_group_logical(name));
        let spec = json!({"name": names::log_group(&physical), "retention_days": days});
        let path = ["functions", name, "log_retention"];
        self.add(id, Template::Lit(spec), BTreeSet::new(), &path);
    }
}

/// The form with how a container is started.
fn started(mut plain: Value, image: Option<&Image>) -> Value {
    if let (Some(fields), Some(image)) = (plain.as_object_mut(), image) {
        let started = json!({
            "entry_point": image.entry_point.clone().unwrap_or_default(),
            "command": image.command.clone().unwrap_or_default(),
            "working_directory": image.working_directory.clone().unwrap_or_default(),
        });
        fields.insert("image_config".to_owned(), started);
    }
    plain
}
