//! The requests that make, change and end a mapping, and the waits for what they begin.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_lambda::types::{EventSourcePosition, ScalingConfig};
use grail_state::{Handle, Proof};
use serde_json::{Value, json};

use super::EventSourceMapping;
use super::form::Spec;
use super::listing::living;
use super::mapping::{Mapping, Standing};
use crate::aws::outcome::{Verdict, verdict};
use crate::aws::{Outcome, wait};
use crate::port::{Diff, Failure, Seen};

/// How many looks may find a mapping missing, or at rest elsewhere, after Lambda has taken a request: reads are eventually
/// consistent. Together they take about five seconds.
const STALE: u32 = 6;
/// Between tries while an old mapping goes or a new one cannot be seen.
const AFTER: Duration = Duration::from_secs(2);

/// A mapping that is ours.
pub(super) fn seen(uuid: &str, spec: &Spec) -> Seen<Spec> {
    let mut outputs: BTreeMap<String, Value> = [
        ("uuid", json!(uuid)),
        ("service", json!(spec.service)),
        ("source_arn", json!(spec.source_arn)),
        ("function_arn", json!(spec.function)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    if let Some(name) = spec.source().and_then(|source| source.shown_name()) {
        outputs.insert("name".to_owned(), json!(name));
    }
    Seen {
        handle: Handle(uuid.to_owned()),
        spec: spec.clone(),
        outputs,
        proof: Proof::Ours,
        additions: Vec::new(),
    }
}

impl EventSourceMapping {
    /// `CreateEventSourceMapping`, as Chalice asks for it; `None` if the function has a mapping to that source.
    pub(super) async fn send_create(&self, spec: &Spec) -> Result<Option<Mapping>, Failure> {
        let position = spec.starting_position.as_deref().map(EventSourcePosition::from);
        let made = self
            .write()
            .create_event_source_mapping()
            .event_source_arn(&spec.source_arn)
            .function_name(&spec.function)
            .batch_size(spec.batch_size)
            .maximum_batching_window_in_seconds(spec.maximum_batching_window)
            .set_scaling_config(spec.maximum_concurrency.map(|_| scaling(spec)))
            .set_starting_position(position)
            .set_enabled((!spec.enabled).then_some(false))
            .send()
            .await
            .made("lambda:CreateEventSourceMapping")?;
        let Some(made) = made.map(Mapping::from) else {
            return Ok(None);
        };
        if made.uuid.is_empty() {
            return Err(Failure::maybe("the new event source mapping has no UUID", AFTER).answered());
        }
        Ok(Some(made))
    }

    /// `UpdateEventSourceMapping` with what `diff` names. Batch and window go together, since each limits the other.
    pub(super) async fn send_update(&self, uuid: &str, spec: &Spec, diff: &Diff) -> Result<Mapping, Failure> {
        let mut request = self.write().update_event_source_mapping().uuid(uuid);
        if diff.touches("function") {
            request = request.function_name(&spec.function);
        }
        if diff.touches("batch_size") || diff.touches("maximum_batching_window") {
            request = request
                .batch_size(spec.batch_size)
                .maximum_batching_window_in_seconds(spec.maximum_batching_window);
        }
        if diff.touches("maximum_concurrency") {
            request = request.scaling_config(scaling(spec));
        }
        if diff.touches("enabled") {
            request = request.enabled(spec.enabled);
        }
        let answer = request.send().await.wrote("lambda:UpdateEventSourceMapping")?;
        let changed = Mapping::from(answer);
        if changed.uuid.is_empty() {
            return Err(Failure::refused(format!(
                "the event source mapping {uuid} is gone"
            )));
        }
        Ok(changed)
    }

    /// `DeleteEventSourceMapping`; false if there is nothing to delete.
    pub(super) async fn send_delete(&self, uuid: &str) -> Result<bool, Failure> {
        match self.write().delete_event_source_mapping().uuid(uuid).send().await {
            Err(error) if verdict(&error) == Verdict::NotFound => Ok(false),
            other => other.wrote("lambda:DeleteEventSourceMapping").map(|_| true),
        }
    }

    /// The mapping that stands in the way of a new one. Its function is ours and so is it; where its form differs, the next
    /// step changes it.
    pub(super) async fn made_before(&self, want: &Spec) -> Result<Seen<Spec>, Failure> {
        let key = (want.function.as_str(), want.source_arn.as_str());
        let mappings = self.mappings_of(key).await?;
        let Some(there) = living(key, &mappings) else {
            let (said, on) = if mappings.is_empty() {
                (
                    "exists and cannot be seen yet",
                    "the event source mapping to become visible",
                )
            } else {
                (
                    "is still being deleted",
                    "the old event source mapping to be gone",
                )
            };
            return Err(Failure::awaiting(
                format!("a mapping of {} {said}", want.source_arn),
                AFTER,
                on,
            ));
        };
        let Some(form) = there.form(want.starting_position.as_deref()) else {
            return Err(Failure::refused(format!(
                "the mapping {} has no source",
                there.uuid
            )));
        };
        if there.standing(form.enabled) == Standing::Moving {
            self.settled(&there.uuid, form.enabled).await?;
        }
        Ok(seen(&there.uuid, &form))
    }

    /// Waits until the mapping polls its source, or does not, as it was asked to.
    pub(super) async fn settled(&self, uuid: &str, enabled: bool) -> Result<(), Failure> {
        let stale = AtomicU32::new(0);
        let patient = |said: String| match stale.fetch_add(1, Ordering::Relaxed) {
            0..STALE => Ok(None),
            _ => Err(Failure::refused(said)),
        };
        wait::until("the event source mapping to become ready", || async {
            let Some(mapping) = self.mapping(uuid).await? else {
                return patient(format!("the event source mapping {uuid} is gone"));
            };
            match mapping.standing(enabled) {
                Standing::Reached => Ok(Some(())),
                Standing::Moving => Ok(None),
                Standing::Elsewhere(why) => {
                    patient(format!("Lambda left the event source mapping {uuid} {why}"))
                }
            }
        })
        .await
    }

    /// Waits until the mapping is gone: before that, Lambda refuses a new one in its place.
    pub(super) async fn until_gone(&self, uuid: &str) -> Result<(), Failure> {
        wait::until("the event source mapping to be gone", || async {
            Ok(self.mapping(uuid).await?.is_none().then_some(()))
        })
        .await
    }
}

/// An empty configuration takes the limit away.
fn scaling(spec: &Spec) -> ScalingConfig {
    ScalingConfig::builder()
        .set_maximum_concurrency(spec.maximum_concurrency)
        .build()
}
