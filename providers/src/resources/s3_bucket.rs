//! A bucket of S3.
//!
//! Calls: to look `HeadBucket`, then `GetBucketVersioning`, `GetBucketEncryption`, `GetPublicAccessBlock` and `GetBucketTagging` at
//! once; to make `CreateBucket`, then `PutBucketTagging` and what differs from what a new bucket is; to change the same calls,
//! each for its part; to remove `DeleteBucket`. S3 names no rates for them.
//!
//! Identity: the name, which is unique in the whole world, and the tags ([`declared`](super::declared)). A bucket cannot be made
//! together with its tags, so that a death between the two requests leaves one without: a bucket of our name that has no tags
//! and is empty is taken for ours where the journal knows of such an attempt, and else is somebody's. In `us-east-1`
//! `CreateBucket` gives a bucket that is there without a word, so that each birth looks first. Every request names the account
//! that the bucket must be of: a name can be guessed, and another account may have made it before us.
//!
//! A bucket that is not empty is never emptied: S3 refuses its deletion, and a person decides.
//!
//! New buckets shut everybody out, whatever policies and access lists say (`public_access_blocked`).
//!
//! What it does not know: policies, lifecycle, replication, CORS, logs, locks, notifications. They stay as they are.

mod form;
mod reading;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use aws_sdk_s3::types as s3;
use grail_state::{Kind, StackId};
use serde_json::{Value, json};

pub use self::form::Spec;

use super::declared::{self, Declared, Tags};
use crate::aws::outcome::Sequence;
use crate::aws::{Context, Outcome};
use crate::port::{Birth, Change, Cost, Failure, Invalid, Locator, Removal, Resource, Seen, Sight, Undelete};

/// The region whose name no bucket is told.
const FIRST_REGION: &str = "us-east-1";

/// The resource type.
#[derive(Debug)]
pub struct S3Bucket {
    context: Arc<Context>,
}

impl S3Bucket {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    fn read(&self) -> &aws_sdk_s3::Client {
        self.context.clients.s3.read()
    }

    fn write(&self) -> &aws_sdk_s3::Client {
        self.context.clients.s3.write()
    }

    fn is(&self, spec: &Spec) -> Seen<Spec> {
        let Context {
            partition,
            region,
            dns_suffix,
            ..
        } = &*self.context;
        let name = &spec.name;
        let more = [
            ("arn", json!(format!("arn:{partition}:s3:::{name}"))),
            ("domain", json!(format!("{name}.s3.{region}.{dns_suffix}"))),
        ];
        self.seen(spec.clone(), &spec.tags, &more)
    }

    async fn send_tags(&self, name: &str, tags: &Tags, requests: &mut Sequence) -> Result<(), Failure> {
        let each = tags.iter();
        let set = each.filter_map(|(key, value)| s3::Tag::builder().key(key).value(value).build().ok());
        let tagging = s3::Tagging::builder().set_tag_set(Some(set.collect())).build();
        let tagging = tagging.map_err(Failure::refused)?;
        let call = self
            .write()
            .put_bucket_tagging()
            .bucket(name)
            .expected_bucket_owner(&self.context.account)
            .tagging(tagging);
        requests
            .step(call.send().await.wrote("s3:PutBucketTagging"))
            .map(drop)
    }

    async fn send_block(&self, want: &Spec, requests: &mut Sequence) -> Result<(), Failure> {
        let blocked = want.public_access_blocked;
        let block = s3::PublicAccessBlockConfiguration::builder()
            .block_public_acls(blocked)
            .ignore_public_acls(blocked)
            .block_public_policy(blocked)
            .restrict_public_buckets(blocked)
            .build();
        let call = self
            .write()
            .put_public_access_block()
            .bucket(&want.name)
            .expected_bucket_owner(&self.context.account);
        let answer = call.public_access_block_configuration(block).send().await;
        requests
            .step(answer.wrote("s3:PutBucketPublicAccessBlock"))
            .map(drop)
    }

