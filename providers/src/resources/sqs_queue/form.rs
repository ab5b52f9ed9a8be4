//! The form of a queue, and the attributes that SQS knows it by.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use grail_state::template::has_stand_in;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::arn::Arn;
use crate::port::Invalid;
use crate::resources::declared::{Tags, tag_problem};

/// The ending of the names of FIFO queues.
const FIFO: &str = ".fifo";
/// Encryption with keys that SQS keeps, which new queues have.
const MANAGED: &str = "sqs";
/// No encryption.
const NONE: &str = "none";

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name; that of a FIFO queue ends in `.fifo`.
    pub name: String,
    /// Whether messages keep their order and come once.
    #[serde(default)]
    pub fifo: bool,
    /// Whether two messages with the same contents are one, in a FIFO queue.
    #[serde(default)]
    pub content_deduplication: bool,
    /// For how long a message is hidden from others once it was taken, in seconds.
    #[serde(default = "visibility")]
    pub visibility_timeout: u32,
    /// For how long a message is kept, in seconds.
    #[serde(default = "retention")]
    pub retention: u32,
    /// For how long a new message is hidden, in seconds.
    #[serde(default)]
    pub delay: u32,
    /// For how long a question for messages waits for one, in seconds.
    #[serde(default)]
    pub receive_wait: u32,
    /// Where messages go that nobody could make anything of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<DeadLetter>,
    /// `sqs` (keys that SQS keeps), `none`, or a key of KMS.
    #[serde(default = "managed")]
    pub encryption: String,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// Where messages go that nobody could make anything of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetter {
    /// The ARN of that queue.
    pub target: String,
    /// After how many tries.
    pub max_receives: u32,
}

fn visibility() -> u32 {
    30
}

fn retention() -> u32 {
    4 * 24 * 3600
}

fn managed() -> String {
    MANAGED.to_owned()
}

impl Spec {
    /// What SQS tells of the queue `name`.
    pub(super) fn told(name: &str, told: &HashMap<Attribute, String>, tags: Tags) -> Self {
        let text = |attribute: &Attribute| {
            told.get(attribute)
                .map(String::as_str)
                .filter(|text| !text.is_empty())
        };
        let number = |attribute: &Attribute| text(attribute).and_then(|text| text.parse().ok());
        let holds = |attribute: &Attribute| text(attribute) == Some("true");
        let encryption = match text(&Attribute::KmsMasterKeyId) {
            Some(key) => key,
            None if holds(&Attribute::SqsManagedSseEnabled) => MANAGED,
            None => NONE,
        };
        Self {
            name: name.to_owned(),
            fifo: holds(&Attribute::FifoQueue),
            content_deduplication: holds(&Attribute::ContentBasedDeduplication),
            visibility_timeout: number(&Attribute::VisibilityTimeout).unwrap_or_else(visibility),
            retention: number(&Attribute::MessageRetentionPeriod).unwrap_or_else(retention),
            delay: number(&Attribute::DelaySeconds).unwrap_or_default(),
            receive_wait: number(&Attribute::ReceiveMessageWaitTimeSeconds).unwrap_or_default(),
            dead_letter: text(&Attribute::RedrivePolicy).and_then(DeadLetter::told),
            encryption: encryption.to_owned(),
            tags,
        }
    }

    /// What is said at its birth. A plain queue must not be told that it is no FIFO queue.
    pub(super) fn attributes(&self) -> Vec<(Attribute, String)> {
        let mut all: Vec<_> = self.changeable().into_iter().collect();
        all.retain(|(_, value)| !value.is_empty());
        if self.fifo {
            all.push((Attribute::FifoQueue, "true".to_owned()));
        }
        all
    }

    /// What is said to make `have` the same. What is not there any more is taken away by an empty text.
    pub(super) fn changes(&self, have: &Self) -> Vec<(Attribute, String)> {
        let had = have.changeable();
        let changed = self.changeable().into_iter();
        changed
            .filter(|(name, value)| had.get(name) != Some(value))
            .collect()
    }

