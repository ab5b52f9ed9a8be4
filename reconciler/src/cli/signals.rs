//! SIGINT and SIGTERM: the first asks the pass to stop, the second ends the process at once. Both are safe: what was begun is
//! in the journal. What happens meanwhile is told by the pass, in its own form; here is only its last word.

use std::process::ExitCode;

use grail_providers::aws::Context;

use crate::engine::StopSignal;

use super::exit::Exit;
use super::refusal::Refusal;
use super::words;
use crate::watch::Bell;

/// Does what writes nothing, to its end or to the first SIGINT or SIGTERM. Where it is stopped, what it has started (the
/// interpreter that imports the app, which has a process group of its own) is ended with it.
///
/// # Errors
/// Its own, and that it was stopped.
pub async fn unless_stopped<T>(work: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    let mut stop = listen(None);
    tokio::select! {
        biased;
        why = stop.stopped() => Err(Refusal::new(why)),
        done = work => done,
    }
}

/// A signal that comes with the first SIGINT or SIGTERM. From then on no request of `context` waits for its rate any more.
pub fn listen(context: Option<&Context>) -> StopSignal {
    let (sender, stop) = StopSignal::new();
    let pacer = context.map(|context| context.pacer().clone());
    tokio::spawn(async move {
        let Some(mut signals) = Signals::new() else { return };
        let Some(name) = signals.next().await else { return };
        let why = format!("stopped by {name}");
        if let Some(pacer) = pacer {
            pacer.stop(&why);
        }
        let _gone = sender.send(Some(why));
        if signals.next().await.is_some() {
            // A bar that is being drawn stays as it is otherwise, without an end of its line.
            words::words(
                "\nstopped at once; the next `grail deploy`, `delete` or `rollback` goes on from here\n",
            );
            end(Exit::Open);
        }
    });
    stop
}

/// `stop`, for one pass: when it comes, no request of `context` waits for its rate any more. Holds for as long as the answer's
/// guard.
pub fn relayed(mut stop: StopSignal, context: &Context) -> (StopSignal, Relay) {
    let (sender, relayed) = StopSignal::new();
    let pacer = context.pacer().clone();
    let task = tokio::spawn(async move {
        let why = stop.stopped().await;
        pacer.stop(&why);
        let _over = sender.send(Some(why));
    });
    (relayed, Relay(task))
}

/// Ends what [`relayed`] began, when dropped.
pub struct Relay(tokio::task::JoinHandle<()>);

impl Drop for Relay {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Rings `bell` at each SIGHUP, which would end the process otherwise.
#[cfg(unix)]
pub fn rings_at_hangup(bell: Bell) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return;
    };
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            bell.ask();
        }
    });
}

/// There is no such signal.
#[cfg(not(unix))]
pub fn rings_at_hangup(_bell: Bell) {}

#[expect(clippy::exit, reason = "a second signal asks for just this")]
fn end(exit: Exit) -> ExitCode {
    std::process::exit(i32::from(exit as u8))
}

/// Both signals, listened to from its making: one that comes between two waits is not missed.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Option<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Some(Self {
            interrupt: signal(SignalKind::interrupt()).ok()?,
            terminate: signal(SignalKind::terminate()).ok()?,
        })
    }

    async fn next(&mut self) -> Option<&'static str> {
        tokio::select! {
            got = self.interrupt.recv() => got.map(|()| "SIGINT"),
            got = self.terminate.recv() => got.map(|()| "SIGTERM"),
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Option<Self> {
        Some(Self)
    }

    async fn next(&mut self) -> Option<&'static str> {
        tokio::signal::ctrl_c().await.ok().map(|()| "Ctrl-C")
    }
}
