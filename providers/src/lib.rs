//! The port to the outside, and behind it the types of resources.
//!
//! [`port`] states what a type of resource must be able to do; it is all that planner and engine know. Behind the feature
//! `aws` stand the real types, one file each in `resources`; behind the feature `fake` a make-believe cloud with one model
//! type for each real one.
//!
//! This package knows no planner, no engine, and no source of wishes.

pub mod pace;
pub mod package;
pub mod policy;
pub mod port;
pub mod schedule;

/// The tag by which a function of a manifest tells whose it is: `stage=<stage>:app=<app>`. Those of Chalice have Chalice's.
pub const OWNER_TAG: &str = "grail";

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "fake")]
pub mod contract;
#[cfg(feature = "fake")]
pub mod fake;
#[cfg(feature = "aws")]
pub mod privileges;
#[cfg(feature = "aws")]
pub mod resources;
