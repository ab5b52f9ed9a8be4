//! A plan as people and programs are told of it: grouped by resource, field by field, with the reasons. How that is painted or laid
//! out, a terminal and a page each decide for themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use grail_providers::port::Diff;
use grail_state::ResourceId;
use schemars::{JsonSchema, schema_for};
use serde::Serialize;
use serde_json::Value;

use super::policy::grants;
use super::value::shown;
use crate::plan::{Action, Plan, Step, StepId, Why};

/// The version of the JSON form of a plan. It is raised where something is taken out of it or comes to mean something else;
/// what is new is only added (`PLAN_FORMAT.md`).
pub const VERSION: u32 = 1;

/// A plan as programs read it.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "A plan of grail", transform = without_names_of_ours)]
pub(crate) struct Document<'a> {
    /// The version of this form.
    version: u32,
    /// How many resources it creates, changes, makes anew, deletes and leaves alone.
    counts: Counts,
    #[serde(flatten)]
    plan: &'a Plan,
}

/// The plan as one JSON document: the plan itself, with the version of this form and the counts.
pub fn json(plan: &Plan) -> String {
    written(&document(plan))
}

/// The same as a value.
pub fn document(plan: &Plan) -> Value {
    let document = Document {
        version: VERSION,
        counts: Counts::of(plan),
        plan,
    };
    // Only maps with keys that are no text cannot be written, and a plan has none.
    serde_json::to_value(document).unwrap_or(Value::Null)
}

/// The JSON Schema of that document.
pub fn schema() -> String {
    written(schema_for!(Document<'_>).as_value())
}

/// Formats that schemars has invented for Rust's numbers (`uint32`) mean nothing to others.
fn without_names_of_ours(schema: &mut schemars::Schema) {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                if fields
                    .get("format")
                    .and_then(Value::as_str)
                    .is_some_and(|format| format.starts_with("uint"))
                {
                    fields.remove("format");
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    if let Some(fields) = schema.as_object_mut() {
        fields.values_mut().for_each(strip);
    }
}

fn written(document: &Value) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

/// How many resources a plan creates, changes, makes anew, deletes and leaves alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// Made.
    pub create: usize,
    /// Changed in place.
    pub update: usize,
    /// Made anew.
    pub replace: usize,
    /// Deleted for good.
    pub delete: usize,
    /// Additions of others that go.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub prune: usize,
    /// Left alone.
    pub unchanged: usize,
}

impl Counts {
    /// The counts of `plan`. A replacement counts once.
    pub fn of(plan: &Plan) -> Self {
        let mut counts = Self {
            unchanged: plan.unchanged.len(),
            prune: plan.prune.values().map(|prune| prune.children.len()).sum(),
            ..Self::default()
        };
        for change in changes(plan) {
            match change.sign {
                Sign::Create => counts.create += 1,
                Sign::Update => counts.update += 1,
                Sign::Replace => counts.replace += 1,
                Sign::Delete => counts.delete += 1,
            }
        }
        counts
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.create, "to create"),
            (self.update, "to update"),
            (self.replace, "to replace"),
            (self.delete, "to delete"),
            (self.prune, "of others' to remove"),
            (self.unchanged, "unchanged"),
        ];
        let said: Vec<_> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        f.write_str(&said.join(", "))
    }
}

/// What becomes of one resource.
pub(crate) struct Change<'a> {
    pub(crate) sign: Sign,
    pub(crate) id: &'a ResourceId,
    pub(crate) label: Option<&'a str>,
    pub(crate) why: Why,
    pub(crate) fields: Vec<Field>,
    /// After the commit, where nothing can be taken back.
    pub(crate) last: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Create,
    Update,
    Replace,
    Delete,
}

impl Sign {
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace => "-/+",
            Self::Delete => "-",
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }
}

/// One field of a change.
pub(crate) struct Field {
    pub(crate) path: String,
    pub(crate) detail: Detail,
}

pub(crate) enum Detail {
    /// It appears.
    New(String),
    /// It goes.
    Gone(String),
    /// It changes.
    Changed(String, String),
    /// A policy grants more, or less.
    Grants { gained: Vec<String>, lost: Vec<String> },
}

