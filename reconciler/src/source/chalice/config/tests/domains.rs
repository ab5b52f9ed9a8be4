//! Custom domains: how they are read, and every doubt about them.

use super::*;

#[test]
fn a_domain_needs_a_name_and_a_certificate_in_the_stage_in_use() {
    for key in ["api_gateway_custom_domain", "websocket_api_custom_domain"] {
        let other =
            format!(r#"{{"app_name": "a", "stages": {{"prod": {{"{key}": {{"domain_name": "x"}}}}}}}}"#);
        assert_eq!(told(&other), [""; 0]);
        let used = format!(
            "{{\"app_name\": \"a\",\n \"{key}\": {{\"domain_name\": \"x\", \"certificate_arn\": \"\"}}}}"
        );
        let column = key.len() + 6;
        assert_eq!(
            told(&used),
            [format!(
                "error config::domain .chalice/config.json:2:{column} `{key}` has no `certificate_arn`"
            )]
        );
        let emptied = format!(r#"{{"app_name": "a", "{key}": {{}}}}"#);
        assert_eq!(told(&emptied), [""; 0]);
    }
}

#[test]
fn every_doubt_about_a_domain_is_told_at_once() {
    let text = r#"{"app_name": "a", "api_gateway_custom_domain": {
  "domain_name": 5,
  "certificate_arn": "c",
  "tls_version": "1.2",
  "url_prefixes": ["v1"],
  "url_prefix": true,
  "tags": {"team": 1, "b": "c"}
}}"#;
    let at = |line: usize, told: &str| told.replacen(" @ ", &format!(" .chalice/config.json:{line}:"), 1);
    assert_eq!(
        told(text),
        [
            at(
                2,
                "error config::wrong-type @ 18 `domain_name` of `api_gateway_custom_domain`: expected a string, found a number"
            ),
            at(
                4,
                "warning config::doubtful-value @ 18 `tls_version` of `api_gateway_custom_domain` is `1.2`: Chalice takes TLS_1_2 in its place, and so does grail -> write TLS_1_0, TLS_1_1 or TLS_1_2"
            ),
            at(
                5,
                "warning config::unknown-key @ 3 unknown key `url_prefixes` in `api_gateway_custom_domain` -> did you mean `url_prefix`?"
            ),
            at(
                6,
                "error config::wrong-type @ 17 `url_prefix` of `api_gateway_custom_domain`: expected a string, found a boolean"
            ),
            at(
                7,
                "error config::wrong-type @ 20 `tags.team` of `api_gateway_custom_domain`: expected a string, found a number"
            ),
        ]
    );
}

#[test]
fn a_domain_is_read_as_chalice_reads_it() {
    let domain = |entries: &str| {
        let text = format!(
            r#"{{"app_name": "a", "websocket_api_custom_domain": {{"domain_name": "d", "certificate_arn": "c"{entries}}}}}"#
        );
        config(&text).0.websocket_domain().unwrap()
    };
    let plain = domain("");
    assert_eq!(
        (plain.tls_version.as_str(), plain.prefix.as_str()),
        ("TLS_1_2", "")
    );
    for prefix in ["/", "(none)", ""] {
        assert_eq!(domain(&format!(r#", "url_prefix": "{prefix}""#)), plain);
    }
    assert_eq!(domain(r#", "url_prefix": "/a/b/""#).prefix, "a/b");
    assert_eq!(domain(r#", "tls_version": "TLS_1_0""#).tls_version, "TLS_1_0");
    assert_eq!(domain(r#", "tls_version": "tls""#), plain);
    assert_eq!(domain(r#", "tags": {"a": "b"}"#).tags["a"], "b");
    assert_eq!(config(r#"{"app_name": "a"}"#).0.websocket_domain(), None);
}

#[test]
fn a_prefix_of_several_parts_needs_a_regional_domain_with_tls_1_2() {
    let doubts = |key: &str, more: &str| {
        let domain = format!(
            r#""{key}": {{"domain_name": "d", "certificate_arn": "c", {more}
 "url_prefix": "/a/b/"}}"#
        );
        told(&format!(r#"{{"app_name": "a", {domain}}}"#))
    };
    let refused = |key: &str, why: &str| {
        format!(
            "error config::domain .chalice/config.json:2:16 `url_prefix` of `{key}` is `a/b`: {why} takes no prefix of several \
             parts -> use one part, or a domain that is `REGIONAL` (`api_gateway_endpoint_type`) with TLS_1_2"
        )
    };
    let (rest, socket) = ("api_gateway_custom_domain", "websocket_api_custom_domain");
    assert_eq!(doubts(rest, ""), [refused(rest, "an edge-optimised domain")]);
    let older = "a domain that takes older TLS than 1.2";
    assert_eq!(
        doubts(socket, r#""tls_version": "TLS_1_0","#),
        [refused(socket, older)]
    );
    assert_eq!(doubts(socket, ""), [""; 0]);
    let regional = |tls: &str| {
        told(&format!(
            r#"{{"app_name": "a", "api_gateway_endpoint_type": "REGIONAL", "{rest}": {{"domain_name": "d",
 "certificate_arn": "c", "tls_version": "{tls}",
 "url_prefix": "a/b"}}}}"#
        ))
    };
    assert_eq!(regional("TLS_1_2"), [""; 0]);
    assert_eq!(regional("TLS_1_0").len(), 1);
}
