//! `.chalice/config.json`: which value counts for which function of which stage.
//!
//! The order of places is Chalice's to the letter, with its two surprises: a function's value under the stage beats the
//! command line, and a plain value of the stage beats a function's value at the top level. Deploying a project here or with
//! Chalice must give the same account, so nothing is improved in this file; what looks like a slip is told as a warning.
//!
//! Reading goes in two steps. [`ProjectConfig::read`] needs no stage and fails only where no stage could be read. Then
//! [`ProjectConfig::stage`] picks one, checks the whole file, and refuses with every problem at once. A [`StageConfig`]
//! therefore holds values of the right type only, and its accessors cannot fail.
//!
//! Environment variables are secrets: no `Debug` here shows a value.

mod check;
mod function;
mod keys;
mod position;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use serde_json::Value;

pub use self::function::{FunctionConfig, RoleChoice};
use self::keys::kind_of;
use self::position::{Located, Path, path};
use super::diagnostic::{Place, Problem, Problems, closest, judge};

/// Where the configuration lies in a project.
pub const CONFIG_FILE: &str = ".chalice/config.json";
/// The logical name of the function behind the REST API, and the scope of every look-up that names no function.
pub const API_HANDLER: &str = "api_handler";

/// What the command line says in place of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--autogen-policy` or `--no-autogen-policy`.
    pub autogen_policy: Option<bool>,
    /// `--api-gateway-stage`.
    pub api_gateway_stage: Option<String>,
    /// `--profile`.
    pub profile: Option<String>,
}

/// The configuration of a project, as read.
#[derive(Clone)]
pub struct ProjectConfig {
    file: Arc<Located>,
}

impl fmt::Debug for ProjectConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProjectConfig")
            .field("stages", &self.stage_names())
            .finish_non_exhaustive()
    }
}

impl ProjectConfig {
    /// Reads `.chalice/config.json` of the project in `project`.
    ///
    /// # Errors
    /// As [`ProjectConfig::parse`], and where the file is missing or cannot be read.
    pub fn read(project: &FilePath) -> Result<Self, Problems> {
        match std::fs::read(project.join(CONFIG_FILE)) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Self::parse(&text),
                Err(_) => Err(unreadable("it is not encoded in UTF-8")),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let told = format!(
                    "`{}` has no {CONFIG_FILE}: is it a Chalice project?",
                    project.display()
                );
                let hint = "give the project's folder with `--project-dir`";
                Err(Problem::error("config::missing", told).hint(hint).into())
            }
            Err(error) => Err(unreadable(&error.to_string())),
        }
    }

    /// Reads a configuration from its text.
    ///
    /// # Errors
    /// Text that is no JSON object, or a format newer than Chalice's 2.0.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        let secret = |key: &str| key == "environment_variables";
        let file = Located::parse(CONFIG_FILE, text, secret)?;
        if !file.value.is_object() {
            let told = format!("`{CONFIG_FILE}` holds {}, not an object", kind_of(&file.value));
            return Err(Problem::error("config::wrong-type", told)
                .at(file.at(&Path::new()))
                .into());
        }
        check_version(&file)?;
        Ok(Self { file: Arc::new(file) })
    }

    /// The stages that the file names. Any other name is a stage too: it has the values of the top level.
    pub fn stage_names(&self) -> Vec<&str> {
        let stages = self.file.value.get("stages").and_then(Value::as_object);
        stages
            .map(|stages| stages.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    /// The configuration of one stage, and what is doubtful in the file.
    ///
    /// # Errors
    /// Every problem of the file, where one of them stops the work.
    pub fn stage(&self, stage: &str, overrides: &Overrides) -> Result<(StageConfig, Vec<Problem>), Problems> {
        let config = StageConfig {
            file: self.file.clone(),
            stage: stage.to_owned(),
            overrides: overrides.clone(),
        };
        let mut problems = check::problems(&self.file, stage);
        config.check_stage_name(&mut problems);
        config.check_app_name(&mut problems);
        config.check_not_yet(&mut problems);
        judge(problems).map(|warnings| (config, warnings))
    }
}

/// The configuration of one stage under the command line's wishes.
#[derive(Clone)]
pub struct StageConfig {
    file: Arc<Located>,
    stage: String,
    overrides: Overrides,
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
enum Source {
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
    fn look_up(&self, key: &str, function: Option<&str>) -> Option<(Value, Source)> {
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
    fn merge(&self, key: &str, function: &str) -> BTreeMap<String, String> {
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

    fn check_stage_name(&self, problems: &mut Vec<Problem>) {
        let stage = &self.stage;
        if stage.is_empty() || stage.starts_with('.') || stage.contains(['/', '\\']) {
            let told = format!("`{stage}` cannot be the name of a stage");
            let hint = "a stage names the file of its state: no leading dot, no slash";
            problems.push(Problem::error("config::bad-stage", told).hint(hint));
        }
    }

    /// Chalice would put the text `None` into every name.
    fn check_app_name(&self, problems: &mut Vec<Problem>) {
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

    fn check_not_yet(&self, problems: &mut Vec<Problem>) {
        for key in [
            "api_gateway_custom_domain",
            "websocket_api_custom_domain",
            "automatic_layer",
        ] {
            let wanted = self
                .look_up(key, None)
                .is_some_and(|(value, _)| is_truthy(&value));
            if wanted {
                let told = format!("grail cannot deploy `{key}` yet");
                let hint = "remove it for this stage, or keep deploying this stage with Chalice for now";
                problems.push(
                    Problem::error("config::not-yet", told)
                        .hint(hint)
                        .at(self.place(key, None)),
                );
            }
        }
    }
}

/// What holds where nobody says anything.
fn default(key: &str) -> Option<Value> {
    (key == "autogen_policy" || key == "manage_iam_role").then_some(Value::Bool(true))
}

/// Python's idea of truth, which decides in Chalice whether such a setting is there at all.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
    }
}

fn check_version(file: &Located) -> Result<(), Problem> {
    let version = match file.value.get("version") {
        None => return Ok(()),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse::<f64>().ok(),
        Some(_) => None,
    };
    let place = file.at(&path(&["version"]));
    match version {
        Some(version) if version <= 2.0 => Ok(()),
        Some(version) => {
            let told =
                format!("`version` is {version}, and this grail reads configurations up to version 2.0");
            Err(Problem::error("config::unknown-version", told).at(place))
        }
        None => Err(Problem::error("config::unknown-version", "`version` is not a number").at(place)),
    }
}

fn unreadable(why: &str) -> Problems {
    let told = format!("`{CONFIG_FILE}` cannot be read: {why}");
    Problem::error("config::unreadable", told)
        .at(Place::file(CONFIG_FILE))
        .into()
}

#[cfg(test)]
mod tests;
