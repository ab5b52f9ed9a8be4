//! How a function's container is started, and whether its start is snapped.

use aws_sdk_lambda::types as lambda;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What of a container image is said otherwise than the image says it. All of it empty is the image's own word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageConfig {
    /// The program with its first arguments (`ENTRYPOINT`).
    #[serde(default)]
    pub entry_point: Vec<String>,
    /// The arguments (`CMD`).
    #[serde(default)]
    pub command: Vec<String>,
    /// The folder in which it starts; empty for the image's.
    #[serde(default)]
    pub working_directory: String,
}

impl ImageConfig {
    /// What Lambda tells.
    pub(super) fn told(told: Option<&lambda::ImageConfig>) -> Self {
        let Some(told) = told else { return Self::default() };
        Self {
            entry_point: told.entry_point().to_vec(),
            command: told.command().to_vec(),
            working_directory: told.working_directory().unwrap_or_default().to_owned(),
        }
    }

    /// As it is sent: what is empty takes away what was said before.
    pub(super) fn sent(&self) -> lambda::ImageConfig {
        lambda::ImageConfig::builder()
            .set_entry_point(Some(self.entry_point.clone()))
            .set_command(Some(self.command.clone()))
            .working_directory(&self.working_directory)
            .build()
    }
}

/// Whether published versions start from a snapshot.
pub(super) fn snap_start(on: bool) -> lambda::SnapStart {
    let apply = match on {
        true => lambda::SnapStartApplyOn::PublishedVersions,
        false => lambda::SnapStartApplyOn::None,
    };
    lambda::SnapStart::builder().apply_on(apply).build()
}
