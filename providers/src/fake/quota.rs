//! How many calls a second the services take: the service's own buckets, which answer a call too many with a throttle.
//!
//! The rates are those that the pacer believes in; what differs is that requests reach the service on ways of different
//! length ([`Physics::jitter`](super::Physics::jitter)), so that two that were sent apart may arrive together.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::pace::{Access, Bucket, Operation, buckets};

/// The buckets of all services.
#[derive(Debug, Default)]
pub(super) struct Quotas(Mutex<BTreeMap<String, Bucket>>);

impl Quotas {
    /// Whether a call that arrives at `now` is taken.
    pub(super) fn take(&self, operation: &Operation, now: Duration) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let needed = buckets(operation);
        for (name, rate) in &needed {
            known.entry(name.clone()).or_insert_with(|| Bucket::new(*rate));
        }
        let names = || needed.iter().map(|(name, _)| name);
        let full = |name: &String| known.get(name).is_none_or(|bucket| bucket.has_room(now));
        if !names().all(full) {
            return false;
        }
        for name in names() {
            if let Some(bucket) = known.get_mut(name) {
                bucket.take(now);
            }
        }
        true
    }
}

/// The call as the pacer knows it.
pub fn operation(name: &str, write: bool) -> Operation {
    Operation {
        service: service(name).to_owned(),
        name: name.to_owned(),
        access: if write { Access::Write } else { Access::Read },
    }
}

/// Whose call it is. What is not named is Lambda's or API Gateway's.
fn service(name: &str) -> &'static str {
    let holds = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if holds(&["Role"]) {
        "IAM"
    } else if holds(&["LogGroup", "RetentionPolicy"]) {
        "CloudWatch Logs"
    } else if holds(&["Rule", "Targets"]) {
        "CloudWatch Events"
    } else if holds(&["Bucket"]) {
        "S3"
    } else if holds(&["ubscri"]) {
        "SNS"
    } else if holds(&[
        "Function",
        "Permission",
        "Policy",
        "Layer",
        "EventSource",
        "Resource",
    ]) {
        "Lambda"
    } else {
        "API Gateway"
    }
}
