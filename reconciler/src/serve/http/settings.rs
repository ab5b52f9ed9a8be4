//! Where and how it listens, and what it refuses to be: open to everybody.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use grail_state::Digest;

use super::secret::Secret;
use super::site::Clock;

/// Fewer bytes can be guessed.
const SHORTEST_TOKEN: usize = 16;

/// How it listens.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The address; port 0 for one that the system chooses.
    pub listen: SocketAddr,
    /// What `Authorization: Bearer` must say. Required unless `listen` is on loopback or `client_ca` is given.
    pub token: Option<Secret>,
    /// The server's certificate and key; without it answers are in clear.
    pub certificate: Option<Certificate>,
    /// The file (PEM) of the authorities whose certificates let a client in.
    pub client_ca: Option<PathBuf>,
    /// The secrets of webhooks, by project. A project without one has no webhook.
    pub webhooks: BTreeMap<String, Secret>,
    /// How this process is called where it holds a stage.
    pub replica: String,
    /// What time it is.
    pub clock: Clock,
    /// How much it takes from a client.
    pub limits: Limits,
}

/// A certificate chain and its key, as files (PEM).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The chain, the server's own first.
    pub chain: PathBuf,
    /// The key: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// How much it takes from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; more are told to come again.
    pub connections: usize,
    /// Of these, how many may listen to events.
    pub listeners: usize,
    /// Until the head of a request is there, from the connection's beginning or the answer before.
    pub head: Duration,
    /// Until a request with its body is answered.
    pub request: Duration,
    /// Until a client takes more of an answer.
    pub patience: Duration,
    /// Between two signs of life to who listens to events.
    pub heartbeat: Duration,
    /// After a stop, until what is still open is cut.
    pub parting: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            listeners: 256,
            head: Duration::from_secs(15),
            request: Duration::from_secs(30),
            patience: Duration::from_secs(30),
            heartbeat: Duration::from_secs(15),
            parting: Duration::from_secs(5),
        }
    }
}

/// Why it does not listen.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Everybody could reach it.
    #[error("{0} is not on loopback: a token or an authority for clients' certificates is required there")]
    Open(SocketAddr),
    /// The token can be guessed.
    #[error("the token has {0} bytes, and fewer than {SHORTEST_TOKEN} can be guessed")]
    WeakToken(usize),
    /// The secret of a webhook is empty.
    #[error("the secret of the webhook of `{0}` is empty")]
    EmptySecret(String),
    /// Clients cannot show a certificate to a server that has none.
    #[error("clients' certificates need a certificate of the server")]
    NoCertificate,
    /// The address cannot be had.
    #[error("could not listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A file cannot be used.
    #[error("{}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    NoRandomness,
}

impl HttpSettings {
    /// On this address, asking for nothing.
    pub fn at(listen: SocketAddr) -> Self {
        Self {
            listen,
            token: None,
            certificate: None,
            client_ca: None,
            webhooks: BTreeMap::new(),
            replica: String::new(),
            clock: Clock::default(),
            limits: Limits::default(),
        }
    }

    /// Whether whoever comes must show something.
    pub(super) fn guarded(&self) -> bool {
        self.token.is_some() || self.client_ca.is_some()
    }

    /// Equal where all secrets and what the files hold are. Of a file that cannot be read nothing is in it.
    pub(super) fn print(&self) -> Digest {
        let secrets = self.token.iter().chain(self.webhooks.values());
        let mut parts: Vec<Vec<u8>> = secrets.map(|secret| secret.bytes().to_vec()).collect();
        parts.extend(self.webhooks.keys().map(|project| project.clone().into_bytes()));
        let certificate = self.certificate.iter();
        let files = certificate.flat_map(|certificate| [&certificate.chain, &certificate.key]);
        for file in files.chain(&self.client_ca) {
            parts.push(std::fs::read(file).unwrap_or_default());
        }
        Digest::of_written(&(self.token.is_some(), parts))
    }

    pub(super) fn check(&self) -> Result<(), HttpError> {
        if !self.listen.ip().is_loopback() && !self.guarded() {
            return Err(HttpError::Open(self.listen));
        }
        if let Some(token) = &self.token
            && token.len() < SHORTEST_TOKEN
        {
            return Err(HttpError::WeakToken(token.len()));
        }
        if self.client_ca.is_some() && self.certificate.is_none() {
            return Err(HttpError::NoCertificate);
        }
        match self.webhooks.iter().find(|(_, secret)| secret.is_empty()) {
            Some((project, _)) => Err(HttpError::EmptySecret(project.clone())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> HttpSettings {
        HttpSettings::at(address.parse().unwrap())
    }

    #[test]
    fn a_listener_that_everybody_reaches_needs_a_key() {
        for address in ["0.0.0.0:80", "[::]:80", "10.0.0.1:80", "[::ffff:127.0.0.1]:80"] {
            assert!(
                matches!(at(address).check(), Err(HttpError::Open(_))),
                "{address}"
            );
        }
        for address in ["127.0.0.1:0", "127.8.8.8:80", "[::1]:80"] {
            at(address).check().unwrap();
        }
        let mut settings = at("0.0.0.0:80");
        settings.token = Some(Secret::new("short"));
        assert!(matches!(settings.check(), Err(HttpError::WeakToken(5))));
        settings.token = Some(Secret::new("long enough to keep"));
        settings.check().unwrap();
        settings.webhooks.insert("shop".into(), Secret::new(" \n"));
        assert!(matches!(settings.check(), Err(HttpError::EmptySecret(_))));
    }

    #[test]
    fn certificates_of_clients_need_one_of_the_server() {
        let mut settings = at("0.0.0.0:80");
        settings.client_ca = Some("ca.pem".into());
        assert!(matches!(settings.check(), Err(HttpError::NoCertificate)));
    }
}
