//! `grail drift`: what is recorded against what exists. Needs no Python and no project that imports, takes no lock and writes
//! nothing.

use grail_state::store::Holder;
use grail_state::txn::{Phase, Txn};

use crate::cli::commands::status;
use crate::cli::commands::validate::remarks;
use crate::cli::exit::Exit;
use crate::cli::pass::{Connected, Connection};
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::{is_human, report, wish, words};
use crate::engine::EngineError;
use crate::engine::session::Drift;
use crate::event::{Event, EventSink};

/// How often the stage is looked at where others change its state in the meantime.
const LOOKS: u32 = 3;

/// Looks, and shows what differs.
///
/// # Errors
/// Everything that keeps it from looking.
pub async fn run(settings: &Settings) -> Result<Exit, Refusal> {
    let remarks = remarks(settings);
    let app = wish::app_name(settings, &remarks)?;
    let how = Connection {
        only_looks: true,
        ..Connection::default()
    };
    let connected = Connected::to(settings, &app, how).await?;
    let mut events = report::sink(settings);
    let mut looks = 1;
    let (pass, found, current) = loop {
        let mut pass = connected.read(&remarks).await?;
        let found = pass.session.drift().await?;
        // What a deployment has done between our reading of the state and our look is no drift.
        let current = pass.session.is_current().await?;
        if current || looks == LOOKS {
            break (pass, found, current);
        }
        looks += 1;
    };
    let txn = pass.session.txn();
    let holder = connected.stage.store.holder().await?;
    asides(txn, holder.as_ref(), &found, current, &mut *events);
    if is_human(settings) {
        let colour = settings.colour && settings.environment.shows;
        words::data(&report::drift::human(&found, colour));
    } else {
        words::json_line(settings.command, "drift", report::drift::json(&found));
    }
    if let Some(ci) = &settings.ci {
        let drifted = found.drifted.iter().map(|drifted| &drifted.id);
        drifted.for_each(|id| ci.warn("drift", &format!("`{id}` is no longer as it is recorded")));
    }
    if !found.unseen.is_empty() {
        // That there is no drift cannot be said then, nor that this is all.
        return Err(EngineError::Look(found.unseen).into());
    }
    Ok(match status::exit(txn) {
        Exit::Done if !current => Exit::Open,
        Exit::Done if !found.drifted.is_empty() => Exit::Changes,
        exit => exit,
    })
}

/// What a reader has to know besides.
fn asides(txn: &Txn, holder: Option<&Holder>, found: &Drift, current: bool, events: &mut dyn EventSink) {
    let mut say = |code: &str, text: String| {
        events.emit(&Event::Said {
            code: code.to_owned(),
            text,
            warning: true,
        });
    };
    if let Some(holder) = holder {
        let text =
            format!("the stage is being worked on by {holder}: what that does counts as drift to nobody");
        say("drift.running", text);
    } else if !current {
        let text = "the state was changed again and again while this looked: look again when that is over";
        say("drift.moving", text.to_owned());
    }
    if txn.phase() != Phase::Idle {
        let command = txn.begun().map_or("deploy", |begun| &begun.command);
        let next = status::next(txn.phase(), command);
        let left = match found.open.len() {
            0 => String::new(),
            open => format!("; {open} resource(s) that it has touched are left out here"),
        };
        say("drift.open", format!("a transaction is open: {next}{left}"));
    } else if !txn.is_swept() {
        let text = "an earlier command has left deletions: `grail deploy` goes on with them".to_owned();
        say("drift.left", text);
    }
    for (id, why) in &found.unexamined {
        let text = format!("what others have added to `{id}` could not be seen whole: {why}");
        say("drift.unexamined", text);
    }
}
