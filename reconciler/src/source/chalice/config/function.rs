//! What the configuration says about one function.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde_json::Value;

use super::StageConfig;
use super::stage::is_truthy;

/// Seconds that a function may run where nothing is said (Chalice's default, not Lambda's).
const DEFAULT_TIMEOUT: u32 = 60;
/// Megabytes of memory where nothing is said.
const DEFAULT_MEMORY: u32 = 128;

/// Under which role a function runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleChoice {
    /// The user's own role; `None` where `manage_iam_role` is false and no `iam_role_arn` is given.
    Given(Option<String>),
    /// The role that all such functions share, with the generated policy.
    Shared,
    /// A role of the function's own, with the policy in this file (relative to the project).
    Own(PathBuf),
}

/// The values that count for one function, in Chalice's order of places.
#[derive(Clone, PartialEq, Eq)]
pub struct FunctionConfig {
    /// The function's logical name.
    pub name: String,
    /// Its environment variables. The values are secrets.
    pub environment: BTreeMap<String, String>,
    /// The user's tags. (Chalice's own comes on top, see [`FunctionConfig::all_tags`].)
    pub tags: BTreeMap<String, String>,
    /// Seconds that it may run.
    pub timeout: u32,
    /// Megabytes of memory.
    pub memory_size: u32,
    /// Concurrent runs set aside for it; 0 stops it, `None` sets nothing aside.
    pub reserved_concurrency: Option<u32>,
    /// The subnets that it runs in, as configured: [`FunctionConfig::vpc`] says whether they count.
    pub subnet_ids: Vec<String>,
    /// Its security groups, as configured.
    pub security_group_ids: Vec<String>,
    /// ARNs of layers, in order.
    pub layers: Vec<String>,
    /// Whether its calls are traced.
    pub xray: bool,
    /// Days for which its log is kept; `None` leaves the log group alone.
    pub log_retention_in_days: Option<u32>,
    /// Its role.
    pub role: RoleChoice,
}

impl fmt::Debug for FunctionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionConfig")
            .field("name", &self.name)
            .field("environment", &self.environment.keys().collect::<Vec<_>>())
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl FunctionConfig {
    pub(super) fn of(config: &StageConfig, name: &str) -> Self {
        let value = |key: &str| config.look_up(key, Some(name)).map(|(value, _)| value);
        let number = |key: &str| {
            value(key)
                .and_then(|value| value.as_u64())
                .and_then(|n| u32::try_from(n).ok())
        };
        let texts = |key: &str| value(key).map(|value| strings(&value)).unwrap_or_default();
        Self {
            name: name.to_owned(),
            environment: config.merge("environment_variables", name),
            tags: config.merge("tags", name),
            timeout: number("lambda_timeout").unwrap_or(DEFAULT_TIMEOUT),
            memory_size: number("lambda_memory_size").unwrap_or(DEFAULT_MEMORY),
            reserved_concurrency: number("reserved_concurrency"),
            subnet_ids: texts("subnet_ids"),
            security_group_ids: texts("security_group_ids"),
            layers: texts("layers"),
            xray: value("xray").is_some_and(|value| is_truthy(&value)),
            log_retention_in_days: number("log_retention_in_days").filter(|days| *days > 0),
            role: role(config, name),
        }
    }

    /// Subnets and security groups, where the function runs in a VPC. (One list without the other is refused on validation.)
    pub fn vpc(&self) -> Option<(&[String], &[String])> {
        let both = !self.subnet_ids.is_empty() && !self.security_group_ids.is_empty();
        both.then_some((&self.subnet_ids, &self.security_group_ids))
    }

    /// The user's tags and the one that Chalice puts on every function, which always wins.
    pub fn all_tags(&self, config: &StageConfig, chalice_version: &str) -> BTreeMap<String, String> {
        let ours = format!(
            "version={chalice_version}:stage={}:app={}",
            config.stage_name(),
            config.app_name()
        );
        let mut tags = self.tags.clone();
        tags.insert("aws-chalice".to_owned(), ours);
        tags
    }
}

fn role(config: &StageConfig, name: &str) -> RoleChoice {
    let flag = |key: &str| {
        config
            .look_up(key, Some(name))
            .is_none_or(|(value, _)| is_truthy(&value))
    };
    let text = |key: &str| {
        let (value, _) = config.look_up(key, Some(name))?;
        value.as_str().map(str::to_owned)
    };
    if !flag("manage_iam_role") {
        return RoleChoice::Given(text("iam_role_arn").filter(|arn| !arn.is_empty()));
    }
    if flag("autogen_policy") {
        return RoleChoice::Shared;
    }
    let file = text("iam_policy_file").unwrap_or_else(|| format!("policy-{}.json", config.stage_name()));
    RoleChoice::Own(PathBuf::from(".chalice").join(file))
}

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
