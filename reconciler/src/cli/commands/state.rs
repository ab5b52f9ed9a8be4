//! `grail state`: the stage's state by hand. Nothing here changes anything in the account.
//!
//! | Verb | Takes the lock | Asks the account | Needs the project's Python |
//! |---|---|---|---|
//! | `list`, `show`, `pull`, `unlock` | no | no | no |
//! | `forget`, `move`, `push` | yes | no | no |
//! | `import` | yes | yes | yes: the project says what the thing is to be |
//!
//! What takes the lock refuses to begin while a transaction is open (its way back would bring back what was recorded before),
//! keeps a copy of what it replaces, writes Chalice's file through, and is told by `grail history`.

use serde_json::json;

use crate::cli::args::StateVerb;
use crate::cli::commands::validate::remarks;
use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::stage::Stage;
use crate::cli::{is_human, wish, words};

mod change;
mod forget;
mod import;
mod list;
mod names;
mod pull;
mod push;
mod rename;
mod show;
mod unlock;

/// Does it.
///
/// # Errors
/// Where the state cannot be read or written, or the verb is refused.
pub async fn run(settings: &Settings, verb: &StateVerb) -> Result<Exit, Refusal> {
    let app = wish::app_name(settings, &remarks(settings))?;
    match verb {
        StateVerb::List => list::run(settings, &Stage::look_at(settings, &app).await?).await,
        StateVerb::Show { id } => show::run(settings, &Stage::look_at(settings, &app).await?, id).await,
        StateVerb::Unlock { yes } => {
            unlock::run(settings, &Stage::look_at(settings, &app).await?, *yes).await
        }
        StateVerb::Pull { out } => {
            pull::run(settings, &Stage::look_at(settings, &app).await?, out.as_deref()).await
        }
        StateVerb::Forget { ids, yes, lock } => {
            forget::run(settings, &Stage::open(settings, &app).await?, ids, *yes, *lock).await
        }
        StateVerb::Move { old, new, lock } => {
            rename::run(settings, &Stage::open(settings, &app).await?, old, new, *lock).await
        }
        StateVerb::Push { file, force, lock } => {
            push::run(settings, &app, file.as_deref(), *force, *lock).await
        }
        StateVerb::Import(args) => import::run(settings, args).await,
    }
}

/// Says what came of it: a sentence for people, an event for programs.
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
