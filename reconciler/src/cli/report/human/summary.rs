//! What came of it all, and what to do next.

use std::time::Duration;

use grail_state::ResourceId;

use super::{Paint, Tally, indented, seconds};
use crate::event::Outcome;

/// What a summary is made from.
pub(super) struct Facts<'a> {
    pub(super) command: &'a str,
    pub(super) tally: Tally,
    pub(super) unchanged: usize,
    pub(super) took: Duration,
    pub(super) paint: Paint,
}

/// The last lines of a command.
pub(super) fn of(outcome: &Outcome, facts: &Facts<'_>) -> String {
    let Facts {
        tally,
        unchanged,
        paint,
        command,
        ..
    } = *facts;
    let took = seconds(facts.took);
    let next = |what: &str| format!("  {} {what}", paint.advice("next:"));
    match outcome {
        Outcome::Unchanged if command != "deploy" => format!("{} after {took}.", paint.good("Nothing to do")),
        Outcome::Unchanged => format!("{} {} ({took}).", paint.good("No changes:"), standing(unchanged)),
        Outcome::Done => format!("{} {} in {took}.", paint.good("Done:"), done(tally, unchanged)),
        Outcome::Refused { why } => {
            format!(
                "{} {}\n  Nothing was changed.",
                paint.bad("Failed:"),
                indented(why)
            )
        }
        Outcome::RolledBack { why } => {
            let restored = match tally.restored {
                0 => String::new(),
                1 => " (1 resource restored)".to_owned(),
                count => format!(" ({count} resources restored)"),
            };
            let all = match tally.lost {
                0 => "Everything is as it was before",
                _ => "Everything but what is named above is as it was before",
            };
            let back = format!("{all}{restored}, after {took}.");
            if command == "rollback" {
                return format!("{} {back}", paint.good("Rolled back:"));
            }
            let next = next(&format!("mend the cause, then run `grail {command}` again"));
            format!("{} {}\n  {back}\n{next}", paint.bad("Failed:"), indented(why))
        }
        Outcome::Unswept { left } => {
            let next = next("mend the cause; the next `grail deploy` or `grail delete` goes on with them");
            format!(
                "{}\n{}{next}",
                paint.bad("All else is done, but these could not be deleted:"),
                listed(left)
            )
        }
        Outcome::Stuck { at } => {
            let next =
                next("mend the cause, then run `grail rollback`; `grail status` shows where it stands");
            format!(
                "{}\n{}{next}",
                paint.bad("The way back is blocked at:"),
                listed(at)
            )
        }
        Outcome::Open { why } => {
            let next = next(&match command {
                "deploy" => {
                    "run `grail deploy` to go on, or `grail rollback` to go back; `grail status` shows where it stands"
                        .to_owned()
                }
                other => format!("run `grail {other}` to go on; `grail status` shows where it stands"),
            });
            format!(
                "{} {}\n{next}",
                paint.change("Stopped in the middle:"),
                indented(why)
            )
        }
    }
}

/// What is said of a transaction that an earlier command left open.
pub(super) fn resumed(phase: &str) -> String {
    match phase {
        "building" => "Going on with a deployment that was interrupted".to_owned(),
        "sweeping" => "Going on with deletions that were left over".to_owned(),
        "aborting" => "Going on with a way back that was interrupted".to_owned(),
        other => format!("Going on with an open transaction ({other})"),
    }
}

fn standing(unchanged: usize) -> String {
    match unchanged {
        0 => "nothing is there, and nothing is wanted".to_owned(),
        1 => "1 resource is as it should be".to_owned(),
        count => format!("{count} resources are as they should be"),
    }
}

fn done(tally: Tally, unchanged: usize) -> String {
    let parts = [
        (tally.created, "created"),
        (tally.updated, "updated"),
        (tally.deleted, "deleted"),
        (tally.restored, "restored"),
        (unchanged, "unchanged"),
    ];
    let said: Vec<_> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if said.is_empty() {
        "nothing was left to do".to_owned()
    } else {
        said.join(", ")
    }
}

fn listed(resources: &[(ResourceId, String)]) -> String {
    resources
        .iter()
        .map(|(id, why)| format!("  {id}: {}\n", indented(why)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_that_was_asked_for_is_no_failure() {
        let told = |command| {
            let facts = Facts {
                command,
                tally: Tally::default(),
                unchanged: 0,
                took: Duration::from_secs(2),
                paint: Paint::new(false),
            };
            let why = "refused".to_owned();
            of(&Outcome::RolledBack { why }, &facts)
        };
        assert!(told("deploy").starts_with("Failed: refused"));
        let back = told("rollback");
        assert!(
            back.starts_with("Rolled back: Everything is as it was before, after "),
            "{back}"
        );
        assert!(!back.contains('\n'), "{back}");
    }
}
