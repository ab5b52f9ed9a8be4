//! Reading the file, as tolerantly as Chalice does and no more.
//!
//! Chalice ignores keys that it does not know, takes a missing `schema_version` for `1.0`, accepts only `"2.0"`, needs
//! `resources`, and of two entries with one name sees the later.

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::{Deployed, DeployedEntry, SCHEMA_VERSION};
use crate::digest::{Digest, canonical};

/// Why the file could not be read. It is left as it is.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system refused.
    #[error("could not read {path}", path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
    /// It is no JSON, or not of the form that Chalice writes.
    #[error("{path}, line {line}, column {column}: {why}", path = path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong there.
        why: String,
    },
    /// It has a form that Chalice does not read either.
    #[error("{path} has schema version {found}, and only 2.0 is known", path = path.display())]
    Schema {
        /// Which file.
        path: PathBuf,
        /// Its version; `1.0` where it names none.
        found: String,
    },
}

impl ReadError {
    /// An error of serde_json, its position apart from its words.
    pub(super) fn malformed(path: &Path, error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let position = format!(" at line {line} column {column}");
        let words = error.to_string();
        Self::Malformed {
            path: path.to_owned(),
            // An error before the first character is at the first.
            line: line.max(1),
            column: column.max(1),
            why: words.strip_suffix(&position).unwrap_or(&words).to_owned(),
        }
    }
}

/// The file as it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its content.
    pub deployed: Deployed,
    /// The digest of its text, with line breaks as we write them: a checkout on Windows may have changed those.
    pub digest: Digest,
}

impl Found {
    /// Reads the text of the file at `path`.
    ///
    /// # Errors
    /// [`ReadError::Malformed`] and [`ReadError::Schema`].
    pub fn parse(text: &[u8], path: &Path) -> Result<Self, ReadError> {
        let malformed = |error| ReadError::malformed(path, &error);
        let schema_version: Option<Value> = at(text, "schema_version").map_err(malformed)?;
        if schema_version.as_ref().and_then(Value::as_str) != Some(SCHEMA_VERSION) {
            let found = match schema_version {
                None => "1.0".to_owned(),
                Some(Value::String(text)) => text,
                Some(other) => canonical(&other),
            };
            return Err(ReadError::Schema {
                path: path.to_owned(),
                found,
            });
        }
        let resources: Option<Vec<DeployedEntry>> = at(text, "resources").map_err(malformed)?;
        let resources = resources.ok_or_else(|| ReadError::Malformed {
            path: path.to_owned(),
            line: 1,
            column: 1,
            why: "there is no `resources`".to_owned(),
        })?;
        Ok(Self {
            deployed: Deployed {
                entries: last_of_each_name(resources),
            },
            digest: Digest::of(&with_plain_breaks(text)),
        })
    }
}

fn with_plain_breaks(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    for (at, byte) in text.iter().enumerate() {
        if *byte != b'\r' || text.get(at + 1) != Some(&b'\n') {
            plain.push(*byte);
        }
    }
    plain
}

pub(super) fn last_of_each_name(entries: Vec<DeployedEntry>) -> Vec<DeployedEntry> {
    let last: std::collections::BTreeMap<String, usize> = entries
        .iter()
        .enumerate()
        .map(|(at, entry)| (entry.name.clone(), at))
        .collect();
    entries
        .into_iter()
        .enumerate()
        .filter(|(at, entry)| last.get(&entry.name) == Some(at))
        .map(|(_, entry)| entry)
        .collect()
}

impl<'de> Deserialize<'de> for DeployedEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Pairs(mut keys) = Pairs::deserialize(deserializer)?;
        let mut take = |key: &'static str| {
            let at = keys.iter().position(|(known, _)| known == key);
            match at.map(|at| keys.remove(at).1) {
                Some(Value::String(text)) => Ok(text),
                Some(_) => Err(D::Error::custom(format!(
                    "the `{key}` of an entry must be a text"
                ))),
                None => Err(D::Error::custom(format!("an entry has no `{key}`"))),
            }
        };
        Ok(Self {
            name: take("name")?,
            resource_type: take("resource_type")?,
            keys,
        })
    }
}

/// A JSON object in the order in which it is written; of a key that comes twice the later value, as in Python.
pub(super) struct Pairs<V>(pub(super) Vec<(String, V)>);

impl<V> Default for Pairs<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}

struct PairsVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for PairsVisitor<V> {
    type Value = Pairs<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs: Vec<(String, V)> = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, V>()? {
            match pairs.iter_mut().find(|(known, _)| *known == key) {
                Some(known) => known.1 = value,
                None => pairs.push((key, value)),
            }
        }
        Ok(Pairs(pairs))
    }
}

/// The value at one key of a JSON object, the others unread; `None` where there is no such key. Of a key that comes twice
/// the later value.
pub(super) fn at<'de, V: Deserialize<'de>>(
    text: &'de [u8],
    key: &str,
) -> Result<Option<V>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let found = At(key, PhantomData).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(found)
}

struct At<'k, V>(&'k str, PhantomData<V>);

impl<'de, V: Deserialize<'de>> DeserializeSeed<'de> for At<'_, V> {
    type Value = Option<V>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, V: Deserialize<'de>> Visitor<'de> for At<'_, V> {
    type Value = Option<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}
