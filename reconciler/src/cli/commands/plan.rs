//! `grail plan`: what would change, and why. Writes nothing outside, and nothing to the state.

use std::sync::Arc;

use grail_state::txn::Phase;

use crate::cli::args::{PlanArgs, PlanFormat, Refresh};
use crate::cli::commands::validate::remarks;
use crate::cli::exit::Exit;
use crate::cli::goal::{Goal, Terms};
use crate::cli::guard::{guard, tell_doubts};
use crate::cli::pass::Connection;
use crate::cli::refusal::Refusal;
use crate::cli::saved::SavedPlan;
use crate::cli::settings::{Settings, Verbosity};
use crate::cli::stage::mirror;
use crate::cli::wish::{Remark, Remarks};
use crate::cli::{is_human, report, words};
use crate::event::Event;
use crate::plan::Plan;

/// Plans, and shows the plan.
///
/// # Errors
/// Everything that keeps it from being made.
pub async fn run(settings: &Settings, args: &PlanArgs) -> Result<Exit, Refusal> {
    let (remarks, terms) = (aside(settings), Terms::from(&args.wish));
    let how = Connection {
        only_looks: true,
        ..Connection::default()
    };
    let goal = Goal::begin(settings, &terms, how, &remarks).await?;
    mirror(settings, &goal.connected.stage, &remarks).await?;
    let mut pass = goal.connected.read(&remarks).await?;
    if args.refresh == Refresh::None {
        pass.session.without_looking();
    }
    let desired = goal.read(&mut pass, settings, &remarks).await?;
    let guard = guard(settings, &args.guard, &terms.unprotect);
    tell_doubts(&guard, &desired, &pass.session, &remarks);
    let mut consent = terms.consent();
    consent.guard = Some(guard);
    let plan = pass.session.preview(&desired, &consent).await?;
    let mut events = report::sink(settings);
    if args.refresh == Refresh::None {
        events.emit(&Event::Said {
            code: "plan.unseen".to_owned(),
            text: "nothing was looked at: what is recorded counts as what is there".to_owned(),
            warning: true,
        });
    }
    pass.session
        .unverified()
        .iter()
        .for_each(|event| events.emit(event));
    let phase = pass.session.txn().phase();
    left_open(phase).iter().for_each(|event| events.emit(event));
    if let Some(path) = &args.out {
        let (stage, home) = (&goal.connected.stage, goal.connected.cloud.home());
        let key_id = stage.keys.sealer.key_id();
        SavedPlan::write(path, &stage.stack, home, key_id, &terms, &plan)?;
    }
    show(settings, args.format, &plan);
    Ok(if args.detailed_exitcode && would_change(&plan, phase) {
        Exit::Changes
    } else {
        Exit::Done
    })
}

/// What an earlier command has left to do comes before what is planned, and is no part of the plan.
pub(super) fn left_open(phase: Phase) -> Option<Event> {
    let first = match phase {
        Phase::Idle => return None,
        Phase::Building => "the transaction of an earlier command is open: `grail deploy` goes on with it",
        Phase::Sweeping => "an earlier command has left deletions: `grail deploy` does them first",
        Phase::Aborting => {
            "an earlier command has left a way back: `grail deploy` goes it to its end first, and plans then"
        }
    };
    Some(Event::Said {
        code: "plan.open".to_owned(),
        text: first.to_owned(),
        warning: true,
    })
}

/// True if a deployment would write something, be it only what an earlier command has left.
fn would_change(plan: &Plan, phase: Phase) -> bool {
    !plan.is_empty() || phase != Phase::Idle
}

/// Remarks that leave standard output to the plan: what Chalice says there of the package goes to standard error.
pub(super) fn aside(settings: &Settings) -> Remarks {
    let (remarks, loud) = (remarks(settings), settings.verbosity > Verbosity::Quiet);
    let human = is_human(settings);
    Arc::new(move |remark| match remark {
        Remark::Packaged { part, reused, .. } if human && loud => {
            words::words(words::packaged(part, reused));
        }
        other => remarks(other),
    })
}

fn show(settings: &Settings, format: PlanFormat, plan: &Plan) {
    match format {
        // One event a line, whatever the plan would look like alone.
        _ if !is_human(settings) => {
            words::json_line(
                settings.command,
                "planned",
                serde_json::json!({"plan": report::plan::document(plan)}),
            );
        }
        PlanFormat::Json => words::data(&report::plan::json(plan)),
        PlanFormat::Markdown => words::data(&report::plan::markdown(plan)),
        PlanFormat::Human => {
            words::data(&report::plan::human(
                plan,
                settings.colour && settings.environment.shows,
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::report::plan::tests::planned;

    #[test]
    fn a_transaction_that_is_open_is_told_and_counts_as_a_change() {
        let nothing = planned(vec![], vec![]);
        assert!(left_open(Phase::Idle).is_none() && !would_change(&nothing, Phase::Idle));
        for phase in [Phase::Building, Phase::Sweeping, Phase::Aborting] {
            assert!(would_change(&nothing, phase));
            let told = left_open(phase);
            assert!(
                matches!(told, Some(Event::Said { warning: true, .. })),
                "{told:?}"
            );
        }
    }
}
