//! What is really there.

use std::collections::BTreeMap;

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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

/// Why an existing thing may be taken for ours when the state does not know it (design decision 15).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
