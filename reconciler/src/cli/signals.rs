//! SIGINT and SIGTERM: the first asks the pass to stop, the second ends the process at once. Both are safe: what was begun is
//! in the journal.

use std::process::ExitCode;

use crate::engine::StopSignal;

use super::exit::Exit;
use super::words;

/// A signal that comes with the first SIGINT or SIGTERM.
pub fn listen() -> StopSignal {
    let (sender, stop) = StopSignal::new();
    tokio::spawn(async move {
        let Some(name) = next().await else { return };
        words::words(&format!(
            "\n{name}: starting nothing more, waiting for what is in flight (again to stop at once)\n"
        ));
        let _gone = sender.send(Some(format!("stopped by {name}")));
        if next().await.is_some() {
            words::words("stopped; the next `grail deploy`, `delete` or `rollback` goes on from here\n");
            end(Exit::Open);
        }
    });
    stop
}

#[expect(clippy::exit, reason = "a second signal asks for just this")]
fn end(exit: Exit) -> ExitCode {
    std::process::exit(i32::from(exit as u8))
}

#[cfg(unix)]
async fn next() -> Option<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).ok()?;
    let mut terminate = signal(SignalKind::terminate()).ok()?;
    tokio::select! {
        _ = interrupt.recv() => Some("SIGINT"),
        _ = terminate.recv() => Some("SIGTERM"),
    }
}

#[cfg(not(unix))]
async fn next() -> Option<&'static str> {
    tokio::signal::ctrl_c().await.ok().map(|()| "Ctrl-C")
}
