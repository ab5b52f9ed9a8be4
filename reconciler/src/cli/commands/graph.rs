//! `grail graph`: the stage, what the project wishes for, or a plan, as a picture.
//!
//! What is recorded is drawn without Python and without a call. The picture goes to standard output, or to a file; it holds names
//! and what becomes of them, never a form.

use std::path::Path;

use grail_providers::resources::label;
use grail_state::StackId;
use serde_json::{Value, json};

use super::plan::{aside, left_open};
use super::validate::remarks;
use crate::cli::args::{GraphArgs, GraphFormat};
use crate::cli::exit::Exit;
use crate::cli::goal::{Goal, Terms};
use crate::cli::pass::Connection;
use crate::cli::refusal::Refusal;
use crate::cli::saved::SavedPlan;
use crate::cli::settings::Settings;
use crate::cli::stage::Stage;
use crate::cli::wish::{self, Remark};
use crate::cli::{is_human, report, words};
use crate::graph::{Detail, Graph, dot, mermaid, svg};
use crate::source::chalice::lower::Account;

/// Draws it.
///
/// # Errors
/// What keeps the state, the project or the plan from being read, or the file from being written.
pub async fn run(settings: &Settings, args: &GraphArgs) -> Result<Exit, Refusal> {
    let graph = match &args.plan {
        Some(Some(file)) => of_saved_plan(settings, file).await?,
        Some(None) => of_plan(settings).await?,
        None if args.desired => of_project(settings).await?,
        None => of_state(settings).await?,
    };
    let detail = if args.all { Detail::All } else { Detail::Folded };
    let picture = match args.format {
        GraphFormat::Svg => svg(&graph, detail),
        GraphFormat::Dot => dot(&graph, detail),
        GraphFormat::Mermaid => mermaid(&graph, detail),
    };
    if let Some(file) = &args.out {
        std::fs::write(file, &picture)
            .map_err(|error| Refusal::new(format!("could not write {}", file.display())).because(error))?;
    }
    match (is_human(settings), &args.out) {
        (true, None) => words::data(&picture),
        (true, Some(file)) => {
            let said = format!("{}: {}", file.display(), graph.summary());
            aside(settings)(Remark::Notice(said));
        }
        (false, out) => {
            let picture = out.is_none().then_some(picture);
            let said = json!({
                "title": graph.title, "resources": resources(&graph), "format": args.format.as_str(),
                "out": out, "picture": picture,
            });
            words::json_line(settings.command, "graph", said);
        }
    }
    Ok(Exit::Done)
}

/// What the state records, with what an open transaction has done to it.
async fn of_state(settings: &Settings) -> Result<Graph, Refusal> {
    let remarks = remarks(settings);
    let app = wish::app_name(settings, &remarks)?;
    let stage = Stage::look_at(settings, &app).await?;
    let graph = Graph::of_state(&stage.txn().await?, &label);
    if graph.nodes.is_empty() {
        let said = "grail has deployed nothing to this stage yet: `grail graph --desired` draws what the project wishes for";
        remarks(Remark::Notice(said.to_owned()));
    }
    Ok(graph)
}

/// What the project wishes for. In which account says nothing about names and edges, so none is asked for.
async fn of_project(settings: &Settings) -> Result<Graph, Refusal> {
    let remarks = aside(settings);
    let account = Account {
        account: "000000000000".to_owned(),
        region: "us-east-1".to_owned(),
        partition: "aws".to_owned(),
    };
    let keys = settings.keys()?;
    let desired = wish::sketch(settings, &account, &keys.digester, &remarks).await?;
    Ok(Graph::of_desired(&desired, &label))
}

/// The plan of now.
async fn of_plan(settings: &Settings) -> Result<Graph, Refusal> {
    let (remarks, terms) = (aside(settings), Terms::default());
    let how = Connection {
        only_looks: true,
        ..Connection::default()
    };
    let goal = Goal::begin(settings, &terms, how, &remarks).await?;
    let mut pass = goal.connected.read(&remarks).await?;
    let desired = goal.read(&mut pass, settings, &remarks).await?;
    let plan = pass.session.preview(&desired, &terms.consent()).await?;
    let mut events = report::sink(settings);
    let txn = pass.session.txn();
    left_open(txn.phase()).iter().for_each(|event| events.emit(event));
    let title = of_plan_for(&goal.connected.stage.stack);
    Ok(Graph::of_plan(
        title,
        &plan,
        txn.records(),
        Some(&desired),
        &label,
    ))
}

/// A plan in a file, with the edges of what stays from the state.
async fn of_saved_plan(settings: &Settings, file: &Path) -> Result<Graph, Refusal> {
    let saved = SavedPlan::read(file)?;
    let app = wish::app_name(settings, &remarks(settings))?;
    let stage = Stage::look_at(settings, &app).await?;
    saved.check_stack(&stage.stack)?;
    let txn = stage.txn().await?;
    Ok(Graph::of_plan(
        of_plan_for(&stage.stack),
        &saved.plan,
        txn.records(),
        None,
        &label,
    ))
}

fn of_plan_for(stack: &StackId) -> String {
    format!("Plan for {stack}")
}

/// The graph for programs.
fn resources(graph: &Graph) -> Vec<Value> {
    let nodes = graph.nodes.iter();
    nodes
        .map(|(id, node)| {
            json!({
                "id": id, "label": node.label, "condition": node.condition.as_str(), "why": node.why,
                "needs": node.needs,
            })
        })
        .collect()
}
