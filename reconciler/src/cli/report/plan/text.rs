//! A plan as text for a terminal.

use std::fmt::Write as _;

use console::StyledObject;
use grail_providers::port::Diff;

use crate::cli::report::paint::Paint;
use crate::plan::Plan;
use crate::report::plan::{Change, Counts, Detail, Field, Sign, changed, changes, noted};

/// Field names are lined up, up to this width.
const WIDEST: usize = 36;

pub(super) fn human(plan: &Plan, paint: Paint) -> String {
    let mut text = String::new();
    let changes = changes(plan);
    for change in changes.iter().filter(|change| !change.last) {
        draw(&mut text, change, paint);
    }
    if changes.iter().any(|change| change.last) {
        let _ = writeln!(
            text,
            "{}",
            paint.strong("When all that is done, and not to be taken back:")
        );
    }
    for change in changes.iter().filter(|change| change.last) {
        draw(&mut text, change, paint);
    }
    for (remembered, what) in [
        (true, "Remembered without a write"),
        (false, "Forgotten, being gone already"),
    ] {
        let ids = noted(plan, remembered);
        if !ids.is_empty() {
            let _ = writeln!(text, "{what}: {}", ids.join(", "));
        }
    }
    for (new, old) in &plan.moves {
        let _ = writeln!(
            text,
            "The same thing under another name: {old} is {new} from now on"
        );
    }
    for (id, prune) in &plan.prune {
        let _ = writeln!(
            text,
            "{} {id}  {}",
            paint.bad("  x"),
            paint.faint("(made by others, and removed when all that is done, not to be taken back)")
        );
        for child in &prune.children {
            let _ = writeln!(text, "      {} {child}", paint.bad("-"));
        }
        text.push('\n');
    }
    for (id, additions) in &plan.additions {
        let _ = writeln!(text, "Made by others at {id}, and kept: {}", additions.join(", "));
    }
    if !plan.broadenings.is_empty() {
        let _ = writeln!(
            text,
            "{}",
            paint.strong("Lets somebody do what they could not do before:")
        );
        for one in &plan.broadenings {
            let _ = writeln!(text, "  {} {one}", paint.bad("!"));
        }
    }
    let counts = Counts::of(plan);
    let _ = if plan.is_empty() {
        writeln!(
            text,
            "{} {} as they should be.",
            paint.good("No changes."),
            resources(counts.unchanged)
        )
    } else {
        writeln!(text, "{} {counts}.", paint.strong("Plan:"))
    };
    text
}

fn resources(count: usize) -> String {
    match count {
        0 => "There are no resources, and none are wanted; things are".to_owned(),
        1 => "1 resource is there, and things are".to_owned(),
        count => format!("{count} resources are"),
    }
}

fn draw(text: &mut String, change: &Change<'_>, paint: Paint) {
    let sign = signed(change.sign, paint);
    let label = change
        .label
        .filter(|label| *label != change.id.name)
        .unwrap_or_default();
    let gap = if label.is_empty() { "" } else { "  " };
    let why = format!("({})", change.why);
    let _ = writeln!(text, "{sign} {}{gap}{label}  {}", change.id, paint.faint(&why));
    draw_fields(text, &change.fields, change.sign, paint);
    text.push('\n');
}

/// The fields of a difference, one a line.
pub(in crate::cli::report) fn fields(text: &mut String, diff: &Diff, paint: Paint) {
    draw_fields(text, &changed(diff), Sign::Update, paint);
}

fn draw_fields(text: &mut String, fields: &[Field], of: Sign, paint: Paint) {
    let widths = fields.iter().map(|field| field.path.chars().count());
    let width = widths.max().unwrap_or(0).min(WIDEST);
    for field in fields {
        draw_field(text, field, of, width, paint);
    }
}

fn draw_field(text: &mut String, field: &Field, of: Sign, width: usize, paint: Paint) {
    let path = &field.path;
    let _ = match &field.detail {
        Detail::New(value) => writeln!(text, "      {} {path:width$}  {value}", paint.good("+")),
        Detail::Gone(value) => writeln!(text, "      {} {path:width$}  {value}", paint.bad("-")),
        Detail::Changed(have, want) => {
            let arrow = paint.faint("->");
            writeln!(
                text,
                "      {} {path:width$}  {have} {arrow} {want}",
                paint.change("~")
            )
        }
        Detail::Grants { gained, lost } => {
            let sign = if of == Sign::Create {
                paint.good("+")
            } else {
                paint.change("~")
            };
            let _ = writeln!(text, "      {sign} {path}");
            for line in lost {
                let _ = writeln!(text, "          {} {line}", paint.bad("-"));
            }
            for line in gained {
                let _ = writeln!(text, "          {} {line}", paint.good("+"));
            }
            Ok(())
        }
    };
}

fn signed(sign: Sign, paint: Paint) -> StyledObject<&'static str> {
    let mark = match sign {
        Sign::Create => "  +",
        Sign::Update => "  ~",
        Sign::Replace => "-/+",
        Sign::Delete => "  -",
    };
    match sign {
        Sign::Create => paint.good(mark),
        Sign::Update => paint.change(mark),
        Sign::Replace | Sign::Delete => paint.bad(mark),
    }
}
