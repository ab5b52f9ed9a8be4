//! From resources to boxes: what serves one function alone is a row of that function's box, and each edge between boxes is drawn
//! in the way in which it can be read.
//!
//! Three ways: an ordinary line; a rail, for what nearly everything needs (the role), which is one light line with branches; and
//! a note in the box, for what comes after nearly everything (the stage of an API, which is switched last). Everything that is
//! needed is in exactly one of them, or follows from them.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::ResourceId;

use super::reduce::{self, Needs};
use super::subject::needs_within;
use super::{Graph, Node};

/// How much of a graph is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// What serves one function alone is a row of its box, unless all of it is [few](FEW).
    #[default]
    Folded,
    /// Every resource has a box of its own.
    All,
}

/// So many resources are drawn one by one in any case.
const FEW: usize = 12;
/// What so many boxes need is drawn as a rail.
const RAIL: usize = 6;
/// More rails than this would be a thicket of their own.
const MOST_RAILS: usize = 12;
/// A box with more lines than this above it would be lost in them.
const MOST_LINES: usize = 8;

const FUNCTION: &str = "lambda_function";
/// The kinds that serve a function.
const SERVING: [&str; 10] = [
    "event_rule",
    "event_source_mapping",
    "function_url",
    "lambda_alias",
    "lambda_permission",
    "lambda_version",
    "log_group",
    "provisioned_concurrency",
    "s3_notification",
    "sns_subscription",
];

/// A resource with its box, and what is shown in it.
pub(super) struct Block<'a> {
    /// Which.
    pub(super) id: &'a ResourceId,
    /// What is known of it.
    pub(super) node: &'a Node,
    /// What serves it.
    pub(super) rows: Vec<(&'a ResourceId, &'a Node)>,
    /// The boxes from which a line leads here.
    pub(super) lines: BTreeSet<usize>,
    /// The boxes whose rail has a branch to here.
    pub(super) rails: BTreeSet<usize>,
    /// The boxes that a note in this one names.
    pub(super) noted: BTreeSet<usize>,
}

/// The boxes, in the order of their ranks.
pub(super) struct Blocks<'a> {
    /// All of them.
    pub(super) all: Vec<Block<'a>>,
    /// Those that have a rail.
    pub(super) hubs: Vec<usize>,
}

/// The boxes of a graph.
pub(super) fn blocks(graph: &Graph, detail: Detail) -> Blocks<'_> {
    let hosts = match detail {
        Detail::Folded if graph.nodes.len() > FEW => hosts(graph),
        _ => BTreeMap::new(),
    };
    let host = |id: &'_ ResourceId| hosts.get(id).copied();
    let mut order: Vec<_> = graph.nodes.iter().filter(|(id, _)| host(id).is_none()).collect();
    order.sort_by_key(|(id, node)| (node.rank, *id));
    let place: BTreeMap<&ResourceId, usize> =
        order.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
    let place_of = |id: &'_ ResourceId| place.get(host(id).unwrap_or(id)).copied();

    let mut rows: Vec<Vec<(&ResourceId, &Node)>> = vec![Vec::new(); order.len()];
    let mut serving = Vec::new();
    for (id, node) in graph.nodes.iter().filter(|(id, _)| host(id).is_some()) {
        if let Some(at) = place_of(id) {
            rows[at].push((id, node));
            serving.extend(
                needs_within(graph, node)
                    .into_iter()
                    .filter_map(|need| Some((at, place_of(need)?))),
            );
        }
    }
    for of_one in &mut rows {
        of_one.sort_by_key(|(id, node)| (node.rank, *id));
    }
    let needs = order.iter().enumerate().map(|(at, (_, node))| {
        let needed = needs_within(graph, node).into_iter().filter_map(place_of);
        needed.filter(|need| *need != at).collect()
    });
    let (needs, order_of_needs) = between_blocks(needs.collect(), serving);
    let drawn = Drawn::of(&needs, &order_of_needs);
    let blocks = order.into_iter().zip(rows).enumerate();
    let all = blocks.map(|(at, ((id, node), rows))| Block {
        id,
        node,
        rows,
        lines: drawn.lines[at].clone(),
        rails: drawn.rails[at].clone(),
        noted: drawn.noted[at].clone(),
    });
    Blocks {
        all: all.collect(),
        hubs: drawn.hubs,
    }
}

