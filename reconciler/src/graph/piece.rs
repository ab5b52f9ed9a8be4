//! The layout of one connected piece: layers, the order within each, and the places.
//!
//! Layers are those of the longest path, with at most [`WIDEST`] boxes each (what does not fit moves down, as Coffman and Graham
//! do it). A line over several layers bends at a place of its own in each; the lines to one box share these places, so that many
//! become one. The order within layers is improved by barycentres, for a fixed number of sweeps; places are the ones closest to
//! the middle of the neighbours that keep the distances (a least-squares fit by pooling neighbours that push each other).

use std::collections::{BTreeMap, BTreeSet};

/// The most boxes beside each other.
const WIDEST: usize = 6;
/// How often the order is swept.
const SWEEPS: usize = 8;
/// How often the places are fitted.
const FITS: usize = 6;
/// Between two boxes.
pub(super) const GAP: i32 = 24;
/// Between two layers.
const BETWEEN: i32 = 46;
/// Between a line and what is beside it.
const BESIDE: i32 = 14;

/// What is to be laid out: boxes by number, with their sizes.
pub(super) struct Boxes<'a> {
    /// The size of each box of the picture.
    pub(super) sizes: &'a [(i32, i32)],
    /// From which boxes lines lead to each.
    pub(super) lines: &'a [BTreeSet<usize>],
    /// Whose rails have a branch to each.
    pub(super) rails: &'a [BTreeSet<usize>],
}

/// What has a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    /// A box.
    Block(usize),
    /// Where the branch of a rail comes in that leads to a lower layer.
    Port(usize),
    /// Where a line goes through a layer.
    Bend,
}

/// A line from one layer to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// From top to bottom: where it leaves, where it leaves the layer, where it arrives.
    pub(super) points: [(i32, i32); 3],
    /// It is part of a rail.
    pub(super) rail: bool,
    /// It ends at a box.
    pub(super) arrives: bool,
}

/// A laid-out piece; its corner is at (0, 0).
pub(super) struct Piece {
    /// Its size.
    pub(super) size: (i32, i32),
    /// The corner of each box.
    pub(super) corners: BTreeMap<usize, (i32, i32)>,
    /// The lines.
    pub(super) segments: Vec<Segment>,
    /// Where branches of rails come in from above: at which place, of which box's rail.
    pub(super) ports: Vec<(i32, usize)>,
    /// The boxes that each drawn edge connects, with its segments from top to bottom.
    pub(super) links: BTreeMap<(usize, usize), Vec<usize>>,
}

/// Lays out the boxes of one piece. `members` come in an order in which each is behind what it needs.
pub(super) fn lay_out(boxes: &Boxes<'_>, members: &[usize]) -> Piece {
    let mut net = Net::of(boxes, members);
    net.improve();
    let middles = net.places(boxes);
    net.draw(boxes, &middles)
}

/// Items in layers, with lines from each layer to the next.
struct Net {
    items: Vec<Item>,
    layers: Vec<Vec<usize>>,
    layer: Vec<usize>,
    above: Vec<Vec<usize>>,
    below: Vec<Vec<usize>>,
    /// The lines between items, in the order in which they came up, and whether each is part of a rail.
    steps: BTreeMap<(usize, usize), bool>,
    /// Each edge as the items that it goes through.
    routes: BTreeMap<(usize, usize), Vec<usize>>,
}

impl Net {
    fn of(boxes: &Boxes<'_>, members: &[usize]) -> Self {
        let layer_of = layers(boxes, members);
        let mut net = Self {
            items: Vec::new(),
            layers: Vec::new(),
            layer: Vec::new(),
            above: Vec::new(),
            below: Vec::new(),
            steps: BTreeMap::new(),
            routes: BTreeMap::new(),
        };
        let mut item_of = BTreeMap::new();
        for member in members {
            item_of.insert(*member, net.add(Item::Block(*member), layer_of[member]));
        }
        for member in members {
            let to = item_of[member];
            let mut bends = BTreeMap::new();
            for need in &boxes.lines[*member] {
                net.connect((*need, *member), (item_of[need], to), &mut bends, false);
            }
            if layer_of[member] > 0 {
                for hub in &boxes.rails[*member] {
                    let port = net.add(Item::Port(*hub), 0);
                    net.connect((*hub, *member), (port, to), &mut BTreeMap::new(), true);
                }
            }
        }
        net
    }

