//! `/`: every stage, those first that somebody should look at.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;

use super::frame::Frame;
use super::html::Html;
use super::parts::{address, is_troubled, many, standing, standings, when};
use crate::serve::board::{Configuration, StageReport, Standing};
use crate::serve::http::gate::Visitor;
use crate::serve::http::site::Site;
use crate::serve::http::words;

/// Which stages are looked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Search {
    /// Part of a name or of a standing.
    #[serde(default)]
    q: String,
}

impl Search {
    fn finds(&self, report: &StageReport) -> bool {
        let wanted = self.q.trim().to_lowercase();
        let paused = if report.paused { "paused" } else { "" };
        let texts = [
            &*report.key.to_string().to_lowercase(),
            words::standing(report.standing),
            paused,
        ];
        texts.iter().any(|text| text.contains(&wanted))
    }
}

/// The page.
pub(super) async fn page(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    search: Result<Query<Search>, QueryRejection>,
) -> Response {
    let search = search.map(|Query(search)| search).unwrap_or_default();
    let events = format!("/api/v1/events?after={}", site.event_id(site.board.latest()));
    let all = site.board.stages();
    let frame = Frame {
        title: "Stages",
        events: &events,
        visitor: Some(&visitor),
    };
    let now = site.clock.now();
    frame.around(&site, StatusCode::OK, |html| {
        html.tag("div", &[("class", "head")], |html| {
            html.line("h1", "", "Stages");
            find(html, &search);
        });
        html.tag("div", &[("id", "overview"), ("data-live", "")], |html| {
            configuration(html, site.board.configuration().as_ref(), now);
            sums(html, &all);
            let found: Vec<_> = all.iter().filter(|report| search.finds(report)).collect();
            let (troubled, calm): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|report| is_troubled(report));
            match (all.is_empty(), troubled.is_empty() && calm.is_empty()) {
                (true, _) => html.line("p", "empty", "The configuration names no stage yet."),
                (_, true) => html.line("p", "empty", "No stage is like that."),
                _ => {}
            }
            list(html, "Somebody should look", &troubled, now);
            list(
                html,
                if troubled.is_empty() {
                    "All is calm"
                } else {
                    "The others"
                },
                &calm,
                now,
            );
        });
    })
}

fn find(html: &mut Html, search: &Search) {
    html.tag(
        "form",
        &[
            ("method", "get"),
            ("action", "/"),
            ("role", "search"),
            ("class", "find"),
        ],
        |html| {
            html.tag("label", &[("for", "q")], |html| html.text("Find"));
            let attributes = [
                ("id", "q"),
                ("name", "q"),
                ("type", "search"),
                ("value", &search.q),
                ("placeholder", "a project, a stage, stuck …"),
                ("maxlength", "100"),
            ];
            html.void("input", &attributes);
            html.tag("button", &[], |html| html.text("Find"));
        },
    );
}

/// A configuration that was refused is what somebody must know.
fn configuration(html: &mut Html, read: Option<&Configuration>, now: Timestamp) {
    let Some((at, why)) = read.and_then(|read| Some((read.at, read.refused.as_ref()?))) else {
        return;
    };
    html.tag("div", &[("class", "note bad")], |html| {
        html.line("h2", "", "The configuration was refused");
        html.tag("p", &[], |html| {
            html.text("What was in force before goes on. Read ");
            when(html, at, now);
            html.text(":");
        });
        html.line("pre", "", why);
    });
}

fn sums(html: &mut Html, all: &[Arc<StageReport>]) {
    let mut counts: BTreeMap<Standing, usize> = BTreeMap::new();
    for report in all {
        *counts.entry(report.standing).or_default() += 1;
    }
    html.tag(
        "ul",
        &[("class", "sums"), ("aria-label", "How they stand")],
        |html| {
            for (of, count) in counts {
                html.tag("li", &[], |html| {
                    html.line("b", "", &count.to_string());
                    html.text(" ");
                    standing(html, of);
                });
            }
        },
    );
}

fn list(html: &mut Html, title: &str, reports: &[&Arc<StageReport>], now: Timestamp) {
    if reports.is_empty() {
        return;
    }
    html.tag("h2", &[("class", "group")], |html| {
        html.text(title);
        html.line("span", "count", &many(reports.len(), "stage"));
    });
    html.tag("ul", &[("class", "stages")], |html| {
        for report in reports {
            html.tag("li", &[], |html| row(html, report, now));
        }
    });
}

fn row(html: &mut Html, report: &StageReport, now: Timestamp) {
    html.tag("div", &[("class", "who")], |html| {
        html.tag("a", &[("href", &address(&report.key))], |html| {
            html.text(&report.key.to_string())
        });
        html.line("span", "faint", &report.source);
    });
    standings(html, report);
    html.tag("dl", &[], |html| {
        let mut fact = |name: &str, value: &mut dyn FnMut(&mut Html)| {
            html.tag("div", &[], |html| {
                html.line("dt", "", name);
                html.tag("dd", &[], |html| value(html));
            });
        };
        if let Some(last) = &report.last {
            fact("Last pass", &mut |html| when(html, last.began, now));
        }
        if let Some(next) = &report.next {
            fact("Next", &mut |html| when(html, next.at, now));
        }
        if !report.drift.is_empty() {
            fact("Drift", &mut |html| {
                html.text(&many(report.drift.len(), "change"))
            });
        }
        if report.failures > 0 {
            fact("Failed", &mut |html| {
                html.text(&format!("{} in a row", report.failures))
            });
        }
    });
}
