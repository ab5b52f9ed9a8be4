//! A bucket as S3 tells it.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types as s3;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::S3Bucket;
use super::form::{Spec, encryption};
use crate::aws::Outcome;
use crate::aws::outcome::{Verdict, verdict};
use crate::port::{Failure, Sight};
use crate::resources::declared::{Tags, plain_tags};

/// The answers by which S3 says that a part of a bucket was never set.
const UNSET: [&str; 3] = [
    "NoSuchPublicAccessBlockConfiguration",
    "NoSuchTagSet",
    "ServerSideEncryptionConfigurationNotFoundError",
];

/// The answer to a question for a part of a bucket that may never have been set.
fn part<T, E>(
    answer: Result<T, SdkError<E, HttpResponse>>,
    action: &'static str,
) -> Result<Option<T>, Failure>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let code = match &answer {
        Err(SdkError::ServiceError(refused)) => refused.err().code().unwrap_or_default(),
        _ => "",
    };
    if UNSET.contains(&code) {
        return Ok(None);
    }
    answer.found(action)
}

impl S3Bucket {
    /// True for the refusal of a name that somebody else has.
    pub(super) fn is_somebody_elses<T, E>(&self, answer: &Result<T, SdkError<E, HttpResponse>>) -> bool
    where
        E: ProvideErrorMetadata,
    {
        let Err(SdkError::ServiceError(refused)) = answer else {
            return false;
        };
        refused.err().code() == Some("BucketAlreadyExists")
    }

    pub(super) async fn whole(&self, name: &str) -> Result<Sight<Spec>, Failure> {
        let answer = self
            .read()
            .head_bucket()
            .bucket(name)
            .expected_bucket_owner(&self.context.account)
            .send()
            .await;
        // There is one. Whether it is another account's, S3 does not say.
        if matches!(&answer, Err(error) if verdict(error) == Verdict::Denied || is_forbidden(error)) {
            let text = format!("S3 does not let this account look at the bucket `{name}`");
            let hint = "it is another account's (then give it another `name`), or the right `s3:ListBucket` is missing";
            return Err(Failure::refused(text).with_hint(hint));
        }
        if answer.found("s3:ListBucket")?.is_none() {
            return Ok(None);
        }
        let (versioning, encryption, public_access_blocked, tags) = futures::future::try_join4(
            self.versioning(name),
            self.encryption(name),
            self.blocked(name),
            self.tags(name),
        )
        .await?;
        let spec = Spec {
            name: name.to_owned(),
            versioning,
            encryption,
            public_access_blocked,
            tags,
        };
        Ok(Some(self.is(&spec)))
    }

    async fn versioning(&self, name: &str) -> Result<bool, Failure> {
        let answer = self
            .read()
            .get_bucket_versioning()
            .bucket(name)
            .expected_bucket_owner(&self.context.account)
            .send()
            .await;
        let told = part(answer, "s3:GetBucketVersioning")?;
        let status = told.and_then(|told| told.status);
        Ok(status == Some(s3::BucketVersioningStatus::Enabled))
    }

    async fn encryption(&self, name: &str) -> Result<String, Failure> {
        let answer = self
            .read()
            .get_bucket_encryption()
            .bucket(name)
            .expected_bucket_owner(&self.context.account)
            .send()
            .await;
        let told = part(answer, "s3:GetEncryptionConfiguration")?;
        let told = told.and_then(|told| told.server_side_encryption_configuration);
        Ok(encryption(told.as_ref()))
    }

    /// Whether all four doors are shut: one that is open is an open one.
    async fn blocked(&self, name: &str) -> Result<bool, Failure> {
        let answer = self
            .read()
            .get_public_access_block()
            .bucket(name)
            .expected_bucket_owner(&self.context.account)
            .send()
            .await;
        let told = part(answer, "s3:GetBucketPublicAccessBlock")?;
        let told = told.and_then(|told| told.public_access_block_configuration);
        Ok(told.is_some_and(|told| {
            [
                told.block_public_acls,
                told.ignore_public_acls,
                told.block_public_policy,
                told.restrict_public_buckets,
            ]
            .iter()
            .all(|shut| *shut == Some(true))
        }))
    }

    async fn tags(&self, name: &str) -> Result<Tags, Failure> {
        let answer = self
            .read()
            .get_bucket_tagging()
            .bucket(name)
            .expected_bucket_owner(&self.context.account)
            .send()
            .await;
        let told = part(answer, "s3:GetBucketTagging")?;
        let tags = told.map(|told| told.tag_set).unwrap_or_default().into_iter();
        Ok(plain_tags(tags.map(|tag| (tag.key, tag.value))))
    }

    pub(super) async fn is_empty(&self, name: &str) -> Result<bool, Failure> {
        let call = self
            .read()
            .list_objects_v2()
            .bucket(name)
            .expected_bucket_owner(&self.context.account)
            .max_keys(1);
        let listed = call.send().await.found("s3:ListBucket")?;
        Ok(listed.is_some_and(|listed| listed.contents().is_empty()))
    }
}

/// A question by `HEAD` is refused without a word.
fn is_forbidden<E>(error: &SdkError<E, HttpResponse>) -> bool {
    error
        .raw_response()
        .is_some_and(|answer| answer.status().as_u16() == 403)
}
