//! The single seam under the SDK: every request of every client, of the credential providers and of our own downloads
//! passes here.
//!
//! The seam counts attempts (the SDK's own repetitions of reads too), traces them, keeps tests off the network, and starts
//! the deadline of a request when it is sent, not while it queues for its rate. [`Pace`] is where rates are kept; without
//! one, nothing waits. A request that the seam holds back was never sent, and says so ([`NotSent`]).
//!
//! Neither aws-config nor the smithy client reads `AWS_CA_BUNDLE`, so the seam is given the path; as in botocore the bundle
//! takes the place of the system's roots. Proxies come from the environment as the smithy client reads it, and are never
//! used for loopback endpoints.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore, rustls_provider::CryptoMode};
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
use futures::future::BoxFuture;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tracing::Instrument;

/// A request must be answered within this time, and [`PER_MEGABYTE`] for what it carries.
const DEADLINE: Duration = Duration::from_secs(10);
/// What each started megabyte of a request's body adds to its deadline.
const PER_MEGABYTE: Duration = Duration::from_secs(1);

/// Whether a client reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Changes nothing; the SDK may repeat it.
    Read,
    /// May change something; sent once.
    Write,
}

/// Which operation a request belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation {
    /// The service as the SDK calls it: `Lambda`, `API Gateway`, `CloudWatch Logs`.
    pub service: String,
    /// The operation: `CreateFunction`.
    pub name: String,
    /// By which kind of client.
    pub access: Access,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.name)
    }
}

/// How many requests were sent, by operation. Each attempt counts.
#[derive(Debug, Default)]
pub struct Calls(Mutex<BTreeMap<Operation, u64>>);

impl Calls {
    /// What was sent so far.
    pub fn sent(&self) -> BTreeMap<Operation, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests of one kind of client were sent so far.
    pub fn total(&self, access: Access) -> u64 {
        self.sent()
            .iter()
            .filter(|(operation, _)| operation.access == access)
            .map(|(_, count)| count)
            .sum()
    }

    fn count(&self, operation: &Operation) {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *sent.entry(operation.clone()).or_default() += 1;
    }
}

/// Why a request was held back: it certainly had no effect.
#[derive(Debug, thiserror::Error)]
pub enum NotSent {
    /// Only loopback endpoints may be spoken to, and this is none.
    #[error("`{0}` is not on this machine, and only loopback endpoints are allowed here")]
    NotLoopback(String),
    /// The pace did not let it go.
    #[error("the request was held back: {0}")]
    HeldBack(String),
}

/// Keeps rates. Asked before each request is sent and told each answer.
pub trait Pace: Send + Sync + fmt::Debug {
    /// Waits until a request of `operation` may be sent.
    ///
    /// # Errors
    /// [`NotSent`] where it must not be sent any more.
    fn permit(&self, operation: &Operation) -> BoxFuture<'static, Result<(), NotSent>>;

    /// Learns from an answer's status code.
    fn answered(&self, operation: &Operation, status: u16);
}

/// No answer came within the deadline.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} s", .0.as_secs())]
struct NoAnswer(Duration);

/// A certificate bundle that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It could not be read.
    #[error("the certificate bundle {path} could not be read")]
    Unreadable {
        /// Where it should be.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It holds no certificate, or a broken one.
    #[error("the certificate bundle {path} is not valid: {why}")]
    Invalid {
        /// Where it is.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}

/// The seam: an HTTP client for the SDK, and for plain downloads.
#[derive(Clone, Debug)]
pub struct Seam(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    transport: Transport,
    calls: Arc<Calls>,
    pace: Option<Arc<dyn Pace>>,
    loopback_only: bool,
}

/// What carries the requests.
#[derive(Debug)]
enum Transport {
    /// Sockets. One connector for each pair of time-outs, once with and once without proxy: each has its own pool.
    Sockets {
        tls: TlsContext,
        made: Mutex<BTreeMap<(Option<Duration>, Option<Duration>, bool), SharedHttpConnector>>,
    },
    /// Something given: canned answers, a fault injector.
    Given(SharedHttpConnector),
}

impl Seam {
    /// A seam over sockets. `bundle` is the file that `AWS_CA_BUNDLE` names.
    ///
    /// # Errors
    /// Where the bundle cannot be used.
    pub fn over_sockets(bundle: Option<&Path>, loopback_only: bool) -> Result<Self, BundleError> {
        let tls = tls_context(bundle)?;
        let made = Mutex::new(BTreeMap::new());
        Ok(Self::new(Transport::Sockets { tls, made }, loopback_only))
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
            loopback_only,
        }))
    }

    /// The same seam, paced. To be called before the seam is handed to a client.
    #[must_use]
    pub fn paced(self, pace: Arc<dyn Pace>) -> Self {
        let inner = &self.0;
        let transport = match &inner.transport {
            Transport::Given(connector) => Transport::Given(connector.clone()),
            Transport::Sockets { tls, .. } => Transport::Sockets {
                tls: tls.clone(),
                made: Mutex::default(),
            },
        };
        Self(Arc::new(Inner {
            transport,
            calls: Arc::clone(&inner.calls),
            pace: Some(pace),
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
            if let Some(pace) = &inner.pace {
                pace.permit(&operation)
                    .await
                    .map_err(|error| ConnectorError::user(error.into()))?;
            }
            inner.calls.count(&operation);
            let span = tracing::debug_span!("aws", %operation, access = ?operation.access, status = tracing::field::Empty, request_id = tracing::field::Empty);
            let deadline = deadline(&request);
            let answer = tokio::time::timeout(deadline, transport.call(request))
                .instrument(span.clone())
                .await
                .map_err(|_| ConnectorError::timeout(NoAnswer(deadline).into()))??;
            span.record("status", answer.status().as_u16());
            if let Some(id) = request_id(&answer) {
                span.record("request_id", id);
            }
            span.in_scope(|| tracing::debug!("answered"));
            if let Some(pace) = &inner.pace {
                pace.answered(&operation, answer.status().as_u16());
            }
            Ok(answer)
        })
    }
}

