//! A plan for a pull request: the counts, a table of the resources, what it broadens by name, and the fields of each resource
//! in a block that unfolds.
//!
//! It always fits a comment. What is least is left out first, and how much: details, then what is remembered and added, then
//! the names of what is made or changed, then what is broadened beyond the names. What is deleted or made anew stands there by
//! name whatever the plan; where a row for each does not fit, as a list. Only of more names than a comment can hold at all some
//! are missing, and then the text says how many.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::plan::{Broadening, Plan};
use crate::report::plan::{Change, Counts, Detail, Sign, changes, noted};

mod text;

#[cfg(test)]
mod tests;

use text::{cell, code, fenced, html, visible};

/// The longest comment of GitHub, in characters. Counted in bytes here, of which there are never fewer.
pub(super) const LONGEST: usize = 65_535;

/// What is kept free for saying what was left out, and for what closes a list.
const SPARE: usize = 1_024;

/// The plan as Markdown, of at most [`LONGEST`] characters.
pub fn markdown(plan: &Plan) -> String {
    let counts = Counts::of(plan);
    let mut sheet = Sheet::default();
    if plan.is_empty() {
        sheet.push(&format!("**No changes.** {} unchanged.\n", counts.unchanged));
    } else {
        sheet.push(&format!("**Plan:** {counts}.\n\n"));
        let changes = changes(plan);
        let (ended, others): (Vec<_>, Vec<_>) = changes.iter().partition(|change| change.sign.ends());
        pruned(&mut sheet, plan);
        table(&mut sheet, plan, &ended, &others);
        details(&mut sheet, &ended, &others);
    }
    asides(&mut sheet, plan);
    sheet.closed()
}

/// What others have made, and goes.
fn pruned(sheet: &mut Sheet, plan: &Plan) {
    for (id, prune) in &plan.prune {
        let id = code(&id.to_string());
        let head =
            format!("Made by others at {id}, and **removed** after the commit, not to be taken back:\n\n");
        if !sheet.fits(head.len()) {
            *sheet
                .left_out
                .entry("removals of what others have made")
                .or_default() += prune.children.len();
            continue;
        }
        sheet.push(&head);
        for child in &prune.children {
            sheet.try_push(
                &format!("- {}\n", code(child)),
                "removals of what others have made",
            );
        }
        sheet.push("\n");
    }
}

/// What was written so far, and what was not.
#[derive(Default)]
struct Sheet {
    text: String,
    left_out: BTreeMap<&'static str, usize>,
}

impl Sheet {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn fits(&self, more: usize) -> bool {
        self.text.len() + more + SPARE <= LONGEST
    }

    /// Adds `text` if it fits, and counts it as left out under `what` if not.
    fn try_push(&mut self, text: &str, what: &'static str) -> bool {
        let fits = self.fits(text.len());
        if fits {
            self.push(text);
        } else {
            *self.left_out.entry(what).or_default() += 1;
        }
        fits
    }

    fn closed(mut self) -> String {
        if !self.left_out.is_empty() {
            let said: Vec<_> = self
                .left_out
                .iter()
                .map(|(what, count)| format!("{count} {what}"))
                .collect();
            let _ = writeln!(
                self.text,
                "\nLeft out, so that this fits a comment: {}. `grail plan` shows all of it.",
                said.join(", ")
            );
        }
        self.text
    }
}

