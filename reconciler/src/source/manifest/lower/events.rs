//! What calls functions: rules, notifications, subscriptions, mappings. Each with the permission that it needs.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::{Kind, ResourceId, Template};
use serde_json::{Value, json};

use super::{Caller, Lowering, arn_of, object};
use crate::source::chalice::names;
use crate::source::diagnostic::Problem;
use crate::source::manifest::events::{Bucket, Event, Pattern, Queue, Schedule, Stream, Topic};
use crate::source::manifest::form::{Brief, Word};
use crate::source::manifest::functions::Function;
use crate::source::manifest::variables::{END, MARK};

const NOTIFICATION: Kind = Kind::new("s3_notification");
const SUBSCRIPTION: Kind = Kind::new("sns_subscription");
const MAPPING: Kind = Kind::new("event_source_mapping");
const RULE: Kind = Kind::new("event_rule");

/// A queue's batch where none is said: Chalice's.
const QUEUE_BATCH: u32 = 1;
/// A stream's batch where none is said: Chalice's.
const STREAM_BATCH: u32 = 100;

/// The key under which an event stands, and its own name.
pub fn kind_and_name(event: &Event) -> (&'static str, Option<String>) {
    match event {
        Event::Schedule(brief) => ("schedule", schedule(brief).name),
        Event::Pattern(pattern) => ("pattern", pattern.name.clone()),
        Event::S3(brief) => ("s3", bucket(brief).name),
        Event::Sns(brief) => ("sns", topic(brief).name),
        Event::Sqs(brief) => ("sqs", queue(brief).name),
        Event::Kinesis(brief) => ("kinesis", stream(brief).name),
        Event::Dynamodb(brief) => ("dynamodb", stream(brief).name),
        Event::Http(_) => ("http", None),
        Event::Websocket(_) => ("websocket", None),
    }
}

/// All of a schedule.
pub fn schedule(brief: &Brief<Schedule, Word>) -> Schedule {
    full(brief, |word| Schedule {
        name: None,
        expression: word,
        description: None,
        enabled: None,
        rule: None,
    })
}

/// All of a notification.
pub fn bucket(brief: &Brief<Bucket, Word>) -> Bucket {
    full(brief, |word| Bucket {
        name: None,
        bucket: word,
        events: None,
        prefix: None,
        suffix: None,
    })
}

/// All of a subscription.
pub fn topic(brief: &Brief<Topic, Word>) -> Topic {
    full(brief, |word| Topic {
        name: None,
        topic: word,
    })
}

/// All of a queue.
pub fn queue(brief: &Brief<Queue, Word>) -> Queue {
    full(brief, |word| Queue {
        name: None,
        queue: word,
        batch_size: None,
        batching_window: None,
        maximum_concurrency: None,
        visibility_timeout: None,
        enabled: None,
    })
}

/// All of a stream.
pub fn stream(brief: &Brief<Stream, Word>) -> Stream {
    full(brief, |word| Stream {
        name: None,
        stream: word,
        batch_size: None,
        batching_window: None,
        starting_position: None,
        enabled: None,
    })
}

/// What stands for a thing in full where only its most important word is said.
pub(super) fn full<T: Clone>(brief: &Brief<T, Word>, make: impl FnOnce(String) -> T) -> T {
    match brief {
        Brief::Word(word) => make(word.0.clone()),
        Brief::Full(full) => full.clone(),
    }
}

/// The function's logical name with the event's own behind it.
fn called(function: &str, own: Option<&str>) -> String {
    match own {
        Some(own) => format!("{function}-{own}"),
        None => function.to_owned(),
    }
}

/// The name of a permission: the service, and the event's own name.
fn caller_name(service: &str, own: Option<&str>) -> String {
    called(service, own)
}

