//! `grail rollback`: brings an open transaction back to the last commit.

use serde_json::json;

use crate::cli::args::RollbackArgs;
use crate::cli::commands::validate::remarks;
use crate::cli::exit::Exit;
use crate::cli::pass::{Connected, Connection};
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::{is_human, report, signals, wish, words};
use crate::engine::Ports;
use crate::event::Outcome;

/// Goes back.
///
/// # Errors
/// Everything that keeps it from beginning or from its end, which the exit code tells apart.
pub async fn run(settings: &Settings, args: &RollbackArgs) -> Result<Exit, Refusal> {
    let mut events = report::sink(settings);
    let remarks = remarks(settings);
    let app = wish::app_name(settings, &remarks)?;
    let connected = Connected::to(settings, &app, Connection::default()).await?;
    let mut pass = connected.lock(settings, args.lock, &remarks).await?;
    let mut ports = Ports {
        records: &mut pass.file,
        events: &mut *events,
        stop: signals::listen(Some(&connected.cloud.context)),
    };
    let ended = pass.session.rollback(&mut ports).await;
    let ended = ended.map_err(|error| pass.refused(error));
    connected.close(pass).await;
    let outcome = ended?;
    drop(events);
    if outcome == Outcome::Unchanged {
        if is_human(settings) {
            words::words("there is no open transaction: everything is as at the last commit\n");
        } else {
            words::json_line(
                settings.command,
                "said",
                json!({"code": "rollback.idle", "text": "no open transaction", "warning": false}),
            );
        }
    }
    // That the way back was gone to its end is what was asked for.
    Ok(match outcome {
        Outcome::RolledBack { .. } => Exit::Done,
        other => Exit::from(&other),
    })
}
