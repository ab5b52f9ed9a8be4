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
pub mod crew;
mod desk;
mod hands;
mod http_settings;
mod seat;
mod service;
mod slots;

pub use board::{
    Board, Control, History, LastPass, Next, Notice, NoticeKind, Refused, Running, StageKey, StageReport,
    Standing,
};
pub use desk::{Desk, Wall};
pub use hands::{Hands, Threads, Work};
pub use http_settings::{HttpSettings, PORT};
pub use service::{Changes, Make, Means, Posting, Service, Witness};
pub use slots::{Slot, Slots};
