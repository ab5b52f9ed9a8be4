//! A graph in the language of Graphviz.

use std::fmt::Write as _;

use super::blocks::{Block, Detail, blocks};
use super::layout::{note, row_text, second_line};
use super::text::clean;
use super::{Condition, Graph, kind_words};

/// The graph for `dot`, `neato` and their like.
pub fn dot(graph: &Graph, detail: Detail) -> String {
    let blocks = blocks(graph, detail);
    let mut text = String::new();
    let _ = writeln!(text, "digraph {} {{", quoted(&graph.title));
    let heading = format!("{}\n{}", graph.title, graph.summary());
    let _ = writeln!(
        text,
        "  graph [label={}, labelloc=t, rankdir=TB, newrank=true, fontname=\"sans-serif\"];",
        label(&heading, 'n')
    );
    text.push_str("  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\", fontsize=11, color=\"#6b7785\", fillcolor=\"#ffffff\"];\n");
    text.push_str("  edge [color=\"#6b7785\", arrowsize=0.7];\n");
    for block in &blocks.all {
        let id = block.id.to_string();
        let (fill, line) = colours(block.node.condition);
        let _ = writeln!(
            text,
            "  {} [label={}, tooltip={}, class=\"{}\", fillcolor=\"{fill}\", color=\"{line}\"];",
            quoted(&id),
            label(&written(block), 'l'),
            quoted(&tooltip(block)),
            block.node.condition
        );
    }
    for block in &blocks.all {
        let to = quoted(&block.id.to_string());
        for (needs, how) in [
            (&block.lines, ""),
            (&block.rails, " [color=\"#c3cad2\", class=\"rail\"]"),
            (
                &block.noted,
                " [color=\"#c3cad2\", style=dotted, constraint=false, class=\"after\"]",
            ),
        ] {
            for need in needs {
                let from = quoted(&blocks.all[*need].id.to_string());
                let _ = writeln!(text, "  {from} -> {to}{how};");
            }
        }
    }
    text.push_str("}\n");
    text
}

/// What stands in a box, line by line.
pub(super) fn written(block: &Block<'_>) -> String {
    let sign = |condition: Condition| match condition.sign() {
        "" => String::new(),
        sign => format!("{sign} "),
    };
    let mut lines = vec![
        format!("{}{}", sign(block.node.condition), block.id.name),
        second_line(block),
    ];
    lines.extend(
        (0..block.rows.len())
            .map(|at| format!("{}{}", sign(block.rows[at].1.condition), row_text(block, at))),
    );
    lines.extend(note(block));
    lines.join("\n")
}

fn tooltip(block: &Block<'_>) -> String {
    let kind = kind_words(block.id.kind.as_str());
    match &block.node.why {
        Some(why) => format!("{kind} {}: {why}", block.id.name),
        None => format!("{kind} {}", block.id.name),
    }
}

fn colours(condition: Condition) -> (&'static str, &'static str) {
    let colours = super::style::light(condition);
    (colours.fill, colours.line)
}

/// A quoted text. Graphviz knows no escape in it but that of the quote; a backslash is doubled for its escape sequences.
fn quoted(text: &str) -> String {
    format!("\"{}\"", clean(text).replace('\\', "\\\\").replace('"', "\\\""))
}

/// The same of several lines, each of them set to the left (`l`) or into the middle (`n`).
fn label(text: &str, set: char) -> String {
    let lines = text.split('\n').map(|line| {
        let quoted = quoted(line);
        quoted[1..quoted.len() - 1].to_owned()
    });
    let lines: Vec<String> = lines.collect();
    let end = if set == 'l' { "\\l" } else { "" };
    format!("\"{}{end}\"", lines.join(&format!("\\{set}")))
}
