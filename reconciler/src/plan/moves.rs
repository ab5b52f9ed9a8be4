//! Things that are recorded under one id and wanted under another: a handler was renamed, and what is called after it in the
//! project (the mapping of its queue) is the same thing outside.
//!
//! Two ids are taken for one thing where the old one is wanted no more, nothing is there for the new one, they are of one kind,
//! and what is wanted under the new one is what is there under the old one but for what it refers to, which can be changed
//! in place. Where several are alike, nobody knows which is which, and none is moved. So a mapping keeps its place in its
//! stream, and nothing is deleted and made that need not be.
//!
//! Given up: a kind that is bound to a name. Under the same name it would have been found; under another it has to be made anew.
//! What it does not know: whether a person would call the new one the same thing. The plan says what it takes for one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use grail_state::{Desired, Observed, Proof, Record, Remote, ResourceId};
use serde_json::Value;

use super::Inputs;
use super::decide::from_record;

/// The old id of each new one.
#[derive(Debug, Default)]
pub(super) struct Moves(BTreeMap<ResourceId, ResourceId>);

impl Moves {
    pub(super) fn found(inputs: &Inputs<'_>) -> Self {
        let leaving = leaving(inputs);
        if leaving.is_empty() {
            return Self::default();
        }
        let mut pairs: Vec<(&ResourceId, &ResourceId)> = Vec::new();
        for (new, desired) in &inputs.desired.resources {
            let alike = leaving.iter().filter(|(old, _)| old.kind == new.kind);
            if arrives(inputs, new) {
                let alike = alike.filter(|(_, have)| is_like(inputs, desired, have));
                pairs.extend(alike.map(|(old, _)| (new, *old)));
            }
        }
        let alone = |(new, old): &&(&ResourceId, &ResourceId)| {
            let others = pairs
                .iter()
                .filter(|(other, another)| other == new || another == old);
            others.count() == 1
        };
        let moved = pairs.iter().filter(alone);
        Self(moved.map(|(new, old)| ((*new).clone(), (*old).clone())).collect())
    }

    /// What is recorded, under the new ids.
    pub(super) fn recorded<'a>(&self, inputs: &Inputs<'a>) -> Cow<'a, BTreeMap<ResourceId, Record>> {
        self.renamed(inputs.recorded)
    }

    /// What is there, under the new ids.
    pub(super) fn observed<'a>(&self, inputs: &Inputs<'a>) -> Cow<'a, BTreeMap<ResourceId, Observed>> {
        self.renamed(inputs.observed)
    }

    fn renamed<'a, T: Clone>(&self, known: &'a BTreeMap<ResourceId, T>) -> Cow<'a, BTreeMap<ResourceId, T>> {
        let mut known = Cow::Borrowed(known);
        for (new, old) in &self.0 {
            if let Some(one) = known.get(old).cloned() {
                let known = known.to_mut();
                known.remove(old);
                known.insert(new.clone(), one);
            }
        }
        known
    }

    /// What moved things stood on, as it is `recorded` under the new ids. It has to stay until the commit: on a way back they
    /// stand on it again.
    pub(super) fn stood_on<'r>(
        &self,
        recorded: &'r BTreeMap<ResourceId, Record>,
    ) -> impl Iterator<Item = &'r ResourceId> {
        let records = self.0.keys().filter_map(|new| recorded.get(new));
        records.flat_map(|record| &record.depends_on)
    }

    /// Notes that the old ids are forgotten, and what is remembered under the new ones where no step does.
    pub(super) fn note(
        &self,
        recorded: &BTreeMap<ResourceId, Record>,
        unchanged: &[ResourceId],
        notes: &mut BTreeMap<ResourceId, Option<Record>>,
    ) {
        for (new, old) in &self.0 {
            notes.insert(old.clone(), None);
            if unchanged.contains(new) && !notes.contains_key(new) {
                notes.insert(new.clone(), recorded.get(new).cloned());
            }
        }
    }

    pub(super) fn into_inner(self) -> BTreeMap<ResourceId, ResourceId> {
        self.0
    }
}

/// What is there, is ours by its record, and is wanted no more.
fn leaving<'a>(inputs: &Inputs<'a>) -> Vec<(&'a ResourceId, Cow<'a, Remote>)> {
    let unwanted = inputs
        .recorded
        .iter()
        .filter(|(id, record)| !inputs.desired.resources.contains_key(*id) && !record.spec.is_null());
    let there = unwanted.filter_map(|(id, record)| {
        let have = match inputs.observed.get(id) {
            None => Cow::Owned(from_record(record)),
            Some(observed) => Cow::Borrowed(observed.remote()?),
        };
        let ours = have.handle == record.handle && !matches!(have.proof, Proof::Theirs { .. });
        ours.then_some((id, have))
    });
    there.collect()
}

/// Whether nothing is recorded for the wanted `id`, and nothing is there.
fn arrives(inputs: &Inputs<'_>, id: &ResourceId) -> bool {
    let there = inputs.observed.get(id).and_then(Observed::remote);
    !inputs.recorded.contains_key(id) && there.is_none()
}

/// Whether what is there is what is wanted, but for what that refers to.
fn is_like(inputs: &Inputs<'_>, desired: &Desired, have: &Remote) -> bool {
    let Some(rules) = inputs
        .rules
        .rules(&desired.id.kind)
        .filter(|rules| !rules.name_bound())
    else {
        return false;
    };
    // Each reference is taken for something that is not known yet. Of a form that is none, another part of the plan tells.
    let wanted: Value = match rules.project(&desired.spec) {
        Ok(wanted) => wanted,
        Err(_) => return false,
    };
    let diff = rules.compare(&wanted, have);
    !diff.replaces() && diff.fields.iter().all(|field| field.known_after_deploy())
}