    fn add(&mut self, item: Item, layer: usize) -> usize {
        let at = self.items.len();
        self.items.push(item);
        self.layer.push(layer);
        self.above.push(Vec::new());
        self.below.push(Vec::new());
        if self.layers.len() <= layer {
            self.layers.resize(layer + 1, Vec::new());
        }
        self.layers[layer].push(at);
        at
    }

    /// Draws a line through the bends that lines to the same box share.
    fn connect(
        &mut self,
        edge: (usize, usize),
        (from, to): (usize, usize),
        bends: &mut BTreeMap<usize, usize>,
        rail: bool,
    ) {
        let mut route = vec![from];
        for layer in self.layer[from] + 1..self.layer[to] {
            let bend = match bends.get(&layer) {
                Some(bend) => *bend,
                None => self.add(Item::Bend, layer),
            };
            bends.insert(layer, bend);
            route.push(bend);
        }
        route.push(to);
        for pair in route.windows(2) {
            let step = (pair[0], pair[1]);
            if self.steps.insert(step, rail).is_none() {
                self.below[step.0].push(step.1);
                self.above[step.1].push(step.0);
            }
        }
        self.routes.insert(edge, route);
    }

    /// Makes crossings fewer.
    fn improve(&mut self) {
        let mut best = (self.crossings(), self.layers.clone());
        for sweep in 0..SWEEPS {
            if best.0 == 0 {
                break;
            }
            let down = sweep % 2 == 0;
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
        // Half places, so that a mean of whole numbers is compared without fractions that differ between machines.
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

    fn width(&self, boxes: &Boxes<'_>, item: usize) -> i32 {
        match self.items[item] {
            Item::Block(block) => boxes.sizes[block].0,
            Item::Port(_) | Item::Bend => 2,
        }
    }

    fn height(&self, boxes: &Boxes<'_>, item: usize) -> i32 {
        match self.items[item] {
            Item::Block(block) => boxes.sizes[block].1,
            Item::Port(_) | Item::Bend => 0,
        }
    }

    /// How far the middles of two neighbours must be apart.
    fn apart(&self, boxes: &Boxes<'_>, left: usize, right: usize) -> i32 {
        let is_box = |item: usize| matches!(self.items[item], Item::Block(_));
        let gap = if is_box(left) && is_box(right) {
            GAP
        } else {
            BESIDE
        };
        (self.width(boxes, left) + self.width(boxes, right)) / 2 + gap
    }

    /// The middle of each item.
    fn places(&self, boxes: &Boxes<'_>) -> Vec<i32> {
        let mut middle = vec![0.0_f64; self.items.len()];
        for layer in &self.layers {
            let mut x = 0.0;
            for (at, item) in layer.iter().enumerate() {
                if at > 0 {
                    x += f64::from(self.apart(boxes, layer[at - 1], *item));
                }
                middle[*item] = x;
            }
        }
        for fit in 0..FITS {
            let count = self.layers.len();
            for step in 0..count {
                let layer = if fit % 2 == 0 { step } else { count - 1 - step };
                self.fit(boxes, layer, fit, &mut middle);
            }
        }
        self.rounded(boxes, &middle)
    }

    /// Brings one layer to the middle of its neighbours: above, below, and at last on both sides.
    fn fit(&self, boxes: &Boxes<'_>, layer: usize, fit: usize, middle: &mut [f64]) {
        let items = &self.layers[layer];
        let wish = |item: usize| {
            let (above, below) = (&self.above[item], &self.below[item]);
            let near: Vec<usize> = match fit {
                _ if fit + 2 >= FITS => above.iter().chain(below).copied().collect(),
                _ if fit % 2 == 0 => above.clone(),
                _ => below.clone(),
            };
            if near.is_empty() {
                return middle[item];
            }
            let sum: f64 = near.iter().map(|one| middle[*one]).sum();
            // At most as many as there are boxes: exact.
            sum / f64::from(u32::try_from(near.len()).unwrap_or(u32::MAX))
        };
        let wishes: Vec<f64> = items.iter().map(|item| wish(*item)).collect();
        let mut offsets = vec![0.0];
        for pair in items.windows(2) {
            let last = offsets[offsets.len() - 1];
            offsets.push(last + f64::from(self.apart(boxes, pair[0], pair[1])));
        }
        let free: Vec<f64> = wishes
            .iter()
            .zip(&offsets)
            .map(|(wish, offset)| wish - offset)
            .collect();
        for ((item, place), offset) in items.iter().zip(ascending(&free)).zip(&offsets) {
            middle[*item] = place + offset;
        }
    }

    /// Whole pixels, with the distances kept, and nothing left of 0.
    fn rounded(&self, boxes: &Boxes<'_>, middle: &[f64]) -> Vec<i32> {
        let left_of = |item: usize| middle[item] - f64::from(self.width(boxes, item)) / 2.0;
        let left = (0..self.items.len()).map(left_of).fold(f64::INFINITY, f64::min);
        let mut whole = vec![0; self.items.len()];
        for layer in &self.layers {
            for (at, item) in layer.iter().enumerate() {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "places are within some hundred thousand pixels"
                )]
                let wished = (middle[*item] - left).round() as i32;
                let least = match at {
                    0 => (self.width(boxes, *item) + 1) / 2,
                    _ => whole[layer[at - 1]] + self.apart(boxes, layer[at - 1], *item),
                };
                whole[*item] = wished.max(least);
            }
        }
        whole
    }

