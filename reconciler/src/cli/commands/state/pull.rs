//! `grail state pull`: the shared state as Chalice's file, or any state as a copy.

use std::path::Path;

use grail_state::snapshot::write_copy;
use serde_json::json;

use super::say;
use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::stage::{Mirrored, Stage};

/// Writes Chalice's file, or the copy `out`.
///
/// # Errors
/// Where the state cannot be read, or the file not be written.
pub(super) async fn run(settings: &Settings, stage: &Stage, out: Option<&Path>) -> Result<Exit, Refusal> {
    match out {
        Some(out) => copy(settings, stage, out).await,
        None => mirror(settings, stage).await,
    }
}

async fn copy(settings: &Settings, stage: &Stage, out: &Path) -> Result<Exit, Refusal> {
    let loaded = stage.store.load().await?;
    write_copy(out, &loaded.snapshot)?;
    let (file, count) = (out.display().to_string(), loaded.snapshot.records.len());
    let open = match loaded.journal.is_empty() {
        true => "",
        false => " A transaction is open; what it has done since the last commit is not in it.",
    };
    let text = format!("{file} has the state of the last commit: {count} resources.{open}");
    let fields = json!({"file": file, "resources": count, "open": !loaded.journal.is_empty()});
    say(settings, "pull.copied", &text, fields);
    Ok(Exit::Done)
}

async fn mirror(settings: &Settings, stage: &Stage) -> Result<Exit, Refusal> {
    if stage.shared.is_none() {
        return Err(
            Refusal::new("the state lies on this machine: there is nothing to pull").hint(
                "a shared one is named by GRAIL_STATE, or by `url` in `[state]` of grail.toml; `--out FILE` writes a copy of either",
            ),
        );
    }
    let file = settings.deployed_file().display().to_string();
    let (code, text) = match stage.mirror().await? {
        Mirrored::Written => ("pull.written", format!("{file} is as the state has it")),
        Mirrored::Same => ("pull.same", format!("{file} was already as the state has it")),
        Mirrored::Nothing => (
            "pull.nothing",
            "nothing was deployed to this stage yet".to_owned(),
        ),
        Mirrored::Foreign => {
            return Err(Refusal::new(format!("{file} was changed by somebody else than grail, and is left")).hint(
                "`grail deploy` takes over what it names and really exists; or remove the file and pull again",
            ));
        }
    };
    say(settings, code, &text, json!({"file": file}));
    Ok(Exit::Done)
}
