//! REST and WebSocket APIs, their stages, and the domains that lead to them.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::Digest;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::World;
use crate::fake::physics::Refused;

/// The keys of the routes that Chalice has; others are others'.
pub(in crate::fake) const ROUTES: [&str; 3] = ["$connect", "$default", "$disconnect"];

/// What Chalice's integrations are for.
pub(in crate::fake) const DESCRIPTIONS: [&str; 3] = ["connect", "message", "disconnect"];

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
    /// Where it can be called.
    pub stages: Stages,
}

/// A WebSocket API.
#[derive(Clone, Debug, Default)]
pub struct Socket {
    /// Its name.
    pub name: String,
    /// The mark in its description.
    pub mark: Option<String>,
    /// Its integrations by id.
    pub integrations: BTreeMap<String, Integration>,
    /// Its routes by key, with the integration that each leads to.
    pub routes: BTreeMap<String, String>,
    /// Where it can be called.
    pub stages: Stages,
}

/// What a WebSocket API calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Integration {
    /// What it is for.
    pub description: String,
    /// The function, by ARN.
    pub function: String,
}

/// The deployments of an API, and the stages that serve them.
#[derive(Clone, Debug, Default)]
pub struct Stages {
    /// By id.
    pub deployments: BTreeMap<String, Deployment>,
    /// By name.
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

/// A custom domain.
#[derive(Clone, Debug)]
pub struct Domain {
    /// The name that DNS records point at.
    pub alias: String,
    /// Its endpoint type.
    pub endpoint_type: String,
    /// Its certificate.
    pub certificate: String,
    /// Its TLS versions.
    pub security_policy: String,
    /// Its tags but the mark.
    pub tags: BTreeMap<String, String>,
    /// The mark of the attempt that made it.
    pub mark: Option<String>,
    /// Until when an update is in progress.
    pub busy: Option<Instant>,
    /// Where its paths lead, by prefix; the empty one is the root.
    pub paths: BTreeMap<String, Pointer>,
}

/// Where a path of a domain leads.
#[derive(Clone, Debug, PartialEq)]
pub struct Pointer {
    /// The API, by id.
    pub api: String,
    /// Its stage.
    pub stage: String,
}

impl Api {
    pub(super) fn facts(&self, ids: bool) -> Value {
        json!({
            "name": self.name, "endpoint_type": self.endpoint_type, "definition": self.definition,
            "minimum_compression": self.minimum_compression, "stages": self.stages.facts(ids),
        })
    }

    /// The digest of the definition that stands now.
    pub fn digest(&self) -> String {
        Digest::of_value(&self.definition).0
    }
}

impl Socket {
    /// The integration of the route `key`.
    pub fn integration(&self, key: &str) -> Option<&Integration> {
        self.integrations.get(self.routes.get(key)?)
    }

    /// The digest of Chalice's routes and what they lead to.
    pub fn digest(&self) -> String {
        let routes: BTreeMap<_, _> = ROUTES.iter().map(|key| (key, self.called(key))).collect();
        Digest::of_value(&json!(routes)).0
    }

    fn called(&self, key: &str) -> Option<Value> {
        let integration = self.integration(key)?;
        Some(json!({"function": integration.function, "description": integration.description}))
    }

    pub(super) fn facts(&self, ids: bool) -> Value {
        // An integration that no route leads to does nothing. One of ours may be left by a change that was cut off, and the
        // next change takes it away.
        let strange = |one: &&Integration| !DESCRIPTIONS.contains(&one.description.as_str());
        let mut theirs: Vec<_> = self.integrations.values().filter(strange).collect();
        theirs.sort_by_key(|one| (&one.description, &one.function));
        let theirs: Vec<_> = theirs
            .iter()
            .map(|one| (&one.description, &one.function))
            .collect();
        let routes: BTreeMap<_, _> = self.routes.keys().map(|key| (key, self.called(key))).collect();
        json!({"name": self.name, "theirs": theirs, "routes": routes, "stages": self.stages.facts(ids)})
    }
}

impl Stages {
    /// The digest of what a stage serves.
    pub fn serves(&self, stage: &Stage) -> Option<&String> {
        self.deployments.get(&stage.deployment).map(|one| &one.digest)
    }

    fn facts(&self, ids: bool) -> Value {
        let stages: BTreeMap<_, _> = self
            .stages
            .iter()
            .map(|(name, stage)| {
                let deployment = ids.then_some(&stage.deployment);
                let facts =
                    json!({"serves": self.serves(stage), "tracing": stage.tracing, "deployment": deployment});
                (name, facts)
            })
            .collect();
        json!(stages)
    }
}

impl Domain {
    pub(super) fn facts(&self, ids: bool) -> Value {
        let paths: BTreeMap<_, _> = self
            .paths
            .iter()
            .map(|(prefix, to)| (prefix, json!({"api": to.api, "stage": to.stage})))
            .collect();
        json!({
            "alias": ids.then_some(&self.alias), "endpoint_type": self.endpoint_type, "certificate": self.certificate,
            "security_policy": self.security_policy, "tags": self.tags, "paths": paths,
        })
    }
}

impl World {
    /// The stages of an API of either protocol.
    pub fn stages_of(&self, api: &str) -> Option<&Stages> {
        let rest = self.apis.get(api).map(|api| &api.stages);
        rest.or_else(|| self.sockets.get(api).map(|socket| &socket.stages))
    }

    /// API Gateway deletes no API that a domain leads to.
    pub(in crate::fake) fn must_not_be_mapped(&self, api: &str) -> Result<(), Refused> {
        let mut paths = self.domains.values().flat_map(|domain| domain.paths.values());
        if paths.any(|to| to.api == api) {
            return Err(Refused::Invalid(format!("a domain leads to {api}")));
        }
        Ok(())
    }

    /// APIs, stages, domains and paths that bear a mark, or lead to what does.
    pub(super) fn owned_gateways(&self) -> BTreeSet<String> {
        let rest = self.apis.iter().filter(|(_, api)| api.mark.is_some());
        let sockets = self.sockets.iter().filter(|(_, socket)| socket.mark.is_some());
        let apis: BTreeMap<_, _> = rest
            .map(|(id, api)| (id, &api.stages))
            .chain(sockets.map(|(id, socket)| (id, &socket.stages)))
            .collect();
        let mut owned = BTreeSet::new();
        for (id, stages) in &apis {
            owned.insert((*id).clone());
            owned.extend(stages.stages.keys().map(|stage| format!("{id}/{stage}")));
        }
        for (name, domain) in &self.domains {
            let ours = domain.paths.iter().filter(|(_, to)| apis.contains_key(&to.api));
            let ours: Vec<_> = ours.map(|(prefix, _)| format!("{name}/{prefix}")).collect();
            // One that others use outlives its deletion by us.
            if domain.mark.is_some() && (domain.paths.is_empty() || !ours.is_empty()) {
                owned.insert(name.clone());
            }
            owned.extend(ours);
        }
        owned
    }

    /// Deployments that stand twice in one API: something was made twice.
    pub fn doubled_deployments(&self) -> Vec<String> {
        let rest = self.apis.iter().map(|(id, api)| (id, &api.stages));
        let sockets = self.sockets.iter().map(|(id, socket)| (id, &socket.stages));
        let mut doubled = Vec::new();
        for (id, stages) in rest.chain(sockets) {
            let mut seen = BTreeSet::new();
            for deployment in stages.deployments.values() {
                if !seen.insert(&deployment.digest) {
                    doubled.push(format!("{id}: {}", deployment.digest));
                }
            }
        }
        doubled
    }
}
