//! Custom domains without the certificate that they need: found by `plan`, at the setting's place.

use grail_tests::proxy::{Fault, On};
use serde_json::json;

use super::Fresh;

const ROUTE: &str = "@app.route('/')\ndef index():\n    return {}\n";
const ABSENT: &str = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-4000-8000-000000000000";

/// A project with a route and a domain, whose setting stands on line 4.
fn with_domain(endpoint: &str, certificate: &str, more: &str) -> Fresh {
    let config = format!(
        "{{\n \"app_name\": \"late\",\n \"api_gateway_endpoint_type\": \"{endpoint}\",\n \
         \"api_gateway_custom_domain\": {{\n  \"domain_name\": \"api.example.com\",\n  \
         \"certificate_arn\": \"{certificate}\"{more}\n }},\n \"stages\": {{\"dev\": {{}}}}\n}}\n"
    );
    Fresh::new(ROUTE, &config)
}

#[test]
fn a_missing_certificate_is_named_at_its_setting() {
    with_domain("REGIONAL", ABSENT, "").refused(&[
        "`custom_domain.api_gateway_custom_domain` does not fit what is there",
        &format!("certificate_arn: there is no certificate {ABSENT}"),
        "at .chalice/config.json:4",
    ]);
}

#[test]
fn a_certificate_that_is_not_issued_is_named_at_its_setting() {
    let fresh = with_domain("REGIONAL", ABSENT, "");
    let pending = json!({"Certificate": {
        "CertificateArn": ABSENT, "DomainName": "api.example.com", "Status": "PENDING_VALIDATION",
    }});
    let asked = fresh.stand.proxy.inject(
        On::operation("DescribeCertificate"),
        Fault::Answer(pending.to_string()),
    );
    fresh.refused(&[
        "certificate_arn: the certificate is not issued: it is PENDING_VALIDATION",
        "at .chalice/config.json:4",
    ]);
    assert_eq!(asked.struck(), 2);
}

#[test]
fn a_certificate_of_another_name_or_region_is_named_at_its_setting() {
    let fresh = with_domain("REGIONAL", ABSENT, "");
    let certificate = fresh.account.issue_certificate(3, &["shop.example.com"]);
    fresh.stand.project.edit(super::CONFIG, ABSENT, &certificate);
    fresh.refused(&[
        "certificate_arn: the certificate is for `shop.example.com`, not for `api.example.com`",
        "at .chalice/config.json:4",
    ]);
    let abroad = "arn:aws:acm:eu-west-1:123456789012:certificate/00000000-0000-4000-8000-000000000000";
    // CloudFront takes certificates from one region alone, whatever region the API is in.
    with_domain("EDGE", abroad, "").refused(&[
        "the certificate of an edge-optimised domain must lie in us-east-1, and this one lies in eu-west-1",
        "at .chalice/config.json:4",
    ]);
    with_domain("REGIONAL", abroad, "").refused(&[
        "the certificate must lie in us-east-1, and this one lies in eu-west-1",
        "at .chalice/config.json:4",
    ]);
    let queue = "arn:aws:sqs:us-east-1:123456789012:grain";
    with_domain("REGIONAL", queue, "").refused(&[
        "`arn:aws:sqs:us-east-1:123456789012:grain` is no ARN of a certificate",
        "at .chalice/config.json:4",
    ]);
}

#[test]
fn a_prefix_of_several_parts_without_what_it_needs_is_named_at_its_setting() {
    with_domain("EDGE", ABSENT, ",\n  \"url_prefix\": \"shop/v1\"").refused(&[
        "`url_prefix` of `api_gateway_custom_domain` is `shop/v1`: an edge-optimised domain takes no prefix of several parts",
        ".chalice/config.json:7:17",
    ]);
    let older = ",\n  \"tls_version\": \"TLS_1_0\",\n  \"url_prefix\": \"shop/v1\"";
    with_domain("REGIONAL", ABSENT, older).refused(&[
        "a domain that takes older TLS than 1.2 takes no prefix of several parts",
        ".chalice/config.json:8:17",
    ]);
}
