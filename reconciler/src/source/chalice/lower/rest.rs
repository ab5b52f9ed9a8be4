//! The REST API: its functions, itself, their permissions, its stage, its domain.

use std::collections::BTreeSet;
use std::path::Path;

use grail_state::{Kind, ResourceId, Template};
use serde_json::{Value, json};

use super::domains::Mapped;
use super::{Lowering, arn_of, object};
use crate::source::chalice::config::API_HANDLER;
use crate::source::chalice::{names, openapi, policy};

pub(super) const REST_API: Kind = Kind::new("rest_api");
pub(super) const API_STAGE: Kind = Kind::new("api_stage");

impl Lowering<'_> {
    pub(super) fn rest_api(&mut self) {
        for function in self.app.api_functions() {
            self.function(&function);
        }
        let origin = self.first_route();
        let definition = self.definition();
        let plain = json!({
            "name": self.app.app_name,
            "endpoint_type": self.config.api_gateway_endpoint_type(),
            "minimum_compression": self.config.minimum_compression_size(),
        });
        let api = ResourceId::new(REST_API, names::REST_API);
        let spec = object(plain, [("definition", definition)]);
        self.add(api.clone(), spec, BTreeSet::new(), origin.clone());
        let callers = self.app.authorizers.iter().map(|one| one.name.as_str());
        let permissions: BTreeSet<_> = std::iter::once(API_HANDLER)
            .chain(callers)
            .map(|name| self.api_permission(name, names::REST_API, &api))
            .collect();
        let plain = json!({"stage": self.config.api_gateway_stage(), "tracing": self.config.api_xray()});
        let spec = object(
            plain,
            [
                ("api", Template::reference(api.clone(), "id")),
                (
                    "definition",
                    Template::reference(api.clone(), "definition_digest"),
                ),
            ],
        );
        let after = self.functions().into_iter().chain(permissions).collect();
        let stage = ResourceId::new(API_STAGE, names::REST_API);
        self.add(stage.clone(), spec, after, origin);
        if let Some(domain) = self.config.rest_domain() {
            let endpoint_type = self.config.api_gateway_endpoint_type();
            self.domain(&domain, &Mapped::rest(api, stage, endpoint_type));
        }
    }

    fn definition(&mut self) -> Template {
        let settings = openapi::Settings {
            policy: self.api_policy(),
            vpc_endpoints: self.vpc_endpoints(),
            minimum_compression: self.config.minimum_compression_size(),
        };
        let prefix = openapi::invocation_prefix(&self.account.partition, &self.account.region);
        let address = |function: &str| {
            let parts = [
                json!(prefix).into(),
                arn_of(function),
                json!(openapi::INVOCATION_SUFFIX).into(),
            ];
            Template::Join(parts.into()).to_value()
        };
        Template::from_value(openapi::document(self.app, &settings, &address))
    }

    fn api_policy(&mut self) -> Option<Value> {
        if let Some(file) = self.config.api_gateway_policy_file() {
            let asked = self.config.place("api_gateway_policy_file", None);
            return Some(self.read_policy(&Path::new(".chalice").join(file), asked));
        }
        let private = self.config.api_gateway_endpoint_type() == "PRIVATE";
        let endpoints = self.config.api_gateway_endpoint_vpce().filter(|_| private)?;
        Some(policy::private_api(&endpoints))
    }

    fn vpc_endpoints(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match self.config.api_gateway_endpoint_vpce() {
            Some(Value::Array(endpoints)) => endpoints.iter().filter_map(text).collect(),
            Some(one) => text(&one).into_iter().collect(),
            None => Vec::new(),
        }
    }
}
