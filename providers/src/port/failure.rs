//! What a failed call says about the world.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// What a failed call may have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing changed.
    None,
    /// It may have changed something, or part of it. Settled by looking.
    Maybe,
}

/// Whether to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The call was refused: the same call would be refused again.
    Never,
    /// Try again after this time, within the step's budget of attempts.
    After(Duration),
    /// Something that we wait for is not ready yet (a fresh role, an update in progress): try again after this time,
    /// within the long budget for propagation, not counted as an attempt.
    Await {
        /// When to look or try again.
        after: Duration,
        /// What is waited for, in words for the user.
        on: &'static str,
    },
}

/// A call that did not succeed.
#[derive(Debug)]
pub struct Failure {
    /// What it may have done.
    pub effect: Effect,
    /// Whether to try again.
    pub retry: Retry,
    /// True if no answer came at all (timed out, cut off), so that the request may still arrive: what is not there yet is
    /// believed absent only after a wait (design 6.3, rule 10).
    pub unanswered: bool,
    /// An existing thing under our name for which there is no proof that it is ours.
    pub foreign: bool,
    /// What to do about it, where a person can do something.
    pub hint: Option<String>,
    /// The cause.
    pub source: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// A refusal: nothing changed, and trying again is of no use.
    pub fn refused(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            effect: Effect::None,
            retry: Retry::Never,
            unanswered: false,
            foreign: false,
            hint: None,
            source: source.into(),
        }
    }

    /// A call whose effect is unknown. Taken for one without an answer, the careful reading, unless [`Self::answered`] says
    /// otherwise.
    pub fn maybe(source: impl Into<Box<dyn Error + Send + Sync>>, after: Duration) -> Self {
        Self {
            effect: Effect::Maybe,
            retry: Retry::After(after),
            unanswered: true,
            foreign: false,
            hint: None,
            source: source.into(),
        }
    }

    /// A call that had no effect and may succeed later.
    pub fn later(source: impl Into<Box<dyn Error + Send + Sync>>, after: Duration) -> Self {
        Self {
            effect: Effect::None,
            retry: Retry::After(after),
            unanswered: false,
            foreign: false,
            hint: None,
            source: source.into(),
        }
    }

    /// A thing with our name exists and nothing proves that it is ours.
    pub fn foreign(what: impl fmt::Display) -> Self {
        Self {
            foreign: true,
            hint: Some(
                "if it is yours, adopt it with `--adopt NAME`; else delete it or choose another name"
                    .to_owned(),
            ),
            ..Self::refused(format!(
                "{what} exists already, and nothing shows that it belongs to this stage"
            ))
        }
    }

    /// The same failure, known to be an answer (a 5xx): nothing of it is still on its way.
    #[must_use]
    pub fn answered(mut self) -> Self {
        self.unanswered = false;
        self
    }

    /// A call that waits for something which is not ready yet (a fresh role, an update in progress).
    pub fn awaiting(
        source: impl Into<Box<dyn Error + Send + Sync>>,
        after: Duration,
        on: &'static str,
    ) -> Self {
        Self {
            retry: Retry::Await { after, on },
            ..Self::refused(source)
        }
    }

    /// The same failure with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same failure after an earlier request of the same call has changed something (design 7.1, last line).
    #[must_use]
    pub fn after_change(mut self) -> Self {
        self.effect = Effect::Maybe;
        self
    }

    /// The cause and its causes, joined by `: `.
    pub fn chain(&self) -> String {
        chain(&*self.source)
    }
}

/// An error and its causes, joined by `: `; what a cause says again is said once.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = next.source();
    }
    text
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.effect, self.retry) {
            (Effect::None, Retry::Never) => "the call was refused",
            (Effect::None, _) => "the call had no effect",
            (Effect::Maybe, _) => "the outcome of the call is unknown",
        })
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
