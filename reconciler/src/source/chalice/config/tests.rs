use std::collections::BTreeMap;

use super::*;
use crate::source::chalice::names;

mod domains;
mod oracle;
mod problems;

fn config(text: &str) -> (StageConfig, Vec<Problem>) {
    ProjectConfig::parse(text)
        .unwrap()
        .stage("dev", &Overrides::default())
        .unwrap()
}

/// The problems of a file, as `severity code place message -> hint`.
fn told(text: &str) -> Vec<String> {
    let problems = match ProjectConfig::parse(text) {
        Err(problems) => problems.0,
        Ok(config) => match config.stage("dev", &Overrides::default()) {
            Err(problems) => problems.0,
            Ok((config, mut warnings)) => {
                let keys = [names::REST_DOMAIN, names::WEBSOCKET_DOMAIN];
                warnings.extend(keys.iter().flat_map(|key| config.domain_problems(key)));
                judge(warnings).unwrap_or_else(|problems| problems.0)
            }
        },
    };
    let one = |problem: &Problem| {
        let severity = if problem.severity == Severity::Error {
            "error"
        } else {
            "warning"
        };
        let place = problem
            .place
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let hint = problem
            .hint
            .as_ref()
            .map(|hint| format!(" -> {hint}"))
            .unwrap_or_default();
        format!("{severity} {} {place} {problem}{hint}", problem.code)
    };
    problems.iter().map(one).collect()
}

fn timeout(text: &str, function: &str) -> u32 {
    config(text).0.function(function).timeout
}

#[test]
fn defaults_are_chalices() {
    let (config, warnings) = config(r#"{"app_name": "shop"}"#);
    assert!(warnings.is_empty());
    assert_eq!(config.app_name(), "shop");
    assert_eq!(config.api_gateway_stage(), "api");
    assert_eq!(config.api_gateway_endpoint_type(), "EDGE");
    assert_eq!(config.lambda_architecture(), "x86_64");
    assert_eq!(config.minimum_compression_size(), None);
    assert_eq!(config.api_gateway_endpoint_vpce(), None);
    assert_eq!(config.api_gateway_policy_file(), None);
    assert!(!config.api_xray());
    let function = config.function("work");
    assert_eq!((function.timeout, function.memory_size), (60, 128));
    assert_eq!(function.role, RoleChoice::Shared);
    assert_eq!(
        (function.reserved_concurrency, function.log_retention_in_days),
        (None, None)
    );
    assert!(function.vpc().is_none() && function.layers.is_empty() && !function.xray);
    let tags = function.all_tags(&config, "1.34.0");
    assert_eq!(
        tags,
        BTreeMap::from([("aws-chalice".into(), "version=1.34.0:stage=dev:app=shop".into())])
    );
}

#[test]
fn a_function_of_the_stage_comes_first_and_the_top_level_last() {
    let text = r#"{"app_name": "a", "lambda_timeout": 1,
        "lambda_functions": {"f": {"lambda_timeout": 2}},
        "stages": {"dev": {"lambda_timeout": 3, "lambda_functions": {"f": {"lambda_timeout": 4}}}}}"#;
    assert_eq!((timeout(text, "f"), timeout(text, "g")), (4, 3));
}

#[test]
fn a_plain_value_of_the_stage_beats_a_function_at_the_top_level() {
    let text = r#"{"app_name": "a", "lambda_functions": {"f": {"lambda_timeout": 2}},
        "stages": {"dev": {"lambda_timeout": 3}, "prod": {}}}"#;
    assert_eq!(timeout(text, "f"), 3);
    let project = ProjectConfig::parse(text).unwrap();
    let (prod, _) = project.stage("prod", &Overrides::default()).unwrap();
    assert_eq!(prod.function("f").timeout, 2);
    assert_eq!(prod.function("g").timeout, 60);
}

#[test]
fn the_command_line_loses_to_a_function_of_the_stage_and_beats_the_rest() {
    let text = r#"{"app_name": "a", "autogen_policy": true,
        "stages": {"dev": {"autogen_policy": true, "lambda_functions": {"f": {"autogen_policy": true}}}}}"#;
    let overrides = Overrides {
        autogen_policy: Some(false),
        api_gateway_stage: Some("v2".into()),
        profile: Some("work".into()),
    };
    let (config, _) = ProjectConfig::parse(text)
        .unwrap()
        .stage("dev", &overrides)
        .unwrap();
    assert_eq!(config.function("f").role, RoleChoice::Shared);
    assert_eq!(
        config.function("g").role,
        RoleChoice::Own(".chalice/policy-dev.json".into())
    );
    assert_eq!(
        (config.api_gateway_stage().as_str(), config.profile()),
        ("v2", Some("work"))
    );
}

