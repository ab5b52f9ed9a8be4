//! What goes: records that nobody wants any more, what was replaced, and what an earlier sweep left over.
//!
//! A deletion that can be taken back is part of the build, so that a refusal turns the whole run around. One that cannot
//! waits for the commit, and so does what it stands on: the functions of an API that goes. Where nothing at all is wanted
//! (`delete`), everything waits for the commit: a refusal must not stop the rest.

use std::collections::{BTreeMap, BTreeSet};

use grail_providers::port::Undelete;
use grail_state::{Handle, Observed, Proof, Record, Remote, ResourceId};
use serde_json::Value;

use super::adopt::{Ownership, bears_our_mark, known_tokens};
use super::decide::{Decided, Fate, from_record};
use super::moves::Moves;
use super::replace::Manner;
use super::{Inputs, PlanError, Why};

/// A thing to be deleted. A replaced resource has a living namesake, so the physical name belongs to the key.
pub(super) type GoingKey = (ResourceId, Handle);

/// How a thing goes.
#[derive(Debug)]
pub(super) struct Going {
    pub(super) have: Remote,
    pub(super) depends_on: BTreeSet<ResourceId>,
    pub(super) rank: u32,
    pub(super) why: Why,
    pub(super) label: Option<String>,
    /// After the commit.
    pub(super) sweep: bool,
    /// Taking it back is exact: it may be a part of what it depends on, and go with it.
    pub(super) exact: bool,
    /// Adopted from Chalice's file: what it depends on is not known, only its place in Chalice's order.
    pub(super) ordered_by_rank: bool,
}

/// All that goes.
#[derive(Debug, Default)]
pub(super) struct Retired {
    pub(super) going: BTreeMap<GoingKey, Going>,
    /// Records of things that are neither there nor wanted, or are known under another name now.
    pub(super) forgotten: BTreeSet<ResourceId>,
}

/// Finds all that goes.
pub(super) fn retire(
    inputs: &Inputs<'_>,
    ownership: &Ownership<'_>,
    moves: &Moves,
    decided: &BTreeMap<&ResourceId, Decided<'_>>,
    problems: &mut Vec<PlanError>,
) -> Retired {
    let mut retired = Retired::default();
    let mut unknown = BTreeSet::new();
    for (id, record) in inputs.recorded {
        if inputs.desired.resources.contains_key(id) {
            continue;
        }
        match still_there(inputs, ownership, id, record) {
            None => drop(retired.forgotten.insert(id.clone())),
            Some(_) if is_beyond_us(inputs, id) => drop(unknown.insert(id.clone())),
            Some(have) => {
                let key = (id.clone(), have.handle.clone());
                retired
                    .going
                    .insert(key, going(inputs, id, have, record, Why::NotWanted));
            }
        }
    }
    replaced(inputs, decided, &mut retired);
    left_over(inputs, ownership, &mut retired, &mut unknown);
    problems.extend(unknown.into_iter().map(PlanError::UnknownKind));
    hold_back(inputs, moves, &mut retired);
    forget_what_went_by_itself(inputs, &mut retired);
    retired
}

/// Where something else of ours is swept than what is recorded, the recorded thing is gone: nothing would forget it.
fn forget_what_went_by_itself(inputs: &Inputs<'_>, retired: &mut Retired) {
    let swept = retired.going.iter().filter(|(_, going)| going.sweep);
    let gone = swept.filter(|((id, handle), _)| {
        let wanted = inputs.desired.resources.contains_key(id);
        let recorded = inputs.recorded.get(id).filter(|_| !wanted);
        recorded.is_some_and(|record| {
            record.handle != *handle && !retired.going.contains_key(&(id.clone(), record.handle.clone()))
        })
    });
    let gone: Vec<_> = gone.map(|((id, _), _)| id.clone()).collect();
    retired.forgotten.extend(gone);
}

/// What is there of an unwanted record, if it is ours to delete.
fn still_there(
    inputs: &Inputs<'_>,
    ownership: &Ownership<'_>,
    id: &ResourceId,
    record: &Record,
) -> Option<Remote> {
    if ownership.is_moved(id) {
        return None;
    }
    let remote = match inputs.observed.get(id) {
        None => return Some(from_record(record)),
        Some(Observed::Absent) => return None,
        Some(Observed::Present(remote)) => remote,
    };
    if matches!(remote.proof, Proof::Theirs { .. }) {
        // Ours is gone, and somebody else has made theirs under its name.
        return None;
    }
    // Found under another physical name: it is not what we recorded, and only a mark makes it ours.
    let ours = remote.handle == record.handle || bears_our_mark(remote, &known_tokens(inputs));
    (ours && !ownership.is_wanted(&id.kind, &remote.handle)).then(|| remote.clone())
}

