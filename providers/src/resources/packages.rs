//! The zips of functions and layers: what is in one that Lambda has, and how one gets there.
//!
//! Lambda tells only the SHA-256 of a zip, and every tool writes another zip of the same files. So an unknown digest is
//! looked up: in what we last recorded, in the wish, among the artifacts, among the packages that lie about, and at last by
//! fetching the zip, once for each digest and run. What was found stays among the artifacts, where the way back finds it.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_lambda::primitives::Blob;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use grail_state::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{OnceCell, Semaphore};

use crate::aws::{Context, Outcome};
use crate::package::{Limits, ZipDigest, content_of_zip};
use crate::port::{Failure, Locator};

/// The largest zip that a request may carry (Lambda quotas: 50 MB).
const DIRECT: usize = 50 * 1024 * 1024;
/// How the content of a zip in a bucket of the project's begins.
const OBJECT: &str = "s3://";
/// The largest zip that is fetched: Lambda takes no more than this unzipped.
const FETCHED: usize = 250 * 1024 * 1024;
/// How many zips are held in memory at once.
const AT_ONCE: usize = 4;

type Once<T> = Mutex<BTreeMap<String, Arc<OnceCell<T>>>>;

/// The code of a function, or what a layer holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// The digest by which code is compared ([`crate::package::Content`]); `unknown:<sha256>` for code that could not be
    /// looked into.
    pub content: String,
    /// The SHA-256 of the zip, in hexadecimal: its name among the artifacts.
    pub artifact: String,
    /// The size of the zip in bytes.
    pub size: u64,
    /// A zip in a bucket of the project's, which Lambda fetches itself. It is compared by its name and version or ETag, which are its
    /// `content`: nobody here looks into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Object>,
    /// A container image, by its address in a registry of ECR. It is compared by that address, which is its `content`: a tag
    /// that was moved to another image is not seen, a digest cannot be moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// A zip in a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// The bucket.
    pub bucket: String,
    /// The object.
    pub key: String,
    /// Its version. Without one it is whatever has the name when Lambda fetches it; what it was then stands in `content`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Code {
    /// Code of which only the digest and the size of its zip are known yet, as Lambda tells them.
    pub(super) fn unread(sha: &str, size: i64) -> Self {
        Self {
            content: format!("unknown:{sha}"),
            artifact: String::new(),
            size: u64::try_from(size).unwrap_or_default(),
            object: None,
            image: None,
        }
    }

    /// A container image.
    pub(super) fn image(address: &str) -> Self {
        Self {
            content: format!("image:{address}"),
            artifact: String::new(),
            size: 0,
            object: None,
            image: Some(address.to_owned()),
        }
    }
}

/// The packages of one run.
#[derive(Debug)]
pub(super) struct Packages {
    context: Arc<Context>,
    contents: Once<String>,
    uploads: Once<()>,
    room: Semaphore,
    direct: usize,
}

/// Code in the form in which a request names it.
pub(super) enum Payload {
    /// The zip itself.
    Zip(Blob),
    /// A zip in a bucket.
    Object {
        bucket: String,
        key: String,
        version: Option<String>,
    },
    /// A container image.
    Image(String),
}

/// Why a package cannot be sent or kept.
#[derive(Debug, thiserror::Error)]
enum PackageError {
    #[error("the package {0} is not at hand")]
    Missing(String),
    #[error("the package is {megabytes} MB, and a request carries at most 50")]
    NoBucket { megabytes: usize },
}