    fn changeable(&self) -> BTreeMap<Attribute, String> {
        let mut all = BTreeMap::from([
            (Attribute::VisibilityTimeout, self.visibility_timeout.to_string()),
            (Attribute::MessageRetentionPeriod, self.retention.to_string()),
            (Attribute::DelaySeconds, self.delay.to_string()),
            (
                Attribute::ReceiveMessageWaitTimeSeconds,
                self.receive_wait.to_string(),
            ),
            (
                Attribute::RedrivePolicy,
                self.dead_letter
                    .as_ref()
                    .map(DeadLetter::sent)
                    .unwrap_or_default(),
            ),
        ]);
        if self.fifo {
            let once = self.content_deduplication.to_string();
            all.insert(Attribute::ContentBasedDeduplication, once);
        }
        // The one kind of encryption excludes the other, so that a key leaves the other unsaid.
        match self.encryption.as_str() {
            MANAGED | NONE => {
                let managed = self.encryption == MANAGED;
                all.insert(Attribute::SqsManagedSseEnabled, managed.to_string());
                all.insert(Attribute::KmsMasterKeyId, String::new());
            }
            key => drop(all.insert(Attribute::KmsMasterKeyId, key.to_owned())),
        }
        all
    }

    /// What SQS would refuse (API reference, `CreateQueue`).
    pub(super) fn problems(&self) -> Vec<Invalid> {
        let mut problems = Vec::new();
        let mut demand = |holds: bool, field: &str, why: String| {
            if !holds {
                let field = field.to_owned();
                problems.push(Invalid { field, why });
            }
        };
        let name = &self.name;
        let plain = name.strip_suffix(FIFO).unwrap_or(name);
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let fits = !plain.is_empty() && name.len() <= 80 && plain.chars().all(legal);
        demand(
            fits,
            "name",
            format!("`{name}`: the name of a queue is up to 80 letters, digits, `-` and `_`"),
        );
        demand(
            name.ends_with(FIFO) == self.fifo,
            "name",
            format!("`{name}`: the name of a FIFO queue, and of no other, ends in `{FIFO}`"),
        );
        demand(
            self.fifo || !self.content_deduplication,
            "content_deduplication",
            "only a FIFO queue knows which messages are the same".to_owned(),
        );
        for (field, value, least, most) in [
            ("visibility_timeout", self.visibility_timeout, 0, 43_200),
            ("retention", self.retention, 60, 1_209_600),
            ("delay", self.delay, 0, 900),
            ("receive_wait", self.receive_wait, 0, 20),
        ] {
            demand(
                (least..=most).contains(&value),
                field,
                format!("{value} s: SQS takes {least} to {most}"),
            );
        }
        if let Some(dead) = &self.dead_letter {
            demand(
                (1..=1000).contains(&dead.max_receives),
                "dead_letter",
                format!("{} tries: SQS takes 1 to 1000", dead.max_receives),
            );
            let is_queue = Arn::parse(&dead.target).is_some_and(|arn| arn.service == "sqs");
            demand(
                is_queue || has_stand_in(&dead.target),
                "dead_letter",
                format!("`{}` is not the ARN of a queue", dead.target),
            );
            demand(
                has_stand_in(&dead.target) || dead.target.ends_with(FIFO) == self.fifo,
                "dead_letter",
                "what a FIFO queue gives up goes to a FIFO queue, and of others to others".to_owned(),
            );
        }
        demand(
            !self.encryption.is_empty(),
            "encryption",
            "is `sqs`, `none` or a key of KMS".to_owned(),
        );
        if let Some(why) = tag_problem(&self.tags) {
            demand(false, "tags", why);
        }
        problems
    }
}

impl DeadLetter {
    fn told(text: &str) -> Option<Self> {
        let told: Value = serde_json::from_str(text).ok()?;
        let tries = told.get("maxReceiveCount")?;
        let tries = tries.as_u64().or_else(|| tries.as_str()?.parse().ok())?;
        Some(Self {
            target: told.get("deadLetterTargetArn")?.as_str()?.to_owned(),
            max_receives: u32::try_from(tries).ok()?,
        })
    }

    fn sent(&self) -> String {
        json!({"deadLetterTargetArn": self.target, "maxReceiveCount": self.max_receives}).to_string()
    }
}
