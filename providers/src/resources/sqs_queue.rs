//! A queue of SQS.
//!
//! Calls: to look `GetQueueUrl`, `GetQueueAttributes` and `ListQueueTags`; to make `CreateQueue`, which takes form and tags at
//! once; to change `SetQueueAttributes` with what differs, `TagQueue`, `UntagQueue`; to remove `DeleteQueue`. SQS names no
//! rates for them.
//!
//! Identity: the name and the tags ([`declared`](super::declared)). `CreateQueue` gives the queue that is there without a
//! word where it has the same form, so that each birth looks first.
//!
//! After a deletion SQS refuses a queue of the same name for a minute, and a changed form takes up to a minute to be seen
//! everywhere (API reference, `DeleteQueue`, `SetQueueAttributes`). The first is waited for; the second is seen as written by
//! the places that are asked.
//!
//! What it does not know: the queue's policy, its largest message and who may send it dead letters. They stay as they are.

mod form;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use grail_state::{Kind, StackId};
use serde_json::{Value, json};

pub use self::form::{DeadLetter, Spec};

use super::declared::{self, Declared, plain_tags, tag_changes};
use crate::aws::outcome::Sequence;
use crate::aws::{Context, Outcome};
use crate::port::{Birth, Change, Cost, Failure, Invalid, Locator, Removal, Resource, Seen, Sight, Undelete};

/// The resource type.
#[derive(Debug)]
pub struct SqsQueue {
    context: Arc<Context>,
}

impl SqsQueue {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    fn write(&self) -> &aws_sdk_sqs::Client {
        self.context.clients.sqs.write()
    }

    fn arn(&self, name: &str) -> String {
        let Context {
            partition,
            region,
            account,
            ..
        } = &*self.context;
        format!("arn:{partition}:sqs:{region}:{account}:{name}")
    }

    /// Where the queue of this name is reached.
    async fn url(&self, name: &str) -> Result<Option<String>, Failure> {
        let call = self.context.clients.sqs.read().get_queue_url().queue_name(name);
        let answer = call.send().await.found("sqs:GetQueueUrl")?;
        Ok(answer.and_then(|answer| answer.queue_url))
    }

    /// The address that is known of a reading, else as SQS tells it.
    async fn address(&self, outputs: &BTreeMap<String, Value>, name: &str) -> Result<String, Failure> {
        if let Some(url) = outputs.get("url").and_then(Value::as_str) {
            return Ok(url.to_owned());
        }
        let found = self.url(name).await?;
        found.ok_or_else(|| Failure::refused(format!("the queue `{name}` is gone")))
    }

    fn is(&self, spec: &Spec, url: &str) -> Seen<Spec> {
        let more = [("url", json!(url)), ("arn", json!(self.arn(&spec.name)))];
        self.seen(spec.clone(), &spec.tags, &more)
    }
}

impl Declared for SqsQueue {
    const SILENT: bool = true;

    fn stack(&self) -> &StackId {
        &self.context.stack
    }

    fn name(spec: &Spec) -> &str {
        &spec.name
    }

    async fn there(&self, name: &str) -> Result<Sight<Spec>, Failure> {
        let Some(url) = self.url(name).await? else {
            return Ok(None);
        };
        let sqs = self.context.clients.sqs.read();
        let form = sqs
            .get_queue_attributes()
            .queue_url(&url)
            .attribute_names(Attribute::All);
        let Some(form) = form.send().await.found("sqs:GetQueueAttributes")? else {
            return Ok(None);
        };
        let tags = sqs.list_queue_tags().queue_url(&url).send().await;
        let Some(tags) = tags.found("sqs:ListQueueTags")? else {
            return Ok(None);
        };
        let tags = plain_tags(tags.tags.unwrap_or_default());
        let spec = Spec::told(name, &form.attributes.unwrap_or_default(), tags);
        Ok(Some(self.is(&spec, &url)))
    }

    async fn make(&self, want: &Spec, requests: &mut Sequence) -> Result<Sight<Spec>, Failure> {
        let mut call = self.write().create_queue().queue_name(&want.name);
        for (attribute, value) in want.attributes() {
            call = call.attributes(attribute, value);
        }
        let tags: HashMap<_, _> = want.tags.clone().into_iter().collect();
        let made = call.set_tags(Some(tags)).send().await.made("sqs:CreateQueue")?;
        let Some(made) = made else { return Ok(None) };
        requests.step(Ok(()))?;
        let url = made.queue_url.unwrap_or_default();
        Ok(Some(self.is(want, &url)))
    }

    async fn settle(
        &self,
        have: Seen<Spec>,
        want: &Spec,
        requests: &mut Sequence,
    ) -> Result<Seen<Spec>, Failure> {
        let url = requests.look(self.address(&have.outputs, &want.name).await)?;
        let changed = want.changes(&have.spec);
        if !changed.is_empty() {
            let mut call = self.write().set_queue_attributes().queue_url(&url);
            for (attribute, value) in changed {
                call = call.attributes(attribute, value);
            }
            requests.step(call.send().await.wrote("sqs:SetQueueAttributes"))?;
        }
        let (set, spare) = tag_changes(&have.spec.tags, &want.tags);
        if !set.is_empty() {
            let call = self.write().tag_queue().queue_url(&url);
            let call = call.set_tags(Some(set.into_iter().collect()));
            requests.step(call.send().await.wrote("sqs:TagQueue"))?;
        }
        if !spare.is_empty() {
            let call = self.write().untag_queue().queue_url(&url);
            requests.step(
                call.set_tag_keys(Some(spare))
                    .send()
                    .await
                    .wrote("sqs:UntagQueue"),
            )?;
        }
        Ok(self.is(want, &url))
    }
}

impl Resource for SqsQueue {
    const KIND: Kind = Kind::new("sqs_queue");
    const IMMUTABLE: &'static [&'static str] = &["fifo", "name"];
    const UNDELETE: Undelete = Undelete::Never;
    const KEEPS: bool = true;
    const ACTIONS: &'static [&'static str] = &[
        "sqs:CreateQueue",
        "sqs:DeleteQueue",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:ListQueueTags",
        "sqs:SetQueueAttributes",
        "sqs:TagQueue",
        "sqs:UntagQueue",
    ];
    const READS: Cost = Cost {
        each: 3,
        lists: 0,
        page: 0,
    };
    type Spec = Spec;

    fn check(spec: &Spec) -> Vec<Invalid> {
        spec.problems()
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
        let url = match request.outputs.get("url").and_then(Value::as_str) {
            Some(url) => Some(url.to_owned()),
            None => self.url(&request.handle.0).await?,
        };
        match url {
            Some(url) => {
                let call = self.write().delete_queue().queue_url(url);
                call.send().await.gone("sqs:DeleteQueue")
            }
            None => Ok(()),
        }
    }
}
