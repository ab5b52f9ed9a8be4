//! What exists in the make-believe cloud.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::Digest;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::OWNER_TAG;

/// Everything that exists.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Roles by name.
    pub roles: BTreeMap<String, Role>,
    /// Functions by name.
    pub functions: BTreeMap<String, Function>,
    /// Log groups by name, with their retention in days.
    pub groups: BTreeMap<String, Option<u32>>,
    /// APIs by id.
    pub apis: BTreeMap<String, Api>,
    /// How many ids were given out.
    pub ids: u64,
    /// Code that cannot be fetched, and so cannot be kept or sent again.
    pub lost_code: BTreeSet<String>,
    /// Ids of APIs that may not be looked at.
    pub unseen: BTreeSet<String>,
    /// Functions of which nothing can be kept.
    pub closed: BTreeSet<String>,
}

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

/// A REST API.
#[derive(Clone, Debug)]
pub struct Api {
    /// Its title.
    pub name: String,
    /// The mark in its description.
    pub mark: Option<String>,
    /// Its endpoint type.
    pub endpoint_type: String,
    /// Its minimum compression.
    pub minimum_compression: Option<u32>,
    /// Its definition.
    pub definition: Value,
    /// Its deployments by id.
    pub deployments: BTreeMap<String, Deployment>,
    /// Its stages by name.
    pub stages: BTreeMap<String, Stage>,
}

/// A frozen definition.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The digest of the definition.
    pub digest: String,
}

/// A stage of an API.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The deployment that it serves.
    pub deployment: String,
    /// Whether requests are traced.
    pub tracing: bool,
}

impl World {
    /// An id that the service chooses.
    pub fn fresh_id(&mut self, prefix: &str) -> String {
        self.ids += 1;
        format!("{prefix}{}", self.ids)
    }

    /// Everything that can be seen from outside, for comparing two worlds. With `ids` as `false`, ids that a service chose are
    /// replaced by what they stand for, so that two equal worlds with different histories are equal.
    pub fn facts(&self, ids: bool) -> Value {
        let roles: BTreeMap<_, _> = self
            .roles
            .iter()
            .map(|(name, role)| (name, json!({"trust": role.trust, "policies": role.policies})))
            .collect();
        let functions: BTreeMap<_, _> = self
            .functions
            .iter()
            .map(|(name, function)| (name, function.facts()))
            .collect();
        // A group without retention is what a deletion leaves: the logs are the user's.
        let groups: BTreeMap<_, _> = self
            .groups
            .iter()
            .filter_map(|(name, days)| Some((name, (*days)?)))
            .collect();
        let apis: Vec<_> = self.apis.iter().map(|(id, api)| api.facts(id, ids)).collect();
        let mut facts = json!({"roles": roles, "functions": functions, "groups": groups, "apis": apis});
        if !ids {
            let mut text = facts.to_string();
            // Longest first, so that `api12` is not taken for `api1`.
            for (id, api) in self.apis.iter().rev() {
                text = text.replace(
                    &format!("execute-api:{id}/"),
                    &format!("execute-api:<{}>/", api.name),
                );
            }
            facts = serde_json::from_str(&text).unwrap_or(facts);
            if let Some(apis) = facts.get_mut("apis").and_then(Value::as_array_mut) {
                apis.sort_by_key(ToString::to_string);
            }
        }
        facts
    }

    /// The handles of all that belongs to the stack `owner` by mark, tag or place.
    pub fn owned(&self, owner: &str) -> BTreeSet<String> {
        let mut owned = BTreeSet::new();
        for (name, role) in &self.roles {
            if role.mark.is_some() {
                owned.insert(name.clone());
            }
        }
        for (name, function) in &self.functions {
            if function.tags.get(OWNER_TAG).is_some_and(|tag| tag == owner) {
                owned.insert(function_arn(name));
            }
            for sid in function.policy.keys().filter(|sid| sid.starts_with("grail-")) {
                owned.insert(format!("{name}/{sid}"));
            }
        }
        for (name, days) in &self.groups {
            if days.is_some() && name.starts_with("/aws/lambda/") {
                owned.insert(name.clone());
            }
        }
        for (id, api) in self.apis.iter().filter(|(_, api)| api.mark.is_some()) {
            owned.insert(id.clone());
            owned.extend(api.stages.keys().map(|stage| format!("{id}/{stage}")));
        }
        owned
    }

    /// Deployments that stand twice in one API: something was made twice.
    pub fn doubled_deployments(&self) -> Vec<String> {
        let mut doubled = Vec::new();
        for (id, api) in &self.apis {
            let mut seen = BTreeSet::new();
            for deployment in api.deployments.values() {
                if !seen.insert(&deployment.digest) {
                    doubled.push(format!("{id}: {}", deployment.digest));
                }
            }
        }
        doubled
    }
}

impl Function {
    fn facts(&self) -> Value {
        json!({
            "config": self.config, "code": self.code, "tags": self.tags,
            "concurrency": self.concurrency, "policy": self.policy,
        })
    }
}

impl Api {
    fn facts(&self, id: &str, ids: bool) -> Value {
        let stages: BTreeMap<_, _> = self
            .stages
            .iter()
            .map(|(name, stage)| {
                let serves = self.deployments.get(&stage.deployment).map(|one| &one.digest);
                (
                    name,
                    json!({"serves": serves, "tracing": stage.tracing, "deployment": ids.then_some(&stage.deployment)}),
                )
            })
            .collect();
        json!({
            "id": ids.then_some(id), "name": self.name, "endpoint_type": self.endpoint_type,
            "minimum_compression": self.minimum_compression, "definition": self.definition, "stages": stages,
        })
    }

    /// The digest of the definition that stands now.
    pub fn digest(&self) -> String {
        Digest::of_value(&self.definition).0
    }
}

/// The ARN of a function.
pub(super) fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}")
}
