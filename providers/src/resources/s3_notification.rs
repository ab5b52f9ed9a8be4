//! Our notifications in the configuration of one bucket: which functions S3 calls for which events.
//!
//! The configuration is one document that S3 gives and takes whole, and others have their parts in it. The resource is our
//! part alone (design 9.2): all functions of the stack that one bucket calls, merged into what is there in one write, so
//! that two functions can swap their filters, which one by one S3 would refuse as overlapping.
//!
//! Calls: `GetBucketNotificationConfiguration`, and for a change `PutBucketNotificationConfiguration` and a second
//! reading (`exchange`). S3 asks each destination whether it may call it, so the function's permission goes first and may
//! take a moment to count, which is tried for a while.
//!
//! Identity: a notification to a function of ours is ours, as for Chalice, and so is one under an id that we derived
//! (`merge`). The id of what is there is kept. Everything else is not touched to the byte (`document`).
//!
//! The bucket is never made nor deleted here. One that is gone, or that is in another region, calls no function of ours.

mod document;
mod exchange;
mod form;
mod merge;
#[cfg(test)]
mod properties;
mod scope;
mod sought;
#[cfg(test)]
mod tests;
mod xml;

use std::collections::BTreeMap;
use std::sync::Arc;

use grail_state::digest::Digester;
use grail_state::template::has_stand_in;
use grail_state::{Handle, Kind, Proof, Several, Wire};
use serde_json::{Value, json};

use self::document::Notifications;
use self::exchange::Found;
pub use self::form::{Entry, Spec};
use self::merge::{Claim, merge, pair, without};
use self::sought::{Sought, functions_in, functions_of, is_surplus};
use super::lambda_function;
use crate::aws::arn::{Arn, function_name};
use crate::aws::outcome::{Verdict, verdict};
use crate::aws::{Context, Outcome};
use crate::port::{
    Birth, Change, Cost, Failure, Invalid, Lane, Locator, Removal, Resource, Secured, Seen, Sight, Undelete,
};

/// The resource type.
#[derive(Debug)]
pub struct S3Notification {
    context: Arc<Context>,
}

impl S3Notification {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    fn claim(&self, bucket: &str) -> Claim {
        Claim::new(&self.context.stack, bucket)
    }

    /// What is ours in `bucket` with the functions of `entries`.
    fn claim_of(&self, bucket: &str, entries: &BTreeMap<String, Entry>) -> Claim {
        let functions = entries.values().map(|entry| entry.function.as_str());
        self.claim(bucket).with(functions)
    }

    /// Brings our part of the bucket's configuration to `spec`. What is ours by `claim` and not wanted goes.
    async fn establish(&self, spec: &Spec, claim: Claim) -> Result<Seen<Spec>, Failure> {
        let edit = |theirs: &Notifications| merge(theirs, &claim, &spec.entries);
        let settled = exchange::change(&self.context, &spec.bucket, edit).await?;
        let Some(settled) = settled else {
            return Err(
                Failure::refused(format!("there is no bucket {} here", spec.bucket))
                    .with_hint(self.how_to_get(&spec.bucket)),
            );
        };
        let claim = self.claim_of(&spec.bucket, &spec.entries);
        let wanted: Vec<_> = spec.entries.iter().collect();
        let found = pair(&settled, &claim, &wanted);
        let ids = found
            .into_iter()
            .map(|at| Some(settled.parts[at?].id()?.to_owned()));
        let entries = wanted.into_iter().zip(ids).map(|((key, entry), id)| {
            let entry = entry.clone();
            (key.clone(), Entry { id, ..entry })
        });
        let told = |key: &String| !is_surplus(key);
        Ok(seen(
            &spec.bucket,
            entries.collect(),
            told,
            others(&settled, &claim),
        ))
    }

    fn how_to_get(&self, bucket: &str) -> String {
        format!(
            "make the bucket `{bucket}` in {} first: a project names its buckets and does not make them",
            self.context.region
        )
    }

