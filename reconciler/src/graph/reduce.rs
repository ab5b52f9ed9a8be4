//! Edges that say nothing new are not drawn: the transitive reduction, on nodes that are numbers.

use std::collections::BTreeSet;

/// What each node needs.
pub(super) type Needs = Vec<BTreeSet<usize>>;

/// The nodes, each behind all that it needs; among those that could be next, the smallest comes first. Where nodes need each
/// other in a circle, which no plan has, the smallest on one gives up those of its needs that need it.
pub(super) fn sorted(needs: &mut Needs) -> Vec<usize> {
    let dependents = dependents(needs);
    let mut waiting: Vec<usize> = needs.iter().map(BTreeSet::len).collect();
    let mut ready: BTreeSet<usize> = (0..needs.len()).filter(|node| waiting[*node] == 0).collect();
    let mut left: BTreeSet<usize> = (0..needs.len()).collect();
    let mut order = Vec::with_capacity(needs.len());
    while !left.is_empty() {
        let Some(node) = ready.pop_first() else {
            let Some((node, cut)) = circle(needs, &left) else {
                break;
            };
            needs[node].retain(|need| !cut.contains(need));
            waiting[node] -= cut.len();
            if waiting[node] == 0 {
                ready.insert(node);
            }
            continue;
        };
        left.remove(&node);
        order.push(node);
        for dependent in dependents[node].iter().copied() {
            if needs[dependent].contains(&node) {
                waiting[dependent] -= 1;
                if waiting[dependent] == 0 {
                    ready.insert(dependent);
                }
            }
        }
    }
    order
}

/// The smallest of these nodes that is on a circle, and those of its needs that need it.
fn circle(needs: &Needs, left: &BTreeSet<usize>) -> Option<(usize, BTreeSet<usize>)> {
    let on_one = |node: &usize| {
        let back = needs[*node]
            .iter()
            .copied()
            .filter(|need| reaches(needs, *need, *node));
        let back: BTreeSet<usize> = back.collect();
        (!back.is_empty()).then_some((*node, back))
    };
    left.iter().find_map(on_one)
}

/// Who needs each node.
pub(super) fn dependents(needs: &Needs) -> Vec<Vec<usize>> {
    let mut dependents = vec![Vec::new(); needs.len()];
    for (node, firsts) in needs.iter().enumerate() {
        for first in firsts {
            dependents[*first].push(node);
        }
    }
    dependents
}

/// True if `from` needs `to`, over whatever others.
pub(super) fn reaches(needs: &Needs, from: usize, to: usize) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut next = vec![from];
    while let Some(node) = next.pop() {
        if node == to {
            return true;
        }
        next.extend(needs[node].iter().copied().filter(|need| seen.insert(*need)));
    }
    false
}

/// The same without what follows: a need that another need has, over whatever others. `order` is that of [`sorted`].
pub(super) fn reduced(needs: &Needs, order: &[usize]) -> Needs {
    let mut place = vec![0; needs.len()];
    for (at, node) in order.iter().enumerate() {
        place[*node] = at;
    }
    let mut behind: Vec<Bits> = vec![Bits::new(needs.len()); needs.len()];
    let mut kept = vec![BTreeSet::new(); needs.len()];
    for node in order {
        let mut all = Bits::new(needs.len());
        let mut latest_first: Vec<usize> = needs[*node].iter().copied().collect();
        latest_first.sort_by_key(|need| std::cmp::Reverse(place[*need]));
        for need in latest_first {
            if !all.has(need) {
                kept[*node].insert(need);
                all.add(need);
                all.join(&behind[need]);
            }
        }
        behind[*node] = all;
    }
    kept
}

/// A set of small numbers.
#[derive(Clone)]
struct Bits(Vec<u64>);

impl Bits {
    fn new(size: usize) -> Self {
        Self(vec![0; size.div_ceil(64)])
    }

    fn has(&self, at: usize) -> bool {
        self.0[at / 64] & (1 << (at % 64)) != 0
    }

    fn add(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn join(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine |= theirs;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(of: &[&[usize]]) -> Needs {
        of.iter().map(|firsts| firsts.iter().copied().collect()).collect()
    }

    #[test]
    fn what_follows_from_other_edges_is_left_out() {
        let mut all = needs(&[&[], &[0], &[0, 1], &[0, 1, 2], &[0]]);
        let order = sorted(&mut all);
        assert_eq!(order, [0, 1, 2, 3, 4]);
        assert_eq!(reduced(&all, &order), needs(&[&[], &[0], &[1], &[2], &[0]]));
    }

    #[test]
    fn a_circle_is_cut_where_it_begins() {
        let mut all = needs(&[&[2], &[0], &[1], &[3, 0]]);
        // Node 3 needs itself.
        assert_eq!(sorted(&mut all), [0, 1, 2, 3]);
        assert_eq!(all, needs(&[&[], &[0], &[1], &[0]]));
        // Node 0 is behind a circle and on none.
        let mut all = needs(&[&[1], &[2], &[1]]);
        assert_eq!(sorted(&mut all), [1, 0, 2]);
        assert_eq!(all, needs(&[&[1], &[], &[1]]));
        assert!(reaches(&all, 2, 1) && !reaches(&all, 1, 2));
    }
}
