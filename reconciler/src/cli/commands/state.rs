//! `grail state`: the stage's state by hand.

use serde_json::json;

use crate::cli::args::StateVerb;
use crate::cli::commands::validate::remarks;
use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::stage::{Mirrored, Stage};
use crate::cli::{is_human, wish, words};

/// Does it.
///
/// # Errors
/// Where the state cannot be read or written, or is not a shared one.
pub async fn run(settings: &Settings, verb: &StateVerb) -> Result<Exit, Refusal> {
    let app = wish::app_name(settings, &remarks(settings))?;
    let stage = Stage::look_at(settings, &app).await?;
    match verb {
        StateVerb::Unlock { yes } => unlock(settings, &stage, *yes).await,
        StateVerb::Pull => pull(settings, &stage).await,
    }
}

/// Shows who holds the lock, and breaks it if `yes`. Exit code 5 where it stays held.
async fn unlock(settings: &Settings, stage: &Stage, yes: bool) -> Result<Exit, Refusal> {
    let Some(shared) = &stage.shared else {
        return unlock_here(settings, stage).await;
    };
    let Some((holder, beats)) = shared.watch_lock().await? else {
        say(settings, "unlock.free", "nobody holds the lock", json!({}));
        return Ok(Exit::Done);
    };
    let alive = match beats {
        true => "It was seen to renew the lock: it is at work.",
        false => {
            "It was not seen to renew the lock: if it is dead, whoever waits gets it within half a minute."
        }
    };
    let fields = json!({"holder": holder, "alive": beats});
    if !yes {
        let open = open(stage).await;
        let text = format!(
            "The lock is held by {holder}.\n{alive}\n{open}\nTo break it: `grail state unlock --yes`"
        );
        say(settings, "unlock.held", &text, fields);
        return Ok(Exit::Locked);
    }
    match shared.unlock().await? {
        Some(holder) => {
            let open = open(stage).await;
            let text = format!(
                "The lock of {holder} is broken. What it has under way may still be carried out. {open}"
            );
            say(settings, "unlock.broken", &text, fields);
        }
        None => say(settings, "unlock.free", "the lock was freed meanwhile", json!({})),
    }
    Ok(Exit::Done)
}

/// What is left of the holder's work. A state that cannot be read keeps no lock from being broken.
async fn open(stage: &Stage) -> String {
    match stage.store.load().await {
        Ok(loaded) if loaded.journal.is_empty() => "No transaction is open.".to_owned(),
        Ok(_) => {
            "Its transaction stays open, and the next `grail deploy`, `delete` or `rollback` takes it up."
                .to_owned()
        }
        Err(error) => format!("Whether a transaction is open cannot be told: {error}."),
    }
}

/// The lock of a state on this machine is the operating system's, and ends with its process.
async fn unlock_here(settings: &Settings, stage: &Stage) -> Result<Exit, Refusal> {
    let Some(holder) = stage.store.holder().await? else {
        say(settings, "unlock.free", "nobody holds the lock", json!({}));
        return Ok(Exit::Done);
    };
    let said = format!("the lock is held by {holder}, and cannot be broken while that process lives");
    Err(Refusal::new(said).exit(Exit::Locked).hint(format!(
        "end it (`kill {}` on that machine): the lock ends with it",
        holder.pid
    )))
}

async fn pull(settings: &Settings, stage: &Stage) -> Result<Exit, Refusal> {
    if stage.shared.is_none() {
        return Err(
            Refusal::new("the state lies on this machine: there is nothing to pull")
                .hint("a shared one is named by GRAIL_STATE, or by `url` in `[state]` of grail.toml"),
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

fn say(settings: &Settings, code: &str, text: &str, mut fields: serde_json::Value) {
    if is_human(settings) {
        return words::data(&format!("{text}\n"));
    }
    if let Some(fields) = fields.as_object_mut() {
        fields.extend([
            ("code".to_owned(), json!(code)),
            ("text".to_owned(), json!(text)),
            ("warning".to_owned(), json!(false)),
        ]);
    }
    words::json_line(settings.command, "said", fields);
}