fn going(inputs: &Inputs<'_>, id: &ResourceId, have: Remote, record: &Record, why: Why) -> Going {
    Going {
        label: label(inputs, id, &have.spec),
        depends_on: record.depends_on.clone(),
        rank: record.rank,
        why,
        // What else belongs to what another tool has recorded (the statements of a function) is not known, and a way back could
        // not bring it back.
        sweep: is_final(inputs, id) || record.spec.is_null(),
        exact: is_exact(inputs, id),
        ordered_by_rank: record.spec.is_null(),
        have,
    }
}

/// A kind that this grail does not know cannot be deleted. Who forces it goes on without: the sweep then tells what is left.
fn is_beyond_us(inputs: &Inputs<'_>, id: &ResourceId) -> bool {
    inputs.rules.rules(&id.kind).is_none() && !inputs.consent.force
}

fn is_exact(inputs: &Inputs<'_>, id: &ResourceId) -> bool {
    let rules = inputs.rules.rules(&id.kind);
    rules.is_some_and(|rules| rules.undelete() == Undelete::Exact)
}

/// The old ones of what is made beside them. Under their ids lives something new by then, so they go after the commit.
fn replaced(inputs: &Inputs<'_>, decided: &BTreeMap<&ResourceId, Decided<'_>>, retired: &mut Retired) {
    for (id, one) in decided {
        let (Fate::Replace(Manner::Beside, _), Some(have)) = (&one.fate, &one.have) else {
            continue;
        };
        let recorded = inputs.recorded.get(*id);
        let chalices = recorded.filter(|record| record.spec.is_null());
        let depends_on = recorded.map(|record| record.depends_on.clone());
        let going = Going {
            label: label(inputs, id, &have.spec),
            depends_on: depends_on.unwrap_or_else(|| one.desired.depends_on()),
            rank: chalices.map_or(one.desired.rank, |record| record.rank),
            why: Why::Replaced,
            sweep: true,
            exact: is_exact(inputs, id),
            ordered_by_rank: chalices.is_some(),
            have: have.clone().into_owned(),
        };
        retired.going.insert(((*id).clone(), have.handle.clone()), going);
    }
}

fn left_over(
    inputs: &Inputs<'_>,
    ownership: &Ownership<'_>,
    retired: &mut Retired,
    unknown: &mut BTreeSet<ResourceId>,
) {
    for doomed in inputs.doomed {
        if ownership.is_wanted(&doomed.id.kind, &doomed.handle) {
            continue;
        }
        if is_beyond_us(inputs, &doomed.id) {
            unknown.insert(doomed.id.clone());
            continue;
        }
        let have = Remote {
            handle: doomed.handle.clone(),
            spec: doomed.spec.clone(),
            outputs: doomed.outputs.clone(),
            proof: doomed.proof.clone(),
            additions: Vec::new(),
        };
        retired
            .going
            .entry((doomed.id.clone(), doomed.handle.clone()))
            .or_insert_with(|| Going {
                label: label(inputs, &doomed.id, &doomed.spec),
                depends_on: doomed.depends_on.clone(),
                rank: doomed.rank,
                why: Why::LeftOver,
                sweep: true,
                exact: is_exact(inputs, &doomed.id),
                ordered_by_rank: doomed.spec.is_null(),
                have,
            });
    }
}

/// Moves to the sweep what things in the sweep stand on, and what those stood on that go on under another id.
fn hold_back(inputs: &Inputs<'_>, moves: &Moves, retired: &mut Retired) {
    if inputs.desired.resources.is_empty() {
        retired.going.values_mut().for_each(|going| going.sweep = true);
        return;
    }
    // What it stood on is not known where only another tool has recorded it: then nothing goes before the commit.
    if retired
        .going
        .values()
        .any(|going| going.sweep && going.ordered_by_rank)
    {
        retired.going.values_mut().for_each(|going| going.sweep = true);
    }
    let swept = retired.going.values().filter(|going| going.sweep);
    let mut standing: Vec<ResourceId> = swept.flat_map(|going| going.depends_on.iter().cloned()).collect();
    standing.extend(moves.stood_on(inputs.recorded).cloned());
    let mut held = BTreeSet::new();
    while let Some(id) = standing.pop() {
        if !held.insert(id.clone()) {
            continue;
        }
        let first = (id.clone(), Handle(String::new()));
        let namesakes = retired.going.range_mut(first..);
        for (_, going) in namesakes.take_while(|((other, _), _)| *other == id) {
            if !going.sweep {
                going.sweep = true;
                standing.extend(going.depends_on.iter().cloned());
            }
        }
    }
}

fn is_final(inputs: &Inputs<'_>, id: &ResourceId) -> bool {
    inputs
        .rules
        .rules(&id.kind)
        .is_some_and(|rules| rules.undelete() == Undelete::Never)
}

fn label(inputs: &Inputs<'_>, id: &ResourceId, spec: &Value) -> Option<String> {
    inputs.rules.rules(&id.kind).and_then(|rules| rules.label(spec))
}
