//! Every address that is answered, in one table: the router and the OpenAPI document are made of it.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, get, post};
use axum::{Router, middleware};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::forms::{Accepted, GraphForm, Health, HistoryList, NoticeForm, Ready, StageList};
use super::gate::gate;
use super::problem::Problem;
use super::site::Site;
use super::{metrics, openapi, page, probes, stages, stream, webhook};
use crate::report::plan::Document;
use crate::serve::board::StageReport;

/// The largest body that is taken, but for webhooks.
const LARGEST: usize = 16 * 1024;

/// One address and method of the interface for programs.
pub(super) struct Operation {
    /// In lower case.
    pub(super) method: &'static str,
    /// With its parameters in braces.
    pub(super) path: &'static str,
    /// For programs that are made from the document.
    pub(super) id: &'static str,
    /// In words.
    pub(super) summary: &'static str,
    /// What it answers where all is well.
    pub(super) answer: Answer,
    /// The statuses of its problems.
    pub(super) problems: &'static [u16],
    /// Who may ask.
    pub(super) who: Who,
    route: MethodRouter<Arc<Site>>,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Everybody.
    Everybody,
    /// Who may come in.
    Visitor,
    /// Who signs with the secret of the webhook.
    Signed,
}

/// What is answered where all is well.
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) media: &'static str,
    /// The form; of a stream that of each event's data.
    pub(super) schema: Option<fn(&mut SchemaGenerator) -> Schema>,
}

fn form<T: JsonSchema>(code: u16) -> Answer {
    Answer {
        code,
        media: "application/json",
        schema: Some(SchemaGenerator::subschema_for::<T>),
    }
}

fn text(media: &'static str) -> Answer {
    Answer {
        code: 200,
        media,
        schema: None,
    }
}

fn events() -> Answer {
    Answer {
        code: 200,
        media: "text/event-stream",
        schema: Some(SchemaGenerator::subschema_for::<NoticeForm<'static>>),
    }
}

/// The operations, in the order in which the document has them.
pub(super) fn operations() -> Vec<Operation> {
    [about_process(), about_stages(), asking()]
        .into_iter()
        .flatten()
        .collect()
}

fn about_process() -> Vec<Operation> {
    let problems: &[u16] = &[];
    vec![
        Operation {
            method: "get",
            path: "/healthz",
            id: "health",
            summary: "Whether the process is alive.",
            answer: form::<Health>(200),
            problems,
            who: Who::Everybody,
            route: get(probes::health),
        },
        Operation {
            method: "get",
            path: "/readyz",
            id: "ready",
            summary: "Whether the configuration was read and each stage has been looked at once.",
            answer: form::<Ready>(200),
            problems: &[503],
            who: Who::Everybody,
            route: get(probes::ready),
        },
        Operation {
            method: "get",
            path: "/metrics",
            id: "metrics",
            summary: "Metrics in the form of OpenMetrics.",
            answer: text("application/openmetrics-text"),
            problems,
            who: Who::Visitor,
            route: get(metrics::metrics),
        },
        Operation {
            method: "get",
            path: "/api/v1/openapi.json",
            id: "openapi",
            summary: "This document.",
            answer: text("application/json"),
            problems,
            who: Who::Visitor,
            route: get(openapi::served),
        },
        Operation {
            method: "get",
            path: "/api/v1/events",
            id: "events",
            summary: "What happens to any stage, as it happens.",
            answer: events(),
            problems: &[503],
            who: Who::Visitor,
            route: get(stream::all),
        },
    ]
}

fn about_stages() -> Vec<Operation> {
    let about = |path, id, summary, answer, route| Operation {
        method: "get",
        path,
        id,
        summary,
        answer,
        problems: &[404],
        who: Who::Visitor,
        route,
    };
    vec![
        Operation {
            problems: &[],
            ..about(
                "/api/v1/stages",
                "stages",
                "Every stage.",
                form::<StageList<'_>>(200),
                get(stages::list),
            )
        },
        about(
            "/api/v1/stages/{project}/{stage}",
            "stage",
            "One stage.",
            form::<StageReport>(200),
            get(stages::one),
        ),
        about(
            "/api/v1/stages/{project}/{stage}/plan",
            "plan",
            "The plan that was made last.",
            form::<Document<'_>>(200),
            get(stages::plan),
        ),
        about(
            "/api/v1/stages/{project}/{stage}/history",
            "history",
            "The transactions of the past, the newest first.",
            form::<HistoryList<'_>>(200),
            get(stages::history),
        ),
        about(
            "/api/v1/stages/{project}/{stage}/graph",
            "graph",
            "The resources, what they need, and what becomes of each.",
            form::<GraphForm<'_>>(200),
            get(stages::graph),
        ),
        about(
            "/api/v1/stages/{project}/{stage}/graph.svg",
            "picture",
            "The same as a picture.",
            text("image/svg+xml"),
            get(stages::graph_svg),
        ),
        Operation {
            problems: &[404, 503],
            ..about(
                "/api/v1/stages/{project}/{stage}/events",
                "stage_events",
                "What happens to one stage, as it happens.",
                events(),
                get(stream::of_stage),
            )
        },
    ]
}

fn asking() -> Vec<Operation> {
    let asking = |path, id, summary, problems, route| Operation {
        method: "post",
        path,
        id,
        summary,
        answer: form::<Accepted>(202),
        problems,
        who: Who::Visitor,
        route,
    };
    vec![
        asking(
            "/api/v1/stages/{project}/{stage}/reconcile",
            "reconcile",
            "Asks for a pass soon.",
            &[404, 409],
            post(stages::reconcile),
        ),
        asking(
            "/api/v1/stages/{project}/{stage}/pause",
            "pause",
            "Lets no pass begin until the stage is resumed.",
            &[404],
            post(stages::pause),
        ),
        asking(
            "/api/v1/stages/{project}/{stage}/resume",
            "resume",
            "Lets passes begin again.",
            &[404],
            post(stages::resume),
        ),
        Operation {
            who: Who::Signed,
            ..asking(
                "/api/v1/webhooks/{project}",
                "webhook",
                "Says that the project's source may have changed; signed as GitHub does.",
                &[401, 413],
                post(webhook::wake),
            )
        },
    ]
}

/// Answers everything.
pub(super) fn router(site: Arc<Site>) -> Router {
    let interface = operations().into_iter().fold(Router::new(), |router, operation| {
        router.route(operation.path, operation.route)
    });
    interface
        .merge(page::routes())
        .fallback(nothing)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(LARGEST))
        .layer(middleware::from_fn_with_state(Arc::clone(&site), gate))
        .with_state(site)
}

async fn nothing() -> Problem {
    Problem::not_found()
}

async fn wrong_method() -> Problem {
    Problem::wrong_method()
}
