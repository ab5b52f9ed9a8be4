//! What became of our things, for people and for programs.

use std::fmt::Write as _;

use grail_providers::port::FieldChange;
use serde_json::{Value, json};

use super::paint::Paint;
use super::plan::fields;
use crate::engine::session::Drift;
use crate::plan::{DriftReason, Drifted};

/// The version of [`json`]'s form.
const VERSION: u32 = 1;

/// Drift for a terminal: each resource with what differs, recorded before observed, then what others have added.
pub fn human(drift: &Drift, colour: bool) -> String {
    let paint = Paint::new(colour);
    let mut text = String::new();
    for one in &drift.drifted {
        draw(&mut text, one, drift, paint);
    }
    for (id, additions) in &drift.additions {
        let _ = writeln!(text, "Made by others at {id}, and kept: {}", additions.join(", "));
    }
    if !drift.formless.is_empty() {
        let ids: Vec<_> = drift.formless.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "There, and recorded by Chalice alone, without a form to compare: {}",
            ids.join(", ")
        );
    }
    let (drifted, compared) = (drift.drifted.len(), drift.compared);
    let _ = match (drifted, compared) {
        (0, 0) => writeln!(text, "{} Nothing is recorded.", paint.good("No drift.")),
        (0, _) => writeln!(
            text,
            "{} {} as recorded.",
            paint.good("No drift."),
            resources(compared)
        ),
        _ => writeln!(
            text,
            "{} {drifted} of {compared} resource(s) not as recorded. `grail deploy` repairs what the project still wants.",
            paint.strong("Drift:")
        ),
    };
    text
}

fn resources(count: usize) -> String {
    match count {
        1 => "1 resource is".to_owned(),
        count => format!("{count} resources are"),
    }
}

fn draw(text: &mut String, one: &Drifted, drift: &Drift, paint: Paint) {
    let (mark, said) = match &one.reason {
        DriftReason::Gone => (paint.bad("  -"), "gone".to_owned()),
        DriftReason::ChangedOutside => (paint.change("  ~"), "changed outside".to_owned()),
        DriftReason::Replaced { by, owner } => (paint.bad("-/+"), replaced(one, &by.0, owner.as_deref())),
    };
    let when = match drift.changed.get(&one.id) {
        Some(at) => format!("; last changed {at:.0}"),
        None => String::new(),
    };
    let label = one.label.as_deref().filter(|label| *label != one.id.name);
    let (gap, label) = label.map_or(("", ""), |label| ("  ", label));
    let why = format!("({said}{when})");
    let _ = writeln!(text, "{mark} {}{gap}{label}  {}", one.id, paint.faint(&why));
    fields(text, &one.diff, paint);
    text.push('\n');
}

fn replaced(one: &Drifted, by: &str, owner: Option<&str>) -> String {
    let whose = owner.map(|owner| format!(" of {owner}")).unwrap_or_default();
    if one.handle.0 == by {
        format!("replaced under the same name by another{whose}")
    } else {
        format!("gone; {by}{whose} bears its name")
    }
}

/// Drift as one document for programs.
pub fn json(drift: &Drift) -> Value {
    let drifted: Vec<_> = drift.drifted.iter().map(|one| resource(one, drift)).collect();
    json!({
        "form": VERSION,
        "compared": drift.compared,
        "drifted": drifted,
        "additions": drift.additions.iter().map(|(id, additions)| json!({"id": id, "additions": additions})).collect::<Vec<_>>(),
        "formless": drift.formless,
        "open": drift.open,
        "unseen": drift.unseen.iter().map(|failed| &failed.id).collect::<Vec<_>>(),
        "unexamined": drift.unexamined.iter().map(|(id, why)| json!({"id": id, "why": why})).collect::<Vec<_>>(),
    })
}

fn resource(one: &Drifted, drift: &Drift) -> Value {
    let field =
        |field: &FieldChange| json!({"path": field.path, "recorded": field.have, "observed": field.want});
    json!({
        "id": one.id,
        "handle": one.handle,
        "label": one.label,
        "reason": one.reason,
        "changed": drift.changed.get(&one.id),
        "fields": one.diff.fields.iter().map(field).collect::<Vec<_>>(),
    })
}
