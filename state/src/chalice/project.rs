//! What Chalice's file must say, given what we know.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Deployed, DeployedEntry, UNKNOWN_RANK, Verbatim, Wires, keys_of};
use crate::id::ResourceId;
use crate::record::Record;
use crate::wire::Wire;

type Records = BTreeMap<ResourceId, Record>;
/// An entry's type and name.
type Key<'a> = (&'a str, &'a str);

/// The file for `records`: one entry for each thing that Chalice counts as one, dependencies before dependents and else by
/// rank, with the `verbatim` ones at their places. Those of a resource that stands for several come each right behind what
/// they belong to.
///
/// An entry stands where the thing that it names exists: `rest_api` with the API itself, not with its stage alone. Names are
/// unique: of two entries of one name the one with the lower rank stays, and a verbatim one gives way to ours.
pub fn project(records: &Records, wires: &Wires, verbatim: &[Verbatim]) -> Deployed {
    let contributors = contributors(records, wires);
    let mut entries: Vec<DeployedEntry> = Vec::new();
    let mut names = BTreeSet::new();
    for key in ordered(records, &contributors) {
        if names.insert(key.1) {
            let parts = contributors.get(&key).map(Vec::as_slice).unwrap_or_default();
            entries.push(entry(key, parts));
        }
    }
    for kept in verbatim {
        if !entries.iter().any(|entry| entry.name == kept.entry.name) {
            entries.insert(place(&entries, kept), kept.entry.clone());
        }
    }
    Deployed { entries }
}

/// One resource's part in an entry.
struct Part<'a> {
    id: &'a ResourceId,
    record: &'a Record,
    wire: &'static Wire,
    /// Where the resource stands for several entries, what this one of them says.
    says: Option<&'a Value>,
}

impl Part<'_> {
    /// What the entry that this one belongs to has as its handle.
    fn belongs_to(&self) -> Option<&str> {
        self.says?.get(self.wire.several?.beside)?.as_str()
    }
}

fn contributors<'a>(records: &'a Records, wires: &Wires) -> BTreeMap<Key<'a>, Vec<Part<'a>>> {
    let mut parts: BTreeMap<Key<'_>, Vec<Part<'_>>> = BTreeMap::new();
    for (id, record) in records.iter().filter(|(_, record)| record.rank < UNKNOWN_RANK) {
        for wire in wires.get(&id.kind).copied().unwrap_or_default() {
            let counts = wire
                .when
                .is_none_or(|(output, text)| record.outputs.get(output).is_some_and(|has| has == text));
            // A type that Chalice does not know would block it.
            if !counts || keys_of(wire.resource_type).is_none() {
                continue;
            }
            let part = |says| Part {
                id,
                record,
                wire,
                says,
            };
            let mut add = |name, part| parts.entry((wire.resource_type, name)).or_default().push(part);
            match wire.several {
                None => add(id.name.as_str(), part(None)),
                Some(several) => {
                    let entries = record.outputs.get(several.output).and_then(Value::as_object);
                    for (name, says) in entries.into_iter().flatten() {
                        add(name, part(Some(says)));
                    }
                }
            }
        }
    }
    let named: BTreeSet<_> = wires
        .values()
        .copied()
        .flatten()
        .filter(|wire| wire.handle.is_some())
        .map(|wire| wire.resource_type)
        .collect();
    parts.retain(|(resource_type, _), parts| {
        !named.contains(resource_type) || parts.iter().any(|part| part.wire.handle.is_some())
    });
    parts
}