/// The function that each resource serves, where it serves one alone.
fn hosts(graph: &Graph) -> BTreeMap<&ResourceId, &ResourceId> {
    let by_name: BTreeMap<&str, &ResourceId> = graph
        .nodes
        .keys()
        .filter(|id| id.kind.as_str() == FUNCTION)
        .map(|id| (id.name.as_str(), id))
        .collect();
    let serving = graph
        .nodes
        .iter()
        .filter(|(id, _)| SERVING.contains(&id.kind.as_str()));
    let host = |id: &ResourceId, node: &Node| {
        let needed: Vec<&ResourceId> = node
            .needs
            .iter()
            .filter(|need| need.kind.as_str() == FUNCTION)
            .collect();
        match needed.as_slice() {
            // A log group needs nothing: it is known by its name.
            [] => by_name.get(id.name.strip_suffix("-log-group")?).copied(),
            [one] => by_name.get(one.name.as_str()).copied(),
            _ => None,
        }
    };
    serving
        .filter_map(|(id, node)| Some((id, host(id, node)?)))
        .collect()
}

/// The edges between boxes, and an order in which each box is behind what it needs. What serves a function may need what needs
/// the function (a permission names the API that calls it): such an edge would lead back, and is left out.
fn between_blocks(mut needs: Needs, serving: Vec<(usize, usize)>) -> (Needs, Vec<usize>) {
    reduce::sorted(&mut needs);
    for (at, need) in serving {
        if !reduce::reaches(&needs, need, at) {
            needs[at].insert(need);
        }
    }
    let order = reduce::sorted(&mut needs);
    (reduce::reduced(&needs, &order), order)
}

/// How the edges are drawn.
struct Drawn {
    lines: Needs,
    rails: Needs,
    noted: Needs,
    hubs: Vec<usize>,
}

impl Drawn {
    fn of(needs: &Needs, order: &[usize]) -> Self {
        let mut drawn = Self {
            lines: needs.clone(),
            rails: vec![BTreeSet::new(); needs.len()],
            noted: vec![BTreeSet::new(); needs.len()],
            hubs: hubs(needs),
        };
        let mut depth = vec![0_usize; needs.len()];
        for at in order.iter().copied() {
            depth[at] = needs[at].iter().map(|need| depth[*need] + 1).max().unwrap_or(0);
            drawn.rails[at] = drawn.lines[at]
                .iter()
                .copied()
                .filter(|need| drawn.hubs.contains(need))
                .collect();
            drawn.lines[at].retain(|need| !drawn.rails[at].contains(need));
            if drawn.lines[at].len() > MOST_LINES {
                drawn.note(at, &depth);
            }
        }
        drawn
    }

    /// Of many needs, those stay lines that come last themselves: they lead the way to all that is above them.
    fn note(&mut self, at: usize, depth: &[usize]) {
        let deepest = self.lines[at].iter().map(|need| depth[*need]).max().unwrap_or(0);
        let last = self.lines[at]
            .iter()
            .filter(|need| depth[**need] == deepest)
            .count();
        let stays = |need: &usize| last <= MOST_LINES && depth[*need] == deepest;
        self.noted[at] = self.lines[at]
            .iter()
            .copied()
            .filter(|need| !stays(need))
            .collect();
        self.lines[at].retain(stays);
    }
}

/// What many need and what needs nothing itself, the most needed first.
fn hubs(needs: &Needs) -> Vec<usize> {
    let dependents = reduce::dependents(needs);
    let mut hubs: Vec<usize> = (0..needs.len())
        .filter(|at| needs[*at].is_empty() && dependents[*at].len() >= RAIL)
        .collect();
    hubs.sort_by_key(|at| (std::cmp::Reverse(dependents[*at].len()), *at));
    hubs.truncate(MOST_RAILS);
    hubs
}
