//! JSON as Python writes it: `json.dumps(data, indent=2, separators=(',', ': ')) + '\n'`, everything beyond ASCII escaped.

use std::fmt::Write as _;

use serde_json::{Number, Value};

use super::{Deployed, DeployedEntry, SCHEMA_VERSION};

/// The whole file.
pub(super) fn document(deployed: &Deployed) -> String {
    let mut out = String::from("{\n  \"resources\": ");
    list(&mut out, &deployed.entries, 1, entry);
    let _ = write!(
        out,
        ",\n  \"schema_version\": \"{SCHEMA_VERSION}\",\n  \"backend\": \"api\"\n}}\n"
    );
    out
}

fn entry(out: &mut String, entry: &DeployedEntry) {
    let name = Value::String(entry.name.clone());
    let resource_type = Value::String(entry.resource_type.clone());
    let first = [("name", &name), ("resource_type", &resource_type)];
    let members = first
        .into_iter()
        .chain(entry.keys.iter().map(|(key, item)| (key.as_str(), item)));
    object(out, members, 2);
}

fn value(out: &mut String, item: &Value, depth: usize) {
    match item {
        Value::Null | Value::Bool(_) => out.push_str(&item.to_string()),
        Value::Number(item) => number(out, item),
        Value::String(item) => text(out, item),
        Value::Array(items) => list(out, items, depth, |out, item| value(out, item, depth + 1)),
        Value::Object(members) => object(out, members.iter().map(|(key, item)| (key.as_str(), item)), depth),
    }
}

fn list<T>(out: &mut String, items: &[T], depth: usize, write: impl Fn(&mut String, &T)) {
    if items.is_empty() {
        out.push_str("[]");
        return;
    }
    for (at, item) in items.iter().enumerate() {
        out.push(if at == 0 { '[' } else { ',' });
        line(out, depth + 1);
        write(out, item);
    }
    line(out, depth);
    out.push(']');
}

fn object<'v>(out: &mut String, members: impl Iterator<Item = (&'v str, &'v Value)>, depth: usize) {
    let mut before = '{';
    for (key, item) in members {
        out.push(before);
        before = ',';
        line(out, depth + 1);
        text(out, key);
        out.push_str(": ");
        value(out, item, depth + 1);
    }
    if before == '{' {
        out.push('{');
    } else {
        line(out, depth);
    }
    out.push('}');
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    (0..depth).for_each(|_| out.push_str("  "));
}

fn text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            beyond => {
                for unit in beyond.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// Whole numbers as they are; others as `repr` of a Python float: shortest digits, an exponent below 1e-4 and from 1e16.
fn number(out: &mut String, number: &Number) {
    let float = match number.as_f64() {
        Some(float) if number.is_f64() => float,
        _ => return out.push_str(&number.to_string()),
    };
    if float == 0.0 || (1e-4..1e16).contains(&float.abs()) {
        let _ = write!(out, "{float:?}");
        return;
    }
    let shortest = format!("{float:e}");
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let (sign, exponent) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |rest| ('-', rest));
    let _ = write!(out, "{digits}e{sign}{exponent:0>2}");
}