    /// Whether a function is, by its name, one of this stack, whatever the wish says of it now.
    fn is_named_for_us(&self, arn: &str) -> bool {
        let stack = self.context.stack.to_string();
        let ours = |arn: &Arn<'_>| arn.service == "lambda" && arn.account == self.context.account;
        Arn::parse(arn).filter(ours).is_some()
            && function_name(arn)
                .strip_prefix(&stack)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    /// Whether a function that is named for this stack is another's, as its tags tell: `shop-dev-2-thumb` may be `2-thumb` of
    /// `shop-dev`, and `thumb` of `shop-dev-2`. One that is gone or may not be asked about is taken for ours.
    async fn belongs_to_others(&self, function: &str) -> Result<bool, Failure> {
        let lambda = self.context.clients.lambda.read();
        let answer = lambda.list_tags().resource(function).send().await;
        if matches!(&answer, Err(error) if verdict(error) == Verdict::Denied) {
            return Ok(false);
        }
        let tags = answer.found("lambda:ListTags")?.and_then(|answer| answer.tags);
        let tags = tags.map(|tags| tags.into_iter().collect());
        Ok(tags.is_some_and(|tags| lambda_function::proof(&tags, &self.context.stack) != Proof::Ours))
    }

    /// Those of our notifications that S3 would refuse beside what others have in the bucket. What functions of this stack
    /// have there is taken for ours: a handler that was renamed leaves it behind until the write that takes it away.
    async fn overlaps(&self, spec: &Spec, there: &Notifications) -> Result<Vec<Invalid>, Failure> {
        let claim = self.claim_of(&spec.bucket, &spec.entries);
        let mut problems = Vec::new();
        for part in there.parts.iter().filter(|part| !claim.owns(part)) {
            let Some(rule) = part.rule.as_ref() else {
                continue;
            };
            let overlaps = |(_, entry): &(&String, &Entry)| entry.scope().overlaps(&rule.scope());
            let overlapping: Vec<_> = spec.entries.iter().filter(overlaps).collect();
            let named_for_us = part.function().is_some_and(|rule| self.is_named_for_us(&rule.to));
            if overlapping.is_empty() || (named_for_us && !self.belongs_to_others(&rule.to).await?) {
                continue;
            }
            let id = rule.id.as_deref().unwrap_or("without an id");
            problems.extend(overlapping.into_iter().map(|(key, _)| Invalid {
                field: format!("entries.{key}"),
                why: format!(
                    "the notification `{id}` of the bucket `{}` to {} is about some of the same events and objects, and \
                     S3 allows one destination for each",
                    spec.bucket, rule.to
                ),
            }));
        }
        Ok(problems)
    }
}

/// Our notifications as a look or a write left them. `told` says which of them have a name that others know; the rest, the
/// second for one function among them, is no entry of Chalice's file.
fn seen(
    bucket: &str,
    entries: BTreeMap<String, Entry>,
    told: impl Fn(&String) -> bool,
    additions: Vec<String>,
) -> Seen<Spec> {
    let told = entries.iter().filter(|(key, _)| told(key));
    let told: BTreeMap<_, _> = told
        .map(|(key, entry)| (key, json!({"bucket": bucket, "lambda_arn": entry.function})))
        .collect();
    Seen {
        handle: Handle(bucket.to_owned()),
        outputs: BTreeMap::from([("entries".to_owned(), json!(told))]),
        proof: Proof::Ours,
        additions,
        spec: Spec {
            bucket: bucket.to_owned(),
            entries,
        },
    }
}

/// What others have in the bucket, for people.
fn others(there: &Notifications, claim: &Claim) -> Vec<String> {
    let foreign = without(there, claim);
    foreign.parts.iter().map(document::Part::told).collect()
}

impl Resource for S3Notification {
    const KIND: Kind = Kind::new("s3_notification");
    const IMMUTABLE: &'static [&'static str] = &["bucket"];
    const UNDELETE: Undelete = Undelete::Exact;
    const VOLATILE: &'static [&'static str] = &["entries"];
    const PRUNES: &'static [&'static str] = &[document::NOTIFICATION];
    const ACTIONS: &'static [&'static str] = &[
        "lambda:ListTags",
        "s3:GetBucketNotification",
        "s3:PutBucketNotification",
    ];
    /// One `GetBucketNotificationConfiguration` for each bucket.
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    const WIRES: &'static [Wire] = &[Wire {
        handle: Some("bucket"),
        several: Some(Several {
            output: "entries",
            beside: "lambda_arn",
        }),
        ..Wire::to("s3_event")
    }];
    type Spec = Spec;

    fn check(spec: &Spec) -> Vec<Invalid> {
        spec.problems()
    }

    fn project(spec: &Spec, _: &Digester) -> Value {
        let entries: BTreeMap<_, _> = spec
            .entries
            .iter()
            .map(|(key, entry)| (key, entry.projected()))
            .collect();
        json!({"bucket": spec.bucket, "entries": entries})
    }

    fn lane(spec: &Value) -> Option<Lane> {
        Some(Lane(format!("s3:{}", spec.get("bucket")?.as_str()?)))
    }

    fn label(spec: &Value) -> Option<String> {
        spec.get("bucket").and_then(Value::as_str).map(ToOwned::to_owned)
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let Some(sought) = Sought::new(&at) else {
            return Ok(None);
        };
        let there = match exchange::find(&self.context, &sought.bucket).await? {
            Found::Here(there) => there,
            Found::Missing | Found::Elsewhere(_) => return Ok(None),
            Found::Denied(failed) => return Err(failed),
        };
        let claim = self.claim_of(&sought.bucket, &sought.entries);
        let ours = sought.among(&there, &claim);
        let told = |key: &String| sought.entries.contains_key(key);
        Ok((!ours.is_empty()).then(|| seen(&sought.bucket, ours, told, others(&there, &claim))))
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        self.establish(request.spec, self.claim(&request.spec.bucket))
            .await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let had = functions_of(request.have).chain(functions_in(request.outputs).into_values());
        let claim = self.claim(&request.want.bucket).with(had);
        self.establish(request.want, claim).await
    }

    /// What is ours by now is left, whatever its words.
    async fn prune(&self, have: Removal<'_>, children: &[String]) -> Result<(), Failure> {
        let bucket = have.handle.0.as_str();
        let claim = self.claim(bucket);
        let edit = |there: &Notifications| {
            let mut left = there.clone();
            left.parts
                .retain(|part| claim.owns(part) || !children.contains(&part.told()));
            left
        };
        exchange::change(&self.context, bucket, edit).await.map(drop)
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let bucket = request.handle.0.as_str();
        let had = functions_of(request.spec).chain(functions_in(request.outputs).into_values());
        let claim = self.claim(bucket).with(had);
        let edit = |theirs: &Notifications| without(theirs, &claim);
        exchange::change(&self.context, bucket, edit).await.map(|_| ())
    }

    async fn verify(&self, spec: &Spec) -> Result<Vec<Invalid>, Failure> {
        if has_stand_in(&spec.bucket) {
            return Ok(Vec::new());
        }
        let (bucket, region) = (&spec.bucket, &self.context.region);
        let why = match exchange::find(&self.context, bucket).await? {
            Found::Here(there) => return self.overlaps(spec, &there).await,
            Found::Missing => {
                format!("there is no bucket `{bucket}`: a project names its buckets and does not make them")
            }
            Found::Elsewhere(place) => format!(
                "the bucket `{bucket}` is in {}, and S3 calls functions of its own region only; this stage is in {region}",
                place.as_deref().unwrap_or("another region")
            ),
            Found::Denied(failed) => format!(
                "the notifications of the bucket `{bucket}` may not be read ({}): {}",
                failed.chain(),
                failed.hint.unwrap_or_default()
            ),
        };
        Ok(vec![Invalid {
            field: "bucket".to_owned(),
            why,
        }])
    }

    /// The ids besides, which the projected form leaves out. Of two that S3 would not take beside each other (only emulators
    /// have such) the first.
    async fn secure(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        let mut whole = seen.spec.clone();
        whole.entries.clear();
        for (key, entry) in &seen.spec.entries {
            let overlaps = |other: &Entry| other.scope().overlaps(&entry.scope());
            if !whole.entries.values().any(overlaps) {
                whole.entries.insert(key.clone(), entry.clone());
            }
        }
        let spec = serde_json::to_value(&whole).map_err(|error| {
            Failure::refused(format!("the notifications cannot be written down: {error}"))
        })?;
        Ok(Some(Secured {
            spec,
            artifacts: Vec::new(),
            secret: false,
            lost: Vec::new(),
        }))
    }
}
