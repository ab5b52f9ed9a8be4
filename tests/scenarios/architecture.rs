//! Rules of the architecture that the compiler does not check: who may name what, and what stands nowhere.

use std::collections::BTreeMap;

use grail_tests::python::repository;
use grail_tests::sources::{self, Source};

/// Code that must not see the outside: it gives the same answer to the same question, always.
const PURE: [&str; 7] = [
    "reconciler/src/graph",
    "reconciler/src/serve/crew/muster",
    "reconciler/src/plan",
    "reconciler/src/engine/machine",
    "reconciler/src/engine/frontier",
    "reconciler/src/watch/agenda",
    "state/src/txn",
];

const OUTSIDE: [&str; 17] = [
    "async",
    "await",
    "tokio",
    "futures",
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::thread",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "rand",
    "getrandom",
    "HashMap",
    "HashSet",
    "reqwest",
];

/// Print macros, and the streams behind them.
const PRINTING: [&str; 7] = [
    "print!",
    "println!",
    "eprint!",
    "eprintln!",
    "dbg!",
    "io::stdout",
    "io::stderr",
];

/// What belongs to the process, and so to the command line.
const ENVIRONMENT: [&str; 12] = [
    "env::var",
    "env::var_os",
    "env::vars",
    "env::vars_os",
    "env::set_var",
    "env::remove_var",
    "env::args",
    "env::args_os",
    "env::current_dir",
    "env::temp_dir",
    "env::home_dir",
    "dirs::",
];

fn product() -> Vec<Source> {
    let sources = sources::product();
    assert!(
        sources.len() > 40,
        "only {} files of the product were found",
        sources.len()
    );
    sources
}

