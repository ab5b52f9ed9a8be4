//! Order and circles: the only file that knows petgraph, so that no node index leaks into plans and journals.
//!
//! A graph is given as "what must come first" by node. Edges to nodes that are not in it are ignored: they order nothing.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::{astar, tarjan_scc};
use petgraph::graphmap::DiGraphMap;

/// What must come before each node.
pub(super) type Before<N> = BTreeMap<N, BTreeSet<N>>;

/// The nodes such that each comes after all that must come before it; among those that could be next, the one with the
/// smallest `priority` is. Nodes on a circle, and those behind one, are left out.
pub(super) fn sorted<N: Ord + Clone, P: Ord>(before: &Before<N>, priority: impl Fn(&N) -> P) -> Vec<N> {
    let mut waiting: BTreeMap<&N, usize> = BTreeMap::new();
    let mut next: BTreeMap<&N, Vec<&N>> = BTreeMap::new();
    for (node, firsts) in before {
        let known: Vec<_> = firsts.iter().filter(|first| before.contains_key(first)).collect();
        waiting.insert(node, known.len());
        for first in known {
            next.entry(first).or_default().push(node);
        }
    }
    let mut ready: BTreeSet<(P, &N)> = waiting
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(node, _)| (priority(node), *node))
        .collect();
    let mut order = Vec::with_capacity(before.len());
    while let Some((_, node)) = ready.pop_first() {
        order.push(node.clone());
        for follower in next.get(node).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(follower) {
                *count -= 1;
                if *count == 0 {
                    ready.insert((priority(follower), follower));
                }
            }
        }
    }
    order
}

/// One circle for each group of nodes that need each other: the shortest through the group's smallest node, beginning with
/// that node, each followed by one that it needs.
pub(super) fn circles<N: Ord + Clone>(before: &Before<N>) -> Vec<Vec<N>> {
    let nodes: Vec<&N> = before.keys().collect();
    let place: BTreeMap<&N, usize> = nodes.iter().enumerate().map(|(at, node)| (*node, at)).collect();
    let mut graph: DiGraphMap<usize, ()> = DiGraphMap::new();
    for (node, firsts) in before {
        for first in firsts {
            if let (Some(from), Some(to)) = (place.get(node), place.get(first)) {
                graph.add_edge(*from, *to, ());
            }
        }
    }
    let mut circles: Vec<Vec<usize>> = tarjan_scc(&graph)
        .into_iter()
        .filter_map(|group| circle_within(&graph, &group))
        .collect();
    circles.sort();
    circles
        .into_iter()
        .map(|circle| {
            circle
                .into_iter()
                .filter_map(|at| nodes.get(at).copied().cloned())
                .collect()
        })
        .collect()
}

/// The shortest path from the smallest node of `group` back to it, which never leaves the group.
fn circle_within(graph: &DiGraphMap<usize, ()>, group: &[usize]) -> Option<Vec<usize>> {
    let start = *group.iter().min()?;
    if graph.contains_edge(start, start) {
        return Some(vec![start]);
    }
    if group.len() < 2 {
        return None;
    }
    let inside: BTreeSet<_> = group.iter().copied().collect();
    let mut best: Option<Vec<usize>> = None;
    let mut neighbours: Vec<_> = graph
        .neighbors(start)
        .filter(|next| inside.contains(next))
        .collect();
    neighbours.sort_unstable();
    for next in neighbours {
        let path = astar(graph, next, |node| node == start, |_| 1_u32, |_| 0).map(|(_, path)| path);
        if let Some(path) = path.filter(|path| best.as_ref().is_none_or(|best| path.len() < best.len())) {
            best = Some(path);
        }
    }
    // The path ends with `start`; a circle begins with it.
    best.map(|mut path| {
        path.pop();
        path.insert(0, start);
        path
    })
}

/// For each node of `order`, the nodes of `chosen` that are directly before it, or before it with only nodes outside
/// `chosen` between. `order` must be such that what comes first stands first.
pub(super) fn nearest<N: Ord + Clone>(
    order: &[N],
    before: &Before<N>,
    chosen: &BTreeSet<N>,
) -> BTreeMap<N, BTreeSet<N>> {
    let mut nearest: BTreeMap<N, BTreeSet<N>> = BTreeMap::new();
    for node in order {
        let mut found = BTreeSet::new();
        for first in before.get(node).into_iter().flatten() {
            if chosen.contains(first) {
                found.insert(first.clone());
            } else if let Some(through) = nearest.get(first) {
                found.extend(through.iter().cloned());
            }
        }
        nearest.insert(node.clone(), found);
    }
    nearest
}

/// The same graph read the other way: what needs each node.
pub(super) fn reversed<N: Ord + Clone>(before: &Before<N>) -> Before<N> {
    let mut needed_by: Before<N> = before
        .keys()
        .map(|node| (node.clone(), BTreeSet::new()))
        .collect();
    for (node, firsts) in before {
        for first in firsts {
            needed_by.entry(first.clone()).or_default().insert(node.clone());
        }
    }
    needed_by
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(edges: &[(&'static str, &[&'static str])]) -> Before<&'static str> {
        edges
            .iter()
            .map(|(node, firsts)| (*node, firsts.iter().copied().collect()))
            .collect()
    }

    #[test]
    fn what_is_needed_comes_first_and_ties_go_by_priority() {
        let graph = before(&[("a", &["c"]), ("b", &[]), ("c", &["elsewhere"]), ("d", &[])]);
        assert_eq!(sorted(&graph, |node| *node == "b"), ["c", "a", "d", "b"]);
    }

    #[test]
    fn nodes_behind_a_circle_are_left_out() {
        let graph = before(&[("a", &["b"]), ("b", &["a"]), ("c", &["a"]), ("d", &[])]);
        assert_eq!(sorted(&graph, |_| 0), ["d"]);
    }

    #[test]
    fn each_circle_is_given_once_and_by_its_shortest_way() {
        let graph = before(&[
            ("a", &["b"]),
            ("b", &["c", "a"]),
            ("c", &["a"]),
            ("self", &["self"]),
            ("x", &["y"]),
            ("y", &["x"]),
            ("z", &["x"]),
        ]);
        assert_eq!(circles(&graph), [vec!["a", "b"], vec!["self"], vec!["x", "y"]]);
    }

    #[test]
    fn nearest_looks_through_nodes_that_are_not_chosen() {
        let graph = before(&[("a", &[]), ("b", &["a"]), ("c", &["b"]), ("d", &["c", "b"])]);
        let near = nearest(&["a", "b", "c", "d"], &graph, &["a", "c"].into_iter().collect());
        assert_eq!(near["d"], ["a", "c"].into_iter().collect());
        assert_eq!(near["c"], ["a"].into_iter().collect());
    }
}
