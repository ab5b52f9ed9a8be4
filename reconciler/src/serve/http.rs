//! What `grail serve` tells and takes over HTTP: health, metrics, a JSON interface, events as they happen, and a page.
//!
//! ```text
//!   TCP ─> listener (limits) ─> TLS ─> gate (who, from where) ─> routes ─> Board (reads) or Control (wakes, pauses)
//! ```
//!
//! Nothing here waits for a stage, an account or a state: answers come from the [`Board`]. On loopback nobody is asked who they
//! are, but a page of another origin is kept out; anywhere else a token or a client's certificate is required, and a listener
//! that has neither is not opened. Tokens and certificates can be others while the process runs ([`Renewal`]). **Given up:** HTTP/2,
//! users and roles (who may see may act). **Not known here:** AWS, states, what a pass does.

use std::net::SocketAddr;
use std::sync::Arc;

use grail_state::Digest;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

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
mod sent;
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

use site::{Keys, Site};

/// A listener that is open.
#[derive(Debug)]
pub struct Listening {
    /// Where: the port that the system has chosen, where none was given.
    pub address: SocketAddr,
    /// Ends after a stop, when the requests that were under way have been answered. Says how many connections a defect has
    /// ended: there should be none.
    pub task: JoinHandle<usize>,
    /// Takes up other secrets and certificates.
    pub renewal: Renewal,
}

/// Takes up what secrets and certificates are by now, while the listener goes on.
pub struct Renewal {
    site: Arc<Site>,
    address: SocketAddr,
    tls: watch::Sender<Option<TlsAcceptor>>,
    /// Of everything that is in force.
    print: Digest,
}

impl std::fmt::Debug for Renewal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renewal")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Renewal {
    /// From now on what `settings` say, and the files that they name hold, opens the door and is shown to who connects: true
    /// where that is another than before. The address and the limits stay. Connections that are open go on.
    ///
    /// # Errors
    /// [`HttpError`] where it cannot be used: what was in force stays so.
    pub fn renew(&mut self, settings: &HttpSettings) -> Result<bool, HttpError> {
        settings.check()?;
        let print = settings.print();
        if print == self.print {
            return Ok(false);
        }
        let tls = acceptor(settings)?;
        self.site
            .change(Keys::of(settings, self.address, &self.site.key)?);
        self.tls.send_replace(tls);
        self.print = print;
        Ok(true)
    }
}

fn acceptor(settings: &HttpSettings) -> Result<Option<TlsAcceptor>, HttpError> {
    let certificate = settings.certificate.as_ref();
    certificate
        .map(|certificate| tls::acceptor(certificate, settings.client_ca.as_deref()))
        .transpose()
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
    let print = settings.print();
    let (tls, shown) = watch::channel(acceptor(&settings)?);
    let socket = listener::bind(settings.listen).await?;
    let address = socket.local_addr().map_err(|error| HttpError::Listen {
        address: settings.listen,
        error,
    })?;
    let limits = settings.limits;
    let site = Arc::new(Site::new(settings, address, board, control, stop.clone())?);
    let task = tokio::spawn(listener::serve(socket, shown, Arc::clone(&site), limits, stop));
    let renewal = Renewal {
        site,
        address,
        tls,
        print,
    };
    Ok(Listening {
        address,
        task,
        renewal,
    })
}
