//! Connections: how many, how long each may take for what, and how they end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::patient::Patient;
use super::routes;
use super::settings::{HttpError, Limits};
use super::site::Site;
use crate::engine::StopSignal;

/// The largest head of a request, in bytes and in headers.
const HEAD: usize = 16 * 1024;
const HEADERS: usize = 64;
/// After the system could not give a connection (no more files), until it is asked again.
const EXHAUSTED: Duration = Duration::from_millis(200);
/// What is said to who comes when there are too many.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// What the listener knows of who makes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    /// A certificate was shown, and follows from an authority.
    pub(super) certified: bool,
}

/// Takes the address.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, HttpError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| HttpError::Listen { address, error })
}

/// Answers until `stop`, over what `tls` is by then where it is anything; then what is under way is answered, for as long as the
/// limits say. The answer is how many connections a defect has ended.
pub(super) async fn serve(
    socket: TcpListener,
    tls: watch::Receiver<Option<TlsAcceptor>>,
    site: Arc<Site>,
    limits: Limits,
    mut stop: StopSignal,
) -> usize {
    let app = routes::router(site);
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut open = JoinSet::new();
    let mut defects = 0;
    loop {
        let accepted = tokio::select! {
            _why = stop.stopped() => break,
            Some(ended) = open.join_next() => {
                defects += usize::from(is_defect(&ended));
                continue;
            }
            accepted = socket.accept() => accepted,
        };
        let Ok((stream, _address)) = accepted else {
            sleep(EXHAUSTED).await;
            continue;
        };
        let tls = tls.borrow().clone();
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            turn_away(&stream, tls.is_some());
            continue;
        };
        let (app, stop) = (app.clone(), stop.clone());
        open.spawn(async move {
            converse(stream, tls, app, limits, stop).await;
            drop(place);
        });
    }
    drop(socket);
    let ended = async {
        while let Some(ended) = open.join_next().await {
            defects += usize::from(is_defect(&ended));
        }
    };
    if timeout(limits.parting, ended).await.is_err() {
        open.shutdown().await;
    }
    defects
}

/// Whether a connection was ended by a panic, which is told.
fn is_defect(ended: &Result<(), JoinError>) -> bool {
    let defect = ended.as_ref().err().filter(|error| error.is_panic());
    if let Some(error) = defect {
        tracing::error!(%error, "a defect of grail ended a connection");
    }
    defect.is_some()
}

fn turn_away(stream: &TcpStream, encrypted: bool) {
    if !encrypted {
        // Who does not take it is not waited for.
        let _taken = stream.try_write(FULL);
    }
}

async fn converse(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    app: Router,
    limits: Limits,
    stop: StopSignal,
) {
    // Answers are written whole; only waiting would make them slow.
    let _kept_as_it_is = stream.set_nodelay(true);
    let stream = Patient::new(stream, limits.patience);
    let Some(tls) = tls else {
        return answer(stream, Peer { certified: false }, app, limits, stop).await;
    };
    if let Ok(Ok(stream)) = timeout(limits.head, tls.accept(stream)).await {
        let certified = stream.get_ref().1.peer_certificates().is_some();
        answer(stream, Peer { certified }, app, limits, stop).await;
    }
}

async fn answer<S>(stream: S, peer: Peer, app: Router, limits: Limits, mut stop: StopSignal)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let app = app.clone();
        async move {
            let answer = app.oneshot(request.map(Body::new)).await;
            Ok::<_, Infallible>(answer.unwrap_or_else(|never| match never {}))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_headers(HEADERS)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // What goes wrong on a connection is the concern of its other end.
    let _how = tokio::select! {
        how = connection.as_mut() => how,
        _why = stop.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
}
