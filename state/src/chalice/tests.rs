//! The file's bytes, its readings, and what is made of records. The golden files were written by Chalice 1.34.0's own
//! `serialize_to_json`.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::id::{Handle, ResourceId};
use crate::record::Record;
use crate::snapshot::Home;

mod projecting;
mod whose;
mod wires;

const EVERY_TYPE: &str = include_str!("golden/every-type.json");
const ODD_TEXT: &str = include_str!("golden/odd-text.json");
const EMPTY: &str = include_str!("golden/empty.json");

fn parsed(text: &str) -> Found {
    Found::parse(text.as_bytes(), Path::new("dev.json")).unwrap()
}

fn refused(text: &str) -> String {
    Found::parse(text.as_bytes(), Path::new("dev.json"))
        .unwrap_err()
        .to_string()
}

fn file_of(resources: &str) -> String {
    format!("{{\"schema_version\": \"2.0\", \"resources\": {resources}}}")
}

#[test]
fn what_chalice_wrote_is_written_again_to_the_byte() {
    for text in [EVERY_TYPE, ODD_TEXT, EMPTY] {
        let found = parsed(text);
        assert_eq!(found.deployed.text(), text);
        assert_eq!(found.deployed.digest(), found.digest);
    }
    assert_eq!(Deployed::default().text(), EMPTY);
}

#[test]
fn line_breaks_of_a_checkout_on_windows_make_no_difference() {
    let found = parsed(EVERY_TYPE);
    assert_eq!(parsed(&EVERY_TYPE.replace('\n', "\r\n")), found);
}

#[test]
fn the_golden_file_has_the_thirteen_types_in_their_order_of_keys() {
    let found = parsed(EVERY_TYPE).deployed;
    for (resource_type, keys) in TYPES {
        let entry = found
            .entries
            .iter()
            .find(|entry| entry.resource_type == resource_type);
        let found: Vec<_> = entry.unwrap().keys.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(found, keys, "{resource_type}");
    }
}

#[test]
fn what_chalice_ignores_is_ignored() {
    let text = r#"{"backend": 7, "more": [1], "schema_version": "2.0",
        "resources": [{"z": 1, "resource_type": "log_group", "name": "a", "z": 2}, {"name": "b", "resource_type": "x"},
                      {"name": "a", "resource_type": "later"}]}"#;
    let names: Vec<_> = parsed(text)
        .deployed
        .entries
        .into_iter()
        .map(|entry| (entry.name, entry.resource_type))
        .collect();
    assert_eq!(names, [("b".into(), "x".into()), ("a".into(), "later".into())]);
    let first = file_of(r#"[{"z": 1, "resource_type": "log_group", "name": "a", "y": 0, "z": 2}]"#);
    assert_eq!(
        parsed(&first).deployed.entries[0].keys,
        [("z".to_owned(), json!(2)), ("y".to_owned(), json!(0))]
    );
}

#[test]
fn what_chalice_cannot_read_is_named_with_its_place() {
    for (text, expected) in [
        ("", "dev.json, line 1, column 1: EOF while parsing a value"),
        (
            "{\n  \"resources\": [,",
            "dev.json, line 2, column 17: expected value",
        ),
        (
            "[]",
            "dev.json, line 1, column 1: invalid type: sequence, expected an object",
        ),
        ("{}", "dev.json has schema version 1.0, and only 2.0 is known"),
        (
            r#"{"schema_version": "3.0", "resources": 1}"#,
            "dev.json has schema version 3.0, and only 2.0 is known",
        ),
        (
            r#"{"schema_version": 2.0}"#,
            "dev.json has schema version 2.0, and only 2.0 is known",
        ),
        (
            r#"{"schema_version": "2.0"}"#,
            "dev.json, line 1, column 1: there is no `resources`",
        ),
    ] {
        assert_eq!(refused(text), expected);
    }
    for (resources, expected) in [
        ("{}", "invalid type: map, expected a sequence"),
        ("[1]", "invalid type: integer `1`, expected an object"),
        ("[{\"name\": \"a\"}]", "an entry has no `resource_type`"),
        ("[{\"resource_type\": \"a\"}]", "an entry has no `name`"),
        (
            "[{\"name\": 1, \"resource_type\": \"a\"}]",
            "the `name` of an entry must be a text",
        ),
    ] {
        let error = refused(&file_of(resources));
        assert!(
            error.starts_with("dev.json, line 1, column ") && error.ends_with(expected),
            "{error}"
        );
    }
}

#[test]
fn the_file_is_written_whole_and_only_when_it_differs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".chalice/deployed/dev.json");
    assert!(load(&path).unwrap().is_none());
    let deployed = parsed(EVERY_TYPE).deployed;
    let digest = write(&path, &deployed).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), EVERY_TYPE);
    assert_eq!(load(&path).unwrap().unwrap().digest, digest);
    let old = std::time::SystemTime::UNIX_EPOCH;
    fs::File::open(&path).unwrap().set_modified(old).unwrap();
    write(&path, &deployed).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), old);
    write(&path, &Deployed::default()).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), EMPTY);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    let aside = keep_aside(&path).unwrap();
    assert_eq!(aside, folder.path().join(".chalice/deployed/dev.json.corrupt-1"));
    assert!(load(&path).unwrap().is_none());
}

