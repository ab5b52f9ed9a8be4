//! The form of our notifications in a bucket, and what can be wrong with it.

use std::collections::BTreeMap;

use grail_state::template::has_stand_in;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::document::Rule;
use super::scope::{self, Scope};
use crate::aws::arn::Arn;
use crate::port::Invalid;

/// The length of a filter's value, in bytes, that S3 takes.
const LONGEST_FILTER: usize = 1024;

/// Our notifications in one bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The bucket's name.
    pub bucket: String,
    /// The notifications, by a name that is ours: `<function>-s3event`.
    pub entries: BTreeMap<String, Entry>,
}

/// One notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The ARN of the function that S3 calls.
    pub function: String,
    /// For which events: `s3:ObjectCreated:*`. Their order has no meaning.
    pub events: Vec<String>,
    /// How the names of the objects begin; all if absent or empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// How the names of the objects end; all if absent or empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// Its id in the bucket, kept for the way back. A wish has none: the id that is there stays, and a new one is derived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Spec {
    /// What is wrong with it, as far as it shows without looking.
    pub(super) fn problems(&self) -> Vec<Invalid> {
        let mut problems = Vec::new();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if (self.bucket.len() < 3 || !self.bucket.chars().all(plain)) && !has_stand_in(&self.bucket) {
            problems.push(Invalid {
                field: "bucket".to_owned(),
                why: format!("`{}` is not the name of a bucket", self.bucket),
            });
        }
        problems.extend(self.entries.iter().flat_map(|(key, entry)| entry.problems(key)));
        for (at, (key, entry)) in self.entries.iter().enumerate() {
            let earlier = self.entries.iter().take(at);
            for (other, _) in earlier.filter(|(_, other)| other.scope().overlaps(&entry.scope())) {
                problems.push(Invalid {
                    field: format!("entries.{key}"),
                    why: format!(
                        "`{key}` and `{other}` overlap: they share events and objects of the bucket `{}`, and S3 allows one \
                         destination for each",
                        self.bucket
                    ),
                });
            }
        }
        problems
    }
}

impl Entry {
    pub(super) fn of(rule: &Rule) -> Self {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Self {
            function: rule.to.clone(),
            events: rule.events.clone(),
            prefix: some(&rule.prefix),
            suffix: some(&rule.suffix),
            id: rule.id.clone(),
        }
    }

    pub(super) fn rule(&self, id: String) -> Rule {
        Rule {
            id: Some(id),
            to: self.function.clone(),
            events: self.events.clone(),
            prefix: self.prefix.clone().unwrap_or_default(),
            suffix: self.suffix.clone().unwrap_or_default(),
        }
    }

    pub(super) fn scope(&self) -> Scope<'_> {
        Scope {
            events: &self.events,
            prefix: self.prefix.as_deref().unwrap_or_default(),
            suffix: self.suffix.as_deref().unwrap_or_default(),
        }
    }

    /// Whether `rule` says this.
    pub(super) fn says(&self, rule: &Rule) -> bool {
        self.function == rule.to && self.scope().same(&rule.scope())
    }

    /// The form that equal meanings share.
    pub(super) fn projected(&self) -> Value {
        let mut events = self.events.clone();
        events.sort();
        events.dedup();
        let mut form = json!({"function": self.function, "events": events});
        for (name, value) in [("prefix", &self.prefix), ("suffix", &self.suffix)] {
            if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
                form[name] = json!(value);
            }
        }
        form
    }

    fn problems(&self, key: &str) -> Vec<Invalid> {
        let invalid = |field: &str, why: String| Invalid {
            field: format!("entries.{key}.{field}"),
            why,
        };
        let mut problems = Vec::new();
        if self.events.is_empty() {
            problems.push(invalid(
                "events",
                "a notification needs at least one event type".into(),
            ));
        }
        // What has an id was read from S3, which may have event types that are newer than the model.
        for event in self
            .events
            .iter()
            .filter(|event| self.id.is_none() && !scope::is_known(event))
        {
            let why = format!(
                "S3 has no event type `{event}`; it has {}",
                scope::alternatives(event)
            );
            problems.push(invalid("events", why));
        }
        for (name, value) in [("prefix", &self.prefix), ("suffix", &self.suffix)] {
            let value = value.as_deref().unwrap_or_default();
            if value.len() > LONGEST_FILTER {
                problems.push(invalid(name, format!("S3 takes at most {LONGEST_FILTER} bytes")));
            } else if value.chars().any(char::is_control) {
                problems.push(invalid(name, "control characters cannot be sent to S3".into()));
            }
        }
        let is_function = Arn::parse(&self.function).is_some_and(|arn| arn.service == "lambda");
        if !is_function && !has_stand_in(&self.function) {
            problems.push(invalid(
                "function",
                format!("`{}` is not the ARN of a function", self.function),
            ));
        }
        problems
    }
}
