//! Many stages in one process: which there are, what becomes of each, and who may ask for what.
//!
//! ```text
//!   configuration ─> Service ─> one loop a stage ─ notices ─> Board ─> HTTP, metrics, page, events
//!                       │  ^        ^        ^                  │
//!                      Crew │     Slots    Hands                │
//!        (whose stage it is)└────────── Control <───────────────┘  (wake, pause)
//! ```
//!
//! One loop a stage ([`crate::watch`]), each on one of a few threads ([`Hands`]): a pass cannot leave its own. Which stages' passes
//! are made now, [`Slots`] say; which are ours at all, where replicas share them, the [`crew`].
//!
//! The [`Board`] is the only thing that both sides know: loops write it, listeners read it, and neither waits for the other.

mod board;
mod counts;
pub mod crew;
mod desk;
mod hands;
#[cfg(feature = "aws")]
pub mod http;
mod http_table;
mod seat;
mod service;
mod slots;

pub use board::{
    Board, Configuration, Control, History, LastPass, Missed, Next, Notice, NoticeKind, Refused, Running,
    StageKey, StageReport, Standing,
};
pub use counts::{BOUNDS, Counts, Durations, Tally, end_word};
pub use desk::{Desk, Wall};
pub use hands::{Hands, Threads, Work};
pub use http_table::{HttpTable, PORT};
pub use service::{Changes, Make, Means, Posting, Service, Witness};
pub use slots::{Slot, Slots};
