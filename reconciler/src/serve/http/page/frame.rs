//! What every page has: its head, the way to its content, who and where we are.

use axum::http::StatusCode;
use axum::response::Response;

use super::html::Html;
use super::{SCRIPT, SHEET};
use crate::serve::http::answer::text_as;
use crate::serve::http::gate::Visitor;
use crate::serve::http::probes::VERSION;
use crate::serve::http::site::Site;

/// A page that is to be written.
pub(super) struct Frame<'a> {
    /// Its title.
    pub(super) title: &'a str,
    /// Where its events come from; empty where it has none.
    pub(super) events: &'a str,
    /// Who reads it.
    pub(super) visitor: Option<&'a Visitor>,
}

impl Frame<'_> {
    /// The page with this inside.
    pub(super) fn around(self, site: &Site, code: StatusCode, inside: impl FnOnce(&mut Html)) -> Response {
        let mut html = Html::default();
        html.doctype();
        html.tag("html", &[("lang", "en")], |html| {
            html.tag("head", &[], |html| self.head(html));
            html.tag("body", &[("data-events", self.events)], |html| {
                html.tag("a", &[("class", "skip"), ("href", "#content")], |html| {
                    html.text("Skip to the content")
                });
                html.tag("header", &[("class", "top")], |html| self.top(html, site));
                html.tag("main", &[("id", "content"), ("tabindex", "-1")], inside);
                html.tag("footer", &[], |html| foot(html, site));
                html.tag(
                    "p",
                    &[("id", "told"), ("class", "unseen"), ("role", "status")],
                    |_| {},
                );
            });
        });
        text_as(code, "text/html; charset=utf-8", html.into_text())
    }

    fn head(&self, html: &mut Html) {
        html.void("meta", &[("charset", "utf-8")]);
        html.tag("title", &[], |html| html.text(&format!("{} · grail", self.title)));
        html.void(
            "meta",
            &[
                ("name", "viewport"),
                ("content", "width=device-width, initial-scale=1"),
            ],
        );
        html.void("meta", &[("name", "color-scheme"), ("content", "light dark")]);
        html.void(
            "link",
            &[
                ("rel", "icon"),
                ("type", "image/svg+xml"),
                ("href", super::ICON.path),
            ],
        );
        html.void("link", &[("rel", "stylesheet"), ("href", SHEET.path)]);
        if !self.events.is_empty() {
            html.tag("script", &[("src", SCRIPT.path), ("defer", "")], |_| {});
        }
    }

    fn top(&self, html: &mut Html, site: &Site) {
        html.tag("a", &[("class", "mark"), ("href", "/")], |html| {
            html.text("grail")
        });
        html.tag("nav", &[("aria-label", "Main")], |html| {
            html.tag("a", &[("href", "/")], |html| html.text("Stages"));
            html.tag("a", &[("href", "/metrics")], |html| html.text("Metrics"));
            html.tag("a", &[("href", "/api/v1/openapi.json")], |html| html.text("API"));
        });
        if !self.events.is_empty() {
            // Filled by the script; without it there is nothing live to speak of.
            html.tag("span", &[("id", "live"), ("class", "live")], |_| {});
        }
        if let Some(visitor) = self.visitor.filter(|visitor| !visitor.session.is_empty()) {
            html.tag("form", &[("method", "post"), ("action", "/logout")], |html| {
                proof(html, site, visitor);
                html.tag("button", &[("class", "quiet")], |html| html.text("Sign out"));
            });
        }
    }
}

fn foot(html: &mut Html, site: &Site) {
    html.text(&format!("grail {VERSION}"));
    if !site.replica.is_empty() {
        html.text(&format!(" · replica {}", site.replica));
    }
}

/// What shows that a form was made by our own page.
pub(super) fn proof(html: &mut Html, site: &Site, visitor: &Visitor) {
    let proof = site.keys().sessions.proof(&visitor.session);
    html.void(
        "input",
        &[("type", "hidden"), ("name", "proof"), ("value", &proof)],
    );
}
