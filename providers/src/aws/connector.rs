//! The single seam under the SDK: every request of every client, of the credential providers and of our own downloads
//! passes here.
//!
//! The seam counts attempts (the SDK's own repetitions of reads too), traces them, keeps tests off the network, and starts
//! the deadline of a request when it is sent, not while it queues for its rate. [`Pace`] is where rates are kept; without
//! one, nothing waits. A write that has waited is sent only if it still [may be](sending). A request that the seam holds back was never sent, and says so ([`NotSent`]).

#[cfg(test)]
mod tests;
mod traced;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, Metadata};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::Instrument;

use super::transport::{BundleError, Transport};
pub use crate::pace::{Access, Answered, NotSent, Operation, Pace};
use crate::port::sending;

/// A request must be answered within this time, with few exceptions, and [`PER_MEGABYTE`] for what it carries.
const DEADLINE: Duration = Duration::from_secs(10);
/// The same for writes of API Gateway that take a whole API at once. Its own limit for them is about half a minute.
const DEADLINE_WHOLE_API: Duration = Duration::from_secs(30);
/// These writes.
const WHOLE_API: [&str; 3] = ["CreateDeployment", "ImportRestApi", "PutRestApi"];
/// The longest that an answer's wish to be left alone is granted.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// What each started megabyte of a request's body adds to its deadline.
const PER_MEGABYTE: Duration = Duration::from_secs(1);

/// How many requests were sent, by operation. Each attempt counts.
#[derive(Debug, Default)]
pub struct Calls {
    sent: Mutex<BTreeMap<Operation, u64>>,
    throttled: Mutex<BTreeMap<Operation, u64>>,
}

impl Calls {
    /// What was sent so far.
    pub fn sent(&self) -> BTreeMap<Operation, u64> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many answers asked for fewer requests so far, by operation.
    pub fn throttled(&self) -> BTreeMap<Operation, u64> {
        self.throttled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How many requests of one kind of client were sent so far.
    pub fn total(&self, access: Access) -> u64 {
        self.sent()
            .iter()
            .filter(|(operation, _)| operation.access == access)
            .map(|(_, count)| count)
            .sum()
    }

    fn count(counter: &Mutex<BTreeMap<Operation, u64>>, operation: &Operation) {
        let mut counter = counter.lock().unwrap_or_else(PoisonError::into_inner);
        *counter.entry(operation.clone()).or_default() += 1;
    }
}

/// What an answer says of the rate. Some services throttle with status 400 and say so in a header. (IAM says it in the body
/// alone: not seen here.)
fn rate_told_by(answer: &HttpResponse) -> Answered {
    let kind = answer.headers().get("x-amzn-errortype").unwrap_or_default();
    let throttled = ["Throttl", "TooManyRequests", "RequestLimitExceeded"];
    if answer.status().as_u16() == 429 || throttled.iter().any(|word| kind.contains(word)) {
        Answered::Throttled {
            pause: retry_after(answer),
        }
    } else {
        Answered::Served
    }
}

/// No answer came within the deadline.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} s", .0.as_secs())]
struct NoAnswer(Duration);

/// The seam: an HTTP client for the SDK, and for plain downloads.
#[derive(Clone, Debug)]
pub struct Seam(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    transport: Transport,
    calls: Arc<Calls>,
    pace: Option<Arc<dyn Pace>>,
    /// One for each request that may be in flight.
    slots: Option<Arc<Semaphore>>,
    loopback_only: bool,
}

impl Seam {
    /// A seam over sockets. `bundle` is the file that `AWS_CA_BUNDLE` names.
    ///
    /// # Errors
    /// Where the bundle cannot be used.
    pub fn over_sockets(bundle: Option<&Path>, loopback_only: bool) -> Result<Self, BundleError> {
        Ok(Self::new(Transport::sockets(bundle)?, loopback_only))
    }

    /// A seam over `connector`: for tests that answer themselves.
    pub fn over(connector: impl HttpConnector + 'static) -> Self {
        Self::new(Transport::Given(SharedHttpConnector::new(connector)), false)
    }

    fn new(transport: Transport, loopback_only: bool) -> Self {
        Self(Arc::new(Inner {
            transport,
            calls: Arc::default(),
            pace: None,
            slots: None,
            loopback_only,
        }))
    }

    /// The same seam, paced, with at most `in_flight` requests under way at once (at least one). To be called before the seam
    /// is handed to a client.
    #[must_use]
    pub fn paced(self, pace: Arc<dyn Pace>, in_flight: usize) -> Self {
        let inner = &self.0;
        Self(Arc::new(Inner {
            transport: inner.transport.afresh(),
            calls: Arc::clone(&inner.calls),
            pace: Some(pace),
            slots: Some(Arc::new(Semaphore::new(in_flight.max(1)))),
            loopback_only: inner.loopback_only,
        }))
    }

    /// The counter of what passes here.
    pub fn calls(&self) -> &Arc<Calls> {
        &self.0.calls
    }

