//! How long things take in the make-believe cloud, and how they go wrong.

use std::time::Duration;

use crate::port::Failure;

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Refused: 4xx.
    Refuse,
    /// 429, without a word on when to come again.
    Throttle,
    /// 429 that says when to come again ([`Physics::retry_after`]).
    ThrottleUntil,
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
    /// Nothing is ever answered, and the request never arrives: the caller gives up ([`Physics::patience`]).
    Hang,
    /// Nothing is ever answered to a request that arrived.
    HangAfter,
    /// A read that shows what was there 0.9 s ago.
    Stale,
}

impl Fault {
    /// Those of writes.
    pub const ALL: [Self; 10] = [
        Self::Refuse,
        Self::Throttle,
        Self::ThrottleUntil,
        Self::Broken,
        Self::BrokenAfter,
        Self::LostRequest,
        Self::LostAnswer,
        Self::Late,
        Self::Hang,
        Self::HangAfter,
    ];

    /// Those of reads: what comes after the SDK has repeated the read in vain.
    pub const READS: [Self; 7] = [
        Self::Refuse,
        Self::Throttle,
        Self::ThrottleUntil,
        Self::Broken,
        Self::LostAnswer,
        Self::Hang,
        Self::Stale,
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
    /// Whether that differs from role to role as it does in the field: 0.5 to 15 s, and of one in twenty up to 15 minutes.
    pub roles_differ: bool,
    /// Until a fresh or changed function is usable.
    pub busy: Duration,
    /// Until a fresh or changed domain is usable.
    pub domain: Duration,
    /// How much later a late request arrives.
    pub late: Duration,
    /// How long the caller waits for an answer.
    pub patience: Duration,
    /// What a throttle asks for that says when to come again.
    pub retry_after: Duration,
    /// How old at most what a read shows may be; each read shows another age. Lists and looks of one thing alike, and no
    /// read knows what another has shown.
    pub staleness: Duration,
    /// What repeats all that is drawn.
    pub seed: u64,
    /// Whether a request whose sender died on the way arrives, late, all the same.
    pub dropped_arrive: bool,
}

impl Physics {
    /// What the field knows beside faults: fresh roles that take their time, reads that are old, requests that arrive after
    /// their sender's death. `seed` repeats it.
    pub fn of_the_field(seed: u64) -> Self {
        Self {
            roles_differ: true,
            staleness: Duration::from_millis(900),
            dropped_arrive: true,
            seed,
            ..Self::default()
        }
    }
}

impl Default for Physics {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(50),
            jitter: Duration::ZERO,
            role: Duration::from_secs(8),
            roles_differ: false,
            busy: Duration::from_secs(2),
            domain: Duration::from_secs(5),
            late: Duration::from_secs(9),
            patience: Duration::from_secs(10),
            retry_after: Duration::from_secs(15),
            staleness: Duration::ZERO,
            seed: 0,
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
