//! The whole of a manifest as types: what may stand in it. Their schema is what trees are judged by and editors are given.
//!
//! Nothing is required here that an override, a default or another file may say: that is looked at when the parts have been
//! laid together ([`check`](super::check)). So a stage may say as little of a function as it likes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::apis::{Domain, RestApi, WebsocketApi};
use super::functions::{Function, Layer};
use super::roles::Role;
use super::shape::{NAME, REFERENCES};
use super::things::{
    DeclaredBucket, DeclaredBus, DeclaredQueue, DeclaredStream, DeclaredTable, DeclaredTopic,
};

/// A manifest.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Form {
    /// The version of this language: 1.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1))]
    pub grail: Option<u32>,
    /// The application's name: part of the names of most of what is made.
    #[serde(default)]
    #[schemars(length(max = 64), extend("pattern" = NAME))]
    pub app: Option<String>,
    /// More files of this form, relative to the project. `*` stands for any part of a file's name.
    #[serde(default)]
    pub include: Option<OneOrMore>,
    /// What this project takes the place of: then a Chalice project in the same folder is not read.
    #[serde(default)]
    pub replaces: Option<Replaces>,
    /// What every function has that does not say otherwise.
    #[serde(default)]
    pub defaults: Option<Function>,
    /// Functions, by their logical names.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub functions: BTreeMap<String, Option<Function>>,
    /// Roles that functions may share, by their logical names.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub roles: BTreeMap<String, Option<Role>>,
    /// Layers, by their logical names.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub layers: BTreeMap<String, Option<Layer>>,
    /// REST APIs, by their logical names. Routes may stand with the functions.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub rest_apis: BTreeMap<String, Option<RestApi>>,
    /// WebSocket APIs, by their logical names. Routes may stand with the functions.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub websocket_apis: BTreeMap<String, Option<WebsocketApi>>,
    /// Custom domains, by their logical names.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub domains: BTreeMap<String, Option<Domain>>,
    /// Queues of SQS that are made, by their logical names.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub queues: BTreeMap<String, Option<DeclaredQueue>>,
    /// Topics of SNS that are made, by their logical names.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub topics: BTreeMap<String, Option<DeclaredTopic>>,
    /// Tables of DynamoDB that are made, by their logical names.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub tables: BTreeMap<String, Option<DeclaredTable>>,
    /// Buckets of S3 that are made, by their logical names.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub buckets: BTreeMap<String, Option<DeclaredBucket>>,
    /// Streams of Kinesis that are made, by their logical names.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub streams: BTreeMap<String, Option<DeclaredStream>>,
    /// Event buses of EventBridge that are made, by their logical names.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub buses: BTreeMap<String, Option<DeclaredBus>>,
    /// What is otherwise in a stage, by the stage's name.
    #[serde(default)]
    pub stages: BTreeMap<String, Option<Stage>>,
}

/// What a stage says otherwise.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// What every function has in this stage that does not say otherwise.
    #[serde(default)]
    pub defaults: Option<Function>,
    /// Functions; `null` takes one away.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub functions: BTreeMap<String, Option<Function>>,
    /// Roles; `null` takes one away.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub roles: BTreeMap<String, Option<Role>>,
    /// Layers; `null` takes one away.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub layers: BTreeMap<String, Option<Layer>>,
    /// REST APIs; `null` takes one away.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub rest_apis: BTreeMap<String, Option<RestApi>>,
    /// WebSocket APIs; `null` takes one away.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub websocket_apis: BTreeMap<String, Option<WebsocketApi>>,
    /// Custom domains; `null` takes one away.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub domains: BTreeMap<String, Option<Domain>>,
    /// Queues of SQS that are made; `null` takes one away.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub queues: BTreeMap<String, Option<DeclaredQueue>>,
    /// Topics of SNS that are made; `null` takes one away.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub topics: BTreeMap<String, Option<DeclaredTopic>>,
    /// Tables of DynamoDB that are made; `null` takes one away.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub tables: BTreeMap<String, Option<DeclaredTable>>,
    /// Buckets of S3 that are made; `null` takes one away.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub buckets: BTreeMap<String, Option<DeclaredBucket>>,
    /// Streams of Kinesis that are made; `null` takes one away.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub streams: BTreeMap<String, Option<DeclaredStream>>,
    /// Event buses of EventBridge that are made; `null` takes one away.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub buses: BTreeMap<String, Option<DeclaredBus>>,
}

/// What a manifest can take the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Replaces {
    /// The Chalice project in the same folder: `app.py` is not imported, `.chalice/config.json` not read.
    Chalice,
}

/// One text, or several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMore {
    /// One.
    One(String),
    /// Several.
    More(Vec<String>),
}

impl OneOrMore {
    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more.as_slice(),
        }
        .iter()
        .map(String::as_str)
    }
}

/// A thing in a word, or in full. The word may refer to other resources, unless it is a [`Word`].
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Brief<T, W = Phrase> {
    /// What matters most of it.
    Word(W),
    /// All of it.
    Full(T),
}

/// A text that may refer to other resources. It may be a secret: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct Phrase(pub String);

impl fmt::Debug for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phrase")
    }
}

impl JsonSchema for Phrase {
    fn schema_name() -> Cow<'static, str> {
        "Phrase".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", REFERENCES: true})
    }
}

/// A text that refers to nothing, since what is made of it has to be known before the deploy. `Debug` does not show it either.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct Word(pub String);

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Word")
    }
}

impl JsonSchema for Word {
    fn schema_name() -> Cow<'static, str> {
        "Word".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

/// JSON of any form, whose texts may refer to other resources.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Document(pub Value);

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Document")
    }
}

impl JsonSchema for Document {
    fn schema_name() -> Cow<'static, str> {
        "Document".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", REFERENCES: true})
    }
}

/// The entries of a map that is merged key by key: by the time that it is read, `null` has taken away what it takes away.
pub(super) fn without_nulls<'de, D, T>(deserializer: D) -> Result<Option<BTreeMap<String, T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let entries = Option::<BTreeMap<String, Option<T>>>::deserialize(deserializer)?;
    Ok(entries.map(|entries| {
        let said = entries.into_iter().filter_map(|(key, value)| Some((key, value?)));
        said.collect()
    }))
}

impl Form {
    /// The schema that trees are judged by.
    pub fn schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }

    /// The names under a section.
    pub(super) fn names(&self, section: &str) -> Vec<&str> {
        fn keys<T>(all: &BTreeMap<String, T>) -> Vec<&str> {
            all.keys().map(String::as_str).collect()
        }
        match section {
            "functions" => keys(&self.functions),
            "roles" => keys(&self.roles),
            "layers" => keys(&self.layers),
            "rest_apis" => keys(&self.rest_apis),
            "websocket_apis" => keys(&self.websocket_apis),
            "domains" => keys(&self.domains),
            "queues" => keys(&self.queues),
            "topics" => keys(&self.topics),
            "tables" => keys(&self.tables),
            "buckets" => keys(&self.buckets),
            "streams" => keys(&self.streams),
            "buses" => keys(&self.buses),
            _ => Vec::new(),
        }
    }

    /// The functions that are said anything of.
    pub fn functions(&self) -> impl Iterator<Item = (&str, &Function)> {
        let all = self.functions.iter();
        all.filter_map(|(name, function)| Some((name.as_str(), function.as_ref()?)))
    }
}
