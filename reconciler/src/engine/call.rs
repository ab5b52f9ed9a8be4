//! What the machine asks of the outside: one call or one look, with all that it needs.

use std::collections::BTreeMap;
use std::fmt;

use grail_providers::port::{Diff, Locator};
use grail_state::{Handle, Record, Remote, ResourceId, StepToken};
use serde_json::Value;

/// One call that may change something. Its forms hold secrets in clear, so that `Debug` shows the verb alone.
#[derive(Clone, PartialEq)]
pub enum Call {
    /// Brings into being.
    Create {
        /// The whole form.
        spec: Value,
        /// The attempt.
        token: StepToken,
        /// As [`grail_providers::port::Create::first`].
        first: bool,
    },
    /// Changes what differs.
    Update {
        /// What is there.
        have: Remote,
        /// The whole form.
        want: Value,
        /// What differs.
        diff: Diff,
        /// The attempt.
        token: StepToken,
    },
    /// Removes.
    Delete {
        /// The physical name.
        handle: Handle,
        /// The form, as projected.
        spec: Value,
        /// The outputs.
        outputs: BTreeMap<String, Value>,
    },
    /// Removes what others have added to a thing that stays.
    Prune {
        /// The physical name.
        handle: Handle,
        /// The form, as projected.
        spec: Value,
        /// The outputs.
        outputs: BTreeMap<String, Value>,
        /// What goes.
        children: Vec<String>,
    },
}

impl Call {
    /// The call that removes `remote`.
    pub fn delete(remote: &Remote) -> Self {
        Self::Delete {
            handle: remote.handle.clone(),
            spec: remote.spec.clone(),
            outputs: remote.outputs.clone(),
        }
    }

    /// The whole form that it leads to, if it does not remove.
    pub(crate) fn form(&self) -> Option<&Value> {
        match self {
            Self::Create { spec, .. } => Some(spec),
            Self::Update { want, .. } => Some(want),
            Self::Delete { .. } | Self::Prune { .. } => None,
        }
    }

    /// What it does, in one word.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Update { .. } => "update",
            Self::Delete { .. } => "delete",
            Self::Prune { .. } => "prune",
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb())
    }
}

/// Where to look. The owned form of a [`Locator`]; its form may hold secrets in clear.
#[derive(Clone, Default, PartialEq)]
pub struct Look {
    /// The physical name, where one is known.
    pub handle: Option<Handle>,
    /// The form that gives the natural key.
    pub spec: Option<Value>,
    /// The attempt that may have made it.
    pub token: Option<StepToken>,
    /// What we last knew of it.
    pub record: Option<Record>,
}

impl Look {
    /// The same for a provider.
    pub fn locator<'a>(&'a self, id: &'a ResourceId) -> Locator<'a> {
        Locator {
            id,
            handle: self.handle.as_ref(),
            spec: self.spec.as_ref(),
            token: self.token.as_ref(),
            record: self.record.as_ref(),
        }
    }
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Look")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}
