//! What a pass that is being made does to the picture: the same rule for the picture that is drawn now and for each event that a
//! page puts into the one it has.

use grail_state::ResourceId;

use crate::event::Event;
use crate::graph::{Condition, Graph, Node};
use crate::plan::Plan;
use crate::serve::board::{Notice, NoticeKind, StageReport};

/// What becomes of which resource by an event.
pub(super) fn condition(event: &Event) -> Option<(&ResourceId, Condition)> {
    match event {
        Event::Started { id, .. } | Event::Retrying { id, .. } => Some((id, Condition::InProgress)),
        Event::Waiting { id, .. } => Some((id, Condition::Waiting)),
        Event::Finished { id, .. } | Event::Swept { id, .. } | Event::Pruned { id, .. } => {
            Some((id, Condition::Done))
        }
        Event::Failed { id, .. } | Event::Stuck { id, .. } => Some((id, Condition::Failed)),
        Event::Restored { id, .. } => Some((id, Condition::Unchanged)),
        _ => None,
    }
}

/// Why, where an event says so.
fn why(event: &Event) -> Option<String> {
    match event {
        Event::Waiting { on, .. } => Some(format!("for {on}")),
        Event::Retrying { why, .. } | Event::Failed { why, .. } | Event::Stuck { why, .. } => {
            Some(why.clone())
        }
        Event::Restored { .. } => Some("as it was".to_owned()),
        _ => None,
    }
}

/// The stage as it is now. While a pass is made: what was known before it, what its plan does, and how far that has come.
pub(super) fn current(graph: &Graph, plan: Option<&Plan>, events: &[Notice], report: &StageReport) -> Graph {
    let mut graph = graph.clone();
    if graph.title.is_empty() {
        graph.title = report.key.to_string();
    }
    let Some(running) = &report.running else {
        return graph;
    };
    let of_pass: Vec<&Notice> = events
        .iter()
        .filter(|notice| notice.at >= running.began)
        .collect();
    let planned = |notice: &&&Notice| matches!(notice.kind, NoticeKind::Planned { .. });
    if let (Some(plan), Some(_)) = (plan, of_pass.iter().find(planned)) {
        lay_over(&mut graph, plan);
    }
    for notice in of_pass {
        if let NoticeKind::Event(event) = &notice.kind
            && let Some((id, condition)) = condition(event)
            && let Some(node) = graph.nodes.get_mut(id)
        {
            node.condition = condition;
            node.why = why(event);
        }
    }
    graph
}

/// What the plan does, over what is recorded.
fn lay_over(graph: &mut Graph, plan: &Plan) {
    let planned = Graph::of_plan("", plan, &std::collections::BTreeMap::new(), None, &|_, _| None);
    for (id, node) in planned.nodes {
        if node.condition == Condition::Unchanged {
            continue;
        }
        let known = graph.nodes.remove(&id).unwrap_or_default();
        let merged = Node {
            label: node.label.or(known.label),
            needs: if node.needs.is_empty() {
                known.needs
            } else {
                node.needs
            },
            ..node
        };
        graph.nodes.insert(id, merged);
    }
}
