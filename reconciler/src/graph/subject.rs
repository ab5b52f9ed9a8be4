//! Where a graph comes from: records, wishes, a plan, an open transaction.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::template::has_stand_in;
use grail_state::txn::{Back, Phase, Touched, Txn};
use grail_state::{Desired, DesiredState, Kind, Record, ResourceId};
use serde_json::Value;

use super::{Condition, Graph, Node};
use crate::plan::{Action, Plan, Prune, Step};

/// Says the short physical name of a resource by its kind and form.
pub type Labels<'a> = dyn Fn(&Kind, &Value) -> Option<String> + 'a;

impl Graph {
    /// What a project wishes for.
    pub fn of_desired(desired: &DesiredState, labels: &Labels<'_>) -> Self {
        let nodes = desired.resources.iter();
        Self {
            title: desired.stack.to_string(),
            nodes: nodes
                .map(|(id, wish)| (id.clone(), wished(wish, labels)))
                .collect(),
        }
    }

    /// What a stage's state records, with what an open transaction has done to it so far.
    pub fn of_state(txn: &Txn, labels: &Labels<'_>) -> Self {
        let mut nodes: BTreeMap<_, _> = txn
            .existing()
            .iter()
            .chain(txn.records())
            .map(|(id, record)| (id.clone(), recorded(&id.kind, record, labels)))
            .collect();
        if txn.phase() != Phase::Idle {
            for (id, touched) in txn.touched() {
                let node = nodes.entry(id.clone()).or_default();
                (node.condition, node.why) = standing(touched, txn.phase());
            }
        }
        for doomed in txn.doomed() {
            let gone = || Node {
                label: label(labels, &doomed.id.kind, &doomed.spec),
                ..Node::default()
            };
            let node = nodes.entry(doomed.id.clone()).or_insert_with(gone);
            if node.condition == Condition::Unchanged {
                (node.condition, node.why) = (Condition::Delete, Some("still to be deleted".to_owned()));
            }
        }
        lose(&mut nodes, txn.prune());
        Self {
            title: txn.snapshot().stack.to_string(),
            nodes,
        }
    }

    /// What a plan does. What stays has its edges from `records` and, where it is at hand, from what is `desired`.
    pub fn of_plan(
        title: impl Into<String>,
        plan: &Plan,
        records: &BTreeMap<ResourceId, Record>,
        desired: Option<&DesiredState>,
        labels: &Labels<'_>,
    ) -> Self {
        let mut nodes = BTreeMap::new();
        for id in &plan.unchanged {
            let wish = desired.and_then(|desired| desired.resources.get(id));
            // What is recorded under another id from now on is recorded under the old one still.
            let known = records.get(plan.moves.get(id).unwrap_or(id));
            let mut node = match (known, wish) {
                (Some(record), _) => recorded(&id.kind, record, labels),
                (None, Some(wish)) => wished(wish, labels),
                (None, None) => Node::default(),
            };
            node.needs
                .extend(wish.map(Desired::depends_on).unwrap_or_default());
            nodes.insert(id.clone(), node);
        }
        for step in plan.steps() {
            let Some(condition) = what_happens(step) else {
                continue;
            };
            let node = Node {
                label: step.label.clone(),
                condition,
                why: Some(step.why.to_string()),
                needs: step.depends_on.clone(),
                rank: step.rank,
            };
            // A left-over of the same id is gone behind what is done to the thing itself.
            match condition {
                Condition::Delete => _ = nodes.entry(step.resource.clone()).or_insert(node),
                _ => _ = nodes.insert(step.resource.clone(), node),
            }
        }
        lose(&mut nodes, &plan.prune);
        Self {
            title: title.into(),
            nodes,
        }
    }
}

/// Shows the things that stay and lose what others have added to them.
fn lose(nodes: &mut BTreeMap<ResourceId, Node>, prune: &BTreeMap<ResourceId, Prune>) {
    for (id, prune) in prune {
        let node = nodes.entry(id.clone()).or_default();
        if node.condition == Condition::Unchanged {
            node.condition = Condition::Update;
            node.why = Some(additions_go(prune.children.len()));
        }
    }
}

fn additions_go(count: usize) -> String {
    match count {
        1 => "what others have added goes".to_owned(),
        count => format!("{count} things that others have added go"),
    }
}

/// What a step does to its resource; nothing of its own where it is one half of a replacement.
fn what_happens(step: &Step) -> Option<Condition> {
    match step.action {
        Action::Create { replaces: None } => Some(Condition::Create),
        Action::Create { replaces: Some(_) } => Some(Condition::Replace),
        Action::Update { .. } => Some(Condition::Update),
        Action::Delete { replaced_by: None } => Some(Condition::Delete),
        Action::Delete { replaced_by: Some(_) } => None,
    }
}

fn wished(wish: &Desired, labels: &Labels<'_>) -> Node {
    Node {
        label: label(labels, &wish.id.kind, &wish.spec.with_stand_ins()),
        needs: wish.depends_on(),
        rank: wish.rank,
        ..Node::default()
    }
}

fn recorded(kind: &Kind, record: &Record, labels: &Labels<'_>) -> Node {
    Node {
        label: label(labels, kind, &record.spec),
        needs: record.depends_on.clone(),
        rank: record.rank,
        ..Node::default()
    }
}

fn label(labels: &Labels<'_>, kind: &Kind, form: &Value) -> Option<String> {
    labels(kind, form).filter(|label| !has_stand_in(label))
}

/// Where a resource stands that an open transaction has touched.
fn standing(touched: &Touched, phase: Phase) -> (Condition, Option<String>) {
    match (&touched.back, &touched.open) {
        (Back::Restored, _) => (Condition::Unchanged, Some("as it was".to_owned())),
        (Back::Stuck(why), _) => (Condition::Failed, Some(format!("stuck: {why}"))),
        (Back::Pending, _) if phase == Phase::Aborting => {
            (Condition::Waiting, Some("to be brought back".to_owned()))
        }
        (Back::Pending, Some(open)) => match &open.failed {
            Some(why) => (Condition::Failed, Some(why.clone())),
            None => (Condition::InProgress, Some("in doubt".to_owned())),
        },
        (Back::Pending, None) => (Condition::Done, None),
    }
}

/// The needs of nodes that are in the graph themselves.
pub(super) fn needs_within<'a>(graph: &'a Graph, node: &'a Node) -> BTreeSet<&'a ResourceId> {
    let within = node.needs.iter().filter(|id| graph.nodes.contains_key(id));
    within.collect()
}
