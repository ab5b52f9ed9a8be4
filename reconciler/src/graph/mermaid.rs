//! A graph in the language of Mermaid, which GitHub and GitLab draw where it stands in a Markdown file.

use std::fmt::Write as _;

use super::blocks::{Detail, blocks};
use super::dot::written;
use super::text::clean;
use super::{Condition, Graph};

/// The graph as a flow chart.
pub fn mermaid(graph: &Graph, detail: Detail) -> String {
    let blocks = blocks(graph, detail);
    let mut text = String::from("flowchart TB\n");
    let _ = writeln!(text, "  accTitle: {}", plain(&graph.title));
    let _ = writeln!(text, "  accDescr: {}", plain(&graph.summary()));
    for (at, block) in blocks.all.iter().enumerate() {
        let lines: Vec<String> = written(block).split('\n').map(entities).collect();
        let _ = writeln!(
            text,
            "  n{at}[\"{}\"]:::{}",
            lines.join("<br/>"),
            class(block.node.condition)
        );
    }
    for (at, block) in blocks.all.iter().enumerate() {
        for (needs, arrow) in [
            (&block.lines, "-->"),
            (&block.rails, "-.->"),
            (&block.noted, "-.->"),
        ] {
            for need in needs {
                let _ = writeln!(text, "  n{need} {arrow} n{at}");
            }
        }
    }
    for (condition, _) in graph.counts() {
        let colours = super::style::light(condition);
        let _ = writeln!(
            text,
            "  classDef {} fill:{},stroke:{},color:#1c2733,text-align:left",
            class(condition),
            colours.fill,
            colours.line
        );
    }
    text
}

/// A name that is no word of Mermaid's own.
fn class(condition: Condition) -> String {
    format!("is-{condition}")
}

/// Letters, digits and some harmless signs as they are; all else by its number, as Mermaid wants it, so that nothing in a name is
/// taken for the end of a text, for Markdown or for a directive. A sign or digit at the beginning would make it a list.
fn entities(text: &str) -> String {
    let mut escaped = String::new();
    for (at, c) in clean(text).chars().enumerate() {
        let harmless = c.is_alphanumeric() || matches!(c, ' ' | '-' | '.' | '/' | '+' | '·' | '\u{fffd}');
        if harmless && (at > 0 || c.is_alphabetic()) {
            escaped.push(c);
        } else {
            let _ = write!(escaped, "#{};", u32::from(c));
        }
    }
    escaped
}

/// A text where Mermaid knows no escapes: of the signs only those that mean nothing.
fn plain(text: &str) -> String {
    let kept = |c: char| {
        if c.is_alphanumeric() || matches!(c, ' ' | '-' | '.' | ',' | ':') {
            c
        } else {
            '_'
        }
    };
    clean(text).chars().map(kept).collect()
}
