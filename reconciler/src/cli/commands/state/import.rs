//! `grail state import`: records an existing thing as a resource of the project. The account is looked at and not changed.

use grail_state::ResourceId;
use serde_json::json;
use std::collections::BTreeSet;

use super::change::{foreign_file, is_foreign, open_transaction};
use super::names::resolve;
use super::say;
use crate::cli::args::ImportArgs;
use crate::cli::commands::validate::remarks;
use crate::cli::exit::Exit;
use crate::cli::goal::{Goal, Terms};
use crate::cli::pass::{Connection, Pass};
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::{report, signals};
use crate::engine::{ImportError, Imported, Ports};

/// Takes the thing up.
///
/// # Errors
/// What the project does not ask for, what is not there, what is recorded already, what is somebody else's.
pub(super) async fn run(settings: &Settings, args: &ImportArgs) -> Result<Exit, Refusal> {
    let remarks = remarks(settings);
    let goal = Goal::begin(settings, &Terms::default(), Connection::default(), &remarks).await?;
    let mut pass = goal.connected.lock(settings, args.lock, &remarks).await?;
    let done = imported(settings, args, &goal, &mut pass).await;
    goal.connected.close(pass).await;
    let (id, imported) = done?;
    let Imported { handle, proven } = &imported;
    let then = match proven {
        true => "`grail plan` shows what of it differs from the project.".to_owned(),
        false => format!(
            "It is marked as somebody else's: `grail plan` and `deploy` refuse it until `--adopt {id}` is said to them too."
        ),
    };
    let text = format!("{handle} is recorded as `{id}`; nothing was changed in the account.\n{then}");
    say(
        settings,
        "import.done",
        &text,
        json!({"resource": id, "handle": handle}),
    );
    Ok(Exit::Done)
}

async fn imported(
    settings: &Settings,
    args: &ImportArgs,
    goal: &Goal,
    pass: &mut Pass<'_>,
) -> Result<(ResourceId, Imported), Refusal> {
    let stage = &goal.connected.stage;
    if pass.session.txn().entries() > 0 {
        return Err(open_transaction(pass.session.txn()));
    }
    let stored = stage.store.load().await?.snapshot;
    if is_foreign(stage, &stored, &stored)? {
        return Err(foreign_file(settings));
    }
    let desired = goal.wanted(settings, &remarks(settings)).await?;
    let known: BTreeSet<_> = desired.resources.keys().collect();
    let id = resolve(&args.id, &known, "asked for by the project")?.clone();
    let mut events = report::sink(settings);
    let mut ports = Ports {
        records: &mut pass.file,
        events: &mut *events,
        stop: signals::listen(Some(&goal.connected.cloud.context)),
    };
    let handle = args.handle.as_deref();
    let done = pass
        .session
        .import(&desired, &id, handle, args.force, &mut ports)
        .await;
    done.map(|imported| (id, imported)).map_err(Refusal::from)
}

impl From<ImportError> for Refusal {
    fn from(error: ImportError) -> Self {
        let hint = match &error {
            ImportError::Engine(_) => None,
            ImportError::NotThere { .. } => Some(
                "name the physical name of what exists; what does not is made by `grail deploy`".to_owned(),
            ),
            ImportError::Another { found, .. } => Some(format!("if that is the one, name it: {found}")),
            ImportError::Theirs { .. } => Some("`--force` takes it all the same".to_owned()),
            ImportError::Known(known) => Some(match known {
                grail_state::snapshot::EditError::KnownAs { known, .. } => {
                    format!("`grail state move {known} NEW` records it under another id")
                }
                _ => "`grail state forget` first, if that is not the thing".to_owned(),
            }),
            ImportError::NotWanted(_) => None,
        };
        match error {
            ImportError::Engine(error) => error.into(),
            other => match hint {
                Some(hint) => Self::of(&other).hint(hint),
                None => Self::of(&other),
            },
        }
    }
}
