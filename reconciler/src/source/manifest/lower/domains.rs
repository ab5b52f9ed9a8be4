//! Custom domains and the paths under which they lead to APIs.

use std::collections::BTreeSet;

use grail_state::{Kind, ResourceId, Template};
use serde_json::{Value, json};

use super::rest::{API_STAGE, REST_API};
use super::websocket::{WEBSOCKET_API, WEBSOCKET_STAGE};
use super::{Lowering, object};
use crate::source::manifest::apis::{Domain, Endpoint, Mapping};

const DOMAIN: Kind = Kind::new("custom_domain");
const MAPPING: Kind = Kind::new("api_mapping");

impl Lowering<'_> {
    pub(super) fn domains(&mut self) {
        let domains = self.form.domains.clone();
        for (name, domain) in &domains {
            if let Some(domain) = domain {
                self.domain(name, domain);
            }
        }
    }

    fn domain(&mut self, name: &str, domain: &Domain) {
        let path = ["domains", name];
        let first = domain.mappings.iter().flatten().next();
        let serves_sockets = first.is_some_and(|mapping| self.is_socket(&mapping.api));
        let endpoint = domain.endpoint.unwrap_or(match serves_sockets {
            true => Endpoint::Regional,
            false => Endpoint::Edge,
        });
        let protocol = if serves_sockets { "websocket" } else { "rest" };
        let id = ResourceId::new(DOMAIN, name);
        let spec = json!({
            "name": domain.name,
            "protocol": protocol,
            "endpoint_type": endpoint.name(),
            "certificate_arn": domain.certificate,
            "security_policy": domain.tls.unwrap_or_default().name(),
            "tags": domain.tags.clone().unwrap_or_default(),
        });
        self.add(id.clone(), Template::Lit(spec), BTreeSet::new(), &path);
        for (index, mapping) in domain.mappings.iter().flatten().enumerate() {
            let index = index.to_string();
            self.path_of_domain(
                name,
                &id,
                mapping,
                protocol,
                &["domains", name, "mappings", &index],
            );
        }
    }

    /// A mapping waits until the API's stage is as it should be.
    fn path_of_domain(
        &mut self,
        domain: &str,
        of: &ResourceId,
        mapping: &Mapping,
        protocol: &str,
        path: &[&str],
    ) {
        let (api, stage) = match self.is_socket(&mapping.api) {
            true => (WEBSOCKET_API, WEBSOCKET_STAGE),
            false => (REST_API, API_STAGE),
        };
        let (api, stage) = (
            ResourceId::new(api, mapping.api.as_str()),
            ResourceId::new(stage, mapping.api.as_str()),
        );
        let stage_name = self.resources.get(&stage).and_then(|one| one.spec.get("stage"));
        let plain = json!({
            "prefix": mapping.path.as_deref().unwrap_or_default().trim_matches('/'),
            "protocol": protocol,
        });
        let spec = object(
            plain,
            [
                ("domain", Template::reference(of.clone(), "name")),
                ("api", Template::reference(api, "id")),
                ("stage", stage_name.unwrap_or(Template::Lit(Value::Null))),
            ],
        );
        let logical = match &mapping.name {
            Some(own) => format!("{domain}-{own}"),
            None => domain.to_owned(),
        };
        self.add(
            ResourceId::new(MAPPING, logical),
            spec,
            BTreeSet::from([stage]),
            path,
        );
    }

    fn is_socket(&self, api: &str) -> bool {
        let id = ResourceId::new(WEBSOCKET_API, api);
        self.resources.contains_key(&id)
    }
}
