//! What becomes of each wanted resource: kept, created, updated or replaced.
//!
//! Resources are decided in order of their dependencies, so that what a resource refers to is known, or known to be coming,
//! when its turn is there. References that are known are resolved before the comparison: an unchanged stack differs nowhere.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use grail_providers::port::{Diff, Rules};
use grail_state::template::has_stand_in;
use grail_state::{Desired, Observed, OutputRef, Proof, Record, Remote, ResourceId, StepToken, Template};
use serde_json::Value;

use super::adopt::Ownership;
use super::graph::Before;
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
    pub(super) have: Option<Cow<'a, Remote>>,
    pub(super) fate: Fate,
}

pub(super) enum Fate {
    /// It is as it should be. The record to remember, if it is another than the one there is.
    Keep(Option<Record>),
    Create(Why),
    Update(Diff, Why),
    Replace(Manner, Why),
}

/// What was found out about the wishes before any of them is decided.
pub(super) struct Known<'k, 'a> {
    /// What each needs directly.
    pub(super) needs: &'k Before<ResourceId>,
    pub(super) ownership: &'k Ownership<'a>,
    /// Those that do not have the form of their kind, which is reported already.
    pub(super) invalid: &'k BTreeSet<ResourceId>,
}

/// Decides the resources of `order`, in that order.
pub(super) fn decide<'a>(
    inputs: &Inputs<'a>,
    order: &[ResourceId],
    known: &Known<'_, 'a>,
    problems: &mut Vec<PlanError>,
) -> BTreeMap<&'a ResourceId, Decided<'a>> {
    let mut outlook = Outlook::default();
    let mut decided = BTreeMap::new();
    for id in order {
        let Some((id, desired)) = inputs.desired.resources.get_key_value(id) else {
            continue;
        };
        let prospect = match decide_one(inputs, desired, known, &outlook) {
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
fn have<'a>(inputs: &Inputs<'a>, id: &ResourceId) -> Option<Cow<'a, Remote>> {
    match inputs.observed.get(id) {
        Some(observed) => observed.remote().map(Cow::Borrowed),
        None => inputs.recorded.get(id).map(from_record).map(Cow::Owned),
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
    known: &Known<'_, 'a>,
    outlook: &Outlook<'a>,
) -> Result<Option<(Decided<'a>, Prospect)>, PlanError> {
    let id = &desired.id;
    let Some(rules) = inputs.rules.rules(&id.kind) else {
        return Ok(None);
    };
    let looked_at = matches!(inputs.observed.get(id), Some(Observed::Present(_)));
    let foreign = looked_at && !known.ownership.is_ours(id);
    let mut needs = known.needs.get(id).into_iter().flatten();
    if foreign || known.invalid.contains(id) || needs.any(|of| outlook.is_spoilt(of)) {
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
            let diff = rules.compare(&wanted, have);
            compared(
                inputs,
                rules,
                (desired, known),
                &want,
                (&wanted, have, diff),
                outlook,
            )?
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
    (desired, known): (&Desired, &Known<'_, '_>),
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
        let needs = known.needs.get(&desired.id).unwrap_or(&NOTHING);
        let record = Remembered {
            desired,
            needs,
            have,
            outputs: &outputs,
            recorded,
        };
        let note = recorded
            .is_none_or(|recorded| !record.is_as(recorded))
            .then(|| record.to_record());
        return Ok((Fate::Keep(note), Prospect::Settled(outputs)));
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

/// No needs.
static NOTHING: BTreeSet<ResourceId> = BTreeSet::new();

/// What is to be remembered of a resource that is as it should be.
struct Remembered<'r> {
    desired: &'r Desired,
    needs: &'r BTreeSet<ResourceId>,
    have: &'r Remote,
    outputs: &'r BTreeMap<String, Value>,
    recorded: Option<&'r Record>,
}

impl Remembered<'_> {
    fn token(&self) -> Option<&StepToken> {
        let mark = match &self.have.proof {
            Proof::Mark(token) => Some(token),
            _ => None,
        };
        self.recorded.and_then(|record| record.token.as_ref()).or(mark)
    }

    /// Whether `recorded` says it already. Forms are compared as far as they can be: most resources are as recorded.
    fn is_as(&self, recorded: &Record) -> bool {
        let Record {
            handle,
            spec,
            outputs,
            depends_on,
            rank,
            token,
        } = recorded;
        *handle == self.have.handle
            && outputs == self.outputs
            && depends_on == self.needs
            && *rank == self.desired.rank
            && token.as_ref() == self.token()
            && !spec.is_null()
            && reason::same_form(&self.have.spec, spec)
    }

    fn to_record(&self) -> Record {
        Record {
            handle: self.have.handle.clone(),
            spec: self.have.spec.clone(),
            outputs: self.outputs.clone(),
            depends_on: self.needs.clone(),
            rank: self.desired.rank,
            token: self.token().cloned(),
        }
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
