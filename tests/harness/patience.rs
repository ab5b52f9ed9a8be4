//! Waiting for what happens by itself: an event that is delivered, a schedule that comes round.

use std::time::Duration;

/// A limit for hangs, not a measure: a schedule of one minute comes round within it on the slowest machine.
const TRIES: u32 = 1200;
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// Looks again and again until there is something to see.
///
/// # Panics
/// Where there is nothing after minutes; `what` says what was waited for.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..TRIES {
        if let Some(seen) = look() {
            return seen;
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
    panic!("waited in vain for {what}");
}
