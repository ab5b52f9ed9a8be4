//! Which of the things that exist are ours.
//!
//! A thing is ours if the state knows it, if it bears our tag or the mark of an attempt that we know, if the user says so,
//! or if something of ours already hangs on it: a resource of ours refers to one of its outputs in the wish, and what is
//! there holds just that output at just that place (the role that our function runs with). A name alone proves nothing.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::{Handle, Kind, Observed, OutputRef, Proof, Remote, ResourceId, StepToken, Template};
use serde_json::Value;

use super::{Inputs, PlanError};

/// What is ours among the wanted things that exist, and where their names in the state differ.
pub(super) struct Ownership<'a> {
    ours: BTreeSet<&'a ResourceId>,
    /// Ids in the state whose thing is wanted under another id now.
    moved: BTreeSet<&'a ResourceId>,
    /// Physical names that are wanted: whatever the state calls them, they must not be deleted.
    wanted: BTreeSet<(&'a Kind, &'a Handle)>,
}

impl<'a> Ownership<'a> {
    pub(super) fn of(inputs: &Inputs<'a>) -> Self {
        let present = present(inputs);
        let wanted = wanted(inputs);
        let proven = Proven::new(inputs);
        let mut ours: BTreeSet<_> = present
            .iter()
            .filter(|(id, remote)| proven.alone(id, remote))
            .map(|(id, _)| *id)
            .collect();
        while grow(inputs, &present, &mut ours) {}
        let moved = inputs
            .recorded
            .iter()
            .filter(|(id, record)| is_moved(id, &record.handle, inputs, &wanted))
            .map(|(id, _)| id)
            .collect();
        Self { ours, moved, wanted }
    }

    /// Whether what is there for the wanted `id` is ours.
    pub(super) fn is_ours(&self, id: &ResourceId) -> bool {
        self.ours.contains(id)
    }

    /// Whether the recorded `id` is no longer wanted, and its thing is wanted under another id.
    pub(super) fn is_moved(&self, id: &ResourceId) -> bool {
        self.moved.contains(id)
    }

    /// Whether the thing with this physical name is wanted.
    pub(super) fn is_wanted(&self, kind: &Kind, handle: &Handle) -> bool {
        self.wanted.contains(&(kind, handle))
    }
}

/// The refusals for things that exist under the names that we want and are not ours.
pub(super) fn refusals(inputs: &Inputs<'_>, ownership: &Ownership<'_>) -> Vec<PlanError> {
    present(inputs)
        .into_iter()
        .filter(|(id, _)| !ownership.is_ours(id))
        .map(|(id, remote)| PlanError::Foreign {
            id: id.clone(),
            handle: remote.handle.clone(),
            owner: match &remote.proof {
                Proof::Theirs { owner } => Some(owner.clone()),
                _ => None,
            },
        })
        .collect()
}

/// Marks that show a thing to be ours.
pub(super) fn known_tokens<'a>(inputs: &Inputs<'a>) -> BTreeSet<&'a StepToken> {
    inputs
        .recorded
        .values()
        .filter_map(|record| record.token.as_ref())
        .chain(&inputs.consent.tokens)
        .collect()
}

/// Whether the mark or tag on `remote` shows that it is ours, whatever the state says.
pub(super) fn bears_our_mark(remote: &Remote, tokens: &BTreeSet<&StepToken>) -> bool {
    match &remote.proof {
        Proof::Ours => true,
        Proof::Mark(token) => tokens.contains(token),
        Proof::NameOnly | Proof::Theirs { .. } => false,
    }
}

struct Proven<'a> {
    inputs: &'a Inputs<'a>,
    tokens: BTreeSet<&'a StepToken>,
    recorded: BTreeSet<(&'a Kind, &'a Handle)>,
}

impl<'a> Proven<'a> {
    fn new(inputs: &'a Inputs<'a>) -> Self {
        let records = inputs
            .recorded
            .iter()
            .map(|(id, record)| (&id.kind, &record.handle));
        let doomed = inputs
            .doomed
            .iter()
            .map(|doomed| (&doomed.id.kind, &doomed.handle));
        Self {
            inputs,
            tokens: known_tokens(inputs),
            recorded: records.chain(doomed).collect(),
        }
    }

    /// Without looking at what hangs on it.
    fn alone(&self, id: &ResourceId, remote: &Remote) -> bool {
        let consent = &self.inputs.consent.adopt;
        // A copied project folder brings another app's record along: the tag on the thing outweighs it.
        let theirs = matches!(remote.proof, Proof::Theirs { .. });
        (self.recorded.contains(&(&id.kind, &remote.handle)) && !theirs)
            || bears_our_mark(remote, &self.tokens)
            || consent.contains(&id.name)
            || consent.contains(&id.to_string())
    }
}

fn present<'a>(inputs: &Inputs<'a>) -> BTreeMap<&'a ResourceId, &'a Remote> {
    inputs
        .desired
        .resources
        .keys()
        .filter_map(|id| Some((id, inputs.observed.get(id).and_then(Observed::remote)?)))
        .collect()
}

/// The physical names of what is wanted and there, as observed, or as recorded where nobody looked.
fn wanted<'a>(inputs: &Inputs<'a>) -> BTreeSet<(&'a Kind, &'a Handle)> {
    let handle = |id: &ResourceId| match inputs.observed.get(id) {
        Some(observed) => observed.remote().map(|remote| &remote.handle),
        None => inputs.recorded.get(id).map(|record| &record.handle),
    };
    inputs
        .desired
        .resources
        .keys()
        .filter_map(|id| Some((&id.kind, handle(id)?)))
        .collect()
}

fn is_moved(
    id: &ResourceId,
    handle: &Handle,
    inputs: &Inputs<'_>,
    wanted: &BTreeSet<(&Kind, &Handle)>,
) -> bool {
    !inputs.desired.resources.contains_key(id) && wanted.contains(&(&id.kind, handle))
}

/// Adds what the things in `ours` hang on. Returns whether there was any.
fn grow<'a>(
    inputs: &Inputs<'a>,
    present: &BTreeMap<&'a ResourceId, &'a Remote>,
    ours: &mut BTreeSet<&'a ResourceId>,
) -> bool {
    let mut found = Vec::new();
    for (id, remote) in present {
        let Some(desired) = inputs.desired.resources.get(*id).filter(|_| ours.contains(id)) else {
            continue;
        };
        walk(&desired.spec, Some(&remote.spec), &mut |output, value| {
            let Some((of, target)) = present.get_key_value(&output.of) else {
                return;
            };
            // A thing that is marked as somebody else's stays theirs, whoever uses it.
            let theirs = matches!(target.proof, Proof::Theirs { .. });
            if !theirs && !ours.contains(of) && target.outputs.get(&output.output) == Some(value) {
                found.push(*of);
            }
        });
    }
    let grown = !found.is_empty();
    ours.extend(found);
    grown
}

/// Calls `visit` for every reference in `spec` with the value that stands at the same place in `there`.
fn walk(spec: &Template, there: Option<&Value>, visit: &mut impl FnMut(&OutputRef, &Value)) {
    let Some(there) = there else { return };
    match spec {
        Template::Ref(output) => visit(output, there),
        Template::Map(entries) => entries
            .iter()
            .for_each(|(key, item)| walk(item, there.get(key), visit)),
        Template::List(items) => items
            .iter()
            .enumerate()
            .for_each(|(at, item)| walk(item, there.get(at), visit)),
        Template::Lit(_) | Template::Join(_) => {}
    }
}
