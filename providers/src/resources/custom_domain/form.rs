//! What of a domain's form can be told to be wrong without asking anybody.

use super::{MARK, Protocol, Spec};
use crate::aws::arn::Arn;
use crate::port::Invalid;
use crate::resources::rest_api::EndpointType;

/// Where certificates of edge-optimised domains lie: CloudFront takes them from nowhere else.
pub(super) const EDGE_REGION: &str = "us-east-1";
/// The policies that the first version has had from the start. Newer ones begin with [`NEWER`].
const POLICIES: [&str; 2] = ["TLS_1_0", "TLS_1_2"];
const NEWER: &str = "SecurityPolicy_";

/// Every problem of `spec`.
pub(super) fn problems(spec: &Spec) -> Vec<Invalid> {
    let found = [
        ("name", name(&spec.name)),
        ("endpoint_type", endpoint(spec)),
        ("certificate_arn", certificate(spec)),
        ("security_policy", policy(spec)),
        ("tags", tags(spec)),
    ];
    let problem = |(field, why): (&str, Option<String>)| {
        why.map(|why| Invalid {
            field: field.to_owned(),
            why,
        })
    };
    found.into_iter().filter_map(problem).collect()
}

fn name(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let label = |label: &str| !label.is_empty() && label.len() < 64 && label.chars().all(plain);
    let rest = name.strip_prefix("*.").unwrap_or(name);
    let good = name.len() < 254 && rest.contains('.') && rest.split('.').all(label);
    (!good).then(|| format!("`{name}` is no domain name"))
}

fn endpoint(spec: &Spec) -> Option<String> {
    let why = match (spec.endpoint_type, spec.protocol) {
        (EndpointType::Private, _) => {
            "a private custom domain needs a policy, which cannot be configured: leave the domain out, or make it by hand"
        }
        (EndpointType::Edge, Protocol::Websocket) => "the domain of a WebSocket API is always REGIONAL",
        _ => return None,
    };
    Some(why.to_owned())
}

fn certificate(spec: &Spec) -> Option<String> {
    let arn = &spec.certificate_arn;
    let Some(parts) = Arn::parse(arn).filter(|parts| {
        parts.service == "acm" && !parts.region.is_empty() && parts.resource.starts_with("certificate/")
    }) else {
        return Some(format!(
            "`{arn}` is no ARN of a certificate (arn:aws:acm:REGION:ACCOUNT:certificate/ID)"
        ));
    };
    let edge = spec.endpoint_type == EndpointType::Edge;
    (edge && parts.region != EDGE_REGION).then(|| {
        format!(
            "the certificate of an edge-optimised domain must lie in {EDGE_REGION}, and this one lies in {}",
            parts.region
        )
    })
}

fn policy(spec: &Spec) -> Option<String> {
    let policy = spec.security_policy.as_str();
    if spec.protocol == Protocol::Websocket {
        return (policy != "TLS_1_2").then(|| format!("a WebSocket API knows TLS_1_2 alone, not `{policy}`"));
    }
    let known = POLICIES.contains(&policy) || policy.starts_with(NEWER);
    (!known).then(|| format!("API Gateway knows {}, not `{policy}`", POLICIES.join(" and ")))
}

fn tags(spec: &Spec) -> Option<String> {
    let mut keys = spec.tags.keys();
    let taken = keys.find(|key| *key == MARK || key.to_ascii_lowercase().starts_with("aws:"))?;
    Some(format!("the tag `{taken}` is reserved"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        Spec {
            name: "api.example.com".into(),
            protocol: Protocol::Rest,
            endpoint_type: EndpointType::Regional,
            certificate_arn: "arn:aws:acm:eu-west-1:123456789012:certificate/c1".into(),
            security_policy: "TLS_1_2".into(),
            tags: [("team".to_owned(), "web".to_owned())].into(),
        }
    }

    #[test]
    fn a_good_form_has_no_problems() {
        assert_eq!(problems(&spec()), []);
        for name in ["*.example.com", "a.b", "x-1.Example.co.uk"] {
            assert_eq!(
                problems(&Spec {
                    name: name.into(),
                    ..spec()
                }),
                [],
                "{name}"
            );
        }
        for security_policy in ["TLS_1_0", "SecurityPolicy_TLS13_1_3_2025_09"] {
            let security_policy = security_policy.to_owned();
            assert_eq!(
                problems(&Spec {
                    security_policy,
                    ..spec()
                }),
                []
            );
        }
    }

    #[test]
    fn each_problem_names_its_field() {
        let name = |name: &str| Spec {
            name: name.into(),
            ..spec()
        };
        let arn = |certificate_arn: &str| Spec {
            certificate_arn: certificate_arn.into(),
            ..spec()
        };
        let edge = Spec {
            endpoint_type: EndpointType::Edge,
            ..spec()
        };
        let socket = Spec {
            protocol: Protocol::Websocket,
            ..spec()
        };
        let tag = |key: &str| Spec {
            tags: [(key.to_owned(), String::new())].into(),
            ..spec()
        };
        for (bad, field) in [
            (name("example"), "name"),
            (name("https://api.example.com"), "name"),
            (name("api..com"), "name"),
            (
                arn("arn:aws:iam::123456789012:server-certificate/x"),
                "certificate_arn",
            ),
            (arn("c1"), "certificate_arn"),
            (edge, "certificate_arn"),
            (
                Spec {
                    endpoint_type: EndpointType::Private,
                    ..spec()
                },
                "endpoint_type",
            ),
            (
                Spec {
                    endpoint_type: EndpointType::Edge,
                    certificate_arn: "arn:aws:acm:us-east-1:1:certificate/c".into(),
                    ..socket.clone()
                },
                "endpoint_type",
            ),
            (
                Spec {
                    security_policy: "TLS_1_0".into(),
                    ..socket
                },
                "security_policy",
            ),
            (
                Spec {
                    security_policy: "TLS_1_1".into(),
                    ..spec()
                },
                "security_policy",
            ),
            (tag("grail"), "tags"),
            (tag("aws:x"), "tags"),
        ] {
            let found = problems(&bad);
            let fields: Vec<_> = found.iter().map(|one| one.field.as_str()).collect();
            assert_eq!(fields, [field], "{bad:?}");
        }
    }
}