impl Lowering<'_> {
    pub(super) fn events(&mut self, name: &str, function: &Function) {
        for (index, event) in function.events.iter().flatten().enumerate() {
            let index = index.to_string();
            let (kind, _) = kind_and_name(event);
            let path = ["functions", name, "events", &index, kind];
            match event {
                Event::Schedule(brief) => self.schedule(name, &schedule(brief), &path),
                Event::Pattern(pattern) => self.pattern(name, pattern, &path),
                Event::S3(brief) => self.bucket(name, &bucket(brief), &path),
                Event::Sns(brief) => self.topic(name, &topic(brief), &path),
                Event::Sqs(brief) => self.queue(name, &queue(brief), &path),
                Event::Kinesis(brief) => self.stream(name, "kinesis", &stream(brief), &path),
                Event::Dynamodb(brief) => self.stream(name, "dynamodb", &stream(brief), &path),
                // Routes are parts of their APIs.
                Event::Http(_) | Event::Websocket(_) => {}
            }
        }
    }

    /// What Lambda polls under the function's role, and where.
    pub(super) fn polled(&self, event: &Event) -> Option<(&'static str, String)> {
        Some(match event {
            Event::Sqs(brief) => ("sqs", self.source("queues", "sqs", &queue(brief).queue).0),
            Event::Kinesis(brief) => (
                "kinesis",
                self.source("streams", "kinesis", &stream(brief).stream).0,
            ),
            Event::Dynamodb(brief) => (
                "dynamodb",
                self.source("tables", "dynamodb", &stream(brief).stream).0,
            ),
            _ => return None,
        })
    }

    /// The ARN of what an event names in `section`, as far as it is known beforehand, and the same as a reference to it where it
    /// is declared.
    fn source(&self, section: &str, service: &str, name: &str) -> (String, Template) {
        let Some(id) = self.thing(section, name) else {
            let arn = self.arn_of_source(service, name);
            return (arn.clone(), json!(arn).into());
        };
        let named = self.named(section, name);
        match service {
            // The end of it is the time at which the stream was begun.
            "dynamodb" => {
                let every = self.account.arn(service, &format!("table/{named}/stream/*"));
                (every, Template::reference(id, "stream_arn"))
            }
            _ => (
                self.arn_of_source(service, &named),
                Template::reference(id, "arn"),
            ),
        }
    }

    /// A name becomes an ARN of this account and region.
    pub(super) fn arn_of_source(&self, service: &str, name: &str) -> String {
        match (name.contains(':'), service) {
            (true, _) => name.to_owned(),
            (false, "kinesis") => self.account.arn(service, &format!("stream/{name}")),
            (false, _) => self.account.arn(service, name),
        }
    }

    fn schedule(&mut self, function: &str, schedule: &Schedule, path: &[&str]) {
        let fields = json!({
            "schedule": schedule.expression,
            "description": schedule.description,
            "enabled": schedule.enabled.unwrap_or(true),
        });
        let given = (schedule.name.as_deref(), schedule.rule.as_deref());
        self.rule(function, given, fields, None, path);
    }

    fn pattern(&mut self, function: &str, pattern: &Pattern, path: &[&str]) {
        let fields = json!({
            "description": pattern.description,
            "enabled": pattern.enabled.unwrap_or(true),
        });
        let mut text = String::new();
        as_json(&pattern.event.0, &mut text);
        let given = (pattern.name.as_deref(), pattern.rule.as_deref());
        self.rule(function, given, fields, Some(self.phrase(&text)), path);
    }

    /// A rule with its permission. `given` are the event's own name and the rule's name in AWS.
    fn rule(
        &mut self,
        function: &str,
        (own, given): (Option<&str>, Option<&str>),
        fields: Value,
        pattern: Option<Template>,
        path: &[&str],
    ) {
        let logical = names::rule_logical(&called(function, own));
        let name = self.physical(given, &logical);
        let caller = Caller {
            name: caller_name("event", own),
            principal: "events.amazonaws.com",
            source_arn: json!(self.account.arn("events", &format!("rule/{name}"))).into(),
            source_account: None,
        };
        let permission = self.permission(function, caller, path);
        let mut plain = json!({"name": name});
        for (key, value) in fields.as_object().into_iter().flatten() {
            set(&mut plain, key, value);
        }
        let mut spec = object(plain, [("function", arn_of(function))]);
        if let (Template::Map(fields), Some(pattern)) = (&mut spec, pattern) {
            fields.insert("pattern".to_owned(), pattern);
        }
        self.add(
            ResourceId::new(RULE, logical),
            spec,
            BTreeSet::from([permission]),
            path,
        );
    }

    /// All notifications of a bucket are one document, and so one resource, at the place of the first.
    fn bucket(&mut self, function: &str, bucket: &Bucket, path: &[&str]) {
        let declared = self.thing("buckets", &bucket.bucket);
        let name = match &declared {
            Some(_) => self.named("buckets", &bucket.bucket),
            None => bucket.bucket.clone(),
        };
        let caller = Caller {
            name: caller_name("s3", bucket.name.as_deref()),
            principal: "s3.amazonaws.com",
            source_arn: json!(format!("arn:{}:s3:::{name}", self.account.partition)).into(),
            source_account: Some(self.account.account.clone()),
        };
        let permission = self.permission(function, caller, path);
        let every = || vec!["s3:ObjectCreated:*".to_owned()];
        let mut plain = json!({"events": bucket.events.clone().unwrap_or_else(every)});
        set(&mut plain, "prefix", &json!(bucket.prefix));
        set(&mut plain, "suffix", &json!(bucket.suffix));
        let entry = object(plain, [("function", arn_of(function))]);
        let key = names::s3_event(&called(function, bucket.name.as_deref()));
        let id = ResourceId::new(NOTIFICATION, name.as_str());
        if let Some(known) = self.resources.get_mut(&id) {
            known.after.insert(permission);
            if let Template::Map(fields) = &mut known.spec
                && let Some(Template::Map(entries)) = fields.get_mut("entries")
            {
                let twice = entries.contains_key(&key);
                entries.entry(key.clone()).or_insert(entry);
                if twice {
                    self.twice(&format!("the notification `{key}` of the bucket `{name}`"), path);
                }
            }
            return;
        }
        let entries = Template::Map(BTreeMap::from([(key, entry)]));
        let named = declared.map_or_else(|| json!(name).into(), |id| Template::reference(id, "name"));
        let spec = object(json!({}), [("bucket", named), ("entries", entries)]);
        self.add(id, spec, BTreeSet::from([permission]), path);
    }

    /// The function's name and the event's own come to the same as another function's.
    fn twice(&mut self, what: &str, path: &[&str]) {
        let place = self.manifest.tree.place(path);
        let problem = Problem::error("manifest::twice", format!("{what} would be made twice"));
        let hint = "give the event another `name`: that and the name of its function come to the name of another function";
        self.problems.push(problem.hint(hint).at(place));
    }

    fn topic(&mut self, function: &str, topic: &Topic, path: &[&str]) {
        let (arn, source) = self.source("topics", "sns", &topic.topic);
        let caller = Caller {
            name: caller_name("sns", topic.name.as_deref()),
            principal: "sns.amazonaws.com",
            source_arn: json!(arn).into(),
            source_account: None,
        };
        let permission = self.permission(function, caller, path);
        let spec = object(
            json!({"topic": topic.topic}),
            [("topic_arn", source), ("function", arn_of(function))],
        );
        let logical = names::sns_subscription(&called(function, topic.name.as_deref()));
        self.add(
            ResourceId::new(SUBSCRIPTION, logical),
            spec,
            BTreeSet::from([permission]),
            path,
        );
    }

    fn queue(&mut self, function: &str, queue: &Queue, path: &[&str]) {
        let (arn, source) = self.source("queues", "sqs", &queue.queue);
        let mut plain = json!({
            "service": "sqs",
            "name": arn.rsplit(':').next(),
            "batch_size": queue.batch_size.unwrap_or(QUEUE_BATCH),
            "maximum_batching_window": queue.batching_window.unwrap_or(0),
            "enabled": queue.enabled.unwrap_or(true),
        });
        set(
            &mut plain,
            "maximum_concurrency",
            &json!(queue.maximum_concurrency),
        );
        self.mapping(function, "sqs", queue.name.as_deref(), plain, source, path);
    }

    fn stream(&mut self, function: &str, service: &'static str, stream: &Stream, path: &[&str]) {
        let section = if service == "kinesis" { "streams" } else { "tables" };
        let (arn, source) = self.source(section, service, &stream.stream);
        let mut plain = json!({
            "service": service,
            "batch_size": stream.batch_size.unwrap_or(STREAM_BATCH),
            "maximum_batching_window": stream.batching_window.unwrap_or(0),
            "starting_position": stream.starting_position.unwrap_or_default().name(),
            "enabled": stream.enabled.unwrap_or(true),
        });
        if service == "kinesis" {
            set(&mut plain, "name", &json!(arn.rsplit('/').next()));
        }
        self.mapping(function, service, stream.name.as_deref(), plain, source, path);
    }

    fn mapping(
        &mut self,
        function: &str,
        service: &str,
        own: Option<&str>,
        plain: Value,
        source: Template,
        path: &[&str],
    ) {
        let logical = names::event_source(&called(function, own), service);
        let spec = object(plain, [("source_arn", source), ("function", arn_of(function))]);
        self.add(ResourceId::new(MAPPING, logical), spec, BTreeSet::new(), path);
    }
}

