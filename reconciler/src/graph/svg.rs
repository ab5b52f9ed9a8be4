//! A graph as SVG: one file with all that it needs, that follows the reader's light or dark, and that a page can keep up to date.
//!
//! A page finds a resource by [`element_id`] and changes its attribute `data-condition`, the text in its element `.sign` and its
//! `aria-label`; the style sheet does the rest, and nothing moves. Each box can be reached with the keyboard and says what it is.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use grail_state::ResourceId;

use super::blocks::{Block, Blocks, Detail, blocks};
use super::icon::icon;
use super::layout::{
    BESIDE_NAME, BESIDE_ROW, HEAD, Layout, NAME, ROW, Rail, Rect, SMALL, TITLE, lay_out, note, row_text,
    second_line,
};
use super::piece::Segment;
use super::style::sheet;
use super::text::{Font, xml};
use super::{Condition, Graph, Node};

/// The sign of a condition.
const SIGN: Font = Font { size: 12, bold: true };
/// How many names a note tells.
const TOLD: usize = 40;

/// The picture.
pub fn svg(graph: &Graph, detail: Detail) -> String {
    let blocks = blocks(graph, detail);
    let layout = lay_out(&blocks);
    let mut text = String::new();
    open(&mut text, graph, &layout);
    heading(&mut text, graph, layout.width);
    for rail in &layout.rails {
        draw_rail(&mut text, rail, &blocks);
    }
    text.push_str("<g class=\"lines\" aria-hidden=\"true\">\n");
    for segment in &layout.segments {
        draw_line(&mut text, segment);
    }
    text.push_str("</g>\n");
    for (block, place) in blocks.all.iter().zip(&layout.boxes) {
        draw_box(&mut text, block, &blocks, *place);
    }
    caption(&mut text, &layout);
    text.push_str("</svg>\n");
    text
}

/// The `id` of the element of a resource: `r-`, then its id with `__` for each `_` and `_` with two hexadecimal digits for each
/// byte that is no letter, digit, `-` or `.`; so no two resources share one.
pub fn element_id(id: &ResourceId) -> String {
    let mut text = String::from("r-");
    for byte in id.to_string().bytes() {
        match byte {
            b'_' => text.push_str("__"),
            b'-' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => text.push(char::from(byte)),
            other => _ = write!(text, "_{other:02X}"),
        }
    }
    text
}

fn open(text: &mut String, graph: &Graph, layout: &Layout) {
    let Layout { width, height, .. } = layout;
    let title = xml(&graph.title);
    let _ = write!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"grail-graph\" role=\"group\" \
         aria-labelledby=\"grail-title grail-desc\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n\
         <title id=\"grail-title\">{title}</title>\n<desc id=\"grail-desc\">{}</desc>\n<style>\n{}</style>\n\
         <defs><marker id=\"grail-tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path class=\"tip\" d=\"M0 .5L8 4L0 7.5z\"/></marker></defs>\n\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n",
        xml(&graph.summary()),
        sheet(),
    );
}

/// The title, and how many resources are in which condition.
fn heading(text: &mut String, graph: &Graph, width: i32) {
    let most = width - 48;
    let _ = writeln!(
        text,
        "<text class=\"title\" x=\"24\" y=\"38\">{}</text>",
        xml(&TITLE.fitted(&graph.title, most))
    );
    let counts = graph.counts();
    if counts
        .iter()
        .all(|(condition, _)| *condition == Condition::Unchanged)
    {
        let _ = writeln!(
            text,
            "<text class=\"small\" x=\"24\" y=\"60\">{}</text>",
            xml(&graph.summary())
        );
        return;
    }
    let said =
        |(condition, count): &(Condition, usize)| (*condition, format!("{count} {}", condition.words()));
    let whole: Vec<_> = counts.iter().map(said).collect();
    let chip = |(condition, said): &(Condition, String)| sign_width(*condition) + 6 + SMALL.width(said) + 16;
    let room_for_words = whole.iter().map(chip).sum::<i32>() <= most;
    let mut x = 24;
    for ((condition, count), (_, words)) in counts.iter().zip(&whole) {
        let said = if room_for_words {
            words.clone()
        } else {
            count.to_string()
        };
        let _ = write!(
            text,
            "<g data-condition=\"{condition}\"><title>{}</title>",
            xml(words)
        );
        let mut after = x;
        if *condition != Condition::Unchanged {
            badge(text, *condition, (x + sign_width(*condition), 46), 18);
            after += sign_width(*condition) + 6;
        }
        let _ = writeln!(
            text,
            "<text class=\"small\" x=\"{after}\" y=\"59\">{}</text></g>",
            xml(&said)
        );
        x = after + SMALL.width(&said) + 16;
    }
}

