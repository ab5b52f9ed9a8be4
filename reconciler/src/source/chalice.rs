//! An unchanged Chalice project as a source.
//!
//! In order of use: [`config`] reads `.chalice/config.json`, [`probe`] imports `app.py` with the project's own Python and
//! gives an [`app`], [`validate`] refuses what could not be deployed, [`policy`] and [`openapi`] make the documents, and
//! [`lower`] puts the wishes together. Every name is Chalice's ([`names`]), and what is wrong is told with its place
//! ([`diagnostic`]).

pub use super::diagnostic;

pub mod app;
pub mod config;
pub mod lower;
pub mod names;
pub mod openapi;
pub mod package;
pub mod policy;
pub mod probe;
pub mod validate;

#[cfg(test)]
mod test_python;
