//! Certificates: ours, and those that clients show.
//!
//! A client without a certificate gets as far as the gate, which asks it for something else or turns it away: so health can be
//! asked for by who has none. A client with a certificate that does not follow from the authorities does not get that far.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::secret::Secret;
use super::settings::{Certificate, HttpError};

/// What makes TLS of a connection.
///
/// # Errors
/// [`HttpError::File`] where a file cannot be read or does not hold what it should.
pub(super) fn acceptor(
    certificate: &Certificate,
    client_ca: Option<&Path>,
) -> Result<TlsAcceptor, HttpError> {
    let provider = Arc::new(ring::default_provider());
    let wrong = |path: &Path| {
        let path = path.to_owned();
        move |error: &dyn std::fmt::Display| HttpError::File {
            path: path.clone(),
            why: error.to_string(),
        }
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&certificate.chain)(&error))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(path)? {
                roots.add(authority).map_err(|error| wrong(path)(&error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| wrong(path)(&error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::from_pem_slice(&read(&certificate.key)?)
        .map_err(|_| wrong(&certificate.key)(&"there is no private key in it (PEM)"))?;
    let mut config = builder
        .with_single_cert(certificates(&certificate.chain)?, key)
        .map_err(|error| wrong(&certificate.chain)(&error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The text of the certificate's key.
///
/// # Errors
/// [`HttpError::File`] where it cannot be read.
pub(super) fn private(certificate: &Certificate) -> Result<Secret, HttpError> {
    read(&certificate.key).map(|text| Secret::new(String::from_utf8_lossy(&text)))
}

fn read(path: &Path) -> Result<Vec<u8>, HttpError> {
    std::fs::read(path).map_err(|error| HttpError::File {
        path: path.to_owned(),
        why: error.to_string(),
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, HttpError> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(HttpError::File {
            path: path.to_owned(),
            why: "there is no certificate in it (PEM)".to_owned(),
        }),
    }
}
