//! What carries requests: sockets with TLS, or something given.
//!
//! Neither aws-config nor the smithy client reads `AWS_CA_BUNDLE`, so the bundle is loaded here; as in botocore it takes the
//! place of the system's roots. Proxies come from the environment as the smithy client reads it, and are never used for
//! loopback endpoints.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

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

/// What connections that are shared have in common: the time-outs for connecting and reading, and whether they go through a
/// proxy.
type Pool = (Option<Duration>, Option<Duration>, bool);

/// What carries the requests.
#[derive(Debug)]
pub(super) enum Transport {
    /// Sockets. One connector for each pair of time-outs, once with and once without proxy: each has its own pool.
    Sockets {
        tls: TlsContext,
        made: Mutex<BTreeMap<Pool, SharedHttpConnector>>,
    },
    /// Something given: canned answers, a fault injector.
    Given(SharedHttpConnector),
}

impl Transport {
    /// Sockets that trust the system's roots, or those in `bundle`.
    pub(super) fn sockets(bundle: Option<&Path>) -> Result<Self, BundleError> {
        let tls = tls_context(bundle)?;
        let made = Mutex::default();
        Ok(Self::Sockets { tls, made })
    }

    /// The same, with connections of its own.
    pub(super) fn afresh(&self) -> Self {
        match self {
            Self::Given(connector) => Self::Given(connector.clone()),
            Self::Sockets { tls, .. } => Self::Sockets {
                tls: tls.clone(),
                made: Mutex::default(),
            },
        }
    }

    /// What carries a request with these time-outs.
    pub(super) fn connector(
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
