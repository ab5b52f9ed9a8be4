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
mod domain;
mod function;
mod keys;
mod position;
mod stage;

use std::fmt;
use std::path::Path as FilePath;
use std::sync::Arc;

use serde_json::Value;

pub use self::domain::{DOMAIN_KEYS, Domain};
pub use self::function::{FunctionConfig, RoleChoice};
use self::keys::kind_of;
use self::position::{Located, Path, path};
pub use self::stage::StageConfig;
use super::diagnostic::{Place, Problem, Problems, Severity, judge};

/// Where the configuration lies in a project.
pub const CONFIG_FILE: &str = ".chalice/config.json";
/// The logical name of the function behind the REST API, and the scope of every look-up that names no function.
pub const API_HANDLER: &str = "api_handler";

/// A key that Chalice reads from its configuration, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownKey {
    /// Its name. Every key can stand at the top level.
    pub name: &'static str,
    /// Whether a stage may set it.
    pub stage: bool,
    /// Whether a function may set it.
    pub function: bool,
}

/// Every key with a value of its own, in the order of the table. `version`, `stages` and `lambda_functions`, which make the
/// structure, are not among them.
pub fn known_keys() -> impl Iterator<Item = KnownKey> {
    keys::KEYS.iter().map(|key| KnownKey {
        name: key.name,
        stage: key.stage,
        function: key.function,
    })
}

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
                .hint("it needs at least `{\"version\": \"2.0\", \"app_name\": \"...\"}`")
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
        judge(problems).map(|warnings| (config, warnings))
    }

    /// The application's name, and what else is wrong or doubtful in `stage`, as warnings: for what needs the name only.
    ///
    /// # Errors
    /// As [`ProjectConfig::stage`], where there is no name.
    pub fn app_name(&self, stage: &str) -> Result<(String, Vec<Problem>), Problems> {
        let problems = match self.stage(stage, &Overrides::default()) {
            Ok((config, warnings)) => return Ok((config.app_name().to_owned(), warnings)),
            Err(problems) => problems,
        };
        let name = self.file.value.get("app_name").and_then(Value::as_str);
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Err(problems);
        };
        let doubt = |mut problem: Problem| {
            problem.severity = Severity::Warning;
            problem
        };
        Ok((name.to_owned(), problems.0.into_iter().map(doubt).collect()))
    }
}
fn check_version(file: &Located) -> Result<(), Problems> {
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
            Err(Problem::error("config::unknown-version", told).at(place).into())
        }
        None => {
            let told = "`version` is not a number";
            Err(Problem::error("config::unknown-version", told).at(place).into())
        }
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
