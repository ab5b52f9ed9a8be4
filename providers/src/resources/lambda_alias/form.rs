//! The form of an alias: where it leads, and how it gets there.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_lambda::types::AliasRoutingConfiguration;
use grail_state::template::has_stand_in;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::arn::{Arn, function_name};
use crate::port::Invalid;

/// The longest name of an alias, in characters (`CreateAlias`).
const MAX_NAME: usize = 128;

/// An alias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The function, by name or ARN.
    pub function: String,
    /// Its name, of letters, digits, `-` and `_`; no number.
    pub name: String,
    /// The version that it leads to.
    pub version: String,
    /// A second version, and its share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<Other>,
    /// How it is led from one version to another. No part of what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
}

/// A second version of an alias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Other {
    /// The version.
    pub version: String,
    /// Its share of the calls, in percent.
    pub weight: f64,
}

/// How an alias is led to another version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// The shares of the new version, one after the other, before it has all.
    pub steps: Vec<Step>,
    /// Names or ARNs of alarms of the same account and region. It goes on while none of them rings.
    pub alarms: Vec<String>,
}

/// A share for a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The share of the new version, in percent.
    pub weight: f64,
    /// How long it has that share before the next step, in seconds.
    pub seconds: u64,
}

impl Canary {
    /// How long its steps take.
    pub(super) fn lasts(&self) -> Duration {
        Duration::from_secs(
            self.steps
                .iter()
                .fold(0, |sum, step| step.seconds.saturating_add(sum)),
        )
    }

    /// The names of its alarms.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.alarms.iter().map(|alarm| match Arn::parse(alarm) {
            Some(arn) => arn.resource.strip_prefix("alarm:").unwrap_or(arn.resource),
            None => alarm.as_str(),
        })
    }
}

/// Where an alias leads.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shares {
    pub(super) version: String,
    pub(super) other: Option<Other>,
}

/// A percentage as it is compared and told: two digits behind the point.
pub(super) fn percent(weight: f64) -> f64 {
    (weight * 100.0).round() / 100.0
}

impl Shares {
    pub(super) fn told(version: String, routing: Option<AliasRoutingConfiguration>) -> Self {
        let weights = routing.and_then(|to| to.additional_version_weights);
        let mut weights: Vec<_> = weights.into_iter().flatten().collect();
        weights.sort_by(|one, other| one.0.cmp(&other.0));
        let others = weights.into_iter().map(|(version, weight)| Other {
            version,
            weight: percent(weight * 100.0),
        });
        Self {
            version,
            other: others.into_iter().find(|other| other.weight > 0.0),
        }
    }

    /// An empty set of weights takes those away that are there.
    pub(super) fn sent(&self) -> AliasRoutingConfiguration {
        let weights = self.other.iter();
        let weights: HashMap<_, _> = weights
            .map(|other| (other.version.clone(), percent(other.weight) / 100.0))
            .collect();
        AliasRoutingConfiguration::builder()
            .set_additional_version_weights(Some(weights))
            .build()
    }

    /// In words, which are also what is compared.
    pub(super) fn words(&self) -> String {
        match &self.other {
            Some(other) => {
                let share = percent(other.weight);
                let rest = percent(100.0 - share);
                format!("{rest} % {}, {share} % {}", self.version, other.version)
            }
            None => self.version.clone(),
        }
    }
}

impl Spec {
    pub(super) fn shares(&self) -> Shares {
        let other = self.other.clone();
        Shares {
            version: self.version.clone(),
            other: other.filter(|other| percent(other.weight) > 0.0),
        }
    }

    /// The problems that can be told without asking AWS (`CreateAlias`, `AliasRoutingConfiguration`).
    pub(super) fn problems(&self) -> Vec<Invalid> {
        let mut problems = Vec::new();
        let mut demand = |holds: bool, field: &str, why: String| {
            if !holds {
                let field = field.to_owned();
                problems.push(Invalid { field, why });
            }
        };
        let named = has_stand_in(&self.function) || !function_name(&self.function).is_empty();
        demand(named, "function", "no function is named".to_owned());
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let known = has_stand_in(&self.name);
        let legal = (1..=MAX_NAME).contains(&self.name.len()) && self.name.chars().all(plain);
        demand(
            known || legal,
            "name",
            format!(
                "`{}` is not 1 to {MAX_NAME} letters, digits, `-` and `_`",
                self.name
            ),
        );
        let number = self.name.chars().all(|c| c.is_ascii_digit());
        demand(
            known || !legal || !number,
            "name",
            "a number names a version".to_owned(),
        );
        let fits = |weight: f64| (0.0..=100.0).contains(&weight);
        if let Some(other) = &self.other {
            demand(
                fits(other.weight),
                "other.weight",
                "a share is 0 to 100 percent".to_owned(),
            );
            demand(
                other.version != self.version,
                "other.version",
                "both versions are the same".to_owned(),
            );
        }
        if let Some(canary) = &self.canary {
            demand(
                self.other.is_none(),
                "canary",
                "a canary ends with one version, and so has no second one".to_owned(),
            );
            demand(
                !canary.alarms.is_empty(),
                "canary.alarms",
                "no alarm could stop it".to_owned(),
            );
            let steps = canary
                .steps
                .iter()
                .all(|step| fits(step.weight) && step.weight > 0.0);
            demand(
                steps,
                "canary.steps",
                "a share is more than 0 and at most 100 percent".to_owned(),
            );
            let mut pairs = canary.steps.iter().zip(canary.steps.iter().skip(1));
            demand(
                pairs.all(|(one, next)| one.weight < next.weight),
                "canary.steps",
                "each step has a larger share than the one before".to_owned(),
            );
        }
        problems
    }

    pub(super) fn projected(&self) -> Value {
        json!({
            "function": match has_stand_in(&self.function) {
                true => self.function.as_str(),
                false => function_name(&self.function),
            },
            "name": self.name,
            "version": self.shares().words(),
        })
    }
}

/// Where an alias is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) function: String,
    pub(super) alias: String,
}

impl Address {
    pub(super) fn new(function: &str, alias: &str) -> Self {
        Self {
            function: function_name(function).to_owned(),
            alias: alias.to_owned(),
        }
    }

    /// From the ARN of an alias.
    pub(super) fn of_arn(arn: &str) -> Option<Self> {
        let rest = Arn::parse(arn)?.resource.strip_prefix("function:")?;
        let (function, alias) = rest.split_once(':')?;
        Some(Self::new(function, alias))
    }
}
