//! Where everything is: pieces beside each other on shelves, below what all of them need, with its rails between the shelves.
//!
//! A stage falls into pieces once the rails are taken out: an API with its functions, a bucket with its two, and many functions
//! that stand alone. Pieces are put on shelves, the tallest first, each on the first shelf with room for it, so that the picture is
//! about as wide as a screen and its neighbours are of one size. The rails come down at the left and branch above each shelf.

use std::collections::{BTreeMap, BTreeSet};

use super::blocks::{Block, Blocks};
use super::kind_words;
use super::piece::{self, Boxes, GAP, Piece, Segment};
use super::text::Font;

/// The name of a resource.
pub(super) const NAME: Font = Font { size: 13, bold: true };
/// What stands below it.
pub(super) const SMALL: Font = Font {
    size: 11,
    bold: false,
};
/// The heading.
pub(super) const TITLE: Font = Font { size: 18, bold: true };
/// The height of the part of a box with its name.
pub(super) const HEAD: i32 = 46;
/// The height of a row.
pub(super) const ROW: i32 = 19;
/// What is left free of a box's width beside its name and the line below: icon and margins. The sign is set on the border.
pub(super) const BESIDE_NAME: i32 = 56;
/// The same beside a row, with its sign.
pub(super) const BESIDE_ROW: i32 = 78;
/// Around everything.
const MARGIN: i32 = 24;
/// The height of the heading.
pub(super) const HEADING: i32 = 84;
/// Between two rails beside each other.
const BETWEEN_RAILS: i32 = 9;
/// Between shelves, beside what the rails take.
const BETWEEN_SHELVES: i32 = 34;
/// The narrowest and the widest box.
const WIDTHS: (i32, i32) = (190, 264);
/// How many times wider than high a picture is meant to be, in tenths.
const SHAPE: i64 = 11;
/// Below everything, for a line of explanation.
const BELOW: i32 = 16;
/// No picture is narrower: its heading needs the room.
pub(super) const NARROWEST: i32 = 660;

/// A picture without colours.
pub(super) struct Layout {
    /// Its width.
    pub(super) width: i32,
    /// Its height.
    pub(super) height: i32,
    /// The places of the boxes, by their number.
    pub(super) boxes: Vec<Rect>,
    /// The lines.
    pub(super) segments: Vec<Segment>,
    /// The lines of each edge, from top to bottom.
    pub(super) links: BTreeMap<(usize, usize), Vec<usize>>,
    /// The rails.
    pub(super) rails: Vec<Rail>,
}

/// A place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rect {
    /// Its left side.
    pub(super) x: i32,
    /// Its upper side.
    pub(super) y: i32,
    /// Its width.
    pub(super) width: i32,
    /// Its height.
    pub(super) height: i32,
}

/// What leads from one box to nearly all others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rail {
    /// The box.
    pub(super) hub: usize,
    /// Where it leaves the box.
    pub(super) start: (i32, i32),
    /// The lane just below the box.
    pub(super) first: i32,
    /// Where it goes down.
    pub(super) trunk: i32,
    /// Each lane with its branches: where each is, and how far down it reaches.
    pub(super) lanes: Vec<(i32, Vec<(i32, i32)>)>,
}

/// The text of the second line of a box.
pub(super) fn second_line(block: &Block<'_>) -> String {
    let kind = kind_words(block.id.kind.as_str());
    match &block.node.label {
        Some(label) if *label != block.id.name => format!("{kind} · {label}"),
        _ => kind,
    }
}

/// The text of a row: what it is, and what in its name does not say that again.
pub(super) fn row_text(block: &Block<'_>, at: usize) -> String {
    let (id, _) = block.rows[at];
    let kind = kind_words(id.kind.as_str());
    let rest = id.name.strip_prefix(block.id.name.as_str()).unwrap_or(&id.name);
    let said: BTreeSet<&str> = kind.split(' ').chain(id.kind.as_str().split('_')).collect();
    let words: Vec<&str> = rest
        .split(['-', '_', '/'])
        .filter(|word| !word.is_empty() && !said.contains(word))
        .collect();
    match words.as_slice() {
        [] => kind,
        words => format!("{kind} · {}", words.join(" ")),
    }
}

