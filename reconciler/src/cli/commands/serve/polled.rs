//! Looks at git remotes from time to time, and rings for their stages where they have moved.

use crate::cli::environment::Environment;
use crate::cli::serve_toml::ServeToml;
use crate::serve::Service;

/// The remotes that are looked at.
pub(super) struct Polls {
    service: Service,
    environment: Environment,
}

impl Polls {
    pub(super) fn new(service: Service, environment: Environment) -> Self {
        Self { service, environment }
    }

    pub(super) fn follow(&mut self, _toml: &ServeToml) {
        let _ = (&self.service, &self.environment);
    }
}
