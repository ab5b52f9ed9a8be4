//! The schema for editors.

use serde_json::{Value, json};

use super::REFERENCES;

/// Makes of the schema that judges one for editors: where a number, a choice or `true` is asked for, a variable may stand too,
/// and texts may hold variables whatever their pattern is. What is of grail alone goes.
pub(in crate::source::manifest) fn publish(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            keys.remove(REFERENCES);
            let properties = keys.get("properties").and_then(Value::as_object).cloned();
            let is_scalar = ["integer", "number", "boolean"].iter().any(|name| {
                keys.get("type").is_some_and(|of| {
                    of == name || of.as_array().is_some_and(|all| all.contains(&json!(name)))
                })
            });
            let is_choice =
                keys.contains_key("enum") || keys.contains_key("const") || keys.contains_key("pattern");
            for (key, value) in keys.iter_mut() {
                if !matches!(key.as_str(), "default" | "const" | "enum" | "propertyNames") {
                    publish(value);
                }
            }
            if is_scalar || (is_choice && properties.is_none()) {
                let description = keys.remove("description");
                let own = Value::Object(std::mem::take(keys));
                keys.insert(
                    "anyOf".to_owned(),
                    json!([own, {"type": "string", "pattern": "\\$\\{[^}]+\\}"}]),
                );
                keys.extend(description.map(|words| ("description".to_owned(), words)));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(publish),
        _ => {}
    }
}
