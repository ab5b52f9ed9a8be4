//! Stages for programs: read, and asked for.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::Value;

use super::answer::{json, json_as, text_as};
use super::conditions::current;
use super::forms::{Accepted, GraphForm, HistoryList, StageList};
use super::problem::Problem;
use super::site::Site;
use crate::graph::{Detail, Graph, svg};
use crate::report::plan::document;
use crate::serve::board::{StageKey, StageReport};

/// The stage that the path names, whether there is one or not.
pub(super) struct Named(pub(super) StageKey);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let named: Result<Path<(String, String)>, PathRejection> =
            Path::from_request_parts(parts, state).await;
        let Path((project, stage)) = named.map_err(|wrong| Problem::bad_request(wrong.body_text()))?;
        Ok(Self(StageKey { project, stage }))
    }
}

type Shared = State<Arc<Site>>;

/// `GET /api/v1/stages`
pub(super) async fn list(State(site): Shared) -> Response {
    // The number first: what comes between is told twice rather than never.
    let latest = site.board.latest();
    let stages = site.board.stages();
    json(&StageList {
        stages: stages.iter().map(AsRef::as_ref).collect(),
        event: site.event_id(latest),
    })
}

pub(super) fn found(site: &Site, key: &StageKey) -> Result<Arc<StageReport>, Problem> {
    site.board.stage(key).ok_or_else(Problem::unknown_stage)
}

/// `GET /api/v1/stages/{project}/{stage}`
pub(super) async fn one(State(site): Shared, Named(key): Named) -> Result<Response, Problem> {
    Ok(json(&*found(&site, &key)?))
}

/// `GET .../plan`
pub(super) async fn plan(State(site): Shared, Named(key): Named) -> Result<Response, Problem> {
    found(&site, &key)?;
    let plan = site.board.plan(&key).ok_or_else(Problem::no_plan)?;
    match document(&plan) {
        Value::Null => Err(Problem::internal("The plan could not be written.")),
        document => Ok(json(&document)),
    }
}

/// `GET .../history`
pub(super) async fn history(State(site): Shared, Named(key): Named) -> Result<Response, Problem> {
    let history = site.board.history(&key).ok_or_else(Problem::unknown_stage)?;
    Ok(json(&HistoryList { history: &history }))
}

/// The picture of a stage as it is now.
pub(super) fn picture(site: &Site, key: &StageKey) -> Result<Graph, Problem> {
    let report = found(site, key)?;
    let graph = site.board.graph(key).ok_or_else(Problem::unknown_stage)?;
    let (plan, events) = (site.board.plan(key), site.board.events(key));
    Ok(current(&graph, plan.as_deref(), &events, &report))
}

/// `GET .../graph`
pub(super) async fn graph(State(site): Shared, Named(key): Named) -> Result<Response, Problem> {
    Ok(json(&GraphForm::of(&picture(&site, &key)?)))
}

/// `GET .../graph.svg`
pub(super) async fn graph_svg(State(site): Shared, Named(key): Named) -> Result<Response, Problem> {
    let picture = svg(&picture(&site, &key)?, Detail::default());
    Ok(text_as(StatusCode::OK, "image/svg+xml", picture))
}

/// `POST .../reconcile`
pub(super) async fn reconcile(State(site): Shared, Named(key): Named) -> Result<Response, Problem> {
    site.control.reconcile(&key)?;
    Ok(accepted(format!("A pass over {key} begins soon.")))
}

/// `POST .../pause`
pub(super) async fn pause(State(site): Shared, Named(key): Named) -> Result<Response, Problem> {
    site.control.pause(&key, true)?;
    Ok(accepted(format!(
        "{key} is paused; a pass that is being made goes on to its end."
    )))
}

/// `POST .../resume`
pub(super) async fn resume(State(site): Shared, Named(key): Named) -> Result<Response, Problem> {
    site.control.pause(&key, false)?;
    Ok(accepted(format!("{key} goes on.")))
}

pub(super) fn accepted(said: String) -> Response {
    json_as(StatusCode::ACCEPTED, "application/json", &Accepted { said })
}
