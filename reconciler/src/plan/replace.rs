//! What is changed by making it anew.
//!
//! A thing whose name the cloud gives is made beside the old one, dependents are turned to it, and the old one is retired
//! after the commit. A thing whose name is fixed has to go first, so it is away for a while: that needs the user's consent.

use grail_providers::port::{Diff, Rules, Undelete};
use grail_state::{Desired, OutputRef, Template};

use super::outlook::Outlook;
use super::{Inputs, PlanError};

/// How a resource is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Made while the old one lives, which is deleted in the sweep.
    Beside,
    /// Deleted, then made under the same name.
    InItsPlace,
}

/// How `desired`, of which `diff` cannot be changed in place, is made anew.
pub(super) fn manner(
    inputs: &Inputs<'_>,
    rules: &dyn Rules,
    desired: &Desired,
    want: &Template,
    diff: &Diff,
    outlook: &Outlook<'_>,
) -> Result<Manner, PlanError> {
    let calling: Vec<_> = diff
        .fields
        .iter()
        .filter(|field| field.replaces)
        .map(|field| field.path.clone())
        .collect();
    if rules.undelete() != Undelete::Never
        && calling
            .iter()
            .any(|path| hangs_on_a_cleared_thing(want, path, outlook))
    {
        return Ok(Manner::InItsPlace);
    }
    if !rules.name_bound()
        || calling
            .iter()
            .any(|path| hangs_on_a_new_thing(want, path, outlook))
    {
        return Ok(Manner::Beside);
    }
    if inputs.consent.replace {
        return Ok(Manner::InItsPlace);
    }
    Err(PlanError::CannotReplace {
        id: desired.id.clone(),
        fields: calling,
    })
}

/// Whether the field makes the thing part of a parent that goes before it is made anew: it would go with its parent, and the
/// way back would not know of it (a statement in the policy of a function).
fn hangs_on_a_cleared_thing(want: &Template, path: &str, outlook: &Outlook<'_>) -> bool {
    refs_at(want, path)
        .iter()
        .any(|output| outlook.is_cleared(&output.of))
}

/// Whether the field is part of the thing's identity by way of a parent that is another thing than before (the stage of an
/// API that is made beside the old API): then its own fixed name is not taken.
fn hangs_on_a_new_thing(want: &Template, path: &str, outlook: &Outlook<'_>) -> bool {
    let refs = refs_at(want, path);
    !refs.is_empty() && refs.iter().all(|output| outlook.is_new_identity(&output.of))
}

fn refs_at(want: &Template, path: &str) -> Vec<OutputRef> {
    let mut refs = Vec::new();
    if let Template::Map(entries) = want {
        for (key, item) in entries {
            if path
                .strip_prefix(key.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            {
                item.refs(&mut refs);
            }
        }
    }
    refs
}
