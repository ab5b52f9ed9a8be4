//! `grail deploy`: makes it so, once.

use std::time::Duration;

use crate::cli::args::{DeployArgs, OnFailure};
use crate::cli::commands::local_cloud;
use crate::cli::commands::plan::{consent, overrides};
use crate::cli::commands::validate::remarks;
use crate::cli::exit::Exit;
use crate::cli::pass::{Connected, Connection};
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::{is_human, report, signals, wish, words};
use crate::engine::{self, Ports};
use crate::event::Outcome;

/// Reads the project beside looking at the account, plans, and carries the plan out.
///
/// # Errors
/// Everything that keeps it from beginning; nothing was changed then.
pub async fn run(settings: &Settings, args: &DeployArgs) -> Result<Exit, Refusal> {
    let mut events = report::sink(settings, "deploy");
    let remarks = remarks(settings);
    let config = wish::configuration(settings, &overrides(&args.wish), &remarks)?;
    let port = if settings.local {
        Some(local_cloud::up(settings).await?.port)
    } else {
        None
    };
    let how = Connection {
        timeout: args
            .connection_timeout
            .map(|seconds| Duration::from_secs(seconds.into())),
        parallelism: Some(args.parallelism),
        port,
        ..Connection::default()
    };
    let connected = Connected::to(settings, config.app_name(), how).await?;
    let mut pass = connected.lock(settings, "deploy", &remarks).await?;
    let (artifacts, digester) = (&*connected.stage.artifacts, &connected.stage.keys.digester);
    let (seen, wish) = tokio::join!(
        pass.session.observe_recorded(),
        wish::read(settings, config, artifacts, digester, &remarks),
    );
    let desired = wish?.lower(&connected.cloud.account())?;
    seen?;
    let mut ports = Ports {
        records: &mut pass.file,
        events: &mut *events,
        stop: signals::listen(),
    };
    let on_failure = match args.on_failure {
        OnFailure::Rollback => engine::OnFailure::Rollback,
        OnFailure::Keep => engine::OnFailure::Keep,
    };
    let outcome = pass
        .session
        .deploy(&desired, &consent(&args.wish), on_failure, None, &mut ports)
        .await?;
    drop(events);
    if matches!(
        outcome,
        Outcome::Done | Outcome::Unchanged | Outcome::Unswept { .. }
    ) {
        let deployed = pass.file.project(&pass.session.txn().existing());
        if is_human(settings) {
            words::data(&report::chalice::deployed(&deployed.entries));
        } else {
            words::json_line("deployed", report::chalice::json(&deployed.entries));
        }
    }
    Ok(Exit::from(&outcome))
}
