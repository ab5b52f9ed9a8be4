//! Why a target cannot be reached, in words.

use grail_providers::port::{Diff, Failure, Invalid};
use grail_state::Remote;

/// Why a target cannot be reached.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    /// The cause, in words.
    pub(crate) why: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// True if the world may have changed all the same.
    pub(crate) maybe: bool,
}

pub(super) fn foreign(remote: &Remote) -> Refusal {
    let failure = Failure::foreign(&remote.handle);
    Refusal {
        why: failure.chain(),
        hint: failure.hint,
        maybe: false,
    }
}

pub(super) fn immutable(diff: &Diff) -> Refusal {
    let fields: Vec<_> = diff
        .fields
        .iter()
        .filter(|field| field.replaces)
        .map(|field| field.path.as_str())
        .collect();
    Refusal {
        why: format!("{} cannot be changed in place", fields.join(", ")),
        hint: None,
        maybe: false,
    }
}

pub(crate) fn invalid(problems: &[Invalid]) -> Refusal {
    let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
    Refusal {
        why: format!("its resolved form is not valid: {}", said.join("; ")),
        hint: None,
        maybe: false,
    }
}

pub(super) fn could_not_look(failure: &Failure) -> Refusal {
    Refusal {
        why: format!("could not look at it: {}", failure.chain()),
        hint: failure.hint.clone(),
        maybe: true,
    }
}
