//! `grail validate`: everything that can be checked without a call to AWS.

use std::sync::Arc;

use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::wish::{self, Remarks};
use crate::cli::{is_human, words};
use crate::source::chalice::config::Overrides;

/// Checks configuration and app, and the manifest.
///
/// # Errors
/// Everything that is wrong.
pub async fn run(settings: &Settings) -> Result<Exit, Refusal> {
    let remarks = remarks(settings);
    let sources = wish::sources(settings, &Overrides::default(), &remarks)?;
    if let Some(config) = &sources.chalice {
        let keys = settings.keys()?;
        let app = wish::check(settings, config, &keys.digester, &remarks).await?;
        let functions = app.deployed_functions().len();
        if is_human(settings) {
            words::words(&format!(
                "{} is valid in stage {}: {} route(s), {functions} function(s)\n",
                config.app_name(),
                settings.stage,
                app.routes.len(),
            ));
        } else {
            let said = json!({"app": config.app_name(), "stage": settings.stage, "routes": app.routes.len(), "functions": functions});
            words::json_line(settings.command, "valid", said);
        }
    }
    if let Some(manifest) = &sources.manifest {
        let (functions, resources) = manifest.counts()?;
        if is_human(settings) {
            words::words(&format!(
                "{} is valid in stage {}: {functions} function(s), {resources} resource(s) in the manifest\n",
                manifest.app(),
                settings.stage,
            ));
        } else {
            let said = json!({"app": manifest.app(), "stage": settings.stage, "functions": functions, "resources": resources});
            words::json_line(settings.command, "valid", said);
        }
    }
    Ok(Exit::Done)
}

/// Remarks that are printed as they come.
pub fn remarks(settings: &Settings) -> Remarks {
    let settings = settings.clone();
    Arc::new(move |remark| words::remark(&remark, &settings))
}