/// The text of the note, where there is one.
pub(super) fn note(block: &Block<'_>) -> Option<String> {
    let count = block.noted.len();
    (count > 0).then(|| match block.lines.is_empty() {
        true => format!("after {count} others"),
        false => format!("after {count} more"),
    })
}

/// Lays out the boxes.
pub(super) fn lay_out(blocks: &Blocks<'_>) -> Layout {
    let width = box_width(blocks);
    let sizes: Vec<(i32, i32)> = blocks
        .all
        .iter()
        .map(|block| (width, box_height(block)))
        .collect();
    let lines: Vec<BTreeSet<usize>> = blocks.all.iter().map(|block| block.lines.clone()).collect();
    let rails: Vec<BTreeSet<usize>> = blocks.all.iter().map(|block| block.rails.clone()).collect();
    let boxes = Boxes {
        sizes: &sizes,
        lines: &lines,
        rails: &rails,
    };
    let members = pieces(&lines, &blocks.hubs);
    let pieces: Vec<(Vec<usize>, Piece)> = members
        .into_iter()
        .map(|members| {
            let piece = piece::lay_out(&boxes, &members);
            (members, piece)
        })
        .collect();
    let left = MARGIN
        + i32::try_from(blocks.hubs.len()).unwrap_or(0) * BETWEEN_RAILS
        + if blocks.hubs.is_empty() { 0 } else { 10 };
    let mut sheet = Sheet {
        layout: Layout {
            width: 0,
            height: HEADING,
            boxes: vec![Rect::default(); blocks.all.len()],
            segments: Vec::new(),
            links: BTreeMap::new(),
            rails: Vec::new(),
        },
        sizes: &sizes,
        rails: &rails,
        left,
    };
    let room = room(&pieces, &blocks.hubs, &sizes, width);
    sheet.hubs(&blocks.hubs, room);
    for shelf in shelves(&pieces, room) {
        sheet.shelf(shelf.into_iter().map(|at| &pieces[at]));
    }
    sheet.layout.width = (sheet.layout.width + MARGIN).max(NARROWEST);
    sheet.layout.height += MARGIN + BELOW;
    sheet.layout
}

/// One width for all boxes, so that they stand in columns.
fn box_width(blocks: &Blocks<'_>) -> i32 {
    let widest = |block: &Block<'_>| {
        let name = NAME.width(&block.id.name) + BESIDE_NAME;
        let second = SMALL.width(&second_line(block)) + BESIDE_NAME;
        let rows = (0..block.rows.len()).map(|at| SMALL.width(&row_text(block, at)) + BESIDE_ROW);
        rows.fold(name.max(second), i32::max)
    };
    let widest = blocks.all.iter().map(widest).max().unwrap_or(0);
    // Even, so that its middle is a whole pixel.
    widest.clamp(WIDTHS.0, WIDTHS.1) / 2 * 2
}

fn box_height(block: &Block<'_>) -> i32 {
    let rows = block.rows.len() + usize::from(!block.noted.is_empty());
    match i32::try_from(rows) {
        Ok(0) => HEAD,
        Ok(rows) => HEAD + rows * ROW + 5,
        Err(_) => i32::MAX / 4,
    }
}