fn entry(key: Key<'_>, parts: &[Part<'_>]) -> DeployedEntry {
    let mut keys: Vec<(String, Value)> = Vec::new();
    let mut add = |key: &str, value: &Value| {
        if !value.is_null() && !keys.iter().any(|(known, _)| known == key) {
            keys.push((key.to_owned(), value.clone()));
        }
    };
    for part in parts {
        for (key, value) in part.says.and_then(Value::as_object).into_iter().flatten() {
            add(key, value);
        }
        for (key, output) in part.wire.keys {
            if let Some(value) = part.record.outputs.get(*output) {
                add(key, value);
            }
        }
        if let Some(key) = part.wire.handle {
            add(key, &Value::String(part.record.handle.0.clone()));
        }
    }
    let order = keys_of(key.0).unwrap_or_default();
    keys.sort_by_key(|(key, _)| order.iter().position(|known| known == key).unwrap_or(order.len()));
    DeployedEntry {
        name: key.1.to_owned(),
        resource_type: key.0.to_owned(),
        keys,
    }
}

/// The entries by rank, each moved behind those that it needs.
fn ordered<'a>(records: &'a Records, parts: &BTreeMap<Key<'a>, Vec<Part<'a>>>) -> Vec<Key<'a>> {
    let entry_of: BTreeMap<&ResourceId, Key<'_>> = parts
        .iter()
        .flat_map(|(key, parts)| parts.iter().map(|part| (part.id, *key)))
        .collect();
    let owner = |part: &Part<'_>| {
        let handle = part.belongs_to()?;
        let named = |one: &&Part<'_>| one.says.is_none() && one.record.handle.0 == handle;
        parts.values().flatten().find(named)
    };
    let rank = |key: &Key<'a>| {
        let of = |part| match owner(part) {
            Some(owner) => (owner.record.rank, true),
            None => (part.record.rank, false),
        };
        (parts.get(key).into_iter().flatten().map(of).min(), key.1, key.0)
    };
    let mut waiting: BTreeMap<Key<'a>, BTreeSet<Key<'a>>> = BTreeMap::new();
    let mut needed_by: BTreeMap<Key<'a>, Vec<Key<'a>>> = BTreeMap::new();
    for (key, own) in parts {
        let needs = match own.iter().find_map(owner) {
            Some(owner) => entry_of.get(owner.id).copied().into_iter().collect(),
            None => needs(*key, own, records, &entry_of),
        };
        for need in &needs {
            needed_by.entry(*need).or_default().push(*key);
        }
        waiting.insert(*key, needs);
    }
    let mut ready: BTreeSet<_> = waiting
        .iter()
        .filter(|(_, needs)| needs.is_empty())
        .map(|(key, _)| rank(key))
        .collect();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        // Entries made of several resources may need each other in a circle; then rank alone decides.
        let next = ready.pop_first().or_else(|| waiting.keys().map(rank).min());
        let Some((_, name, resource_type)) = next else {
            break;
        };
        let key = (resource_type, name);
        waiting.remove(&key);
        order.push(key);
        for dependent in needed_by.get(&key).into_iter().flatten() {
            if let Some(needs) = waiting.get_mut(dependent)
                && needs.remove(&key)
                && needs.is_empty()
            {
                ready.insert(rank(dependent));
            }
        }
    }
    order
}

/// The entries that one needs, also by way of resources that have no entry of their own.
fn needs<'a>(
    own: Key<'a>,
    parts: &[Part<'a>],
    records: &'a Records,
    entry_of: &BTreeMap<&'a ResourceId, Key<'a>>,
) -> BTreeSet<Key<'a>> {
    let mut needs = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<&ResourceId> = parts.iter().map(|part| part.id).collect();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        match entry_of.get(id) {
            Some(key) if *key != own => {
                needs.insert(*key);
            }
            _ => open.extend(records.get(id).into_iter().flat_map(|record| &record.depends_on)),
        }
    }
    needs
}

/// Behind the nearest of the entries that stood before it and still stand; in front where none does.
fn place(entries: &[DeployedEntry], kept: &Verbatim) -> usize {
    let position = |name: &String| entries.iter().position(|entry| entry.name == *name);
    kept.preceding
        .iter()
        .rev()
        .find_map(position)
        .map_or(0, |at| at + 1)
}
