//! What we last knew of a resource.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{Handle, ResourceId, StepToken};

/// The remembered form of a resource that exists and is ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Its physical name.
    pub handle: Handle,
    /// Its form when we last wrote or looked, as projected. `Null` where only the handle is known (adopted, not yet seen).
    pub spec: Value,
    /// Its outputs at that time.
    pub outputs: BTreeMap<String, Value>,
    /// What it needed, so that it can be deleted in order when its source is gone.
    pub depends_on: BTreeSet<ResourceId>,
    /// Its place in Chalice's order (see `Desired::rank`).
    pub rank: u32,
    /// The attempt that made it, where it was us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<StepToken>,
}
