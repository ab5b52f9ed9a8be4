//! Why there is no plan.

use std::collections::BTreeSet;

use grail_providers::port::Invalid;
use grail_state::{DesiredState, Handle, OutputRef, ResourceId, Template};

/// Why there is no plan. A call returns all of them at once.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// Resources that need each other, each the next.
    #[error("these resources depend on each other in a circle: {}", circle(.0))]
    Cycle(Vec<ResourceId>),
    /// A reference to something that nobody declares.
    #[error("`{from}` refers to `{to}`, which is not declared")]
    Dangling {
        /// Who refers.
        from: ResourceId,
        /// To what.
        to: ResourceId,
    },
    /// A reference to an output that its resource does not have.
    #[error("`{from}` refers to `{to}`, and there is no such output")]
    NoSuchOutput {
        /// Who refers.
        from: ResourceId,
        /// To what.
        to: OutputRef,
    },
    /// A kind that this build does not have.
    #[error("`{0}` is of a kind that this grail does not know")]
    UnknownKind(ResourceId),
    /// A wish that does not have the form of its kind.
    #[error("`{id}` is not valid: {}", .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid {
        /// The resource.
        id: ResourceId,
        /// What is wrong with it.
        problems: Vec<Invalid>,
    },
    /// A wish that names something outside the stack which is not there, or does not fit.
    #[error("`{id}` does not fit what is there: {}", .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Unfit {
        /// The resource.
        id: ResourceId,
        /// What is missing or does not fit.
        problems: Vec<Invalid>,
    },
    /// A target that names no resource.
    #[error("there is no resource `{0}`, neither wanted nor recorded")]
    NoSuchTarget(String),
    /// A part that cannot be done alone.
    #[error("changing `{id}` alone would leave what stands on it wrong: {}", .dependents.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    LeavesWrong {
        /// What would be changed.
        id: ResourceId,
        /// What exists, stands on it, and is no target.
        dependents: BTreeSet<ResourceId>,
    },
    /// Changing it means deleting it first, and that was not allowed.
    #[error("`{id}` can only be changed by deleting and creating it again ({} cannot change in place)", .fields.join(", "))]
    CannotReplace {
        /// The resource.
        id: ResourceId,
        /// The fields that call for it.
        fields: Vec<String>,
    },
    /// What is protected would be ended.
    #[error("{}", protected(.deleted, .replaced))]
    Protected {
        /// What would be deleted.
        deleted: BTreeSet<ResourceId>,
        /// What would be deleted and made anew.
        replaced: BTreeSet<ResourceId>,
    },
    /// More would be deleted than may be at once.
    #[error(
        "{count} things would be deleted, those that are made anew among them, and at most {allowed} may be"
    )]
    TooManyDeletions {
        /// How many would be.
        count: usize,
        /// How many may be.
        allowed: usize,
    },
    /// A thing with its name exists and nothing shows that it is ours.
    #[error("`{id}`: {handle} exists already, and {}", .owner.as_ref().map_or_else(|| "nothing shows that it belongs to this stage".to_owned(), |owner| format!("it belongs to {owner}")))]
    Foreign {
        /// The resource.
        id: ResourceId,
        /// What exists.
        handle: Handle,
        /// Whose it is, if that can be seen.
        owner: Option<String>,
    },
}

impl PlanError {
    /// The order in which problems are reported: first what is wrong with the wish, then what stands in its way.
    pub(super) fn class(&self) -> u8 {
        match self {
            Self::UnknownKind(_) | Self::NoSuchTarget(_) => 0,
            Self::Invalid { .. } => 1,
            Self::Dangling { .. } | Self::NoSuchOutput { .. } => 2,
            Self::Cycle(_) => 3,
            Self::Unfit { .. } => 4,
            Self::Foreign { .. } => 5,
            Self::CannotReplace { .. } => 6,
            Self::LeavesWrong { .. } => 7,
            Self::Protected { .. } => 8,
            Self::TooManyDeletions { .. } => 9,
        }
    }