fn caption(text: &mut String, layout: &Layout) {
    let mut said = Vec::new();
    if !layout.segments.is_empty() {
        said.push("Arrows lead to what needs the thing they come from.");
    }
    if !layout.rails.is_empty() {
        said.push("Light lines: what many need.");
    }
    if !said.is_empty() {
        let _ = writeln!(
            text,
            "<text class=\"small\" x=\"24\" y=\"{}\">{}</text>",
            layout.height - 14,
            said.join(" ")
        );
    }
}

fn draw_rail(text: &mut String, rail: &Rail, blocks: &Blocks<'_>) {
    let Some((lowest, _)) = rail.lanes.last() else {
        return;
    };
    let (x, y) = rail.start;
    let mut path = format!("M{x} {y}V{}H{}V{lowest}", rail.first, rail.trunk);
    for (lane, branches) in &rail.lanes {
        if let Some((furthest, _)) = branches.last() {
            let _ = write!(path, "M{} {lane}H{furthest}", rail.trunk);
        }
        for (across, down) in branches {
            let _ = write!(path, "M{across} {lane}V{down}");
        }
    }
    let _ = writeln!(
        text,
        "<path class=\"rail\" d=\"{path}\"><title>{} is needed by these</title></path>",
        xml(&blocks.all[rail.hub].id.to_string())
    );
}

fn draw_line(text: &mut String, segment: &Segment) {
    let [(x, leaves), (_, below), (to, arrives)] = segment.points;
    let class = if segment.rail { "rail" } else { "line" };
    let tip = if segment.arrives && !segment.rail {
        " marker-end=\"url(#grail-tip)\""
    } else {
        ""
    };
    let middle = (below + arrives) / 2;
    let down = if leaves == below {
        String::new()
    } else {
        format!("V{below}")
    };
    let _ = writeln!(
        text,
        "<path class=\"{class}\"{tip} d=\"M{x} {leaves}{down}C{x} {middle} {to} {middle} {to} {arrives}\"/>"
    );
}

fn draw_box(text: &mut String, block: &Block<'_>, blocks: &Blocks<'_>, place: Rect) {
    let Rect { x, y, width, height } = place;
    let (id, condition) = (block.id, block.node.condition);
    let _ = write!(
        text,
        "<g class=\"node\" id=\"{}\" data-resource=\"{}\" data-condition=\"{condition}\" role=\"group\" tabindex=\"0\" \
         aria-label=\"{}\">\n<title>{}</title>\n",
        element_id(id),
        xml(&id.to_string()),
        xml(&told(id, block.node)),
        xml(&told(id, block.node)),
    );
    let drawing = icon(id.kind.as_str());
    let _ = write!(
        text,
        "<rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"7\"/>\n\
         <g class=\"tile\"><rect x=\"{}\" y=\"{}\" width=\"28\" height=\"28\" rx=\"5\" fill=\"{}\"/>\
         <path class=\"icon\" transform=\"translate({} {}) scale(1.25)\" d=\"{}\"/></g>\n",
        x + 9,
        y + 9,
        drawing.tile,
        x + 13,
        y + 13,
        drawing.path,
    );
    let _ = write!(
        text,
        "<text class=\"name\" x=\"{left}\" y=\"{}\">{}</text>\n<text class=\"small\" x=\"{left}\" y=\"{}\">{}</text>\n",
        y + 21,
        xml(&NAME.fitted(&id.name, width - BESIDE_NAME)),
        y + 37,
        xml(&SMALL.fitted(&second_line(block), width - BESIDE_NAME)),
        left = x + 46,
    );
    badge(text, condition, (x + width - 8, y - 9), 18);
    text.push('\n');
    if height > HEAD {
        let _ = writeln!(
            text,
            "<path class=\"rule\" d=\"M{} {}H{}\"/>",
            x + 9,
            y + HEAD,
            x + width - 9
        );
    }
    for at in 0..block.rows.len() {
        draw_row(text, block, at, place);
    }
    draw_note(text, block, blocks, place);
    text.push_str("</g>\n");
}

