//! Words of a server without the secrets that it was sent: some answers quote the request, in clear or encoded.
//!
//! A secret is what the projection of a form hides: a text in whose place there stands a keyed digest, and the values of
//! conditions that [`policy::shows`](crate::policy::shows) does not let show. One of less than four letters is not looked for:
//! it would be found in words that have nothing to do with it. What a server shortens or changes in another way is not found.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::Failure;
use crate::policy;

/// What stands in the place of a secret.
const HIDDEN: &str = "(hidden)";
/// The shortest secret that is looked for, in letters.
const SHORTEST: usize = 4;

/// What a form hides, in every spelling in which a server may quote it, the longest first.
pub(super) struct Secrets {
    spellings: Vec<String>,
}

impl Secrets {
    /// The secrets of a form that is projected so.
    pub(super) fn of(form: &Value, projected: &Value) -> Self {
        let mut secrets = BTreeSet::new();
        beside(form, projected, &mut secrets);
        conditions(form, &mut secrets);
        let long = secrets.iter().filter(|secret| secret.chars().count() >= SHORTEST);
        let mut spellings: Vec<_> = long.flat_map(|secret| spelled(secret)).collect();
        spellings.sort_by_key(|spelling| std::cmp::Reverse(spelling.len()));
        spellings.dedup();
        Self { spellings }
    }

    /// The same failure without them.
    pub(super) fn hush(&self, failure: Failure) -> Failure {
        let (said, hint) = (
            self.hidden(&failure.chain()),
            failure.hint.as_deref().map(|hint| self.hidden(hint)),
        );
        let source = match said {
            Some(said) => said.into(),
            None => failure.source,
        };
        Failure {
            hint: hint.unwrap_or_default().or(failure.hint),
            source,
            ..failure
        }
    }

    /// `text` with every secret hidden; `None` if there is none in it.
    fn hidden(&self, text: &str) -> Option<String> {
        let found = self
            .spellings
            .iter()
            .filter(|spelling| text.contains(spelling.as_str()));
        let mut quiet: Option<String> = None;
        for spelling in found {
            quiet = Some(
                quiet
                    .as_deref()
                    .unwrap_or(text)
                    .replace(spelling.as_str(), HIDDEN),
            );
        }
        quiet
    }
}

/// The texts in whose place the projection has digests.
fn beside(form: &Value, projected: &Value, secrets: &mut BTreeSet<String>) {
    match (form, projected) {
        (Value::String(secret), Value::String(shown)) if shown.starts_with("secret:") => {
            secrets.insert(secret.clone());
        }
        (Value::Object(form), Value::Object(projected)) => {
            for (key, item) in form {
                if let Some(projected) = projected.get(key) {
                    beside(item, projected, secrets);
                }
            }
        }
        (Value::Array(form), Value::Array(projected)) => {
            for (item, projected) in form.iter().zip(projected) {
                beside(item, projected, secrets);
            }
        }
        _ => {}
    }
}

/// The values of conditions that do not show, wherever in the form a policy stands.
fn conditions(form: &Value, secrets: &mut BTreeSet<String>) {
    policy::hidden_values(&mut form.clone(), &mut |value| {
        secrets.extend(match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
    });
}

/// A secret as it is, as JSON writes it (once and twice, as in a document inside a document), as URLs do, and in base64
/// wherever it begins in the text that is encoded.
fn spelled(secret: &str) -> Vec<String> {
    let inside = |text: String| {
        text.get(1..text.len().saturating_sub(1))
            .unwrap_or_default()
            .to_owned()
    };
    let json = |text: &str| inside(Value::from(text).to_string());
    let ascii = |text: &str| {
        let letters = text.chars().map(|letter| match letter.is_ascii() {
            true => letter.to_string(),
            false => {
                let mut units = [0; 2];
                letter
                    .encode_utf16(&mut units)
                    .iter()
                    .map(|unit| format!("\\u{unit:04x}"))
                    .collect()
            }
        });
        letters.collect::<String>()
    };
    let percent = |space: &str| {
        let bytes = secret.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            b' ' => space.to_owned(),
            other => format!("%{other:02X}"),
        });
        bytes.collect::<String>()
    };
    let mut all = vec![
        secret.to_owned(),
        json(secret),
        json(&json(secret)),
        ascii(&json(secret)),
        json(&ascii(&json(secret))),
    ];
    for percent in [percent("%20"), percent("+")] {
        all.push(percent.to_lowercase());
        all.push(percent);
    }
    all.extend(in_base64(secret));
    all
}

/// What is certain of the base64 of a text that holds the secret, for each of the three places at which it may begin.
fn in_base64(secret: &str) -> Vec<String> {
    let mut all = Vec::new();
    for before in 0..3_usize {
        let bytes = [vec![0; before], secret.as_bytes().to_vec()].concat();
        // A letter holds six bits: the first whole one of the secret, and the last.
        let (first, last) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        for encoded in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            all.extend(
                encoded
                    .get(first..last)
                    .filter(|text| text.len() >= SHORTEST)
                    .map(str::to_owned),
            );
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;

    const SECRET: &str = "s3cr\"t/ü +x";

    fn secrets() -> Secrets {
        let form = json!({"environment": {"A": SECRET, "B": "on"}, "name": "worker", "policy": {"Statement": [
            {"Condition": {"StringEquals": {"sts:ExternalId": ["ext-ernal"], "aws:SourceVpc": "vpc-12345"}}}]}});
        let shown = json!({"environment": {"A": "secret:k:1", "B": "secret:k:2"}, "name": "worker"});
        Secrets::of(&form, &shown)
    }

    #[test]
    fn what_a_server_quotes_is_hidden_in_every_spelling() {
        let request = json!({"Variables": {"A": SECRET}}).to_string();
        let quoted = [
            format!("Value '{SECRET}' at 'environment'"),
            format!("could not read {request}"),
            json!({"message": request}).to_string(),
            r#"{"A": "s3cr\"t/\u00fc +x"}"#.to_owned(),
            "A=s3cr%22t%2F%C3%BC%20%2Bx".to_owned(),
            "A=s3cr%22t%2f%c3%bc+%2bx".to_owned(),
            STANDARD.encode(SECRET),
            STANDARD.encode(format!("a{SECRET}b")),
            STANDARD.encode(format!("ab{SECRET}bcd")),
            "the principal with ext-ernal".to_owned(),
        ];
        for said in quoted {
            let hushed = secrets().hush(Failure::refused(said.clone()));
            let text = hushed.source.to_string();
            assert!(text.contains(HIDDEN), "{said}: {text}");
            for part in ["s3cr", "ext-ernal", "czNjc"] {
                assert!(!text.contains(part), "{said}: {text}");
            }
        }
    }

    #[test]
    fn a_number_that_two_parties_have_agreed_upon_is_hidden() {
        let form =
            json!({"trust": {"Statement": {"Condition": {"StringEquals": {"sts:ExternalId": [918_273]}}}}});
        let secrets = Secrets::of(&form, &form);
        let said = secrets
            .hush(Failure::refused("external id 918273 is not the one"))
            .chain();
        assert_eq!(said, "external id (hidden) is not the one");
    }

    #[test]
    fn other_words_stay() {
        let said = "worker in vpc-12345 is on";
        assert_eq!(secrets().hush(Failure::refused(said)).source.to_string(), said);
    }
}
