//! Waiting for our own resource to become usable.
//!
//! Looks come at 0.25 s, then ever more slowly, never more than 4 s apart. The look must be one of the cheap calls:
//! `GetFunction` has a bucket of 100 a second, while `GetFunctionConfiguration` shares 15 a second with every write.

use std::future::Future;
use std::time::Duration;

use crate::port::{Effect, Failure, Retry};

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(4);
/// How long one call of a provider waits before it hands the waiting to the engine: Chalice's waiters give up after 300 s.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Looks until `look` gives something, but no longer than [`PATIENCE`]. The first look comes after 0.25 s: the caller
/// has just learnt that it is not ready.
///
/// # Errors
/// Those of `look`; and, when patience ends, a `Maybe` that awaits `on`.
pub async fn until<T, F, L>(on: &'static str, mut look: L) -> Result<T, Failure>
where
    F: Future<Output = Result<Option<T>, Failure>>,
    L: FnMut() -> F,
{
    let end = tokio::time::Instant::now() + PATIENCE;
    let mut pause = FIRST;
    loop {
        if tokio::time::Instant::now() + pause > end {
            return Err(Failure {
                effect: Effect::Maybe,
                retry: Retry::Await { after: LONGEST, on },
                unanswered: false,
                foreign: false,
                hint: None,
                source: format!("waited {} s for {on}", PATIENCE.as_secs()).into(),
            });
        }
        tokio::time::sleep(pause).await;
        if let Some(found) = look().await? {
            return Ok(found);
        }
        pause = (pause * 3 / 2).min(LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn looks_grow_apart_and_end_with_patience() {
        let looks = Cell::new(0);
        let begun = tokio::time::Instant::now();
        let failure = until::<(), _, _>("nothing", || {
            looks.set(looks.get() + 1);
            async { Ok(None) }
        })
        .await
        .unwrap_err();
        assert!(
            matches!(failure.retry, Retry::Await { on: "nothing", .. }) && failure.effect == Effect::Maybe
        );
        assert!(
            begun.elapsed() <= PATIENCE && looks.get() > 75 && looks.get() < 90,
            "{}",
            looks.get()
        );
    }
}
