//! Gates: calls are held until so many of them are in flight together, which shows concurrency without a clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::call::Call;
use super::fault::On;

/// How long a held call waits for its companions. Only a failing test waits this long.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Holds each call that `on` takes until `together` of them are held; then all go on, and so do all later ones.
#[derive(Debug, Clone)]
pub struct Gate {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    on: On,
    together: usize,
    patience: Duration,
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Calls of the kind meant, held or not.
    seen: usize,
    /// The most that were held at one time.
    most: usize,
    held: usize,
}

impl Gate {
    pub(super) fn new(on: On, together: usize, patience: Duration) -> Gate {
        let (state, _) = watch::channel(State::default());
        Gate {
            inner: Arc::new(Inner {
                on,
                together,
                patience,
                state,
            }),
        }
    }

    /// Whether the awaited number was in flight together.
    pub fn was_met(&self) -> bool {
        self.inner.state.borrow().most >= self.inner.together
    }

    /// Fails unless the awaited number was in flight together.
    pub fn assert_met(&self) {
        let (most, wanted) = (self.inner.state.borrow().most, self.inner.together);
        assert!(
            most >= wanted,
            "at most {most} calls were in flight together, {wanted} were awaited"
        );
    }

    /// Waits at the gate, where the call is one of those meant.
    pub(super) async fn pass(&self, call: &Call) {
        if !self.inner.on.is_about(call) || !self.enter() {
            return;
        }
        let mut state = self.inner.state.subscribe();
        let met = state.wait_for(|state| state.most >= self.inner.together);
        // Where the companions never come the call goes on, so that the scenario ends and `assert_met` can say so.
        let _ = tokio::time::timeout(self.inner.patience, met).await;
        self.inner.state.send_modify(|state| state.held -= 1);
    }

    /// Counts the call; true where it is to be held.
    fn enter(&self) -> bool {
        let mut held = false;
        self.inner.state.send_modify(|state| {
            state.seen += 1;
            held = self.inner.on.takes(state.seen);
            if held {
                state.held += 1;
                state.most = state.most.max(state.held);
            }
        });
        held
    }
}
