//! What whoever keeps rates must know of a request: which it is, whether it may go, and what its answer said.

use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;

/// Whether a client reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Changes nothing; the SDK may repeat it.
    Read,
    /// May change something; sent once.
    Write,
}

/// Which operation a request belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation {
    /// The service as the SDK calls it: `Lambda`, `API Gateway`, `CloudWatch Logs`.
    pub service: String,
    /// The operation: `CreateFunction`.
    pub name: String,
    /// By which kind of client.
    pub access: Access,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.name)
    }
}

/// Why a request was held back: it certainly had no effect.
#[derive(Debug, thiserror::Error)]
pub enum NotSent {
    /// Only loopback endpoints may be spoken to, and this is none.
    #[error("`{0}` is not on this machine, and only loopback endpoints are allowed here")]
    NotLoopback(String),
    /// The pace did not let it go.
    #[error("the request was held back: {0}")]
    HeldBack(String),
}

/// Keeps rates. Asked before each request is sent and told each answer.
pub trait Pace: Send + Sync + fmt::Debug {
    /// Waits until a request of `operation` may be sent.
    ///
    /// # Errors
    /// [`NotSent`] where it must not be sent any more.
    fn permit(&self, operation: &Operation) -> BoxFuture<'static, Result<(), NotSent>>;

    /// Learns from an answer.
    fn answered(&self, operation: &Operation, answer: Answered);
}

/// What an answer says of the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// There were too many requests; `pause` is what `Retry-After` asks for.
    Throttled {
        /// Nothing may be sent for this long.
        pause: Option<Duration>,
    },
    /// Anything else.
    Served,
}
