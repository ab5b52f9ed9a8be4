//! A plan on a terminal and in a comment.

use super::paint::Paint;
use crate::plan::Plan;

mod markdown;
#[cfg(test)]
pub(crate) mod tests;
mod text;

pub use crate::report::plan::{Counts, document, json, schema};
pub use markdown::markdown;
pub(super) use text::fields;

/// The plan for a terminal.
pub fn human(plan: &Plan, colour: bool) -> String {
    text::human(plan, Paint::new(colour))
}
