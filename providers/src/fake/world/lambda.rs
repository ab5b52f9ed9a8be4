//! Roles, functions, their layers, and what feeds them by polling.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::World;
use crate::fake::OWNER_TAG;

/// A role.
#[derive(Clone, Debug)]
pub struct Role {
    /// Who may assume it.
    pub trust: Value,
    /// Its inline policies.
    pub policies: BTreeMap<String, Value>,
    /// The mark of the attempt that made it.
    pub mark: Option<String>,
    /// Another application that it is tagged with.
    pub owner: Option<String>,
    /// When it can be assumed.
    pub ready: Option<Instant>,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its configuration: all fields of the form but those below.
    pub config: Value,
    /// The digest of its code.
    pub code: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its reserved concurrency.
    pub concurrency: Option<u32>,
    /// Its policy: statements by id.
    pub policy: BTreeMap<String, Value>,
    /// Until when it is `Pending` or an update is `InProgress`.
    pub busy: Option<Instant>,
}

/// The URL of a function.
#[derive(Clone, Debug)]
pub struct Url {
    /// The first part of its host name.
    pub id: String,
    /// Who may call it.
    pub auth: String,
    /// Whether the function's policy lets everybody call it.
    pub open: bool,
}

/// An alias of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The version that it leads to.
    pub version: String,
    /// Another version, and its share in percent.
    pub other: Option<(String, u32)>,
}

impl Alias {
    /// Where it leads.
    pub fn words(&self) -> String {
        match &self.other {
            Some((other, share)) => format!("{} % {}, {share} % {other}", 100 - share, self.version),
            None => self.version.clone(),
        }
    }
}

/// A version of a layer.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The layer.
    pub name: String,
    /// What it runs on.
    pub runtime: String,
    /// The processor.
    pub architecture: String,
    /// The digest of its contents.
    pub content: String,
    /// The mark in its description.
    pub mark: Option<String>,
}

/// An event source mapping.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The queue or stream.
    pub source: String,
    /// The function, by ARN.
    pub function: String,
    /// The largest batch.
    pub batch_size: u32,
    /// How long a batch is collected, in seconds.
    pub window: u32,
    /// How many instances of the function may run for it.
    pub concurrency: Option<u32>,
    /// Where in a stream it began.
    pub position: Option<String>,
    /// Whether it polls.
    pub enabled: bool,
    /// Until when it is `Creating` or `Updating`.
    pub busy: Option<Instant>,
    /// From when on it is gone; until then it is `Deleting`.
    pub gone: Option<Instant>,
}

impl Mapping {
    /// True if it is not there any more.
    pub(in crate::fake) fn is_gone(&self, now: Instant) -> bool {
        self.gone.is_some_and(|gone| gone <= now)
    }

    /// True if it can be neither changed nor deleted now.
    pub(in crate::fake) fn is_busy(&self, now: Instant) -> bool {
        self.busy.is_some_and(|busy| busy > now) || self.gone.is_some()
    }

    pub(super) fn facts(&self) -> Value {
        json!({
            "source": self.source, "function": self.function, "batch_size": self.batch_size, "window": self.window,
            "concurrency": self.concurrency, "position": self.position, "enabled": self.enabled,
        })
    }
}

impl Role {
    pub(super) fn facts(&self) -> Value {
        json!({"trust": self.trust, "policies": self.policies})
    }
}

impl Function {
    pub(super) fn facts(&self) -> Value {
        json!({
            "config": self.config, "code": self.code, "tags": self.tags,
            "concurrency": self.concurrency, "policy": self.policy,
        })
    }
}

impl Url {
    pub(super) fn facts(&self) -> Value {
        json!({"auth": self.auth, "open": self.open})
    }
}

impl Layer {
    pub(super) fn facts(&self) -> Value {
        json!({
            "name": self.name, "runtime": self.runtime, "architecture": self.architecture, "content": self.content,
        })
    }
}

impl World {
    /// The mappings that are not being deleted.
    pub(super) fn living_mappings(&self) -> BTreeMap<String, &Mapping> {
        let living = self.mappings.iter().filter(|(_, mapping)| mapping.gone.is_none());
        living.map(|(uuid, mapping)| (uuid.clone(), mapping)).collect()
    }

    /// Functions, statements, layers and mappings of the stack `owner`.
    pub(super) fn owned_functions(&self, owner: &str) -> BTreeSet<String> {
        let mut owned = BTreeSet::new();
        for (name, function) in &self.functions {
            if function.tags.get(OWNER_TAG).is_some_and(|tag| tag == owner) {
                owned.insert(function_arn(name));
            }
            for sid in function.policy.keys().filter(|sid| sid.starts_with("grail-")) {
                owned.insert(format!("{name}/{sid}"));
            }
        }
        let urls = self.urls.keys().filter(|function| is_of(function, owner));
        owned.extend(urls.cloned());
        let layers = self.layers.iter().filter(|(_, layer)| layer.mark.is_some());
        owned.extend(layers.map(|(arn, _)| arn.clone()));
        let mappings = self.living_mappings().into_iter();
        owned.extend(
            mappings
                .filter(|(_, mapping)| is_of(&mapping.function, owner))
                .map(|(uuid, _)| uuid),
        );
        owned
    }
}

/// True if the function with this ARN is named as one of the stack `owner`.
pub(super) fn is_of(function: &str, owner: &str) -> bool {
    let rest = function_name(function).strip_prefix(owner);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The ARN of a function.
pub fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}")
}

/// The name of a function, given by name or ARN.
pub(in crate::fake) fn function_name(named: &str) -> &str {
    named.rsplit(':').next().unwrap_or(named)
}

/// The service of a source, and the name by which Chalice knows it there.
pub(in crate::fake) fn service_of(source: &str) -> (String, Option<String>) {
    let service = source.split(':').nth(2).unwrap_or_default().to_owned();
    let name = source.rsplit([':', '/']).next().unwrap_or_default().to_owned();
    let named = service != "dynamodb";
    (service, named.then_some(name))
}