    fn draw(&self, boxes: &Boxes<'_>, middles: &[i32]) -> Piece {
        let tallest = |layer: &Vec<usize>| {
            layer
                .iter()
                .map(|item| self.height(boxes, *item))
                .max()
                .unwrap_or(0)
        };
        let mut bands = Vec::new();
        let mut y = 0;
        for layer in &self.layers {
            let bottom = y + tallest(layer);
            bands.push((y, bottom));
            y = bottom + BETWEEN;
        }
        let mut piece = Piece {
            size: (0, bands.last().map_or(0, |(_, bottom)| *bottom)),
            corners: BTreeMap::new(),
            segments: Vec::new(),
            ports: Vec::new(),
            links: BTreeMap::new(),
        };
        for (at, item) in self.items.iter().enumerate() {
            let width = self.width(boxes, at);
            let left = middles[at] - width / 2;
            piece.size.0 = piece.size.0.max(left + width);
            match item {
                Item::Block(block) => _ = piece.corners.insert(*block, (left, bands[self.layer[at]].0)),
                Item::Port(hub) => piece.ports.push((middles[at], *hub)),
                Item::Bend => {}
            }
        }
        let mut number = BTreeMap::new();
        for (step, rail) in &self.steps {
            number.insert(*step, piece.segments.len());
            piece
                .segments
                .push(self.segment(boxes, middles, &bands, *step, *rail));
        }
        for (edge, route) in &self.routes {
            let segments = route.windows(2).map(|pair| number[&(pair[0], pair[1])]);
            piece.links.insert(*edge, segments.collect());
        }
        piece
    }

    fn segment(
        &self,
        boxes: &Boxes<'_>,
        middles: &[i32],
        bands: &[(i32, i32)],
        (from, to): (usize, usize),
        rail: bool,
    ) -> Segment {
        let (upper, lower) = (bands[self.layer[from]], bands[self.layer[to]]);
        let leaves = upper.0 + self.height(boxes, from);
        Segment {
            points: [
                (middles[from], leaves),
                (middles[from], upper.1),
                (middles[to], lower.0),
            ],
            rail,
            arrives: self.items[to] != Item::Bend,
        }
    }
}

/// The layer of each member.
fn layers(boxes: &Boxes<'_>, members: &[usize]) -> BTreeMap<usize, usize> {
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

/// The ascending numbers that are closest to these, by squares.
fn ascending(numbers: &[f64]) -> Vec<f64> {
    let mut pools: Vec<(f64, u32)> = Vec::new();
    for number in numbers {
        pools.push((*number, 1));
        while let [.., (before, many), (last, few)] = pools.as_slice() {
            if before <= last {
                break;
            }
            let count = many + few;
            let mean = (before * f64::from(*many) + last * f64::from(*few)) / f64::from(count);
            pools.truncate(pools.len() - 2);
            pools.push((mean, count));
        }
    }
    let spread = |(mean, count): (f64, u32)| (0..count).map(move |_| mean);
    pools.into_iter().flat_map(spread).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_that_push_each_other_meet_in_the_middle() {
        assert_eq!(ascending(&[1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]);
        assert_eq!(ascending(&[3.0, 1.0, 5.0, 4.0]), [2.0, 2.0, 4.5, 4.5]);
    }

    #[test]
    fn pairs_in_the_wrong_order_are_counted() {
        assert_eq!(inversions(&[0, 1, 2], 3), 0);
        assert_eq!(inversions(&[2, 1, 0], 3), 3);
        assert_eq!(inversions(&[1, 1, 0], 2), 2);
    }
}
