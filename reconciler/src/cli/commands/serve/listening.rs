//! Opens the listener that the configuration describes: reads the secrets that it names, and no others. Reads them again when the
//! configuration is read again, so that a token or a certificate can be another without a restart.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::environment::Environment;
use crate::cli::refusal::Refusal;
use crate::engine::StopSignal;
use crate::serve::http::{self, Certificate, HttpError, HttpSettings, Listening, Renewal, Secret};
use crate::serve::{Board, Control, HttpTable};

/// What a listener is opened for.
pub(super) struct Opening {
    /// What the configuration says.
    pub(super) table: HttpTable,
    /// The configuration's folder, from which its paths count.
    pub(super) folder: PathBuf,
    /// Where the secrets are that it names.
    pub(super) environment: Environment,
    /// How this process is called among its like.
    pub(super) replica: String,
}

impl Opening {
    /// Listens until `stop`.
    ///
    /// # Errors
    /// A secret or certificate is not where the configuration says, or the address cannot be had.
    pub(super) async fn listen(
        &self,
        board: Arc<Board>,
        control: Arc<dyn Control>,
        stop: StopSignal,
    ) -> Result<Listening, Refusal> {
        let settings = self.settings()?;
        Ok(http::listen(settings, board, control, stop).await?)
    }

    /// Reads the secrets and certificates again. True where one of them is another, which opens the door from now on.
    ///
    /// # Errors
    /// As [`Self::listen`]; what was in force stays so.
    pub(super) fn renew(&self, renewal: &mut Renewal) -> Result<bool, Refusal> {
        Ok(renewal.renew(&self.settings()?)?)
    }

    /// The files that hold them.
    pub(super) fn files(&self) -> BTreeSet<PathBuf> {
        let table = &self.table;
        let named = [
            &table.token_file,
            &table.tls_cert,
            &table.tls_key,
            &table.client_ca,
        ];
        let named = named.into_iter().flatten();
        named.map(|path| self.folder.join(path)).collect()
    }

    fn settings(&self) -> Result<HttpSettings, Refusal> {
        let table = &self.table;
        let certificate = table.tls_cert.as_ref().zip(table.tls_key.as_ref());
        let webhooks = table.webhooks.iter().map(|(project, variable)| {
            let secret = self.secret_in(variable)?;
            Ok((project.clone(), secret))
        });
        Ok(HttpSettings {
            token: self.token()?,
            certificate: certificate.map(|(chain, key)| Certificate {
                chain: self.folder.join(chain),
                key: self.folder.join(key),
            }),
            client_ca: table.client_ca.as_ref().map(|path| self.folder.join(path)),
            webhooks: webhooks.collect::<Result<_, Refusal>>()?,
            replica: self.replica.clone(),
            ..HttpSettings::at(table.listen)
        })
    }

    fn token(&self) -> Result<Option<Secret>, Refusal> {
        if let Some(variable) = &self.table.token_env {
            return self.secret_in(variable).map(Some);
        }
        let Some(path) = &self.table.token_file else {
            return Ok(None);
        };
        let path = self.folder.join(path);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Refusal::new(format!("could not read the token in {}", path.display()))
                .because(error)
                .hint("`http.token_file` names a file that this user can read")
        })?;
        Ok(Some(Secret::new(text)))
    }

    fn secret_in(&self, variable: &str) -> Result<Secret, Refusal> {
        let text = self.environment.text(variable).ok_or_else(|| {
            Refusal::new(format!(
                "the environment has no `{variable}`, which the configuration names"
            ))
            .hint("set it, or name another variable")
        })?;
        Ok(Secret::new(text))
    }
}

impl HttpError {
    /// What to do about it.
    pub(in crate::cli) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Open(_) => "give `[http]` a `token_file`, a `token_env` or a `client_ca`",
            Self::WeakToken(_) => "take one of 32 random bytes: `openssl rand -hex 32`",
            Self::EmptySecret(_) => "give the webhook the secret that the sender signs with",
            Self::NoCertificate => "give `[http]` a `tls_cert` and a `tls_key`",
            Self::Listen { .. } => "name another address with `listen` in `[http]`",
            Self::File { .. } => {
                "`[http]` names certificates and keys as PEM files, relative to the configuration"
            }
            Self::NoRandomness => return None,
        };
        Some(hint.to_owned())
    }
}
