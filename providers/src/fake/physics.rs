//! How long things take in the make-believe cloud, and how they go wrong.

use std::time::Duration;

use crate::port::Failure;

/// How a write goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Refused: 4xx.
    Refuse,
    /// 429.
    Throttle,
    /// 5xx, and nothing happened.
    Broken,
    /// 5xx, and it happened all the same.
    BrokenAfter,
    /// The connection was cut before the request arrived.
    LostRequest,
    /// The connection was cut after it arrived.
    LostAnswer,
    /// The connection was cut, and the request arrives later.
    Late,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Refuse,
        Self::Throttle,
        Self::Broken,
        Self::BrokenAfter,
        Self::LostRequest,
        Self::LostAnswer,
        Self::Late,
    ];
}

/// How long things take.
#[derive(Clone, Debug)]
pub struct Physics {
    /// One call.
    pub latency: Duration,
    /// How much longer than others a request may be on its way, where services count them ([`super::Cloud::with_quotas`]).
    pub jitter: Duration,
    /// Until a fresh role can be assumed.
    pub role: Duration,
    /// Until a fresh or changed function is usable.
    pub busy: Duration,
    /// Until a fresh or changed domain is usable.
    pub domain: Duration,
    /// How much later a late request arrives.
    pub late: Duration,
    /// Whether a request whose sender died on the way arrives, late, all the same.
    pub dropped_arrive: bool,
}

impl Default for Physics {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(50),
            jitter: Duration::ZERO,
            role: Duration::from_secs(8),
            busy: Duration::from_secs(2),
            domain: Duration::from_secs(5),
            late: Duration::from_secs(9),
            dropped_arrive: false,
        }
    }
}

/// A call that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Since the cloud's beginning.
    pub at: Duration,
    /// Its name.
    pub operation: &'static str,
    /// What it was about.
    pub subject: String,
    /// True if it changes something.
    pub write: bool,
    /// What went wrong with it.
    pub fault: Option<Fault>,
}

/// Why a service refuses a request that has arrived.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("{0} does not exist")]
    NotFound(String),
    #[error("{0} exists already")]
    Exists(String),
    #[error("{0} is being changed")]
    Busy(String),
    #[error("the role {0} cannot be assumed")]
    NotAssumable(String),
    #[error("{0}")]
    Invalid(String),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let soon = Duration::from_millis(250);
        match refused {
            Refused::Busy(_) => Failure::awaiting(refused, soon, "an update in progress"),
            Refused::NotAssumable(_) => Failure::awaiting(refused, soon, "the new role"),
            Refused::NotFound(_) | Refused::Exists(_) | Refused::Invalid(_) => Failure::refused(refused),
        }
    }
}

/// What came of a write that did not succeed.
#[derive(Debug)]
pub(super) enum Written {
    /// It arrived, and the service said no.
    Refused(Refused),
    /// Something went wrong on the way.
    Failed(Failure),
}

impl From<Written> for Failure {
    fn from(written: Written) -> Self {
        match written {
            Written::Refused(refused) => refused.into(),
            Written::Failed(failure) => failure,
        }
    }
}

/// A call of several writes: what fails after the first is [`Failure::after_change`].
#[derive(Default)]
pub(super) struct Progress(bool);

impl Progress {
    /// Takes the result of the next write.
    pub(super) fn step<T>(&mut self, result: Result<T, Written>) -> Result<T, Failure> {
        match result {
            Ok(value) => {
                self.0 = true;
                Ok(value)
            }
            Err(written) => Err(self.fail(written.into())),
        }
    }

    /// What the call was about is not there at its end.
    pub(super) fn gone(&self, what: &str) -> Failure {
        let soon = Duration::from_millis(100);
        self.fail(Failure::maybe(format!("{what} is gone"), soon).answered())
    }

    /// The failure as this call must report it.
    pub(super) fn fail(&self, failure: Failure) -> Failure {
        if self.0 { failure.after_change() } else { failure }
    }
}
