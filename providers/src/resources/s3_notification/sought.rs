//! Which notifications a look is for, and what they are called among those that are there.

use std::collections::BTreeMap;

use grail_state::template::has_stand_in;
use serde::Deserialize;
use serde_json::Value;

use super::Entry;
use super::document::{Notifications, Rule};
use super::merge::{Claim, pair};
use crate::aws::arn::function_name;
use crate::port::Locator;

/// The functions that outputs name.
pub(super) fn functions_in(outputs: &BTreeMap<String, Value>) -> BTreeMap<&String, &str> {
    let entries = outputs.get("entries").and_then(Value::as_object);
    let function = |(key, says)| Some((key, Value::get(says, "lambda_arn")?.as_str()?));
    entries.into_iter().flatten().filter_map(function).collect()
}

/// The functions that a form of any age names.
pub(super) fn functions_of(spec: &Value) -> impl Iterator<Item = &str> {
    let entries = spec.get("entries").and_then(Value::as_object);
    entries
        .into_iter()
        .flat_map(|entries| entries.values())
        .filter_map(|entry| entry.get("function")?.as_str())
}

/// Whether this is a name that we gave to a second notification for one function. It is nobody else's.
pub(super) fn is_surplus(key: &str) -> bool {
    key.ends_with(')') && key.contains(" (")
}

/// What a look is for: the bucket, and what is known of each of our notifications.
pub(super) struct Sought {
    pub(super) bucket: String,
    /// By their names. Of what only a record names no more than the function is known.
    pub(super) entries: BTreeMap<String, Entry>,
}

impl Sought {
    pub(super) fn new(at: &Locator<'_>) -> Option<Self> {
        let wished = at
            .spec
            .and_then(|spec| spec.get("bucket"))
            .and_then(Value::as_str);
        let handle = at.handle.map(|handle| handle.0.as_str());
        let bucket = handle.or(wished).filter(|bucket| !has_stand_in(bucket))?;
        let recorded = at
            .record
            .map(|record| functions_in(&record.outputs))
            .unwrap_or_default();
        let wished = at
            .spec
            .and_then(|spec| spec.get("entries"))
            .and_then(Value::as_object);
        let mut entries: BTreeMap<_, _> = wished
            .into_iter()
            .flatten()
            .filter_map(|(key, entry)| Some((key.clone(), Entry::deserialize(entry).ok()?)))
            .collect();
        for (key, function) in recorded {
            let entry = entries.entry(key.clone()).or_insert_with(|| Entry {
                function: function.to_owned(),
                events: Vec::new(),
                prefix: None,
                suffix: None,
                id: None,
            });
            if has_stand_in(&entry.function) {
                function.clone_into(&mut entry.function);
            }
        }
        Some(Self {
            bucket: bucket.to_owned(),
            entries,
        })
    }

    /// Our notifications among those that are there, by the names that we have for them.
    pub(super) fn among(&self, there: &Notifications, claim: &Claim) -> BTreeMap<String, Entry> {
        let sought: Vec<_> = self.entries.iter().collect();
        let mut names: BTreeMap<usize, String> = BTreeMap::new();
        for (at, (key, _)) in pair(there, claim, &sought).into_iter().zip(&sought) {
            names.extend(at.map(|at| (at, (*key).clone())));
        }
        let mut found = BTreeMap::new();
        let ours = there
            .parts
            .iter()
            .enumerate()
            .filter(|(_, part)| claim.owns(part));
        let ours = ours.filter_map(|(at, part)| Some((at, part.function()?)));
        for (at, rule) in ours {
            let name = names
                .get(&at)
                .cloned()
                .unwrap_or_else(|| self.name(rule, claim, &found, &names));
            found.insert(name, Entry::of(rule));
        }
        found
    }

    /// A name for one of ours that nobody asked for.
    fn name(
        &self,
        rule: &Rule,
        claim: &Claim,
        found: &BTreeMap<String, Entry>,
        names: &BTreeMap<usize, String>,
    ) -> String {
        let by_id = rule.id.as_deref().and_then(|id| claim.key(id));
        let by_function = self
            .entries
            .iter()
            .find(|(_, entry)| entry.function == rule.to)
            .map(|(key, _)| key.as_str());
        let base = by_id.or(by_function).unwrap_or(function_name(&rule.to));
        let free = |name: &String| !found.contains_key(name) && !names.values().any(|taken| taken == name);
        // See `is_surplus`.
        let numbered = (2_u32..).map(|number| format!("{base} ({number})"));
        std::iter::once(base.to_owned())
            .chain(numbered)
            .find(free)
            .unwrap_or_default()
    }
}