    /// The resource that the problem is about; of a circle, its first.
    pub fn resource(&self) -> Option<&ResourceId> {
        match self {
            Self::Cycle(ids) => ids.first(),
            Self::Dangling { from, .. } | Self::NoSuchOutput { from, .. } => Some(from),
            Self::NoSuchTarget(_) | Self::Protected { .. } | Self::TooManyDeletions { .. } => None,
            Self::LeavesWrong { id, .. }
            | Self::UnknownKind(id)
            | Self::Invalid { id, .. }
            | Self::Unfit { id, .. }
            | Self::CannotReplace { id, .. }
            | Self::Foreign { id, .. } => Some(id),
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::CannotReplace { .. } => Some(
                "if that is what you want, run again with --allow-replace; it is unavailable while it is replaced"
                    .to_owned(),
            ),
            Self::Foreign { id, owner: None, .. } => Some(format!(
                "if it is yours, run again with `--adopt {id}`; else delete it, or choose another app name"
            )),
            Self::Protected { deleted, replaced } => {
                let ended: Vec<_> = deleted.iter().chain(replaced).map(|id| format!("--unprotect {id}")).collect();
                Some(format!(
                    "nothing was changed; take it out of what `protect` names in grail.toml, say `protect: false` in grail.yaml and deploy, or give up its protection for this \
                     one command: {}",
                    ended.join(" ")
                ))
            }
            Self::TooManyDeletions { count, .. } => Some(format!(
                "nothing was changed; `grail plan --max-deletes {count}` shows them, and `--max-deletes {count}` allows them"
            )),
            Self::NoSuchTarget(_) => Some("`grail plan` shows the names of all".to_owned()),
            Self::LeavesWrong { dependents, .. } => {
                let more: Vec<_> = dependents.iter().map(|id| format!("--target {id}")).collect();
                Some(format!("add {}, or deploy all", more.join(" ")))
            }
            Self::Foreign { .. } => Some("choose another app name or stage, or delete it there first".to_owned()),
            Self::Invalid { .. } => Some("correct it in the project: AWS would refuse it as it is".to_owned()),
            Self::Unfit { .. } => {
                Some("put in place what is missing there, or name something else in the project".to_owned())
            }
            _ => None,
        }
    }
}

/// A problem, and where the wish that it is about stands.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{error}{}", .origin.as_ref().map(|origin| format!(" (at {origin})")).unwrap_or_default())]
pub struct PlanProblem {
    /// The problem.
    pub error: PlanError,
    /// Where the wish stands (`app.py:12`), if that is known.
    pub origin: Option<String>,
}

impl PlanProblem {
    /// Each of `errors` with the place of its wish. Problems of one form that have places of their own are told apart.
    pub(crate) fn placed(errors: Vec<PlanError>, desired: &DesiredState) -> Vec<Self> {
        errors
            .into_iter()
            .flat_map(|error| by_place(error, desired))
            .collect()
    }
}

fn by_place(error: PlanError, desired: &DesiredState) -> Vec<PlanProblem> {
    let wish = error.resource().and_then(|id| desired.resources.get(id));
    let whole = wish.and_then(|wish| wish.origin.clone());
    let (PlanError::Invalid { id, problems } | PlanError::Unfit { id, problems }) = &error else {
        return vec![PlanProblem { error, origin: whole }];
    };
    let mut places: Vec<(Option<String>, Vec<Invalid>)> = Vec::new();
    for problem in problems {
        let own = wish.and_then(|wish| origin_of_part(&wish.spec, &problem.field, desired));
        let origin = own.or_else(|| whole.clone());
        match places.iter_mut().find(|(known, _)| *known == origin) {
            Some((_, beside)) => beside.push(problem.clone()),
            None => places.push((origin, vec![problem.clone()])),
        }
    }
    let placed = |(origin, problems)| {
        let id = id.clone();
        let error = match &error {
            PlanError::Unfit { .. } => PlanError::Unfit { id, problems },
            _ => PlanError::Invalid { id, problems },
        };
        PlanProblem { error, origin }
    };
    places.into_iter().map(placed).collect()
}

