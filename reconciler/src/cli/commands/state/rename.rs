//! `grail state move`: records a thing under another id.
//!
//! The thing stays as it is, under its physical name. Whether it can stay so is for the project to say: where the kind is bound
//! to a name that follows from the id (a function is called after its handler), the project asks for another name, and the
//! next plan makes it anew. That is told here, and not guessed: what the project asks for is not read.

use std::collections::{BTreeMap, BTreeSet};

use grail_providers::resources;
use grail_state::{Handle, ResourceId, Snapshot};
use serde_json::json;

use super::change::{Change, change, kept};
use super::names::resolve;
use super::say;
use crate::cli::args::LockArgs;
use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::stage::Stage;

/// Moves what `old` names to the id `new`.
///
/// # Errors
/// What is not recorded, or is already; another kind; an open transaction.
pub(super) async fn run(
    settings: &Settings,
    stage: &Stage,
    old: &str,
    new: &str,
    lock: LockArgs,
) -> Result<Exit, Refusal> {
    let mut moved = None;
    let changed = change(settings, stage, lock, |before| {
        let (next, both) = renamed(before, old, new)?;
        let done = BTreeMap::from([
            (both.old.clone(), vec![format!("moved to {}", both.new)]),
            (both.new.clone(), vec![format!("moved from {}", both.old)]),
        ]);
        moved = Some(both);
        Ok(Some(Change {
            next,
            done,
            leaves_foreign_file: false,
        }))
    });
    if let (Some(changed), Some(moved)) = (changed.await?, moved) {
        let Moved { old, new, handle } = &moved;
        let text = format!("{}\n{}", told(&moved), kept(&changed));
        let fields = json!({"old": old, "new": new, "handle": handle, "backup": changed.backup});
        say(settings, "move.done", &text, fields);
    }
    Ok(Exit::Done)
}

struct Moved {
    old: ResourceId,
    new: ResourceId,
    handle: Handle,
}

fn renamed(before: &Snapshot, old: &str, new: &str) -> Result<(Snapshot, Moved), Refusal> {
    let known: BTreeSet<_> = before.records.keys().collect();
    let old = resolve(old, &known, "recorded")?.clone();
    let kinds: BTreeSet<_> = resources::reads().into_keys().collect();
    // A name with dots in it is no id.
    let new = match new.parse::<ResourceId>() {
        Ok(id) if kinds.contains(&id.kind) || id.kind == old.kind => id,
        _ => ResourceId::new(old.kind.clone(), new),
    };
    let mut next = before.clone();
    next.rename(&old, &new).map_err(|error| Refusal::of(&error))?;
    let handle = next.records.get(&new).map(|record| record.handle.clone());
    let handle = handle.ok_or_else(|| Refusal::new(format!("`{old}` is not recorded")))?;
    Ok((next, Moved { old, new, handle }))
}

fn told(moved: &Moved) -> String {
    let Moved { old, new, handle } = moved;
    let then = match resources::name_bound().contains(&new.kind) {
        true => format!(
            "Its physical name stays. Where the project gives `{new}` another one, the next plan shows a replacement, deleted and \
             then made anew (`--allow-replace`); to have it made anew before the old one goes, move it back."
        ),
        false => format!(
            "The next plan shows what of it is to be changed; where the project has no `{new}`, its deletion."
        ),
    };
    format!("`{old}` is recorded as `{new}` now; in the account it is still {handle}.\n{then}")
}

#[cfg(test)]
mod tests {
    use grail_state::{Record, StackId};

    use super::*;

    fn renamed_to(new: &str) -> Result<String, String> {
        let stack = StackId {
            app: "shop".into(),
            stage: "dev".into(),
        };
        let mut snapshot = Snapshot::empty(stack);
        let record = Record {
            handle: Handle("api.example.com".into()),
            spec: json!({}),
            outputs: BTreeMap::new(),
            depends_on: BTreeSet::new(),
            rank: 0,
            token: None,
        };
        snapshot
            .records
            .insert("custom_domain.api".parse().unwrap(), record);
        match renamed(&snapshot, "api", new) {
            Ok((_, moved)) => Ok(moved.new.to_string()),
            Err(refusal) => Err(refusal.faults[0].what.clone()),
        }
    }

    #[test]
    fn a_new_id_is_of_the_same_kind() {
        assert_eq!(renamed_to("custom_domain.www").unwrap(), "custom_domain.www");
        assert_eq!(renamed_to("www").unwrap(), "custom_domain.www");
        assert_eq!(
            renamed_to("www.example.com").unwrap(),
            "custom_domain.www.example.com"
        );
        assert_eq!(
            renamed_to("log_group.www").unwrap_err(),
            "`custom_domain.api` and `log_group.www` are of two kinds"
        );
        assert!(renamed_to("api").unwrap_err().contains("recorded already"));
    }
}
