//! What may be said of things that functions attach to: queues, topics, buckets, tables, streams, event buses.
//!
//! What stands here is made, and events name it by its logical name. What does not stand here is looked up, as Chalice does.
//!
//! All of them but buses hold something, and are protected: they are neither deleted nor made anew, by whatever command, before
//! a deployment that says `protect: false`.
//!
//! | Not said | Then |
//! | --- | --- |
//! | `name` | `<app>-<stage>-<logical name>`, of a FIFO queue or topic with `.fifo` behind it, of a bucket in lower case and with the account's number behind it: its name is unique in the whole world |
//! | `protect` | true, of a bus false |
//! | `queues.*.visibility_timeout` | six times the longest timeout of the functions that are given its messages, as AWS advises, else 30 s |
//! | `queues.*.retention` | 4 days |
//! | `queues.*.encryption` | keys that SQS keeps |
//! | `buckets.*.public_access` | blocked |
//! | `buckets.*.encryption` | keys that S3 keeps |
//! | `tables.*.billing` | by request |
//! | `streams.*.shards` | as many as there is need of |
//! | `streams.*.retention` | 24 h |

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::shape::NAME;

/// The ending of the names of FIFO queues and topics.
pub const FIFO: &str = ".fifo";

/// A queue of SQS.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclaredQueue {
    /// Its name in AWS; that of a FIFO queue ends in `.fifo`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 80))]
    pub name: Option<String>,
    /// Whether messages keep their order and come once.
    #[serde(default)]
    pub fifo: Option<bool>,
    /// Whether two messages with the same contents are one, in a FIFO queue.
    #[serde(default)]
    pub content_deduplication: Option<bool>,
    /// For how long a message is hidden from others once it was taken, in seconds.
    #[serde(default)]
    #[schemars(range(min = 0, max = 43200))]
    pub visibility_timeout: Option<u32>,
    /// For how long a message is kept, in seconds.
    #[serde(default)]
    #[schemars(range(min = 60, max = 1209600))]
    pub retention: Option<u32>,
    /// For how long a new message is hidden, in seconds.
    #[serde(default)]
    #[schemars(range(min = 0, max = 900))]
    pub delay: Option<u32>,
    /// For how long a question for messages waits for one, in seconds.
    #[serde(default)]
    #[schemars(range(min = 0, max = 20))]
    pub receive_wait: Option<u32>,
    /// Where messages go that nobody could make anything of.
    #[serde(default)]
    pub dead_letter: Option<DeadLetters>,
    /// `sqs` (keys that SQS keeps), `none`, or a key of KMS by its id, alias or ARN.
    #[serde(default)]
    #[schemars(length(min = 1, max = 2048))]
    pub encryption: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Option<BTreeMap<String, String>>,
    /// Whether it is protected from being deleted or made anew.
    #[serde(default)]
    pub protect: Option<bool>,
}

/// Where messages go that nobody could make anything of.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetters {
    /// A queue of this manifest, or one by its name or ARN.
    #[schemars(length(min = 1, max = 400))]
    pub queue: String,
    /// After how many tries a message goes there.
    #[schemars(range(min = 1, max = 1000))]
    pub max_receives: u32,
}

/// A topic of SNS.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclaredTopic {
    /// Its name in AWS; that of a FIFO topic ends in `.fifo`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    pub name: Option<String>,
    /// Whether messages keep their order and come once. Such a topic feeds queues and no functions.
    #[serde(default)]
    pub fifo: Option<bool>,
    /// Whether two messages with the same contents are one, in a FIFO topic.
    #[serde(default)]
    pub content_deduplication: Option<bool>,
    /// What mails and text messages say that it is called.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub display_name: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Option<BTreeMap<String, String>>,
    /// Whether it is protected from being deleted or made anew.
    #[serde(default)]
    pub protect: Option<bool>,
}

/// A table of DynamoDB.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclaredTable {
    /// Its name in AWS.
    #[serde(default)]
    #[schemars(length(min = 3, max = 255))]
    pub name: Option<String>,
    /// The attributes of its keys and of those of its indexes, by their names: `S` for text, `N` for a number, `B` for bytes.
    #[serde(default)]
    pub attributes: BTreeMap<String, Scalar>,
    /// The attributes by which an item is found. It never changes.
    #[serde(default)]
    pub key: Option<TableKey>,
    /// More keys by which items are found, by the names of the global indexes.
    #[serde(default)]
    pub indexes: Option<BTreeMap<String, Index>>,
    /// What is paid for: nothing said here stands for each request.
    #[serde(default)]
    pub capacity: Option<Capacity>,
    /// What the table's stream tells of a changed item; without it there is no stream.
    #[serde(default)]
    pub stream: Option<View>,
    /// The attribute with the time (seconds since 1970) after which an item goes.
    #[serde(default)]
    #[schemars(length(min = 1, max = 255))]
    pub ttl: Option<String>,
    /// Whether the table can be had again as it was at any moment of the last 35 days.
    #[serde(default)]
    pub point_in_time_recovery: Option<bool>,
    /// Whether DynamoDB itself refuses to delete it, whoever asks. grail does not take that away to delete it.
    #[serde(default)]
    pub deletion_protection: Option<bool>,
    /// Its tags.
    #[serde(default)]
    pub tags: Option<BTreeMap<String, String>>,
    /// Whether it is protected from being deleted or made anew.
    #[serde(default)]
    pub protect: Option<bool>,
}

