//! Custom domains and the paths under which they lead to an API.

use std::collections::BTreeSet;

use grail_state::{Kind, ResourceId, Template};
use serde_json::json;

use super::{Lowering, object};
use crate::source::chalice::config::Domain;
use crate::source::chalice::names;

const DOMAIN: Kind = Kind::new("custom_domain");
const MAPPING: Kind = Kind::new("api_mapping");

/// An API that a domain leads to.
pub(super) struct Mapped {
    api: ResourceId,
    stage: ResourceId,
    protocol: &'static str,
    endpoint_type: String,
    /// The logical name of the domain, and the key of the configuration that asks for it.
    domain: &'static str,
}

impl Mapped {
    pub(super) fn rest(api: ResourceId, stage: ResourceId, endpoint_type: String) -> Self {
        Self {
            api,
            stage,
            protocol: "rest",
            endpoint_type,
            domain: names::REST_DOMAIN,
        }
    }

    /// Whatever `api_gateway_endpoint_type` says, the domain of a WebSocket API is regional, in Chalice as at AWS.
    pub(super) fn websocket(api: ResourceId, stage: ResourceId) -> Self {
        Self {
            api,
            stage,
            protocol: "websocket",
            endpoint_type: "REGIONAL".to_owned(),
            domain: names::WEBSOCKET_DOMAIN,
        }
    }
}

impl Lowering<'_> {
    /// The domain needs nothing of the API; its mapping waits until the API's stage is as it should be.
    pub(super) fn domain(&mut self, domain: &Domain, to: &Mapped) {
        let place = self.setting(to.domain, None);
        let id = ResourceId::new(DOMAIN, to.domain);
        let spec = json!({
            "name": domain.name,
            "protocol": to.protocol,
            "endpoint_type": to.endpoint_type,
            "certificate_arn": domain.certificate_arn,
            "security_policy": domain.tls_version,
            "tags": domain.tags,
        });
        self.add(id.clone(), Template::Lit(spec), BTreeSet::new(), place.clone());
        let plain = json!({
            "prefix": domain.prefix,
            "protocol": to.protocol,
            "stage": self.config.api_gateway_stage(),
        });
        let spec = object(
            plain,
            [
                ("domain", Template::reference(id, "name")),
                ("api", Template::reference(to.api.clone(), "id")),
            ],
        );
        let mapping = ResourceId::new(MAPPING, to.domain);
        self.add(mapping, spec, BTreeSet::from([to.stage.clone()]), place);
    }
}