/// Where a part of a form stands, where one form is made of parts from several places (the notifications of a bucket): at
/// the one resource to which the part refers.
fn origin_of_part(spec: &Template, field: &str, desired: &DesiredState) -> Option<String> {
    let mut parts = Vec::new();
    let mut at = spec.clone();
    for key in field.split('.') {
        let Some(part) = at.get(key) else { break };
        parts.push(part.clone());
        at = part;
    }
    // A field of the form itself is no part.
    let inner = parts.iter().skip(1).rev();
    let refs = inner.map(|part| {
        let mut refs = Vec::new();
        part.refs(&mut refs);
        refs
    });
    let refs = refs.into_iter().find(|refs| !refs.is_empty())?;
    let mut origins = refs
        .iter()
        .map(|to| desired.resources.get(&to.of)?.origin.clone());
    let first = origins.next()??;
    origins
        .all(|other| other.as_ref() == Some(&first))
        .then_some(first)
}

fn protected(deleted: &BTreeSet<ResourceId>, replaced: &BTreeSet<ResourceId>) -> String {
    let said = |ids: &BTreeSet<ResourceId>, what: &str| {
        let names: Vec<_> = ids.iter().map(|id| format!("`{id}`")).collect();
        let verb = if ids.len() == 1 { "is" } else { "are" };
        (!ids.is_empty()).then(|| format!("{} {verb} protected and would be {what}", names.join(", ")))
    };
    let all = [said(deleted, "deleted"), said(replaced, "deleted and made anew")];
    all.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn circle(ids: &[ResourceId]) -> String {
    let names: Vec<_> = ids.iter().chain(ids.first()).map(ToString::to_string).collect();
    names.join(" -> ")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use grail_state::{Desired, StackId};
    use serde_json::json;

    use super::*;

    fn desired(wishes: &[(&str, serde_json::Value, &str)]) -> DesiredState {
        let wish = |(id, spec, origin): &(&str, serde_json::Value, &str)| {
            let id: ResourceId = id.parse().unwrap();
            let desired = Desired {
                id: id.clone(),
                spec: Template::from_value(spec.clone()),
                after: BTreeSet::new(),
                rank: 0,
                origin: Some((*origin).to_owned()),
                protect: None,
            };
            (id, desired)
        };
        DesiredState {
            stack: StackId {
                app: "shop".into(),
                stage: "dev".into(),
            },
            resources: wishes.iter().map(wish).collect::<BTreeMap<_, _>>(),
        }
    }

    #[test]
    fn each_part_of_a_bucket_is_placed_at_its_own_function() {
        let function = |name: &str| json!({"=ref": format!("lambda_function.{name}/arn")});
        let bucket = json!({"bucket": "b", "entries": {
            "one-s3event": {"function": function("one"), "prefix": "a"},
            "two-s3event": {"function": function("two"), "prefix": "ab"},
        }});
        let desired = desired(&[
            ("s3_notification.b", bucket, "app.py:1"),
            ("lambda_function.one", json!({}), "app.py:1"),
            ("lambda_function.two", json!({}), "chalicelib/two.py:9"),
        ]);
        let problem = |field: &str| Invalid {
            field: field.to_owned(),
            why: "no".to_owned(),
        };
        let fields = [
            "entries.two-s3event.prefix",
            "bucket",
            "entries.two-s3event",
            "entries",
            "entries.gone",
        ];
        let invalid = PlanError::Invalid {
            id: "s3_notification.b".parse().unwrap(),
            problems: fields.map(problem).into(),
        };
        let told: Vec<_> = PlanProblem::placed(vec![invalid], &desired)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            told,
            [
                "`s3_notification.b` is not valid: entries.two-s3event.prefix: no; entries.two-s3event: no (at chalicelib/two.py:9)",
                "`s3_notification.b` is not valid: bucket: no; entries: no; entries.gone: no (at app.py:1)",
            ]
        );
    }
}
