//! What the target of a rule can have besides its function, of what EventBridge takes for a function (`PutTargets`).
//!
//! Chalice sets none of it, and neither does a wish: it is somebody's change by hand, which changes what the function gets.
//! It is shown as a difference by the names of the fields, and goes with the next write of the target, as with Chalice. The
//! values are kept for the way back alone; a constant input may hold a secret.

use std::collections::BTreeMap;
use std::fmt;

use aws_sdk_cloudwatchevents::error::BuildError;
use aws_sdk_cloudwatchevents::types::builders::TargetBuilder;
use aws_sdk_cloudwatchevents::types::{DeadLetterConfig, InputTransformer, RetryPolicy, Target};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a target has besides its id and ARN.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Details {
    /// A JSON text that is sent instead of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The part of the event that is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_path: Option<String>,
    /// The text that is sent instead of the event, with gaps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_template: Option<String>,
    /// What of the event fills the gaps.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub input_paths: BTreeMap<String, String>,
    /// The role that EventBridge takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The queue for events that could not be delivered, by ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_queue: Option<String>,
    /// How often delivery is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<i32>,
    /// How old an event may be when it is delivered, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_age: Option<i32>,
}

impl Details {
    /// Those of `target`; `None` if it has none.
    pub(super) fn of(target: &Target) -> Option<Self> {
        // Emulators answer with empty texts for what is not there.
        let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(ToOwned::to_owned);
        let transformer = target.input_transformer();
        let paths = transformer.and_then(InputTransformer::input_paths_map);
        let retry = target.retry_policy();
        let details = Self {
            input: text(target.input()),
            input_path: text(target.input_path()),
            input_template: text(transformer.map(InputTransformer::input_template)),
            input_paths: paths.cloned().unwrap_or_default().into_iter().collect(),
            role: text(target.role_arn()),
            dead_letter_queue: text(target.dead_letter_config().and_then(DeadLetterConfig::arn)),
            retries: retry.and_then(RetryPolicy::maximum_retry_attempts),
            event_age: retry.and_then(RetryPolicy::maximum_event_age_in_seconds),
        };
        (details != Self::default()).then_some(details)
    }

    /// `target` with them.
    ///
    /// # Errors
    /// None that EventBridge's own answers can cause.
    pub(super) fn on(&self, target: TargetBuilder) -> Result<TargetBuilder, BuildError> {
        let transformer = self.input_template.as_ref().map(|template| {
            let paths = self.input_paths.clone().into_iter().collect();
            let transformer = InputTransformer::builder().input_template(template);
            transformer.set_input_paths_map(Some(paths)).build()
        });
        let queue = self.dead_letter_queue.as_ref();
        let retry = RetryPolicy::builder()
            .set_maximum_retry_attempts(self.retries)
            .set_maximum_event_age_in_seconds(self.event_age);
        let retries = self.retries.is_some() || self.event_age.is_some();
        Ok(target
            .set_input(self.input.clone())
            .set_input_path(self.input_path.clone())
            .set_input_transformer(transformer.transpose()?)
            .set_role_arn(self.role.clone())
            .set_dead_letter_config(queue.map(|arn| DeadLetterConfig::builder().arn(arn).build()))
            .set_retry_policy(retries.then(|| retry.build())))
    }

    /// What there is, by the names that EventBridge has for it.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let all = [
            ("Input", self.input.is_some()),
            ("InputPath", self.input_path.is_some()),
            ("InputTransformer", self.input_template.is_some()),
            ("RoleArn", self.role.is_some()),
            ("DeadLetterConfig", self.dead_letter_queue.is_some()),
            ("RetryPolicy", self.retries.is_some() || self.event_age.is_some()),
        ];
        let there = all.into_iter().filter(|(_, is_there)| *is_there);
        there.map(|(name, _)| name).collect()
    }
}

impl fmt::Debug for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Details").field(&self.names()).finish()
    }
}
