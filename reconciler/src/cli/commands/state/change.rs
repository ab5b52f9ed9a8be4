//! A change of what is recorded, under the stage's lock and on any store: what `forget`, `move` and `push` have in common.

use std::collections::BTreeMap;
use std::path::PathBuf;

use grail_providers::resources;
use grail_state::chalice::Standing;
use grail_state::snapshot::keep_copy;
use grail_state::store::{Lease, Loaded, Wait};
use grail_state::txn::{Txn, replay};
use grail_state::{Report, ResourceId, Snapshot};
use jiff::Timestamp;

use crate::cli::args::LockArgs;
use crate::cli::commands::status;
use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::stage::{self, Stage};
use crate::cli::words;
use crate::engine::{EngineError, RecordSink as _};

/// What is to be recorded from now on.
pub(super) struct Change {
    /// All of it.
    pub(super) next: Snapshot,
    /// What was done to which resource, for `history`.
    pub(super) done: BTreeMap<ResourceId, Vec<String>>,
    /// Whether Chalice's file may be left as it is where somebody else has changed it: what it names is then taken over by
    /// the next deployment. Else that is a refusal.
    pub(super) leaves_foreign_file: bool,
}

/// What came of a change.
pub(super) struct Changed {
    /// The copy of what was recorded before; none where that was nothing.
    pub(super) backup: Option<PathBuf>,
}

/// Takes the lock, has `decide` say what is to be recorded in place of the last commit, and writes it down; nothing where it
/// says `None`.
///
/// # Errors
/// Somebody else holds the lock; an open transaction; what `decide` refuses; what cannot be written.
pub(super) async fn change(
    settings: &Settings,
    stage: &Stage,
    lock: LockArgs,
    decide: impl FnOnce(&Snapshot) -> Result<Option<Change>, Refusal>,
) -> Result<Option<Changed>, Refusal> {
    let holder = stage::holder(settings, settings.command);
    let wait = settings.lock_wait(lock.lock_timeout);
    if wait != Wait::No
        && let Some(current) = stage.store.holder().await?
    {
        words::words(&format!("Waiting for the stage, which is locked by {current}\n"));
    }
    let lease = stage.store.acquire(holder, wait).await?;
    let done = changed(settings, stage, &lease, decide).await;
    stage.store.release(lease).await;
    done
}

async fn changed(
    settings: &Settings,
    stage: &Stage,
    lease: &Lease,
    decide: impl FnOnce(&Snapshot) -> Result<Option<Change>, Refusal>,
) -> Result<Option<Changed>, Refusal> {
    let loaded = stage.store.load().await?;
    refuse_open(stage, &loaded).await?;
    let before = loaded.snapshot;
    let Some(change) = decide(&before)? else {
        return Ok(None);
    };
    let Change {
        mut next,
        done,
        leaves_foreign_file,
    } = change;
    let foreign = is_foreign(stage, &before, &next)?;
    if foreign && !leaves_foreign_file {
        return Err(foreign_file(settings));
    }
    let backup = match before.is_blank() {
        true => None,
        false => Some(keep_copy(&settings.folder().join("backups"), &before)?),
    };
    if !foreign {
        show_in_chalices_file(stage, &before, &mut next)?;
    }
    stage.store.swap(lease, &loaded.version, &next).await?;
    remember(stage, lease, done).await;
    Ok(Some(Changed { backup }))
}

/// Refuses to change by hand what a transaction is about to change, or to bring back.
async fn refuse_open(stage: &Stage, loaded: &Loaded) -> Result<(), Refusal> {
    if loaded.journal.is_empty() {
        return Ok(());
    }
    let txn = match replay(loaded.snapshot.clone(), &loaded.journal) {
        Ok(txn) => txn,
        Err(corrupt) => return Err(stage.store.misplaced(&corrupt).await.into()),
    };
    Err(open_transaction(&txn))
}

/// The refusal of what cannot be done while `txn` is open.
pub(super) fn open_transaction(txn: &Txn) -> Refusal {
    let command = txn.begun().map_or("deploy", |begun| begun.command.as_str());
    Refusal::new(format!(
        "a transaction of `grail {command}` is open, and what is recorded is its own meanwhile"
    ))
    .exit(Exit::Open)
    .hint(format!(
        "bring it to its end first: {}",
        status::next(txn.phase(), command)
    ))
}

/// Whether Chalice's file says what neither `before` nor `next` has ever said.
pub(super) fn is_foreign(stage: &Stage, before: &Snapshot, next: &Snapshot) -> Result<bool, Refusal> {
    let found = stage.deployed()?;
    if let Some(found) = &found {
        found.deployed.check_owner(&stage.stack)?;
    }
    let projections = [before.projections.as_slice(), &next.projections].concat();
    let forms = [before, next].map(|snapshot| Txn::new(snapshot.clone()).existing());
    let beside = stage.beside(found.as_ref(), &projections, forms.into(), &resources::wires());
    Ok(beside.standing == Standing::Foreign)
}

/// The refusal to change what is recorded while Chalice's file knows more.
pub(super) fn foreign_file(settings: &Settings) -> Refusal {
    let file = settings.deployed_file().display().to_string();
    let said =
        format!("{file} was changed by somebody else than grail, and names things that are not recorded yet");
    Refusal::new(said).hint("`grail deploy` takes over what it names and really exists; do that first")
}

fn show_in_chalices_file(stage: &Stage, before: &Snapshot, next: &mut Snapshot) -> Result<(), Refusal> {
    let found = stage.deployed()?;
    let wires = resources::wires();
    let mut file = stage
        .beside(found.as_ref(), &before.projections, Vec::new(), &wires)
        .file;
    if next.committed.is_none() && found.is_none() {
        file.was_not_there();
    }
    let written = file.write(&Txn::new(next.clone()));
    let failed =
        |error: Box<dyn std::error::Error + Send + Sync>| Refusal::of(&EngineError::Projection(error));
    let digest = written.map_err(failed)?;
    if let Some(digest) = digest {
        next.remember_projection(digest);
    }
    Ok(())
}

/// For `history`. That it cannot be kept is no reason to fail.
async fn remember(stage: &Stage, lease: &Lease, changes: BTreeMap<ResourceId, Vec<String>>) {
    let report = Report {
        command: lease.holder.command.clone(),
        who: lease.holder.who.clone(),
        host: lease.holder.host.clone(),
        began: lease.holder.since,
        ended: Timestamp::now(),
        outcome: "done".to_owned(),
        why: None,
        changes,
    };
    if let Err(error) = stage.store.add_report(lease, &report).await {
        tracing::warn!(%error, "what was done could not be added to the history");
    }
}

/// Where what was recorded before is kept, as a last sentence.
pub(super) fn kept(changed: &Changed) -> String {
    match &changed.backup {
        Some(path) => format!("What was recorded before is kept in {}.", path.display()),
        None => "Nothing was recorded before.".to_owned(),
    }
}
