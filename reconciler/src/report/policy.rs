//! Policies by what they grant: a person reads "may now read that bucket", not a changed list of statements.

use std::collections::BTreeSet;

use serde_json::Value;

/// What a policy document, or its list of statements, allows and denies: one line for each action on each resource. `None`
/// for any other value.
pub(super) fn grants(value: &Value) -> Option<BTreeSet<String>> {
    let statements = match value {
        Value::Object(document) => document.get("Statement")?,
        other => other,
    };
    let one = std::slice::from_ref(statements);
    let statements = statements.as_array().map_or(one, Vec::as_slice);
    if statements.is_empty() {
        return None;
    }
    let lines: Option<Vec<Vec<String>>> = statements.iter().map(grants_of).collect();
    lines.map(|lines| lines.into_iter().flatten().collect())
}

fn grants_of(statement: &Value) -> Option<Vec<String>> {
    let effect = statement.get("Effect")?.as_str()?;
    let mut tail = String::new();
    for (key, word) in [("Principal", "by"), ("NotPrincipal", "by all but")] {
        if let Some(who) = statement.get(key) {
            tail.push_str(&format!(" {word} {}", principal(who)));
        }
    }
    if let Some(condition) = statement.get("Condition") {
        tail.push_str(&format!(" if {}", grail_state::digest::canonical(condition)));
    }
    let actions = side(statement, "Action", "NotAction")?;
    let resources = side(statement, "Resource", "NotResource").unwrap_or_default();
    let line = |action: &str, resource: &str| match resource {
        "" => format!("{effect} {action}{tail}"),
        resource => format!("{effect} {action} on {resource}{tail}"),
    };
    let on = |action: &String| match resources.as_slice() {
        [] => vec![line(action, "")],
        some => some.iter().map(|resource| line(action, resource)).collect(),
    };
    Some(actions.iter().flat_map(on).collect())
}

/// The elements of a key, or of its negation as one whole.
fn side(statement: &Value, key: &str, negated: &str) -> Option<Vec<String>> {
    if let Some(value) = statement.get(key) {
        return texts(value);
    }
    let all = texts(statement.get(negated)?)?;
    Some(vec![format!("all but {}", all.join(", "))])
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

/// `lambda.amazonaws.com`, or an account; the kind of principal goes without saying.
fn principal(value: &Value) -> String {
    let names = match value {
        Value::Object(kinds) => kinds.values().filter_map(texts).flatten().collect(),
        other => texts(other).unwrap_or_default(),
    };
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_is_what_it_grants() {
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["a", "b"]},
            {"Effect": "Deny", "NotAction": "iam:*", "Resource": "*", "Condition": {"Bool": {"x": "true"}}},
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ]});
        let lines: Vec<_> = grants(&policy).unwrap().into_iter().collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        Allow s3:GetObject on a
        Allow s3:GetObject on b
        Allow s3:PutObject on a
        Allow s3:PutObject on b
        Allow sts:AssumeRole by lambda.amazonaws.com
        Deny all but iam:* on * if {"Bool":{"x":"true"}}
        "#);
    }

    #[test]
    fn other_lists_are_no_policies() {
        for value in [
            json!([]),
            json!(["a"]),
            json!({"a": 1}),
            json!([{"Effect": 1}]),
            json!("Effect"),
        ] {
            assert_eq!(grants(&value), None, "{value}");
        }
    }
}
