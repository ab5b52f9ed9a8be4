//! Chalice's `deployed/<stage>.json`: read, compared, projected from what we know, written.
//!
//! The file is an interface. Chalice rebuilds it from nothing at each deploy, blocks on a `resource_type` that it does not
//! know, deletes in the reverse of its order, and its users commit it. So we write exactly its bytes, only what exists, and
//! keep everything of our own elsewhere; and we expect it to change behind us: [`standing`] tells what we wrote ourselves from
//! what somebody else did, whose entries are then [`Candidates`] for adoption.
//!
//! Entries of a type that no kind of ours covers (yet) are neither lost nor understood: they come back as
//! [`Candidates::unknown`] and are written again as they were, at their place.
//!
//! What is given up: text that Python takes and JSON does not have (`NaN`, single surrogates) is refused, and whole numbers
//! beyond 64 bits lose digits. Chalice writes neither.
//!
//! Source for the facts: Chalice 1.34.0, `chalice/utils.py`, `chalice/deploy/executor.py` and `chalice/config.py`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::digest::Digest;
use crate::id::Kind;
use crate::wire::Wire;

mod adopt;
mod file;
mod home;
mod old;
mod project;
mod python;
mod read;
mod standing;

pub use adopt::{Candidate, Candidates, Verbatim};
pub use file::{keep_aside, load, load_old, remove, write};
pub use home::{OtherApp, OtherHome, Place};
pub use project::project;
pub use read::{Found, ReadError};
pub use standing::{Standing, standing};

/// The first rank of what Chalice would not know although it is of a kind that it knows: what stands beside a Chalice project
/// in a manifest. It is not in the file, since Chalice deletes what it finds there and its own app does not have.
pub const UNKNOWN_RANK: u32 = 1 << 31;

/// How each kind that Chalice knows appears in its file.
pub type Wires = BTreeMap<Kind, &'static [Wire]>;

/// The one schema version that Chalice reads and writes.
const SCHEMA_VERSION: &str = "2.0";

/// Every `resource_type` that Chalice knows, with its keys in the order in which Chalice records them.
const TYPES: [(&str, &[&str]); 13] = [
    ("iam_role", &["role_arn", "role_name"]),
    ("lambda_layer", &["layer_version_arn"]),
    ("log_group", &["log_group_name"]),
    ("lambda_function", &["lambda_arn"]),
    ("cloudwatch_event", &["rule_name"]),
    ("s3_event", &["bucket", "lambda_arn"]),
    (
        "sns_event",
        &["topic", "lambda_arn", "subscription_arn", "topic_arn"],
    ),
    ("sqs_event", &["queue_arn", "event_uuid", "queue", "lambda_arn"]),
    (
        "kinesis_event",
        &["kinesis_arn", "event_uuid", "stream", "lambda_arn"],
    ),
    ("dynamodb_event", &["stream_arn", "event_uuid", "lambda_arn"]),
    ("rest_api", &["rest_api_id", "rest_api_url"]),
    ("websocket_api", &["websocket_api_url", "websocket_api_id"]),
    (
        "domain_name",
        &[
            "hosted_zone_id",
            "alias_domain_name",
            "certificate_arn",
            "security_policy",
            "domain_name",
            "api_mapping",
        ],
    ),
];

fn keys_of(resource_type: &str) -> Option<&'static [&'static str]> {
    TYPES
        .iter()
        .find(|(known, _)| *known == resource_type)
        .map(|(_, keys)| *keys)
}

/// One entry of the file's `resources`.
#[derive(Clone, Debug, PartialEq)]
pub struct DeployedEntry {
    /// Its name, unique in the file.
    pub name: String,
    /// Chalice's word for its type.
    pub resource_type: String,
    /// The other keys, in their order.
    pub keys: Vec<(String, Value)>,
}

impl DeployedEntry {
    /// The value at `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.keys
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value)
    }
}

/// The content of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deployed {
    /// The entries, dependencies before dependents.
    pub entries: Vec<DeployedEntry>,
}

impl Deployed {
    /// The entry called `name`.
    pub fn entry(&self, name: &str) -> Option<&DeployedEntry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The text of the file, to the byte as Chalice writes it.
    pub fn text(&self) -> String {
        python::document(self)
    }

    /// What [`Snapshot::projections`](crate::Snapshot::projections) remembers of it.
    pub fn digest(&self) -> Digest {
        Digest::of(self.text().as_bytes())
    }
}

#[cfg(test)]
mod tests;
