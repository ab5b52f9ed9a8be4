//! What is really there.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{Handle, StepToken};

/// The answer to a look at one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Observed {
    /// Nothing is there.
    Absent,
    /// This is there.
    Present(Remote),
}

impl Observed {
    /// What is there, if anything.
    pub fn remote(&self) -> Option<&Remote> {
        match self {
            Self::Absent => None,
            Self::Present(remote) => Some(remote),
        }
    }
}

/// A thing that exists outside, as a provider reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Remote {
    /// Its physical name.
    pub handle: Handle,
    /// Its form as projected: secrets are keyed digests, code is a content digest.
    pub spec: Value,
    /// What others may refer to (`arn`, `name`, `id`).
    pub outputs: BTreeMap<String, Value>,
    /// What shows that it is ours.
    pub proof: Proof,
    /// What others have added to it and we leave as it is, in words (`gateway response DEFAULT_4XX`). No part of its form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additions: Vec<String>,
}

impl Proof {
    /// Nothing but a name.
    pub(crate) fn none() -> Self {
        Self::NameOnly
    }

    pub(crate) fn is_none(&self) -> bool {
        *self == Self::NameOnly
    }

    /// What a record says of its thing without a look.
    pub fn recorded(token: Option<&StepToken>) -> Self {
        token.map_or(Self::NameOnly, |token| Self::Mark(token.clone()))
    }

    /// Whether a thing that bore this proof may be the one that bears `now` under the same name. What is marked or tagged as
    /// somebody else's is not, nor what has lost its mark: it was deleted, and made again by others.
    pub fn continues_in(&self, now: &Self) -> bool {
        match (self, now) {
            (_, Self::Theirs { .. }) => false,
            (Self::NameOnly, _) | (_, Self::Ours) => true,
            (Self::Mark(then), Self::Mark(now)) => then == now,
            (Self::Mark(_) | Self::Ours | Self::Theirs { .. }, _) => false,
        }
    }
}

/// Why an existing thing may be taken for ours when the state does not know it (design decision 15).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Proof {
    /// Nothing but its name. Refused unless something of ours hangs on it, or the user adopts it by name.
    NameOnly,
    /// It bears the mark of an attempt. Ours if the journal or the state knows that attempt.
    Mark(StepToken),
    /// It is tagged with this application and stage, or it is part of a thing that is ours (a statement in our function's
    /// policy, an API that integrates our function).
    Ours,
    /// It is tagged with, or part of, somebody else's application or stage.
    Theirs {
        /// Whose it is, as the tag says.
        owner: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_does_not_make_a_thing_the_one_that_was_there() {
        let mark = |text: &str| Proof::Mark(StepToken(text.to_owned()));
        let theirs = Proof::Theirs {
            owner: "other".to_owned(),
        };
        for (then, now, same) in [
            (mark("a"), mark("a"), true),
            (mark("a"), mark("b"), false),
            (mark("a"), Proof::NameOnly, false),
            (mark("a"), Proof::Ours, true),
            (Proof::Ours, Proof::Ours, true),
            (Proof::Ours, Proof::NameOnly, false),
            (Proof::NameOnly, Proof::NameOnly, true),
            (Proof::NameOnly, mark("a"), true),
            (Proof::Ours, theirs.clone(), false),
            (Proof::NameOnly, theirs, false),
        ] {
            assert_eq!(then.continues_in(&now), same, "{then:?} and {now:?}");
        }
    }
}
