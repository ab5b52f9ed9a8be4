//! The schema says what the reader does.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::Map;

use super::super::form::Form;
use super::super::parse::parse;
use super::super::shape::{KEYWORDS, PATTERNS, judge};
use super::*;

fn keywords(schema: &Value, found: &mut BTreeSet<String>, names: bool) {
    match schema {
        Value::Object(entries) => {
            for (key, value) in entries {
                if !names {
                    found.insert(key.clone());
                }
                let below_are_names = matches!(key.as_str(), "properties" | "$defs") && !names;
                if !matches!(key.as_str(), "default" | "const" | "enum" | "examples") || names {
                    keywords(value, found, below_are_names);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keywords(item, found, false)),
        _ => {}
    }
}

#[test]
fn every_keyword_of_the_schema_is_understood() {
    let mut found = BTreeSet::new();
    keywords(&Form::schema(), &mut found, false);
    let unknown: Vec<_> = found
        .iter()
        .filter(|key| !KEYWORDS.contains(&key.as_str()))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn every_pattern_of_the_schema_is_known() {
    fn patterns(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(entries) => {
                found.extend(
                    entries
                        .get("pattern")
                        .and_then(Value::as_str)
                        .map(ToOwned::to_owned),
                );
                entries.values().for_each(|value| patterns(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| patterns(item, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    patterns(&Form::schema(), &mut found);
    for pattern in found {
        assert!(PATTERNS.iter().any(|(known, ..)| *known == pattern), "{pattern}");
    }
}

/// Draws values of the form that a schema describes, and now and then others.
struct Draw<'a> {
    root: &'a Value,
    rng: ChaCha8Rng,
}

impl Draw<'_> {
    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        if self.rng.random_bool(0.03) {
            return self.anything();
        }
        if let Some(path) = schema.get("$ref").and_then(Value::as_str) {
            let target = self.root.pointer(path.trim_start_matches('#')).unwrap().clone();
            return self.value(&target, depth);
        }
        let branches = ["anyOf", "oneOf"]
            .iter()
            .find_map(|key| schema.get(*key)?.as_array());
        if let (Some(branches), None) = (branches, schema.get("properties")) {
            let branch = branches.choose(&mut self.rng).unwrap().clone();
            return self.value(&branch, depth);
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return values.choose(&mut self.rng).unwrap().clone();
        }
        let of = match schema.get("type") {
            Some(Value::String(one)) => one.clone(),
            Some(Value::Array(several)) => several
                .choose(&mut self.rng)
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned(),
            _ => return self.anything(),
        };
        match of.as_str() {
            "null" => Value::Null,
            "boolean" => json!(self.rng.random::<bool>()),
            "integer" | "number" => self.number(schema),
            "string" => json!(self.text()),
            "array" => {
                let count = self.rng.random_range(0..4);
                (0..count)
                    .map(|_| self.value(&schema["items"], depth + 1))
                    .collect()
            }
            _ => self.object(schema, depth),
        }
    }

    fn number(&mut self, schema: &Value) -> Value {
        let limit = |key: &str, other: i64| schema.get(key).and_then(Value::as_i64).unwrap_or(other);
        let (min, max) = (limit("minimum", -5), limit("maximum", 100_000));
        let near = [min - 1, min, min + 1, max - 1, max, max + 1];
        json!(near.choose(&mut self.rng).unwrap())
    }

    fn text(&mut self) -> String {
        let words = [
            "",
            "a",
            "work",
            "A_1",
            "a b",
            "ü",
            "python3.12",
            "rate(1 hour)",
            "1",
            "true",
            "arn:aws:sns:::x",
            "x\ty",
            "-",
        ];
        match self.rng.random_bool(0.05) {
            true => "x".repeat(self.rng.random_range(30..600)),
            false => (*words.choose(&mut self.rng).unwrap()).to_owned(),
        }
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut object = Map::new();
        let required: Vec<_> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        for (key, below) in schema["properties"].as_object().into_iter().flatten() {
            let likely = if required.contains(&json!(key)) {
                0.95
            } else {
                0.35
            };
            if depth < 7 && self.rng.random_bool(likely) {
                object.insert(key.clone(), self.value(below, depth + 1));
            }
        }
        // Where one of several keys is asked for, mostly one is given.
        let choices = schema.get("oneOf").and_then(Value::as_array);
        if let (Some(choices), true) = (choices, self.rng.random_bool(0.7)) {
            let keys: Vec<_> = choices
                .iter()
                .filter_map(|one| one.pointer("/required/0")?.as_str())
                .collect();
            let kept = (*keys.choose(&mut self.rng).unwrap()).to_owned();
            object.retain(|key, _| !keys.contains(&key.as_str()) || *key == kept);
            if !object.contains_key(&kept) {
                let value = self.value(&schema["properties"][&kept], depth + 1);
                object.insert(kept, value);
            }
        }
        if let Some(below @ Value::Object(_)) = schema.get("additionalProperties") {
            for _ in 0..self.rng.random_range(0..3) {
                let key = self.text();
                object.insert(key, self.value(below, depth + 1));
            }
        }
        if self.rng.random_bool(0.02) {
            object.insert("unknown".to_owned(), Value::Null);
        }
        Value::Object(object)
    }

    fn anything(&mut self) -> Value {
        let all = [
            json!(null),
            json!(true),
            json!(7),
            json!(1.5),
            json!("text"),
            json!([]),
            json!({}),
            json!([{"a": 1}]),
        ];
        all.choose(&mut self.rng).unwrap().clone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// What the schema accepts the reader accepts, and the other way round. The schema is judged by a library of others.
    #[test]
    fn the_schema_and_the_reader_agree(seed in any::<u64>()) {
        let schema = Form::schema();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let mut draw = Draw { root: &schema, rng: ChaCha8Rng::seed_from_u64(seed) };
        let document = draw.value(&schema, 0);
        let node = parse("grail.json", &document.to_string()).unwrap();
        let told: Vec<_> = judge(&node, &schema, true).iter().map(|problem| problem.message.clone()).collect();
        prop_assert_eq!(told.is_empty(), validator.is_valid(&document), "{}: {:?}", document, told);
        if told.is_empty() {
            let read = serde_json::from_value::<Form>(node.to_json());
            prop_assert!(read.is_ok(), "{}: {:?}", document, read.err());
        }
    }

    /// Whatever a text holds, reading it ends with an answer.
    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s).{0,400}", json in any::<bool>()) {
        let name = if json { "grail.json" } else { "grail.yaml" };
        let _answer = parse(name, &text);
    }

    /// Nor does any damage to a manifest that was good.
    #[test]
    fn no_damage_makes_the_reader_panic(cuts in prop::collection::vec((any::<prop::sample::Index>(), "[\\PC\n:{}\\[\\]$&*!|>'\"%@`#,? -]{0,6}"), 1..6)) {
        let mut text = GOOD.to_owned();
        for (at, put) in &cuts {
            let at = at.index(text.len());
            if text.is_char_boundary(at) && text.is_char_boundary((at + 3).min(text.len())) {
                text.replace_range(at..(at + 3).min(text.len()), put);
            }
        }
        let _answer = read_text(&text, "dev");
    }
}

const GOOD: &str = include_str!("../../../../../examples/native/grail.yaml");

#[test]
fn an_object_of_very_many_keys_is_read_soon_and_its_last_one_is_known_for_a_second() {
    let lines = |end: &str| -> String {
        let keys = (0..300_000).map(|at| format!("k{at}: 1\n"));
        keys.collect::<String>() + end
    };
    assert_eq!(parse("grail.yaml", &lines("")).unwrap().entries().len(), 300_000);
    let told = parse("grail.yaml", &lines("k299999: 2\n")).err().unwrap();
    assert_eq!(
        told[0].message,
        "`k299999` stands here twice: first in line 300000"
    );
    let json = |end: &str| {
        let keys: Vec<_> = (0..300_000).map(|at| format!("\"k{at}\": 1")).collect();
        format!("{{{}{end}}}", keys.join(",\n"))
    };
    assert_eq!(parse("grail.json", &json("")).unwrap().entries().len(), 300_000);
    let told = parse("grail.json", &json(",\n\"k299999\": 2")).err().unwrap();
    assert_eq!(
        told[0].message,
        "`k299999` stands here twice: first in line 300000"
    );
}

#[test]
fn a_tower_of_aliases_and_a_deep_nest_are_refused_soon() {
    let mut tower = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}, ", level - 1).repeat(9);
        tower.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            below.trim_end_matches(", ")
        ));
    }
    assert!(parse("grail.yaml", &tower).is_err());
    assert!(parse("grail.yaml", &"[".repeat(100_000)).is_err());
    assert!(parse("grail.json", &"[".repeat(100_000)).is_err());
    assert!(parse("grail.yaml", &"- ".repeat(100_000)).is_err());
}

#[test]
fn the_schema_in_the_repository_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/grail.schema.json");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let schema = format!("{:#}\n", super::super::schema());
    if super::writes_golden() {
        std::fs::write(path, schema).unwrap();
        return;
    }
    assert!(
        written == schema,
        "deploy/grail.schema.json is out of date: run `cargo run -- schema > deploy/grail.schema.json`"
    );
}