    /// Gets the body at `url`, of at most `limit` bytes, without signing anything.
    ///
    /// # Errors
    /// Where it cannot be had whole.
    pub async fn download(&self, url: &str, limit: usize) -> Result<Vec<u8>, DownloadError> {
        let mut request = HttpRequest::get(url).map_err(|error| DownloadError::Failed(error.into()))?;
        request.add_extension(Operation {
            service: "HTTP".to_owned(),
            name: "GET".to_owned(),
            access: Access::Read,
        });
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(30))
            .build();
        let answer = self
            .connector(&settings)
            .call(request)
            .await
            .map_err(|error| DownloadError::Failed(error.into()))?;
        if !answer.status().is_success() {
            return Err(DownloadError::Refused(answer.status().as_u16()));
        }
        let mut body = aws_smithy_types::byte_stream::ByteStream::new(answer.into_body());
        let mut bytes = Vec::new();
        while let Some(chunk) = body.next().await {
            bytes.extend_from_slice(&chunk.map_err(|error| DownloadError::Failed(error.into()))?);
            if bytes.len() > limit {
                return Err(DownloadError::TooBig(limit));
            }
        }
        Ok(bytes)
    }

    fn connector(&self, settings: &HttpConnectorSettings) -> Through {
        Through {
            inner: Arc::clone(&self.0),
            connect: settings.connect_timeout(),
            read: settings.read_timeout(),
        }
    }
}

/// Why a download failed.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The server answered with this status.
    #[error("the server answered {0}")]
    Refused(u16),
    /// It is larger than it may be.
    #[error("it is larger than {0} bytes")]
    TooBig(usize),
    /// It could not be sent or read.
    #[error("it could not be transferred")]
    Failed(#[source] BoxError),
}

impl HttpClient for Seam {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.connector(settings))
    }
}

/// The seam with one client's time-outs.
#[derive(Debug)]
struct Through {
    inner: Arc<Inner>,
    connect: Option<Duration>,
    read: Option<Duration>,
}

impl HttpConnector for Through {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let inner = Arc::clone(&self.inner);
        let host = host_of(request.uri());
        let local = is_loopback(&host);
        let transport = inner.transport.connector(self.connect, self.read, !local);
        // What carries no mark is the credential providers' own traffic.
        let operation = request.extension::<Operation>().cloned().unwrap_or(Operation {
            service: "Credentials".to_owned(),
            name: "Get".to_owned(),
            access: Access::Read,
        });
        HttpConnectorFuture::new(async move {
            if inner.loopback_only && !local {
                return Err(ConnectorError::user(NotSent::NotLoopback(host).into()));
            }
            let span = traced::span_of(&operation);
            let asked = Instant::now();
            if let Some(pace) = &inner.pace {
                let permit = pace.permit(&operation).await;
                permit.map_err(|held| traced::held_back(&span, held))?;
            }
            // After the pace, so that what waits for a slow rate takes nobody's place.
            let _slot = match &inner.slots {
                Some(slots) => Some(
                    slots
                        .acquire()
                        .await
                        .map_err(|closed| ConnectorError::other(closed.into(), None))?,
                ),
                None => None,
            };
            if operation.access == Access::Write && !sending::may_be_sent().await {
                let why = "the lock of the stage is no longer ours".to_owned();
                return Err(traced::held_back(&span, NotSent::HeldBack(why)));
            }
            Calls::count(&inner.calls.sent, &operation);
            traced::waited(&span, asked.elapsed());
            let deadline = deadline(&operation, &request);
            let sent = Instant::now();
            let answer = tokio::time::timeout(deadline, transport.call(request))
                .instrument(span.clone())
                .await
                .unwrap_or_else(|_| Err(ConnectorError::timeout(NoAnswer(deadline).into())));
            traced::tell(&span, &operation, sent.elapsed(), &answer);
            let answer = answer?;
            let told = rate_told_by(&answer);
            if matches!(told, Answered::Throttled { .. }) {
                Calls::count(&inner.calls.throttled, &operation);
            }
            if let Some(pace) = &inner.pace {
                pace.answered(&operation, told);
            }
            Ok(answer)
        })
    }
}

fn deadline(operation: &Operation, request: &HttpRequest) -> Duration {
    let whole_api = operation.service == "API Gateway" && WHOLE_API.contains(&operation.name.as_str());
    let base = if whole_api { DEADLINE_WHOLE_API } else { DEADLINE };
    let bytes = request.body().content_length().unwrap_or(0);
    let megabytes = u32::try_from(bytes.div_ceil(1_000_000)).unwrap_or(u32::MAX);
    base.saturating_add(PER_MEGABYTE.saturating_mul(megabytes))
}

/// How long an answer asks us to wait, where it says so in seconds.
pub(crate) fn retry_after(answer: &HttpResponse) -> Option<Duration> {
    let seconds = answer.headers().get("retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

/// The request id that AWS gave an answer, whatever the service calls the header.
pub(crate) fn request_id(answer: &HttpResponse) -> Option<&str> {
    ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"]
        .iter()
        .find_map(|name| answer.headers().get(*name))
}

fn host_of(uri: &str) -> String {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match authority.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or(six).to_owned(),
        None => authority.split(':').next().unwrap_or(authority).to_owned(),
    }
}

/// True for a host that is this machine: `localhost`, names under it, and loopback addresses.
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Marks every request of a client with its operation and with the client's access, for the seam to read.
#[derive(Debug)]
pub(crate) struct Stamp(pub(crate) Access);

impl Intercept for Stamp {
    fn name(&self) -> &'static str {
        "Stamp"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = config.load::<Metadata>() {
            let operation = Operation {
                service: metadata.service().to_owned(),
                name: metadata.name().to_owned(),
                access: self.0,
            };
            context.request_mut().add_extension(operation);
        }
        Ok(())
    }
}
