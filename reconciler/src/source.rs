//! Where wishes come from: reads files, runs the project's Python, knows no AWS.

pub mod chalice;
pub(crate) mod child;
pub mod diagnostic;
pub mod git;
pub mod manifest;
pub mod python;
