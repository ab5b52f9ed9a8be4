//! `grail plan`: what would change, and why. Writes nothing outside, and nothing to the state.

use std::sync::Arc;

use crate::cli::args::{PlanArgs, PlanFormat, WishArgs};
use crate::cli::commands::validate::remarks;
use crate::cli::exit::Exit;
use crate::cli::pass::{Connected, Connection};
use crate::cli::refusal::Refusal;
use crate::cli::settings::{Settings, Verbosity};
use crate::cli::wish::{Remark, Remarks};
use crate::cli::{commands::local_cloud, wish};
use crate::cli::{is_human, report, words};
use crate::plan::{Consent, Plan};
use crate::source::chalice::config::Overrides;

/// Plans, and shows the plan.
///
/// # Errors
/// Everything that keeps it from being made.
pub async fn run(settings: &Settings, args: &PlanArgs) -> Result<Exit, Refusal> {
    let remarks = aside(settings);
    let config = wish::configuration(settings, &overrides(&args.wish), &remarks)?;
    let port = if settings.local {
        Some(local_cloud::up(settings).await?.port)
    } else {
        None
    };
    let how = Connection {
        port,
        only_looks: true,
        ..Connection::default()
    };
    let connected = Connected::to(settings, config.app_name(), how).await?;
    let mut pass = connected.read(&remarks).await?;
    let (artifacts, digester) = (&*connected.stage.artifacts, &connected.stage.keys.digester);
    let (seen, wish) = tokio::join!(
        pass.session.observe_recorded(),
        wish::read(settings, config, artifacts, digester, &remarks),
    );
    let desired = wish?.lower(&connected.cloud.account())?;
    seen?;
    let plan = pass.session.preview(&desired, &consent(&args.wish)).await?;
    let mut events = report::sink(settings, "plan");
    pass.session
        .unverified()
        .iter()
        .for_each(|event| events.emit(event));
    if let Some(path) = &args.out {
        std::fs::write(path, report::plan::json(&plan))
            .map_err(|error| Refusal::new(format!("could not write {}", path.display())).because(error))?;
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
        _ if !is_human(settings) => words::json_line("planned", serde_json::json!({"plan": plan})),
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

/// The command line's part of the configuration.
pub fn overrides(args: &WishArgs) -> Overrides {
    Overrides {
        autogen_policy: args.autogen(),
        api_gateway_stage: args.api_gateway_stage.clone(),
        profile: None,
    }
}

/// What the command line allows.
pub fn consent(args: &WishArgs) -> Consent {
    Consent {
        adopt: args.adopt.iter().cloned().collect(),
        replace: args.allow_replace,
        ..Consent::default()
    }
}
