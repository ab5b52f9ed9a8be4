//! The workflow files of `deploy/ci`: YAML, with actions that nobody can exchange, and command lines that this grail takes.

use std::path::PathBuf;
use std::process::Command;

use clap::Parser as _;
use grail::cli::args::{Command as Verb, CommandLine};
use grail_tests::python;
use serde_json::Value;

/// Every file with its name and content.
fn files() -> Vec<(PathBuf, Value)> {
    const READ: &str = "import sys, json, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let folder = python::repository().join("deploy/ci");
    let mut files = Vec::new();
    for service in ["github", "gitlab"] {
        for entry in std::fs::read_dir(folder.join(service)).expect("reading deploy/ci") {
            let path = entry.expect("an entry").path();
            let program = python::environment().program("python");
            let read = Command::new(program).args(["-c", READ]).arg(&path).output();
            let read = read.expect("running Python");
            let value = serde_json::from_slice(&read.stdout)
                .unwrap_or_else(|error| panic!("{}: {error}: {read:?}", path.display()));
            files.push((path, value));
        }
    }
    assert_eq!(files.len(), 8);
    files
}

/// Every text under this key, however deep.
fn texts<'v>(value: &'v Value, keys: &[&str], found: &mut Vec<&'v str>) {
    match value {
        Value::Object(entries) => {
            for (key, item) in entries {
                if keys.contains(&key.as_str()) {
                    let items = item.as_array().map_or(std::slice::from_ref(item), Vec::as_slice);
                    found.extend(items.iter().filter_map(Value::as_str));
                }
                texts(item, keys, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, keys, found)),
        _ => {}
    }
}

#[test]
fn every_command_line_is_one_that_grail_takes() {
    for (path, value) in files() {
        let mut scripts = Vec::new();
        texts(&value, &["run", "script", "before_script"], &mut scripts);
        let lines = scripts.iter().flat_map(|script| script.lines());
        let commands: Vec<_> = lines
            .map(str::trim)
            .filter(|line| line.trim_start_matches("exec ").starts_with("grail "))
            .collect();
        assert_eq!(commands.len(), 1, "{}: {commands:?}", path.display());
        // A shell that stays above it keeps the signals of the service to itself.
        let replaces_the_shell = commands[0].starts_with("exec ");
        let on_github = path.parent().is_some_and(|it| it.ends_with("github"));
        assert_eq!(replaces_the_shell, on_github, "{}", path.display());
        let commands = commands.iter().map(|command| command.trim_start_matches("exec "));
        for command in commands {
            let words = command.split_whitespace().map(|word| word.trim_matches('"'));
            let line = CommandLine::try_parse_from(words);
            let line = line.unwrap_or_else(|error| panic!("{}: {command}: {error}", path.display()));
            assert!(
                !matches!(line.command, Verb::Chalice(_)),
                "{command} is no command of grail"
            );
            assert!(line.global.ci, "{command} is no command of a CI service");
        }
    }
}

#[test]
fn actions_are_pinned_and_rights_are_few() {
    for (path, value) in files()
        .into_iter()
        .filter(|(path, _)| path.parent().is_some_and(|it| it.ends_with("github")))
    {
        let mut used = Vec::new();
        texts(&value, &["uses"], &mut used);
        assert!(used.len() >= 3, "{}", path.display());
        for action in used {
            let pin = action.split_once('@').map_or("", |(_, pin)| pin);
            let is_digest = pin.len() == 40 && pin.chars().all(|sign| sign.is_ascii_hexdigit());
            assert!(is_digest, "{}: {action} can be exchanged", path.display());
        }
        assert_eq!(value["permissions"]["contents"], "read", "{}", path.display());
        assert_eq!(
            value["concurrency"]["cancel-in-progress"],
            false,
            "{}",
            path.display()
        );
    }
}
