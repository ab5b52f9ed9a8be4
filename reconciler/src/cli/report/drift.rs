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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use grail_providers::port::Diff;
    use grail_state::Handle;
    use insta::assert_snapshot;
    use jiff::Timestamp;

    use super::*;

    fn drifted(id: &str, reason: DriftReason, recorded: Value, observed: Value) -> Drifted {
        Drifted {
            id: id.parse().unwrap(),
            handle: Handle("one".to_owned()),
            label: Some("shop-dev-one".to_owned()),
            reason,
            diff: Diff::between(&observed, &recorded, &[]),
        }
    }

    fn some() -> Drift {
        let changed = drifted(
            "lambda_function.one",
            DriftReason::ChangedOutside,
            json!({"memory": 128, "environment": {"KEY": "secret:k:0123456789abcdef"}}),
            json!({"memory": 512, "environment": {}, "tags": {"by": "hand"}}),
        );
        let gone = drifted("log_group.one", DriftReason::Gone, Value::Null, Value::Null);
        let other = |by: &str, owner: Option<&str>| DriftReason::Replaced {
            by: Handle(by.to_owned()),
            owner: owner.map(ToOwned::to_owned),
        };
        let replaced = drifted(
            "iam_role.one",
            other("one", Some("other-prod")),
            Value::Null,
            Value::Null,
        );
        let another = drifted("rest_api.one", other("two", None), Value::Null, Value::Null);
        Drift {
            additions: BTreeMap::from([(changed.id.clone(), vec!["alias live".to_owned()])]),
            changed: BTreeMap::from([(changed.id.clone(), Timestamp::UNIX_EPOCH)]),
            drifted: vec![changed, gone, replaced, another],
            compared: 7,
            formless: vec!["rest_api.two".parse().unwrap()],
            ..Drift::default()
        }
    }

    #[test]
    fn drift_is_told_by_resource_and_field_and_secrets_are_hidden() {
        assert_snapshot!(human(&some(), false), @r#"
          ~ lambda_function.one  shop-dev-one  (changed outside; last changed 1970-01-01T00:00:00Z)
              - environment.KEY  (secret 01234567)
              ~ memory           128 -> 512
              + tags             {"by":"hand"}

          - log_group.one  shop-dev-one  (gone)

        -/+ iam_role.one  shop-dev-one  (replaced under the same name by another of other-prod)

        -/+ rest_api.one  shop-dev-one  (gone; two bears its name)

        Made by others at lambda_function.one, and kept: alias live
        There, and recorded by Chalice alone, without a form to compare: rest_api.two
        Drift: 4 of 7 resource(s) not as recorded. `grail deploy` repairs what the project still wants.
        "#);
        let nothing = Drift {
            compared: 1,
            ..Drift::default()
        };
        assert_snapshot!(human(&nothing, false), @"No drift. 1 resource is as recorded.");
        assert_snapshot!(human(&Drift::default(), false), @"No drift. Nothing is recorded.");
    }

    #[test]
    fn the_document_names_its_version() {
        let document = json(&some());
        assert_eq!(document["form"], 1);
        let one = &document["drifted"][0];
        assert_eq!(one["reason"], json!({"is": "changed_outside"}));
        let memory = json!({"path": "memory", "recorded": 128, "observed": 512});
        assert!(one["fields"].as_array().unwrap().contains(&memory), "{one}");
        assert_eq!(
            document["drifted"][3]["reason"],
            json!({"is": "replaced", "by": "two"})
        );
    }
}
