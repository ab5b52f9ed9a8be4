//! `/stages/{project}/{stage}`: all that is known of one stage.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;

use super::frame::{Frame, proof};
use super::html::Html;
use super::parts::{address, interface, many, standings, when};
use super::plan;
use crate::event::Event;
use crate::graph::Graph;
use crate::serve::board::{History, Notice, NoticeKind, Running, StageReport};
use crate::serve::http::gate::Visitor;
use crate::serve::http::problem::Problem;
use crate::serve::http::site::Site;
use crate::serve::http::stages::{Named, found, picture};
use crate::serve::http::words;

/// So many events and transactions are shown; the interface for programs has all.
const SHOWN: usize = 60;

/// What was asked for by a form of this page.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    asked: Option<What>,
}

/// What a form asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    /// A pass soon.
    Reconcile,
    /// No pass.
    Pause,
    /// Passes again.
    Resume,
}

impl What {
    fn told(self) -> &'static str {
        match self {
            Self::Reconcile => "A pass was asked for. It begins soon.",
            Self::Pause => "The stage is paused. A pass that is being made goes on to its end.",
            Self::Resume => "The stage goes on.",
        }
    }
}

/// The page.
pub(super) async fn page(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Named(key): Named,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let latest = site.board.latest();
    let report = found(&site, &key)?;
    let graph = picture(&site, &key)?;
    let (plan, events) = (site.board.plan(&key), site.board.events(&key));
    let history = site.board.history(&key).unwrap_or_default();
    let source = format!("{}/events?after={}", interface(&key), site.event_id(latest));
    let frame = Frame {
        title: &key.to_string(),
        events: &source,
        visitor: Some(&visitor),
    };
    let now = site.clock.now();
    Ok(frame.around(&site, StatusCode::OK, |html| {
        html.tag("div", &[("class", "head")], |html| {
            html.tag("h1", &[], |html| {
                html.line("span", "faint", &format!("{} / ", key.project));
                html.text(&key.stage);
            });
            html.tag(
                "div",
                &[("id", "actions"), ("class", "actions"), ("data-live", "")],
                |html| {
                    actions(html, &site, &visitor, &report);
                },
            );
        });
        if let Ok(Query(Asked { asked: Some(asked) })) = asked {
            html.tag("p", &[("class", "note good"), ("role", "status")], |html| {
                html.text(asked.told())
            });
        }
        part(html, "state", None, |html| state(html, &report, now));
        part(html, "running", None, |html| running(html, &report, &events, now));
        part(html, "picture", Some("Resources"), |html| {
            drawing(html, &report, &graph)
        });
        part(html, "plan", Some("Plan"), |html| {
            plan::shown(html, &report, plan.as_deref())
        });
        part(html, "drift", Some("Drift"), |html| drift(html, &report));
        part(html, "events", Some("Events"), |html| {
            happened(html, &events, now)
        });
        part(html, "history", Some("History"), |html| past(html, &history, now));
    }))
}

/// A part of the page that is kept up to date.
fn part(html: &mut Html, id: &'static str, title: Option<&str>, inside: impl FnOnce(&mut Html)) {
    let heading = format!("{id}-heading");
    let labelled = [("id", id), ("data-live", ""), ("aria-labelledby", &*heading)];
    match title {
        None => html.tag("div", &labelled[..2], inside),
        Some(title) => html.tag("section", &labelled, |html| {
            html.tag("h2", &[("id", &heading)], |html| html.text(title));
            inside(html);
        }),
    }
}

fn actions(html: &mut Html, site: &Site, visitor: &Visitor, report: &StageReport) {
    let mut form = |what: &str, words: &str, class: &str| {
        let action = format!("{}/{what}", address(&report.key));
        html.tag("form", &[("method", "post"), ("action", &action)], |html| {
            proof(html, site, visitor);
            let attributes = [("id", &*format!("do-{what}")), ("class", class)];
            html.tag("button", &attributes, |html| html.text(words));
        });
    };
    if report.paused {
        form("resume", "Resume", "main");
    } else {
        form("reconcile", "Reconcile now", "main");
        form("pause", "Pause", "");
    }
}

fn state(html: &mut Html, report: &StageReport, now: Timestamp) {
    standings(html, report);
    html.tag("dl", &[("class", "facts")], |html| {
        let mut fact = |name: &str, value: &mut dyn FnMut(&mut Html)| {
            html.tag("div", &[], |html| {
                html.line("dt", "", name);
                html.tag("dd", &[], |html| value(html));
            });
        };
        fact("Source", &mut |html| html.line("code", "", &report.source));
        if let Some(revision) = &report.revision {
            fact("Commit", &mut |html| html.line("code", "", revision));
        }
        if let Some(last) = &report.last {
            fact("Last pass", &mut |html| {
                html.text(&format!("no. {}, ", last.number));
                when(html, last.began, now);
                let took = std::time::Duration::from_millis(last.took_ms);
                html.text(&format!(
                    ", took {}: {}",
                    words::duration(took.as_secs_f64()),
                    words::end(last.end)
                ));
            });
            fact("Because", &mut |html| html.text(&because(&last.because)));
        }
        if let Some(next) = &report.next {
            fact("Next pass", &mut |html| when(html, next.at, now));
        }
        if report.failures > 0 {
            fact("Failed", &mut |html| {
                html.text(&format!("{} in a row", report.failures));
            });
        }
        if let Some(holder) = &report.holder {
            fact("Held by", &mut |html| html.text(holder));
        }
    });
    let why = report.last.iter().flat_map(|last| &last.why);
    let mut why = why.peekable();
    if why.peek().is_some() {
        html.tag("div", &[("class", "note warn")], |html| {
            html.line("h2", "", "Why the last pass did not go well");
            html.tag("ul", &[], |html| why.for_each(|line| html.line("li", "", line)));
        });
    }
}

