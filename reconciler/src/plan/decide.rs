//! What becomes of each wanted resource: kept, created, updated or replaced.
//!
//! Resources are decided in order of their dependencies, so that what a resource refers to is known, or known to be coming,
//! when its turn is there. References that are known are resolved before the comparison: an unchanged stack differs nowhere.

use std::collections::BTreeMap;

use grail_providers::port::{Diff, Rules};
use grail_state::template::has_stand_in;
use grail_state::{Desired, Observed, OutputRef, Proof, Record, Remote, ResourceId, Template};
use serde_json::Value;

use super::adopt::Ownership;
use super::outlook::{Outlook, Prospect, outputs};
use super::replace::{self, Manner};
use super::{Inputs, PlanError, Why, reason};

/// What becomes of one wanted resource.
pub(super) struct Decided<'a> {
    pub(super) desired: &'a Desired,
    /// The wish with every reference replaced that is known now.
    pub(super) want: Template,
    /// The same as projected.
    pub(super) wanted: Value,
    pub(super) label: Option<String>,
    pub(super) have: Option<Remote>,
    pub(super) fate: Fate,
}

pub(super) enum Fate {
    /// It is as it should be. The record to remember, if it is another than the one there is.
    Keep(Option<Record>),
    Create(Why),
    Update(Diff, Why),
    Replace(Manner, Why),
}

/// Decides the resources of `order`, in that order.
pub(super) fn decide<'a>(
    inputs: &Inputs<'a>,
    order: &[ResourceId],
    ownership: &Ownership<'a>,
    problems: &mut Vec<PlanError>,
) -> BTreeMap<&'a ResourceId, Decided<'a>> {
    let mut outlook = Outlook::default();
    let mut decided = BTreeMap::new();
    for id in order {
        let Some((id, desired)) = inputs.desired.resources.get_key_value(id) else {
            continue;
        };
        let prospect = match decide_one(inputs, desired, ownership, &outlook) {
            Ok(Some((one, prospect))) => {
                decided.insert(id, one);
                prospect
            }
            Ok(None) => Prospect::Spoilt,
            Err(problem) => {
                problems.push(problem);
                Prospect::Spoilt
            }
        };
        outlook.set(id, prospect);
    }
    decided
}

/// What is there for a wanted resource, where the plan may rely on it: as observed, or as recorded if nobody looked.
pub(super) fn have(inputs: &Inputs<'_>, id: &ResourceId) -> Option<Remote> {
    match inputs.observed.get(id) {
        Some(observed) => observed.remote().cloned(),
        None => inputs.recorded.get(id).map(from_record),
    }
}

/// A recorded thing that nobody looked at.
pub(super) fn from_record(record: &Record) -> Remote {
    Remote {
        handle: record.handle.clone(),
        spec: record.spec.clone(),
        outputs: record.outputs.clone(),
        proof: Proof::recorded(record.token.as_ref()),
        additions: Vec::new(),
    }
}

fn decide_one<'a>(
    inputs: &Inputs<'a>,
    desired: &'a Desired,
    ownership: &Ownership<'a>,
    outlook: &Outlook<'a>,
) -> Result<Option<(Decided<'a>, Prospect)>, PlanError> {
    let id = &desired.id;
    let Some(rules) = inputs.rules.rules(&id.kind) else {
        return Ok(None);
    };
    let looked_at = matches!(inputs.observed.get(id), Some(Observed::Present(_)));
    let foreign = looked_at && !ownership.is_ours(id);
    if foreign
        || rules.check(&desired.spec).is_err()
        || desired.depends_on().iter().any(|of| outlook.is_spoilt(of))
    {
        return Ok(None);
    }
    let want = desired.spec.resolve_known(&|output| outlook.value(output));
    never_known(desired, outlook)?;
    let invalid = |problems| PlanError::Invalid {
        id: id.clone(),
        problems,
    };
    let wanted = rules.project(&want).map_err(invalid)?;
    // A name that is known after the deploy only is no name for messages.
    let label = rules.label(&wanted).filter(|label| !has_stand_in(label));
    let have = have(inputs, id);
    let (fate, prospect) = match &have {
        None => {
            let why = if inputs.recorded.contains_key(id) {
                Why::Missing
            } else {
                Why::New
            };
            (
                Fate::Create(why),
                Prospect::Coming {
                    new_identity: !rules.name_bound(),
                    cleared: false,
                },
            )
        }
        Some(have) => {
            let diff = rules.diff(&want, have).map_err(invalid)?;
            compared(inputs, rules, desired, &want, (&wanted, have, diff), outlook)?
        }
    };
    Ok(Some((
        Decided {
            desired,
            want,
            wanted,
            label,
            have,
            fate,
        },
        prospect,
    )))
}

fn compared(
    inputs: &Inputs<'_>,
    rules: &dyn Rules,
    desired: &Desired,
    want: &Template,
    (wanted, have, diff): (&Value, &Remote, Diff),
    outlook: &Outlook<'_>,
) -> Result<(Fate, Prospect), PlanError> {
    // A record of another thing (made anew outside, say) knows nothing of this one.
    let recorded = inputs
        .recorded
        .get(&desired.id)
        .filter(|record| record.handle == have.handle);
    let outputs = outputs(have, recorded);
    if diff.is_empty() {
        let record = remembered(desired, have, outputs.clone(), recorded);
        let changed = recorded.is_none_or(|recorded| !as_recorded(&record, recorded));
        return Ok((Fate::Keep(changed.then_some(record)), Prospect::Settled(outputs)));
    }
    let why = reason::of_update(&diff, wanted, &have.spec, recorded.map(|record| &record.spec));
    if diff.replaces() {
        let manner = replace::manner(inputs, rules, desired, want, &diff, outlook)?;
        let coming = Prospect::Coming {
            new_identity: manner == Manner::Beside,
            cleared: manner == Manner::InItsPlace,
        };
        return Ok((Fate::Replace(manner, why), coming));
    }
    let volatile = rules.volatile_outputs();
    Ok((Fate::Update(diff, why), Prospect::Updated { outputs, volatile }))
}

/// What is to be remembered of a resource that is as it should be.
fn remembered(
    desired: &Desired,
    have: &Remote,
    outputs: BTreeMap<String, Value>,
    recorded: Option<&Record>,
) -> Record {
    let mark = match &have.proof {
        Proof::Mark(token) => Some(token.clone()),
        _ => None,
    };
    Record {
        handle: have.handle.clone(),
        spec: have.spec.clone(),
        outputs,
        depends_on: desired.depends_on(),
        rank: desired.rank,
        token: recorded.and_then(|record| record.token.clone()).or(mark),
    }
}

fn as_recorded(record: &Record, recorded: &Record) -> bool {
    let form = !recorded.spec.is_null() && reason::same_form(&record.spec, &recorded.spec);
    form && Record {
        spec: Value::Null,
        ..record.clone()
    } == Record {
        spec: Value::Null,
        ..recorded.clone()
    }
}

fn never_known(desired: &Desired, outlook: &Outlook<'_>) -> Result<(), PlanError> {
    let mut refs: Vec<OutputRef> = Vec::new();
    desired.spec.refs(&mut refs);
    match refs.into_iter().find(|output| outlook.never_known(output)) {
        Some(to) => Err(PlanError::NoSuchOutput {
            from: desired.id.clone(),
            to,
        }),
        None => Ok(()),
    }
}
