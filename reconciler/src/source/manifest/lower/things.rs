//! Things that functions attach to, and which of them an event means.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::{Kind, ResourceId, Template};
use serde_json::{Value, json};

use super::events::queue as queue_of;
use super::{Lowering, object};
use crate::source::manifest::Manifest;
use crate::source::manifest::events::Event;
use crate::source::manifest::form::Form;
use crate::source::manifest::functions::DEFAULT_TIMEOUT;
use crate::source::manifest::things::{DeclaredQueue, DeclaredTable, FIFO, PublicAccess};

/// How much longer than its function a queue hides a message where nothing is said: AWS's advice (Lambda developer guide,
/// "Using Lambda with Amazon SQS").
pub(in crate::source::manifest) const PATIENCE: u32 = 6;
/// The visibility timeout of a queue that feeds no function, in seconds: SQS's.
const VISIBILITY: u32 = 30;
/// For how long a queue keeps a message where nothing is said, in seconds: SQS's.
const RETENTION: u32 = 4 * 24 * 3600;
/// For how long a stream keeps a record where nothing is said, in hours: Kinesis's.
const HOURS: u32 = 24;

/// The kind of the things of a section.
pub(super) fn kind_of(section: &str) -> Kind {
    Kind::new(match section {
        "queues" => "sqs_queue",
        "topics" => "sns_topic",
        "tables" => "dynamodb_table",
        "buckets" => "s3_bucket",
        "streams" => "kinesis_stream",
        _ => "event_bus",
    })
}

/// The name in AWS of the thing that is called `logical` in `section`.
pub(in crate::source::manifest) fn physical(
    form: &Form,
    manifest: &Manifest,
    account: &str,
    section: &str,
    logical: &str,
) -> String {
    let own = format!("{}-{}-{logical}", manifest.app(), manifest.stage());
    let fifo = |given: &Option<String>, fifo: Option<bool>| {
        let ending = if fifo == Some(true) { FIFO } else { "" };
        given.clone().unwrap_or_else(|| format!("{own}{ending}"))
    };
    let given = |name: Option<&Option<String>>| name.cloned().flatten();
    match section {
        "queues" => {
            let queue = form.queues.get(logical).and_then(Option::as_ref);
            queue.map(|queue| fifo(&queue.name, queue.fifo))
        }
        "topics" => {
            let topic = form.topics.get(logical).and_then(Option::as_ref);
            topic.map(|topic| fifo(&topic.name, topic.fifo))
        }
        "tables" => given(
            form.tables
                .get(logical)
                .and_then(Option::as_ref)
                .map(|one| &one.name),
        ),
        "streams" => given(
            form.streams
                .get(logical)
                .and_then(Option::as_ref)
                .map(|one| &one.name),
        ),
        "buses" => given(
            form.buses
                .get(logical)
                .and_then(Option::as_ref)
                .map(|one| &one.name),
        ),
        "buckets" => {
            let name = given(
                form.buckets
                    .get(logical)
                    .and_then(Option::as_ref)
                    .map(|one| &one.name),
            );
            // The names of buckets are everybody's: the account makes one its own.
            let unique = || format!("{own}-{account}").to_ascii_lowercase().replace('_', "-");
            Some(name.unwrap_or_else(unique))
        }
        _ => None,
    }
    .unwrap_or(own)
}

/// The visibility timeout of a queue: what is said of it, or what suits the functions that it feeds.
pub(in crate::source::manifest) fn visibility(form: &Form, name: &str, queue: &DeclaredQueue) -> u32 {
    let fed = form.functions().filter(|(_, function)| {
        let mut events = function.events.iter().flatten();
        events.any(|event| matches!(event, Event::Sqs(brief) if queue_of(brief).queue == name))
    });
    let longest = fed
        .map(|(_, function)| function.timeout.unwrap_or(DEFAULT_TIMEOUT))
        .max();
    let patient = longest.map(|longest| longest.saturating_mul(PATIENCE));
    queue.visibility_timeout.or(patient).unwrap_or(VISIBILITY)
}

