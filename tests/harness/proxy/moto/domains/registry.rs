//! What a domain is and how each version of API Gateway shows it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Refused, refuse};
use crate::REGION;

/// Every domain, by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Registry {
    pub(super) domains: BTreeMap<String, Domain>,
    /// How many names were handed out: of aliases and of mappings.
    given: usize,
}

impl Registry {
    pub(super) fn next(&mut self) -> usize {
        self.given += 1;
        self.given
    }
}

/// One custom domain.
#[derive(Debug, Clone)]
pub(super) struct Domain {
    name: String,
    pub(super) endpoint_type: String,
    pub(super) certificate: String,
    pub(super) security_policy: String,
    pub(super) tags: BTreeMap<String, String>,
    /// The name that DNS is to point at.
    alias: String,
    /// By key; the root has none.
    pub(super) mappings: BTreeMap<String, Mapping>,
}

/// What a path under a domain leads to.
#[derive(Debug, Clone)]
pub(super) struct Mapping {
    pub(super) id: String,
    pub(super) api: String,
    pub(super) stage: String,
}

impl Domain {
    pub(super) fn made(name: &str, number: usize, second: bool, body: &Value) -> Domain {
        let mut domain = Domain {
            name: name.to_owned(),
            endpoint_type: "EDGE".to_owned(),
            certificate: String::new(),
            security_policy: "TLS_1_2".to_owned(),
            tags: words(&body["tags"]),
            alias: String::new(),
            mappings: BTreeMap::new(),
        };
        if second {
            domain.endpoint_type = "REGIONAL".to_owned();
            domain.configure(&body["domainNameConfigurations"][0]);
        } else {
            let asked = &body["endpointConfiguration"]["types"][0];
            set(&mut domain.endpoint_type, asked);
            set(&mut domain.security_policy, &body["securityPolicy"]);
            let certificate = match domain.endpoint_type.as_str() {
                "EDGE" => &body["certificateArn"],
                _ => &body["regionalCertificateArn"],
            };
            set(&mut domain.certificate, certificate);
        }
        domain.alias = match domain.endpoint_type.as_str() {
            "EDGE" => format!("d{number:013}.cloudfront.net"),
            _ => format!("d-{number:010}.execute-api.{REGION}.amazonaws.com"),
        };
        domain
    }

    /// Takes over what a configuration of version 2 says. The alias in it is ours, not the caller's.
    pub(super) fn configure(&mut self, configuration: &Value) {
        set(&mut self.endpoint_type, &configuration["endpointType"]);
        set(&mut self.certificate, &configuration["certificateArn"]);
        set(&mut self.security_policy, &configuration["securityPolicy"]);
    }

    /// Whether a new mapping may have this key.
    pub(super) fn takes(&self, second: bool, key: &str) -> Result<(), Refused> {
        let several = key.contains('/');
        if several && !second {
            let message = "API Gateway V1 doesn't support the slash character (/) in base path mappings. \
                           To create a multi-level base path mapping, use API Gateway V2.";
            return Err(refuse(400, "BadRequestException", message));
        }
        if key.starts_with('/') || key.ends_with('/') || key.contains("//") {
            let message = "API mapping key should not start or end with a '/' or have consecutive '/'s.";
            return Err(refuse(400, "BadRequestException", message));
        }
        if several && self.endpoint_type != "REGIONAL" {
            let message = "Only regional domain names take API mappings with several segments.";
            return Err(refuse(400, "BadRequestException", message));
        }
        if self.mappings.contains_key(key) {
            let message = match second {
                true => "ApiMapping key already exists for this domain name",
                false => "Base path already exists for this domain name",
            };
            return Err(refuse(409, "ConflictException", message));
        }
        Ok(())
    }

    /// The key of the mapping that a path names: by base path in version 1, by id in version 2.
    pub(super) fn find(&self, second: bool, last: &str) -> Result<String, Refused> {
        let found = self.mappings.iter().find(|(key, mapping)| match second {
            true => mapping.id == last,
            false => *key == last || (key.is_empty() && last == "(none)"),
        });
        let message = match second {
            true => "The resource specified in the request was not found.",
            false => "Invalid base path mapping identifier specified",
        };
        found
            .map(|(key, _)| key.clone())
            .ok_or_else(|| refuse(404, "NotFoundException", message))
    }

    pub(super) fn shown(&self, second: bool) -> Value {
        let arn = format!("arn:aws:apigateway:{REGION}::/domainnames/{}", self.name);
        // The hosted zones of CloudFront and of API Gateway in us-east-1.
        let edge = self.endpoint_type == "EDGE";
        let zone = if edge { "Z2FDTNDATAQYW2" } else { "Z1UJRXOUMOOFQ8" };
        if second {
            return json!({
                "domainName": self.name,
                "domainNameArn": arn,
                "apiMappingSelectionExpression": "$request.basepath",
                "domainNameConfigurations": [{
                    "apiGatewayDomainName": self.alias,
                    "certificateArn": self.certificate,
                    "domainNameStatus": "AVAILABLE",
                    "endpointType": self.endpoint_type,
                    "hostedZoneId": zone,
                    "securityPolicy": self.security_policy,
                }],
                "tags": self.tags,
            });
        }
        let mut shown = json!({
            "domainName": self.name,
            "domainNameArn": arn,
            "domainNameStatus": "AVAILABLE",
            "endpointConfiguration": { "types": [self.endpoint_type] },
            "securityPolicy": self.security_policy,
            "tags": self.tags,
        });
        let fields = match edge {
            true => [
                "certificateArn",
                "distributionDomainName",
                "distributionHostedZoneId",
            ],
            false => [
                "regionalCertificateArn",
                "regionalDomainName",
                "regionalHostedZoneId",
            ],
        };
        for (field, value) in fields
            .into_iter()
            .zip([self.certificate.as_str(), self.alias.as_str(), zone])
        {
            shown[field] = value.into();
        }
        shown
    }

    pub(super) fn mapping_shown(&self, second: bool, key: &str) -> Value {
        let Some(mapping) = self.mappings.get(key) else {
            return Value::Null;
        };
        if second {
            return json!({
                "apiMappingId": mapping.id,
                "apiMappingKey": key,
                "apiId": mapping.api,
                "stage": mapping.stage,
            });
        }
        let path = if key.is_empty() { "(none)" } else { key };
        json!({ "basePath": path, "restApiId": mapping.api, "stage": mapping.stage })
    }
}

fn set(field: &mut String, value: &Value) {
    if let Some(text) = value.as_str() {
        text.clone_into(field);
    }
}

/// An object of strings.
pub(super) fn words(value: &Value) -> BTreeMap<String, String> {
    let fields = value.as_object().into_iter().flatten();
    let each = fields.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    each.collect()
}
