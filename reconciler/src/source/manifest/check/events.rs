//! What calls functions.

use std::collections::{BTreeMap, BTreeSet};

use grail_providers::schedule;
use serde_json::Value;

use super::Check;
use super::functions::is_arn;
use crate::source::diagnostic::closest;
use crate::source::manifest::events::{Bucket, Event, Queue, Stream};
use crate::source::manifest::form::Brief;
use crate::source::manifest::functions::{DEFAULT_TIMEOUT, Function};
use crate::source::manifest::lower::events::{
    bucket, kind_and_name, queue, schedule as schedule_of, stream, topic,
};

/// Events of S3 that a function can be called on (S3 user guide, "Supported event types").
const S3_EVENTS: [&str; 27] = [
    "s3:TestEvent",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Post",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:ReducedRedundancyLostObject",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationReplicatedAfterThreshold",
    "s3:Replication:OperationNotTracked",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Put",
    "s3:ObjectAcl:Put",
];

impl Check<'_> {
    pub(super) fn events(&mut self) {
        let form = self.form;
        for (name, function) in form.functions() {
            self.named_apart(name, function);
            for (index, event) in function.events.iter().flatten().enumerate() {
                self.event(name, function, index, event);
            }
        }
    }

    /// Of several events of one kind each can be told from the others.
    fn named_apart(&mut self, name: &str, function: &Function) {
        let mut known: BTreeSet<(&str, Option<String>)> = BTreeSet::new();
        for (index, event) in function.events.iter().flatten().enumerate() {
            let (kind, own) = kind_and_name(event);
            // Routes are told apart by themselves.
            if matches!(kind, "http" | "websocket") {
                continue;
            }
            // A schedule and a pattern are the same kind of rule.
            let sort = if kind == "pattern" { "schedule" } else { kind };
            if !known.insert((sort, own.clone())) {
                let index = index.to_string();
                let path = ["functions", name, "events", &index, kind];
                let said = match own {
                    Some(own) => format!("`{name}` has another event of this kind that is called `{own}`"),
                    None => format!("`{name}` has another event of this kind without a `name`"),
                };
                let hint = "give it a `name` of its own: it is known by that, wherever it stands in the list";
                self.error_with(&path, "manifest::event-name", said, hint);
            }
        }
    }

    fn event(&mut self, name: &str, function: &Function, index: usize, event: &Event) {
        let index = index.to_string();
        let at = |key: &'static str, word: bool| {
            let (kind, _) = kind_and_name(event);
            let path = vec!["functions", name, "events", index.as_str(), kind];
            match word {
                true => path,
                false => path.into_iter().chain([key]).collect(),
            }
        };
        match event {
            Event::Schedule(brief) => {
                let schedule = schedule_of(brief);
                if let Err(error) = schedule::check(&schedule.expression) {
                    let path = at("expression", matches!(brief, Brief::Word(_)));
                    let said = self.unquoted(&path, error.to_string(), "what is given here is no schedule");
                    self.error(&path, "manifest::schedule", said);
                }
            }
            Event::Pattern(pattern) => self.pattern(&at("event", false), &pattern.event.0),
            Event::S3(brief) => self.bucket(&at("bucket", matches!(brief, Brief::Word(_))), &bucket(brief)),
            Event::Sns(brief) => {
                let topic = topic(brief).topic;
                let declared = self.form.topics.get(&topic).and_then(Option::as_ref);
                if declared.is_some_and(|topic| topic.fifo == Some(true)) {
                    let path = at("topic", matches!(brief, Brief::Word(_)));
                    self.error_with(
                        &path,
                        "manifest::fifo",
                        "a FIFO topic calls no functions",
                        "SNS gives its messages to queues alone: feed the function from one",
                    );
                }
                if topic.contains(':') && !is_arn(&topic, "sns") {
                    let path = at("topic", matches!(brief, Brief::Word(_)));
                    self.error(&path, "manifest::arn", "a topic is its name or its ARN");
                }
            }
            Event::Sqs(brief) => {
                let word = matches!(brief, Brief::Word(_));
                self.queue(&|key| at(key, word), function, &queue(brief));
            }
            Event::Kinesis(brief) => {
                let path = at("stream", matches!(brief, Brief::Word(_)));
                self.stream(&path, "kinesis", &stream(brief), false);
            }
            Event::Dynamodb(brief) => {
                let path = at("stream", matches!(brief, Brief::Word(_)));
                self.stream(&path, "dynamodb", &stream(brief), true);
            }
            Event::Http(_) | Event::Websocket(_) => {}
        }
    }

    fn pattern(&mut self, path: &[&str], pattern: &Value) {
        let Some(fields) = pattern.as_object() else { return };
        if fields.is_empty() {
            let hint = "name at least what it comes from: `source: [aws.ec2]`";
            self.error_with(
                path,
                "manifest::pattern",
                "an empty pattern fits every event",
                hint,
            );
        }
        for (key, value) in fields {
            if !matches!(value, Value::Array(_) | Value::Object(_)) {
                let below: Vec<_> = path.iter().copied().chain([key.as_str()]).collect();
                let said =
                    format!("`{key}` of a pattern is a list of values, or an object of further fields");
                self.error_with(&below, "manifest::pattern", said, format!("write `{key}: [...]`"));
            }
        }
    }

    fn bucket(&mut self, path: &[&str], bucket: &Bucket) {
        let name = &bucket.bucket;
        let declared = self.form.buckets.contains_key(name);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if !declared && (!(3..=63).contains(&name.len()) || !name.chars().all(plain)) {
            let said = "the name of a bucket is 3 to 63 lower-case letters, digits, `-` and `.`";
            self.error(path, "manifest::name", said);
        }
        for (index, event) in bucket.events.iter().flatten().enumerate() {
            if S3_EVENTS.contains(&event.as_str()) {
                continue;
            }
            let index = index.to_string();
            let mut below: Vec<_> = path.to_vec();
            below.pop();
            below.extend(["events", &index]);
            let said = format!("`{event}` is no event of S3");
            let hint = match closest(event, S3_EVENTS) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "for example `s3:ObjectCreated:*`".to_owned(),
            };
            self.error_with(&below, "manifest::value", said, hint);
        }
    }

    fn queue<'p>(&mut self, at: &dyn Fn(&'static str) -> Vec<&'p str>, function: &Function, queue: &Queue) {
        if queue.queue.contains(':') && !is_arn(&queue.queue, "sqs") {
            self.error(&at("queue"), "manifest::arn", "a queue is its name or its ARN");
        }
        let timeout = function.timeout.unwrap_or(DEFAULT_TIMEOUT);
        if let Some(hidden) = queue.visibility_timeout.filter(|hidden| *hidden < timeout) {
            let said = format!(
                "messages are hidden for {hidden} s and the function may take {timeout} s: they would be given out again meanwhile"
            );
            let hint = "Lambda refuses such a queue; AWS advises six times the function's `timeout`";
            self.error_with(&at("visibility_timeout"), "manifest::visibility", said, hint);
        }
        let declared = self.form.queues.get(&queue.queue).and_then(Option::as_ref);
        if let Some(declared) = declared {
            self.hidden(&at("queue"), &queue.queue, declared, timeout);
        }
        let batch = queue.batch_size.unwrap_or(1);
        let is_fifo = match declared {
            Some(declared) => declared.fifo == Some(true),
            None => queue.queue.ends_with(".fifo"),
        };
        if is_fifo && batch > 10 {
            let said = format!("a FIFO queue gives at most 10 messages at once, not {batch}");
            self.error(&at("batch_size"), "manifest::limit", said);
        } else if batch > 10 && queue.batching_window.unwrap_or(0) == 0 {
            let said = format!("a batch of {batch} messages needs a `batching_window` of at least 1 s");
            self.error(&at("batch_size"), "manifest::limit", said);
        }
        if is_fifo && queue.batching_window.unwrap_or(0) > 0 {
            let said = "a FIFO queue has no batching window";
            self.error(&at("batching_window"), "manifest::limit", said);
        }
    }

    fn stream(&mut self, path: &[&str], service: &str, stream: &Stream, must_be_arn: bool) {
        let name = &stream.stream;
        let table = self.form.tables.get(name).and_then(Option::as_ref);
        if let Some(table) = table.filter(|_| must_be_arn) {
            if table.stream.is_none() {
                let said = format!("the table `{name}` has no stream");
                self.error_with(
                    path,
                    "manifest::stream",
                    said,
                    "give it one: `stream: new_and_old`",
                );
            }
            return;
        }
        if (must_be_arn || name.contains(':')) && !is_arn(name, service) {
            let said = match must_be_arn {
                true => "the stream of a table is named by its ARN, which ends in `/stream/<time>`",
                false => "a stream is its name or its ARN",
            };
            self.error(path, "manifest::arn", said);
        }
    }
}

/// Routes by API, for looking at what two functions claim.
pub(super) type Claims<'a> = BTreeMap<(String, String), &'a str>;
