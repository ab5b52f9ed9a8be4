//! `grail state show`: one record, whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use grail_providers::resources;
use grail_state::chalice::{Deployed, DeployedEntry};
use grail_state::txn::Txn;
use grail_state::{Record, ResourceId};
use serde_json::{Map, Value, json};

use super::list::note_open;
use super::names::resolve;
use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::stage::Stage;
use crate::cli::{is_human, words};
use crate::report::value::shown;

/// Shows the record that `given` names. Values that are secret are recorded as digests, and shown so.
///
/// # Errors
/// Where there is none, with the one that may be meant.
pub(super) async fn run(settings: &Settings, stage: &Stage, given: &str) -> Result<Exit, Refusal> {
    let txn = stage.txn().await?;
    let existing = txn.existing();
    let id = resolve(given, &existing.keys().collect(), "recorded")?.clone();
    let Some(record) = existing.get(&id) else {
        return Err(Refusal::new(format!("`{id}` is not recorded")));
    };
    let file = stage.deployed()?.map(|found| found.deployed).unwrap_or_default();
    let shown = Shown {
        id: &id,
        record,
        needed_by: existing
            .iter()
            .filter(|(_, other)| other.depends_on.contains(&id))
            .map(|(other, _)| other)
            .collect(),
        chalice: entries(stage, &existing, &id, &file),
        to_be_deleted: to_be_deleted(&txn, &id),
        to_be_removed: txn
            .prune()
            .get(&id)
            .map(|prune| prune.children.clone())
            .unwrap_or_default(),
    };
    if is_human(settings) {
        note_open(&txn);
        words::data(&shown.text());
    } else {
        let fields = json!({"phase": txn.phase().as_str(), "resource": shown.json()});
        words::json_line(settings.command, "resource", fields);
    }
    Ok(Exit::Done)
}

struct Shown<'a> {
    id: &'a ResourceId,
    record: &'a Record,
    needed_by: BTreeSet<&'a ResourceId>,
    /// The entries of Chalice's file that it is part of, and what the file says there; `None` where it says nothing.
    chalice: BTreeMap<String, Option<DeployedEntry>>,
    to_be_deleted: Vec<String>,
    /// What others have added to it, and is still to go.
    to_be_removed: Vec<String>,
}

/// The entries that the resource is part of: those that would be others without it.
fn entries(
    stage: &Stage,
    existing: &BTreeMap<ResourceId, Record>,
    id: &ResourceId,
    file: &Deployed,
) -> BTreeMap<String, Option<DeployedEntry>> {
    let project = stage.file(resources::wires(), Vec::new());
    let mut others = existing.clone();
    others.remove(id);
    let (with, without) = (project.project(existing), project.project(&others));
    let own = with
        .entries
        .iter()
        .filter(|entry| without.entry(&entry.name) != Some(entry));
    own.map(|entry| (entry.name.clone(), file.entry(&entry.name).cloned()))
        .collect()
}

fn to_be_deleted(txn: &Txn, id: &ResourceId) -> Vec<String> {
    let doomed = txn.doomed().iter().filter(|doomed| doomed.id == *id);
    doomed.map(|doomed| doomed.handle.to_string()).collect()
}

