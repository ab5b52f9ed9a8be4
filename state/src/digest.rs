//! Digests: of documents (canonical JSON), of bytes, and keyed ones of secrets.

use std::fmt;
use std::io::BufWriter;

use hmac::{Hmac, Mac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A SHA-256 in lower-case hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Digest(pub String);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(bytes)))
    }

    /// The digest of a document's [`canonical`] text.
    pub fn of_value(value: &Value) -> Self {
        Self::of(canonical(value).as_bytes())
    }

    /// The digest of what `value` is written as, without a text of the whole in memory. The order of a type's fields counts,
    /// so it says nothing about documents from elsewhere.
    pub fn of_written(value: &impl Serialize) -> Self {
        let mut writer = BufWriter::with_capacity(1 << 16, Sha256::new());
        // Only maps whose keys are no texts cannot be written, and writing into a digest never fails.
        let written = serde_json::to_writer(&mut writer, value).map_err(|error| error.to_string());
        match written.and_then(|()| writer.into_inner().map_err(|error| error.to_string())) {
            Ok(hasher) => Self(hex::encode(hasher.finalize())),
            Err(error) => Self::of(error.as_bytes()),
        }
    }

    /// The first twelve characters, for names and messages.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Sixteen digits that show whether `bytes` are what they were when they were written. They keep no forger out.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    let mut digest = Digest::of(bytes).0;
    digest.truncate(16);
    digest
}

/// JSON text with sorted keys and no blanks: equal values have equal texts, whatever map type serde_json was built with.
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (place, (key, item)) in entries.into_iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                text.push_str(&Value::String(key.clone()).to_string());
                text.push(':');
                write_canonical(item, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

/// Makes keyed digests of secret values, so that a change can be seen and the value cannot.
///
/// The key lies outside the project. The id of the key stands in every digest: digests under different keys say nothing
/// about each other.
#[derive(Clone)]
pub struct Digester {
    key: [u8; 32],
    key_id: String,
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digester")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl Digester {
    /// A digester under `key`.
    pub fn new(key: [u8; 32]) -> Self {
        let key_id = hex::encode(&Sha256::digest([b"grail key id".as_slice(), &key].concat())[..4]);
        Self { key, key_id }
    }

    /// Names the key without giving it away.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The keyed digest of a secret text: `secret:<key id>:<24 hexadecimal digits>`.
    pub fn secret(&self, text: &str) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key).map(|mac| mac.chain_update(text.as_bytes()));
        match mac {
            Ok(mac) => format!(
                "secret:{}:{}",
                self.key_id,
                hex::encode(&mac.finalize().into_bytes()[..12])
            ),
            // HMAC takes keys of every length; were that to change, the value must still not be shown.
            Err(_) => format!("secret:{}:unavailable", self.key_id),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn canonical_text_sorts_keys_at_every_depth() {
        let value = json!({"b": [{"z": 1, "a": null}], "a": "\u{e9}\""});
        assert_eq!(
            canonical(&value),
            "{\"a\":\"é\\\"\",\"b\":[{\"a\":null,\"z\":1}]}"
        );
    }

    #[test]
    fn a_secret_shows_its_change_and_its_key_but_not_itself() {
        let one = Digester::new([1; 32]);
        let two = Digester::new([2; 32]);
        assert_eq!(one.secret("hunter2"), one.secret("hunter2"));
        assert_ne!(one.secret("hunter2"), one.secret("hunter3"));
        assert_ne!(one.secret("hunter2"), two.secret("hunter2"));
        assert!(!one.secret("hunter2").contains("hunter2") && one.secret("x").contains(one.key_id()));
    }
}