fn because(wakes: &std::collections::BTreeSet<crate::watch::Wake>) -> String {
    wakes
        .iter()
        .map(|wake| words::wake(*wake))
        .collect::<Vec<_>>()
        .join("; ")
}

/// The pass that is being made, and how far it has come.
fn running(html: &mut Html, report: &StageReport, events: &[Notice], now: Timestamp) {
    let Some(pass) = &report.running else {
        return;
    };
    html.tag("div", &[("class", "note busy")], |html| {
        html.tag("h2", &[], |html| {
            html.text(&format!("Pass {} is being made", pass.number))
        });
        html.tag("p", &[], |html| {
            html.text("Began ");
            when(html, pass.began, now);
            html.text(&format!(", because {}", because(&pass.because)));
            let files: Vec<_> = pass
                .files
                .iter()
                .take(5)
                .map(|file| file.display().to_string())
                .collect();
            if !files.is_empty() {
                html.text(&format!(" ({})", files.join(", ")));
            }
            html.text(".");
        });
        if let Some((done, steps)) = progress(pass, events) {
            html.tag("p", &[("class", "progress")], |html| {
                let (value, max) = (done.to_string(), steps.to_string());
                let attributes = [
                    ("value", &*value),
                    ("max", &max),
                    ("aria-label", "Steps that are done"),
                ];
                html.tag("progress", &attributes, |_| {});
                html.text(&format!(" {done} of {}", many(steps, "step")));
            });
        }
    });
}

/// How many steps are done, and how many there are; `None` before there is a plan.
fn progress(pass: &Running, events: &[Notice]) -> Option<(usize, usize)> {
    let of_pass = events.iter().filter(|notice| notice.at >= pass.began);
    let (mut done, mut steps) = (0, None);
    for notice in of_pass {
        match &notice.kind {
            NoticeKind::Planned { steps: planned, .. } => steps = Some(*planned),
            NoticeKind::Event(event) => done += usize::from(matches!(**event, Event::Finished { .. })),
            _ => {}
        }
    }
    steps
        .filter(|steps| *steps > 0)
        .map(|steps| (done.min(steps), steps))
}

fn drawing(html: &mut Html, report: &StageReport, graph: &Graph) {
    if graph.nodes.is_empty() {
        return html.line("p", "empty", "Nothing is recorded for this stage yet.");
    }
    html.tag("p", &[("class", "faint")], |html| {
        html.text(&format!("{}. ", graph.summary()));
        let alone = format!("{}/graph.svg", interface(&report.key));
        html.tag("a", &[("href", &alone)], |html| html.text("The picture alone"));
        html.text(" · ");
        html.tag("a", &[("href", "#plan")], |html| html.text("Skip the picture"));
    });
    let attributes = [
        ("id", "drawing"),
        ("class", "drawing"),
        ("role", "region"),
        ("tabindex", "0"),
        ("aria-label", "The picture of the resources; it can be scrolled"),
    ];
    html.tag("div", &attributes, |html| html.picture(graph));
}

fn drift(html: &mut Html, report: &StageReport) {
    if report.drift.is_empty() {
        return html.line("p", "empty", "Nothing is known that others have changed.");
    }
    html.tag("ul", &[("class", "lines")], |html| {
        for line in &report.drift {
            html.line("li", "", line);
        }
    });
}

fn happened(html: &mut Html, events: &[Notice], now: Timestamp) {
    if events.is_empty() {
        return html.line("p", "empty", "Nothing has happened since this process began.");
    }
    let attributes = [
        ("id", "happened"),
        ("class", "scroll"),
        ("role", "region"),
        ("tabindex", "0"),
        ("aria-label", "Events, the newest first; they can be scrolled"),
    ];
    html.tag("div", &attributes, |html| {
        html.tag("ol", &[("class", "lines times")], |html| {
            for notice in events.iter().rev().take(SHOWN) {
                html.tag("li", &[("class", tone(notice))], |html| {
                    when(html, notice.at, now);
                    html.line("span", "", &words::told(&notice.kind));
                });
            }
        });
    });
}

/// Events that somebody should see stand out.
fn tone(notice: &Notice) -> &'static str {
    match &notice.kind {
        NoticeKind::Event(event) => match &**event {
            Event::Failed { .. } | Event::Stuck { .. } | Event::TurningBack { .. } => "bad",
            Event::Said { warning: true, .. } | Event::Retrying { .. } => "warn",
            _ => "",
        },
        _ => "",
    }
}

fn past(html: &mut Html, history: &[History], now: Timestamp) {
    if history.is_empty() {
        return html.line("p", "empty", "No transaction of this stage is known.");
    }
    html.tag("ol", &[("class", "lines times")], |html| {
        for one in history.iter().take(SHOWN) {
            html.tag("li", &[], |html| {
                when(html, one.at, now);
                html.tag("span", &[], |html| {
                    html.line("b", "", &one.command);
                    html.text(&format!(" by {}", one.by.as_deref().unwrap_or("somebody")));
                    html.line("span", "faint", &format!(" · no. {}", one.serial));
                    html.line("span", "said", &one.said);
                });
            });
        }
    });
}
