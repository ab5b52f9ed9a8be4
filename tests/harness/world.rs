//! A whole account as one value: what a deployment made of it, so that two accounts, or one before and after, can be compared.
//!
//! What the server chose (API ids, unique ids of roles, statement ids, the archive digest of code) and what a tool leaves as
//! its own mark (the tag `grail`, descriptions of APIs and deployments) stands under the key `identity` of each thing.
//! [`World::comparable`] is the account without those, and with API ids replaced by names wherever they appear.
//! [`World::exact`] is the account with them, for "nothing at all has changed".
//!
//! Left out everywhere: times and revision ids, which change when nothing else does. Not read: resources of kinds that no
//! deployment here makes; buckets and layers by name only.

mod apis;
mod code;
mod functions;
mod policy;
mod roles;
mod shelf;

pub use code::content_digest;
pub use policy::meaning;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::account::Account;
use crate::difference::assert_same;
use crate::runtime;

/// The key of what is left out of a comparison.
const IDENTITY: &str = "identity";

/// An account as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    value: Value,
    /// Words for ids that stand inside other values.
    words: BTreeMap<String, String>,
}

impl World {
    /// Reads the account. Behind a proxy give an [`Account`] at its quiet address: it is not recorded, and shows what moto
    /// alone forgets.
    ///
    /// # Panics
    /// Where a read fails.
    pub fn read(account: &Account) -> World {
        runtime::block_on(async {
            let apis = apis::read(account).await;
            let words = apis::words(&apis);
            let value = json!({
                "roles": roles::read(account).await,
                "functions": functions::read(account).await,
                "event_sources": functions::event_sources(account).await,
                "rest_apis": apis,
                "log_groups": shelf::log_groups(account).await,
                "layers": shelf::layers(account).await,
                "buckets": shelf::buckets(account).await,
            });
            World { value, words }
        })
    }

    /// Everything that was read.
    pub fn exact(&self) -> &Value {
        &self.value
    }

    /// The account without ids and marks.
    pub fn comparable(&self) -> Value {
        bare(&self.value, &self.words)
    }

    /// One section of [`World::comparable`]: `roles`, `functions`, `rest_apis`, `log_groups`, and so on.
    pub fn section(&self, name: &str) -> Value {
        self.comparable()[name].take()
    }

    /// Names of everything, by section: for "nothing is left".
    pub fn names(&self) -> BTreeMap<String, Vec<String>> {
        let sections = self.value.as_object().into_iter().flatten();
        let named = sections.map(|(section, things)| {
            let names = things.as_object().map(|things| things.keys().cloned().collect());
            (section.clone(), names.unwrap_or_default())
        });
        named.collect()
    }

    /// Fails with every difference, ids and marks apart.
    ///
    /// # Panics
    /// Where the worlds differ.
    #[track_caller]
    pub fn assert_same_as(&self, other: &World, names: (&str, &str)) {
        assert_same(names, &self.comparable(), &other.comparable());
    }

    /// Fails with every difference, ids and marks included: nothing was touched.
    ///
    /// # Panics
    /// Where the worlds differ.
    #[track_caller]
    pub fn assert_untouched_since(&self, before: &World) {
        assert_same(("before", "now"), &before.value, &self.value);
    }
}

fn bare(value: &Value, words: &BTreeMap<String, String>) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(key, _)| *key != IDENTITY);
            let each = kept.map(|(key, inner)| (spoken(key, words), bare(inner, words)));
            Value::Object(each.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(|item| bare(item, words)).collect(),
        Value::String(text) => spoken(text, words).into(),
        other => other.clone(),
    }
}

fn spoken(text: &str, words: &BTreeMap<String, String>) -> String {
    words.iter().fold(text.to_owned(), |text, (id, word)| {
        text.replace(id.as_str(), word)
    })
}

/// Strings as a sorted list: where AWS keeps a set.
fn sorted(items: &[String]) -> Value {
    let mut items = items.to_vec();
    items.sort_unstable();
    items.into()
}

/// An answer, or the end of the test with what was asked.
fn answered<T, E: std::error::Error>(what: &str, answer: Result<T, E>) -> T {
    match answer {
        Ok(answer) => answer,
        Err(error) => {
            let mut text = format!("reading the account: {what}: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                text.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            panic!("{text}");
        }
    }
}