    async fn send_versioning(&self, want: &Spec, requests: &mut Sequence) -> Result<(), Failure> {
        let status = match want.versioning {
            true => s3::BucketVersioningStatus::Enabled,
            false => s3::BucketVersioningStatus::Suspended,
        };
        let told = s3::VersioningConfiguration::builder().status(status).build();
        let call = self
            .write()
            .put_bucket_versioning()
            .bucket(&want.name)
            .expected_bucket_owner(&self.context.account);
        let answer = call.versioning_configuration(told).send().await;
        requests.step(answer.wrote("s3:PutBucketVersioning")).map(drop)
    }

    async fn send_encryption(&self, want: &Spec, requests: &mut Sequence) -> Result<(), Failure> {
        let rule = want.encryption_rule()?;
        let told = s3::ServerSideEncryptionConfiguration::builder().rules(rule);
        let told = told.build().map_err(Failure::refused)?;
        let call = self
            .write()
            .put_bucket_encryption()
            .bucket(&want.name)
            .expected_bucket_owner(&self.context.account);
        let answer = call.server_side_encryption_configuration(told).send().await;
        requests
            .step(answer.wrote("s3:PutEncryptionConfiguration"))
            .map(drop)
    }
}

impl Declared for S3Bucket {
    const SILENT: bool = true;

    fn stack(&self) -> &StackId {
        &self.context.stack
    }

    fn name(spec: &Spec) -> &str {
        &spec.name
    }

    async fn there(&self, name: &str) -> Result<Sight<Spec>, Failure> {
        self.whole(name).await
    }

    async fn is_left(&self, there: &Seen<Spec>) -> Result<bool, Failure> {
        Ok(there.spec.tags.is_empty() && self.is_empty(&there.spec.name).await?)
    }

    async fn make(&self, want: &Spec, requests: &mut Sequence) -> Result<Sight<Spec>, Failure> {
        let region = &self.context.region;
        let place = s3::CreateBucketConfiguration::builder()
            .location_constraint(region.as_str().into())
            .build();
        let call = self
            .write()
            .create_bucket()
            .bucket(&want.name)
            .set_create_bucket_configuration((region != FIRST_REGION).then_some(place));
        let answer = call.send().await;
        if self.is_somebody_elses(&answer) {
            return Err(Failure::foreign(format!(
                "a bucket `{}` of another account",
                want.name
            )));
        }
        if answer.made("s3:CreateBucket")?.is_none() {
            return Ok(None);
        }
        requests.step(Ok(()))?;
        // First of all it is marked as ours.
        self.send_tags(&want.name, &want.tags, requests).await?;
        self.send_block(want, requests).await?;
        if want.versioning {
            self.send_versioning(want, requests).await?;
        }
        if !want.has_plain_encryption() {
            self.send_encryption(want, requests).await?;
        }
        Ok(Some(self.is(want)))
    }

    async fn settle(
        &self,
        have: Seen<Spec>,
        want: &Spec,
        requests: &mut Sequence,
    ) -> Result<Seen<Spec>, Failure> {
        let have = have.spec;
        if have.tags != want.tags {
            self.send_tags(&want.name, &want.tags, requests).await?;
        }
        if have.public_access_blocked != want.public_access_blocked {
            self.send_block(want, requests).await?;
        }
        if have.versioning != want.versioning {
            self.send_versioning(want, requests).await?;
        }
        if have.encryption != want.encryption {
            self.send_encryption(want, requests).await?;
        }
        Ok(self.is(want))
    }
}

impl Resource for S3Bucket {
    const KIND: Kind = Kind::new("s3_bucket");
    const IMMUTABLE: &'static [&'static str] = &["name"];
    const UNDELETE: Undelete = Undelete::Never;
    const KEEPS: bool = true;
    const ACTIONS: &'static [&'static str] = &[
        "s3:CreateBucket",
        "s3:DeleteBucket",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration",
        "s3:ListBucket",
        "s3:PutBucketPublicAccessBlock",
        "s3:PutBucketTagging",
        "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration",
    ];
    const READS: Cost = Cost {
        each: 5,
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
        let answer = self
            .write()
            .delete_bucket()
            .bucket(name)
            .expected_bucket_owner(&self.context.account)
            .send()
            .await;
        answer.gone("s3:DeleteBucket").map_err(|failed| match failed.chain().contains("BucketNotEmpty") {
            true => failed.with_hint(format!(
                "grail never empties a bucket: see to what is in `{name}`, older versions included, and try again"
            )),
            false => failed,
        })
    }
}
