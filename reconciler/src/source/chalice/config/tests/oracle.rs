//! Every look-up against the real Chalice's, over configurations drawn by chance.

use super::*;

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
