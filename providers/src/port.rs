//! The port: what every type of resource offers, and what may be asked of it.
//!
//! ```text
//!   Resource  (what an author writes: own types, native async functions)
//!      │ erase
//!      v
//!   Provider: Rules   (what the engine calls: JSON documents, trait objects)
//!      │
//!      v
//!   Catalog (kind -> provider)   and its pure face, the RuleBook, for the planner
//! ```

pub mod catalog;
pub mod erase;
pub mod failure;
mod hush;
pub mod provider;
pub mod resource;
pub mod rules;
pub mod sending;
pub mod urgency;

pub use catalog::{Catalog, RuleBook};
pub use erase::erase;
pub use failure::{Effect, Failure, Retry};
pub use provider::{Create, Delete, Examined, Kin, Locator, Provider, Secured, Update};
pub use resource::{Birth, Change, Removal, Resource, Seen, Sight};
pub use rules::{Access, Cost, Diff, FieldChange, Invalid, Lane, Rules, Undelete};
