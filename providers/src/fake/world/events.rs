//! What pushes events to functions: buckets, topics, rules.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::World;
use super::lambda::is_of;

/// A bucket.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    /// Its one notification document.
    pub notifications: Notifications,
}

/// The notification document of a bucket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notifications {
    /// What goes to functions, in the order of the document.
    pub functions: Vec<Entry>,
    /// What goes elsewhere (topics, queues, EventBridge), as its owners wrote it.
    pub others: BTreeMap<String, Value>,
}

/// Notifications for one function.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its id in the document.
    pub id: String,
    /// The function, by ARN.
    pub function: String,
    /// Which events.
    pub events: Vec<String>,
    /// What the key begins with.
    pub prefix: Option<String>,
    /// What the key ends with.
    pub suffix: Option<String>,
}

/// A subscription of a function to a topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    /// The function, by ARN.
    pub endpoint: String,
}

/// A rule of the default event bus.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// When it fires.
    pub schedule: Option<String>,
    /// On which events it fires.
    pub pattern: Option<String>,
    /// What it is for.
    pub description: String,
    /// Whether it fires at all.
    pub enabled: bool,
    /// What it calls, by target id.
    pub targets: BTreeMap<String, String>,
    /// The mark of the attempt that made it.
    pub mark: Option<String>,
}

impl Entry {
    /// True if one object could be told to both: S3 refuses such a document.
    pub(in crate::fake) fn overlaps(&self, other: &Self) -> bool {
        let ends = |one: &Option<String>, other: &Option<String>, reaches: fn(&str, &str) -> bool| {
            let (one, other) = (
                one.as_deref().unwrap_or_default(),
                other.as_deref().unwrap_or_default(),
            );
            reaches(one, other) || reaches(other, one)
        };
        self.events.iter().any(|event| other.events.contains(event))
            && ends(&self.prefix, &other.prefix, |long, short| long.starts_with(short))
            && ends(&self.suffix, &other.suffix, |long, short| long.ends_with(short))
    }
}

impl Bucket {
    pub(super) fn facts(&self) -> Value {
        let entry = |one: &Entry| {
            json!({
                "id": one.id, "function": one.function, "events": one.events, "prefix": one.prefix, "suffix": one.suffix,
            })
        };
        // The order of the entries means nothing to S3.
        let mut functions: Vec<_> = self.notifications.functions.iter().map(entry).collect();
        functions.sort_by_key(ToString::to_string);
        json!({"functions": functions, "others": self.notifications.others})
    }
}

impl Rule {
    pub(super) fn facts(&self) -> Value {
        json!({
            "schedule": self.schedule, "pattern": self.pattern, "description": self.description,
            "enabled": self.enabled, "targets": self.targets,
        })
    }
}

impl World {
    /// Buckets, subscriptions and rules that call functions of the stack `owner`. Each is owned by way of what it calls.
    pub(super) fn owned_events(&self, owner: &str) -> BTreeSet<String> {
        let calls_us = |entry: &Entry| is_of(&entry.function, owner);
        let buckets = self
            .buckets
            .iter()
            .filter(|(_, bucket)| bucket.notifications.functions.iter().any(calls_us))
            .map(|(name, _)| name);
        let subscriptions = self
            .topics
            .values()
            .flatten()
            .filter(|(_, subscription)| is_of(&subscription.endpoint, owner))
            .map(|(arn, _)| arn);
        let rules = self
            .rules
            .iter()
            .filter(|(_, rule)| rule.targets.get("1").is_some_and(|target| is_of(target, owner)))
            .map(|(name, _)| name);
        buckets.chain(subscriptions).chain(rules).cloned().collect()
    }
}
