//! `grail state push`: a copy takes the place of the state. Without a file, the state of this machine takes the place of the
//! shared one: that is how a project moves to a shared state.
//!
//! The state of another application or stage is never taken: its functions, roles and rules bear that one's name, and every
//! command would refuse them. `state import` takes up single things.

use std::collections::BTreeMap;
use std::path::Path;

use grail_state::snapshot::read_copy;
use grail_state::store::StateStore as _;
use grail_state::store::file::{FileStore, prepare};
use grail_state::{ResourceId, Snapshot};
use serde_json::json;

use super::change::{Change, change, is_foreign, kept};
use super::say;
use crate::cli::args::LockArgs;
use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::stage::Stage;

/// Pushes.
///
/// # Errors
/// A copy that is damaged, older than what is there, or of another stack, account or region; an open transaction.
pub(super) async fn run(
    settings: &Settings,
    app: &str,
    file: Option<&Path>,
    force: bool,
    lock: LockArgs,
) -> Result<Exit, Refusal> {
    prepare(&settings.grail_folder())?;
    // What of this machine's state would be left behind by others is what goes along here.
    let stage = Stage::look_at(settings, app).await?;
    let brought = match file {
        Some(file) => read_copy(file, &stage.stack)?,
        None => of_this_machine(settings, &stage).await?,
    };
    let count = brought.records.len();
    let mut foreign = false;
    let changed = change(settings, &stage, lock, |before| {
        if brought.knows_the_same_as(before) {
            return Ok(None);
        }
        if !force && let Err(why) = may_follow(&brought, before, file.is_none()) {
            return Err(why);
        }
        foreign = is_foreign(&stage, before, &brought)?;
        Ok(Some(Change {
            done: differences(before, &brought),
            next: brought,
            leaves_foreign_file: true,
        }))
    });
    let place = match &settings.shared {
        Some(shared) => shared.to_string(),
        None => settings.folder().display().to_string(),
    };
    let Some(changed) = changed.await? else {
        say(
            settings,
            "push.same",
            &format!("{place} has this state already"),
            json!({"resources": count}),
        );
        return Ok(Exit::Done);
    };
    let mut text = format!(
        "{place} has this state now: {count} resources.\n{}",
        kept(&changed)
    );
    if foreign {
        let deployed = settings.deployed_file().display().to_string();
        text.push_str(&format!(
            "\n{deployed} was changed by somebody else than grail, and is left; the next deploy takes over what it names."
        ));
    }
    if file.is_none() {
        text.push_str(
            "\nThe state on this machine stays as it was, and is not used while the shared one is named.",
        );
    }
    say(
        settings,
        "push.done",
        &text,
        json!({"resources": count, "backup": changed.backup, "place": place}),
    );
    Ok(Exit::Done)
}

/// The state of this machine, to be shared.
async fn of_this_machine(settings: &Settings, stage: &Stage) -> Result<Snapshot, Refusal> {
    if stage.shared.is_none() {
        return Err(Refusal::new("no file is named, and the state lies on this machine: there is nothing to push").hint(
            "name a copy that `grail state pull --out FILE` wrote; or name the shared state that is to take the state of this \
             machine, by GRAIL_STATE or by `url` in `[state]` of grail.toml",
        ));
    }
    let here = FileStore::new(settings.folder(), stage.stack.clone())
        .load()
        .await?;
    if !here.journal.is_empty() {
        return Err(Refusal::new("the state on this machine has an open transaction").hint(
            "bring it to its end first: `GRAIL_STATE=local grail deploy`, or `GRAIL_STATE=local grail rollback`",
        ));
    }
    if here.snapshot.is_blank() {
        return Err(Refusal::new("there is no state on this machine")
            .hint("`grail deploy` begins the shared one with what Chalice's file names and what provably belongs to this stage"));
    }
    Ok(here.snapshot)
}

/// Two stores number what they write each for itself: of a state that is moved, only its dates and its place say anything.
fn may_follow(brought: &Snapshot, before: &Snapshot, moves: bool) -> Result<(), Refusal> {
    if moves && !before.is_blank() {
        return Err(Refusal::new("the shared state is not empty").hint(
            "if it is the newer one, there is nothing to do; `--force` puts the state of this machine in its place",
        ));
    }
    brought.may_follow(before).map_err(|why| {
        Refusal::new("this state is not to take the place of the one that is there")
            .because(why)
            .hint("pull the newer one; or put this one there all the same with `--force`")
    })
}

fn differences(before: &Snapshot, next: &Snapshot) -> BTreeMap<ResourceId, Vec<String>> {
    let ids = before.records.keys().chain(next.records.keys());
    let told = ids.filter_map(|id| {
        let said = match (before.records.get(id), next.records.get(id)) {
            (Some(old), Some(new)) if old == new => return None,
            (Some(_), Some(_)) => "pushed over another record",
            (None, _) => "pushed",
            (_, None) => "forgotten",
        };
        Some((id.clone(), vec![said.to_owned()]))
    });
    told.collect()
}
