//! A mapping as Lambda tells it.

use aws_sdk_lambda::operation::create_event_source_mapping::CreateEventSourceMappingOutput;
use aws_sdk_lambda::operation::get_event_source_mapping::GetEventSourceMappingOutput;
use aws_sdk_lambda::operation::update_event_source_mapping::UpdateEventSourceMappingOutput;
use aws_sdk_lambda::types::EventSourceMappingConfiguration;

use super::form::{Service, Source, Spec};

/// What Lambda says of a mapping, as far as it concerns us.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mapping {
    pub(super) uuid: String,
    pub(super) source_arn: String,
    pub(super) function_arn: String,
    pub(super) starting_position: Option<String>,
    state: String,
    /// Why it is in this state.
    reason: String,
    batch_size: Option<i32>,
    window: Option<i32>,
    concurrency: Option<i32>,
    /// What no wish of ours can name and somebody has set, in words.
    pub(super) additions: Vec<String>,
}

/// What others have set on a mapping: whether each of three is there.
fn additions(filters: bool, destination: bool, partial: bool) -> Vec<String> {
    [
        (filters, "event filters"),
        (destination, "a destination for failures"),
        (partial, "reports of partial failures"),
    ]
    .into_iter()
    .filter(|(there, _)| *there)
    .map(|(_, words)| words.to_owned())
    .collect()
}

/// The SDK has four types for one thing.
macro_rules! mappings {
    ($($answer:ty),+) => {
        $(impl From<$answer> for Mapping {
            fn from(answer: $answer) -> Self {
                let filters = answer.filter_criteria.and_then(|filters| filters.filters);
                let failures = answer.destination_config.and_then(|config| config.on_failure);
                let destination = failures.and_then(|failures| failures.destination);
                let partial = answer.function_response_types.unwrap_or_default();
                Self {
                    additions: additions(
                        !filters.unwrap_or_default().is_empty(),
                        destination.is_some(),
                        !partial.is_empty(),
                    ),
                    uuid: answer.uuid.unwrap_or_default(),
                    source_arn: answer.event_source_arn.unwrap_or_default(),
                    function_arn: answer.function_arn.unwrap_or_default(),
                    starting_position: answer.starting_position.map(|position| position.as_str().to_owned()),
                    state: answer.state.unwrap_or_default(),
                    reason: answer.state_transition_reason.unwrap_or_default(),
                    batch_size: answer.batch_size,
                    window: answer.maximum_batching_window_in_seconds,
                    concurrency: answer.scaling_config.and_then(|scaling| scaling.maximum_concurrency),
                }
            }
        })+
    };
}

mappings!(
    CreateEventSourceMappingOutput,
    EventSourceMappingConfiguration,
    GetEventSourceMappingOutput,
    UpdateEventSourceMappingOutput
);

/// Where a mapping stands on its way to being as it was asked to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is.
    Reached,
    /// It is on its way.
    Moving,
    /// It came to rest elsewhere; as Lambda says where and why.
    Elsewhere(String),
}

impl Mapping {
    /// True if it is being deleted.
    pub(super) fn is_leaving(&self) -> bool {
        self.state == "Deleting"
    }

    /// True if it is being made or changed.
    pub(super) fn is_moving(&self) -> bool {
        matches!(
            self.state.as_str(),
            "Creating" | "Enabling" | "Disabling" | "Updating"
        )
    }

    /// Whether it polls its source. While it is being made or changed, it will.
    fn is_enabled(&self) -> bool {
        !matches!(self.state.as_str(), "Disabled" | "Disabling")
    }

    /// Where it stands, if it was asked to be `enabled` or not.
    pub(super) fn standing(&self, enabled: bool) -> Standing {
        match (self.state.as_str(), enabled) {
            ("Enabled", true) | ("Disabled", false) => Standing::Reached,
            _ if self.is_moving() => Standing::Moving,
            (state, _) => Standing::Elsewhere(format!("{state}: {}", self.reason)),
        }
    }

    /// Its form; `None` if it is of a kind that we do not know. `asked` has the starting position, in case that the answer
    /// lacks it.
    pub(super) fn form(&self, asked: Option<&str>) -> Option<Spec> {
        let source = Source::parse(&self.source_arn)?;
        let streams = source.service != Service::Sqs;
        let position = self.starting_position.as_deref().or(asked).filter(|_| streams);
        Some(Spec {
            service: source.service,
            source_arn: self.source_arn.clone(),
            name: source.shown_name().map(ToOwned::to_owned),
            function: self.function_arn.clone(),
            batch_size: self.batch_size.unwrap_or(if streams { 100 } else { 10 }),
            maximum_batching_window: self.window.unwrap_or(0),
            maximum_concurrency: self.concurrency,
            starting_position: position.map(ToOwned::to_owned),
            enabled: self.is_enabled(),
        })
    }
}
