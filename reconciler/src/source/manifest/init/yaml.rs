//! Writing YAML that people go on to edit: blocks, and quotes only where they are needed.

use serde_json::{Map, Value};

/// An object as a block.
pub(super) fn object(entries: &Map<String, Value>) -> String {
    let mut out = String::new();
    entries_at(entries, 0, &mut out);
    out
}

fn entries_at(entries: &Map<String, Value>, depth: usize, out: &mut String) {
    for (key, value) in entries {
        out.push_str(&"  ".repeat(depth));
        out.push_str(&text(key));
        out.push(':');
        below(value, depth, out);
    }
}

/// What follows a key or a dash.
fn below(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            out.push('\n');
            entries_at(entries, depth + 1, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            for item in items {
                out.push_str(&"  ".repeat(depth + 1));
                out.push('-');
                match item {
                    // The first key follows the dash.
                    Value::Object(entries) if !entries.is_empty() => {
                        let mut block = String::new();
                        entries_at(entries, depth + 2, &mut block);
                        out.push(' ');
                        out.push_str(block.trim_start_matches(' '));
                    }
                    other => below(other, depth + 1, out),
                }
            }
        }
        Value::String(value) => {
            out.push(' ');
            out.push_str(&text(value));
            out.push('\n');
        }
        other => {
            out.push_str(&format!(" {other}\n"));
        }
    }
}

/// A text, in quotes where it would be read as something else without.
pub(super) fn text(text: &str) -> String {
    let first = text
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || "/_.$".contains(c));
    let inner = |c: char| c.is_ascii_alphanumeric() || " /_-.,()=+@*$".contains(c);
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .contains(&text.to_ascii_lowercase().as_str());
    let is_plain = first && text.chars().all(inner) && !text.ends_with(' ') && !text.contains(" -") && !word;
    match is_plain {
        true => text.to_owned(),
        // YAML reads every text of JSON, but for pairs of surrogates, which `serde_json` does not write.
        false => Value::String(text.to_owned()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let value = serde_json::json!({
            "a": {"b": [1, "two", {"c": "three: four", "d": []}, [5, [6]]], "e": {}},
            "on": "yes", "n": null, "q": "- x", "v": "${stage}", "z": "0123", "u": "ünï\n\"x\"", "t": "a #b",
        });
        let text = object(value.as_object().unwrap());
        let read = crate::source::manifest::parse::parse("grail.yaml", &text).unwrap();
        assert_eq!(read.to_json(), value, "{text}");
    }
}
