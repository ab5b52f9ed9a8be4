//! What may be said of a function's published versions and its aliases.
//!
//! | Not said | Then |
//! | --- | --- |
//! | `publish` | nothing is published |
//! | `keep` | 5 older versions stay, and each that an alias leads to |
//! | an alias' `version` | the one that this deployment publishes |
//! | `canary` | an alias leads to another version at once |

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::form::Phrase;
use super::shape::{DURATION, VERSION};
use super::urls::Url;

/// How many older versions stay where nothing is said of it.
pub const DEFAULT_KEEP: u32 = 5;
/// The version that a deployment publishes, where versions are named by number.
pub const LATEST: &str = "latest";

/// Whether versions are published, and what becomes of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Publish {
    /// Whether.
    Word(bool),
    /// They are, and so.
    Full(Published),
}

/// What becomes of published versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// How many versions stay beside the newest. Those that an alias leads to stay in any case.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1000))]
    pub keep: Option<u32>,
    /// How many instances of the newest version are kept ready. They are before an alias leads to it.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000000))]
    pub provisioned_concurrency: Option<u32>,
}

impl Publish {
    /// What is said of them, if they are published.
    pub fn said(&self) -> Option<Published> {
        match self {
            Self::Word(false) => None,
            Self::Word(true) => Some(Published::default()),
            Self::Full(published) => Some(published.clone()),
        }
    }
}

/// An alias: a name that leads to a version.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// The number of the version that it leads to, or `latest`, which is the one that is published; without it that one. With
    /// `${env:LIVE, latest}` the alias goes back in one command: `LIVE=7 grail deploy`.
    #[serde(default)]
    pub version: Option<VersionNumber>,
    /// The share of a second version, in percent: `{latest: 10}` or `{"12": 10}`.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": VERSION})))]
    pub weights: Option<BTreeMap<String, Percent>>,
    /// How it is led to the version that is published. To one that is named by its number it is led at once.
    #[serde(default)]
    pub canary: Option<Canary>,
    /// How many instances are kept ready of the version that it leads to.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000000))]
    pub provisioned_concurrency: Option<u32>,
    /// An address of its own on the internet.
    #[serde(default)]
    pub url: Option<Url>,
}

/// A version.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum VersionNumber {
    // What a variable gives is text, and is taken for the first that fits.
    /// By its number as text, or `latest`.
    Text(#[schemars(length(max = 10), extend("pattern" = VERSION))] String),
    /// By its number.
    Number(#[schemars(range(min = 1, max = 1000000000))] u64),
}

impl Alias {
    /// The version that it leads to, if that is not the one that is published.
    pub fn pinned(&self) -> Option<String> {
        let version = match self.version.as_ref()? {
            VersionNumber::Number(number) => number.to_string(),
            VersionNumber::Text(text) => text.clone(),
        };
        Some(version).filter(|version| version != LATEST)
    }
}

/// A share in percent.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Percent(#[schemars(range(min = 0, max = 100))] pub f64);

/// How an alias is led to another version: step by step, as long as no alarm rings.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// The shares of the new version before it has all, each larger than the one before.
    #[schemars(length(min = 1, max = 20))]
    pub steps: Vec<Step>,
    /// Names or ARNs of CloudWatch alarms of the same account and region. One that rings ends the deployment, which goes back.
    #[schemars(length(min = 1, max = 100))]
    pub alarms: Vec<Phrase>,
}

/// A share for a time.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The share, in percent.
    pub weight: Percent,
    /// For how long: `90s`, `5m`, `1h`.
    #[serde(rename = "for")]
    #[schemars(length(max = 8), extend("pattern" = DURATION))]
    pub time: String,
}

impl Step {
    /// Its time in seconds; `None` for what is no time.
    pub fn seconds(&self) -> Option<u64> {
        let unit = self.time.chars().last()?;
        let number: u64 = self.time.strip_suffix(unit)?.parse().ok()?;
        let each = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => return None,
        };
        number.checked_mul(each)
    }
}
