//! The form of a bucket.

use aws_sdk_s3::types as s3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::port::{Failure, Invalid};
use crate::resources::declared::{Tags, tag_problem};

/// Encryption with keys that S3 keeps, which every bucket has at least.
const MANAGED: &str = "s3";

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name.
    pub name: String,
    /// Whether what is overwritten or deleted is kept as an older version.
    #[serde(default)]
    pub versioning: bool,
    /// `s3` (keys that S3 keeps) or a key of KMS.
    #[serde(default = "managed")]
    pub encryption: String,
    /// Whether everybody is shut out, whatever policies and access lists say.
    #[serde(default = "yes")]
    pub public_access_blocked: bool,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

fn yes() -> bool {
    true
}

fn managed() -> String {
    MANAGED.to_owned()
}

/// The encryption that S3 tells.
pub(super) fn encryption(told: Option<&s3::ServerSideEncryptionConfiguration>) -> String {
    let rule = told.and_then(|told| told.rules.first());
    let applied = rule.and_then(|rule| rule.apply_server_side_encryption_by_default());
    let key = applied.filter(|applied| applied.sse_algorithm != s3::ServerSideEncryption::Aes256);
    key.map_or_else(managed, |key| match key.kms_master_key_id() {
        Some(id) => id.to_owned(),
        None => key.sse_algorithm.as_str().to_owned(),
    })
}

impl Spec {
    /// True for what a new bucket has by itself.
    pub(super) fn has_plain_encryption(&self) -> bool {
        self.encryption == MANAGED
    }

    /// The rule that asks for its encryption. Keys of a bucket save questions to KMS (S3 user guide, "S3 Bucket Keys").
    pub(super) fn encryption_rule(&self) -> Result<s3::ServerSideEncryptionRule, Failure> {
        let plain = self.has_plain_encryption();
        let applied = match plain {
            true => {
                s3::ServerSideEncryptionByDefault::builder().sse_algorithm(s3::ServerSideEncryption::Aes256)
            }
            false => s3::ServerSideEncryptionByDefault::builder()
                .sse_algorithm(s3::ServerSideEncryption::AwsKms)
                .kms_master_key_id(&self.encryption),
        };
        let applied = applied.build().map_err(Failure::refused)?;
        Ok(s3::ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(applied)
            .bucket_key_enabled(!plain)
            .build())
    }

    /// What S3 would refuse (S3 user guide, "General purpose bucket naming rules").
    pub(super) fn problems(&self) -> Vec<Invalid> {
        let mut problems = Vec::new();
        let mut demand = |holds: bool, field: &str, why: String| {
            if !holds {
                let field = field.to_owned();
                problems.push(Invalid { field, why });
            }
        };
        let name = &self.name;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let legal = |c: char| plain(c) || c == '-' || c == '.';
        let fits = (3..=63).contains(&name.len())
            && name.chars().all(legal)
            && name.starts_with(plain)
            && name.ends_with(plain)
            && !name.contains("..")
            && name.parse::<std::net::Ipv4Addr>().is_err();
        demand(
            fits,
            "name",
            format!(
                "`{name}`: the name of a bucket is 3 to 63 lower-case letters, digits, `-` and `.`, with a letter or digit at either end"
            ),
        );
        demand(
            !self.encryption.is_empty(),
            "encryption",
            "is `s3` or a key of KMS".to_owned(),
        );
        if let Some(why) = tag_problem(&self.tags) {
            demand(false, "tags", why);
        }
        problems
    }
}