impl Transport {
    fn connector(
        &self,
        connect: Option<Duration>,
        read: Option<Duration>,
        proxied: bool,
    ) -> SharedHttpConnector {
        match self {
            Self::Given(connector) => connector.clone(),
            Self::Sockets { tls, made } => made
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry((connect, read, proxied))
                .or_insert_with(|| socket(tls.clone(), connect, read, proxied))
                .clone(),
        }
    }
}

fn socket(
    tls: TlsContext,
    connect: Option<Duration>,
    read: Option<Duration>,
    proxied: bool,
) -> SharedHttpConnector {
    let mut settings = HttpConnectorSettings::builder();
    settings.set_connect_timeout(connect).set_read_timeout(read);
    let proxy = if proxied {
        ProxyConfig::from_env()
    } else {
        ProxyConfig::disabled()
    };
    SharedHttpConnector::new(
        aws_smithy_http_client::Connector::builder()
            .connector_settings(settings.build())
            .proxy_config(proxy)
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls)
            .build(),
    )
}

/// Reads and checks the bundle here, because the TLS stack panics on one that it cannot use.
fn tls_context(bundle: Option<&Path>) -> Result<TlsContext, BundleError> {
    let mut trust = TrustStore::default();
    if let Some(path) = bundle {
        let shown = path.display().to_string();
        let invalid = |why: String| BundleError::Invalid {
            path: shown.clone(),
            why,
        };
        let pem = std::fs::read(path).map_err(|source| BundleError::Unreadable {
            path: shown.clone(),
            source,
        })?;
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
            roots
                .add(certificate)
                .map_err(|error| invalid(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(invalid("it holds no certificate".to_owned()));
        }
        trust = TrustStore::empty().with_pem_certificate(pem);
    }
    TlsContext::builder()
        .with_trust_store(trust)
        .build()
        .map_err(|error| BundleError::Invalid {
            path: bundle.map_or_else(|| "of the system".to_owned(), |path| path.display().to_string()),
            why: error.to_string(),
        })
}

fn deadline(request: &HttpRequest) -> Duration {
    let bytes = request.body().content_length().unwrap_or(0);
    let megabytes = u32::try_from(bytes.div_ceil(1_000_000)).unwrap_or(u32::MAX);
    DEADLINE.saturating_add(PER_MEGABYTE.saturating_mul(megabytes))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{Canned, Reply, reply};
    use crate::aws::{Context, Outcome};

    fn context(seam: Seam) -> Context {
        let stack = grail_state::StackId {
            app: "shop".into(),
            stage: "dev".into(),
        };
        Context::given(
            seam,
            stack,
            Arc::new(grail_state::artifacts::MemoryArtifacts::default()),
        )
    }

    #[test]
    fn this_machine_has_many_names() {
        for host in [
            "localhost",
            "api.execute-api.localhost",
            "127.0.0.1",
            "127.1.2.3",
            "::1",
            "LOCALHOST.",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "localhost.example.org",
            "10.0.0.1",
            "169.254.169.254",
            "lambda.us-east-1.amazonaws.com",
            "",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
        for (uri, host) in [
            ("http://127.0.0.1:4566/x?y", "127.0.0.1"),
            ("https://u:p@example.org/", "example.org"),
            ("http://[::1]:80/x", "::1"),
        ] {
            assert_eq!(host_of(uri), host);
        }
    }

    #[tokio::test]
    async fn what_is_not_on_this_machine_is_never_spoken_to() {
        let context = context(Seam::over_sockets(None, true).unwrap());
        let lambda = context.clients.lambda.write();
        let failed = lambda
            .delete_function()
            .function_name("f")
            .send()
            .await
            .wrote("lambda:DeleteFunction");
        let failed = failed.unwrap_err();
        assert_eq!(failed.effect, crate::port::Effect::None);
        assert!(
            failed
                .chain()
                .contains("`lambda.us-east-1.amazonaws.com` is not on this machine"),
            "{}",
            failed.chain()
        );
        assert!(context.calls().sent().is_empty());
    }

    #[derive(Debug, Default)]
    struct Gate(Mutex<Vec<String>>);

    impl Pace for Arc<Gate> {
        fn permit(&self, operation: &Operation) -> BoxFuture<'static, Result<(), NotSent>> {
            self.0.lock().unwrap().push(format!("permit {operation}"));
            let open = operation.name == "GetFunction";
            Box::pin(async move {
                if open {
                    Ok(())
                } else {
                    Err(NotSent::HeldBack("closed".into()))
                }
            })
        }

        fn answered(&self, operation: &Operation, status: u16) {
            self.0.lock().unwrap().push(format!("{operation} {status}"));
        }
    }

    #[tokio::test]
    async fn a_pace_lets_each_request_pass_and_hears_its_answer() {
        let gate = Arc::new(Gate::default());
        let aws = Canned::new([reply(200, "{}")]);
        let context = context(Seam::over(aws.clone()).paced(Arc::new(Arc::clone(&gate))));
        let lambda = &context.clients.lambda;
        lambda
            .read()
            .get_function()
            .function_name("f")
            .send()
            .await
            .unwrap();
        let held = lambda
            .write()
            .delete_function()
            .function_name("f")
            .send()
            .await
            .wrote("lambda:DeleteFunction");
        assert_eq!(held.unwrap_err().effect, crate::port::Effect::None);
        let heard = gate.0.lock().unwrap().clone();
        assert_eq!(
            heard,
            [
                "permit Lambda:GetFunction",
                "Lambda:GetFunction 200",
                "permit Lambda:DeleteFunction"
            ]
        );
        let sent: Vec<_> = context
            .calls()
            .sent()
            .into_iter()
            .map(|(one, n)| (one.to_string(), one.access, n))
            .collect();
        assert_eq!(sent, [("Lambda:GetFunction".to_owned(), Access::Read, 1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_has_ten_seconds_and_one_for_each_megabyte() {
        let context = context(Seam::over(aws_smithy_http_client::test_util::NeverClient::new()));
        let begun = tokio::time::Instant::now();
        let lambda = context.clients.lambda.write();
        let call = lambda.update_function_code().function_name("f");
        let zip = aws_sdk_lambda::primitives::Blob::new(vec![0; 1_500_000]);
        let failed = call
            .zip_file(zip)
            .send()
            .await
            .wrote("lambda:UpdateFunctionCode")
            .unwrap_err();
        // Base64 makes two megabytes of one and a half.
        assert_eq!(begun.elapsed().as_secs(), 13);
        assert!(
            failed.unanswered && failed.chain().contains("no answer within 13 s"),
            "{}",
            failed.chain()
        );
    }

    #[test]
    fn a_certificate_bundle_is_checked_before_it_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bundle.pem");
        let error = Seam::over_sockets(Some(&path), false).unwrap_err();
        assert!(matches!(error, BundleError::Unreadable { .. }));
        for bad in [
            "",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            std::fs::write(&path, bad).unwrap();
            let error = Seam::over_sockets(Some(&path), false).unwrap_err();
            assert!(matches!(error, BundleError::Invalid { .. }), "{error}");
        }
    }

    #[tokio::test]
    async fn a_download_is_whole_or_fails() {
        let seam = Seam::over(Canned::new([
            reply(200, "zip bytes"),
            reply(200, "too many"),
            reply(404, "gone"),
            Reply::Broken,
        ]));
        assert_eq!(
            seam.download("http://127.0.0.1/x", 9).await.unwrap(),
            b"zip bytes"
        );
        assert!(matches!(
            seam.download("http://127.0.0.1/x", 3).await,
            Err(DownloadError::TooBig(3))
        ));
        assert!(matches!(
            seam.download("http://127.0.0.1/x", 3).await,
            Err(DownloadError::Refused(404))
        ));
        assert!(matches!(
            seam.download("http://127.0.0.1/x", 3).await,
            Err(DownloadError::Failed(_))
        ));
    }
}
