//! `grail deploy`: makes it so, once.

use std::sync::Arc;

use grail_state::chalice::DeployedEntry;

use crate::cli::args::DeployArgs;
use crate::cli::ask::{Nobody, Person};
use crate::cli::commands::validate::remarks;
use crate::cli::deployment::{Deployment, Oversight, Stop};
use crate::cli::exit::Exit;
use crate::cli::goal::Terms;
use crate::cli::guard::required;
use crate::cli::refusal::Refusal;
use crate::cli::saved::SavedPlan;
use crate::cli::settings::{Settings, Verbosity};
use crate::cli::{is_human, report, words};
use crate::engine::Approval;
use crate::event::Outcome;

/// Reads the project beside looking at the account, plans, and carries the plan out: the one that was saved, if one is named.
///
/// # Errors
/// Everything that keeps it from beginning. What was taken up before is told by the exit code.
pub async fn run(settings: &Settings, args: &DeployArgs) -> Result<Exit, Refusal> {
    let saved = args.plan.as_deref().map(SavedPlan::read).transpose()?;
    let terms = saved
        .as_ref()
        .map_or_else(|| Terms::from(&args.pass.wish), |saved| saved.terms.clone());
    let deployment = Deployment::begin(settings, &args.pass, &terms, remarks(settings)).await?;
    let connected = &deployment.goal.connected;
    if let Some(saved) = &saved {
        let stage = &connected.stage;
        saved.check(&stage.stack, &connected.cloud.home(), stage.keys.sealer.key_id())?;
    }
    let mut consent = terms.consent();
    let required = required(settings, args.pass.require_approval);
    let mut nobody = Nobody { required };
    let mut person = Person {
        catalog: Arc::clone(&connected.engine.catalog),
        colour: settings.colour,
        replace: consent.replace,
        required,
    };
    let asks = settings.environment.asks && is_human(settings) && !args.yes && settings.ci.is_none();
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
    let mut events = report::sink(settings);
    let oversight = Oversight {
        stop: Stop::Signals,
        consent,
        approval,
        events: &mut *events,
        wanted: &mut |_| {},
    };
    let deployed = deployment.carry_out(oversight).await?;
    let outcome = deployed.outcome;
    if matches!(
        outcome,
        Outcome::Done | Outcome::Unchanged | Outcome::Unswept { .. }
    ) {
        show(settings, &deployed.entries);
    }
    Ok(Exit::from(&outcome))
}

/// What is deployed now, in Chalice's words.
pub(super) fn show(settings: &Settings, entries: &[DeployedEntry]) {
    if !is_human(settings) {
        words::json_line(settings.command, "deployed", report::chalice::json(entries));
    } else if settings.verbosity > Verbosity::Quiet {
        words::data(&report::chalice::deployed(entries));
    }
}
