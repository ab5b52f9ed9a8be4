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
