//! One stage of the configuration: the look-up, the merge, and what they give.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::function::FunctionConfig;
use super::keys;
use super::position::{Located, Path, path};
use super::{API_HANDLER, Overrides};
use crate::source::chalice::diagnostic::{Place, Problem, closest};

/// The configuration of one stage under the command line's wishes.
#[derive(Clone)]
pub struct StageConfig {
    pub(super) file: Arc<Located>,
    pub(super) stage: String,
    pub(super) overrides: Overrides,
}

impl fmt::Debug for StageConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageConfig")
            .field("app_name", &self.app_name())
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

/// Where a value that counts comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    CommandLine,
    File(Path),
    Default,
}

impl StageConfig {
    /// The stage's name.
    pub fn stage_name(&self) -> &str {
        &self.stage
    }

    /// `app_name`, the first part of every name in AWS.
    pub fn app_name(&self) -> &str {
        self.file
            .value
            .get("app_name")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The AWS profile that the command line names. (The key `profile` has no effect, as in Chalice.)
    pub fn profile(&self) -> Option<&str> {
        self.overrides.profile.as_deref()
    }

    /// The stage of the REST API: `api` where nothing is said.
    pub fn api_gateway_stage(&self) -> String {
        self.text("api_gateway_stage").unwrap_or_else(|| "api".to_owned())
    }

    /// `EDGE`, `REGIONAL` or `PRIVATE`; `EDGE` where nothing is said. Not checked here.
    pub fn api_gateway_endpoint_type(&self) -> String {
        self.text("api_gateway_endpoint_type")
            .unwrap_or_else(|| "EDGE".to_owned())
    }

    /// The VPC endpoints of a private API, as the file writes them: a string or a list of strings.
    pub fn api_gateway_endpoint_vpce(&self) -> Option<Value> {
        self.look_up("api_gateway_endpoint_vpce", None)
            .map(|(value, _)| value)
            .filter(is_truthy)
    }

    /// The file with the API's resource policy, relative to `.chalice/`.
    pub fn api_gateway_policy_file(&self) -> Option<PathBuf> {
        self.text("api_gateway_policy_file")
            .filter(|file| !file.is_empty())
            .map(PathBuf::from)
    }

    /// The size in bytes from which answers are compressed.
    pub fn minimum_compression_size(&self) -> Option<u64> {
        self.look_up("minimum_compression_size", None)
            .and_then(|(value, _)| value.as_u64())
    }

    /// `x86_64` or `arm64`; the first where nothing is said. Not checked here.
    pub fn lambda_architecture(&self) -> String {
        self.text("lambda_architecture")
            .unwrap_or_else(|| "x86_64".to_owned())
    }

    /// Whether the requirements go into a layer of their own.
    pub fn automatic_layer(&self) -> bool {
        self.look_up("automatic_layer", None)
            .is_some_and(|(value, _)| is_truthy(&value))
    }

    /// Whether the stage of the REST API is traced: `xray` in the scope of the API's function.
    pub fn api_xray(&self) -> bool {
        self.function(API_HANDLER).xray
    }

    /// The configuration of the function with the logical name `name`.
    pub fn function(&self, name: &str) -> FunctionConfig {
        FunctionConfig::of(self, name)
    }

    /// The environment variables under which `app.py` is imported: those of the API's function.
    pub fn import_environment(&self) -> BTreeMap<String, String> {
        self.merge("environment_variables", API_HANDLER)
    }

    /// The functions that have a section of their own for this stage, with its place in the file.
    pub fn configured_functions(&self) -> Vec<(String, Option<Place>)> {
        let sections = [
            path(&["lambda_functions"]),
            path(&["stages", &self.stage, "lambda_functions"]),
        ];
        let mut found = Vec::new();
        for section in sections {
            let Some(Value::Object(functions)) = self.get(&section) else {
                continue;
            };
            for name in functions.keys() {
                let at: Path = section.iter().cloned().chain([name.clone()]).collect();
                found.push((name.clone(), self.file.key(&at)));
            }
        }
        found
    }

    /// Where the value of `key` stands that counts for `function` (or for the stage), where it stands in the file.
    pub fn place(&self, key: &str, function: Option<&str>) -> Option<Place> {
        match self.look_up(key, function)?.1 {
            Source::File(at) => self.file.at(&at),
            Source::CommandLine | Source::Default => None,
        }
    }

    /// Chalice's look-up: the first value that is not null wins.
    pub(super) fn look_up(&self, key: &str, function: Option<&str>) -> Option<(Value, Source)> {
        let known = keys::find(key)?;
        let stage = path(&["stages", &self.stage]);
        let in_file = |at: &[String]| {
            let at: Path = at.iter().cloned().chain([key.to_owned()]).collect();
            let value = self.get(&at).filter(|value| !value.is_null())?.clone();
            Some((value, Source::File(at)))
        };
        let of_function = |at: &[String]| {
            let name = function.filter(|_| known.function)?;
            in_file(&[at, &path(&["lambda_functions", name])].concat())
        };
        of_function(&stage)
            .or_else(|| self.overridden(key).map(|value| (value, Source::CommandLine)))
            .or_else(|| if known.stage { in_file(&stage) } else { None })
            .or_else(|| of_function(&[]))
            .or_else(|| in_file(&[]))
            .or_else(|| default(key).map(|value| (value, Source::Default)))
    }

    /// Chalice's merge: top level, stage, function of the stage; the later wins, key by key.
    pub(super) fn merge(&self, key: &str, function: &str) -> BTreeMap<String, String> {
        let places = [
            path(&[]),
            path(&["stages", &self.stage]),
            path(&["stages", &self.stage, "lambda_functions", function]),
        ];
        let mut merged = BTreeMap::new();
        for place in places {
            let at: Path = place.into_iter().chain([key.to_owned()]).collect();
            let Some(Value::Object(entries)) = self.get(&at) else {
                continue;
            };
            for (name, value) in entries {
                if let Value::String(text) = value {
                    merged.insert(name.clone(), text.clone());
                }
            }
        }
        merged
    }

    fn overridden(&self, key: &str) -> Option<Value> {
        match key {
            "autogen_policy" => self.overrides.autogen_policy.map(Value::from),
            "api_gateway_stage" => self.overrides.api_gateway_stage.clone().map(Value::from),
            _ => None,
        }
    }

    fn get(&self, at: &[String]) -> Option<&Value> {
        at.iter().try_fold(&self.file.value, |value, key| value.get(key))
    }

    fn text(&self, key: &str) -> Option<String> {
        let (value, _) = self.look_up(key, None)?;
        value.as_str().map(str::to_owned)
    }

    pub(super) fn check_stage_name(&self, problems: &mut Vec<Problem>) {
        let stage = &self.stage;
        if stage.is_empty() || stage.starts_with('.') || stage.contains(['/', '\\']) {
            let told = format!("`{stage}` cannot be the name of a stage");
            let hint = "a stage names the file of its state: no leading dot, no slash";
            problems.push(Problem::error("config::bad-stage", told).hint(hint));
        }
    }

    /// Chalice would put the text `None` into every name.
    pub(super) fn check_app_name(&self, problems: &mut Vec<Problem>) {
        let at = path(&["app_name"]);
        match self.get(&at) {
            Some(Value::String(name)) if !name.is_empty() => {}
            Some(Value::String(_)) => {
                let told = "`app_name` is empty";
                problems.push(Problem::error("config::no-app-name", told).at(self.file.at(&at)));
            }
            None | Some(Value::Null) => {
                let entries = self
                    .file
                    .value
                    .as_object()
                    .map(|entries| entries.keys().map(String::as_str));
                let near = entries.and_then(|keys| closest("app_name", keys));
                let hint = match near {
                    Some(near) => format!("rename `{near}` to `app_name`"),
                    None => "add it; if Chalice deployed this project before, it used the name \"None\""
                        .to_owned(),
                };
                let place = self
                    .file
                    .at(&Path::new())
                    .map(|place| Place::line(place.path(), place.line_number()));
                problems.push(
                    Problem::error("config::no-app-name", "`app_name` is missing")
                        .hint(hint)
                        .at(place),
                );
            }
            // A wrong type is reported with the others.
            Some(_) => {}
        }
    }
}

/// What holds where nobody says anything.
fn default(key: &str) -> Option<Value> {
    (key == "autogen_policy" || key == "manage_iam_role").then_some(Value::Bool(true))
}

/// Python's idea of truth, which decides in Chalice whether such a setting is there at all.
pub(super) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
    }
}
