//! `grail delete`: deletes everything that the stage's state records. Needs no Python and no `app.py` that imports.

use crate::cli::args::DeleteArgs;
use crate::cli::commands::validate::remarks;
use crate::cli::exit::Exit;
use crate::cli::guard::guard;
use crate::cli::pass::{Connected, Connection};
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::{report, signals, wish};
use crate::engine::Ports;
use crate::plan::Consent;

/// Deletes.
///
/// # Errors
/// Everything that keeps it from beginning. What was taken up before is told by the exit code.
pub async fn run(settings: &Settings, args: &DeleteArgs) -> Result<Exit, Refusal> {
    let mut events = report::sink(settings);
    let remarks = remarks(settings);
    let app = wish::app_name(settings, &remarks)?;
    let how = Connection {
        parallelism: Some(args.parallelism),
        ..Connection::default()
    };
    let connected = Connected::to(settings, &app, how).await?;
    let mut pass = connected.lock(settings, args.lock, &remarks).await?;
    let mut ports = Ports {
        records: &mut pass.file,
        events: &mut *events,
        stop: signals::listen(Some(&connected.cloud.context)),
    };
    let consent = Consent {
        force: args.force,
        guard: Some(guard(settings, &args.guard, &args.unprotect)),
        ..Consent::default()
    };
    let ended = pass.session.delete(&consent, &mut ports).await;
    let ended = ended.map_err(|error| pass.refused(error));
    connected.close(pass).await;
    Ok(Exit::from(&ended?))
}
