//! A bucket as S3 tells it.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types as s3;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use grail_state::Proof;

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
        let answer = self.read().head_bucket().bucket(name).send().await;
        // Somebody else's, in the view of S3: what is not ours to see is not ours, and making it says so.
        if matches!(&answer, Err(error) if verdict(error) == Verdict::Denied || is_forbidden(error)) {
            return Ok(None);
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
        let mut seen = self.is(&spec);
        if spec.tags.is_empty() && self.is_empty(name).await? {
            // Left by a try that died before its mark.
            seen.proof = Proof::Ours;
        }
        Ok(Some(seen))
    }

    async fn versioning(&self, name: &str) -> Result<bool, Failure> {
        let answer = self.read().get_bucket_versioning().bucket(name).send().await;
        let told = part(answer, "s3:GetBucketVersioning")?;
        let status = told.and_then(|told| told.status);
        Ok(status == Some(s3::BucketVersioningStatus::Enabled))
    }

    async fn encryption(&self, name: &str) -> Result<String, Failure> {
        let answer = self.read().get_bucket_encryption().bucket(name).send().await;
        let told = part(answer, "s3:GetEncryptionConfiguration")?;
        let told = told.and_then(|told| told.server_side_encryption_configuration);
        Ok(encryption(told.as_ref()))
    }

    /// Whether all four doors are shut: one that is open is an open one.
    async fn blocked(&self, name: &str) -> Result<bool, Failure> {
        let answer = self.read().get_public_access_block().bucket(name).send().await;
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
        let answer = self.read().get_bucket_tagging().bucket(name).send().await;
        let told = part(answer, "s3:GetBucketTagging")?;
        let tags = told.map(|told| told.tag_set).unwrap_or_default().into_iter();
        Ok(plain_tags(tags.map(|tag| (tag.key, tag.value))))
    }

    async fn is_empty(&self, name: &str) -> Result<bool, Failure> {
        let call = self.read().list_objects_v2().bucket(name).max_keys(1);
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
