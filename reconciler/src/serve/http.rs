//! What `grail serve` tells and takes over HTTP: health, metrics, a JSON interface, events as they happen, and a page.
//!
//! ```text
//!   TCP ─> listener (limits) ─> TLS ─> gate (who, from where) ─> routes ─> Board (reads) or Control (wakes, pauses)
//! ```
//!
//! Nothing here waits for a stage, an account or a state: answers come from the [`Board`]. On loopback nobody is asked who they
//! are, but a page of another origin is kept out; anywhere else a token or a client's certificate is required, and a listener
//! that has neither is not opened. **Given up:** HTTP/2, users and roles (who may see may act), and certificates that are renewed
//! while the process runs. **Not known here:** AWS, states, what a pass does.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::board::{Board, Control};
use crate::engine::StopSignal;

mod answer;
mod conditions;
mod forms;
mod gate;
mod listener;
mod metrics;
mod openapi;
mod page;
mod patient;
mod probes;
mod problem;
mod routes;
mod secret;
mod session;
mod settings;
mod site;
mod stages;
mod stream;
mod tls;
mod webhook;
mod words;

#[cfg(test)]
mod tests;

pub use secret::Secret;
pub use settings::{Certificate, HttpError, HttpSettings, Limits};
pub use site::Clock;

use site::Site;

/// A listener that is open.
#[derive(Debug)]
pub struct Listening {
    /// Where: the port that the system has chosen, where none was given.
    pub address: SocketAddr,
    /// Ends after a stop, when the requests that were under way have been answered.
    pub task: JoinHandle<()>,
}

/// Opens the listener and answers until `stop`.
///
/// # Errors
/// [`HttpError`] where the address cannot be listened on, would be open to everybody, or where certificates cannot be used.
pub async fn listen(
    settings: HttpSettings,
    board: Arc<Board>,
    control: Arc<dyn Control>,
    stop: StopSignal,
) -> Result<Listening, HttpError> {
    settings.check()?;
    let tls = settings
        .certificate
        .as_ref()
        .map(|certificate| tls::acceptor(certificate, settings.client_ca.as_deref()));
    let tls = tls.transpose()?;
    let socket = listener::bind(settings.listen).await?;
    let address = socket.local_addr().map_err(|error| HttpError::Listen {
        address: settings.listen,
        error,
    })?;
    let limits = settings.limits;
    let site = Arc::new(Site::new(settings, address, board, control, stop.clone())?);
    let task = tokio::spawn(listener::serve(socket, tls, site, limits, stop));
    Ok(Listening { address, task })
}
