//! Recorded against observed: what became of our things since we last wrote or saw them. No wish takes part in it.
//!
//! The same comparison as a plan's, with the recorded form in the place of the wish: a field that no form of ours has is no
//! difference, and a secret that was recorded under another key says nothing.
//!
//! A mark that a thing has lost is a difference only where the form differs too: with the form as recorded there is nothing
//! to repair, and nobody can tell the thing from the one that was there.

use std::collections::BTreeMap;

use grail_providers::port::{Diff, FieldChange, RuleBook};
use grail_state::{Handle, Observed, Proof, Record, Remote, ResourceId};
use serde::Serialize;

use super::reason::comparable;

/// A resource that is not as recorded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drifted {
    /// Its logical name.
    pub id: ResourceId,
    /// The physical name that is recorded.
    pub handle: Handle,
    /// A short physical name for messages.
    pub label: Option<String>,
    /// What became of it.
    pub reason: DriftReason,
    /// Field by field: `have` is what is recorded, `want` what is there now. Empty where nothing is there.
    #[serde(skip)]
    pub diff: Diff,
}

/// What became of a thing that is not as recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum DriftReason {
    /// It is not there.
    Gone,
    /// It is there, and not as recorded.
    ChangedOutside,
    /// It is gone, and something else bears its name: under another physical name, without our mark, or with somebody else's.
    Replaced {
        /// The physical name of what is there.
        by: Handle,
        /// Whose it is, where it says so.
        #[serde(skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
}

/// What `observed` shows of the things that are `recorded`, where it is not as recorded. What was not looked at is left out,
/// and so are forms that were never known (of things that another tool has recorded) while the things are there.
pub fn drift(
    recorded: &BTreeMap<ResourceId, Record>,
    observed: &BTreeMap<ResourceId, Observed>,
    rules: &dyn RuleBook,
) -> Vec<Drifted> {
    let seen = recorded
        .iter()
        .filter_map(|(id, record)| Some((id, record, observed.get(id)?)));
    seen.filter_map(|(id, record, there)| drifted(id, record, there.remote(), rules))
        .collect()
}

fn drifted(
    id: &ResourceId,
    record: &Record,
    there: Option<&Remote>,
    rules: &dyn RuleBook,
) -> Option<Drifted> {
    let rules = rules.rules(&id.kind)?;
    let diff = there.map_or_else(Diff::default, |remote| {
        let was = comparable(&record.spec, &remote.spec);
        if was.is_null() {
            Diff::default()
        } else {
            turned(rules.compare(&was, remote))
        }
    });
    Some(Drifted {
        reason: reason(record, there, &diff, rules.name_bound())?,
        label: rules.label(&record.spec),
        id: id.clone(),
        handle: record.handle.clone(),
        diff,
    })
}

fn reason(record: &Record, there: Option<&Remote>, diff: &Diff, name_bound: bool) -> Option<DriftReason> {
    let Some(remote) = there else {
        return Some(DriftReason::Gone);
    };
    let owner = match &remote.proof {
        Proof::Theirs { owner } => Some(owner.clone()),
        _ => None,
    };
    let another_mark = match (&record.token, &remote.proof) {
        (Some(ours), Proof::Mark(mark)) => ours != mark,
        // Under a name that others may take, what bears nothing of ours any more is likely to be theirs.
        (Some(_), Proof::NameOnly) => name_bound && !diff.is_empty(),
        _ => false,
    };
    let another = remote.handle != record.handle || owner.is_some() || another_mark;
    match (another, diff.is_empty()) {
        (true, _) => Some(DriftReason::Replaced {
            by: remote.handle.clone(),
            owner,
        }),
        (false, false) => Some(DriftReason::ChangedOutside),
        (false, true) => None,
    }
}

/// A plan says what would become of a thing; here it is told what became of it.
fn turned(diff: Diff) -> Diff {
    let turn = |field: FieldChange| FieldChange {
        have: field.want,
        want: field.have,
        ..field
    };
    Diff {
        fields: diff.fields.into_iter().map(turn).collect(),
    }
}
