//! What `grail serve` itself says of these files.

use clap::Parser as _;
use grail::cli::args::CommandLine;
use grail_tests::cli::Grail;
use grail_tests::project::Project;
use grail_tests::python::repository;

use super::{documents, text};

#[test]
fn every_configuration_is_one_that_is_taken() {
    let project = Project::example("rest-api");
    let grail = Grail::new(env!("CARGO_BIN_EXE_grail"), &project, "http://127.0.0.1:1");
    for name in [
        "grail-serve.toml",
        "kubernetes/grail-serve.toml",
        "ecs/grail-serve.toml",
    ] {
        let path = repository().join("deploy").join(name).display().to_string();
        grail
            .run(&["serve", "--config", &path, "--check"])
            .expect_success();
    }
}

#[test]
fn every_command_line_is_one_that_is_taken() {
    let documents = documents();
    let pod = &documents["kubernetes/deployment.yaml"][0]["spec"]["template"]["spec"];
    let mut lines = vec![
        pod["containers"][0]["args"]
            .as_array()
            .unwrap()
            .iter()
            .map(|word| word.as_str().unwrap().to_owned())
            .collect::<Vec<String>>(),
    ];
    for line in text("container/Containerfile").lines() {
        if let Some(words) = line.strip_prefix("CMD ") {
            lines.push(serde_json::from_str(words).unwrap());
        }
    }
    let unit = text("systemd/grail.service");
    let start = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/grail "));
    lines.push(start.unwrap().split(' ').map(ToOwned::to_owned).collect());
    assert_eq!(lines.len(), 4);
    for words in lines {
        let line = CommandLine::try_parse_from(std::iter::once("grail".to_owned()).chain(words.clone()));
        let line = line.unwrap_or_else(|error| panic!("{words:?}: {error}"));
        assert_eq!(line.command.name(), "serve", "{words:?}");
    }
}

/// Whoever follows the steps has a service that starts: it does not where a variable is missing.
#[test]
fn every_variable_that_a_configuration_names_is_given() {
    let documents = documents();
    let named = |file: &str| {
        let text = documents[file][0].to_string();
        let keys = ["token_env", "webhook_secret_env"];
        let values = keys.iter().flat_map(|key| {
            let key = format!("\"{key}\":\"");
            let found = text.split(&key).skip(1).filter_map(|rest| rest.split('"').next());
            found.map(ToOwned::to_owned).collect::<Vec<_>>()
        });
        values.collect::<Vec<String>>()
    };
    for (file, given) in [
        ("grail-serve.toml", text("README.md")),
        ("kubernetes/grail-serve.toml", text("kubernetes/deployment.yaml")),
        ("ecs/grail-serve.toml", text("ecs/task-definition.json")),
    ] {
        for variable in named(file) {
            let ways = [
                format!("echo \"{variable}="),
                format!("\"name\": \"{variable}\""),
                format!("name: {variable}\n"),
            ];
            assert!(
                ways.iter().any(|way| given.contains(way)),
                "{file} names {variable}"
            );
        }
    }
    assert_eq!(named("grail-serve.toml"), ["SHOP_WEBHOOK_SECRET"]);
    // Off loopback the metrics want a token, of which the annotation knows nothing.
    assert!(!text("kubernetes/deployment.yaml").contains("prometheus.io/scrape"));
}