/// A row for each, and what is broadened. Where these do not fit, a row for each that ends, or a list of them; then what is
/// broadened; then a list of the others.
fn table(sheet: &mut Sheet, plan: &Plan, ended: &[&Change<'_>], others: &[&Change<'_>]) {
    const HEAD: &str = "| | Resource | Name | Why |\n| --- | --- | --- | --- |\n";
    let rows = |changes: &[&Change<'_>]| changes.iter().map(|change| row(change)).collect::<String>();
    let (first, second) = (rows(ended), rows(others));
    let said: usize = plan
        .broadenings
        .iter()
        .map(|one| broadening(one).len().min(LONGEST_LINE))
        .sum();
    if sheet.fits(HEAD.len() + first.len() + second.len() + BROADENED.len() + said) {
        sheet.push(HEAD);
        sheet.push(&first);
        sheet.push(&second);
        broadened(sheet, plan);
        return;
    }
    if ended.is_empty() || !sheet.fits(HEAD.len() + first.len()) {
        list(sheet, ended, "deletions, by name");
    } else {
        sheet.push(HEAD);
        sheet.push(&first);
    }
    broadened(sheet, plan);
    sheet.push("\n");
    list(sheet, others, "changes, by name");
}

/// The names alone, grouped by what becomes of them and by kind.
fn list(sheet: &mut Sheet, changes: &[&Change<'_>], what: &'static str) {
    let mut groups: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for change in changes {
        let key = (change.sign.word(), change.id.kind.as_str());
        groups.entry(key).or_default().push(&change.id.name);
    }
    for ((word, kind), names) in groups {
        let head = format!("- {word} {}:", code(kind));
        if !sheet.fits(head.len() + 1) {
            *sheet.left_out.entry(what).or_default() += names.len();
            continue;
        }
        sheet.push(&head);
        for (place, name) in names.into_iter().enumerate() {
            let comma = if place == 0 { " " } else { ", " };
            sheet.try_push(&format!("{comma}{}", code(name)), what);
        }
        sheet.push("\n");
    }
}

fn row(change: &Change<'_>) -> String {
    let label = change.label.map(cell).unwrap_or_default();
    let last = if change.last {
        "; after the commit, not to be taken back"
    } else {
        ""
    };
    format!(
        "| {} | {} | {label} | {}{last} |\n",
        change.sign.word(),
        cell(&change.id.to_string()),
        change.why
    )
}

/// A line that is longer says less than the names for which it would leave no room.
const LONGEST_LINE: usize = 4_096;

const BROADENED: &str = "\n**Lets somebody do what they could not do before:**\n\n";

fn broadening(one: &Broadening) -> String {
    format!("- {} {}\n", code(&one.resource.to_string()), code(&one.what))
}

/// What somebody may do by it, one line each; where that does not fit, the resource alone.
fn broadened(sheet: &mut Sheet, plan: &Plan) {
    if plan.broadenings.is_empty() {
        return;
    }
    if !sheet.fits(BROADENED.len()) {
        sheet
            .left_out
            .insert("things that somebody may do by it", plan.broadenings.len());
        return;
    }
    sheet.push(BROADENED);
    let mut short: BTreeMap<String, usize> = BTreeMap::new();
    for one in &plan.broadenings {
        let line = broadening(one);
        if line.len() <= LONGEST_LINE && sheet.fits(line.len()) {
            sheet.push(&line);
        } else {
            *short.entry(one.resource.to_string()).or_default() += 1;
        }
    }
    for (id, count) in short {
        let line = format!("- {}: {count} more, too long to be shown here\n", code(&id));
        sheet.try_push(&line, "resources by which somebody may do more");
    }
}

/// The fields of each, those of what ends and of policies first. None where names are missing already.
fn details(sheet: &mut Sheet, ended: &[&Change<'_>], others: &[&Change<'_>]) {
    let (policies, others): (Vec<&Change<'_>>, Vec<&Change<'_>>) = others.iter().partition(|change| {
        let mut fields = change.fields.iter();
        fields.any(|field| matches!(field.detail, Detail::Grants { .. }))
    });
    let all = ended.iter().copied().chain(policies).chain(others);
    let has_names = sheet.left_out.is_empty();
    for change in all.filter(|change| !change.fields.is_empty()) {
        if has_names {
            sheet.try_push(&fields(change), "resources in detail");
        } else {
            *sheet.left_out.entry("resources in detail").or_default() += 1;
        }
    }
}

fn fields(change: &Change<'_>) -> String {
    let mut lines = String::new();
    for field in &change.fields {
        let path = visible(&field.path);
        let mut line = |sign: &str, what: &str| {
            let _ = writeln!(lines, "{sign} {path}: {}", visible(what));
        };
        match &field.detail {
            Detail::New(value) => line("+", value),
            Detail::Gone(value) => line("-", value),
            Detail::Changed(have, want) => {
                line("-", have);
                line("+", want);
            }
            Detail::Grants { gained, lost } => {
                lost.iter().for_each(|what| line("-", what));
                gained.iter().for_each(|what| line("+", what));
            }
        }
    }
    let summary = format!("{} {}", change.sign.mark(), change.id);
    format!(
        "\n<details><summary><code>{}</code></summary>\n\n{}\n</details>\n",
        html(&summary),
        fenced("diff", &lines)
    )
}

/// What is only remembered or forgotten, and what others have added.
fn asides(sheet: &mut Sheet, plan: &Plan) {
    for (remembered, what) in [
        (true, "Remembered without a write"),
        (false, "Forgotten, being gone already"),
    ] {
        let ids: Vec<_> = noted(plan, remembered).iter().map(|id| code(id)).collect();
        if !ids.is_empty() {
            sheet.try_push(
                &format!("\n{what}: {}\n", ids.join(", ")),
                "lists of what is only noted",
            );
        }
    }
    for (new, old) in &plan.moves {
        let (new, old) = (code(&new.to_string()), code(&old.to_string()));
        let line = format!("\nThe same thing under another name: {old} is {new} from now on\n");
        sheet.try_push(&line, "things under another name");
    }
    for (id, additions) in &plan.additions {
        let all: Vec<_> = additions.iter().map(|addition| code(addition)).collect();
        let line = format!(
            "\nMade by others at {}, and kept: {}\n",
            code(&id.to_string()),
            all.join(", ")
        );
        sheet.try_push(&line, "resources to which others have added");
    }
}

impl Sign {
    /// Whether something is deleted.
    fn ends(self) -> bool {
        matches!(self, Self::Replace | Self::Delete)
    }
}
