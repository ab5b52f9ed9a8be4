//! What an object in a bucket is now: its newest version, or where the bucket keeps none, its ETag.
//!
//! Lambda keeps the code that it has once fetched, so an object that has changed since is noticed only by asking for it. Costs
//! one `HeadObject` (allowed by `s3:GetObject`) for each object and plan.

use super::{Context, Outcome as _};
use crate::port::Failure;

/// What tells an object from the one that had its name before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revision {
    /// Its version: with it the object can be had even when there is a newer one.
    Version(String),
    /// Its ETag, without quotes, in a bucket that keeps no versions.
    Etag(String),
}

/// The newest revision of `key` in `bucket`; `None` if there is no such object.
///
/// # Errors
/// As a read: the bucket is not ours to read, or no answer came.
pub async fn latest(context: &Context, bucket: &str, key: &str) -> Result<Option<Revision>, Failure> {
    let request = context.clients.s3.read().head_object().bucket(bucket).key(key);
    let Some(head) = request.send().await.found("s3:GetObject")? else {
        return Ok(None);
    };
    // Objects from the time before a bucket kept versions have one called `null`, and so have those from after it.
    let version = head.version_id.filter(|version| version != "null");
    let etag = || head.e_tag.unwrap_or_default().trim_matches('"').to_owned();
    Ok(Some(
        version.map_or_else(|| Revision::Etag(etag()), Revision::Version),
    ))
}
