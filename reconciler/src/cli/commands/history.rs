//! `grail history`: what was done to the stage, when and by whom, the newest first. Makes no call and takes no lock.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use grail_state::{Report, ResourceId};
use serde_json::json;

use crate::cli::args::HistoryArgs;
use crate::cli::commands::validate::remarks;
use crate::cli::exit::Exit;
use crate::cli::refusal::Refusal;
use crate::cli::report::human::seconds;
use crate::cli::settings::{Settings, Verbosity};
use crate::cli::stage::Stage;
use crate::cli::{is_human, wish, words};

/// Up to so many resources are named on a line, unless `--verbose` asks for all.
const NAMED: usize = 4;

/// Shows it.
///
/// # Errors
/// Where the history cannot be read.
pub async fn run(settings: &Settings, args: &HistoryArgs) -> Result<Exit, Refusal> {
    let app = wish::app_name(settings, &remarks(settings))?;
    let stage = Stage::look_at(settings, &app).await?;
    let reports = stage.store.reports().await?;
    let newest = reports.iter().rev().take(args.limit);
    if !is_human(settings) {
        newest.for_each(|report| words::json_line(settings.command, "report", json!({"report": report})));
        return Ok(Exit::Done);
    }
    let all = settings.verbosity == Verbosity::Verbose;
    let text: String = newest.map(|report| told(report, all)).collect();
    if text.is_empty() {
        words::words("nothing was done here by grail yet\n");
    }
    words::data(&text);
    Ok(Exit::Done)
}

fn told(report: &Report, all: bool) -> String {
    let Report {
        command,
        who,
        host,
        began,
        ended,
        outcome,
        why,
        changes,
    } = report;
    let took = ended.duration_since(*began).unsigned_abs();
    let mut text = format!(
        "{began:.0}  {command}: {} in {}, by {who} on {host}\n",
        phrase(outcome),
        seconds(took)
    );
    if let Some(why) = why {
        let _ = writeln!(text, "    because: {}", why.replace('\n', "\n      "));
    }
    for (what, ids) in by_change(changes) {
        let shown = if all { ids.len() } else { ids.len().min(NAMED) };
        let named: Vec<_> = ids.iter().take(shown).map(ToString::to_string).collect();
        let more = match ids.len() - shown {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let _ = writeln!(text, "    {what}: {}{more}", named.join(", "));
    }
    text
}

/// What an outcome is in words.
pub(super) fn phrase(outcome: &str) -> &str {
    match outcome {
        "rolled_back" => "failed and rolled back",
        "refused" => "failed, nothing changed",
        "unswept" => "done, but for what could not be deleted,",
        "stuck" => "stuck",
        "open" => "stopped in the middle",
        other => other,
    }
}

/// What was done, and to what.
pub(super) fn by_change(changes: &BTreeMap<ResourceId, Vec<String>>) -> BTreeMap<String, Vec<&ResourceId>> {
    let mut groups: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (id, what) in changes {
        groups.entry(what.join(", then ")).or_default().push(id);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_what_was_done_to_what() {
        let change = |name: &str, what: &[&str]| {
            let id = format!("lambda_function.{name}").parse().unwrap();
            (id, what.iter().map(|one| (*one).to_owned()).collect())
        };
        let mut changes: BTreeMap<_, _> = (0..6).map(|n| change(&format!("f{n}"), &["updated"])).collect();
        changes.extend([
            change("new", &["created", "restored"]),
            change("bad", &["failed"]),
        ]);
        let report = Report {
            command: "deploy".into(),
            who: "ann".into(),
            host: "build-7".into(),
            began: "2026-01-02T03:04:05.678Z".parse().unwrap(),
            ended: "2026-01-02T03:05:17Z".parse().unwrap(),
            outcome: "rolled_back".into(),
            why: Some("lambda_function.bad: AccessDenied".into()),
            changes,
        };
        insta::assert_snapshot!(told(&report, false), @r"
        2026-01-02T03:04:05Z  deploy: failed and rolled back in 1m 11s, by ann on build-7
            because: lambda_function.bad: AccessDenied
            created, then restored: lambda_function.new
            failed: lambda_function.bad
            updated: lambda_function.f0, lambda_function.f1, lambda_function.f2, lambda_function.f3 and 2 more
        ");
        assert!(told(&report, true).contains("lambda_function.f5"));
    }
}
