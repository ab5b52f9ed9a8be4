//! `grail delete`: deletes everything that the stage's state records. Needs no Python and no `app.py` that imports.

use crate::cli::args::DeleteArgs;
use crate::cli::commands::validate::remarks;
use crate::cli::exit::Exit;
use crate::cli::pass::{Connected, Connection};
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::{report, signals, wish};
use crate::engine::Ports;
use crate::plan::Consent;
use crate::source::chalice::config::Overrides;

/// Deletes.
///
/// # Errors
/// Everything that keeps it from beginning; nothing was changed then.
pub async fn run(settings: &Settings, args: &DeleteArgs) -> Result<Exit, Refusal> {
    let mut events = report::sink(settings);
    let remarks = remarks(settings);
    let config = wish::configuration(settings, &Overrides::default(), &remarks)?;
    let how = Connection {
        parallelism: Some(args.parallelism),
        ..Connection::default()
    };
    let connected = Connected::to(settings, config.app_name(), how).await?;
    let mut pass = connected.lock(settings, &remarks).await?;
    let mut ports = Ports {
        records: &mut pass.file,
        events: &mut *events,
        stop: signals::listen(),
    };
    let consent = Consent {
        force: args.force,
        ..Consent::default()
    };
    let outcome = pass.session.delete(&consent, &mut ports).await?;
    Ok(Exit::from(&outcome))
}