/// The type of an attribute of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Scalar {
    /// Text.
    #[serde(rename = "S")]
    Text,
    /// A number.
    #[serde(rename = "N")]
    Number,
    /// Bytes.
    #[serde(rename = "B")]
    Bytes,
}

impl Scalar {
    /// DynamoDB's letter.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "S",
            Self::Number => "N",
            Self::Bytes => "B",
        }
    }
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableKey {
    /// The attribute that says where an item lies.
    #[schemars(length(min = 1, max = 255))]
    pub partition: String,
    /// The attribute by which the items of one partition are sorted.
    #[serde(default)]
    #[schemars(length(min = 1, max = 255))]
    pub sort: Option<String>,
}

/// A global index.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// The attribute that says where an item lies.
    #[schemars(length(min = 1, max = 255))]
    pub partition: String,
    /// The attribute by which the items of one partition are sorted.
    #[serde(default)]
    #[schemars(length(min = 1, max = 255))]
    pub sort: Option<String>,
    /// The attributes that it holds beside the keys; without it all, with an empty list none.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub holds: Option<Vec<String>>,
}

/// What a table, and each of its indexes, bears in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Reads of up to 4 KB.
    #[schemars(range(min = 1, max = 40000))]
    pub read: u32,
    /// Writes of up to 1 KB.
    #[schemars(range(min = 1, max = 40000))]
    pub write: u32,
}

/// What a table's stream tells of a changed item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// Its keys.
    Keys,
    /// The item as it is now.
    New,
    /// The item as it was.
    Old,
    /// Both.
    NewAndOld,
}

impl View {
    /// DynamoDB's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keys => "KEYS_ONLY",
            Self::New => "NEW_IMAGE",
            Self::Old => "OLD_IMAGE",
            Self::NewAndOld => "NEW_AND_OLD_IMAGES",
        }
    }
}

/// A bucket of S3. It is deleted only where it is empty: grail never empties one.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclaredBucket {
    /// Its name, which nobody else in the world may have.
    #[serde(default)]
    #[schemars(length(min = 3, max = 63))]
    pub name: Option<String>,
    /// Whether what is overwritten or deleted is kept as an older version.
    #[serde(default)]
    pub versioning: Option<bool>,
    /// `s3` (keys that S3 keeps), or a key of KMS by its id or ARN.
    #[serde(default)]
    #[schemars(length(min = 1, max = 2048))]
    pub encryption: Option<String>,
    /// Whether policies and access lists may open it to everybody.
    #[serde(default)]
    pub public_access: Option<PublicAccess>,
    /// Its tags.
    #[serde(default)]
    pub tags: Option<BTreeMap<String, String>>,
    /// Whether it is protected from being deleted or made anew.
    #[serde(default)]
    pub protect: Option<bool>,
}

/// Whether policies and access lists may open a bucket to everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublicAccess {
    /// They may not, whatever they say.
    #[default]
    Blocked,
    /// They may.
    Allowed,
}

/// A stream of Kinesis.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclaredStream {
    /// Its name in AWS.
    #[serde(default)]
    #[schemars(length(min = 1, max = 128))]
    pub name: Option<String>,
    /// How many shards it has; without it as many as there is need of, paid by use.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10000))]
    pub shards: Option<u32>,
    /// For how long a record is kept, in hours.
    #[serde(default)]
    #[schemars(range(min = 24, max = 8760))]
    pub retention: Option<u32>,
    /// Its tags.
    #[serde(default)]
    pub tags: Option<BTreeMap<String, String>>,
    /// Whether it is protected from being deleted or made anew.
    #[serde(default)]
    pub protect: Option<bool>,
}

/// An event bus of EventBridge.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = json!([{"tags": {"team": "shop"}}])))]
pub struct DeclaredBus {
    /// Its name in AWS.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256), extend("pattern" = NAME))]
    pub name: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Option<BTreeMap<String, String>>,
    /// Whether it is protected from being deleted or made anew.
    #[serde(default)]
    pub protect: Option<bool>,
}
