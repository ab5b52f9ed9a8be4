//! What tells a function of something, as its decorators say.

use std::collections::BTreeMap;

use grail_state::Desired;
use serde_json::{Value, json};

use super::{App, id, output, permission, wish};

const WHERE: &str = "eu-west-1:123456789012";

/// What tells a function of something.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    Bucket {
        bucket: &'static str,
        events: &'static str,
        prefix: &'static str,
    },
    Topic {
        topic: &'static str,
        /// As an ARN or as a name.
        by_arn: bool,
    },
    Queue {
        queue: &'static str,
        batch: u32,
        concurrency: Option<u32>,
    },
    Stream {
        stream: &'static str,
        batch: u32,
    },
    Schedule {
        expression: &'static str,
        description: &'static str,
    },
    Pattern(&'static str),
}

impl Source {
    pub(crate) fn bucket(bucket: &'static str, prefix: &'static str) -> Self {
        Self::Bucket {
            bucket,
            events: "s3:ObjectCreated:*",
            prefix,
        }
    }

    pub(crate) fn topic(topic: &'static str) -> Self {
        Self::Topic { topic, by_arn: false }
    }

    pub(crate) fn queue(queue: &'static str) -> Self {
        Self::Queue {
            queue,
            batch: 1,
            concurrency: None,
        }
    }

    pub(crate) fn stream(stream: &'static str) -> Self {
        Self::Stream { stream, batch: 100 }
    }

    pub(crate) fn schedule(expression: &'static str) -> Self {
        Self::Schedule {
            expression,
            description: "",
        }
    }
}

pub(crate) fn topic_arn(topic: &str) -> String {
    format!("arn:aws:sns:{WHERE}:{topic}")
}

pub(crate) fn queue_arn(queue: &str) -> String {
    format!("arn:aws:sqs:{WHERE}:{queue}")
}

pub(crate) fn stream_arn(stream: &str) -> String {
    format!("arn:aws:kinesis:{WHERE}:stream/{stream}")
}

impl App {
    pub(super) fn events(&self) -> Vec<Desired> {
        let mut wishes = Vec::new();
        let mut buckets: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
        for (name, function) in &self.functions {
            match &function.source {
                Some(Source::Bucket { bucket, .. }) => {
                    buckets.entry(bucket).or_default().push(name);
                    let source = json!(format!("arn:aws:s3:::{bucket}"));
                    wishes.push(permission(name, "s3", "s3", source, 3));
                }
                Some(source) => wishes.extend(self.event(name, source)),
                None => {}
            }
        }
        wishes.extend(
            buckets
                .iter()
                .map(|(bucket, names)| self.notification(bucket, names)),
        );
        wishes
    }

    fn event(&self, name: &str, source: &Source) -> Vec<Desired> {
        let function = output("lambda_function", name, "arn");
        let mapping = |service: &str, source: String, batch: u32, concurrency: Option<u32>| {
            let called = source.rsplit([':', '/']).next().unwrap();
            let position = (service == "kinesis").then_some("LATEST");
            let spec = json!({
                "service": service, "source_arn": source, "name": called, "function": function, "batch_size": batch,
                "maximum_batching_window": 0, "maximum_concurrency": concurrency, "starting_position": position,
            });
            wish(
                id("event_source_mapping", &format!("{name}-{service}-event-source")),
                spec,
                4,
            )
        };
        match source {
            Source::Bucket { .. } => Vec::new(),
            Source::Topic { topic, by_arn } => {
                let arn = topic_arn(topic);
                let spec = json!({
                    "topic": if *by_arn { arn.as_str() } else { *topic }, "topic_arn": arn, "function": function,
                });
                let subscription = wish(
                    id("sns_subscription", &format!("{name}-sns-subscription")),
                    spec,
                    4,
                );
                vec![
                    permission(name, "sns", "sns", json!(arn), 3),
                    after_permission(subscription, name, "sns"),
                ]
            }
            Source::Queue {
                queue,
                batch,
                concurrency,
            } => vec![mapping("sqs", queue_arn(queue), *batch, *concurrency)],
            Source::Stream { stream, batch } => vec![mapping("kinesis", stream_arn(stream), *batch, None)],
            Source::Schedule {
                expression,
                description,
            } => self.rule(name, json!({"schedule": expression, "description": description})),
            Source::Pattern(pattern) => self.rule(name, json!({"pattern": pattern})),
        }
    }

    fn rule(&self, name: &str, mut spec: Value) -> Vec<Desired> {
        let rule = format!("{}-{name}-event", self.owner);
        let arn = json!(format!("arn:aws:events:{WHERE}:rule/{rule}"));
        spec["name"] = json!(rule);
        spec["function"] = output("lambda_function", name, "arn");
        let wish = wish(id("event_rule", &format!("{name}-event")), spec, 4);
        vec![
            permission(name, "event", "events", arn, 3),
            after_permission(wish, name, "event"),
        ]
    }

    /// All notifications of one bucket.
    fn notification(&self, bucket: &str, names: &[&String]) -> Desired {
        let mut entries = BTreeMap::new();
        for name in names {
            let Some(Source::Bucket { events, prefix, .. }) = &self.functions[*name].source else {
                continue;
            };
            let entry = json!({
                "function": output("lambda_function", name, "arn"), "events": [events], "prefix": prefix,
            });
            entries.insert(format!("{name}-s3event"), entry);
        }
        let spec = json!({"bucket": bucket, "entries": entries});
        let wish = wish(id("s3_notification", bucket), spec, 4);
        names
            .iter()
            .fold(wish, |wish, name| after_permission(wish, name, "s3"))
    }
}

fn after_permission(mut wish: Desired, name: &str, source: &str) -> Desired {
    wish.after
        .insert(id("lambda_permission", &format!("{name}/{source}")));
    wish
}
