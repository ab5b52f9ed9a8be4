//! An HTTP proxy on the loopback interface, before an emulator: it records every call, can hold, delay and fail calls by
//! rule, and makes up for what the emulator cannot do.
//!
//! A proxy has two addresses. What comes to [`Proxy::endpoint`] is recorded and subject to faults, gates and delays: it is
//! for the program under test. What comes to [`Proxy::quiet_endpoint`] is only passed on, with the same making up: it is for
//! the test's own looks and preparations.
//!
//! A call goes on to its end even where its client has gone, as it would on AWS: a request that was sent may take effect.

mod call;
mod fault;
mod gate;
mod moto;
mod operation;
mod refusal;
mod swagger;
mod upstream;
mod wire;

pub use call::{Call, Calls};
pub use fault::{Arrival, Effect, Fault, Injected, On};
pub use gate::Gate;
pub use operation::{Access, Operation};
pub use wire::Wire;

use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::runtime;
use moto::MotoGaps;
use refusal::Answer;
use upstream::{Asked, Upstream};

/// A proxy before one emulator. Stops listening when dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    recorded: SocketAddr,
    quiet: SocketAddr,
    listeners: Vec<JoinHandle<Infallible>>,
}

type Visitor = Arc<Mutex<dyn FnMut(&Call) + Send>>;

struct Shared {
    upstream: Upstream,
    gaps: Option<MotoGaps>,
    log: Mutex<Log>,
    faults: fault::Faults,
    gates: Mutex<Vec<Gate>>,
    delay: Mutex<Duration>,
    beside: Mutex<Option<Visitor>>,
    /// Taken by each call while somebody else acts beside us.
    turn: tokio::sync::Mutex<()>,
    /// How many calls have arrived: wakes late requests.
    arrived: watch::Sender<usize>,
    released: watch::Sender<usize>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("upstream", &self.upstream)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Log {
    calls: Vec<Call>,
    /// Arrivals and answers so far; never reset, so that a call knows its log by its start.
    ticks: usize,
}

impl Proxy {
    /// Before an emulator that is taken as it is.
    pub fn before(endpoint: &str) -> Proxy {
        Proxy::start(Upstream::new(endpoint), None)
    }

    /// Before nothing: `play` gives status and body for each call.
    pub fn playing(play: impl Fn(&Call) -> (u16, String) + Send + Sync + 'static) -> Proxy {
        Proxy::start(Upstream::played(play), None)
    }

    /// Before a moto server, whose gaps it fills (see the module `moto`).
    pub fn before_moto(endpoint: &str) -> Proxy {
        Proxy::start(Upstream::new(endpoint), Some(MotoGaps::default()))
    }

    /// Before a copy of this one's emulator: it keeps in mind what this one does. Records, rules and delays are its own.
    #[must_use]
    pub fn twin(&self, endpoint: &str) -> Proxy {
        Proxy::start(Upstream::new(endpoint), self.shared.gaps.clone())
    }

    fn start(upstream: Upstream, gaps: Option<MotoGaps>) -> Proxy {
        let shared = Arc::new(Shared {
            upstream,
            gaps,
            log: Mutex::default(),
            faults: fault::Faults::default(),
            gates: Mutex::default(),
            delay: Mutex::default(),
            beside: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            arrived: watch::channel(0).0,
            released: watch::channel(0).0,
        });
        let (recorded, first) = listen(&shared, true);
        let (quiet, second) = listen(&shared, false);
        Proxy {
            shared,
            recorded,
            quiet,
            listeners: vec![first, second],
        }
    }

    /// The address for the program under test.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.recorded)
    }

    /// The address for the test itself: not recorded, never failed.
    pub fn quiet_endpoint(&self) -> String {
        format!("http://{}", self.quiet)
    }

    /// The way in for an SDK in this process, as [`Proxy::endpoint`] is for others.
    pub fn wire(&self) -> Wire {
        Wire::into(&self.shared, self.quiet)
    }

    /// Every call since the start or the last [`Proxy::forget_calls`].
    pub fn calls(&self) -> Calls {
        Calls::new(self.shared.log().calls.clone())
    }

    /// Every call since then, and begins a new record: none is lost between the two.
    pub fn take_calls(&self) -> Calls {
        Calls::new(std::mem::take(&mut self.shared.log().calls))
    }

    /// Begins a new record. Calls in flight are not in it.
    pub fn forget_calls(&self) {
        self.shared.log().calls.clear();
    }

    /// Every call from now on takes this much longer.
    pub fn delay_each(&self, time: Duration) {
        *lock(&self.shared.delay) = time;
    }

    /// Strikes the calls that `on` takes with `fault`. Rules are counted from now on; the first that fits strikes.
    pub fn inject(&self, on: On, fault: Fault) -> Injected {
        self.shared.faults.add(on, fault)
    }

