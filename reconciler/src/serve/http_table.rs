//! How a service is reached by HTTP: what the configuration says of it, and what it may not say.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The port, where none is named.
pub const PORT: u16 = 7465;

/// The table `[http]`. Names of variables and files alone: what is in them is read by who listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpTable {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The file that holds the bearer token.
    pub token_file: Option<PathBuf>,
    /// The environment variable that holds the bearer token.
    pub token_env: Option<String>,
    /// The certificate chain, PEM.
    pub tls_cert: Option<PathBuf>,
    /// The key of the certificate, PEM.
    pub tls_key: Option<PathBuf>,
    /// Who signs the certificates of clients, PEM: others are refused.
    pub client_ca: Option<PathBuf>,
    /// For each project that has one, the environment variable that holds the secret of its webhook.
    pub webhooks: BTreeMap<String, String>,
}

impl Default for HttpTable {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT),
            token_file: None,
            token_env: None,
            tls_cert: None,
            tls_key: None,
            client_ca: None,
            webhooks: BTreeMap::new(),
        }
    }
}

impl HttpTable {
    /// The environment variables that hold its secrets. They are for the listener alone: what projects run must not see them.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        let named = self.token_env.iter().chain(self.webhooks.values());
        named.map(String::as_str)
    }

    /// What of it does not go together: the key that is wrong, and why.
    pub fn contradictions(&self) -> Vec<(&'static str, &'static str)> {
        let mut found = Vec::new();
        let has_token = self.token_file.is_some() || self.token_env.is_some();
        if !self.listen.ip().is_loopback() && !has_token && self.client_ca.is_none() {
            found.push((
                "listen",
                "whoever reaches this address could steer the service: it needs `token_file`, `token_env` or `client_ca`",
            ));
        }
        if self.token_file.is_some() && self.token_env.is_some() {
            found.push((
                "token_env",
                "the token is in a file or in a variable, not in both",
            ));
        }
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => found.push(("tls_cert", "a certificate needs its `tls_key`")),
            (None, Some(_)) => found.push(("tls_key", "a key needs its `tls_cert`")),
            _ => {}
        }
        if self.client_ca.is_some() && self.tls_cert.is_none() {
            found.push((
                "client_ca",
                "certificates of clients need `tls_cert` and `tls_key`",
            ));
        }
        found
    }
}
