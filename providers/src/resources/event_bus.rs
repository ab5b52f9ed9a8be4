//! An event bus of EventBridge.
//!
//! Calls: to look `DescribeEventBus` and `ListTagsForResource`; to make `CreateEventBus`, which takes tags; to change `TagResource`
//! and `UntagResource`; to remove `DeleteEventBus`. Each has 50 a second of its own.
//!
//! Identity: the name and the tags ([`declared`](super::declared)). A bus holds nothing, and so is not protected by itself;
//! EventBridge refuses to delete one that has rules.
//!
//! What it does not know: description, encryption, policy, archives. They stay as they are.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use aws_sdk_cloudwatchevents::types::Tag;
use grail_state::{Kind, StackId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::declared::{self, Declared, Tags, plain_tags, tag_changes, tag_problem};
use crate::aws::outcome::Sequence;
use crate::aws::{Context, Outcome};
use crate::port::{Birth, Change, Cost, Failure, Invalid, Locator, Removal, Resource, Seen, Sight, Undelete};

/// An event bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name.
    pub name: String,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// The resource type.
#[derive(Debug)]
pub struct EventBus {
    context: Arc<Context>,
}

impl EventBus {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    fn write(&self) -> &aws_sdk_cloudwatchevents::Client {
        self.context.clients.events.write()
    }

    fn arn(&self, name: &str) -> String {
        let Context {
            partition,
            region,
            account,
            ..
        } = &*self.context;
        format!("arn:{partition}:events:{region}:{account}:event-bus/{name}")
    }

    fn is(&self, spec: &Spec) -> Seen<Spec> {
        self.seen(spec.clone(), &spec.tags, &[("arn", json!(self.arn(&spec.name)))])
    }
}

fn sent(tags: &Tags) -> Vec<Tag> {
    let each = tags.iter();
    each.filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok())
        .collect()
}

impl Declared for EventBus {
    fn stack(&self) -> &StackId {
        &self.context.stack
    }

    fn name(spec: &Spec) -> &str {
        &spec.name
    }

    async fn there(&self, name: &str) -> Result<Sight<Spec>, Failure> {
        let events = self.context.clients.events.read();
        let bus = events.describe_event_bus().name(name).send().await;
        if bus.found("events:DescribeEventBus")?.is_none() {
            return Ok(None);
        }
        let tags = events
            .list_tags_for_resource()
            .resource_arn(self.arn(name))
            .send()
            .await;
        let Some(tags) = tags.found("events:ListTagsForResource")? else {
            return Ok(None);
        };
        let tags = tags.tags.unwrap_or_default().into_iter();
        let spec = Spec {
            name: name.to_owned(),
            tags: plain_tags(tags.map(|tag| (tag.key, tag.value))),
        };
        Ok(Some(self.is(&spec)))
    }

    async fn make(&self, want: &Spec, requests: &mut Sequence) -> Result<Sight<Spec>, Failure> {
        let call = self.write().create_event_bus().name(&want.name);
        let answer = call.set_tags(Some(sent(&want.tags))).send().await;
        if answer.made("events:CreateEventBus")?.is_none() {
            return Ok(None);
        }
        requests.step(Ok(()))?;
        Ok(Some(self.is(want)))
    }

    async fn settle(
        &self,
        have: Seen<Spec>,
        want: &Spec,
        requests: &mut Sequence,
    ) -> Result<Seen<Spec>, Failure> {
        let (set, spare) = tag_changes(&have.spec.tags, &want.tags);
        let arn = self.arn(&want.name);
        if !set.is_empty() {
            let call = self.write().tag_resource().resource_arn(&arn);
            requests.step(
                call.set_tags(Some(sent(&set)))
                    .send()
                    .await
                    .wrote("events:TagResource"),
            )?;
        }
        if !spare.is_empty() {
            let call = self.write().untag_resource().resource_arn(&arn);
            let answer = call.set_tag_keys(Some(spare)).send().await;
            requests.step(answer.wrote("events:UntagResource"))?;
        }
        Ok(self.is(want))
    }
}

impl Resource for EventBus {
    const KIND: Kind = Kind::new("event_bus");
    const IMMUTABLE: &'static [&'static str] = &["name"];
    const UNDELETE: Undelete = Undelete::Never;
    const ACTIONS: &'static [&'static str] = &[
        "events:CreateEventBus",
        "events:DeleteEventBus",
        "events:DescribeEventBus",
        "events:ListTagsForResource",
        "events:TagResource",
        "events:UntagResource",
    ];
    const READS: Cost = Cost {
        each: 2,
        lists: 0,
        page: 0,
    };
    type Spec = Spec;

    /// What EventBridge would refuse (API reference, `CreateEventBus`).
    fn check(spec: &Spec) -> Vec<Invalid> {
        let mut problems = Vec::new();
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let name = &spec.name;
        if !(1..=256).contains(&name.len()) || !name.chars().all(legal) || name == "default" {
            problems.push(Invalid {
                field: "name".to_owned(),
                why: format!(
                    "`{name}`: the name of an event bus is up to 256 letters, digits, `-`, `_` and `.`, and not `default`"
                ),
            });
        }
        let tags = tag_problem(&spec.tags).map(|why| Invalid {
            field: "tags".to_owned(),
            why,
        });
        problems.extend(tags);
        problems
    }

    fn label(spec: &Value) -> Option<String> {
        spec.get("name").and_then(Value::as_str).map(ToOwned::to_owned)
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        declared::observe(self, at).await
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        declared::create(self, request).await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        declared::update(self, request).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let call = self.write().delete_event_bus().name(&request.handle.0);
        call.send().await.gone("events:DeleteEventBus")
    }
}
