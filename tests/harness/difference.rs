//! What differs between two JSON values, one readable line for each place.

use serde_json::Value;

/// Each place where the two differ: its path, and what either has there. Empty where they are equal.
pub fn difference(one: &Value, other: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    compare(String::new(), Some(one), Some(other), &mut lines);
    lines
}

/// Fails with every difference, unless the two are equal. `one` and `other` say whose they are.
///
/// # Panics
/// Where they differ.
#[track_caller]
pub fn assert_same(names: (&str, &str), one: &Value, other: &Value) {
    let lines = difference(one, other);
    assert!(
        lines.is_empty(),
        "{} (first) and {} (second) differ:\n{}",
        names.0,
        names.1,
        lines.join("\n")
    );
}

fn compare(path: String, one: Option<&Value>, other: Option<&Value>, lines: &mut Vec<String>) {
    match (one, other) {
        (Some(Value::Object(first)), Some(Value::Object(second))) => {
            let mut keys: Vec<&String> = first.keys().chain(second.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                let inner = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path} > {key}")
                };
                compare(inner, first.get(key), second.get(key), lines);
            }
        }
        (Some(Value::Array(first)), Some(Value::Array(second))) => {
            for index in 0..first.len().max(second.len()) {
                compare(
                    format!("{path}[{index}]"),
                    first.get(index),
                    second.get(index),
                    lines,
                );
            }
        }
        (one, other) if one == other => {}
        (one, other) => {
            let path = if path.is_empty() { "(whole)" } else { path.as_str() };
            lines.push(format!("{path}: {} | {}", shown(one), shown(other)));
        }
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_place_is_named_with_both_values() {
        let one = json!({ "a": { "b": [1, 2], "c": "x" }, "d": null });
        let other = json!({ "a": { "b": [1, 3, 4], "c": "x" } });
        assert_eq!(
            difference(&one, &other),
            ["a > b[1]: 2 | 3", "a > b[2]: nothing | 4", "d: null | nothing"]
        );
        assert!(difference(&one, &one).is_empty());
        assert_eq!(difference(&json!(1), &json!(2)), ["(whole): 1 | 2"]);
    }
}
