//! The layout of one connected piece: layers, the order within each, and the places.
//!
//! A line over several layers bends at a place of its own in each; the lines to one box share these places, so that many become
//! one. Which layer a box is in says [`layers`], in which order they stand [`order`], and how far apart [`fit`].

use std::collections::{BTreeMap, BTreeSet};

mod fit;
mod layers;
mod order;

use layers::layers;

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
