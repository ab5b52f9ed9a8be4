use std::collections::BTreeMap;

use super::*;
use crate::source::chalice::diagnostic::Severity;

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
            Ok((_, warnings)) => warnings,
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

#[test]
fn every_problem_of_a_file_is_told_at_once_with_its_place() {
    let text = r#"{
  "app_nam": "shop",
  "stages": {
    "dev": {
      "lambda_timout": 3,
      "lambda_timeout": "3",
      "environment_variables": {"PIN": 4711},
      "automatic_layer": true,
      "lambda_functions": {"f": {"layers": "arn", "automatic_layer": false}}
    },
    "prod": {"xray": "yes", "app_name": "x"}
  }
}"#;
    assert_eq!(
        told(text),
        [
            "error config::no-app-name .chalice/config.json:1 `app_name` is missing -> rename `app_nam` to `app_name`",
            "warning config::unknown-key .chalice/config.json:2:3 unknown key `app_nam` -> did you mean `app_name`?",
            "warning config::unknown-key .chalice/config.json:5:7 unknown key `lambda_timout` -> did you mean `lambda_timeout`?",
            "error config::wrong-type .chalice/config.json:6:25 `lambda_timeout`: expected a whole number, found a string",
            "error config::wrong-type .chalice/config.json:7:40 `PIN` in `environment_variables`: expected a string, found a number",
            "error config::wrong-type .chalice/config.json:9:44 `layers`: expected a list of strings, found a string",
            "warning config::ignored-key .chalice/config.json:9:51 `automatic_layer` has no effect here -> Chalice reads it at the top level and in a stage only",
            "warning config::wrong-type .chalice/config.json:11:22 `xray`: expected true or false, found a string",
            "warning config::ignored-key .chalice/config.json:11:29 `app_name` has no effect here -> Chalice reads it at the top level only",
        ]
    );
}

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
fn versions_up_to_two_are_read() {
    for version in ["\"1.0\"", "\"2.0\"", "2.0", "1"] {
        assert_eq!(
            told(&format!(r#"{{"app_name": "a", "version": {version}}}"#)),
            [""; 0]
        );
    }
    assert_eq!(
        told(r#"{"app_name": "a", "version": "2.1"}"#),
        [
            "error config::unknown-version .chalice/config.json:1:30 `version` is 2.1, and this grail reads configurations up to version 2.0"
        ]
    );
    assert_eq!(
        told(r#"{"app_name": "a", "version": "two"}"#),
        ["error config::unknown-version .chalice/config.json:1:30 `version` is not a number"]
    );
}

#[test]
fn structure_of_the_wrong_type_is_an_error() {
    assert_eq!(
        told(r#"{"app_name": "a", "stages": [], "lambda_functions": {"f": 3}}"#),
        [
            "error config::wrong-type .chalice/config.json:1:29 `stages`: expected an object, found a list",
            "error config::wrong-type .chalice/config.json:1:59 `f`: expected an object, found a number",
        ]
    );
    assert_eq!(
        told("[]"),
        [
            "error config::wrong-type .chalice/config.json:1:1 `.chalice/config.json` holds a list, not an object -> it needs at least `{\"version\": \"2.0\", \"app_name\": \"...\"}`"
        ]
    );
}

#[test]
fn a_missing_or_broken_file_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let missing = ProjectConfig::read(folder.path()).unwrap_err();
    assert_eq!(missing.0[0].code, "config::missing");
    std::fs::create_dir(folder.path().join(".chalice")).unwrap();
    std::fs::write(folder.path().join(CONFIG_FILE), b"{\"app_name\": \"\xff\"}").unwrap();
    assert_eq!(
        ProjectConfig::read(folder.path()).unwrap_err().0[0].code,
        "config::unreadable"
    );
    std::fs::write(folder.path().join(CONFIG_FILE), "{\n  \"app_name\" \"a\"\n}").unwrap();
    let broken = ProjectConfig::read(folder.path()).unwrap_err();
    assert_eq!(
        broken.0[0].place.as_ref().unwrap().to_string(),
        ".chalice/config.json:2:14"
    );
}

#[test]
fn a_stage_name_that_would_leave_its_folder_is_refused() {
    let project = ProjectConfig::parse(r#"{"app_name": "a"}"#).unwrap();
    for stage in ["../x", ".hidden", "", "a/b"] {
        assert_eq!(
            project.stage(stage, &Overrides::default()).unwrap_err().0[0].code,
            "config::bad-stage",
            "{stage}"
        );
    }
}

#[test]
fn no_debug_text_shows_a_secret() {
    let text = r#"{"app_name": "a", "environment_variables": {"KEY": "hunter2", "N": 4711}}"#;
    let project = ProjectConfig::parse(text).unwrap();
    let problems = project.stage("dev", &Overrides::default()).unwrap_err();
    let (config, _) = config(&text.replace("4711", "\"\""));
    let shown = format!("{project:?} {config:?} {:?} {problems:?}", config.function("f"));
    assert!(!shown.contains("hunter2") && !shown.contains("4711"), "{shown}");
    let drawn = format!("{:?}", miette::Report::new(problems.0[0].clone()));
    assert!(
        drawn.contains("KEY") && !drawn.contains("hunter2") && !drawn.contains("4711"),
        "{drawn}"
    );
}

/// Hundreds of made-up files: every value that counts is the one that Chalice's own `Config` gives.
#[test]
fn every_look_up_agrees_with_chalice() {
    use rand::{Rng as _, SeedableRng as _};
    let seed: u64 = 20_260_801;
    eprintln!("seed {seed}");
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut files = Vec::new();
    for _ in 0..400 {
        let mut root = section(&mut random, true);
        root.insert("app_name".into(), "shop".into());
        root.insert("lambda_functions".into(), functions(&mut random));
        let mut stage = section(&mut random, true);
        stage.insert("lambda_functions".into(), functions(&mut random));
        if random.random_bool(0.8) {
            root.insert("stages".into(), serde_json::json!({"dev": stage}));
        }
        let autogen = [None, Some(true), Some(false)][random.random_range(0..3)];
        files.push((root, autogen));
    }
    let asked: Vec<_> = files
        .iter()
        .map(|(file, autogen)| serde_json::json!({"file": file, "autogen": autogen}))
        .collect();
    let answers = crate::source::chalice::test_python::run_json(ORACLE, &serde_json::json!(asked));
    for ((file, autogen), answer) in files.into_iter().zip(answers.as_array().unwrap()) {
        let text = Value::Object(file).to_string();
        let overrides = Overrides {
            autogen_policy: autogen,
            ..Overrides::default()
        };
        let (config, _) = ProjectConfig::parse(&text)
            .unwrap()
            .stage("dev", &overrides)
            .unwrap();
        assert_eq!(&ours(&config), answer, "{text} {autogen:?}");
    }
}

const ORACLE: &str = r#"
import json, sys
from chalice.config import Config
def told(config):
    function = lambda name: config.scope("dev", name)
    def one(c):
        manage, autogen = c.manage_iam_role, c.autogen_policy
        role = c.iam_role_arn or None if not manage else "shared" if autogen else (c.iam_policy_file or "policy-dev.json")
        vpc = [c.subnet_ids, c.security_group_ids] if c.subnet_ids and c.security_group_ids else None
        return {"environment": c.environment_variables, "tags": c.tags, "timeout": c.lambda_timeout or 60,
            "memory": c.lambda_memory_size or 128, "concurrency": c.reserved_concurrency, "layers": c.layers or [],
            "xray": bool(c.xray_enabled), "retention": c.log_retention_in_days or None, "role": role, "vpc": vpc}
    return {"stage": config.api_gateway_stage, "type": config.api_gateway_endpoint_type,
        "vpce": config.api_gateway_endpoint_vpce or None, "compression": config.minimum_compression_size,
        "architecture": config.lambda_architecture, "import": config.environment_variables,
        "functions": [one(function(name)) for name in ("api_handler", "f", "g")]}
answers = []
for asked in json.load(sys.stdin):
    given = {} if asked["autogen"] is None else {"autogen_policy": asked["autogen"]}
    defaults = {"project_dir": ".", "api_gateway_stage": "api", "api_gateway_endpoint_type": "EDGE", "autogen_policy": True}
    answers.append(told(Config("dev", user_provided_params=given, config_from_disk=asked["file"], default_params=defaults)))
json.dump(answers, sys.stdout)
"#;

fn ours(config: &StageConfig) -> Value {
    let one = |name: &str| {
        let function = config.function(name);
        let role = match &function.role {
            RoleChoice::Given(arn) => serde_json::json!(arn),
            RoleChoice::Shared => "shared".into(),
            RoleChoice::Own(file) => file
                .strip_prefix(".chalice")
                .unwrap()
                .display()
                .to_string()
                .into(),
        };
        serde_json::json!({"environment": function.environment, "tags": function.all_tags(config, "1.34.0"),
            "timeout": function.timeout, "memory": function.memory_size, "concurrency": function.reserved_concurrency,
            "layers": function.layers, "xray": function.xray, "retention": function.log_retention_in_days,
            "role": role, "vpc": function.vpc()})
    };
    let functions = ["api_handler", "f", "g"].map(one);
    serde_json::json!({"stage": config.api_gateway_stage(), "type": config.api_gateway_endpoint_type(),
        "vpce": config.api_gateway_endpoint_vpce(), "compression": config.minimum_compression_size(),
        "architecture": config.lambda_architecture(), "import": config.import_environment(),
        "functions": functions})
}

type Entries = serde_json::Map<String, Value>;

fn functions(random: &mut impl rand::Rng) -> Value {
    let names = ["api_handler", "f", "g"]
        .into_iter()
        .filter(|_| random.random_bool(0.6))
        .collect::<Vec<_>>();
    Value::Object(
        names
            .into_iter()
            .map(|name| (name.to_owned(), Value::Object(section(random, false))))
            .collect(),
    )
}

/// A section with each key there or not, `null` among the values.
fn section(random: &mut impl rand::Rng, whole: bool) -> Entries {
    let number = random.random_range(1..900);
    let choices = [
        ("api_gateway_stage", serde_json::json!(format!("v{number}"))),
        ("api_gateway_endpoint_type", serde_json::json!("REGIONAL")),
        ("api_gateway_endpoint_vpce", serde_json::json!(["vpce-1"])),
        ("minimum_compression_size", serde_json::json!(number)),
        ("lambda_architecture", serde_json::json!("arm64")),
        ("autogen_policy", serde_json::json!(number % 2 == 0)),
        ("iam_policy_file", serde_json::json!(format!("p{number}.json"))),
        ("manage_iam_role", serde_json::json!(number % 3 != 0)),
        ("iam_role_arn", serde_json::json!(format!("arn:{number}"))),
        ("lambda_memory_size", serde_json::json!(number + 128)),
        ("lambda_timeout", serde_json::json!(number)),
        ("reserved_concurrency", serde_json::json!(number % 3)),
        (
            "environment_variables",
            serde_json::json!({"A": number.to_string(), format!("B{}", number % 3): "x"}),
        ),
        (
            "tags",
            serde_json::json!({"t": number.to_string(), "aws-chalice": "mine"}),
        ),
        (
            "subnet_ids",
            if number % 4 == 0 {
                serde_json::json!([])
            } else {
                serde_json::json!(["s"])
            },
        ),
        ("security_group_ids", serde_json::json!(["g"])),
        ("layers", serde_json::json!([format!("arn:layer:{number}")])),
        ("xray", serde_json::json!(number % 2 == 1)),
        (
            "log_retention_in_days",
            serde_json::json!([0, 1, 7, 30][number % 4]),
        ),
    ];
    let mut entries = Entries::new();
    for (key, value) in choices {
        let readable = whole || keys::find(key).unwrap().function;
        if readable && random.random_bool(0.4) {
            let value = if random.random_bool(0.15) {
                Value::Null
            } else {
                value
            };
            entries.insert(key.to_owned(), value);
        }
    }
    entries
}
