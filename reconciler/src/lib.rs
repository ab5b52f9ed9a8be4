//! Makes an AWS account what a project declares.
//!
//! Data flows one way: [`source`] -> desired -> [`plan`] -> [`engine`] -> state -> report. The planner is pure; the engine
//! owns time, concurrency and the journal; `cli` alone prints and reads the environment.

pub mod engine;
pub mod event;
pub mod graph;
pub mod plan;
#[cfg(feature = "aws")]
pub mod report;
pub mod serve;
pub mod source;
pub mod watch;

#[cfg(feature = "aws")]
pub mod cli;
#[cfg(feature = "aws")]
pub mod local;
