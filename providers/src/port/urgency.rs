//! How urgent the work at hand is: what keeps rates lets the most urgent request go first.
//!
//! It travels beside the calls and not in them, since no kind of resource has any say in it: the engine sets it around the
//! call of a step, and the seam under the clients reads it.

use std::future::Future;

tokio::task_local! {
    static URGENCY: u64;
}

/// Runs `work` with `urgency`: the longer the chain of steps that wait for it, the larger.
pub async fn with<F: Future>(urgency: u64, work: F) -> F::Output {
    URGENCY.scope(urgency, work).await
}

/// The urgency of the work that asks; 0 where nobody has set one.
pub fn current() -> u64 {
    URGENCY.try_with(|urgency| *urgency).unwrap_or_default()
}
