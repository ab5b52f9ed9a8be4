//! The form of a function: what a wish states, and what of it can be compared.

use std::collections::BTreeMap;
use std::fmt;

use aws_sdk_lambda::types as lambda;
use grail_state::digest::Digester;
use grail_state::template::has_stand_in;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::image::ImageConfig;
use crate::port::Invalid;
use crate::resources::packages::Code;

/// A function.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name, of at most 64 letters, digits, `-` and `_`.
    pub name: String,
    /// What is called: `app.app`.
    pub handler: String,
    /// Such as `python3.12`.
    pub runtime: String,
    /// The ARN of the role that it runs as.
    pub role: String,
    /// Its memory in MB.
    pub memory: u32,
    /// How long one invocation may take, in seconds.
    pub timeout: u32,
    /// Its environment. The values are secrets: only keyed digests of them are ever shown or stored.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The processor that it runs on.
    #[serde(default)]
    pub architecture: Architecture,
    /// ARNs of layer versions, in the order in which they are laid over each other.
    #[serde(default)]
    pub layers: Vec<String>,
    /// The network that it is attached to, if any.
    #[serde(default)]
    pub vpc: Option<Vpc>,
    /// Whether its invocations are traced.
    #[serde(default)]
    pub tracing: Tracing,
    /// How many invocations are reserved for it; `None` leaves it to the account's pool, 0 stops it.
    #[serde(default)]
    pub reserved_concurrency: Option<u32>,
    /// Its code.
    pub code: Code,
    /// What it is for. As with the two that follow, none leaves it as it is; a function of Chalice has no word on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The size of its `/tmp` in MB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage: Option<u32>,
    /// The ARN of the queue or topic that gets the events on which it failed; empty for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<String>,
    /// How its container is started. For an image alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_config: Option<ImageConfig>,
    /// Whether its published versions start from a snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snap_start: Option<bool>,
    /// What stood in its policy, by the ids of the statements, when it was to be deleted: only the way back has that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statements: Option<BTreeMap<String, Value>>,
    /// Why Lambda could not make or change it, as it says: no wish has that, and the next update sends all of it anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// A processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Architecture {
    /// Intel and AMD.
    #[default]
    #[serde(rename = "x86_64")]
    X86,
    /// Graviton.
    #[serde(rename = "arm64")]
    Arm,
}

impl From<Architecture> for lambda::Architecture {
    fn from(architecture: Architecture) -> Self {
        match architecture {
            Architecture::X86 => Self::X8664,
            Architecture::Arm => Self::Arm64,
        }
    }
}

impl Architecture {
    /// The first of those that Lambda tells; its default where it tells none.
    pub(crate) fn told(told: &[lambda::Architecture]) -> Self {
        match told.first() {
            Some(lambda::Architecture::Arm64) => Self::Arm,
            _ => Self::X86,
        }
    }
}

/// Whether invocations are traced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tracing {
    /// A share of them, by X-Ray.
    Active,
    /// Only what the caller has asked for.
    #[default]
    PassThrough,
}

/// A network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vpc {
    /// The subnets.
    pub subnet_ids: Vec<String>,
    /// The security groups.
    pub security_group_ids: Vec<String>,
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field("name", &self.name)
            .field("environment", &self.environment.keys())
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

