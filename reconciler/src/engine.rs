//! Makes plans happen; owns time, concurrency, the journal and the way back. Knows no AWS.

pub mod call;
pub mod frontier;
pub mod limits;
pub mod machine;

mod attempt;
mod own;
