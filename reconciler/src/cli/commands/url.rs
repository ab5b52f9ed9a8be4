//! `grail url`: as Chalice's, from the record alone.

use serde_json::{Value, json};

use crate::cli::commands::validate::remarks;
use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::stage::Stage;
use crate::cli::{is_human, wish, words};
use crate::source::manifest;

/// Prints the URL of the stage's REST API.
///
/// # Errors
/// Where the record has none.
pub async fn run(settings: &Settings) -> Result<Exit, Refusal> {
    // Others may have deployed since the file of this machine was written, and what a manifest declares is not in it.
    let from_state = settings.shared.is_some() || manifest::find(&settings.project).is_some();
    let entries = match from_state {
        true => {
            let app = wish::app_name(settings, &remarks(settings))?;
            let stage = Stage::look_at(settings, &app).await?;
            stage.projected().await?.entries
        }
        false => {
            let found = grail_state::chalice::load(&settings.deployed_file())?;
            found.map(|found| found.deployed.entries).unwrap_or_default()
        }
    };
    let url = entries
        .iter()
        .filter(|entry| entry.resource_type == "rest_api")
        .find_map(|entry| entry.get("rest_api_url").and_then(Value::as_str));
    match url {
        Some(url) if is_human(settings) => words::data(&format!("{url}\n")),
        Some(url) => words::json_line(settings.command, "url", json!({"url": url})),
        None => {
            let said = format!(
                "Could not find a record of a Rest API in chalice stage: '{}'",
                settings.stage
            );
            let hint = if settings.local {
                "deploy it with `grail deploy --local`"
            } else {
                "deploy it with `grail deploy`"
            };
            return Err(Refusal::new(said).hint(hint));
        }
    }
    Ok(Exit::Done)
}
