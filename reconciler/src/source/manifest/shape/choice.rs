//! Which part of a schema is for a value: what it refers to, which of its alternatives is meant, which types it takes.

use serde_json::Value;

use crate::source::manifest::node::{Content, Node};
use crate::source::manifest::parse::plain;

/// Turns what variables have given into what its place asks for: a number, `true`.
pub(in crate::source::manifest) fn coerce(node: &mut Node, schema: &Value) {
    let root = schema;
    coerce_at(node, schema, root);
}

fn coerce_at(node: &mut Node, schema: &Value, root: &Value) {
    let schema = pick(node, resolved(schema, root), root).unwrap_or(&Value::Null);
    match &mut node.content {
        Content::List(items) => {
            let Some(each) = schema.get("items") else { return };
            items.iter_mut().for_each(|item| coerce_at(item, each, root));
        }
        Content::Map(entries) => {
            for entry in entries {
                let below = schema.pointer("/properties").and_then(|all| all.get(&entry.key));
                let below = below.or_else(|| schema.get("additionalProperties"));
                if let Some(below) = below {
                    coerce_at(&mut entry.value, below, root);
                }
            }
        }
        Content::Text(text) if text.given && !allows(schema, "string") => {
            let becomes = plain(&text.text);
            if types_of(&becomes).iter().any(|name| allows(schema, name)) {
                node.content = becomes;
            }
        }
        _ => {}
    }
}

/// What a schema refers to, or itself.
pub(in crate::source::manifest) fn resolved<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let mut schema = schema;
    // A chain of references is short; one in a circle would be a fault of the types.
    for _ in 0..8 {
        let target = schema.get("$ref").and_then(Value::as_str);
        let target = target.and_then(|path| root.pointer(path.trim_start_matches('#')));
        match target {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

/// The names under which JSON Schema knows the type of a value.
pub(super) fn types_of(content: &Content) -> Vec<&'static str> {
    match content {
        Content::Null => vec!["null"],
        Content::Bool(_) => vec!["boolean"],
        Content::Number(number) if number.is_f64() => match number.as_f64() {
            Some(value) if value.fract() == 0.0 => vec!["number", "integer"],
            _ => vec!["number"],
        },
        Content::Number(_) => vec!["integer", "number"],
        Content::Text(_) => vec!["string"],
        Content::List(_) => vec!["array"],
        Content::Map(_) => vec!["object"],
    }
}

pub(super) fn allows(schema: &Value, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == name,
        Some(Value::Array(several)) => several.iter().any(|one| one == name),
        _ => match schema.get("const").or_else(|| schema.pointer("/enum/0")) {
            Some(Value::String(_)) => name == "string",
            Some(Value::Bool(_)) => name == "boolean",
            Some(Value::Number(_)) => name == "integer" || name == "number",
            _ => branches(schema).is_none_or(|all| {
                let mut all = all.iter();
                all.any(|branch| branch.get("$ref").is_some() || allows(branch, name))
            }),
        },
    }
}

/// The alternatives of a schema.
pub(super) fn branches(schema: &Value) -> Option<&Vec<Value>> {
    let all = schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()?;
    // `oneOf` of required keys beside properties is no choice of types.
    let only_keys = |branch: &Value| {
        branch
            .as_object()
            .is_some_and(|keys| keys.keys().all(|key| key == "required"))
    };
    (!all.iter().all(only_keys)).then_some(all)
}

/// The part of `schema` that is for `node`: the alternative of its type, and of those for objects the one whose key it has.
pub(in crate::source::manifest) fn pick<'a>(
    node: &Node,
    schema: &'a Value,
    root: &'a Value,
) -> Option<&'a Value> {
    let Some(branches) = branches(schema) else {
        return Some(schema);
    };
    let given = matches!(&node.content, Content::Text(text) if text.given);
    let types = types_of(&node.content);
    let fits = |branch: &&Value| types.iter().any(|name| allows(branch, name)) || given;
    let fitting: Vec<_> = branches
        .iter()
        .map(|branch| resolved(branch, root))
        .filter(fits)
        .collect();
    if fitting.len() > 1 && matches!(node.content, Content::Map(_)) {
        return fitting
            .into_iter()
            .find(|branch| tag(branch).is_some_and(|tag| node.get(tag).is_some()));
    }
    fitting.into_iter().find_map(|inner| {
        let nests = inner.get("anyOf").or_else(|| inner.get("oneOf")).is_some();
        match nests && constants(inner, root).is_none() && inner.get("properties").is_none() {
            true => pick(node, inner, root),
            false => Some(inner),
        }
    })
}

/// The key by which an alternative is known.
pub(super) fn tag(branch: &Value) -> Option<&str> {
    branch.pointer("/required/0").and_then(Value::as_str)
}

/// The values that a schema lists, where it lists some.
pub(super) fn constants<'a>(schema: &'a Value, root: &'a Value) -> Option<Vec<&'a Value>> {
    if let Some(Value::Array(values)) = schema.get("enum") {
        return Some(values.iter().collect());
    }
    if let Some(value) = schema.get("const") {
        return Some(vec![value]);
    }
    let all = branches(schema)?;
    let mut values = Vec::new();
    for branch in all {
        values.extend(constants(resolved(branch, root), root)?);
    }
    Some(values)
}
