//! Which decorator, which keyword and which setting stands in which fixture: `tests/COVERAGE.md`, written by the test that
//! compares it. What there is comes from the installed Chalice and from the product's own table of keys, so nothing is left out
//! by forgetting it here; what no fixture uses fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use grail::source::chalice::config::{DOMAIN_KEYS, known_keys};
use grail_tests::decorators::Decorators;
use grail_tests::fixtures::{ALL, Fixture};
use grail_tests::python::{repository, target_dir};
use serde_json::{Map, Value};

const TABLE: &str = "tests/COVERAGE.md";
/// The settings that make the structure of a configuration.
const STRUCTURE: [&str; 3] = ["version", "stages", "lambda_functions"];
/// The places of a setting, in the order of the table's columns.
const PLACES: [&str; 3] = ["top level", "stage", "function"];

/// How the settings end whose value is a custom domain.
const DOMAIN: &str = "_custom_domain";

/// Fixtures by setting and place. A key of an object that is a setting is `<setting>.<key>`.
type Settings = BTreeMap<(String, &'static str), BTreeSet<&'static str>>;

fn settings() -> Settings {
    let mut settings = Settings::new();
    for fixture in &ALL {
        let config: Value = serde_json::from_str(&fixture.project().read(".chalice/config.json")).unwrap();
        let top = config.as_object().unwrap();
        note(&mut settings, fixture, PLACES[0], top);
        for stage in top["stages"].as_object().unwrap().values() {
            note(&mut settings, fixture, PLACES[1], stage.as_object().unwrap());
        }
    }
    settings
}

fn note(
    settings: &mut Settings,
    fixture: &'static Fixture,
    place: &'static str,
    entries: &Map<String, Value>,
) {
    for (key, value) in entries.iter().filter(|(_, value)| !value.is_null()) {
        match value.as_object() {
            Some(functions) if key == "lambda_functions" => {
                for function in functions.values().filter_map(Value::as_object) {
                    note(settings, fixture, PLACES[2], function);
                }
            }
            _ if STRUCTURE.contains(&key.as_str()) => {}
            found => {
                settings
                    .entry((key.clone(), place))
                    .or_default()
                    .insert(fixture.name);
                if key.ends_with(DOMAIN) {
                    for inner in found.into_iter().flatten().map(|(inner, _)| inner) {
                        let inner = format!("{key}.{inner}");
                        settings.entry((inner, place)).or_default().insert(fixture.name);
                    }
                }
            }
        }
    }
}

/// The table, and what nobody covers.
struct Coverage {
    text: String,
    missing: Vec<String>,
}

impl Coverage {
    fn decorators(&mut self) {
        let decorators = Decorators::of(&ALL);
        self.text += "\n## Decorators, and the classes of what is passed to them\n\n| Name | Keyword | Fixtures |\n| --- | --- | --- |\n";
        for (name, parameters) in &decorators.known {
            let whole = decorators.users(name, None);
            if whole.is_empty() {
                self.missing.push(format!("`{name}`"));
            }
            writeln!(self.text, "| `{name}` | | {} |", whole.join(", ")).unwrap();
            for parameter in parameters {
                let users = decorators.users(name, Some(parameter));
                if users.is_empty() {
                    self.missing.push(format!("`{parameter}` of `{name}`"));
                }
                writeln!(self.text, "| | `{parameter}` | {} |", users.join(", ")).unwrap();
            }
        }
    }

    fn settings(&mut self) {
        let settings = settings();
        self.text += "\n## Settings\n\n| Key | Top level | Stage | Function |\n| --- | --- | --- | --- |\n";
        for key in known_keys() {
            self.setting(&settings, key.name, [true, key.stage, key.function]);
            if key.name.ends_with(DOMAIN) {
                for inner in DOMAIN_KEYS {
                    self.inner_setting(&settings, &format!("{}.{inner}", key.name));
                }
            }
        }
        let known: Vec<&str> = known_keys().map(|key| key.name).collect();
        let invented = settings.keys().map(|(key, _)| key.split('.').next().unwrap());
        let invented: Vec<&str> = invented.filter(|key| !known.contains(key)).collect();
        assert!(
            invented.is_empty(),
            "fixtures set what Chalice does not know: {invented:?}"
        );
    }

    /// A key of an object: the object counts as a whole, so one place where it stands is enough.
    fn inner_setting(&mut self, settings: &Settings, key: &str) {
        let users = PLACES.map(|place| {
            settings
                .get(&(key.to_owned(), place))
                .cloned()
                .unwrap_or_default()
        });
        if users.iter().all(BTreeSet::is_empty) {
            self.missing.push(format!("`{key}`"));
        }
        let cells = users.map(|users| Vec::from_iter(users).join(", "));
        writeln!(self.text, "| `{key}` | {} | {} | - |", cells[0], cells[1]).unwrap();
    }

    fn setting(&mut self, settings: &Settings, key: &str, taken: [bool; 3]) {
        let cells = PLACES.iter().zip(taken).map(|(place, taken)| {
            if !taken {
                return "-".to_owned();
            }
            let users = settings
                .get(&(key.to_owned(), *place))
                .cloned()
                .unwrap_or_default();
            if users.is_empty() {
                self.missing.push(format!("`{key}` at the place \"{place}\""));
            }
            Vec::from_iter(users).join(", ")
        });
        let cells: Vec<String> = cells.collect();
        writeln!(self.text, "| `{key}` | {} |", cells.join(" | ")).unwrap();
    }
}

#[test]
fn the_fixtures_together_use_everything_that_chalice_knows() {
    let mut coverage = Coverage {
        text: "# What the fixtures cover\n\nWritten by `tests/scenarios/coverage.rs`, which also compares it. Every stage of every \
               fixture is deployed by the real Chalice and by grail, and the two accounts are compared (`tests/scenarios/oracle.rs`).\n"
            .to_owned(),
        missing: Vec::new(),
    };
    coverage.decorators();
    coverage.settings();
    assert!(
        coverage.missing.is_empty(),
        "no fixture uses {}",
        coverage.missing.join(", ")
    );
    let written = std::fs::read_to_string(repository().join(TABLE)).unwrap_or_default();
    if written != coverage.text {
        let new = target_dir().join("COVERAGE.md");
        std::fs::write(&new, &coverage.text).unwrap();
        panic!(
            "{TABLE} is not what the fixtures cover: copy {} there",
            new.display()
        );
    }
}
