//! A whole account as one value: what a deployment made of it, so that two accounts, or one before and after, can be compared.
//!
//! What the server chose (API ids, unique ids of roles, statement ids, the archive digest of code, the numbers of layer
//! versions) and what a tool leaves as its own mark (the tag `grail`, descriptions of APIs, deployments and layers) stands
//! under the key `identity` of each thing. [`World::comparable`] is the account without those, and with ids replaced by words
//! wherever they appear: an API by its name, a layer version by what it holds, a table's stream by its table.
//! [`World::exact`] is the account with them, for "nothing at all has changed".
//!
//! Left out everywhere: times and revision ids, which change when nothing else does. Not read: resources of kinds that no
//! deployment here makes, and what is inside queues, streams, tables and buckets.

mod apis;
mod code;
mod domains;
mod events;
mod functions;
mod policy;
mod roles;
mod shelf;
mod websockets;

pub use code::content_digest;
pub use policy::meaning;

use std::cmp::Reverse;
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
    /// Words for ids that stand inside other values, the longest id first: one may begin with another.
    words: Vec<(String, String)>,
}

impl World {
    /// Reads the account. Behind a proxy give an [`Account`] at its quiet address: it is not recorded, and shows what moto
    /// alone forgets.
    ///
    /// # Panics
    /// Where a read fails.
    pub fn read(account: &Account) -> World {
        let (tables, mut words) = shelf::tables(account);
        runtime::block_on(async {
            let rest_apis = apis::read(account).await;
            let websocket_apis = websockets::read(account).await;
            let layers = shelf::layers(account).await;
            words.extend(api_words("api", &rest_apis));
            words.extend(api_words("websocket api", &websocket_apis));
            words.extend(shelf::layer_words(&layers));
            words.sort_by_key(|(id, _)| (Reverse(id.len()), id.clone()));
            let value = json!({
                "roles": roles::read(account).await,
                "functions": functions::read(account).await,
                "event_sources": events::sources(account).await,
                "rest_apis": rest_apis,
                "websocket_apis": websocket_apis,
                "domains": domains::read(account).await,
                "rules": events::rules(account).await,
                "topics": events::topics(account).await,
                "subscriptions": events::subscriptions(account).await,
                "log_groups": shelf::log_groups(account).await,
                "layers": layers,
                "buckets": shelf::buckets(account).await,
                "tables": tables,
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

    /// A text with the account's ids replaced by words, as in [`World::comparable`].
    pub fn in_words(&self, text: &str) -> String {
        spoken(text, &self.words)
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

fn bare(value: &Value, words: &[(String, String)]) -> Value {
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

fn spoken(text: &str, words: &[(String, String)]) -> String {
    words.iter().fold(text.to_owned(), |text, (id, word)| {
        text.replace(id.as_str(), word)
    })
}

/// Things by name; several of one name get a number. Ids are random: among those of one name the order is that of content.
fn numbered(mut described: Vec<(String, Value)>) -> Value {
    described.sort_by_key(|(name, thing)| (name.clone(), bare(thing, &[]).to_string()));
    let mut things = Map::new();
    for (name, thing) in described {
        let mut same = things
            .keys()
            .filter(|key| **key == name || key.starts_with(&format!("{name} #")));
        let key = match same.by_ref().count() {
            0 => name,
            before => format!("{name} #{}", before + 1),
        };
        things.insert(key, thing);
    }
    things.into()
}

/// A word for each API's id, for wherever it stands inside other values.
fn api_words(kind: &str, apis: &Value) -> Vec<(String, String)> {
    let each = apis.as_object().into_iter().flatten();
    each.filter_map(|(name, api)| {
        Some((
            api[IDENTITY]["id"].as_str()?.to_owned(),
            format!("<{kind} {name}>"),
        ))
    })
    .collect()
}

/// Tags, and apart from them the one in which grail leaves its mark.
fn split_mark<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> (Map<String, Value>, Value) {
    let mut kept = Map::new();
    let mut mark = Value::Null;
    for (key, value) in tags {
        if key == "grail" {
            mark = value.into();
        } else {
            kept.insert(key.to_owned(), value.into());
        }
    }
    (kept, mark)
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