fn draw_row(text: &mut String, block: &Block<'_>, at: usize, place: Rect) {
    let (id, node) = block.rows[at];
    let y = row_top(place, at);
    let _ = write!(
        text,
        "<g class=\"row\" id=\"{}\" data-resource=\"{}\" data-condition=\"{}\" role=\"img\" aria-label=\"{}\"><title>{}</title>\
         <rect class=\"ground\" x=\"{}\" y=\"{y}\" width=\"{}\" height=\"{ROW}\" rx=\"4\"/>\
         <path class=\"icon\" transform=\"translate({} {}) scale(.8)\" d=\"{}\"/>\
         <text class=\"small\" x=\"{}\" y=\"{}\">{}</text>",
        element_id(id),
        xml(&id.to_string()),
        node.condition,
        xml(&told(id, node)),
        xml(&told(id, node)),
        place.x + 5,
        place.width - 10,
        place.x + 16,
        y + 3,
        icon(id.kind.as_str()).path,
        place.x + 36,
        y + 13,
        xml(&SMALL.fitted(&row_text(block, at), place.width - BESIDE_ROW)),
    );
    badge(text, node.condition, (place.x + place.width - 8, y + 2), 15);
    text.push_str("</g>\n");
}

fn draw_note(text: &mut String, block: &Block<'_>, blocks: &Blocks<'_>, place: Rect) {
    let Some(said) = note(block) else {
        return;
    };
    let y = row_top(place, block.rows.len());
    let _ = writeln!(
        text,
        "<g class=\"note\"><title>{}</title><text class=\"small\" x=\"{}\" y=\"{}\">{}</text></g>",
        xml(&names(&block.noted, blocks)),
        place.x + 36,
        y + 13,
        xml(&SMALL.fitted(&said, place.width - BESIDE_ROW)),
    );
}

fn row_top(place: Rect, at: usize) -> i32 {
    place.y + HEAD + 2 + i32::try_from(at).unwrap_or(0) * ROW
}

/// The names of boxes, as many as one can read.
fn names(of: &BTreeSet<usize>, blocks: &Blocks<'_>) -> String {
    let told: Vec<String> = of
        .iter()
        .take(TOLD)
        .map(|at| blocks.all[*at].id.to_string())
        .collect();
    match of.len().saturating_sub(TOLD) {
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}

/// The whole name, and what becomes of it.
fn told(id: &ResourceId, node: &Node) -> String {
    let mut told = id.to_string();
    if let Some(label) = &node.label {
        let _ = write!(told, " ({label})");
    }
    if node.condition != Condition::Unchanged {
        let _ = write!(told, ": {}", node.condition.words());
        if let Some(why) = &node.why {
            let _ = write!(told, ", {why}");
        }
    }
    told
}

fn sign_width(condition: Condition) -> i32 {
    match condition {
        Condition::Unchanged => 0,
        other => (SIGN.width(other.sign()) + 8).max(18),
    }
}

/// The sign, with its right upper corner at a place. Room for the widest is always there, so that a page can change it.
fn badge(text: &mut String, condition: Condition, (right, y): (i32, i32), height: i32) {
    let width = sign_width(condition).max(18);
    let _ = write!(
        text,
        "<g class=\"badge\" aria-hidden=\"true\"><rect x=\"{}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"4\"/>\
         <text class=\"sign\" x=\"{}\" y=\"{}\">{}</text></g>",
        right - width,
        right - width / 2,
        y + height - 5 + (height - 15) / 3,
        xml(condition.sign()),
    );
}