impl Lowering<'_> {
    /// The resource that `name` means in `section`, where it is declared.
    pub(super) fn thing(&self, section: &str, name: &str) -> Option<ResourceId> {
        let declared = match section {
            "queues" => self.form.queues.get(name).is_some_and(Option::is_some),
            "topics" => self.form.topics.get(name).is_some_and(Option::is_some),
            "tables" => self.form.tables.get(name).is_some_and(Option::is_some),
            "buckets" => self.form.buckets.get(name).is_some_and(Option::is_some),
            "streams" => self.form.streams.get(name).is_some_and(Option::is_some),
            "buses" => self.form.buses.get(name).is_some_and(Option::is_some),
            _ => false,
        };
        declared.then(|| ResourceId::new(kind_of(section), name))
    }

    /// The name in AWS of a declared thing.
    pub(super) fn named(&self, section: &str, logical: &str) -> String {
        physical(self.form, self.manifest, &self.account.account, section, logical)
    }

    pub(super) fn things(&mut self) {
        self.queues();
        self.topics();
        self.tables();
        self.buckets();
        self.streams();
        self.buses();
    }

    fn declare(&mut self, section: &str, name: &str, spec: Template, protect: Option<bool>) {
        let id = ResourceId::new(kind_of(section), name);
        self.add(id.clone(), spec, BTreeSet::new(), &[section, name]);
        if let Some(desired) = self.resources.get_mut(&id) {
            desired.protect = protect;
        }
    }

    fn queues(&mut self) {
        for (name, queue) in &self.form.queues {
            let Some(queue) = queue else { continue };
            let fifo = queue.fifo.unwrap_or(false);
            let mut plain = json!({
                "name": self.named("queues", name),
                "fifo": fifo,
                "content_deduplication": queue.content_deduplication.unwrap_or(false),
                "visibility_timeout": visibility(self.form, name, queue),
                "retention": queue.retention.unwrap_or(RETENTION),
                "delay": queue.delay.unwrap_or(0),
                "receive_wait": queue.receive_wait.unwrap_or(0),
                "encryption": queue.encryption.as_deref().unwrap_or("sqs"),
            });
            plain["tags"] = json!(self.owned(queue.tags.as_ref()));
            let dead = queue.dead_letter.as_ref().map(|dead| {
                let target = match self.thing("queues", &dead.queue) {
                    Some(id) => Template::reference(id, "arn"),
                    None => json!(self.arn_of_source("sqs", &dead.queue)).into(),
                };
                object(json!({"max_receives": dead.max_receives}), [("target", target)])
            });
            let spec = match dead {
                Some(dead) => object(plain, [("dead_letter", dead)]),
                None => Template::Lit(plain),
            };
            self.declare("queues", name, spec, queue.protect);
        }
    }

    fn topics(&mut self) {
        for (name, topic) in &self.form.topics {
            let Some(topic) = topic else { continue };
            let spec = json!({
                "name": self.named("topics", name),
                "fifo": topic.fifo.unwrap_or(false),
                "content_deduplication": topic.content_deduplication.unwrap_or(false),
                "display_name": topic.display_name.as_deref().unwrap_or_default(),
                "tags": self.owned(topic.tags.as_ref()),
            });
            self.declare("topics", name, Template::Lit(spec), topic.protect);
        }
    }

    fn tables(&mut self) {
        for (name, table) in &self.form.tables {
            let Some(table) = table else { continue };
            let spec = self.table(name, table);
            self.declare("tables", name, Template::Lit(spec), table.protect);
        }
    }

    fn table(&self, name: &str, table: &DeclaredTable) -> Value {
        let indexes = table.indexes.iter().flatten().map(|(name, index)| {
            let projection = match &index.holds {
                None => json!("all"),
                Some(holds) if holds.is_empty() => json!("keys"),
                Some(holds) => json!(holds.iter().collect::<BTreeSet<_>>()),
            };
            let key = key(&index.partition, index.sort.as_deref());
            (name.clone(), json!({"key": key, "projection": projection}))
        });
        let attributes = table.attributes.iter();
        let attributes: BTreeMap<_, _> = attributes.map(|(name, scalar)| (name, scalar.name())).collect();
        let mut spec = json!({
            "name": self.named("tables", name),
            "attributes": attributes,
            "key": table.key.as_ref().map(|one| key(&one.partition, one.sort.as_deref())),
            "indexes": indexes.collect::<BTreeMap<_, _>>(),
            "point_in_time_recovery": table.point_in_time_recovery.unwrap_or(false),
            "deletion_protection": table.deletion_protection.unwrap_or(false),
            "tags": self.owned(table.tags.as_ref()),
        });
        if let Some(capacity) = table.capacity {
            spec["capacity"] = json!({"read": capacity.read, "write": capacity.write});
        }
        if let Some(view) = table.stream {
            spec["stream"] = json!(view.name());
        }
        if let Some(ttl) = &table.ttl {
            spec["ttl"] = json!(ttl);
        }
        spec
    }

    fn buckets(&mut self) {
        for (name, bucket) in &self.form.buckets {
            let Some(bucket) = bucket else { continue };
            let blocked = bucket.public_access.unwrap_or_default() == PublicAccess::Blocked;
            let spec = json!({
                "name": self.named("buckets", name),
                "versioning": bucket.versioning.unwrap_or(false),
                "encryption": bucket.encryption.as_deref().unwrap_or("s3"),
                "public_access_blocked": blocked,
                "tags": self.owned(bucket.tags.as_ref()),
            });
            self.declare("buckets", name, Template::Lit(spec), bucket.protect);
        }
    }

    fn streams(&mut self) {
        for (name, stream) in &self.form.streams {
            let Some(stream) = stream else { continue };
            let mut spec = json!({
                "name": self.named("streams", name),
                "retention": stream.retention.unwrap_or(HOURS),
                "tags": self.owned(stream.tags.as_ref()),
            });
            if let Some(shards) = stream.shards {
                spec["shards"] = json!(shards);
            }
            self.declare("streams", name, Template::Lit(spec), stream.protect);
        }
    }

    fn buses(&mut self) {
        for (name, bus) in &self.form.buses {
            let Some(bus) = bus else { continue };
            let spec = json!({
                "name": self.named("buses", name),
                "tags": self.owned(bus.tags.as_ref()),
            });
            self.declare("buses", name, Template::Lit(spec), bus.protect);
        }
    }

    /// Tags with the one by which the thing is known as ours.
    fn owned(&self, tags: Option<&BTreeMap<String, String>>) -> BTreeMap<String, String> {
        let (app, stage) = (self.manifest.app(), self.manifest.stage());
        let mut tags = tags.cloned().unwrap_or_default();
        tags.insert(
            grail_providers::OWNER_TAG.to_owned(),
            format!("stage={stage}:app={app}"),
        );
        tags
    }
}

fn key(partition: &str, sort: Option<&str>) -> Value {
    match sort {
        Some(sort) => json!({"partition": partition, "sort": sort}),
        None => json!({"partition": partition}),
    }
}
