//! Event patterns: what EventBridge takes for one, as its matching engine (the open `event-ruler`) compiles them.
//!
//! Names of match operators (`prefix`, `numeric`) are not checked, since new ones keep coming.

use serde_json::{Map, Value};

/// The longest pattern, in characters (API reference, `PutRule`).
const LONGEST: usize = 4096;
/// The key under which alternatives stand.
const OR: &str = "$or";

/// Why a text is no event pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoPattern {
    #[error("an event pattern is a JSON object, and this text is no JSON (line {line}, column {column})")]
    NotJson { line: usize, column: usize },
    #[error("an event pattern is a JSON object")]
    NotAnObject,
    #[error("the event pattern has {0} characters, and may have {LONGEST}")]
    TooLong(usize),
    #[error("{}an empty object matches nothing and is not allowed", at(.0))]
    EmptyObject(String),
    #[error("{}an empty list matches nothing and is not allowed", at(.0))]
    EmptyList(String),
    #[error("`{0}` must be a list of what it may be, such as [{1}], or an object")]
    BareValue(String, String),
    #[error(
        "`{0}` holds a list in a list: what it may be are texts, numbers, true, false, null, or one match each"
    )]
    NestedList(String),
    #[error("`{0}` has a match with {1} keys, and a match has one, such as {{\"prefix\": \"a\"}}")]
    Match(String, usize),
}

fn at(path: &str) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!("`{path}`: ")
    }
}

/// Whether `text` is an event pattern.
pub(super) fn check(text: &str) -> Result<(), NoPattern> {
    let length = text.chars().count();
    if length > LONGEST {
        return Err(NoPattern::TooLong(length));
    }
    let pattern: Value = serde_json::from_str(text).map_err(|error| NoPattern::NotJson {
        line: error.line(),
        column: error.column(),
    })?;
    object("", pattern.as_object().ok_or(NoPattern::NotAnObject)?)
}

fn object(path: &str, fields: &Map<String, Value>) -> Result<(), NoPattern> {
    if fields.is_empty() {
        return Err(NoPattern::EmptyObject(path.to_owned()));
    }
    for (key, value) in fields {
        let below = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        match value {
            Value::Object(fields) => object(&below, fields)?,
            // A field may have that name too, so either reading will do.
            Value::Array(items) if key == OR => list(&below, items).or_else(|_| alternatives(path, items))?,
            Value::Array(items) => list(&below, items)?,
            bare => return Err(NoPattern::BareValue(below, bare.to_string())),
        }
    }
    Ok(())
}

fn alternatives(path: &str, items: &[Value]) -> Result<(), NoPattern> {
    items
        .iter()
        .try_for_each(|item| object(path, item.as_object().ok_or(NoPattern::NotAnObject)?))
}

fn list(path: &str, items: &[Value]) -> Result<(), NoPattern> {
    if items.is_empty() {
        return Err(NoPattern::EmptyList(path.to_owned()));
    }
    for item in items {
        match item {
            Value::Array(_) => return Err(NoPattern::NestedList(path.to_owned())),
            Value::Object(keys) if keys.len() != 1 => {
                return Err(NoPattern::Match(path.to_owned(), keys.len()));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_eventbridge_takes_is_taken() {
        for text in [
            r#"{"source": ["aws.ec2"]}"#,
            r#"{"source": [{"prefix": ""}]}"#,
            r#"{"detail-type": ["a", "b"], "detail": {"state": ["running", null, 3, true], "n": [{"numeric": [">", 0]}]}}"#,
            r#"{"$or": [{"source": ["a"]}, {"detail": {"x": [1]}}]}"#,
            r#"{"detail": {"$or": [{"a": [1]}, {"b": [{"exists": false}]}]}}"#,
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_it_refuses_is_named_with_its_place() {
        for (text, said) in [
            ("source", "this text is no JSON (line 1, column 1)"),
            (r#"["source"]"#, "an event pattern is a JSON object"),
            ("{}", "an empty object matches nothing"),
            (r#"{"detail": {}}"#, "`detail`: an empty object"),
            (r#"{"source": []}"#, "`source`: an empty list"),
            (
                r#"{"detail": {"state": "running"}}"#,
                r#"`detail.state` must be a list of what it may be, such as ["running"], or an object"#,
            ),
            (r#"{"a": [["b"]]}"#, "`a` holds a list in a list"),
            (
                r#"{"a": [{"prefix": "b", "suffix": "c"}]}"#,
                "`a` has a match with 2 keys",
            ),
            (
                r#"{"$or": [{"a": "b"}, {"c": ["d"], "e": ["f"]}]}"#,
                r#"`a` must be a list of what it may be, such as ["b"]"#,
            ),
        ] {
            let error = check(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
        let long = format!(r#"{{"a": ["{}"]}}"#, "x".repeat(LONGEST));
        assert_eq!(check(&long), Err(NoPattern::TooLong(LONGEST + 11)));
    }
}
