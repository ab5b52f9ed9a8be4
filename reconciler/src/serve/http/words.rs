//! What has happened, in a sentence: for the page, and for who listens to events.

use jiff::Timestamp;

use crate::event::{Event, Outcome};
use crate::serve::board::{NoticeKind, Standing};
use crate::watch::{End, Wake};

/// What a notice tells.
pub(super) fn told(kind: &NoticeKind) -> String {
    match kind {
        NoticeKind::Report(report) => match (report.paused, &report.running) {
            (true, _) => "The stage is paused.".to_owned(),
            (false, Some(running)) => format!("Pass {} is being made.", running.number),
            (false, None) => format!("The stage is {}.", standing(report.standing)),
        },
        NoticeKind::Event(event) => happened(event),
        NoticeKind::Planned { steps: 0, .. } => "The plan has no steps.".to_owned(),
        NoticeKind::Planned { steps: 1, .. } => "The plan has 1 step.".to_owned(),
        NoticeKind::Planned { steps, .. } => format!("The plan has {steps} steps."),
        NoticeKind::Passed { end: how, took } => {
            format!(
                "The pass has ended after {}: {}.",
                duration(took.as_secs_f64()),
                end(*how)
            )
        }
        NoticeKind::Gone => "The stage is no longer in the configuration.".to_owned(),
    }
}

/// What an event tells.
pub(super) fn happened(event: &Event) -> String {
    match event {
        Event::Said { text, .. } => text.clone(),
        Event::Resumed { phase, touched } => {
            format!(
                "A transaction that was left open ({phase}, {} touched) is taken up.",
                touched.len()
            )
        }
        Event::Planned { plan } => format!("The plan has {} steps.", plan.steps().count()),
        Event::Started {
            id, action, label, ..
        } => {
            let name = label
                .as_ref()
                .map(|label| format!(" ({label})"))
                .unwrap_or_default();
            format!("{} {id}{name}", doing(action))
        }
        Event::Waiting { id, on } => format!("{id} waits for {on}"),
        Event::Retrying { id, why, after } => {
            format!("{id} is tried again in {}: {why}", duration(after.as_secs_f64()))
        }
        Event::Finished { id, action, took, .. } => {
            format!("{} {id} in {}", done(action), duration(took.as_secs_f64()))
        }
        Event::Failed { id, why, hint } => {
            let hint = hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("{id} failed: {why}{hint}")
        }
        Event::TurningBack { because } => format!("Going back: {because}"),
        Event::Restored { id, lost: None } => format!("{id} is as it was"),
        Event::Restored { id, lost: Some(lost) } => format!("{id} is as it was, but for {lost}"),
        Event::Stuck { id, why } => format!("{id} is stuck: {why}"),
        Event::Committed => "All that can be taken back is done.".to_owned(),
        Event::Swept { id, handle } => format!("{id} is gone ({handle})"),
        Event::Pruned { id, children } => {
            format!("What others had added to {id} is gone: {}", children.join(", "))
        }
        Event::Ended { outcome } => ended(outcome),
    }
}

fn ended(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Unchanged => "Nothing was to be done.".to_owned(),
        Outcome::Done => "Done.".to_owned(),
        Outcome::Refused { why } => format!("Nothing was changed: {why}"),
        Outcome::RolledBack { why } => format!("Everything is as it was: {why}"),
        Outcome::Unswept { left } => format!("Done, but {} could not be deleted.", left.len()),
        Outcome::Stuck { at } => format!("The way back is blocked at {} resources.", at.len()),
        Outcome::Open { why } => format!("The transaction stays open: {why}"),
    }
}

fn doing(action: &str) -> &str {
    match action {
        "create" => "Creating",
        "update" => "Updating",
        "delete" => "Deleting",
        other => other,
    }
}

fn done(action: &str) -> &str {
    match action {
        "create" => "Created",
        "update" => "Updated",
        "delete" => "Deleted",
        other => other,
    }
}

/// How a stage stands.
pub(super) fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Unknown => "not looked at yet",
        Standing::Converged => "converged",
        Standing::Drifted => "drifted",
        Standing::RolledBack => "rolled back",
        Standing::Refused => "refused",
        Standing::Open => "open",
        Standing::Stuck => "stuck",
        Standing::Elsewhere => "held elsewhere",
    }
}

/// How a pass ended.
pub(super) fn end(end: End) -> &'static str {
    match end {
        End::Converged { changed: false } => "nothing was to be done",
        End::Converged { changed: true } => "everything is as it should be now",
        End::Reported => "others have changed something, and that was only told",
        End::Spared => "the plan is the one that was taken back before, and nothing was done",
        End::RolledBack => "it failed, and everything is as it was",
        End::Open => "a transaction is open",
        End::Stuck => "some resource could be brought neither forward nor back",
        End::Locked => "somebody else holds the stage",
        End::Refused { lasting: false } => "it could not be begun, and is tried again",
        End::Refused { lasting: true } => "it could not be begun, until something changes",
        End::Stopped { .. } => "it was asked to stop",
    }
}

/// Why a pass is made.
pub(super) fn wake(wake: Wake) -> &'static str {
    match wake {
        Wake::Started => "it is the first",
        Wake::Changed => "files have changed",
        Wake::Asked => "somebody asked for it",
        Wake::Timer => "it was time to look again",
        Wake::Retry => "the last one failed",
    }
}

/// A duration as people say it: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`.
pub(super) fn duration(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounded and positive; what is larger than fits is centuries"
    )]
    let whole = seconds.round() as u64;
    match (whole / 60, whole % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes @ ..60, 0) => format!("{minutes} min"),
        (minutes @ ..60, seconds) => format!("{minutes} min {seconds} s"),
        (minutes, _) if minutes < 48 * 60 => match minutes % 60 {
            0 => format!("{} h", minutes / 60),
            rest => format!("{} h {rest} min", minutes / 60),
        },
        (minutes, _) => format!("{} days", minutes / (24 * 60)),
    }
}

/// When it was or will be, from now: `12 s ago`, `in 3 min`.
pub(super) fn from_now(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.duration_since(now).as_secs();
    match seconds {
        0 => "now".to_owned(),
        1.. => format!("in {}", coarse(seconds.unsigned_abs())),
        _ => format!("{} ago", coarse(seconds.unsigned_abs())),
    }
}

/// To the largest unit that counts.
fn coarse(seconds: u64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_as_people_say_them() {
        for (seconds, said) in [
            (0.04, "0.0 s"),
            (0.44, "0.4 s"),
            (9.96, "10 s"),
            (59.6, "1 min"),
            (185.0, "3 min 5 s"),
            (7800.0, "2 h 10 min"),
            (864_000.0, "10 days"),
        ] {
            assert_eq!(duration(seconds), said);
        }
        let now = Timestamp::from_second(1_000_000).unwrap();
        let at = |seconds: i64| from_now(Timestamp::from_second(1_000_000 + seconds).unwrap(), now);
        assert_eq!([at(0), at(61), at(-7200)], ["now", "in 1 min", "2 h ago"]);
    }
}
