//! What is known, while a plan is made, of the outputs that resources will have when it is done.

use std::collections::BTreeMap;

use grail_state::{OutputRef, Record, Remote, ResourceId};
use serde_json::Value;

/// The outputs of a resource that exists: those that were just read, and of those that only a write can give (the reading
/// after the last one, say) the recorded ones, while it is the same thing.
pub(super) fn outputs(have: &Remote, recorded: Option<&Record>) -> BTreeMap<String, Value> {
    let same = recorded.filter(|record| record.handle == have.handle);
    let mut outputs = same.map(|record| record.outputs.clone()).unwrap_or_default();
    outputs.extend(have.outputs.clone());
    outputs
}

/// What becomes of a resource's outputs.
pub(super) enum Prospect {
    /// They stay as they are.
    Settled(BTreeMap<String, Value>),
    /// They stay, save those that an update of this kind may change.
    Updated {
        outputs: BTreeMap<String, Value>,
        volatile: &'static [&'static str],
    },
    /// They are known when it is made. `new_identity` if it will be another thing than any before, whatever its name;
    /// `cleared` if what is there goes first.
    Coming { new_identity: bool, cleared: bool },
    /// Nothing can be said, because of a problem that is reported already.
    Spoilt,
}

/// The prospects of the resources decided so far.
#[derive(Default)]
pub(super) struct Outlook<'a>(BTreeMap<&'a ResourceId, Prospect>);

impl<'a> Outlook<'a> {
    pub(super) fn set(&mut self, id: &'a ResourceId, prospect: Prospect) {
        self.0.insert(id, prospect);
    }

    /// The value that an output has now and will have when the plan is done, if that is known.
    pub(super) fn value(&self, output: &OutputRef) -> Option<Value> {
        match self.0.get(&output.of)? {
            Prospect::Settled(outputs) => outputs.get(&output.output).cloned(),
            Prospect::Updated { outputs, volatile } => {
                let stays = !volatile.contains(&output.output.as_str());
                outputs.get(&output.output).filter(|_| stays).cloned()
            }
            Prospect::Coming { .. } | Prospect::Spoilt => None,
        }
    }

    /// Whether the resource exists, will stay, and does not have the output: no step will ever make it known.
    pub(super) fn never_known(&self, output: &OutputRef) -> bool {
        match self.0.get(&output.of) {
            Some(Prospect::Settled(outputs)) => !outputs.contains_key(&output.output),
            Some(Prospect::Updated { outputs, volatile }) => {
                !outputs.contains_key(&output.output) && !volatile.contains(&output.output.as_str())
            }
            _ => false,
        }
    }

    /// Whether the resource will be another thing than any before.
    pub(super) fn is_new_identity(&self, id: &ResourceId) -> bool {
        matches!(
            self.0.get(id),
            Some(Prospect::Coming {
                new_identity: true,
                ..
            })
        )
    }

    /// Whether what is there of the resource goes before it is made anew.
    pub(super) fn is_cleared(&self, id: &ResourceId) -> bool {
        matches!(self.0.get(id), Some(Prospect::Coming { cleared: true, .. }))
    }

    /// Whether a problem with it makes everything that depends on it unclear.
    pub(super) fn is_spoilt(&self, id: &ResourceId) -> bool {
        matches!(self.0.get(id), Some(Prospect::Spoilt))
    }
}
