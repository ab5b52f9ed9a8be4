//! The plan that was made last: what becomes of which resource, field by field, and why.

use super::html::Html;
use super::parts::{interface, many};
use crate::graph::element_id;
use crate::plan::Plan;
use crate::report::plan::{Change, Counts, Detail, Field, changes};
use crate::serve::board::StageReport;

/// So many changes, and fields of each, are shown; the interface for programs has all.
const CHANGES: usize = 200;
const FIELDS: usize = 40;

/// The plan.
pub(super) fn shown(html: &mut Html, report: &StageReport, plan: Option<&Plan>) {
    let Some(plan) = plan else {
        return html.line("p", "empty", "No pass of this process has come to a plan yet.");
    };
    let counts = Counts::of(plan);
    if plan.is_empty() {
        let said = format!(
            "Nothing is to be done; {} are as they should be.",
            many(counts.unchanged, "resource")
        );
        html.line("p", "empty", &said);
    } else {
        html.tag("p", &[("class", "faint")], |html| {
            html.text(&format!("{counts}."))
        });
    }
    broadenings(html, plan);
    let changes = changes(plan);
    if !changes.is_empty() {
        html.tag("ul", &[("class", "changes")], |html| {
            for one in changes.iter().take(CHANGES) {
                html.tag("li", &[], |html| change(html, one));
            }
        });
    }
    for (id, prune) in &plan.prune {
        html.line(
            "p",
            "",
            &format!(
                "What others have added to {id} goes: {}",
                prune.children.join(", ")
            ),
        );
    }
    html.tag("p", &[("class", "faint")], |html| {
        if changes.len() > CHANGES {
            html.text(&format!("{} more are not shown. ", changes.len() - CHANGES));
        }
        let address = format!("{}/plan", interface(&report.key));
        html.tag("a", &[("href", &address)], |html| html.text("The plan as JSON"));
    });
}

/// What somebody may do by it and could not before.
fn broadenings(html: &mut Html, plan: &Plan) {
    if plan.broadenings.is_empty() {
        return;
    }
    html.tag("div", &[("class", "note warn")], |html| {
        html.line("h3", "", "It lets somebody do more than before");
        html.tag("ul", &[], |html| {
            for one in &plan.broadenings {
                html.line("li", "", &one.to_string());
            }
        });
    });
}

fn change(html: &mut Html, change: &Change<'_>) {
    let id = format!("change-{}", element_id(change.id));
    if change.fields.is_empty() {
        return html.tag("div", &[("class", "change")], |html| head(html, change));
    }
    html.tag("details", &[("id", &id)], |html| {
        html.tag("summary", &[("class", "change")], |html| head(html, change));
        html.tag("dl", &[("class", "fields")], |html| {
            for one in change.fields.iter().take(FIELDS) {
                html.tag("div", &[], |html| field(html, one));
            }
        });
        if change.fields.len() > FIELDS {
            let more = format!("{} more fields are not shown.", change.fields.len() - FIELDS);
            html.line("p", "faint", &more);
        }
    });
}

fn head(html: &mut Html, change: &Change<'_>) {
    let word = change.sign.word();
    html.tag("span", &[("class", &format!("sign c-{word}"))], |html| {
        html.tag("span", &[("aria-hidden", "true")], |html| {
            html.text(change.sign.mark())
        });
        html.unseen(&format!("{word}: "));
    });
    html.tag("span", &[("class", "what")], |html| {
        html.line("b", "", &change.id.to_string());
        if let Some(label) = change.label {
            html.line("span", "faint", &format!(" {label}"));
        }
    });
    let last = if change.last { ", after the commit" } else { "" };
    html.line("span", "faint why", &format!("{}{last}", change.why));
}

fn field(html: &mut Html, field: &Field) {
    html.line("dt", "", &field.path);
    html.tag("dd", &[], |html| match &field.detail {
        Detail::New(new) => html.line("ins", "", new),
        Detail::Gone(old) => html.line("del", "", old),
        Detail::Changed(old, new) => {
            html.line("del", "", old);
            html.text(" ");
            html.line("ins", "", new);
        }
        Detail::Grants { gained, lost } => {
            for one in gained {
                html.line("ins", "block", one);
            }
            for one in lost {
                html.line("del", "block", one);
            }
        }
    });
}