/// The changes of a plan in its order. The two steps of a replacement are one change, at the place of the creation.
pub(crate) fn changes(plan: &Plan) -> Vec<Change<'_>> {
    let steps: BTreeMap<StepId, &Step> = plan.steps().map(|step| (step.id, step)).collect();
    let build = plan.build.len();
    plan.steps()
        .enumerate()
        .filter_map(|(at, step)| change(step, &steps, at >= build))
        .collect()
}

fn change<'a>(step: &'a Step, steps: &BTreeMap<StepId, &'a Step>, last: bool) -> Option<Change<'a>> {
    let (sign, fields) = match &step.action {
        Action::Create { replaces: None } => (Sign::Create, created(step)),
        Action::Create { replaces: Some(old) } => (Sign::Replace, replaced(step, steps.get(old).copied())),
        Action::Update { diff } => (Sign::Update, changed(diff)),
        Action::Delete { replaced_by: None } => (Sign::Delete, Vec::new()),
        Action::Delete { replaced_by: Some(_) } => return None,
    };
    Some(Change {
        sign,
        id: &step.resource,
        label: step.label.as_deref(),
        why: step.why,
        fields,
        last,
    })
}

fn created(step: &Step) -> Vec<Field> {
    let mut fields = Vec::new();
    if let Some(wanted) = &step.wanted {
        flatten("", wanted, &mut fields);
    }
    fields
}

/// What differs between the new thing and the old one.
fn replaced(step: &Step, old: Option<&Step>) -> Vec<Field> {
    let have = old.and_then(|old| old.have.as_ref());
    match (&step.wanted, have) {
        (Some(wanted), Some(have)) => changed(&Diff::between(wanted, &have.spec, &[])),
        _ => created(step),
    }
}

pub(crate) fn changed(diff: &Diff) -> Vec<Field> {
    let field = |path: &str, have: Option<&Value>, want: Option<&Value>| {
        let detail = match (have, want) {
            (Some(have), Some(want)) => match (grants(have), grants(want)) {
                (Some(had), Some(has)) => difference(&had, &has),
                _ => Detail::Changed(shown(have), shown(want)),
            },
            (None, Some(want)) => match grants(want) {
                Some(has) => difference(&BTreeSet::new(), &has),
                None => Detail::New(shown(want)),
            },
            (Some(have), None) => match grants(have) {
                Some(had) => difference(&had, &BTreeSet::new()),
                None => Detail::Gone(shown(have)),
            },
            (None, None) => return None,
        };
        Some(Field {
            path: path.strip_suffix(".Statement").unwrap_or(path).to_owned(),
            detail,
        })
    };
    diff.fields
        .iter()
        .filter_map(|one| field(&one.path, one.have.as_ref(), one.want.as_ref()))
        .collect()
}

fn difference(had: &BTreeSet<String>, has: &BTreeSet<String>) -> Detail {
    Detail::Grants {
        gained: has.difference(had).cloned().collect(),
        lost: had.difference(has).cloned().collect(),
    }
}

/// The fields of a form that say something.
fn flatten(path: &str, value: &Value, fields: &mut Vec<Field>) {
    let detail = match value {
        Value::Null => return,
        Value::Array(items) if items.is_empty() => return,
        Value::Object(entries) => match grants(value) {
            Some(all) => difference(&BTreeSet::new(), &all),
            None => {
                // Sorted here: whether a JSON object is depends on what the crates that share it ask of it.
                for (key, item) in entries.iter().collect::<BTreeMap<_, _>>() {
                    let below = if path.is_empty() {
                        key.clone()
                    } else {
                        format!("{path}.{key}")
                    };
                    flatten(&below, item, fields);
                }
                return;
            }
        },
        other => Detail::New(shown(other)),
    };
    fields.push(Field {
        path: path.to_owned(),
        detail,
    });
}

/// Resources that are only remembered or forgotten, without a write. What goes on under another id is neither.
pub(crate) fn noted(plan: &Plan, remembered: bool) -> Vec<String> {
    let moved: BTreeSet<_> = plan.moves.iter().flat_map(|(new, old)| [new, old]).collect();
    plan.notes
        .iter()
        .filter(|(id, note)| note.is_some() == remembered && !moved.contains(id))
        .map(|(id, _)| id.to_string())
        .collect()
}
