//! Whether a certificate is there, valid, and for the domain that shall use it.

use aws_sdk_acm::types::{CertificateDetail, CertificateStatus};

use super::Spec;
use super::form::EDGE_REGION;
use crate::aws::arn::Arn;
use crate::aws::{Context, Outcome};
use crate::port::Failure;
use crate::resources::rest_api::EndpointType;

/// What is wrong with the certificate of `spec`. Asks Certificate Manager in the region where the certificate must lie, and
/// only if its ARN names that region and our account.
pub(super) async fn problems(context: &Context, spec: &Spec) -> Result<Vec<String>, Failure> {
    let region = match spec.endpoint_type {
        EndpointType::Edge => EDGE_REGION,
        _ => context.region.as_str(),
    };
    let arn = spec.certificate_arn.as_str();
    let Some(parts) = Arn::parse(arn) else {
        return Ok(vec![format!("`{arn}` is no ARN")]);
    };
    let mut misplaced = Vec::new();
    if parts.region != region {
        misplaced.push(format!(
            "the certificate must lie in {region}, and this one lies in {}",
            parts.region
        ));
    }
    if parts.account != context.account {
        let (theirs, ours) = (parts.account, &context.account);
        misplaced.push(format!(
            "the certificate belongs to account {theirs}, and the domain to {ours}"
        ));
    }
    if !misplaced.is_empty() {
        return Ok(misplaced);
    }
    let Some(certificate) = describe(context, region, arn).await? else {
        return Ok(vec![format!("there is no certificate {arn}")]);
    };
    Ok(judged(&certificate, &spec.name))
}

async fn describe(context: &Context, region: &str, arn: &str) -> Result<Option<CertificateDetail>, Failure> {
    let elsewhere = (region != context.region).then(|| context.clients.in_region(region));
    let clients = elsewhere.as_ref().unwrap_or(&context.clients);
    let asked = clients.acm.read().describe_certificate().certificate_arn(arn);
    let found = asked.send().await.found("acm:DescribeCertificate")?;
    Ok(found.and_then(|found| found.certificate))
}

/// What is wrong with `certificate` for `domain`.
fn judged(certificate: &CertificateDetail, domain: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(status) = certificate
        .status
        .as_ref()
        .filter(|status| **status != CertificateStatus::Issued)
    {
        problems.push(format!(
            "the certificate is not issued: it is {}",
            status.as_str()
        ));
    }
    let names = certificate.subject_alternative_names();
    let names: Vec<_> = names
        .iter()
        .map(String::as_str)
        .chain(certificate.domain_name())
        .collect();
    if !names.iter().any(|name| covers(name, domain)) {
        let mut names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
        names.sort();
        names.dedup();
        problems.push(format!(
            "the certificate is for {}, not for `{domain}`",
            names.join(", ")
        ));
    }
    problems
}

/// True if a certificate for `name` is good for `domain`. A `*` stands for one label (RFC 6125, 6.4.3).
fn covers(name: &str, domain: &str) -> bool {
    if name.eq_ignore_ascii_case(domain) {
        return true;
    }
    let parent = name
        .strip_prefix("*.")
        .zip(domain.split_once('.').map(|(_, parent)| parent));
    parent.is_some_and(|(name, domain)| name.eq_ignore_ascii_case(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_label() {
        for (name, domain) in [
            ("api.example.com", "API.example.com"),
            ("*.example.com", "api.example.com"),
            ("*.example.com", "*.example.com"),
        ] {
            assert!(covers(name, domain), "{name} {domain}");
        }
        for (name, domain) in [
            ("example.com", "api.example.com"),
            ("*.example.com", "example.com"),
            ("*.example.com", "a.b.example.com"),
            ("*", "com"),
        ] {
            assert!(!covers(name, domain), "{name} {domain}");
        }
    }
}
