//! `grail deploy`: makes it so, once.

use std::sync::Arc;
use std::time::Duration;

use grail_state::chalice::DeployedEntry;

use crate::cli::args::{DeployArgs, OnFailure};
use crate::cli::ask::{Nobody, Person};
use crate::cli::commands::validate::remarks;
use crate::cli::exit::Exit;
use crate::cli::goal::{Goal, Terms};
use crate::cli::guard::{guard, required, tell_doubts};
use crate::cli::pass::{Connection, Pass};
use crate::cli::refusal::Refusal;
use crate::cli::saved::SavedPlan;
use crate::cli::settings::{Settings, Verbosity};
use crate::cli::{is_human, report, signals, words};
use crate::engine::{self, Approval, Ports};
use crate::event::Outcome;

/// Reads the project beside looking at the account, plans, and carries the plan out: the one that was saved, if one is named.
///
/// # Errors
/// Everything that keeps it from beginning. What was taken up before is told by the exit code.
pub async fn run(settings: &Settings, args: &DeployArgs) -> Result<Exit, Refusal> {
    let saved = args.plan.as_deref().map(SavedPlan::read).transpose()?;
    let terms = saved
        .as_ref()
        .map_or_else(|| Terms::from(&args.wish), |saved| saved.terms.clone());
    let remarks = remarks(settings);
    let how = Connection {
        timeout: args
            .connection_timeout
            .map(|seconds| Duration::from_secs(seconds.into())),
        parallelism: Some(args.parallelism),
        ..Connection::default()
    };
    let goal = Goal::begin(settings, &terms, how, &remarks).await?;
    let Goal { connected, .. } = &goal;
    if let Some(saved) = &saved {
        let stage = &connected.stage;
        saved.check(&stage.stack, &connected.cloud.home(), stage.keys.sealer.key_id())?;
    }
    let mut pass = connected.lock(settings, args.lock, &remarks).await?;
    let ended = carry_out(settings, args, &goal, &mut pass, saved, &terms).await;
    let ended = ended.map_err(|refusal| pass.refused(refusal));
    let entries = pass.file.project(&pass.session.txn().existing()).entries;
    connected.close(pass).await;
    let outcome = ended?;
    if matches!(
        outcome,
        Outcome::Done | Outcome::Unchanged | Outcome::Unswept { .. }
    ) {
        show(settings, &entries);
    }
    Ok(Exit::from(&outcome))
}

/// Reads the project, plans, and carries the plan out.
async fn carry_out(
    settings: &Settings,
    args: &DeployArgs,
    goal: &Goal,
    pass: &mut Pass<'_>,
    saved: Option<SavedPlan>,
    terms: &Terms,
) -> Result<Outcome, Refusal> {
    let connected = &goal.connected;
    let (mut events, remarks) = (report::sink(settings), remarks(settings));
    // An interpreter that imports the app has a process group of its own: it ends with the future that is dropped here.
    let mut stop = signals::listen(Some(&connected.cloud.context));
    let read = tokio::select! {
        biased;
        why = stop.stopped() => Err(Refusal::new(why)),
        read = goal.read(pass, settings, &remarks) => read,
    };
    let desired = read?;
    let mut consent = terms.consent();
    let guard = guard(settings, &args.guard, &terms.unprotect);
    tell_doubts(&guard, &desired, &pass.session, &remarks);
    consent.guard = Some(guard);
    let required = required(settings, args.require_approval);
    let mut nobody = Nobody { required };
    let mut person = Person {
        catalog: Arc::clone(&connected.engine.catalog),
        colour: settings.colour,
        replace: consent.replace,
        required,
    };
    let asks = settings.environment.asks && is_human(settings) && !args.yes;
    let mut saved = saved.map(|saved| saved.plan);
    let approval: Option<&mut dyn Approval> = match &mut saved {
        Some(approved) => Some(approved),
        None if asks => {
            // Whether it is replaced is asked when it is known what.
            consent.replace = true;
            Some(&mut person)
        }
        None => Some(&mut nobody),
    };
    let mut ports = Ports {
        records: &mut pass.file,
        events: &mut *events,
        stop,
    };
    let on_failure = match args.on_failure {
        OnFailure::Rollback => engine::OnFailure::Rollback,
        OnFailure::Keep => engine::OnFailure::Keep,
    };
    let ended = pass
        .session
        .deploy(&desired, &consent, on_failure, approval, &mut ports)
        .await;
    Ok(ended?)
}

/// What is deployed now, in Chalice's words.
fn show(settings: &Settings, entries: &[DeployedEntry]) {
    if !is_human(settings) {
        words::json_line(settings.command, "deployed", report::chalice::json(entries));
    } else if settings.verbosity > Verbosity::Quiet {
        words::data(&report::chalice::deployed(entries));
    }
}
