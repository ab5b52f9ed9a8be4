//! What `deploy/` gives to those who run grail for good: files that parse, that agree with each other, and that name what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use grail_tests::python::{self, repository};
use grail_tests::sources;
use serde_json::Value;

mod served;

/// The metrics of `grail serve`, as Prometheus stores them.
const METRICS: [&str; 21] = [
    "grail_aws_calls_total",
    "grail_aws_throttles_total",
    "grail_build_info",
    "grail_configuration_read_timestamp_seconds",
    "grail_configuration_valid",
    "grail_event_listeners",
    "grail_events_lost_total",
    "grail_pass_duration_seconds",
    "grail_passes_running",
    "grail_passes_total",
    "grail_queue_depth",
    "grail_stage_carried",
    "grail_stage_drift",
    "grail_stage_failures_in_a_row",
    "grail_stage_last_pass_timestamp_seconds",
    "grail_stage_paused",
    "grail_stage_standing",
    "grail_stages",
    "grail_step_failures_total",
    "grail_step_retries_total",
    "grail_steps_total",
];

/// Reads every YAML, JSON and TOML file below a folder: its documents by its path.
const READ: &str = r"
import json, pathlib, sys, tomllib, yaml
root = pathlib.Path(sys.argv[1])
readers = {
    '.json': lambda text: [json.loads(text)],
    '.toml': lambda text: [tomllib.loads(text)],
    '.yml': lambda text: list(yaml.safe_load_all(text)),
    '.yaml': lambda text: list(yaml.safe_load_all(text)),
}
found = {}
for path in sorted(root.rglob('*')):
    if path.suffix in readers:
        found[path.relative_to(root).as_posix()] = readers[path.suffix](path.read_text())
json.dump(found, sys.stdout)
";

/// Compares the inputs of two calls with the model that botocore has of them.
const VALIDATE: &str = r"
import json, pathlib, sys
import botocore.session
from botocore.validate import ParamValidator
folder = pathlib.Path(sys.argv[1])
model = botocore.session.get_session().get_service_model('ecs')
for name, operation in (('task-definition', 'RegisterTaskDefinition'), ('service', 'CreateService')):
    given = json.loads((folder / f'{name}.json').read_text())
    report = ParamValidator().validate(given, model.operation_model(operation).input_shape).generate_report()
    if report:
        print(f'{name}.json: {report}')
";

fn asks_python(script: &str, folder: &Path) -> String {
    let asked = Command::new(python::environment().program("python"))
        .args(["-c", script])
        .arg(folder)
        .output();
    let answer = asked.expect("running Python");
    assert!(answer.status.success(), "{answer:?}");
    String::from_utf8(answer.stdout).expect("Python says text")
}

fn documents() -> BTreeMap<String, Vec<Value>> {
    let read = asks_python(READ, &repository().join("deploy"));
    serde_json::from_str(&read).expect("documents as JSON")
}

fn text(path: &str) -> String {
    std::fs::read_to_string(repository().join("deploy").join(path))
        .unwrap_or_else(|error| panic!("deploy/{path}: {error}"))
}

/// Every word that begins like a metric of ours.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
        .filter(|word| word.starts_with("grail_"))
        .collect()
}

fn alerts() -> Vec<Value> {
    let documents = documents();
    let groups = documents["prometheus/alerts.yml"][0]["groups"]
        .as_array()
        .unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    rules.cloned().collect()
}

#[test]
fn every_file_parses_and_every_folder_has_some() {
    let documents = documents();
    for folder in ["ecs/", "grafana/", "kubernetes/", "prometheus/"] {
        assert!(documents.keys().any(|path| path.starts_with(folder)), "{folder}");
    }
}

#[test]
fn what_alerts_and_pictures_name_is_measured() {
    // Where the metrics are made, the list here is compared with it.
    let sources = sources::all();
    let source = sources
        .iter()
        .find(|source| source.path == "reconciler/src/serve/http/metrics.rs");
    if let Some(source) = source {
        let made = made_by(&source.text);
        assert_eq!(made, METRICS.map(ToOwned::to_owned).into());
    }
    for path in ["prometheus/alerts.yml", "grafana/grail.json", "RUNBOOK.md"] {
        let text = text(path);
        for metric in metrics_in(&text) {
            let of = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| metric.strip_suffix(suffix))
                .unwrap_or(metric);
            assert!(METRICS.contains(&of), "{path} names {metric}");
        }
    }
    // And what is measured is shown to somebody.
    let board = text("grafana/grail.json");
    for metric in METRICS {
        assert!(board.contains(metric), "no picture shows {metric}");
    }
}

/// The metrics that this source makes, by its calls: `out.counter("passes", ...)`.
fn made_by(source: &str) -> BTreeSet<String> {
    let suffixes = [
        (".gauge(", ""),
        (".counter(", "_total"),
        (".seconds(", "_seconds"),
        (".durations(", "_seconds"),
    ];
    let mut made = BTreeSet::new();
    for (call, suffix) in suffixes {
        for rest in source.split(call).skip(1) {
            if let Some((name, _)) = rest
                .trim_start()
                .strip_prefix('"')
                .and_then(|rest| rest.split_once('"'))
            {
                made.insert(format!("grail_{name}{suffix}"));
            }
        }
    }
    made
}

