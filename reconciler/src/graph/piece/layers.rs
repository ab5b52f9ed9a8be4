//! Which layer: that of the longest path, with at most [`WIDEST`] boxes in each (what does not fit moves down, as Coffman and Graham
//! do it).

use std::collections::BTreeMap;

use super::Boxes;

/// The most boxes beside each other.
const WIDEST: usize = 6;

/// The layer of each member.
pub(super) fn layers(boxes: &Boxes<'_>, members: &[usize]) -> BTreeMap<usize, usize> {
    let mut layer: BTreeMap<usize, usize> = BTreeMap::new();
    let mut taken: Vec<usize> = Vec::new();
    let mut dependents: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for member in members {
        let needs = &boxes.lines[*member];
        let mut at = needs.iter().map(|need| layer[need] + 1).max().unwrap_or(0);
        while taken.get(at).is_some_and(|count| *count >= WIDEST) {
            at += 1;
        }
        if taken.len() <= at {
            taken.resize(at + 1, 0);
        }
        taken[at] += 1;
        layer.insert(*member, at);
        needs
            .iter()
            .for_each(|need| dependents.entry(*need).or_default().push(*member));
    }
    // What needs nothing and is needed late goes down to where it is needed: that is one short line for a long one.
    for member in members
        .iter()
        .rev()
        .filter(|member| boxes.lines[**member].is_empty())
    {
        let Some(first) = dependents
            .get(member)
            .and_then(|all| all.iter().map(|one| layer[one]).min())
        else {
            continue;
        };
        let now = layer[member];
        let better = (now + 1..first).rev().find(|at| taken[*at] < WIDEST);
        if let Some(better) = better.filter(|_| boxes.rails[*member].is_empty()) {
            taken[now] -= 1;
            taken[better] += 1;
            layer.insert(*member, better);
        }
    }
    layer
}
