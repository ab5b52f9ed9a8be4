//! What is told of a plan, apart from where it is told: on a terminal, in a comment or on a page.
//!
//! Pure, and without secrets, because plans have none. It knows neither terminals nor markup.

pub mod plan;
mod policy;
pub mod value;
