//! Whether a write may still be sent that has waited: nobody outside knows of our lock, and a wait for a rate may be longer
//! than a lease.
//!
//! It travels beside the calls as [`urgency`](super::urgency) does: the engine answers around the call of a step, and the seam
//! under the clients asks just before it sends a write. What is under way already is not taken back.

use std::convert::Infallible;
use std::future::Future;

use tokio::sync::{mpsc, oneshot};

/// Whoever asks, to be told.
type Ask = oneshot::Sender<bool>;

tokio::task_local! {
    static ASKS: mpsc::Sender<Ask>;
}

/// Runs `work`, each of whose writes asks `may_be_sent` when its turn has come.
pub async fn only_while<W, A, F>(may_be_sent: A, work: W) -> W::Output
where
    W: Future,
    A: Fn() -> F,
    F: Future<Output = bool>,
{
    let (asks, mut asked) = mpsc::channel::<Ask>(1);
    // Beside the work, so that it may borrow, and outside of what it answers for, so that its own writes ask nobody.
    let answering = async {
        while let Some(ask) = asked.recv().await {
            // Who asked may have run out of time.
            let _ = ask.send(may_be_sent().await);
        }
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        biased;
        done = ASKS.scope(asks, work) => done,
        never = answering => match never {},
    }
}

/// Whether the write at hand may be sent. Yes where nobody [minds](only_while).
pub async fn may_be_sent() -> bool {
    let Ok(asks) = ASKS.try_with(Clone::clone) else {
        return true;
    };
    let (ask, answer) = oneshot::channel();
    asks.send(ask).await.is_ok() && answer.await.unwrap_or(false)
}
