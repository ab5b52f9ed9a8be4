//! One value of a projected form, short enough for one line.

use grail_state::digest::canonical;
use serde_json::Value;

/// The longest value that is shown whole, in characters.
const LONGEST: usize = 72;
const UNKNOWN: &str = "(known after deploy)";
const STAND_IN: &str = "(known after deploy: ";

/// A value as people read it: secrets and digests by their first digits, what is not known yet as such.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => shown_text(text),
        other => cut(&without_stand_ins(&canonical(other))),
    }
}

fn shown_text(text: &str) -> String {
    if let Some(digits) = text
        .strip_prefix("secret:")
        .and_then(|rest| rest.split(':').nth(1))
    {
        return format!("(secret {})", digits.get(..8).unwrap_or(digits));
    }
    let plain = without_stand_ins(text);
    if plain == UNKNOWN {
        return plain;
    }
    if is_digest(text) {
        return text.chars().take(12).collect();
    }
    cut(&Value::String(plain).to_string())
}

/// SHA-256 in hexadecimal: nobody reads all of it.
fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn without_stand_ins(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once(STAND_IN) {
        plain.push_str(before);
        plain.push_str(UNKNOWN);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    plain
}

fn cut(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let start: String = text.chars().take(LONGEST - 1).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_fit_on_a_line_and_give_nothing_away() {
        assert_eq!(shown(&json!("a \"b\"")), r#""a \"b\"""#);
        assert_eq!(
            shown(&json!("secret:aabbccdd:0123456789abcdef01234567")),
            "(secret 01234567)"
        );
        assert_eq!(shown(&json!("ab".repeat(32))), "abababababab");
        assert_eq!(
            shown(&json!("(known after deploy: iam_role.r/arn)")),
            "(known after deploy)"
        );
        assert_eq!(
            shown(&json!("x/(known after deploy: iam_role.r/arn)/y")),
            "\"x/(known after deploy)/y\""
        );
        assert_eq!(
            shown(&json!(["(known after deploy: a.b/c)", 1])),
            "[\"(known after deploy)\",1]"
        );
        assert_eq!(
            shown(&json!({"b": [1, null], "a": true})),
            r#"{"a":true,"b":[1,null]}"#
        );
        assert_eq!(shown(&json!("é".repeat(100))).chars().count(), LONGEST);
    }
}
