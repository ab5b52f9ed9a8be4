//! What a source wishes for.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{ResourceId, StackId};
use crate::template::Template;

/// One resource as it should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    /// Its logical name.
    pub id: ResourceId,
    /// Its whole form, with references to outputs of others. Holds secrets in clear: never stored or shown as it is.
    pub spec: Template,
    /// Resources that must be in place first although no value of theirs is needed.
    pub after: BTreeSet<ResourceId>,
    /// The place in Chalice's order of resources (`chalice-deployer.md` 1.3: the order carries meaning there).
    pub rank: u32,
    /// Where the wish stands (`app.py:12`), for messages.
    pub origin: Option<String>,
    /// Whether it is protected from being ended; `None` where the wish does not say, and its kind counts.
    pub protect: Option<bool>,
}

impl Desired {
    /// Every resource that this one needs: those it refers to and those in `after`.
    pub fn depends_on(&self) -> BTreeSet<ResourceId> {
        let mut refs = Vec::new();
        self.spec.refs(&mut refs);
        refs.into_iter()
            .map(|output| output.of)
            .chain(self.after.iter().cloned())
            .collect()
    }
}

/// Everything that a source wishes for in one stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DesiredState {
    /// The stack.
    pub stack: StackId,
    /// The resources by id.
    pub resources: BTreeMap<ResourceId, Desired>,
}

impl DesiredState {
    /// A state that wishes for nothing: the goal of `delete`.
    pub fn empty(stack: StackId) -> Self {
        Self {
            stack,
            resources: BTreeMap::new(),
        }
    }
}
