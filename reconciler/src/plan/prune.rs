//! What others have added to things of ours: what of it goes, and what stays.
//!
//! Nothing goes without the user's consent, and of what a kind cannot remove nothing goes at all. What an earlier sweep could
//! not remove was consented to then, and is tried again, but for what is ours by now. Only a thing that stays as the one that
//! it is loses anything: one that is made anew has nothing of others any more.

use std::collections::{BTreeMap, BTreeSet};

use grail_providers::port::Rules;
use grail_state::{Handle, Kind, Observed, Remote, ResourceId};

use super::decide::{Decided, Fate};
use super::{Inputs, Plan, Prune};

/// What goes.
pub(super) fn prune(
    inputs: &Inputs<'_>,
    decided: &BTreeMap<&ResourceId, Decided<'_>>,
) -> BTreeMap<ResourceId, Prune> {
    let staying = decided
        .iter()
        .filter(|(_, one)| matches!(one.fate, Fate::Keep(_) | Fate::Update(..)));
    let ours = wanted_things(inputs);
    let pruned = staying.filter_map(|(id, _)| {
        let remote = seen(inputs, id)?;
        let rules = inputs.rules.rules(&id.kind)?;
        let wanted = inputs.desired.resources.get(*id).map(|wish| &wish.spec);
        let defined = |child: &&String| wanted.is_some_and(|wanted| rules.defines(wanted, child));
        let children: BTreeSet<_> = consented(inputs, id, remote)
            .chain(left_over(inputs, id, remote))
            .filter(|child| !defined(child) && !is_one_of(&ours, rules, &remote.handle, child))
            .collect();
        let prune = Prune {
            handle: remote.handle.clone(),
            children: children.into_iter().cloned().collect(),
        };
        (!prune.children.is_empty()).then(|| ((*id).clone(), prune))
    });
    pruned.collect()
}

/// Things, by their physical names.
pub(crate) type Things<'a> = BTreeSet<(&'a Kind, &'a Handle)>;

/// Whether an addition to `handle` is one of `things`: then it is somebody else's no more.
pub(crate) fn is_one_of(things: &Things<'_>, rules: &dyn Rules, handle: &Handle, addition: &str) -> bool {
    let child = rules.child(handle, addition);
    child.is_some_and(|(kind, handle)| things.contains(&(&kind, &handle)))
}

/// What of the wanted things is there already, or was.
fn wanted_things<'a>(inputs: &Inputs<'a>) -> Things<'a> {
    let wanted = inputs.desired.resources.keys();
    let handles = wanted.flat_map(|id| {
        let recorded = inputs.recorded.get(id).map(|record| &record.handle);
        let seen = seen(inputs, id).map(|remote| &remote.handle);
        recorded
            .into_iter()
            .chain(seen)
            .map(move |handle| (&id.kind, handle))
    });
    handles.collect()
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

/// What an earlier sweep has left at things that `plan`, being for a part, has not looked at: it is for a later one.
pub(crate) fn left_elsewhere(
    unpruned: &BTreeMap<ResourceId, Prune>,
    plan: &Plan,
) -> BTreeMap<ResourceId, Prune> {
    let touched: BTreeSet<_> = plan.steps().map(|step| &step.resource).collect();
    let moved: BTreeSet<_> = plan.moves.values().collect();
    let looked_at =
        |id: &ResourceId| touched.contains(id) || moved.contains(id) || plan.unchanged.contains(id);
    let left = unpruned.iter().filter(|(id, _)| !looked_at(id));
    left.map(|(id, prune)| (id.clone(), prune.clone())).collect()
}