/// The boxes that lines connect, without those that have rails; each piece in an order in which what is needed comes first.
fn pieces(lines: &[BTreeSet<usize>], hubs: &[usize]) -> Vec<Vec<usize>> {
    let mut root: Vec<usize> = (0..lines.len()).collect();
    fn find(root: &mut [usize], mut at: usize) -> usize {
        while root[at] != at {
            root[at] = root[root[at]];
            at = root[at];
        }
        at
    }
    for (at, needs) in lines.iter().enumerate() {
        for need in needs {
            let (one, other) = (find(&mut root, at), find(&mut root, *need));
            root[one.max(other)] = one.min(other);
        }
    }
    let mut needs = lines.to_vec();
    let order = super::reduce::sorted(&mut needs);
    let mut pieces: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for at in order.into_iter().filter(|at| !hubs.contains(at)) {
        pieces.entry(find(&mut root, at)).or_default().push(at);
    }
    pieces.into_values().collect()
}

/// How wide the shelves are: about as wide as the picture's shape asks for, and of three widths the one that leaves least empty.
fn room(pieces: &[(Vec<usize>, Piece)], hubs: &[usize], sizes: &[(i32, i32)], width: i32) -> i32 {
    let of_pieces = pieces.iter().map(|(_, piece)| piece.size);
    let all = of_pieces.chain(hubs.iter().map(|hub| sizes[*hub]));
    let area: i64 = all
        .map(|(width, height)| i64::from(width + GAP) * i64::from(height + BETWEEN_SHELVES))
        .sum();
    let column = i64::from(width + GAP);
    let wished = ((area * SHAPE / 10).isqrt() + column - 1) / column;
    let widest = pieces.iter().map(|(_, piece)| piece.size.0).max().unwrap_or(0);
    let rooms = (wished..wished + 3).map(|columns| {
        let wide = i32::try_from(columns * column).unwrap_or(i32::MAX / 4);
        (wide - GAP).max(widest)
    });
    let covered = |room: &i32| {
        let tallest = |shelf: &Vec<usize>| shelf.iter().map(|at| pieces[*at].1.size.1).max().unwrap_or(0);
        let shelves = shelves(pieces, *room);
        let height: i64 = shelves
            .iter()
            .map(|shelf| i64::from(tallest(shelf) + BETWEEN_SHELVES))
            .sum();
        (height * i64::from(*room), *room)
    };
    rooms.min_by_key(covered).unwrap_or(widest)
}

/// Which pieces stand on each shelf: those of several boxes first, then the tallest.
fn shelves(pieces: &[(Vec<usize>, Piece)], room: i32) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    order.sort_by_key(|at| {
        let (members, piece) = &pieces[*at];
        let alone = members.len() == 1;
        (alone, std::cmp::Reverse(piece.size.1), members.first().copied())
    });
    let mut shelves: Vec<(i32, i32, Vec<usize>)> = Vec::new();
    let mut open = 0;
    for at in order {
        let (width, height) = pieces[at].1.size;
        let fits = |(used, tall, _): &(i32, i32, Vec<usize>)| used + GAP + width <= room && height <= *tall;
        match shelves[open..].iter_mut().find(|shelf| fits(shelf)) {
            Some((used, _, on_it)) => {
                *used += GAP + width;
                on_it.push(at);
            }
            None => shelves.push((width, height, vec![at])),
        }
        // Shelves without room for any box stay as they are: a thousand of them need not be asked again.
        while shelves
            .get(open)
            .is_some_and(|(used, ..)| used + GAP + WIDTHS.0 > room)
        {
            open += 1;
        }
    }
    shelves.into_iter().map(|(_, _, on_it)| on_it).collect()
}

/// A picture that grows downwards.
struct Sheet<'a> {
    layout: Layout,
    sizes: &'a [(i32, i32)],
    rails: &'a [BTreeSet<usize>],
    left: i32,
}

