//! `grail plan`: what would change, and why. Writes nothing outside, and nothing to the state.

use std::sync::Arc;

use crate::cli::args::{PlanArgs, PlanFormat, Refresh};
use crate::cli::commands::validate::remarks;
use crate::cli::exit::Exit;
use crate::cli::goal::{Goal, Terms};
use crate::cli::pass::Connection;
use crate::cli::refusal::Refusal;
use crate::cli::saved::SavedPlan;
use crate::cli::settings::{Settings, Verbosity};
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
    let mut pass = goal.connected.read(&remarks).await?;
    if args.refresh == Refresh::None {
        pass.session.without_looking();
    }
    let desired = goal.read(&mut pass, settings, &remarks).await?;
    let plan = pass.session.preview(&desired, &terms.consent()).await?;
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
    if let Some(path) = &args.out {
        let home = goal.connected.cloud.home();
        SavedPlan::write(path, &goal.connected.stage.stack, home, &terms, &plan)?;
    }
    show(settings, args.format, &plan);
    Ok(if args.detailed_exitcode && !plan.is_empty() {
        Exit::Changes
    } else {
        Exit::Done
    })
}

/// Remarks that leave standard output to the plan: what Chalice says there of the package goes to standard error.
fn aside(settings: &Settings) -> Remarks {
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
            words::json_line(settings.command, "planned", serde_json::json!({"plan": plan}));
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
