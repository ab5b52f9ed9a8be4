//! A domain as either version of the service gives it.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_apigateway::operation::{
    create_domain_name::CreateDomainNameOutput as CreatedV1, get_domain_name::GetDomainNameOutput as FoundV1,
    update_domain_name::UpdateDomainNameOutput as ChangedV1,
};
use aws_sdk_apigatewayv2::operation::{
    create_domain_name::CreateDomainNameOutput as CreatedV2, get_domain_name::GetDomainNameOutput as FoundV2,
    update_domain_name::UpdateDomainNameOutput as ChangedV2,
};
use aws_sdk_apigatewayv2::types::DomainNameConfiguration;

use crate::resources::rest_api::EndpointType;

/// The policy of a domain for which none is told.
const USUAL_POLICY: &str = "TLS_1_2";

/// Where a DNS record should point to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Alias {
    pub(super) name: Option<String>,
    /// The hosted zone of that name in Route 53.
    pub(super) zone: Option<String>,
}

/// Whether a domain can be used and changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Ready,
    /// A change is under way.
    Moving,
    /// Only a person can help.
    Stuck(String),
}

/// A custom domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Domain {
    pub(super) name: String,
    types: Vec<EndpointType>,
    edge_certificate: Option<String>,
    regional_certificate: Option<String>,
    pub(super) security_policy: String,
    edge: Alias,
    regional: Alias,
    status: Option<String>,
    message: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
}

impl Domain {
    /// The endpoint type that counts: the wanted one where the domain has it.
    pub(super) fn endpoint(&self, wanted: Option<EndpointType>) -> EndpointType {
        let wanted = wanted.filter(|wanted| self.types.contains(wanted));
        let present = wanted.or_else(|| self.types.first().copied());
        present.unwrap_or(EndpointType::Regional)
    }

    pub(super) fn has(&self, endpoint: EndpointType) -> bool {
        self.types.contains(&endpoint)
    }

    /// The certificate of one of its endpoints.
    pub(super) fn certificate(&self, endpoint: EndpointType) -> Option<&str> {
        let (first, second) = match endpoint {
            EndpointType::Edge => (&self.edge_certificate, &self.regional_certificate),
            _ => (&self.regional_certificate, &self.edge_certificate),
        };
        first.as_deref().or(second.as_deref())
    }

    /// Where DNS should point to: the regional name where there is one, as Chalice takes it (emulators give both), but for
    /// an edge-optimised endpoint beside a regional one its own.
    pub(super) fn alias(&self, endpoint: EndpointType) -> Alias {
        let own = endpoint == EndpointType::Edge && self.types.len() > 1;
        let (first, second) = if own {
            (&self.edge, &self.regional)
        } else {
            (&self.regional, &self.edge)
        };
        Alias {
            name: first.name.clone().or_else(|| second.name.clone()),
            zone: first.zone.clone().or_else(|| second.zone.clone()),
        }
    }

    /// Whether it can be used and changed (API reference, `domainNameStatus`).
    pub(super) fn progress(&self) -> Progress {
        match self.status.as_deref() {
            None | Some("AVAILABLE") => Progress::Ready,
            Some("UPDATING" | "PENDING") => Progress::Moving,
            Some(status) => {
                let said = self.message.as_deref().map(|said| format!(": {said}"));
                let (name, said) = (&self.name, said.unwrap_or_default());
                Progress::Stuck(format!("the custom domain {name} is {status}{said}"))
            }
        }
    }
}

fn tags(tags: Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    tags.unwrap_or_default().into_iter().collect()
}

/// Emulators give empty texts for what is not there.
fn told(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

macro_rules! first_version {
    ($($answer:ty),+) => {
        $(impl From<$answer> for Domain {
            fn from(domain: $answer) -> Self {
                let endpoint = domain.endpoint_configuration;
                let types = endpoint.and_then(|one| one.types).unwrap_or_default();
                Self {
                    name: domain.domain_name.unwrap_or_default(),
                    types: types.iter().filter_map(|one| EndpointType::named(one.as_str())).collect(),
                    edge_certificate: told(domain.certificate_arn),
                    regional_certificate: told(domain.regional_certificate_arn),
                    security_policy: domain.security_policy.map_or_else(|| USUAL_POLICY.to_owned(), |one| one.as_str().to_owned()),
                    edge: Alias {
                        name: told(domain.distribution_domain_name),
                        zone: told(domain.distribution_hosted_zone_id),
                    },
                    regional: Alias {
                        name: told(domain.regional_domain_name),
                        zone: told(domain.regional_hosted_zone_id),
                    },
                    status: domain.domain_name_status.map(|one| one.as_str().to_owned()),
                    message: told(domain.domain_name_status_message),
                    tags: tags(domain.tags),
                }
            }
        })+
    };
}

first_version!(CreatedV1, FoundV1, ChangedV1);

macro_rules! second_version {
    ($($answer:ty),+) => {
        $(impl From<$answer> for Domain {
            fn from(domain: $answer) -> Self {
                let configurations = domain.domain_name_configurations.unwrap_or_default();
                let mut made = configurations.into_iter().fold(Self::default(), Self::with);
                made.name = domain.domain_name.unwrap_or_default();
                made.tags = tags(domain.tags);
                made
            }
        })+
    };
}

second_version!(CreatedV2, FoundV2, ChangedV2);

impl Domain {
    /// The same with one more endpoint. What all endpoints share is the first one's.
    fn with(mut self, one: DomainNameConfiguration) -> Self {
        let endpoint = one.endpoint_type.as_ref().map(|one| one.as_str());
        let endpoint = endpoint
            .and_then(EndpointType::named)
            .unwrap_or(EndpointType::Regional);
        let alias = Alias {
            name: told(one.api_gateway_domain_name),
            zone: told(one.hosted_zone_id),
        };
        match endpoint {
            EndpointType::Edge => {
                self.edge = alias;
                self.edge_certificate = told(one.certificate_arn);
            }
            _ => {
                self.regional = alias;
                self.regional_certificate = told(one.certificate_arn);
            }
        }
        if self.types.is_empty() {
            self.security_policy = one
                .security_policy
                .map_or_else(|| USUAL_POLICY.to_owned(), |one| one.as_str().to_owned());
            self.status = one.domain_name_status.map(|one| one.as_str().to_owned());
            self.message = told(one.domain_name_status_message);
        }
        self.types.push(endpoint);
        self
    }
}