    /// Strikes the calls that `on` takes with one fault after the other, and then no more.
    pub fn inject_in_turn(&self, on: On, faults: &[Fault]) -> Injected {
        self.shared.faults.add_in_turn(on, faults)
    }

    /// From the `from`th call that `on` takes, strikes every call of whatever kind with `fault`.
    pub fn inject_after(&self, on: On, from: usize, fault: Fault) -> Injected {
        self.shared.faults.add_after(on, from, fault)
    }

    /// Lets somebody else act right before each call that is recorded. From now on one call is answered after the other:
    /// what `visit` does lies between two of them. It finds the account at [`Proxy::quiet_endpoint`].
    pub fn beside(&self, visit: impl FnMut(&Call) + Send + 'static) {
        *lock(&self.shared.beside) = Some(Arc::new(Mutex::new(visit)));
    }

    /// Nobody else acts any more.
    pub fn alone(&self) {
        *lock(&self.shared.beside) = None;
    }

    /// Forgets every rule.
    pub fn heal(&self) {
        self.shared.faults.clear();
    }

    /// Holds the calls that `on` takes until `together` of them are in flight at one time.
    /// Only where they never come does a call go on without them, after 20 s; [`Gate::assert_met`] then fails.
    pub fn hold(&self, on: On, together: usize) -> Gate {
        self.hold_for(on, together, gate::PATIENCE)
    }

    /// Like [`Proxy::hold`], for a scenario that expects the others not to come.
    pub fn hold_for(&self, on: On, together: usize, patience: Duration) -> Gate {
        let gate = Gate::new(on, together, patience);
        lock(&self.shared.gates).push(gate.clone());
        gate
    }