impl Spec {
    /// The problems that can be told without asking AWS (Lambda's quotas page and API reference).
    pub(super) fn problems(&self) -> Vec<Invalid> {
        let mut problems = Vec::new();
        let mut demand = |holds: bool, field: &str, why: String| {
            if !holds {
                problems.push(Invalid {
                    field: field.to_owned(),
                    why,
                });
            }
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        demand(
            (1..=64).contains(&self.name.len()) && self.name.chars().all(plain),
            "name",
            format!("`{}` is not 1 to 64 letters, digits, `-` and `_`", self.name),
        );
        demand(
            (128..=10_240).contains(&self.memory),
            "memory",
            format!("{} MB is not between 128 and 10240", self.memory),
        );
        demand(
            (1..=900).contains(&self.timeout),
            "timeout",
            format!("{} s is not between 1 and 900", self.timeout),
        );
        demand(
            self.layers.len() <= 5,
            "layers",
            format!("a function has at most 5 layers, not {}", self.layers.len()),
        );
        // Lambda measures the JSON text, with its quotes and escapes.
        let environment = serde_json::to_string(&self.environment).map_or(0, |text| text.len());
        demand(
            environment <= 4096,
            "environment",
            format!("{environment} bytes of JSON are more than the 4096 that Lambda takes"),
        );
        let storage = self.ephemeral_storage.unwrap_or(512);
        demand(
            (512..=10_240).contains(&storage),
            "ephemeral_storage",
            format!("{storage} MB is not between 512 and 10240"),
        );
        let length = self.description.as_ref().map_or(0, |text| text.chars().count());
        demand(
            length <= 256,
            "description",
            format!("{length} characters are more than the 256 that Lambda takes"),
        );
        let image = self.code.image.is_some();
        demand(
            !image || self.layers.is_empty(),
            "layers",
            "a container image has its layers in it".to_owned(),
        );
        demand(
            image || self.started().is_none(),
            "image_config",
            "only a container image is started so".to_owned(),
        );
        if let Some(vpc) = &self.vpc {
            demand(
                vpc.subnet_ids.is_empty() == vpc.security_group_ids.is_empty(),
                "vpc",
                "subnets and security groups are given together or not at all".to_owned(),
            );
        }
        problems
    }

    /// The comparable form: secrets as keyed digests, code as its content, what has no order sorted.
    pub(super) fn projected(&self, digester: &Digester) -> Value {
        let hidden = |value: &String| {
            if has_stand_in(value) {
                value.clone()
            } else {
                digester.secret(value)
            }
        };
        let environment: BTreeMap<_, _> = self
            .environment
            .iter()
            .map(|(name, value)| (name, hidden(value)))
            .collect();
        let sorted = |ids: &[String]| {
            let mut ids = ids.to_vec();
            ids.sort();
            ids
        };
        let vpc = self.network().map(|vpc| {
            json!({
                "subnet_ids": sorted(&vpc.subnet_ids),
                "security_group_ids": sorted(&vpc.security_group_ids),
            })
        });
        let mut form = json!({
            "name": self.name,
            "handler": self.handler,
            "runtime": self.runtime,
            "role": self.role,
            "memory": self.memory,
            "timeout": self.timeout,
            "environment": environment,
            "tags": self.tags,
            "architecture": self.architecture,
            "layers": self.layers,
            "vpc": vpc,
            "tracing": self.tracing,
            "reserved_concurrency": self.reserved_concurrency,
            "code": self.code.content,
            "failed": self.failed,
        });
        // A statement that there is none is kept apart from silence: what stands there all the same is a difference then.
        let more = [
            ("description", self.description.clone().map(Value::from)),
            ("ephemeral_storage", self.ephemeral_storage.map(Value::from)),
            ("dead_letter", self.dead_letter.clone().map(Value::from)),
            (
                "image_config",
                self.image_config.as_ref().map(|config| json!(config)),
            ),
            ("package", self.code.image.as_ref().map(|_| json!("image"))),
            ("snap_start", self.snap_start.map(Value::from)),
            (
                "statements",
                self.statements.as_ref().map(|statements| json!(statements)),
            ),
        ];
        if let Some(fields) = form.as_object_mut() {
            let stated = more
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?)));
            fields.extend(stated);
        }
        form
    }

    /// The same without what `wish` is silent on although Lambda tells it: nobody asked for that, so it is no difference.
    pub(in crate::resources) fn silent_on(mut self, wish: Option<&Value>) -> Self {
        let says = |field: &str| {
            wish.and_then(|wish| wish.get(field))
                .is_some_and(|value| !value.is_null())
        };
        self.description = self.description.filter(|_| says("description"));
        self.ephemeral_storage = self.ephemeral_storage.filter(|_| says("ephemeral_storage"));
        self.dead_letter = self.dead_letter.filter(|_| says("dead_letter"));
        self.image_config = self.image_config.filter(|_| says("image_config"));
        self.snap_start = self.snap_start.filter(|_| says("snap_start"));
        self
    }

    /// What is said of the start of its container, if anything.
    fn started(&self) -> Option<&ImageConfig> {
        let said = self.image_config.as_ref();
        said.filter(|said| **said != ImageConfig::default())
    }

    /// The network, if there is anything in it.
    pub(super) fn network(&self) -> Option<&Vpc> {
        self.vpc
            .as_ref()
            .filter(|vpc| !vpc.subnet_ids.is_empty() || !vpc.security_group_ids.is_empty())
    }
}