/// Whether a file is this module: `a/b` is `a/b.rs` and everything under `a/b/`.
fn is_in(path: &str, module: &str) -> bool {
    path.strip_prefix(module)
        .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

fn is_in_any(path: &str, modules: &[&str]) -> bool {
    modules.iter().any(|module| is_in(path, module))
}

/// Every use of a word outside the modules that may use it, one line each.
fn uses_outside(words: &[&str], allowed: &[&str]) -> Vec<String> {
    let others = product()
        .into_iter()
        .filter(|source| !is_in_any(&source.path, allowed));
    others.flat_map(|source| uses_in(&source, words)).collect()
}

fn uses_in(source: &Source, words: &[&str]) -> Vec<String> {
    let code = source.code();
    let used = words.iter().filter(|word| sources::uses(&code, word));
    used.map(|word| format!("{} uses {word}", source.path)).collect()
}

#[track_caller]
fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn every_module_that_a_rule_names_is_there() {
    let sources = product();
    let named = PURE.iter().chain(&[
        "reconciler/src/plan/graph",
        "reconciler/src/cli",
        "providers/src/aws/clients",
    ]);
    let missing = named.filter(|module| !sources.iter().any(|source| is_in(&source.path, module)));
    assert_none(
        "rules speak of modules that are not there",
        &missing.map(|it| (*it).to_owned()).collect::<Vec<_>>(),
    );
}

#[test]
fn planner_machine_frontier_and_transaction_are_pure() {
    let pure = product()
        .into_iter()
        .filter(|source| is_in_any(&source.path, &PURE));
    let found: Vec<String> = pure.flat_map(|source| uses_in(&source, &OUTSIDE)).collect();
    assert_none("pure code looks outside", &found);
}

#[test]
fn petgraph_stays_in_one_file() {
    assert_none(
        "petgraph leaks",
        &uses_outside(&["petgraph"], &["reconciler/src/plan/graph"]),
    );
}

#[test]
fn only_the_command_line_prints_and_reads_the_environment() {
    let cli = ["reconciler/src/cli", "reconciler/src/main"];
    assert_none(
        "printing outside the command line",
        &uses_outside(&PRINTING, &cli),
    );
    assert_none(
        "the environment outside the command line",
        &uses_outside(&ENVIRONMENT, &cli),
    );
}

#[test]
fn who_exports_traces_is_known_in_one_place() {
    let words = [
        "opentelemetry",
        "opentelemetry_sdk",
        "tracing_opentelemetry",
        "tracing_subscriber",
    ];
    assert_none(
        "exporters are named elsewhere",
        &uses_outside(&words, &["reconciler/src/cli/trace"]),
    );
}

#[test]
fn sdk_clients_are_built_in_one_file() {
    let builders = ["Client::from_conf", "Client::new", "aws_config::load_from_env"];
    let naming_aws = product()
        .into_iter()
        .filter(|source| source.code().contains("aws_"));
    let others = naming_aws.filter(|source| !is_in(&source.path, "providers/src/aws/clients"));
    let found: Vec<String> = others.flat_map(|source| uses_in(&source, &builders)).collect();
    assert_none("SDK clients are built elsewhere", &found);
}

#[test]
fn the_sdk_is_named_behind_the_port_only() {
    let allowed = [
        "providers/src/aws",
        "providers/src/resources",
        "state/src/store/object",
    ];
    let others = product()
        .into_iter()
        .filter(|source| !is_in_any(&source.path, &allowed));
    let crates = [
        "aws_config::",
        "aws_credential_types::",
        "aws_types::",
        "aws_smithy_",
        "aws_sdk_",
    ];
    let found = others.filter(|source| crates.iter().any(|name| source.code().contains(name)));
    assert_none(
        "the AWS SDK is named elsewhere",
        &found.map(|source| source.path).collect::<Vec<_>>(),
    );
}

#[test]
fn modules_of_the_reconciler_look_one_way() {
    let may_not: BTreeMap<&str, &[&str]> = BTreeMap::from([
        (
            "reconciler/src/plan",
            ["source", "engine", "watch", "local", "cli"].as_slice(),
        ),
        (
            "reconciler/src/engine",
            ["source", "watch", "local", "cli"].as_slice(),
        ),
        (
            "reconciler/src/graph",
            ["source", "engine", "watch", "local", "cli"].as_slice(),
        ),
        (
            "reconciler/src/report",
            ["source", "engine", "watch", "serve", "local", "cli"].as_slice(),
        ),
        (
            "reconciler/src/source",
            ["plan", "engine", "watch", "local", "cli"].as_slice(),
        ),
        (
            "reconciler/src/local",
            ["source", "plan", "engine", "watch", "cli"].as_slice(),
        ),
        ("reconciler/src/watch", ["serve", "cli"].as_slice()),
        ("reconciler/src/serve", ["source", "local", "cli"].as_slice()),
    ]);
    let mut found = Vec::new();
    for source in product() {
        for (module, forbidden) in may_not.iter().filter(|(module, _)| is_in(&source.path, module)) {
            let named = sources::crate_modules(&source.code());
            let wrong = named.iter().filter(|name| forbidden.contains(&name.as_str()));
            found.extend(wrong.map(|name| format!("{} of {module} names {name}", source.path)));
        }
    }
    assert_none("a module looks back", &found);
}

/// The dependencies that a package's Cargo.toml declares, by section, each with its line.
fn dependencies(package: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let path = format!("{package}/Cargo.toml");
    let all = sources::all();
    let manifest = all
        .iter()
        .find(|source| source.path == path)
        .unwrap_or_else(|| panic!("there is no {path}"));
    let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut section = String::new();
    for line in manifest.text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((name, _)) = line.split_once(['=', '.']).filter(|_| !line.starts_with('#')) {
            sections
                .entry(section.clone())
                .or_default()
                .insert(name.trim().to_owned(), line.to_owned());
        }
    }
    sections
}

#[test]
fn packages_depend_one_way() {
    let may_not = [
        ("state", ["grail", "grail-providers", "grail-tests"].as_slice()),
        ("providers", ["grail", "grail-tests"].as_slice()),
        ("reconciler", ["grail-tests"].as_slice()),
        // The harness looks from outside: it knows the product only by its binary and its effects.
        ("tests", ["grail", "grail-providers", "grail-state"].as_slice()),
    ];
    for (package, forbidden) in may_not {
        let declared = dependencies(package).remove("dependencies").unwrap_or_default();
        assert!(
            declared.contains_key("serde_json"),
            "the dependencies of {package} were not read: {declared:?}"
        );
        let wrong = forbidden.iter().filter(|name| declared.contains_key(**name));
        assert_none(
            &format!("{package} depends on"),
            &wrong.map(|it| (*it).to_owned()).collect::<Vec<_>>(),
        );
    }
}