impl Sheet<'_> {
    /// What all need comes first, each with the beginning of its rail.
    fn hubs(&mut self, hubs: &[usize], room: i32) {
        let mut from = 0;
        while from < hubs.len() {
            let (mut x, mut tall, mut to) = (self.left, 0, from);
            while to < hubs.len() && (to == from || x + self.sizes[hubs[to]].0 <= self.left + room) {
                let (width, height) = self.sizes[hubs[to]];
                self.layout.boxes[hubs[to]] = Rect {
                    x,
                    y: self.layout.height,
                    width,
                    height,
                };
                x += width + GAP;
                tall = tall.max(height);
                to += 1;
            }
            self.layout.width = self.layout.width.max(x - GAP);
            let mut lane = self.layout.height + tall + BETWEEN_RAILS + 3;
            for (number, hub) in hubs.iter().enumerate().take(to).skip(from) {
                let place = self.layout.boxes[*hub];
                self.layout.rails.push(Rail {
                    hub: *hub,
                    start: (place.x + place.width / 2, place.y + place.height),
                    first: lane,
                    trunk: MARGIN + i32::try_from(number).unwrap_or(0) * BETWEEN_RAILS,
                    lanes: Vec::new(),
                });
                lane += BETWEEN_RAILS;
            }
            self.layout.height = lane;
            from = to;
        }
    }

    fn shelf<'p>(&mut self, pieces: impl Iterator<Item = &'p (Vec<usize>, Piece)>) {
        let pieces: Vec<_> = pieces.collect();
        let of_boxes = pieces.iter().flat_map(|(members, _)| members.iter());
        let served: BTreeSet<usize> = of_boxes
            .flat_map(|member| self.rails[*member].iter().copied())
            .collect();
        let first_lane = self.layout.height + BETWEEN_SHELVES / 2;
        let mut lane_of = BTreeMap::new();
        let mut lane = first_lane;
        for rail in self.layout.rails.iter().filter(|rail| served.contains(&rail.hub)) {
            lane_of.insert(rail.hub, lane);
            lane += BETWEEN_RAILS;
        }
        let top = lane + BETWEEN_SHELVES / 2;
        let mut branches: BTreeMap<usize, Vec<(i32, i32)>> = BTreeMap::new();
        let (mut x, mut bottom) = (self.left, top);
        for (_, piece) in pieces {
            self.piece(piece, (x, top), &mut branches);
            x += piece.size.0 + GAP;
            bottom = bottom.max(top + piece.size.1);
        }
        for rail in &mut self.layout.rails {
            if let (Some(lane), Some(mut branches)) = (lane_of.get(&rail.hub), branches.remove(&rail.hub)) {
                branches.sort_unstable();
                rail.lanes.push((*lane, branches));
            }
        }
        self.layout.width = self.layout.width.max(x - GAP);
        self.layout.height = bottom;
    }

    fn piece(&mut self, piece: &Piece, (x, y): (i32, i32), branches: &mut BTreeMap<usize, Vec<(i32, i32)>>) {
        for (block, corner) in &piece.corners {
            let (width, height) = self.sizes[*block];
            let place = Rect {
                x: x + corner.0,
                y: y + corner.1,
                width,
                height,
            };
            self.layout.boxes[*block] = place;
            if corner.1 == 0 {
                // Branches of several rails come in beside each other.
                let count = i32::try_from(self.rails[*block].len()).unwrap_or(0);
                for (hub, at) in self.rails[*block].iter().zip(0..) {
                    let middle = place.x + width / 2 + (2 * at - count + 1) * BETWEEN_RAILS / 2;
                    branches.entry(*hub).or_default().push((middle, place.y));
                }
            }
        }
        for (port, hub) in &piece.ports {
            branches.entry(*hub).or_default().push((x + port, y));
        }
        let before = self.layout.segments.len();
        self.layout
            .segments
            .extend(piece.segments.iter().map(|segment| Segment {
                points: segment.points.map(|(across, down)| (x + across, y + down)),
                ..segment.clone()
            }));
        let shifted = |numbers: &Vec<usize>| numbers.iter().map(|number| number + before).collect();
        self.layout.links.extend(
            piece
                .links
                .iter()
                .map(|(edge, numbers)| (*edge, shifted(numbers))),
        );
    }
}
