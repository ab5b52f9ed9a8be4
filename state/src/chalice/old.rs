//! The file of Chalice before 1.2.0, `.chalice/deployed.json`: all stages in one object.
//!
//! It is read only where the new file is missing, and never written. It knows no role and no URL: the role is found by its
//! name, the URL by looking at the API. Everything here is as Chalice's own conversion does it, odd as some of it is.

use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::Value;

use super::read::{Pairs, ReadError, at, last_of_each_name};
use super::{Deployed, DeployedEntry};

#[derive(Deserialize)]
#[serde(expecting = "an object that describes a stage")]
struct Stage {
    #[serde(default, deserialize_with = "functions")]
    lambda_functions: Vec<(String, String)>,
    api_handler_arn: String,
    rest_api_id: String,
}

/// The entries of one stage; `None` where the file does not know it.
pub(super) fn parse(text: &[u8], path: &Path, app: &str, stage: &str) -> Result<Option<Deployed>, ReadError> {
    let found: Option<Stage> = at(text, stage).map_err(|error| ReadError::malformed(path, &error))?;
    Ok(found.map(|found| converted(found, app, stage)))
}

fn converted(found: Stage, app: &str, stage: &str) -> Deployed {
    // Physical names begin with `<app>-<stage>-`. Chalice cuts as many characters without a look at what they are.
    let prefix = app.chars().count() + stage.chars().count() + 2;
    let mut entries: Vec<_> = found
        .lambda_functions
        .into_iter()
        .map(|(name, arn)| function(name.chars().skip(prefix).collect(), arn))
        .collect();
    entries.push(function("api_handler".to_owned(), found.api_handler_arn));
    entries.push(DeployedEntry {
        name: "rest_api".to_owned(),
        resource_type: "rest_api".to_owned(),
        keys: vec![("rest_api_id".to_owned(), Value::String(found.rest_api_id))],
    });
    Deployed {
        entries: last_of_each_name(entries),
    }
}

fn function(name: String, arn: String) -> DeployedEntry {
    DeployedEntry {
        name,
        resource_type: "lambda_function".to_owned(),
        keys: vec![("lambda_arn".to_owned(), Value::String(arn))],
    }
}

/// Physical names with ARNs. 0.10.0 wrote the bare ARN; one bare ARN makes all of them such.
fn functions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, String)>, D::Error> {
    let Pairs(pairs) = Pairs::<Value>::deserialize(deserializer)?;
    let bare = pairs.iter().any(|(_, value)| !value.is_object());
    let arn = |(name, value): (String, Value)| {
        let arn = if bare { Some(&value) } else { value.get("arn") };
        match arn.and_then(Value::as_str) {
            Some(arn) => Ok((name, arn.to_owned())),
            None => Err(D::Error::custom(format!("the function `{name}` has no ARN"))),
        }
    };
    pairs.into_iter().map(arn).collect()
}
