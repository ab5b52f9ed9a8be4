//! `grail status`: what the stage holds, an open transaction, and who holds the lock. Makes no call and takes no lock.

use std::sync::Arc;

use grail_state::txn::{Back, Phase};
use serde_json::json;

use crate::cli::commands::validate::remarks;
use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::stage::{Stage, mirror};
use crate::cli::{is_human, wish, words};
use crate::engine::Status;

/// Shows it.
///
/// # Errors
/// Where the state cannot be read.
pub async fn run(settings: &Settings) -> Result<Exit, Refusal> {
    let remarks = remarks(settings);
    let app = wish::app_name(settings, &remarks)?;
    let stage = Stage::look_at(settings, &app).await?;
    let store = Arc::clone(&stage.store);
    let txn = stage.txn().await?;
    let status = Status::of(&txn, store.holder().await?);
    mirror(settings, &stage, &remarks).await?;
    if !is_human(settings) {
        let resources: Vec<_> = txn
            .records()
            .iter()
            .map(|(id, record)| json!({"id": id, "handle": record.handle}))
            .collect();
        words::json_line(
            settings.command,
            "status",
            json!({
                "stack": txn.snapshot().stack, "home": txn.snapshot().home, "committed": txn.snapshot().committed,
                "status": status, "holder": status.holder, "resources": resources,
            }),
        );
        return Ok(exit(&txn));
    }
    words::data(&text(settings, &stage, &txn, &status));
    Ok(exit(&txn))
}

/// How a command ends that finds the stage as it stands.
pub fn exit(txn: &grail_state::txn::Txn) -> Exit {
    match txn.phase() {
        Phase::Idle if txn.is_swept() => Exit::Done,
        Phase::Idle => Exit::Stuck,
        _ if txn
            .touched()
            .values()
            .any(|touched| matches!(touched.back, Back::Stuck(_))) =>
        {
            Exit::Stuck
        }
        _ => Exit::Open,
    }
}

/// What leads on from here.
pub fn next(phase: Phase, command: &str) -> String {
    match phase {
        // Settled, so that a deletion goes on as one.
        Phase::Idle | Phase::Building => "`grail deploy` goes on, `grail rollback` goes back".to_owned(),
        Phase::Sweeping => format!("`grail {command}` goes on; what is committed is not taken back"),
        Phase::Aborting => {
            "`grail rollback` goes on with the way back, and so does every other command".to_owned()
        }
    }
}

fn text(settings: &Settings, stage: &Stage, txn: &grail_state::txn::Txn, status: &Status) -> String {
    let mut text = format!("{} (stage {})\n", stage.stack.app, stage.stack.stage);
    if let Some(shared) = &settings.shared {
        text.push_str(&format!("  state        {shared}\n"));
    }
    match &txn.snapshot().home {
        Some(home) => text.push_str(&format!(
            "  lives in     account {}, region {}\n",
            home.account, home.region
        )),
        None => text.push_str("  lives in     nothing deployed by grail yet\n"),
    }
    if let Some(at) = txn.snapshot().committed {
        text.push_str(&format!("  last commit  {at:.0}\n"));
    }
    text.push_str(&format!("  records      {} resource(s)\n", status.recorded));
    for (id, record) in txn.records() {
        text.push_str(&format!("    {id}  {}\n", record.handle));
    }
    if let Some(holder) = &status.holder {
        text.push_str(&format!("  locked by    {holder}\n"));
    }
    if txn.phase() == Phase::Idle {
        text.push_str("  transaction  none open\n");
    } else {
        let command = status.command.as_deref().unwrap_or("a command");
        text.push_str(&format!(
            "  transaction  open since `grail {command}`{}{}: {}\n",
            status
                .by
                .as_ref()
                .map(|by| format!(" by {by}"))
                .unwrap_or_default(),
            status.since.map(|at| format!(", {at:.0}")).unwrap_or_default(),
            status.phase
        ));
        if let Some(cause) = &status.cause {
            let what = match txn.phase() {
                Phase::Aborting => "turned back because",
                _ => "failed",
            };
            text.push_str(&format!("    {what}: {cause}\n"));
        }
        for (id, standing) in &status.touched {
            text.push_str(&format!("    {id}  {standing}\n"));
        }
        text.push_str(&format!("  next         {}\n", next(txn.phase(), command)));
    }
    if !status.left.is_empty() {
        text.push_str("  still to be deleted (the next `grail deploy` or `grail delete` goes on with it)\n");
        status
            .left
            .iter()
            .for_each(|id| text.push_str(&format!("    {id}\n")));
    }
    if !status.unpruned.is_empty() {
        text.push_str(
            "  additions of others, still to be removed (the next `grail deploy` goes on with it)\n",
        );
        for (id, prune) in &status.unpruned {
            text.push_str(&format!("    {id}  {}\n", prune.children.join(", ")));
        }
    }
    text
}
