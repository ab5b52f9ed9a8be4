//! Policy documents by meaning: equal for IAM means equal here.

use serde_json::{Map, Value, json};

/// A policy document without what has no meaning: statement ids, the order of statements and of values in a set, a single
/// value against a list of one, and the second of two equal statements.
pub fn meaning(document: &Value) -> Value {
    let mut statements: Vec<Value> = statements(document).iter().map(|one| statement(one)).collect();
    statements.sort_by_key(Value::to_string);
    statements.dedup();
    json!({ "Version": document["Version"], "Statement": statements })
}

/// The statements of a document, each by meaning, in order of their text; equal ones are kept.
pub(super) fn each_meaning(document: &Value) -> Vec<Value> {
    let mut statements: Vec<Value> = statements(document).iter().map(|one| statement(one)).collect();
    statements.sort_by_key(Value::to_string);
    statements
}

/// The statement ids of a document.
pub(super) fn statement_ids(document: &Value) -> Vec<String> {
    let ids = statements(document)
        .into_iter()
        .filter_map(|one| one["Sid"].as_str());
    let mut ids: Vec<String> = ids.map(str::to_owned).collect();
    ids.sort_unstable();
    ids
}

/// A document that IAM sent: JSON, percent-encoded or not.
pub(super) fn parsed(text: &str) -> Value {
    // In this encoding a plus is a plus.
    let decoded = || crate::proxy::percent_decoded(&text.replace('+', "%2B"));
    serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&decoded()))
        .unwrap_or_else(|error| panic!("a policy document that is no JSON: {error}: {text}"))
}

fn statements(document: &Value) -> Vec<&Value> {
    match &document["Statement"] {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

fn statement(value: &Value) -> Value {
    let fields = value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| *key != "Sid");
    let each = fields.map(|(key, inner)| {
        let meant = match key.as_str() {
            "Action" | "NotAction" | "Resource" | "NotResource" => set(inner),
            "Principal" | "NotPrincipal" => sets_within(inner),
            "Condition" => {
                let operators = inner.as_object().into_iter().flatten();
                Value::Object(
                    operators
                        .map(|(name, tests)| (name.clone(), sets_within(tests)))
                        .collect(),
                )
            }
            _ => inner.clone(),
        };
        (key.clone(), meant)
    });
    Value::Object(each.collect::<Map<_, _>>())
}

fn sets_within(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, inner)| (key.clone(), set(inner)))
                .collect(),
        ),
        other => other.clone(),
    }
}

fn set(value: &Value) -> Value {
    let mut items: Vec<Value> = match value {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    items.sort_by_key(Value::to_string);
    items.dedup();
    items.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_no_meaning_is_lost() {
        let one = json!({ "Version": "2012-10-17", "Statement": [
            { "Sid": "a", "Effect": "Allow", "Action": ["s3:Put", "s3:Get"], "Resource": "*" },
            { "Effect": "Allow", "Action": "logs:*", "Resource": ["x"], "Condition": { "StringEquals": { "k": "v" } } },
        ]});
        let other = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": ["logs:*"], "Resource": "x", "Condition": { "StringEquals": { "k": ["v"] } } },
            { "Sid": "b", "Effect": "Allow", "Action": ["s3:Get", "s3:Put", "s3:Get"], "Resource": ["*"] },
            { "Effect": "Allow", "Action": ["s3:Get", "s3:Put"], "Resource": ["*"] },
        ]});
        assert_eq!(meaning(&one), meaning(&other));
        assert_eq!(each_meaning(&other).len(), 3);
        for change in ["s3:Put", "logs:*", "x", "v", "Allow"] {
            let text = one.to_string().replacen(&format!("\"{change}\""), "\"other\"", 1);
            assert_ne!(meaning(&parsed(&text)), meaning(&one), "{change}");
        }
    }

    #[test]
    fn documents_are_read_encoded_or_not() {
        assert_eq!(parsed("%7B%22a%22%3A%22b%2Bc%22%7D")["a"], "b+c");
        assert_eq!(parsed("{\"a\":\"50%25\"}")["a"], "50%25");
    }
}
