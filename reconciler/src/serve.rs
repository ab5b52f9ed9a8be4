//! Many stages in one process: which there are, what becomes of each, and who may ask for what.
//!
//! ```text
//!   configuration ─> Roster ─> one loop a stage ─ notices ─> Board ─> HTTP, metrics, page, events
//!                                   ^                          │
//!                                   └────────── Control <──────┘  (wake, pause)
//! ```
//!
//! The [`Board`] is the only thing that both sides know: loops write it, listeners read it, and neither waits for the other.

mod board;
mod counts;
#[cfg(feature = "aws")]
pub mod http;

pub use board::{
    Board, Configuration, Control, History, LastPass, Missed, Next, Notice, NoticeKind, Refused, Running,
    StageKey, StageReport, Standing,
};
pub use counts::{BOUNDS, Counted, Counts, Durations, Tally, end_word};
