//! What exists in the make-believe cloud: ours and what others have, down to entries in one document.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

mod events;
mod gateway;
mod lambda;
mod things;

pub use events::{Bucket, Entry, Notifications, Rule, Subscription};
pub use gateway::{Api, Deployment, Domain, Integration, Pointer, Socket, Stage, Stages};
pub(super) use gateway::{DESCRIPTIONS, ROUTES};
pub use lambda::{Alias, Function, Layer, Mapping, Role, Url, function_arn};
pub(super) use lambda::{function_name, service_of};
pub use things::Thing;

/// Everything that exists.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Roles by name.
    pub roles: BTreeMap<String, Role>,
    /// Functions by name.
    pub functions: BTreeMap<String, Function>,
    /// URLs of functions by the functions' names.
    pub urls: BTreeMap<String, Url>,
    /// Aliases of functions, by the function's name and their own.
    pub aliases: BTreeMap<String, Alias>,
    /// Alarms that ring.
    pub ringing: BTreeSet<String>,
    /// Versions of layers by ARN.
    pub layers: BTreeMap<String, Layer>,
    /// Log groups by name, with their retention in days.
    pub groups: BTreeMap<String, Option<u32>>,
    /// REST APIs by id.
    pub apis: BTreeMap<String, Api>,
    /// WebSocket APIs by id.
    pub sockets: BTreeMap<String, Socket>,
    /// Custom domains by name.
    pub domains: BTreeMap<String, Domain>,
    /// Buckets by name.
    pub buckets: BTreeMap<String, Bucket>,
    /// Topics by ARN, with their subscriptions by ARN.
    pub topics: BTreeMap<String, BTreeMap<String, Subscription>>,
    /// Queues and streams that functions can read, by ARN.
    pub sources: BTreeSet<String>,
    /// Event source mappings by UUID.
    pub mappings: BTreeMap<String, Mapping>,
    /// Rules by name.
    pub rules: BTreeMap<String, Rule>,
    /// How many ids were given out.
    pub ids: u64,
    /// Code that cannot be fetched, and so cannot be kept or sent again.
    pub lost_code: BTreeSet<String>,
    /// Ids of APIs that may not be looked at.
    pub unseen: BTreeSet<String>,
    /// Functions of which nothing can be kept.
    pub closed: BTreeSet<String>,
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
        let mut facts = json!({
            "roles": self.roles.iter().map(|(name, role)| (name, role.facts())).collect::<BTreeMap<_, _>>(),
            "functions": self.functions.iter().map(|(name, one)| (name, one.facts())).collect::<BTreeMap<_, _>>(),
            "urls": self.urls.iter().map(|(name, one)| (name, one.facts())).collect::<BTreeMap<_, _>>(),
            "aliases": self.aliases.iter().map(|(name, one)| (name, one.words())).collect::<BTreeMap<_, _>>(),
            "layers": listed(&self.layers, ids, Layer::facts),
            // A group without retention is what a deletion leaves: the logs are the user's.
            "groups": self.groups.iter().filter_map(|(name, days)| Some((name, (*days)?))).collect::<BTreeMap<_, _>>(),
            "apis": listed(&self.apis, ids, |api| api.facts(ids)),
            "sockets": listed(&self.sockets, ids, |socket| socket.facts(ids)),
            "domains": self.domains.iter().map(|(name, one)| (name, one.facts(ids))).collect::<BTreeMap<_, _>>(),
            "buckets": self.buckets.iter().map(|(name, one)| (name, one.facts())).collect::<BTreeMap<_, _>>(),
            "topics": self.topics.iter()
                .map(|(arn, there)| (arn, there.values().map(|one| &one.endpoint).collect::<BTreeSet<_>>()))
                .collect::<BTreeMap<_, _>>(),
            "mappings": listed(&self.living_mappings(), ids, |one| one.facts()),
            "rules": self.rules.iter().map(|(name, one)| (name, one.facts())).collect::<BTreeMap<_, _>>(),
        });
        if !ids {
            let mut text = facts.to_string();
            for (id, meaning) in self.meanings() {
                text = text.replace(&id, &meaning);
            }
            facts = serde_json::from_str(&text).unwrap_or(facts);
            sort_lists(&mut facts);
        }
        facts
    }

    /// What ids stand for where they are part of another thing, longest first, so that `api12` is not taken for `api1`.
    fn meanings(&self) -> Vec<(String, String)> {
        let named = self.apis.iter().map(|(id, api)| (id, &api.name));
        let apis = named.chain(self.sockets.iter().map(|(id, socket)| (id, &socket.name)));
        let mut meanings: Vec<_> = apis
            .flat_map(|(id, name)| {
                let within = |before: &str, after: &str| {
                    (format!("{before}{id}{after}"), format!("{before}<{name}>{after}"))
                };
                [within("execute-api:", "/"), within("\"api\":\"", "\"")]
            })
            .chain(self.layers.iter().map(|(arn, layer)| {
                let meaning = format!("\"{} with {}\"", layer.name, layer.content);
                (format!("\"{arn}\""), meaning)
            }))
            .collect();
        meanings.sort_by_key(|(id, _)| std::cmp::Reverse(id.len()));
        meanings
    }

    /// The handles of all that belongs to the stack `owner` by mark, tag or place.
    pub fn owned(&self, owner: &str) -> BTreeSet<String> {
        let mut owned = self.owned_functions(owner);
        owned.extend(self.owned_events(owner));
        owned.extend(self.owned_gateways());
        let roles = self.roles.iter().filter(|(_, role)| role.mark.is_some());
        owned.extend(roles.map(|(name, _)| name.clone()));
        let groups = self.groups.iter();
        let kept = groups.filter(|(name, days)| days.is_some() && name.starts_with("/aws/lambda/"));
        owned.extend(kept.map(|(name, _)| name.clone()));
        owned
    }
}

/// Things under ids that a service chose: by id, or without the ids and in no order of theirs.
fn listed<T>(things: &BTreeMap<String, T>, ids: bool, facts: impl Fn(&T) -> Value) -> Value {
    if ids {
        return things
            .iter()
            .map(|(id, thing)| (id.clone(), facts(thing)))
            .collect();
    }
    things.values().map(facts).collect()
}

/// Puts lists that have no order of their own into one.
fn sort_lists(facts: &mut Value) {
    for field in ["apis", "sockets", "layers", "mappings"] {
        if let Some(list) = facts.get_mut(field).and_then(Value::as_array_mut) {
            list.sort_by_key(ToString::to_string);
        }
    }
}
