//! `grail state forget`: takes resources out of what is recorded, and leaves the things where they are.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::snapshot::Forgotten;
use grail_state::{ResourceId, Snapshot};
use serde_json::json;

use super::change::{Change, change, kept, open_transaction};
use super::names::resolve;
use super::say;
use crate::cli::args::LockArgs;
use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::stage::Stage;
use crate::cli::{ask, is_human};

/// Forgets what `given` names, once whoever asks for it knows what that means.
///
/// # Errors
/// What is not recorded; an open transaction; nobody who could say yes.
pub(super) async fn run(
    settings: &Settings,
    stage: &Stage,
    given: &[String],
    yes: bool,
    lock: LockArgs,
) -> Result<Exit, Refusal> {
    if !yes {
        let txn = stage.txn().await?;
        if txn.entries() > 0 {
            return Err(open_transaction(&txn));
        }
        let text = told(&forgotten(txn.snapshot(), given)?.1);
        if !settings.environment.asks || !is_human(settings) {
            return Err(Refusal::new(format!("nobody is there to be asked. {text}")).hint("say `--yes`"));
        }
        if !ask::agrees(&format!("{text}\n")).await {
            return Err(Refusal::new("it was not agreed to, and nothing was changed"));
        }
    }
    let mut gone = BTreeMap::new();
    let changed = change(settings, stage, lock, |before| {
        let (next, forgotten) = forgotten(before, given)?;
        let done = forgotten
            .keys()
            .map(|id| (id.clone(), vec!["forgotten".to_owned()]));
        let done = done.collect();
        gone = forgotten;
        Ok(Some(Change {
            next,
            done,
            leaves_foreign_file: false,
        }))
    });
    if let Some(changed) = changed.await? {
        let text = format!("{}\n{}", told(&gone), kept(&changed));
        let ids: Vec<_> = gone.keys().collect();
        say(
            settings,
            "forget.done",
            &text,
            json!({"resources": ids, "backup": changed.backup}),
        );
    }
    Ok(Exit::Done)
}

/// What would be recorded then, and what each resource leaves behind.
fn forgotten(
    before: &Snapshot,
    given: &[String],
) -> Result<(Snapshot, BTreeMap<ResourceId, Forgotten>), Refusal> {
    let doomed = before.doomed.iter().map(|doomed| &doomed.id);
    let known: BTreeSet<_> = before.records.keys().chain(doomed).collect();
    let ids: Result<BTreeSet<_>, _> = given.iter().map(|one| resolve(one, &known, "recorded")).collect();
    let (mut next, mut all) = (before.clone(), BTreeMap::new());
    for id in ids? {
        let left = next.forget(id).map_err(|error| Refusal::of(&error))?;
        all.insert(id.clone(), left);
    }
    for left in all.values_mut() {
        left.dependents.retain(|id| next.knows(id));
    }
    Ok((next, all))
}

fn told(forgotten: &BTreeMap<ResourceId, Forgotten>) -> String {
    let mut lines = vec!["Forgotten, and left in the account as they are:".to_owned()];
    for (id, left) in forgotten {
        let handles: Vec<_> = left.handles.iter().map(ToString::to_string).collect();
        lines.push(format!("  {id}  {}", handles.join(", ")));
        if !left.dependents.is_empty() {
            let dependents: Vec<_> = left.dependents.iter().map(ToString::to_string).collect();
            lines.push(format!(
                "    needed by {}, which stay recorded",
                dependents.join(", ")
            ));
        }
    }
    lines.push(
        "`grail delete` does not delete them any more. While the project asks for them, the next `grail deploy` finds them: \
         what provably belongs to this stage is recorded again, anything else is refused until `--adopt` names it."
            .to_owned(),
    );
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use grail_state::{Handle, Record, StackId};

    use super::*;

    fn shop() -> Snapshot {
        let stack = StackId {
            app: "shop".into(),
            stage: "dev".into(),
        };
        let mut snapshot = Snapshot::empty(stack);
        for (name, needs) in [("iam_role.r", None), ("lambda_function.f", Some("iam_role.r"))] {
            let record = Record {
                handle: Handle(format!("arn:{name}")),
                spec: json!({}),
                outputs: BTreeMap::new(),
                depends_on: needs.iter().map(|need| need.parse().unwrap()).collect(),
                rank: 0,
                token: None,
            };
            snapshot.records.insert(name.parse().unwrap(), record);
        }
        snapshot
    }

    #[test]
    fn who_stays_and_needed_it_is_told() {
        let of = |given: &[&str]| {
            let given: Vec<_> = given.iter().map(|one| (*one).to_owned()).collect();
            told(&forgotten(&shop(), &given).unwrap().1)
        };
        let alone = of(&["r"]);
        assert!(
            alone.contains("  iam_role.r  arn:iam_role.r\n    needed by lambda_function.f, which stay"),
            "{alone}"
        );
        assert!(!of(&["r", "f", "iam_role.r"]).contains("needed by"));
    }
}
