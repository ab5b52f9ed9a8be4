//! Event sources: each its function, where the source calls it the permission, and the connection itself.
//!
//! Names of topics, queues and streams become ARNs of this account and region, as in Chalice. A rule's ARN follows from its
//! name, so that the permission can be there before the rule calls.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::{Kind, ResourceId, Template};
use serde_json::{Value, json};

use super::{Caller, Lowering, arn_of, object, origin};
use crate::source::chalice::app::EventSource;
use crate::source::chalice::names;

const NOTIFICATION: Kind = Kind::new("s3_notification");
const SUBSCRIPTION: Kind = Kind::new("sns_subscription");
const MAPPING: Kind = Kind::new("event_source_mapping");
const RULE: Kind = Kind::new("event_rule");

impl Lowering<'_> {
    /// The function comes before what calls it. A class of sources that no decorator makes is refused on validation.
    pub(super) fn event_source(&mut self, source: &EventSource) {
        self.function(&source.function());
        match source.decorator.as_str() {
            "on_s3_event" => self.s3_event(source),
            "on_sns_message" => self.sns_message(source),
            "on_sqs_message" => self.sqs_message(source),
            "on_kinesis_record" => self.kinesis_record(source),
            "on_dynamodb_record" => self.dynamodb_record(source),
            "schedule" => self.rule(source, "schedule", "schedule_expression"),
            "on_cw_event" => self.rule(source, "pattern", "event_pattern"),
            _ => {}
        }
    }

    fn connect(&mut self, source: &EventSource, id: ResourceId, spec: Template, after: BTreeSet<ResourceId>) {
        self.add(id, spec, after, source.place.as_ref().map(origin));
    }

    /// All notifications of a bucket are one document, and so one resource, at the place of the first.
    fn s3_event(&mut self, source: &EventSource) {
        let bucket = source.text("bucket").unwrap_or_default();
        let caller = Caller {
            name: "s3",
            principal: "s3.amazonaws.com",
            source_arn: json!(format!("arn:{}:s3:::{bucket}", self.account.partition)).into(),
            source_account: Some(self.account.account.clone()),
        };
        self.permission(&source.name, caller);
        let beside: Vec<_> = self
            .app
            .event_sources
            .iter()
            .filter(|other| other.decorator == source.decorator && other.text("bucket") == Some(bucket))
            .collect();
        let entries: BTreeMap<String, Template> = beside
            .iter()
            .map(|one| (names::s3_event(&one.name), s3_entry(one)))
            .collect();
        let permissions = beside
            .iter()
            .map(|one| ResourceId::new(super::PERMISSION, format!("{}/s3", one.name)))
            .collect();
        let spec = object(json!({"bucket": bucket}), [("entries", Template::Map(entries))]);
        self.connect(source, ResourceId::new(NOTIFICATION, bucket), spec, permissions);
    }

    fn sns_message(&mut self, source: &EventSource) {
        let topic = source.text("topic").unwrap_or_default();
        let arn = match names::is_topic_arn(topic) {
            true => topic.to_owned(),
            false => self.account.arn("sns", topic),
        };
        let caller = Caller {
            name: "sns",
            principal: "sns.amazonaws.com",
            source_arn: json!(arn).into(),
            source_account: None,
        };
        let permission = self.permission(&source.name, caller);
        let spec = object(
            json!({"topic": topic, "topic_arn": arn}),
            [("function", arn_of(&source.name))],
        );
        let id = ResourceId::new(SUBSCRIPTION, names::sns_subscription(&source.name));
        self.connect(source, id, spec, BTreeSet::from([permission]));
    }

    fn sqs_message(&mut self, source: &EventSource) {
        let arn = match source.text("queue_arn") {
            Some(arn) => arn.to_owned(),
            None => self.account.arn("sqs", source.text("queue").unwrap_or_default()),
        };
        let name = arn.rsplit(':').next().unwrap_or_default();
        let mut plain = mapping("sqs", &arn, Some(name), source);
        set(
            &mut plain,
            "maximum_concurrency",
            source.detail("maximum_concurrency"),
        );
        self.mapping(source, "sqs", plain);
    }

    fn kinesis_record(&mut self, source: &EventSource) {
        let stream = source.text("stream").unwrap_or_default();
        let arn = self.account.arn("kinesis", &format!("stream/{stream}"));
        let mut plain = mapping("kinesis", &arn, Some(stream), source);
        set(
            &mut plain,
            "starting_position",
            source.detail("starting_position"),
        );
        self.mapping(source, "kinesis", plain);
    }

    fn dynamodb_record(&mut self, source: &EventSource) {
        let arn = source.text("stream_arn").unwrap_or_default();
        let mut plain = mapping("dynamodb", arn, None, source);
        set(
            &mut plain,
            "starting_position",
            source.detail("starting_position"),
        );
        self.mapping(source, "dynamodb", plain);
    }

    fn mapping(&mut self, source: &EventSource, service: &str, plain: Value) {
        let id = ResourceId::new(MAPPING, names::event_source(&source.name, service));
        let spec = object(plain, [("function", arn_of(&source.name))]);
        self.connect(source, id, spec, BTreeSet::new());
    }

    /// A schedule or a pattern: what stands in `detail` of the source, as `field` of the rule.
    fn rule(&mut self, source: &EventSource, field: &str, detail: &str) {
        let (app, stage) = (self.config.app_name(), self.config.stage_name());
        let name = names::rule(app, stage, &source.name);
        let caller = Caller {
            name: "event",
            principal: "events.amazonaws.com",
            source_arn: json!(self.account.arn("events", &format!("rule/{name}"))).into(),
            source_account: None,
        };
        let permission = self.permission(&source.name, caller);
        let mut plain = json!({"name": name});
        set(&mut plain, field, source.detail(detail));
        set(&mut plain, "description", source.detail("description"));
        let spec = object(plain, [("function", arn_of(&source.name))]);
        let id = ResourceId::new(RULE, names::rule_logical(&source.name));
        self.connect(source, id, spec, BTreeSet::from([permission]));
    }
}

fn s3_entry(source: &EventSource) -> Template {
    let mut plain = json!({"events": source.detail("events")});
    set(&mut plain, "prefix", source.detail("prefix"));
    set(&mut plain, "suffix", source.detail("suffix"));
    object(plain, [("function", arn_of(&source.name))])
}

fn mapping(service: &str, arn: &str, name: Option<&str>, source: &EventSource) -> Value {
    let mut plain = json!({
        "service": service,
        "source_arn": arn,
        "batch_size": source.detail("batch_size"),
        "maximum_batching_window": source.detail("maximum_batching_window_in_seconds"),
    });
    set(&mut plain, "name", &json!(name));
    plain
}

/// Sets what is not null.
fn set(plain: &mut Value, field: &str, value: &Value) {
    if let (Some(fields), false) = (plain.as_object_mut(), value.is_null()) {
        fields.insert(field.to_owned(), value.clone());
    }
}
