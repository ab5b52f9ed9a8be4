//! A plan as compact text: a line a step, what it waits for after `<`.

use serde_json::Value;

use crate::plan::{Action, Plan, PlanError, Step, StepId};

pub(super) fn plan_text(plan: &Plan) -> String {
    let mut lines: Vec<String> = plan.build.iter().map(step_text).collect();
    if !plan.sweep.is_empty() {
        lines.push("sweep:".into());
        lines.extend(plan.sweep.iter().map(step_text));
    }
    for (id, note) in &plan.notes {
        lines.push(format!("{} {id}", if note.is_some() { "note" } else { "forget" }));
    }
    if lines.is_empty() {
        lines.push("nothing".into());
    }
    lines.join("\n")
}

pub(super) fn errors_text(errors: &[PlanError]) -> String {
    errors
        .iter()
        .map(|error| format!("! {error}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn step_text(step: &Step) -> String {
    let act = match &step.action {
        Action::Create { replaces: None } => format!("+ {}", step.resource),
        Action::Create { replaces: Some(old) } => format!("+ {} instead of {}", step.resource, old.0),
        Action::Update { diff } => {
            let fields: Vec<_> = diff
                .fields
                .iter()
                .map(|field| format!("{}: {} -> {}", field.path, value(&field.have), value(&field.want)))
                .collect();
            format!("~ {} [{}]", step.resource, fields.join(", "))
        }
        Action::Delete { replaced_by: None } => format!("- {}", step.resource),
        Action::Delete {
            replaced_by: Some(new),
        } => format!("- {} for {}", step.resource, new.0),
    };
    let waits: Vec<_> = step.after.iter().map(|StepId(id)| id.to_string()).collect();
    let waits = if waits.is_empty() {
        String::new()
    } else {
        format!(" < {}", waits.join(" "))
    };
    format!("{} {act} ({}){waits}", step.id.0, step.why)
}

fn value(value: &Option<Value>) -> String {
    match value {
        None => "none".into(),
        Some(Value::String(text)) if text.starts_with("(known after deploy") => "?".into(),
        Some(Value::String(text)) if text.starts_with("secret:") => "secret".into(),
        Some(value) => value.to_string().replace('"', ""),
    }
}
