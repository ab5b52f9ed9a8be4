//! What must not happen by mistake, as the command line and `grail.toml` say: what is protected, how much may go at once, what
//! somebody has to agree to. With `--local` only the command line counts: there is nothing to lose.

use grail_state::DesiredState;

use super::args::{GuardArgs, RequireApproval};
use super::settings::Settings;
use super::wish::{Remark, Remarks};
use crate::engine::Session;
use crate::plan::Guard;
use crate::plan::guard::{Pattern, matches};
use crate::source::chalice::diagnostic::Problem;

/// The guard of a command that gives up the protection of what `lifts` names.
pub fn guard<'a>(
    settings: &Settings,
    args: &GuardArgs,
    lifts: impl IntoIterator<Item = &'a String>,
) -> Guard {
    let (table, stage) = (&settings.toml.protect, settings.of_stage());
    let of_file = stage
        .and_then(|stage| stage.max_deletes)
        .or(table.max_deletes)
        .filter(|_| !settings.local);
    Guard {
        protects: protects(settings),
        lifts: lifts
            .into_iter()
            .filter_map(|text| Pattern::written(text))
            .collect(),
        max_deletes: args.max_deletes.or(of_file),
        at_play: settings.local,
    }
}

/// What the file protects in this stage; `None` where it says nothing of it.
fn protects(settings: &Settings) -> Option<Vec<Pattern>> {
    if settings.local {
        return None;
    }
    let table = &settings.toml.protect;
    let own = settings.of_stage().and_then(|stage| stage.protect.as_ref());
    if table.stages.is_none() && table.resources.is_none() && own.is_none() {
        return None;
    }
    let whole = table
        .stages
        .iter()
        .flatten()
        .any(|name| matches(name, &settings.stage));
    let everything = Pattern::written("*").filter(|_| whole);
    let named = table.resources.iter().flatten().chain(own.into_iter().flatten());
    Some(everything.into_iter().chain(named.cloned()).collect())
}

/// What somebody has to agree to before a deployment writes.
pub fn required(settings: &Settings, asked: Option<RequireApproval>) -> RequireApproval {
    let of_file = || {
        let stage = settings.of_stage().and_then(|stage| stage.require_approval);
        stage
            .or(settings.toml.protect.require_approval)
            .filter(|_| !settings.local)
    };
    asked.or_else(of_file).unwrap_or(RequireApproval::Never)
}

/// Tells what of a guard is most likely a mistake: names of nothing, and what was protected and is no more.
pub fn tell_doubts(guard: &Guard, desired: &DesiredState, session: &Session<'_>, remarks: &Remarks) {
    let told = |code, said: String| remarks(Remark::Problem(Problem::warning(code, said)));
    for pattern in guard.idle(desired, session.txn().records().keys()) {
        told(
            "protect.idle",
            format!("`{pattern}` is to be protected, or no more so, and names no resource of this stage"),
        );
    }
    let given_up = guard.given_up(&session.snapshot().protected, desired, session.rules());
    let given_up: Vec<_> = given_up.into_iter().map(|id| format!("`{id}`")).collect();
    if !given_up.is_empty() {
        let said = format!(
            "no longer protected, since grail.toml does not name it any more: {}",
            given_up.join(", ")
        );
        told("protect.given-up", said);
    }
}
