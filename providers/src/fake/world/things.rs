//! Single things of the world: for somebody else to delete, or to have before us.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Domain, Function, Pointer, Role, Rule, World};

/// One thing, by its identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    /// A role by name.
    Role(String),
    /// A function by name.
    Function(String),
    /// A statement of a function's policy: function, id.
    Statement(String, String),
    /// A version of a layer by ARN.
    Layer(String),
    /// The retention of a log group by name.
    Retention(String),
    /// A REST or WebSocket API by id.
    Api(String),
    /// A stage: API, name.
    Stage(String, String),
    /// A custom domain by name.
    Domain(String),
    /// A path of a domain: domain, prefix.
    Path(String, String),
    /// A notification: bucket, id.
    Notification(String, String),
    /// A subscription: topic, ARN.
    Subscription(String, String),
    /// An event source mapping by UUID.
    Mapping(String),
    /// A rule by name.
    Rule(String),
    /// A target of a rule: rule, id.
    Target(String, String),
}

impl World {
    /// Everything that there is.
    pub fn things(&self) -> BTreeSet<Thing> {
        let mut things = BTreeSet::new();
        things.extend(self.roles.keys().cloned().map(Thing::Role));
        things.extend(self.functions.keys().cloned().map(Thing::Function));
        things.extend(self.layers.keys().cloned().map(Thing::Layer));
        let kept = self.groups.iter().filter(|(_, days)| days.is_some());
        things.extend(kept.map(|(name, _)| Thing::Retention(name.clone())));
        things.extend(self.apis.keys().cloned().map(Thing::Api));
        things.extend(self.sockets.keys().cloned().map(Thing::Api));
        things.extend(self.domains.keys().cloned().map(Thing::Domain));
        things.extend(self.living_mappings().into_keys().map(Thing::Mapping));
        things.extend(self.rules.keys().cloned().map(Thing::Rule));
        let of = |make: fn(String, String) -> Thing, whole: &String, part: &String| {
            make(whole.clone(), part.clone())
        };
        for (name, function) in &self.functions {
            things.extend(function.policy.keys().map(|sid| of(Thing::Statement, name, sid)));
        }
        let stages = self.apis.iter().map(|(id, api)| (id, &api.stages));
        for (id, stages) in stages.chain(self.sockets.iter().map(|(id, api)| (id, &api.stages))) {
            things.extend(stages.stages.keys().map(|stage| of(Thing::Stage, id, stage)));
        }
        for (name, domain) in &self.domains {
            things.extend(domain.paths.keys().map(|path| of(Thing::Path, name, path)));
        }
        for (name, bucket) in &self.buckets {
            let entries = bucket.notifications.functions.iter();
            things.extend(entries.map(|entry| of(Thing::Notification, name, &entry.id)));
        }
        for (topic, there) in &self.topics {
            things.extend(there.keys().map(|arn| of(Thing::Subscription, topic, arn)));
        }
        for (name, rule) in &self.rules {
            things.extend(rule.targets.keys().map(|id| of(Thing::Target, name, id)));
        }
        things
    }

    /// Somebody deletes it.
    pub fn lose(&mut self, thing: &Thing) {
        match thing {
            Thing::Role(name) => drop(self.roles.remove(name)),
            Thing::Function(name) => drop(self.functions.remove(name)),
            Thing::Statement(function, sid) => {
                let function = self.functions.get_mut(function);
                function.map(|function| function.policy.remove(sid));
            }
            Thing::Layer(arn) => drop(self.layers.remove(arn)),
            Thing::Retention(group) => drop(self.groups.insert(group.clone(), None)),
            Thing::Api(id) => {
                // AWS deletes no API that a path of a domain leads to: whoever deletes it takes that first.
                for domain in self.domains.values_mut() {
                    domain.paths.retain(|_, to| to.api != *id);
                }
                self.apis.remove(id);
                self.sockets.remove(id);
            }
            Thing::Stage(api, stage) => {
                let rest = self.apis.get_mut(api).map(|api| &mut api.stages);
                let stages = rest.or(self.sockets.get_mut(api).map(|api| &mut api.stages));
                stages.map(|stages| stages.stages.remove(stage));
            }
            Thing::Domain(name) => drop(self.domains.remove(name)),
            Thing::Path(domain, prefix) => {
                let domain = self.domains.get_mut(domain);
                domain.map(|domain| domain.paths.remove(prefix));
            }
            Thing::Notification(bucket, id) => {
                let document = self.buckets.get_mut(bucket);
                if let Some(bucket) = document {
                    let entries = &mut bucket.notifications.functions;
                    entries.retain(|entry| entry.id != *id);
                }
            }
            Thing::Subscription(topic, arn) => {
                let topic = self.topics.get_mut(topic);
                topic.map(|topic| topic.remove(arn));
            }
            Thing::Mapping(uuid) => drop(self.mappings.remove(uuid)),
            Thing::Rule(name) => drop(self.rules.remove(name)),
            Thing::Target(rule, id) => {
                let rule = self.rules.get_mut(rule);
                rule.map(|rule| rule.targets.remove(id));
            }
        }
    }

    /// Somebody who has nothing to do with us makes a thing of this name. False where the name is in use, or where it is not
    /// names that things of this kind are known by.
    pub fn take(&mut self, thing: &Thing) -> bool {
        if self.things().contains(thing) {
            return false;
        }
        match thing {
            Thing::Role(name) => {
                let role = Role {
                    trust: json!("theirs"),
                    policies: BTreeMap::new(),
                    mark: None,
                    owner: None,
                    ready: None,
                };
                self.roles.insert(name.clone(), role);
            }
            Thing::Function(name) => {
                let config = json!({
                    "handler": "theirs", "role": "theirs", "memory": 128, "environment": {}, "layers": [],
                });
                let function = Function {
                    config,
                    code: "theirs".into(),
                    tags: BTreeMap::new(),
                    concurrency: None,
                    policy: BTreeMap::new(),
                    busy: None,
                };
                self.functions.insert(name.clone(), function);
            }
            Thing::Domain(name) => {
                let domain = Domain {
                    alias: "theirs".into(),
                    endpoint_type: "EDGE".into(),
                    certificate: "theirs".into(),
                    security_policy: "TLS_1_0".into(),
                    tags: BTreeMap::new(),
                    mark: None,
                    busy: None,
                    paths: BTreeMap::new(),
                };
                self.domains.insert(name.clone(), domain);
            }
            Thing::Path(domain, prefix) => {
                let Some(domain) = self.domains.get_mut(domain) else {
                    return false;
                };
                let pointer = Pointer {
                    api: "theirs".into(),
                    stage: "theirs".into(),
                };
                domain.paths.insert(prefix.clone(), pointer);
            }
            Thing::Rule(name) => {
                let rule = Rule {
                    schedule: Some("rate(9 days)".into()),
                    ..Rule::default()
                };
                self.rules.insert(name.clone(), rule);
            }
            _ => return false,
        }
        true
    }

    /// What can be seen of a thing with a name; `None` where it is not there.
    pub fn fact(&self, thing: &Thing) -> Option<Value> {
        match thing {
            Thing::Role(name) => self.roles.get(name).map(Role::facts),
            Thing::Function(name) => self.functions.get(name).map(Function::facts),
            Thing::Domain(name) => self.domains.get(name).map(|domain| domain.facts(true)),
            Thing::Path(domain, prefix) => {
                let to = self.domains.get(domain)?.paths.get(prefix)?;
                Some(json!([to.api, to.stage]))
            }
            Thing::Rule(name) => self.rules.get(name).map(Rule::facts),
            _ => None,
        }
    }
}
