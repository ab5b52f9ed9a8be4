//! The way to a collector: one POST after the other, from the thread that exports.
//!
//! A small runtime of its own carries them, so that a collector that hangs takes no thread of a command, and a command that ends
//! can still send. Connections are not kept: there is one request in five seconds at most. Proxies are not used; redirects are not
//! followed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use grail_providers::aws::connector::is_loopback;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::runtime::{Builder, Runtime};

/// The longest answer that is read.
const LONGEST_ANSWER: usize = 1 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Collector {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    runtime: Runtime,
    timeout: Duration,
}

impl Collector {
    /// The way to `endpoint`, which has `timeout` for each request. `roots` is a file of certificates that are trusted in place of
    /// the system's.
    ///
    /// # Errors
    /// In words: an endpoint that is none, or not on this machine where only those may be; certificates that cannot be used.
    pub(super) fn at(
        endpoint: &str,
        timeout: Duration,
        roots: Option<String>,
        loopback_only: bool,
    ) -> Result<Self, String> {
        let address = Request::post(endpoint).body(()).map_err(|_| no_url(endpoint))?;
        let host = address.uri().host().ok_or_else(|| no_url(endpoint))?;
        if loopback_only && !is_loopback(host.trim_matches(['[', ']'])) {
            return Err(format!(
                "the collector at {host} is not on this machine, and GRAIL_LOOPBACK_ONLY allows no other"
            ));
        }
        let encrypted = match address.uri().scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(no_url(endpoint)),
        };
        let roots = match (encrypted, roots) {
            (false, _) => RootCertStore::empty(),
            (true, Some(file)) => roots_in(Path::new(&file))?,
            (true, None) => return Self::with(native()?, timeout),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .build();
        Self::with(connector, timeout)
    }

    fn with(connector: HttpsConnector<HttpConnector>, timeout: Duration) -> Result<Self, String> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build(connector),
            runtime: runtime.map_err(|error| error.to_string())?,
            timeout,
        })
    }

    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.client.request(request.map(Body::from)).await?;
        let (parts, body) = answer.into_parts();
        let body = to_bytes(Body::new(body), LONGEST_ANSWER).await?;
        Ok(Response::from_parts(parts, body))
    }
}

#[async_trait]
impl HttpClient for Collector {
    /// Sends, on the thread that asks. Its own failures are logged here, because nobody else does.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let bytes = request.body().len();
        let answer = self
            .runtime
            .block_on(async { tokio::time::timeout(self.timeout, self.answer(request)).await });
        let answer = answer.unwrap_or_else(|_| Err("no answer in time".into()));
        match &answer {
            Ok(answer) if answer.status().is_success() => {
                tracing::debug!(bytes, "spans were exported");
            }
            Ok(answer) => {
                let status = answer.status().as_u16();
                tracing::debug!(bytes, status, "the collector did not take the spans");
            }
            Err(error) => tracing::debug!(bytes, %error, "the collector could not be reached"),
        }
        answer
    }
}

fn no_url(endpoint: &str) -> String {
    // It may hold a password.
    let shown = endpoint.rsplit_once('@').map_or(endpoint, |(_, host)| host);
    format!("`{shown}` is no address of a collector: it begins with `http://` or `https://`")
}

fn native() -> Result<HttpsConnector<HttpConnector>, String> {
    let provider = rustls::crypto::ring::default_provider();
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(provider)
        .map_err(|error| format!("the system's certificates cannot be used: {error}"))?
        .https_only()
        .enable_http1()
        .build();
    Ok(connector)
}

fn roots_in(file: &Path) -> Result<RootCertStore, String> {
    let invalid = |why: String| format!("the certificates in {} cannot be used: {why}", file.display());
    let pem = std::fs::read(file).map_err(|error| invalid(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| invalid(error.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(invalid("there are none".to_owned())),
        false => Ok(roots),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// Answers one request behind a certificate of its own; the certificate as PEM, and the address.
    fn encrypted() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.try_into().unwrap())
            .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                listener.set_nonblocking(true).unwrap();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let acceptor = TlsAcceptor::from(Arc::new(config));
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    // Whoever does not trust the certificate goes away.
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        let mut request = [0; 1024];
                        let _read = stream.read(&mut request).await.unwrap();
                        let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok";
                        stream.write_all(answer).await.unwrap();
                        stream.shutdown().await.unwrap();
                    }
                }
            });
        });
        (certificate, format!("https://localhost:{port}/v1/traces"))
    }

    #[test]
    fn a_certificate_is_trusted_where_its_file_is_named_and_nowhere_else() {
        let (certificate, endpoint) = encrypted();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roots.pem");
        std::fs::write(&file, certificate).unwrap();
        let send = |roots: Option<&Path>| {
            let roots = roots.map(|file| file.display().to_string());
            let collector = Collector::at(&endpoint, Duration::from_secs(20), roots, true).unwrap();
            let request = Request::post(&endpoint)
                .body(Bytes::from_static(b"spans"))
                .unwrap();
            futures::executor::block_on(collector.send_bytes(request))
        };
        let answer = send(Some(&file)).unwrap();
        assert_eq!((answer.status().as_u16(), &answer.body()[..]), (202, &b"ok"[..]));
        assert!(send(None).is_err());
        std::fs::write(&file, "nothing").unwrap();
        let empty = Collector::at(
            &endpoint,
            Duration::from_secs(1),
            Some(file.display().to_string()),
            true,
        );
        assert!(empty.unwrap_err().contains("there are none"));
    }

    fn refused(endpoint: &str, loopback_only: bool) -> Option<String> {
        Collector::at(endpoint, Duration::from_secs(1), None, loopback_only).err()
    }

    #[test]
    fn only_addresses_are_taken_and_where_asked_only_of_this_machine() {
        assert_eq!(refused("http://127.0.0.1:4318/v1/traces", true), None);
        assert_eq!(refused("http://[::1]:4318/v1/traces", true), None);
        assert_eq!(refused("http://collector.example:4318/v1/traces", false), None);
        let elsewhere = refused("http://collector.example:4318/v1/traces", true).unwrap();
        assert!(
            elsewhere.contains("collector.example is not on this machine"),
            "{elsewhere}"
        );
        for wrong in ["127.0.0.1:4318", "ftp://127.0.0.1/", "/v1/traces", "http://a b/"] {
            assert!(refused(wrong, false).is_some(), "{wrong}");
        }
        let hidden = refused("grpc://ann:hush@collector:4317", false).unwrap();
        assert!(!hidden.contains("hush"), "{hidden}");
    }
}
