//! A plan for a pull request.

use std::fmt::Write as _;

use super::{Change, Counts, Detail, changes, noted};
use crate::plan::Plan;

/// The plan as Markdown: the counts, a table of the resources, and the fields of each in a block that unfolds.
pub fn markdown(plan: &Plan) -> String {
    let counts = Counts::of(plan);
    let mut text = String::new();
    if plan.is_empty() {
        let _ = writeln!(text, "**No changes.** {} unchanged.", counts.unchanged);
    } else {
        let _ = writeln!(text, "**Plan:** {counts}.\n");
        let _ = writeln!(text, "| | Resource | Name | Why |\n| --- | --- | --- | --- |");
        let changes = changes(plan);
        changes.iter().for_each(|change| row(&mut text, change));
        changes.iter().for_each(|change| fields(&mut text, change));
    }
    for (remembered, what) in [
        (true, "Remembered without a write"),
        (false, "Forgotten, being gone already"),
    ] {
        let ids = noted(plan, remembered);
        if !ids.is_empty() {
            let ids: Vec<_> = ids.iter().map(|id| code(id)).collect();
            let _ = writeln!(text, "\n{what}: {}", ids.join(", "));
        }
    }
    for (new, old) in &plan.moves {
        let (new, old) = (code(&new.to_string()), code(&old.to_string()));
        let _ = writeln!(
            text,
            "\nThe same thing under another name: {old} is {new} from now on"
        );
    }
    for (id, prune) in &plan.prune {
        let _ = writeln!(
            text,
            "\nMade by others at {}, and **removed** after the commit, not to be taken back:\n",
            code(&id.to_string())
        );
        for child in &prune.children {
            let _ = writeln!(text, "- {}", code(child));
        }
    }
    for (id, additions) in &plan.additions {
        let _ = writeln!(
            text,
            "\nMade by others at {}, and kept: {}",
            code(&id.to_string()),
            escaped(&additions.join(", "))
        );
    }
    text
}

fn row(text: &mut String, change: &Change<'_>) {
    let label = change.label.map(code).unwrap_or_default();
    let last = if change.last {
        "; after the commit, not to be taken back"
    } else {
        ""
    };
    let _ = writeln!(
        text,
        "| {} | {} | {label} | {}{last} |",
        change.sign.word(),
        code(&change.id.to_string()),
        change.why
    );
}

fn fields(text: &mut String, change: &Change<'_>) {
    if change.fields.is_empty() {
        return;
    }
    let mut lines = String::new();
    for field in &change.fields {
        let path = &field.path;
        let _ = match &field.detail {
            Detail::New(value) => writeln!(lines, "+ {path}: {value}"),
            Detail::Gone(value) => writeln!(lines, "- {path}: {value}"),
            Detail::Changed(have, want) => writeln!(lines, "- {path}: {have}\n+ {path}: {want}"),
            Detail::Grants { gained, lost } => {
                for line in lost {
                    let _ = writeln!(lines, "- {path}: {line}");
                }
                for line in gained {
                    let _ = writeln!(lines, "+ {path}: {line}");
                }
                Ok(())
            }
        };
    }
    // A fence longer than any run of backticks inside cannot be closed by what a value says.
    let fence = "`".repeat(longest_run(&lines).max(2) + 1);
    let summary = format!("{} {}", change.sign.mark(), change.id);
    let _ = writeln!(
        text,
        "\n<details><summary><code>{}</code></summary>\n",
        escaped(&summary)
    );
    let _ = writeln!(text, "{fence}diff\n{lines}{fence}\n\n</details>");
}

/// A text as code inside a table.
fn code(text: &str) -> String {
    let ticks = "`".repeat(longest_run(text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!(
        "{ticks}{pad}{}{pad}{ticks}",
        text.replace('|', "\\|").replace('\n', " ")
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}