#[test]
fn the_sdk_is_optional_where_it_is_a_dependency() {
    for package in ["state", "providers", "reconciler"] {
        let declared = dependencies(package).remove("dependencies").unwrap_or_default();
        let aws = declared.iter().filter(|(name, _)| name.starts_with("aws-"));
        let firm = aws.filter(|(_, line)| !line.contains("optional = true") || package == "reconciler");
        assert_none(
            &format!("{package} needs the SDK"),
            &firm.map(|(_, line)| line.clone()).collect::<Vec<_>>(),
        );
    }
}

#[test]
fn files_are_named_after_their_subject() {
    let vague = [
        "mod", "util", "utils", "helper", "helpers", "manager", "handler", "data", "info", "process",
        "common",
    ];
    let stem = |path: &str| {
        path.rsplit('/')
            .next()
            .unwrap_or_default()
            .trim_end_matches(".rs")
            .to_owned()
    };
    let found = product()
        .into_iter()
        .map(|source| source.path)
        .filter(|path| vague.contains(&stem(path).as_str()));
    assert_none("names that say nothing", &found.collect::<Vec<_>>());
}

/// Words in two halves: this file is searched too.
#[test]
fn no_path_of_one_machine_and_no_registry_stands_in_the_repository() {
    let words = [
        ["/wo", "rk/"],
        ["/ro", "ot/"],
        ["pypi", ".org"],
        ["python", "hosted"],
        ["crates", ".io"],
        ["registry.", "npmjs"],
        ["proxy.", "golang"],
        ["dock", "er.io"],
        ["gh", "cr.io"],
    ];
    let words = words.map(|halves| halves.concat());
    let mut found = Vec::new();
    // Cargo writes its lock file itself.
    for source in sources::all().iter().filter(|source| source.path != "Cargo.lock") {
        for (number, line) in source.text.lines().enumerate() {
            let named = words.iter().filter(|word| line.contains(word.as_str()));
            found.extend(named.map(|word| format!("{}:{} names {word}", source.path, number + 1)));
        }
    }
    assert_none("the repository names a place of its making", &found);
}

/// The table of promises names a test for each: one that was renamed or dropped would leave a promise that nobody checks.
#[test]
fn every_test_that_a_promise_names_is_there() {
    let sources = sources::all();
    let page = sources.iter().find(|source| source.path == "ARCHITECTURE.md");
    let page = &page.expect("the page on the architecture").text;
    let (_, table) = page
        .split_once("| Rule | Shown by |")
        .expect("the table of promises");
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let shown = rows.filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next());
    let named: Vec<&str> = shown
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert!(named.len() > 50, "only {} names were found", named.len());
    let rust: Vec<_> = sources
        .iter()
        .filter(|source| source.path.ends_with(".rs"))
        .collect();
    let exists = |name: &str| {
        let (start, whole) = match name.strip_suffix('*') {
            Some(start) => (start, false),
            None => (name, true),
        };
        let function = format!("fn {start}{}", if whole { "(" } else { "" });
        let file = format!("/{start}.rs");
        rust.iter()
            .any(|source| source.text.contains(&function) || source.path.ends_with(&file))
    };
    let missing: Vec<_> = named
        .into_iter()
        .filter(|name| !exists(name.rsplit("::").next().unwrap_or(name)))
        .map(|name| format!("`{name}` is in no file"))
        .collect();
    assert_none("the table of promises names what is not there", &missing);
}

/// The table of Chalice's defects names a test for each, and each is there: a function, or a module of scenarios.
#[test]
fn every_defect_in_the_table_names_its_test() {
    let text = std::fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let (_, table) = text.split_once("| Chalice | Here | Shown by (test) |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let sources = sources::all();
    let is_there = |name: &str| {
        let parts: Vec<&str> = name.split("::").collect();
        let (last, above) = parts.split_last().unwrap();
        sources.iter().any(|source| {
            let inside = above.iter().all(|part| source.path.contains(part));
            inside
                && (source.text.contains(&format!("fn {last}("))
                    || source.text.contains(&format!("mod {last};")))
        })
    };
    let mut missing = Vec::new();
    let mut count = 0;
    for row in rows {
        count += 1;
        let shown = row.trim_end_matches(['|', ' ']).rsplit_once('|').unwrap().1;
        let names: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            missing.push(format!("no test: {row}"));
        }
        missing.extend(
            names
                .iter()
                .filter(|name| !is_there(name))
                .map(|name| format!("{name}: {row}")),
        );
    }
    assert!(count > 40, "only {count} defects were read");
    assert_none("the table of defects names what is not there", &missing);
}