    /// Waits until a rule has struck a call, its effect included where it has one. False where `gone` says so first.
    pub fn wait_for(&self, fault: &str, mut gone: impl FnMut() -> bool) -> bool {
        loop {
            if self.calls().iter().any(|call| call.fault == Some(fault)) {
                return true;
            }
            if gone() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until no request is on its way to the emulator: what a client that was killed had sent has then arrived. One
    /// that is kept back by [`Fault::Late`], or never answered, is not waited for.
    pub fn come_to_rest(&self) {
        while self.calls().iter().any(|call| call.ended.is_none()) {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Lets every request that was kept back by [`Arrival::WhenReleased`] arrive.
    pub fn release_late(&self) {
        self.shared.released.send_modify(|count| *count += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
    }
}

/// The connection is to be closed without an answer.
#[derive(Debug)]
enum Dropped {
    /// In order.
    Closed,
    /// By a reset.
    Reset,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dropped by a rule of the test")
    }
}

impl std::error::Error for Dropped {}

fn listen(shared: &Arc<Shared>, recorded: bool) -> (SocketAddr, JoinHandle<Infallible>) {
    let shared = Arc::clone(shared);
    let listener =
        std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binding a port for the proxy");
    listener
        .set_nonblocking(true)
        .expect("making the proxy's port asynchronous");
    let address = listener.local_addr().expect("reading the proxy's own port");
    let task = runtime::shared().spawn(async move {
        let listener = TcpListener::from_std(listener).expect("handing the proxy's port to the runtime");
        let mut connections = JoinSet::new();
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(Arc::clone(&shared), stream, address, recorded));
            }
            while connections.try_join_next().is_some() {}
        }
    });
    (address, task)
}

async fn serve(shared: Arc<Shared>, stream: TcpStream, own: SocketAddr, recorded: bool) {
    let torn = AtomicBool::new(false);
    let service = service_fn(|request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        let torn = &torn;
        async move {
            let (parts, body) = request.into_parts();
            let Ok(body) = body.collect().await else {
                return Err(Dropped::Closed);
            };
            let asked = Asked {
                parts,
                body: body.to_bytes(),
            };
            // A task of its own: the emulator finishes what it was asked even where the client goes away.
            let answer = tokio::spawn(async move { shared.answer(asked, own, recorded).await });
            let answer = answer.await.unwrap_or(Err(Dropped::Closed));
            torn.store(matches!(answer, Err(Dropped::Reset)), Ordering::Relaxed);
            answer.map(|answer| answer.map(Full::new))
        }
    });
    let mut connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // An error here is a connection that broke, by a rule or by the client; both are the test's to see.
    let _ = (&mut connection).await;
    if torn.load(Ordering::Relaxed) {
        // Without anything to linger for, closing is a reset.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}

impl Shared {
    async fn answer(
        self: Arc<Self>,
        asked: Asked,
        own: SocketAddr,
        recorded: bool,
    ) -> Result<Answer, Dropped> {
        if !recorded {
            return Ok(self.forward(asked, own).await);
        }
        let call = self.begin(&asked);
        let gates = lock(&self.gates).clone();
        for gate in &gates {
            gate.pass(&call).await;
        }
        let delay = *lock(&self.delay);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let visitor = lock(&self.beside).clone();
        let _turn = match visitor {
            None => None,
            Some(visitor) => {
                let turn = self.turn.lock().await;
                let call = call.clone();
                let visit = tokio::task::spawn_blocking(move || (*lock(&visitor))(&call));
                visit.await.expect("what somebody else does beside us goes well");
                Some(turn)
            }
        };
        let fault = self.faults.strike(&call);
        let name = fault.as_ref().map(Fault::name);
        let answer = match fault {
            None => Ok(self.forward(asked, own).await),
            Some(fault) => self.suffer(fault, &call, asked, own).await,
        };
        self.end(&call, answer.as_ref().ok(), name);
        answer
    }

    async fn suffer(
        self: &Arc<Self>,
        fault: Fault,
        call: &Call,
        asked: Asked,
        own: SocketAddr,
    ) -> Result<Answer, Dropped> {
        let service = call.operation.service.as_str();
        if matches!(
            fault,
            Fault::ServerError(Effect::Done)
                | Fault::Drop(Effect::Done)
                | Fault::Reset(Effect::Done)
                | Fault::Silence(Effect::Done)
        ) {
            self.forward(asked.clone(), own).await;
        }
        match fault {
            Fault::Refuse {
                status,
                code,
                message,
            } => Ok(refusal::refusal(service, status, &code, &message)),
            Fault::Answer(text) => Ok(refusal::success(&text)),
            Fault::Throttle => Ok(refusal::throttling(service)),
            Fault::ServerError(_) => Ok(refusal::server_error(service)),
            Fault::Drop(_) => Err(Dropped::Closed),
            Fault::Reset(_) => Err(Dropped::Reset),
            Fault::Late(arrival) => {
                let now = (*self.arrived.borrow(), *self.released.borrow());
                tokio::spawn(Arc::clone(self).arrive_late(arrival, now, asked, own));
                Err(Dropped::Closed)
            }
            Fault::Delay(time) => {
                tokio::time::sleep(time).await;
                Ok(self.forward(asked, own).await)
            }
            Fault::Silence(_) => {
                // Recorded now, because there is no later: who waits for the blow sees it only when it has landed.
                self.end(call, None, Some(fault.name()));
                std::future::pending().await
            }
        }
    }

    async fn arrive_late(
        self: Arc<Self>,
        arrival: Arrival,
        now: (usize, usize),
        asked: Asked,
        own: SocketAddr,
    ) {
        let (arrived, released) = now;
        match arrival {
            Arrival::AfterCalls(more) => {
                let _ = self
                    .arrived
                    .subscribe()
                    .wait_for(|count| *count >= arrived + more)
                    .await;
            }
            Arrival::WhenReleased => {
                let _ = self
                    .released
                    .subscribe()
                    .wait_for(|count| *count > released)
                    .await;
            }
            Arrival::After(time) => tokio::time::sleep(time).await,
        }
        self.forward(asked, own).await;
    }

    async fn forward(&self, asked: Asked, own: SocketAddr) -> Answer {
        match &self.gaps {
            Some(gaps) => gaps.forward(&self.upstream, asked, own).await,
            None => self.upstream.send(asked).await,
        }
    }

    fn begin(&self, asked: &Asked) -> Call {
        let mut log = self.log();
        let call = call::read(asked, log.ticks);
        log.ticks += 1;
        log.calls.push(call.clone());
        drop(log);
        self.arrived.send_modify(|count| *count += 1);
        call
    }

    fn end(&self, call: &Call, answer: Option<&Response<Bytes>>, fault: Option<&'static str>) {
        let mut log = self.log();
        let tick = log.ticks;
        log.ticks += 1;
        if let Some(own) = log.calls.iter_mut().find(|other| other.started == call.started) {
            own.ended = Some(tick);
            own.fault = fault;
            own.status = answer.map(|answer| answer.status().as_u16());
            own.answer = answer.map(|answer| answer.body().clone()).unwrap_or_default();
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }
}

/// The API document that a call carries, as its sender wrote it; none where it carries none.
pub fn document_in(call: &Call) -> Option<&Value> {
    matches!(call.name(), "ImportRestApi" | "PutRestApi").then_some(&call.body)
}

/// Undoes percent encoding, and `+` for a blank.
pub fn percent_decoded(text: &str) -> String {
    call::decoded(text)
}

/// A document as the proxy hands it to moto: OpenAPI 3.0.1, whatever its sender wrote.
pub fn translated_for_moto(document: &Value) -> Value {
    swagger::as_openapi3(document)
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
