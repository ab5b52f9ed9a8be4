//! Whether the process is alive, and whether it knows its stages.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::Response;
use futures::FutureExt as _;

use super::answer::json;
use super::forms::{Health, Ready};
use super::gate::Visitor;
use super::problem::Problem;
use super::site::Site;
use crate::serve::board::{StageReport, Standing};

/// The version of grail.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// So many stages are named that keep it from being ready.
const NAMED: usize = 5;

/// `GET /healthz`: says nothing of stages. Who restarts a process because of a stage that fails helps nobody.
pub(super) async fn health() -> Response {
    json(&Health {
        status: "ok",
        version: VERSION,
    })
}

/// `GET /readyz`: the configuration was read and each stage has been looked at once, whatever came of it. A stage that is
/// paused, or that another replica holds, is not waited for; nor is one that was seen once and has moved since: who takes over
/// from another goes on answering meanwhile. Which stages there are is told to who was let in alone.
pub(super) async fn ready(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Problem> {
    if site.stop.clone().stopped().now_or_never().is_some() {
        return Err(Problem::not_ready("It was asked to stop."));
    }
    let stages = site.board.stages();
    if stages.is_empty() && site.board.configuration().is_none() {
        return Err(Problem::not_ready("The configuration has not been read yet."));
    }
    let unseen = site.unseen(&stages, is_unseen);
    if unseen.is_empty() {
        return Ok(json(&Ready {
            status: "ready",
            stages: stages.len(),
        }));
    }
    if !visitor.known {
        let count = unseen.len();
        return Err(Problem::not_ready(format!(
            "Stages that were not looked at yet: {count}."
        )));
    }
    let named = unseen
        .iter()
        .take(NAMED)
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    let more = match unseen.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Err(Problem::not_ready(format!("Not looked at yet: {named}{more}.")))
}

fn is_unseen(report: &StageReport) -> bool {
    report.standing == Standing::Unknown && !report.paused
}