#[cfg(unix)]
#[test]
fn the_file_is_for_whoever_could_read_it_before() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dev.json");
    fs::write(&path, "x").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
    write(&path, &Deployed::default()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o664);
}

const OLD: &str = r#"{
  "prod": "anything",
  "dev": {
    "backend": "api", "chalice_version": "1.1.0", "region": "us-west-2", "api_gateway_stage": "api",
    "api_handler_name": "shop-dev", "api_handler_arn": "arn:handler", "rest_api_id": "abc123",
    "lambda_functions": {
      "shop-dev-z": {"type": "pure_lambda", "arn": "arn:z"},
      "shop-dev-a": {"type": "authorizer", "arn": "arn:a"}
    }
  }
}"#;

fn old(text: &str, stage: &str) -> Result<Option<Deployed>, ReadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deployed.json");
    fs::write(&path, text).unwrap();
    load_old(&path, "shop", stage)
}

#[test]
fn the_old_file_is_converted_as_chalice_does() {
    let deployed = old(OLD, "dev").unwrap().unwrap();
    let expected = r#"{"schema_version": "2.0", "resources": [
        {"name": "z", "resource_type": "lambda_function", "lambda_arn": "arn:z"},
        {"name": "a", "resource_type": "lambda_function", "lambda_arn": "arn:a"},
        {"name": "api_handler", "resource_type": "lambda_function", "lambda_arn": "arn:handler"},
        {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": "abc123"}]}"#;
    assert_eq!(deployed, parsed(expected).deployed);
    assert_eq!(old(OLD, "beta").unwrap(), None);
    assert!(
        load_old(Path::new("/nowhere/deployed.json"), "shop", "dev")
            .unwrap()
            .is_none()
    );
}

#[test]
fn the_form_of_0_10_and_its_oddities_are_understood() {
    let bare = OLD
        .replace(r#"{"type": "pure_lambda", "arn": "arn:z"}"#, r#""arn:z""#)
        .replace(r#"{"type": "authorizer", "arn": "arn:a"}"#, r#""arn:a""#);
    assert_eq!(old(&bare, "dev").unwrap(), old(OLD, "dev").unwrap());
    let short = bare.replace("shop-dev-z", "é");
    assert_eq!(old(&short, "dev").unwrap().unwrap().entries[0].name, "");
    let none = r#"{"dev": {"api_handler_arn": "arn:handler", "rest_api_id": "abc123"}}"#;
    assert_eq!(old(none, "dev").unwrap().unwrap().entries.len(), 2);
}

#[test]
fn an_old_file_that_chalice_could_not_convert_is_refused_with_its_place() {
    let mixed = OLD.replace(r#"{"type": "pure_lambda", "arn": "arn:z"}"#, r#""arn:z""#);
    for (text, why) in [
        (mixed.as_str(), "the function `shop-dev-a` has no ARN"),
        (
            r#"{"dev": {"rest_api_id": "x"}}"#,
            "missing field `api_handler_arn`",
        ),
        (r#"{"dev": 1}"#, "expected an object that describes a stage"),
        ("[]", "expected an object"),
        (r#"{"dev": {"#, "EOF while parsing an object"),
        ("{} x", "trailing characters"),
    ] {
        match old(text, "dev") {
            Err(ReadError::Malformed { why: found, line, .. }) => {
                assert!(found.ends_with(why) && line > 0, "{text}: {found}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

prop_compose! {
    fn any_deployed()(
        entries in prop::collection::btree_map(
            any::<String>(),
            (any::<String>(), prop::collection::btree_map("[a-m]{1,3}", any_value(), 0..4)),
            0..5,
        )
    ) -> Deployed {
        let entries = entries.into_iter().map(|(name, (resource_type, keys))| DeployedEntry {
            name,
            resource_type,
            keys: keys.into_iter().rev().collect(),
        });
        Deployed { entries: entries.collect() }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(deployed in any_deployed()) {
        let text = deployed.text();
        prop_assert!(text.is_ascii() && text.ends_with("\n"), "{}", text);
        prop_assert_eq!(parsed(&text).deployed, deployed);
    }

    #[test]
    fn no_text_makes_the_reader_fall_over(text in any::<String>(), resources in any_value()) {
        let _ = Found::parse(text.as_bytes(), Path::new("dev.json"));
        let _ = Found::parse(file_of(&resources.to_string()).as_bytes(), Path::new("dev.json"));
        let _ = old(&json!({"dev": resources}).to_string(), "dev");
    }
}
