//! Parts that several pages have.

use jiff::Timestamp;

use super::html::{Html, segment};
use crate::serve::board::{StageKey, StageReport, Standing};
use crate::serve::http::words;

/// A standing's sign and class: nobody has to tell colours apart.
fn shown(standing: Standing) -> (&'static str, &'static str) {
    match standing {
        Standing::Unknown => ("?", "plain"),
        Standing::Converged => ("✓", "good"),
        Standing::Drifted => ("≠", "drift"),
        Standing::RolledBack => ("↩", "bad"),
        Standing::Refused => ("!", "warn"),
        Standing::Open => ("…", "warn"),
        Standing::Stuck => ("✕", "bad"),
        Standing::Elsewhere => ("→", "plain"),
    }
}

/// A word in a box, with its sign.
fn badge(html: &mut Html, class: &str, sign: &str, word: &str) {
    html.tag("span", &[("class", &format!("badge {class}"))], |html| {
        html.tag("span", &[("aria-hidden", "true"), ("class", "sign")], |html| {
            html.text(sign)
        });
        html.text(word);
    });
}

/// How a stage stands, in one word.
pub(super) fn standing(html: &mut Html, standing: Standing) {
    let (sign, class) = shown(standing);
    badge(html, class, sign, words::standing(standing));
}

/// How a stage stands, and what is going on.
pub(super) fn standings(html: &mut Html, report: &StageReport) {
    html.tag("span", &[("class", "badges")], |html| {
        standing(html, report.standing);
        if report.running.is_some() {
            badge(html, "busy", "▸", "pass running");
        }
        if report.paused {
            badge(html, "plain", "‖", "paused");
        }
    });
}

/// Whether somebody should look at it.
pub(super) fn is_troubled(report: &StageReport) -> bool {
    let troubled = matches!(
        report.standing,
        Standing::Drifted | Standing::RolledBack | Standing::Refused | Standing::Open | Standing::Stuck
    );
    troubled || report.failures > 0
}

/// When, from now; the exact time for who asks for it.
pub(super) fn when(html: &mut Html, at: Timestamp, now: Timestamp) {
    let exact = format!("{at:.0}");
    let attributes = [("datetime", &*exact), ("title", &*exact)];
    html.tag("time", &attributes, |html| html.text(&words::from_now(at, now)));
}

/// The page of a stage.
pub(super) fn address(key: &StageKey) -> String {
    format!("/stages/{}/{}", segment(&key.project), segment(&key.stage))
}

/// Its interface for programs.
pub(super) fn interface(key: &StageKey) -> String {
    format!("/api/v1{}", address(key))
}

/// Words of one thing or of several: `1 stage`, `2 stages`.
pub(super) fn many(count: usize, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    }
}
