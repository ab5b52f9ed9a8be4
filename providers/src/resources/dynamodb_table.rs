//! A table of DynamoDB.
//!
//! Calls: to look `DescribeTable`, `DescribeTimeToLive`, `DescribeContinuousBackups` and `ListTagsOfResource`; to make
//! `CreateTable`, which takes form, indexes and tags at once, then `UpdateTimeToLive` and `UpdateContinuousBackups`; to change
//! `UpdateTable`, once for each thing that it changes, since it takes no two of them at once; to remove `DeleteTable`.
//!
//! Identity: the name and the tags ([`declared`](super::declared)). The key never changes; a table with another one is another
//! table. An index has no change of its own: one that is to be otherwise is taken away and made anew from the items, which may
//! take hours and loses nothing. While it is filled the table is busy, and that is waited for.
//!
//! Each beginning of a stream gives it a new ARN (`stream_arn`), by which mappings know it. A stream that tells something else
//! is ended and begun again.
//!
//! Deletion takes the items. Where the wish asks for DynamoDB's own protection it is never taken away in order to delete: a
//! person does that.
//!
//! What it does not know: local indexes, replicas, classes, encryption with keys of one's own, policies, limits by request,
//! scaling. They stay as they are, but for scaling: a table has the capacity that the wish says, and is billed by request where
//! it says none.

mod form;
mod reading;
#[cfg(test)]
mod tests;
mod writing;

use std::sync::Arc;

use grail_state::{Kind, StackId};
use serde_json::{Value, json};

pub use self::form::{Capacity, Index, Key, Projection, Spec};

use super::declared::{self, Declared};
use crate::aws::outcome::{Sequence, Verdict, verdict};
use crate::aws::{Context, Outcome, wait};
use crate::port::{Birth, Change, Cost, Failure, Invalid, Locator, Removal, Resource, Seen, Sight, Undelete};

/// The resource type.
#[derive(Debug)]
pub struct DynamodbTable {
    context: Arc<Context>,
}

impl DynamodbTable {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    fn read(&self) -> &aws_sdk_dynamodb::Client {
        self.context.clients.dynamodb.read()
    }

    fn write(&self) -> &aws_sdk_dynamodb::Client {
        self.context.clients.dynamodb.write()
    }

    fn arn(&self, name: &str) -> String {
        let Context {
            partition,
            region,
            account,
            ..
        } = &*self.context;
        format!("arn:{partition}:dynamodb:{region}:{account}:table/{name}")
    }

    fn is(&self, spec: &Spec, stream_arn: Option<&str>) -> Seen<Spec> {
        let more = [
            ("arn", json!(self.arn(&spec.name))),
            ("stream_arn", json!(stream_arn.unwrap_or_default())),
        ];
        self.seen(spec.clone(), &spec.tags, &more)
    }
}

impl Declared for DynamodbTable {
    fn stack(&self) -> &StackId {
        &self.context.stack
    }

    fn name(spec: &Spec) -> &str {
        &spec.name
    }

    async fn there(&self, name: &str) -> Result<Sight<Spec>, Failure> {
        self.whole(name).await
    }

    async fn make(&self, want: &Spec, requests: &mut Sequence) -> Result<Sight<Spec>, Failure> {
        if !self.send_create(want, requests).await? {
            return Ok(None);
        }
        let ready = requests.look(self.ready(&want.name, true).await)?;
        if want.ttl.is_some() {
            self.send_ttl(None, want, requests).await?;
        }
        if want.point_in_time_recovery {
            self.send_recovery(want, requests).await?;
        }
        Ok(Some(self.is(want, ready.stream_arn())))
    }

    async fn settle(
        &self,
        have: Seen<Spec>,
        want: &Spec,
        requests: &mut Sequence,
    ) -> Result<Seen<Spec>, Failure> {
        let stream = self.bring(&have, want, requests).await?;
        Ok(self.is(want, stream.as_deref()))
    }
}

impl Resource for DynamodbTable {
    const KIND: Kind = Kind::new("dynamodb_table");
    const IMMUTABLE: &'static [&'static str] = &["key", "name"];
    const UNDELETE: Undelete = Undelete::Never;
    const KEEPS: bool = true;
    const VOLATILE: &'static [&'static str] = &["stream_arn"];
    const ACTIONS: &'static [&'static str] = &[
        "dynamodb:CreateTable",
        "dynamodb:DeleteTable",
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:ListTagsOfResource",
        "dynamodb:TagResource",
        "dynamodb:UntagResource",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive",
    ];
    const READS: Cost = Cost {
        each: 4,
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
        let name = &request.handle.0;
        let answer = self.write().delete_table().table_name(name).send().await;
        match &answer {
            Err(error) if verdict(error) == Verdict::NotFound => return Ok(()),
            _ => {}
        }
        answer.wrote("dynamodb:DeleteTable").map_err(|failed| {
            let protected = failed.chain().contains("deletion protection");
            match protected {
                true => failed.with_hint(format!(
                    "DynamoDB protects the table `{name}` from deletion: say `deletion_protection: false` and deploy first"
                )),
                false => failed,
            }
        })?;
        let gone = wait::until("the table to be gone", || async {
            Ok(self.described(name).await?.is_none().then_some(()))
        });
        gone.await.map_err(Failure::after_change)
    }
}