#[test]
fn every_alert_leads_to_its_section_of_the_runbook_and_is_tried() {
    let (page, tried) = (text("RUNBOOK.md"), text("prometheus/alerts.test.yml"));
    let (_, sections) = page.split_once("\n## Alerts\n").expect("the chapter on alerts");
    let sections = sections.split("\n## ").next().unwrap();
    let mut named: Vec<&str> = sections
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    let alerts = alerts();
    assert!(alerts.len() > 10);
    for alert in &alerts {
        let name = alert["alert"].as_str().unwrap();
        let place = named.iter().position(|section| *section == name);
        named.remove(place.unwrap_or_else(|| panic!("the runbook has no section {name}")));
        let link = format!("deploy/RUNBOOK.md#{}", name.to_lowercase());
        assert_eq!(alert["annotations"]["runbook"], Value::from(link), "{name}");
        assert!(alert["annotations"]["summary"].is_string(), "{name}");
        let severity = alert["labels"]["severity"].as_str().unwrap();
        assert!(
            ["info", "warning", "critical"].contains(&severity),
            "{name}: {severity}"
        );
        assert!(
            tried.contains(&format!("alertname: {name}\n")),
            "{name} is not tried"
        );
    }
    assert!(named.is_empty(), "no alert leads to {named:?}");
}

#[test]
fn the_inputs_for_ecs_are_as_aws_describes_them() {
    assert_eq!(asks_python(VALIDATE, &repository().join("deploy/ecs")), "");
    let documents = documents();
    let task = &documents["ecs/task-definition.json"][0];
    let container = &task["containerDefinitions"][0];
    assert_eq!(documents["ecs/service.json"][0]["taskDefinition"], task["family"]);
    assert_eq!(container["readonlyRootFilesystem"], true);
    // The variable of the token is the one that the configuration names.
    let names: Vec<&str> = container["secrets"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|secret| secret["name"].as_str())
        .collect();
    let token = documents["ecs/grail-serve.toml"][0]["http"]["token_env"]
        .as_str()
        .unwrap();
    assert!(
        names.contains(&token) && names.contains(&"GRAIL_SEAL_KEY"),
        "{names:?}"
    );
}

#[test]
fn the_manifests_of_kubernetes_agree_with_each_other() {
    let documents = documents();
    let of = |name: &str| &documents[&format!("kubernetes/{name}.yaml")][0];
    let listed: BTreeSet<&str> = of("kustomization")["resources"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let there: BTreeSet<&str> = documents
        .keys()
        .filter_map(|path| path.strip_prefix("kubernetes/"))
        .filter(|name| name.ends_with(".yaml") && *name != "kustomization.yaml")
        .collect();
    assert_eq!(listed, there);

    let template = &of("deployment")["spec"]["template"];
    let labels = &template["metadata"]["labels"];
    assert_eq!(&of("deployment")["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(&of("service")["spec"]["selector"], labels);
    assert_eq!(
        &of("poddisruptionbudget")["spec"]["selector"]["matchLabels"],
        labels
    );
    assert_eq!(&of("networkpolicy")["spec"]["podSelector"]["matchLabels"], labels);
    assert_eq!(
        template["spec"]["serviceAccountName"],
        of("serviceaccount")["metadata"]["name"]
    );

    let container = &template["spec"]["containers"][0];
    let port = container["ports"][0]["containerPort"].as_u64().unwrap();
    let toml = &documents["kubernetes/grail-serve.toml"][0];
    assert!(
        toml["http"]["listen"]
            .as_str()
            .unwrap()
            .ends_with(&format!(":{port}"))
    );
    let security = &container["securityContext"];
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(template["spec"]["securityContext"]["runAsNonRoot"], true);

    // Every mount has its volume, and the token lies where the configuration looks for it.
    let volumes = template["spec"]["volumes"].as_array().unwrap();
    let mounts = container["volumeMounts"].as_array().unwrap();
    let names = |list: &[Value]| -> BTreeSet<String> {
        list.iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(volumes), names(mounts));
    let secrets = mounts.iter().find(|mount| mount["name"] == "secrets").unwrap();
    let token = format!("{}/token", secrets["mountPath"].as_str().unwrap());
    assert_eq!(toml["http"]["token_file"], Value::from(token));
}

#[test]
fn images_units_and_manifests_speak_of_one_account_and_one_place() {
    let containers = text("container/Containerfile");
    for target in ["FROM scratch AS grail\n", "AS grail-python\n"] {
        let (_, image) = containers.split_once(target).expect("a target");
        let image = image.split("\nFROM ").next().unwrap();
        assert!(image.contains("USER 65532:65532\n"), "{target}");
        assert!(
            image.contains("ENTRYPOINT [\"/usr/local/bin/grail\"]"),
            "{target}"
        );
        assert!(
            image.contains("HOME=/var/lib/grail GRAIL_CACHE_DIR=/var/cache/grail"),
            "{target}"
        );
    }
    let documents = documents();
    let pod = &documents["kubernetes/deployment.yaml"][0]["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsUser"], 65532);
    assert_eq!(
        documents["ecs/task-definition.json"][0]["containerDefinitions"][0]["user"],
        "65532:65532"
    );
    let unit = text("systemd/grail.service");
    let of = |key: &str| {
        unit.lines()
            .find_map(|line| line.strip_prefix(&format!("{key}=")))
    };
    assert_eq!(of("Type"), Some("notify"));
    assert_eq!(of("DynamicUser"), Some("yes"));
    assert_eq!(of("ExecReload"), Some("/bin/kill -HUP $MAINPID"));
    // The sample's token is the credential of the unit.
    let token = of("LoadCredential")
        .and_then(|credential| credential.split(':').next())
        .unwrap();
    let sample = documents["grail-serve.toml"][0]["http"]["token_file"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(sample, format!("/run/credentials/grail.service/{token}"));
}
