//! Our notifications in a bucket's configuration, and everything of others left as it is. Pure.
//!
//! A notification is ours if it calls a function of ours, or if its id is one of those that we derive. The second finds
//! again what we made for a function that no wish and no record names any more. Where two of them call one function,
//! they are told apart by their ids, then by what they say, then by their order; what is left over of ours goes, so that
//! Chalice's duplicates become one (`chalice-deployer.md` 3.6).
//!
//! A notification that says what is wanted keeps its text, whoever wrote it; one that does not is written anew at its place
//! under its own id. New ones stand behind the other notifications to functions, so that a removal leaves exactly what was
//! there before.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::{Digest, StackId};
use serde_json::json;

use super::Entry;
use super::document::{Notifications, Part, Rule};

/// S3 takes ids of at most 255 characters.
const LONGEST_ID: usize = 255;

/// What is ours in a bucket's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Claim {
    /// ARNs of functions that are or were ours.
    pub(super) functions: BTreeSet<String>,
    /// What the ids that we derive begin with.
    stem: String,
}

impl Claim {
    /// What is ours of `stack` in `bucket` beside the notifications to its functions, which are still to be named.
    pub(super) fn new(stack: &StackId, bucket: &str) -> Self {
        let place = Digest::of_value(&json!([stack.app, stack.stage, bucket]));
        Self {
            functions: BTreeSet::new(),
            stem: format!("grail-{}-", &place.short()[..8]),
        }
    }

    /// The same with `functions` besides.
    pub(super) fn with<'a>(mut self, functions: impl IntoIterator<Item = &'a str>) -> Self {
        self.functions
            .extend(functions.into_iter().map(ToOwned::to_owned));
        self
    }

    /// Whether `part` is ours.
    pub(super) fn owns(&self, part: &Part) -> bool {
        part.function().is_some_and(|rule| {
            self.functions.contains(&rule.to) || rule.id.as_deref().is_some_and(|id| self.key(id).is_some())
        })
    }

    /// The id of a new notification of the name `key`.
    fn id(&self, key: &str) -> String {
        let room = LONGEST_ID - self.stem.len() - 4;
        self.stem.chars().chain(key.chars().take(room)).collect()
    }

    /// The name in an id that we derived.
    pub(super) fn key<'a>(&self, id: &'a str) -> Option<&'a str> {
        id.strip_prefix(&self.stem).filter(|_| !self.stem.is_empty())
    }
}

/// The configuration with `ours` in it as wanted, and nothing else of ours.
pub(super) fn merge(theirs: &Notifications, claim: &Claim, ours: &BTreeMap<String, Entry>) -> Notifications {
    let functions = ours.values().map(|entry| entry.function.as_str());
    let claim = claim.clone().with(functions);
    let wanted: Vec<_> = ours.iter().collect();
    let found = pair(theirs, &claim, &wanted);
    let foreign = without(theirs, &claim).parts;
    let ids = foreign.iter().filter_map(Part::id).map(ToOwned::to_owned);
    let mut ids: BTreeSet<String> = ids.collect();
    let mut merged = theirs.clone();
    // What is there takes its ids first, so that what is new makes way for it.
    let there = found
        .iter()
        .zip(&wanted)
        .filter_map(|(at, one)| Some(((*at)?, *one)));
    let there: BTreeMap<usize, _> = there.collect();
    for (at, (key, entry)) in &there {
        renew(&mut merged.parts[*at], entry, claim.id(key), &mut ids);
    }
    let mut at = 0..;
    merged
        .parts
        .retain(|part| at.next().is_some_and(|at| there.contains_key(&at)) || !claim.owns(part));
    let missing = found.iter().zip(&wanted).filter(|(at, _)| at.is_none());
    let fresh: Vec<_> = missing
        .map(|(_, (key, entry))| {
            let id = entry.id.clone().unwrap_or_else(|| claim.id(key));
            Part::new(entry.rule(distinct(id, &mut ids)))
        })
        .collect();
    let place = merged.place();
    merged.parts.splice(place..place, fresh);
    merged
}

/// Has `part` say what is wanted, under the id that is wanted or else its own; `new` where it has none.
fn renew(part: &mut Part, entry: &Entry, new: String, ids: &mut BTreeSet<String>) {
    let id = entry.id.as_deref().or(part.id()).map_or(new, ToOwned::to_owned);
    let id = distinct(id, ids);
    let named_so = part.id().is_none_or(|known| known == id);
    if !named_so || !part.function().is_some_and(|rule| entry.says(rule)) {
        *part = Part::new(entry.rule(id));
    }
}

/// The configuration without what is ours.
pub(super) fn without(theirs: &Notifications, claim: &Claim) -> Notifications {
    let mut left = theirs.clone();
    left.parts.retain(|part| !claim.owns(part));
    left
}

/// Whether a notification that is there is the wanted one of a name.
type Fits<'a> = dyn Fn(&str, &Entry, &Rule) -> bool + 'a;

/// For each of `wanted` the part that it is, if it is there. A function that is not known yet is no function's ARN.
pub(super) fn pair(
    theirs: &Notifications,
    claim: &Claim,
    wanted: &[(&String, &Entry)],
) -> Vec<Option<usize>> {
    let live: Vec<_> = theirs
        .parts
        .iter()
        .enumerate()
        .filter(|(_, part)| claim.owns(part))
        .collect();
    let mut found = vec![None; wanted.len()];
    let mut free: BTreeSet<usize> = live.iter().map(|(at, _)| *at).collect();
    let by_id = |key: &str, entry: &Entry, rule: &Rule| {
        let kept = rule.to == entry.function && rule.id == entry.id;
        rule.id.as_ref().is_some_and(|id| kept || *id == claim.id(key))
    };
    let by_words = |_: &str, entry: &Entry, rule: &Rule| entry.says(rule);
    let by_function = |_: &str, entry: &Entry, rule: &Rule| entry.function == rule.to;
    let tests: [&Fits<'_>; 3] = [&by_id, &by_words, &by_function];
    for test in tests {
        for (place, (key, entry)) in found.iter_mut().zip(wanted).filter(|(place, _)| place.is_none()) {
            let fits = |(at, part): &&(usize, &Part)| {
                free.contains(at) && part.function().is_some_and(|rule| test(key, entry, rule))
            };
            if let Some((at, _)) = live.iter().find(fits) {
                free.remove(at);
                *place = Some(*at);
            }
        }
    }
    found
}

/// `id`, or one like it that is not in `ids` yet; it is then.
fn distinct(id: String, ids: &mut BTreeSet<String>) -> String {
    let mut free = id.clone();
    let mut number = 2;
    while !ids.insert(free.clone()) {
        free = format!("{id}-{number}");
        number += 1;
    }
    free
}
