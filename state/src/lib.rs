//! The forms that a resource takes, and what is remembered of them.
//!
//! A resource is *desired* ([`Desired`]), *recorded* ([`Record`]) and *observed* ([`Observed`]); these three words are used
//! everywhere with just these meanings. Around them stand what makes a change durable: the [`journal`], its fold [`txn`],
//! the [`snapshot`] of the last commit, and the [`store`] that holds both.
//!
//! This package knows no provider, no plan and no AWS.

pub mod artifacts;
pub mod chalice;
pub mod desired;
pub mod digest;
mod disk;
pub mod id;
pub mod journal;
pub mod observed;
mod older;
pub mod record;
pub mod report;
pub mod seal;
pub mod snapshot;
pub mod store;
pub mod template;
pub mod txn;
pub mod wire;

pub use desired::{Desired, DesiredState};
pub use digest::{Digest, Digester};
pub use id::{Handle, Kind, ResourceId, StackId, StepToken};
pub use journal::{Entry, Keep, Lost, PreImage, Seq};
pub use observed::{Observed, Proof, Remote};
pub use record::Record;
pub use report::Report;
pub use snapshot::{Snapshot, Version};
pub use template::{OutputRef, Template};
pub use wire::{Several, Wire};
