//! `grail state list`: what is recorded.

use std::fmt::Write as _;

use grail_state::txn::{Phase, Txn};
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::stage::Stage;
use crate::cli::{is_human, words};

/// Lists it.
///
/// # Errors
/// Where the state cannot be read.
pub(super) async fn run(settings: &Settings, stage: &Stage) -> Result<Exit, Refusal> {
    let txn = stage.txn().await?;
    if is_human(settings) {
        note_open(&txn);
        if txn.records().is_empty() && txn.doomed().is_empty() {
            words::words("nothing is recorded\n");
        }
        words::data(&text(&txn));
        return Ok(Exit::Done);
    }
    let each = txn.records().iter();
    let resources: Vec<_> = each
        .map(|(id, record)| json!({"id": id, "kind": id.kind, "name": id.name, "handle": record.handle}))
        .collect();
    let doomed = txn.doomed().iter();
    let doomed: Vec<_> = doomed
        .map(|one| json!({"id": one.id, "kind": one.id.kind, "name": one.id.name, "handle": one.handle}))
        .collect();
    let fields = json!({
        "stack": txn.snapshot().stack, "phase": txn.phase().as_str(), "committed": txn.snapshot().committed,
        "resources": resources, "doomed": doomed, "prune": txn.prune(),
    });
    words::json_line(settings.command, "resources", fields);
    Ok(Exit::Done)
}

/// Says so where a transaction is open: what is shown is what it has come to so far.
pub(super) fn note_open(txn: &Txn) {
    if txn.phase() != Phase::Idle {
        let phase = txn.phase().as_str();
        words::words(&format!(
            "a transaction is open ({phase}): this is what is recorded at this point of it, and not the last commit\n"
        ));
    }
}

fn text(txn: &Txn) -> String {
    let recorded = txn.records().iter();
    let recorded = recorded.map(|(id, record)| (id.to_string(), record.handle.to_string()));
    let doomed = txn.doomed().iter();
    let doomed = doomed.map(|one| (one.id.to_string(), format!("{}  (to be deleted)", one.handle)));
    let lines: Vec<_> = recorded.chain(doomed).collect();
    let width = lines
        .iter()
        .map(|(id, _)| id.chars().count())
        .max()
        .unwrap_or_default();
    lines.iter().fold(String::new(), |mut text, (id, handle)| {
        let _ = writeln!(text, "{id:width$}  {handle}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use grail_state::journal::Doomed;
    use grail_state::{Handle, Record, Snapshot, StackId};

    use super::*;

    #[test]
    fn each_stands_with_its_physical_name_on_a_line() {
        let mut snapshot = Snapshot::empty(StackId {
            app: "shop".into(),
            stage: "dev".into(),
        });
        let record = |handle: &str| Record {
            handle: Handle(handle.into()),
            spec: json!({}),
            outputs: BTreeMap::new(),
            depends_on: Default::default(),
            rank: 0,
            token: None,
        };
        for (name, handle) in [("iam_role.r", "shop-dev"), ("rest_api.rest_api", "a1")] {
            snapshot.records.insert(name.parse().unwrap(), record(handle));
        }
        let old = Doomed::of("rest_api.rest_api".parse().unwrap(), &record("a0"));
        snapshot.doomed.push(old);
        insta::assert_snapshot!(text(&Txn::new(snapshot)), @r"
        iam_role.r         shop-dev
        rest_api.rest_api  a1
        rest_api.rest_api  a0  (to be deleted)
        ");
    }
}