impl Packages {
    pub(super) fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            contents: Once::default(),
            uploads: Once::default(),
            room: Semaphore::new(AT_ONCE),
            direct: DIRECT,
        }
    }

    #[cfg(test)]
    pub(super) fn carrying_at_most(mut self, bytes: usize) -> Self {
        self.direct = bytes;
        self
    }

    /// Completes `code`, whose zip has the digest `sha` and can be had at `location`, with what is in it. The zip is fetched
    /// only if there is a wish to compare it with.
    pub(super) async fn recognise(
        &self,
        code: &mut Code,
        sha: &str,
        location: Option<&str>,
        at: &Locator<'_>,
    ) {
        if code.image.is_some() {
            return;
        }
        let hex = hex_of(sha).unwrap_or_default();
        let content = match recorded(at, sha).or_else(|| wanted(at, &hex)) {
            Some(content) => Some(content),
            None => self.content(sha, location.filter(|_| is_wished(at))).await,
        };
        if let Some(content) = content {
            code.content = content;
        }
        code.artifact = hex;
    }

    /// The content of the package `sha`, looked up once for all functions that share it.
    async fn content(&self, sha: &str, location: Option<&str>) -> Option<String> {
        let cell = once(&self.contents, sha);
        let content = cell.get_or_try_init(|| async {
            let _room = self.room.acquire().await.map_err(drop)?;
            let bytes = self.bytes(sha, location).await.ok_or(())?;
            content_of(bytes).await.ok_or(())
        });
        content.await.ok().cloned()
    }

    /// The bytes of the package `sha`, which are then among the artifacts.
    async fn bytes(&self, sha: &str, location: Option<&str>) -> Option<Vec<u8>> {
        let digest = Digest(hex_of(sha)?);
        if let Ok(Some(bytes)) = self.context.artifacts.get(&digest) {
            return Some(bytes);
        }
        let is_it = |bytes: &Vec<u8>| ZipDigest::of(bytes).base64() == sha;
        let bytes = match (self.context.foreign_code)(sha).filter(is_it) {
            Some(bytes) => bytes,
            None => self.fetch(sha, location?).await.filter(is_it)?,
        };
        if let Err(error) = self.context.artifacts.put(&bytes) {
            tracing::warn!(%digest, %error, "a package could not be kept");
        }
        Some(bytes)
    }

    async fn fetch(&self, sha: &str, location: &str) -> Option<Vec<u8>> {
        match self.context.seam.download(location, FETCHED).await {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                tracing::debug!(sha, %error, "the code of a function could not be fetched");
                None
            }
        }
    }

    /// Keeps the package `sha` among the artifacts, and completes `code` with what is in it. `None` if it is not at hand and
    /// cannot be had at `location`.
    ///
    /// # Errors
    /// Where it could not be kept.
    pub(super) async fn keep(
        &self,
        sha: &str,
        code: &Code,
        location: Option<&str>,
    ) -> Result<Option<Code>, Failure> {
        if code.image.is_some() {
            return Ok(Some(code.clone()));
        }
        let _room = self.room.acquire().await.map_err(Failure::refused)?;
        let Some(bytes) = self.bytes(sha, location).await else {
            return Ok(None);
        };
        let kept = self.context.artifacts.put(&bytes).map_err(Failure::refused)?;
        let size = bytes.len() as u64;
        // What is compared by its place is so still when it comes back from the bytes.
        let content = match code.content.starts_with(OBJECT) {
            true => None,
            false => content_of(bytes).await,
        };
        let content = content.unwrap_or_else(|| code.content.clone());
        Ok(Some(Code {
            content,
            artifact: kept.0,
            size,
            object: None,
            image: None,
        }))
    }

    /// The code in the form in which it is sent. What no request can carry goes through the bucket first.
    pub(super) async fn payload(&self, code: &Code) -> Result<Payload, Failure> {
        if let Some(image) = code.image.clone() {
            return Ok(Payload::Image(image));
        }
        if let Some(object) = code.object.clone() {
            return Ok(Payload::Object {
                bucket: object.bucket,
                key: object.key,
                version: object.version,
            });
        }
        let bytes = self.packed(code)?;
        if bytes.len() <= self.direct {
            return Ok(Payload::Zip(Blob::new(bytes)));
        }
        let Some(bucket) = self.context.code_bucket.clone() else {
            let megabytes = bytes.len().div_ceil(1024 * 1024);
            return Err(Failure::refused(PackageError::NoBucket { megabytes }).with_hint(
                "make it smaller, or name a bucket of the same region to upload it through in `GRAIL_CODE_BUCKET`",
            ));
        };
        let key = format!("grail/{}/{}.zip", self.context.stack, code.artifact);
        let cell = once(&self.uploads, &key);
        cell.get_or_try_init(|| self.upload(&bucket, &key, bytes)).await?;
        Ok(Payload::Object {
            bucket,
            key,
            version: None,
        })
    }

    fn packed(&self, code: &Code) -> Result<Vec<u8>, Failure> {
        let digest = Digest(code.artifact.clone());
        if let Some(bytes) = self.context.artifacts.get(&digest).map_err(Failure::refused)? {
            return Ok(bytes);
        }
        ZipDigest::from_hex(&code.artifact)
            .and_then(|zip| (self.context.foreign_code)(&zip.base64()))
            .filter(|bytes| ZipDigest::of(bytes).hex() == code.artifact)
            .ok_or_else(|| Failure::refused(PackageError::Missing(digest.short().to_owned())))
    }

    /// Puts a package into the bucket. Its key is its digest, so a repetition puts the same bytes.
    async fn upload(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        let s3 = self.context.clients.s3.write();
        let request = s3.put_object().bucket(bucket).key(key).body(bytes.into());
        request.send().await.wrote("s3:PutObject").map(|_| ())
    }
}

fn once<T>(all: &Once<T>, key: &str) -> Arc<OnceCell<T>> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(all.entry(key.to_owned()).or_default())
}

/// Reading a zip takes a processor for a while.
async fn content_of(bytes: Vec<u8>) -> Option<String> {
    let read = move || content_of_zip(Cursor::new(bytes), Limits::default());
    match tokio::task::spawn_blocking(read).await.ok()? {
        Ok(content) => Some(content.as_str().to_owned()),
        Err(error) => {
            tracing::debug!(%error, "the code of a function could not be read");
            None
        }
    }
}

fn hex_of(sha: &str) -> Option<String> {
    STANDARD.decode(sha).ok().map(hex::encode)
}

/// The content that we recorded when we last saw or left this very zip there.
fn recorded(at: &Locator<'_>, sha: &str) -> Option<String> {
    let record = at
        .record
        .filter(|record| record.outputs.get("code_sha256").and_then(Value::as_str) == Some(sha))?;
    let content = record.spec.get("code")?.as_str()?;
    (!content.starts_with("unknown:")).then(|| content.to_owned())
}

/// The content of the wish, if Lambda has its very zip.
fn wanted(at: &Locator<'_>, hex: &str) -> Option<String> {
    let code = at.spec?.get("code")?;
    let is_it = !hex.is_empty() && code.get("artifact")?.as_str()? == hex;
    is_it.then(|| code.get("content")?.as_str().map(ToOwned::to_owned))?
}

/// A wish has a whole `code`; a recorded form has only its content.
fn is_wished(at: &Locator<'_>) -> bool {
    at.spec
        .and_then(|spec| spec.get("code"))
        .is_some_and(Value::is_object)
}
