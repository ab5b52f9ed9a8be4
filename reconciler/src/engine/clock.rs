//! The one clock of a pass: tokio's, which tests can pause, with a wall time beside it for the journal.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::limits::Time;

/// Time since its making, and what the wall clock said then.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    zero: Instant,
    epoch: Timestamp,
}

impl Clock {
    /// A clock that starts now, when the wall clock says `epoch`.
    pub fn starting_at(epoch: Timestamp) -> Self {
        Self {
            zero: Instant::now(),
            epoch,
        }
    }

    /// What the wall clock said at the start.
    pub fn epoch(&self) -> Timestamp {
        self.epoch
    }

    /// Since the start.
    pub fn elapsed(&self) -> Time {
        self.zero.elapsed()
    }

    /// What the wall clock says now.
    pub fn wall(&self) -> Timestamp {
        let since = SignedDuration::try_from(self.elapsed()).unwrap_or(SignedDuration::MAX);
        self.epoch.checked_add(since).unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn instant(&self, time: Time) -> Instant {
        self.zero + time
    }
}
