//! `grail init`: a manifest that makes what the Chalice project in this folder makes.

use std::fs::OpenOptions;
use std::io::Write as _;

use serde_json::json;

use crate::cli::commands::validate::remarks;
use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::{is_human, wish, words};
use crate::source::manifest;

/// Writes it. What is there already stays.
///
/// # Errors
/// What is wrong with the project; a manifest that is there.
pub async fn run(settings: &Settings) -> Result<Exit, Refusal> {
    if let Some(name) = manifest::find(&settings.project) {
        return Err(Refusal::new(format!("there is a {name} already"))
            .hint("move it away, and what it names with it, to have one written anew"));
    }
    let files = wish::written_down(settings, &remarks(settings)).await?;
    // Which of them there are is known before the first is written.
    for (name, _) in &files {
        if settings.project.join(name).exists() {
            return Err(Refusal::new(format!("there is a file {name} already")).hint("move it away"));
        }
    }
    // The manifest comes last: without it the rest counts for nothing.
    for (name, text) in files.iter().rev() {
        let path = settings.project.join(name);
        let written = OpenOptions::new().write(true).create_new(true).open(&path);
        let written = written.and_then(|mut file| file.write_all(text.as_bytes()));
        written
            .map_err(|error| Refusal::new(format!("could not write {}", path.display())).because(error))?;
    }
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    if is_human(settings) {
        words::words(&format!(
            "Written: {}. It speaks for the whole project (`replaces: chalice`); `grail plan` shows that nothing changes.\n",
            names.join(", ")
        ));
    } else {
        words::json_line(settings.command, "written", json!({"files": names}));
    }
    Ok(Exit::Done)
}