impl Shown<'_> {
    fn text(&self) -> String {
        let mut text = format!("{}\n", self.id);
        let mut line = |name: &str, value: String| {
            if !value.is_empty() {
                let _ = writeln!(text, "  {name:14}{value}");
            }
        };
        line("handle", self.record.handle.to_string());
        line("to be deleted", self.to_be_deleted.join(", "));
        line("to be removed", self.to_be_removed.join(", "));
        line("needs", listed(&self.record.depends_on));
        line("needed by", listed(&self.needed_by));
        let mark = self.record.token.as_ref();
        line("mark", mark.map(|token| token.0.clone()).unwrap_or_default());
        match &self.record.spec {
            Value::Null => {
                text.push_str("  its form is not known yet: Chalice's file names it, and nobody has looked\n")
            }
            spec => section(&mut text, "form", spec),
        }
        let outputs = self.record.outputs.clone().into_iter().collect();
        section(&mut text, "outputs", &Value::Object(outputs));
        for (name, entry) in &self.chalice {
            match entry {
                Some(entry) => section(&mut text, &format!("in Chalice's file, `{name}`"), &said(entry)),
                None => {
                    let _ = writeln!(
                        text,
                        "  in Chalice's file, `{name}`: nothing (`grail state pull`, or the next deploy, writes it)"
                    );
                }
            }
        }
        text
    }

    fn json(&self) -> Value {
        let Record {
            handle,
            spec,
            outputs,
            depends_on,
            rank,
            token,
        } = self.record;
        let chalice = self.chalice.iter();
        let chalice: Map<_, _> = chalice
            .map(|(name, entry)| (name.clone(), entry.as_ref().map_or(Value::Null, said)))
            .collect();
        json!({
            "id": self.id, "kind": self.id.kind, "name": self.id.name, "handle": handle, "form": spec, "outputs": outputs,
            "depends_on": depends_on, "needed_by": self.needed_by, "rank": rank, "mark": token, "chalice": chalice,
            "to_be_deleted": self.to_be_deleted, "to_be_removed": self.to_be_removed,
        })
    }
}

fn listed<'a>(ids: impl IntoIterator<Item = &'a (impl ToString + 'a)>) -> String {
    let ids: Vec<_> = ids.into_iter().map(ToString::to_string).collect();
    ids.join(", ")
}

/// An entry as Chalice writes it.
fn said(entry: &DeployedEntry) -> Value {
    let kind = ("resource_type".to_owned(), json!(entry.resource_type));
    Value::Object(std::iter::once(kind).chain(entry.keys.iter().cloned()).collect())
}

/// A heading, and each value with its path on a line.
fn section(text: &mut String, heading: &str, value: &Value) {
    let mut lines = Vec::new();
    leaves("", value, &mut lines);
    if !lines.is_empty() {
        let _ = writeln!(text, "  {heading}");
    }
    for (path, value) in lines {
        let _ = writeln!(text, "    {path}: {value}");
    }
}

fn leaves(path: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                let below = match path {
                    "" => key.clone(),
                    path => format!("{path}.{key}"),
                };
                leaves(&below, value, lines);
            }
        }
        Value::Object(_) if path.is_empty() => {}
        value => lines.push((path.to_owned(), shown(value))),
    }
}

#[cfg(test)]
mod tests {
    use grail_state::Handle;

    use super::*;

    #[test]
    fn a_record_is_shown_whole_and_without_its_secrets() {
        let id: ResourceId = "lambda_function.work".parse().unwrap();
        let mapping: ResourceId = "event_source_mapping.work".parse().unwrap();
        let record = Record {
            handle: Handle("arn:work".into()),
            spec: json!({"memory": 128, "environment": {"KEY": "secret:aabbccdd:0123456789abcdef01234567"}, "vpc": null}),
            outputs: BTreeMap::from([("name".to_owned(), json!("shop-dev-work"))]),
            depends_on: ["iam_role.default-role".parse().unwrap()].into(),
            rank: 2,
            token: None,
        };
        let entry = DeployedEntry {
            name: "work".into(),
            resource_type: "lambda_function".into(),
            keys: vec![("lambda_arn".into(), json!("arn:work"))],
        };
        let shown = Shown {
            id: &id,
            record: &record,
            needed_by: [&mapping].into(),
            chalice: [("work".to_owned(), Some(entry)), ("other".to_owned(), None)].into(),
            to_be_deleted: Vec::new(),
            to_be_removed: vec!["statement visitor".into()],
        };
        insta::assert_snapshot!(shown.text(), @r#"
        lambda_function.work
          handle        arn:work
          to be removed statement visitor
          needs         iam_role.default-role
          needed by     event_source_mapping.work
          form
            environment.KEY: (secret 01234567)
            memory: 128
          outputs
            name: "shop-dev-work"
          in Chalice's file, `other`: nothing (`grail state pull`, or the next deploy, writes it)
          in Chalice's file, `work`
            lambda_arn: "arn:work"
            resource_type: "lambda_function"
        "#);
        assert_eq!(
            shown.json()["chalice"],
            json!({"other": null, "work": {"resource_type": "lambda_function", "lambda_arn": "arn:work"}})
        );
    }
}
