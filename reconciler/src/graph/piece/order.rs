//! In which order: crossings are made fewer by barycentres, in a fixed number of sweeps, and the best order is kept.

use std::collections::BTreeMap;

use super::Net;

/// How often the order is swept.
const SWEEPS: usize = 8;

impl Net {
    /// Makes crossings fewer.
    pub(super) fn improve(&mut self) {
        let mut best = (self.crossings(), self.layers.clone());
        for sweep in 0..SWEEPS {
            if best.0 == 0 {
                break;
            }
            let down = sweep.is_multiple_of(2);
            let count = self.layers.len();
            for step in 1..count {
                let layer = if down { step } else { count - 1 - step };
                self.reorder(layer, down);
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.layers.clone());
            }
        }
        self.layers = best.1;
    }

    fn reorder(&mut self, layer: usize, down: bool) {
        let fixed = if down { layer - 1 } else { layer + 1 };
        let place = places_in(&self.layers[fixed]);
        let neighbours = if down { &self.above } else { &self.below };
        // In thousandths of a place, so that means are whole numbers.
        let wish = |at: usize, item: usize| {
            let sum: usize = neighbours[item].iter().filter_map(|one| place.get(one)).sum();
            match neighbours[item].len() {
                0 => (at * 1000, at),
                some => (sum * 1000 / some, at),
            }
        };
        let mut order: Vec<_> = self.layers[layer]
            .iter()
            .enumerate()
            .map(|(at, item)| (wish(at, *item), *item))
            .collect();
        order.sort();
        self.layers[layer] = order.into_iter().map(|(_, item)| item).collect();
    }

    fn crossings(&self) -> usize {
        let of_layer = |pair: &[Vec<usize>]| {
            let lower = places_in(&pair[1]);
            let mut ends = Vec::new();
            for item in &pair[0] {
                let mut reached: Vec<usize> = self.below[*item]
                    .iter()
                    .filter_map(|one| lower.get(one).copied())
                    .collect();
                reached.sort_unstable();
                ends.extend(reached);
            }
            inversions(&ends, pair[1].len())
        };
        self.layers.windows(2).map(of_layer).sum()
    }
}

fn places_in(layer: &[usize]) -> BTreeMap<usize, usize> {
    layer.iter().enumerate().map(|(at, item)| (*item, at)).collect()
}

/// How many pairs stand in the wrong order, among numbers below `size`.
fn inversions(numbers: &[usize], size: usize) -> usize {
    let mut tree = vec![0_usize; size + 1];
    let mut found = 0;
    for (seen, number) in numbers.iter().enumerate() {
        let mut not_larger = 0;
        let mut at = number + 1;
        while at > 0 {
            not_larger += tree[at];
            at &= at - 1;
        }
        found += seen - not_larger;
        let mut at = number + 1;
        while at <= size {
            tree[at] += 1;
            at += at & at.wrapping_neg();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_in_the_wrong_order_are_counted() {
        assert_eq!(inversions(&[0, 1, 2], 3), 0);
        assert_eq!(inversions(&[2, 1, 0], 3), 3);
        assert_eq!(inversions(&[1, 1, 0], 2), 2);
    }
}