/// Writes a value as JSON whose references stay as they are: a pattern is one text, and its references are parts of it. What
/// they give (ARNs, names, URLs) needs no escape.
fn as_json(value: &Value, out: &mut String) {
    let list = |out: &mut String,
                open: char,
                close: char,
                each: &mut dyn Iterator<Item = (Option<&String>, &Value)>| {
        out.push(open);
        for (index, (key, item)) in each.enumerate() {
            if index > 0 {
                out.push(',');
            }
            if let Some(key) = key {
                out.push_str(&json!(key).to_string());
                out.push(':');
            }
            as_json(item, out);
        }
        out.push(close);
    };
    match value {
        Value::String(text) => {
            out.push('"');
            for piece in text.split_inclusive([MARK, END]) {
                let mark = piece
                    .chars()
                    .next_back()
                    .filter(|last| [MARK, END].contains(last));
                let plain = piece.trim_end_matches([MARK, END]);
                let quoted = json!(plain).to_string();
                out.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
                out.extend(mark);
            }
            out.push('"');
        }
        Value::Array(items) => list(out, '[', ']', &mut items.iter().map(|item| (None, item))),
        Value::Object(entries) => {
            list(
                out,
                '{',
                '}',
                &mut entries.iter().map(|(key, item)| (Some(key), item)),
            );
        }
        other => out.push_str(&other.to_string()),
    }
}

/// Sets what is not null.
fn set(plain: &mut Value, field: &str, value: &Value) {
    if let (Some(fields), false) = (plain.as_object_mut(), value.is_null()) {
        fields.insert(field.to_owned(), value.clone());
    }
}
