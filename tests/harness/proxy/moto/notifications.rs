//! Bucket notifications: filter names in either case, EventBridge, and the two things that S3 checks before it takes them.
//!
//! S3 refuses entries that would both answer for one event of one key, and functions that it may not call. Both are refused
//! here in S3's words; whether two filters overlap is told from their prefixes and suffixes as S3 documents it.

use std::collections::BTreeSet;

use bytes::Bytes;
use hyper::{Method, Response};
use serde_json::Value;

use super::super::refusal::{Answer, refusal};
use super::super::upstream::{Asked, Upstream};
use super::super::{call, lock};
use super::memory::Memory;

/// What the proxy remembers of buckets.
#[derive(Debug, Clone, Default)]
pub(super) struct Notifications {
    /// Buckets whose events go to EventBridge.
    to_eventbridge: Memory<BTreeSet<String>>,
}

impl Notifications {
    pub(super) async fn answer(&self, name: &str, upstream: &Upstream, asked: Asked) -> Answer {
        let bucket = bucket_in(&asked);
        match name {
            "PutBucketNotificationConfiguration" => self.put(bucket, upstream, asked).await,
            "GetBucketNotificationConfiguration" => {
                let with_eventbridge = lock(&self.to_eventbridge).contains(&bucket);
                shown(upstream.send(asked).await, with_eventbridge)
            }
            "GetBucketVersioning" | "GetBucketEncryption" | "GetPublicAccessBlock" | "GetBucketTagging" => {
                rooted(upstream.send(asked).await)
            }
            "DeleteBucket" => {
                let answer = upstream.send(asked).await;
                if answer.status().is_success() {
                    lock(&self.to_eventbridge).remove(&bucket);
                }
                answer
            }
            _ => upstream.send(asked).await,
        }
    }

    async fn put(&self, bucket: String, upstream: &Upstream, asked: Asked) -> Answer {
        let text = String::from_utf8_lossy(&asked.body);
        let entries = entries(&text);
        for (index, one) in entries.iter().enumerate() {
            if entries.iter().skip(index + 1).any(|other| one.overlaps(other)) {
                let message = "Configurations overlap. Configurations on the same bucket cannot share a common event type.";
                return refusal("s3", 400, "InvalidArgument", message);
            }
        }
        for entry in &entries {
            if entry.function.is_some() && !may_call(upstream, &asked, entry, &bucket).await {
                let message = "Unable to validate the following destination configurations";
                return refusal("s3", 400, "InvalidArgument", message);
            }
        }
        let with_eventbridge = text.contains("<EventBridgeConfiguration");
        let body = text
            .replace("<Name>Prefix</Name>", "<Name>prefix</Name>")
            .replace("<Name>Suffix</Name>", "<Name>suffix</Name>");
        let answer = upstream
            .send(Asked {
                body: Bytes::from(body),
                parts: asked.parts,
            })
            .await;
        if answer.status().is_success() {
            let mut buckets = lock(&self.to_eventbridge);
            if with_eventbridge {
                buckets.insert(bucket)
            } else {
                buckets.remove(&bucket)
            };
        }
        answer
    }
}

/// A part of a bucket under the name that S3 gives it, which moto calls after the question.
fn rooted(answer: Answer) -> Answer {
    if !answer.status().is_success() {
        return answer;
    }
    let (parts, body) = answer.into_parts();
    let text = String::from_utf8_lossy(&body)
        .replace("GetBucketVersioningResponse", "VersioningConfiguration")
        .replace("GetBucketEncryptionResponse", "ServerSideEncryptionConfiguration")
        .replace("GetPublicAccessBlockResponse", "PublicAccessBlockConfiguration")
        .replace("GetBucketTaggingResponse", "Tagging");
    Response::from_parts(parts, Bytes::from(text))
}

/// The configuration as S3 shows it: filter names with a capital, EventBridge as an empty element.
fn shown(answer: Answer, with_eventbridge: bool) -> Answer {
    if !answer.status().is_success() {
        return answer;
    }
    let (parts, body) = answer.into_parts();
    let mut text = String::from_utf8_lossy(&body)
        .replace("<Name>prefix</Name>", "<Name>Prefix</Name>")
        .replace("<Name>suffix</Name>", "<Name>Suffix</Name>")
        .replace("GetBucketNotificationResponse", "NotificationConfiguration");
    if with_eventbridge {
        const ENTRY: &str =
            "<EventBridgeConfiguration></EventBridgeConfiguration></NotificationConfiguration>";
        text = match text.strip_suffix("/>") {
            Some(start) => format!("{start}>{ENTRY}"),
            None => text.replace("</NotificationConfiguration>", ENTRY),
        };
    }
    Response::from_parts(parts, Bytes::from(text))
}

