//! Uploaded code, which moto does not give back: the proxy keeps every archive and serves it by its digest.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hyper::{Method, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::lock;
use super::super::refusal::{Answer, refusal};
use super::super::upstream::{Asked, Upstream};
use super::memory::Memory;

/// Where the proxy serves uploaded code: `/_code/<SHA-256 of the archive in hexadecimal>`.
pub(super) const PATH: &str = "/_code/";

/// Every archive that was uploaded, by its SHA-256 in hexadecimal.
#[derive(Debug, Clone, Default)]
pub(super) struct Code {
    archives: Memory<BTreeMap<String, Bytes>>,
}

impl Code {
    /// Remembers what `sent` (`Code`, `Content`, or an update) carries, or names in a bucket.
    pub(super) async fn remember(&self, upstream: &Upstream, asked: &Asked, sent: &Value) {
        let archive = match (
            sent["ZipFile"].as_str(),
            sent["S3Bucket"].as_str(),
            sent["S3Key"].as_str(),
        ) {
            (Some(text), ..) => BASE64.decode(text).ok().map(Bytes::from),
            (None, Some(bucket), Some(key)) => object(upstream, asked, bucket, key).await,
            _ => None,
        };
        if let Some(archive) = archive {
            lock(&self.archives).insert(hex::encode(Sha256::digest(&archive)), archive);
        }
    }

    pub(super) fn serve(&self, digest: &str) -> Answer {
        match lock(&self.archives).get(digest) {
            Some(archive) => Response::new(archive.clone()),
            None => refusal("s3", 404, "NoSuchKey", "The specified key does not exist."),
        }
    }
}

/// Where the code with this digest, as Lambda writes it, can be fetched. None where it is no digest.
pub(super) fn location(own: SocketAddr, digest: &Value) -> Option<String> {
    let digest = BASE64.decode(digest.as_str()?).ok()?;
    Some(format!("http://{own}{PATH}{}", hex::encode(digest)))
}

async fn object(upstream: &Upstream, like: &Asked, bucket: &str, key: &str) -> Option<Bytes> {
    let like = like.signed_for("s3")?;
    let target = format!("/{bucket}/{key}");
    let answer = upstream.ask(&like, Method::GET, &target, Bytes::new()).await;
    answer.status().is_success().then(|| answer.into_body())
}
