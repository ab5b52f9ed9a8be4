//! The form of a table.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::port::Invalid;
use crate::resources::declared::{Tags, tag_problem};

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name.
    pub name: String,
    /// The attributes of all keys with their types: `S`, `N` or `B`.
    pub attributes: BTreeMap<String, String>,
    /// The attributes by which an item is found.
    pub key: Key,
    /// The global indexes, by their names.
    #[serde(default)]
    pub indexes: BTreeMap<String, Index>,
    /// What it bears in a second; without it each request is paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// What its stream tells of a changed item, in DynamoDB's word; without it there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// The attribute with the time after which an item goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
    /// Whether it can be had again as it was at any moment of the last weeks.
    #[serde(default)]
    pub point_in_time_recovery: bool,
    /// Whether DynamoDB itself refuses to delete it.
    #[serde(default)]
    pub deletion_protection: bool,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The attribute that says where an item lies.
    pub partition: String,
    /// The attribute by which the items of one partition are sorted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
}

/// A global index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// Its key.
    pub key: Key,
    /// Which attributes it holds.
    pub projection: Projection,
}

/// Which attributes an index holds beside the keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Projection {
    /// Every one.
    All,
    /// None.
    Keys,
    /// These.
    #[serde(untagged)]
    Some(BTreeSet<String>),
}

/// What a table, and each of its indexes, bears in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Reads of up to 4 KB.
    pub read: u32,
    /// Writes of up to 1 KB.
    pub write: u32,
}

impl Spec {
    /// What DynamoDB would refuse (API reference, `CreateTable`).
    pub(super) fn problems(&self) -> Vec<Invalid> {
        let mut problems = Vec::new();
        let mut demand = |holds: bool, field: &str, why: String| {
            if !holds {
                let field = field.to_owned();
                problems.push(Invalid { field, why });
            }
        };
        let name = &self.name;
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        demand(
            (3..=255).contains(&name.len()) && name.chars().all(legal),
            "name",
            format!("`{name}`: the name of a table is 3 to 255 letters, digits, `-`, `_` and `.`"),
        );
        let keys = self.indexes.values().map(|index| &index.key).chain([&self.key]);
        let used: BTreeSet<_> = keys
            .flat_map(|key| key.sort.iter().chain([&key.partition]))
            .collect();
        for attribute in &used {
            demand(
                self.attributes.contains_key(*attribute),
                "attributes",
                format!("`{attribute}` is part of a key and has no type"),
            );
        }
        for (attribute, scalar) in &self.attributes {
            demand(
                used.contains(attribute),
                "attributes",
                format!("`{attribute}` is part of no key, and only attributes of keys have a type"),
            );
            demand(
                matches!(scalar.as_str(), "S" | "N" | "B"),
                "attributes",
                format!("`{scalar}` is no type of a key: `S`, `N` or `B`"),
            );
        }
        let views = ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"];
        if let Some(view) = &self.stream {
            demand(
                views.contains(&view.as_str()),
                "stream",
                format!("`{view}` is nothing that a stream tells: {}", views.join(", ")),
            );
        }
        if let Some(capacity) = &self.capacity {
            demand(
                capacity.read > 0 && capacity.write > 0,
                "capacity",
                "a table bears at least one read and one write".to_owned(),
            );
        }
        if let Some(why) = tag_problem(&self.tags) {
            demand(false, "tags", why);
        }
        problems
    }
}
