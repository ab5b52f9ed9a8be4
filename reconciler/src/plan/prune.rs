//! What others have added to things of ours: what of it goes, and what stays.
//!
//! Nothing goes without the user's consent, and of what a kind cannot remove nothing goes at all. What an earlier sweep could
//! not remove was consented to then, and is tried again. Only a thing that stays as the one that it is loses anything: one that
//! is made anew has nothing of others any more.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::{Observed, Remote, ResourceId};

use super::decide::{Decided, Fate};
use super::{Inputs, Prune};

/// What goes.
pub(super) fn prune(
    inputs: &Inputs<'_>,
    decided: &BTreeMap<&ResourceId, Decided<'_>>,
) -> BTreeMap<ResourceId, Prune> {
    let staying = decided
        .iter()
        .filter(|(_, one)| matches!(one.fate, Fate::Keep(_) | Fate::Update(..)));
    let pruned = staying.filter_map(|(id, _)| {
        let remote = seen(inputs, id)?;
        let children: BTreeSet<_> = consented(inputs, id, remote)
            .chain(left_over(inputs, id, remote))
            .collect();
        let prune = Prune {
            handle: remote.handle.clone(),
            children: children.into_iter().cloned().collect(),
        };
        (!prune.children.is_empty()).then(|| ((*id).clone(), prune))
    });
    pruned.collect()
}

/// What stays of what was seen at the things that are wanted.
pub(super) fn kept(
    inputs: &Inputs<'_>,
    pruned: &BTreeMap<ResourceId, Prune>,
) -> BTreeMap<ResourceId, Vec<String>> {
    let wanted = inputs.desired.resources.keys();
    let added = wanted.filter_map(|id| Some((id, &seen(inputs, id)?.additions)));
    let kept = added.map(|(id, additions)| {
        let goes = |child: &&String| pruned.get(id).is_some_and(|prune| prune.children.contains(child));
        let kept = additions.iter().filter(|child| !goes(child)).cloned();
        (id.clone(), kept.collect::<Vec<_>>())
    });
    kept.filter(|(_, kept)| !kept.is_empty()).collect()
}

fn seen<'a>(inputs: &Inputs<'a>, id: &ResourceId) -> Option<&'a Remote> {
    inputs.observed.get(id).and_then(Observed::remote)
}

fn consented<'a>(
    inputs: &Inputs<'a>,
    id: &ResourceId,
    remote: &'a Remote,
) -> impl Iterator<Item = &'a String> {
    let rules = inputs.rules.rules(&id.kind).filter(|_| inputs.consent.prune);
    let all = remote.additions.iter();
    all.filter(move |child| rules.is_some_and(|rules| rules.prunes(child)))
}

/// What an earlier sweep has left at this thing, under whatever id it was known then.
fn left_over<'a>(inputs: &Inputs<'a>, id: &ResourceId, remote: &Remote) -> impl Iterator<Item = &'a String> {
    let same = |(then, prune): &(&ResourceId, &Prune)| then.kind == id.kind && prune.handle == remote.handle;
    let left: Vec<_> = inputs.unpruned.iter().filter(same).collect();
    left.into_iter().flat_map(|(_, prune)| &prune.children)
}
