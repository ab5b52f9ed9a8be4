//! Everything that the AWS resource types share: who we are, the clients, the one seam under the SDK, and the table that
//! turns the SDK's errors into failures that the engine understands.
//!
//! [`Context`] is what every resource type is given. [`clients`] is the only place that builds SDK clients, and every
//! request of theirs passes through [`connector`]. The SDK repeats reads by itself and never repeats a write: only the
//! engine does that, because only it can look first.

pub mod arn;
pub mod clients;
pub mod connector;
pub mod context;
pub mod latest;
pub mod live;
pub mod objects;
pub mod outcome;
#[cfg(test)]
pub(crate) mod testing;
pub mod transport;
pub mod wait;

pub use crate::pace::{Pacer, Pacers, SharedDebts};
pub use clients::Clients;
pub use connector::{Access, Calls, Operation, Pace, Seam};
pub use context::{Context, ContextError, ForeignCode, LocalCloud, Rates, RoleToAssume, Settings};
pub use outcome::Outcome;