/// One entry of a configuration.
#[derive(Debug)]
struct Entry {
    function: Option<String>,
    events: Vec<String>,
    prefix: String,
    suffix: String,
}

impl Entry {
    fn read(text: &str) -> Entry {
        let mut entry = Entry {
            function: values(text, "CloudFunction").pop(),
            events: values(text, "Event"),
            prefix: String::new(),
            suffix: String::new(),
        };
        for rule in values(text, "FilterRule") {
            let value = values(&rule, "Value").pop().unwrap_or_default();
            match values(&rule, "Name")
                .pop()
                .unwrap_or_default()
                .to_ascii_lowercase()
                .as_str()
            {
                "prefix" => entry.prefix = value,
                _ => entry.suffix = value,
            }
        }
        entry
    }

    fn overlaps(&self, other: &Entry) -> bool {
        let share = |one: &String| other.events.iter().any(|event| event_overlaps(one, event));
        let prefixes = self.prefix.starts_with(&other.prefix) || other.prefix.starts_with(&self.prefix);
        let suffixes = self.suffix.ends_with(&other.suffix) || other.suffix.ends_with(&self.suffix);
        prefixes && suffixes && self.events.iter().any(share)
    }
}

fn event_overlaps(one: &str, other: &str) -> bool {
    let covers = |wide: &str, narrow: &str| {
        wide.strip_suffix('*')
            .is_some_and(|start| narrow.starts_with(start))
    };
    one == other || covers(one, other) || covers(other, one)
}

fn entries(text: &str) -> Vec<Entry> {
    let kinds = [
        "CloudFunctionConfiguration",
        "QueueConfiguration",
        "TopicConfiguration",
    ];
    let each = kinds.iter().flat_map(|kind| values(text, kind));
    each.map(|entry| Entry::read(&entry)).collect()
}

/// What stands in each element of this name. The SDKs write no blanks and no attributes into these.
fn values(text: &str, element: &str) -> Vec<String> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let inner = text.split(&open).skip(1);
    inner
        .filter_map(|rest| rest.split_once(&close))
        .map(|(value, _)| value.to_owned())
        .collect()
}

/// Whether the function's policy lets S3 call it for this bucket.
async fn may_call(upstream: &Upstream, asked: &Asked, entry: &Entry, bucket: &str) -> bool {
    let (Some(arn), Some(like)) = (&entry.function, asked.signed_for("lambda")) else {
        return true;
    };
    let name = arn.split(':').nth(6).unwrap_or_default();
    let target = format!("/2015-03-31/functions/{name}/policy");
    let answer = upstream.ask(&like, Method::GET, &target, Bytes::new()).await;
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let policy: Value = serde_json::from_str(body["Policy"].as_str().unwrap_or("{}")).unwrap_or_default();
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    statements.iter().any(|statement| {
        let source = &statement["Condition"]["ArnLike"]["AWS:SourceArn"];
        statement["Principal"]["Service"] == "s3.amazonaws.com"
            && (source.is_null() || *source == format!("arn:aws:s3:::{bucket}"))
    })
}

fn bucket_in(asked: &Asked) -> String {
    let first = asked.parts.uri.path().split('/').nth(1).unwrap_or_default();
    call::decoded(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(events: &[&str], prefix: &str, suffix: &str) -> Entry {
        let events: String = events.iter().map(|one| format!("<Event>{one}</Event>")).collect();
        Entry::read(&format!(
            "{events}<FilterRule><Name>Prefix</Name><Value>{prefix}</Value></FilterRule>\
             <FilterRule><Name>suffix</Name><Value>{suffix}</Value></FilterRule>"
        ))
    }

    #[test]
    fn filters_overlap_where_one_key_fits_both() {
        let made = entry(&["s3:ObjectCreated:*"], "in/", ".csv");
        for (other, overlaps) in [
            (entry(&["s3:ObjectCreated:Put"], "in/new/", ""), true),
            (entry(&["s3:ObjectCreated:Put"], "in/", ".txt"), false),
            (entry(&["s3:ObjectCreated:Put"], "out/", ".csv"), false),
            (entry(&["s3:ObjectRemoved:*"], "in/", ".csv"), false),
            (
                entry(&["s3:ObjectRemoved:*", "s3:ObjectCreated:Copy"], "", ""),
                true,
            ),
        ] {
            assert_eq!(made.overlaps(&other), overlaps, "{other:?}");
            assert_eq!(other.overlaps(&made), overlaps, "{other:?}");
        }
    }
}
