//! `grail state unlock`: who holds the stage, and an end to it.

use serde_json::json;

use super::say;
use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::stage::Stage;

/// Shows who holds the lock, and breaks it if `yes`. Exit code 5 where it stays held.
///
/// # Errors
/// Where the lock cannot be read or broken.
pub(super) async fn run(settings: &Settings, stage: &Stage, yes: bool) -> Result<Exit, Refusal> {
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