#[test]
fn null_is_not_set_and_zero_is() {
    let text = r#"{"app_name": "a", "lambda_timeout": 9, "reserved_concurrency": 5,
        "stages": {"dev": {"lambda_timeout": null, "reserved_concurrency": 0, "log_retention_in_days": 0}}}"#;
    let function = config(text).0.function("f");
    assert_eq!((function.timeout, function.reserved_concurrency), (9, Some(0)));
    assert_eq!(function.log_retention_in_days, None);
}

#[test]
fn environment_and_tags_are_merged_key_by_key() {
    let text = r#"{"app_name": "a", "environment_variables": {"A": "top", "B": "top", "C": "top"},
        "tags": {"team": "top", "aws-chalice": "mine"},
        "stages": {"dev": {"environment_variables": {"B": "stage", "C": "stage"}, "tags": {"cost": "stage"},
            "lambda_functions": {"f": {"environment_variables": {"C": "function", "D": "function"}},
                                 "api_handler": {"environment_variables": {"E": "api"}}}}}}"#;
    let (config, _) = config(text);
    let pairs = |map: BTreeMap<String, String>| {
        map.into_iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        pairs(config.function("f").environment),
        "A=top B=stage C=function D=function"
    );
    assert_eq!(pairs(config.import_environment()), "A=top B=stage C=stage E=api");
    let tags = config.function("f").all_tags(&config, "1.34.0");
    assert_eq!(
        pairs(tags),
        "aws-chalice=version=1.34.0:stage=dev:app=a cost=stage team=top"
    );
}

#[test]
fn merged_keys_of_a_function_at_the_top_level_are_ignored_with_a_warning() {
    let text = "{\"app_name\": \"a\", \"lambda_functions\": {\"f\": {\n  \"environment_variables\": {\"X\": \"1\"},\n  \"tags\": {\"t\": \"1\"}}}}";
    let (config, warnings) = config(text);
    assert!(config.function("f").environment.is_empty() && config.function("f").tags.is_empty());
    assert_eq!(warnings.len(), 2);
    let told = told(text);
    assert!(told[0].starts_with("warning config::ignored-key .chalice/config.json:2:3 `environment_variables` of `lambda_functions.f`"), "{told:?}");
    assert!(
        told[1].contains("`stages.<stage>.lambda_functions.f.tags`"),
        "{told:?}"
    );
}

#[test]
fn roles_follow_manage_iam_role_then_autogen_policy() {
    let role = |text: &str| config(text).0.function("f").role;
    assert_eq!(
        role(
            r#"{"app_name": "a", "manage_iam_role": false, "iam_role_arn": "arn:r", "autogen_policy": false}"#
        ),
        RoleChoice::Given(Some("arn:r".into()))
    );
    assert_eq!(
        role(r#"{"app_name": "a", "manage_iam_role": false}"#),
        RoleChoice::Given(None)
    );
    assert_eq!(
        role(r#"{"app_name": "a", "iam_role_arn": "arn:r"}"#),
        RoleChoice::Shared
    );
    let own = r#"{"app_name": "a", "autogen_policy": false, "lambda_functions": {"f": {"iam_policy_file": "f.json"}}}"#;
    assert_eq!(role(own), RoleChoice::Own(".chalice/f.json".into()));
}

#[test]
fn an_empty_list_takes_a_function_out_of_the_vpc() {
    let text = r#"{"app_name": "a", "subnet_ids": ["s"], "security_group_ids": ["g"],
        "stages": {"dev": {"lambda_functions": {"f": {"subnet_ids": [], "security_group_ids": []}}}}}"#;
    let (config, _) = config(text);
    assert!(config.function("f").vpc().is_none());
    assert_eq!(
        config.function("g").vpc(),
        Some((&["s".to_owned()][..], &["g".to_owned()][..]))
    );
}

#[test]
fn a_stage_that_the_file_lacks_has_the_values_of_the_top_level() {
    let text = r#"{"app_name": "a", "lambda_timeout": 7, "stages": {"prod": {}}}"#;
    assert_eq!(timeout(text, "f"), 7);
    assert!(config(text).1.is_empty());
    let (_, warnings) = ProjectConfig::parse(text)
        .unwrap()
        .stage("prd", &Overrides::default())
        .unwrap();
    assert_eq!(
        warnings[0].hint.as_deref(),
        Some("did you mean the stage `prod`?")
    );
}

#[test]
fn the_endpoint_may_be_one_or_a_list() {
    let vpce = |value: &str| {
        let text = format!(r#"{{"app_name": "a", "api_gateway_endpoint_vpce": {value}}}"#);
        config(&text).0.api_gateway_endpoint_vpce()
    };
    assert_eq!(vpce(r#""vpce-1""#), Some(serde_json::json!("vpce-1")));
    assert_eq!(vpce(r#"["vpce-1"]"#), Some(serde_json::json!(["vpce-1"])));
    assert_eq!((vpce("[]"), vpce(r#""""#)), (None, None));
}
