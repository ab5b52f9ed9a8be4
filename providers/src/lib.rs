//! x

pub mod package;
