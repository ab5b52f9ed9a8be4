//! `grail fmt`: a manifest in its canonical form. Keys stand in one order, each level is indented by two blanks, the items of a
//! list by two more than its key, and between lines there is at most one blank one. Names that a person gives (of functions, of
//! variables) stay in the order in which they were written.
//!
//! What moves are whole lines, with the comments above them: nothing within a line is written anew, so quotes, flow collections
//! and blocks of text stay what they are. That way nothing can be lost but by a fault of this file, and against that the result
//! is read again before it is given out: it must hold the same values and the same lines, and formatting it must change nothing.
//! What fails of that is refused, as is what this does not understand (anchors, `? ` before a key).
//!
//! A comment belongs to the key below it, unless it is indented deeper: then to what stands above it. At the end of a block it
//! stays at its end, and the first lines of a file stay its first lines.

use saphyr_parser::{Event, Parser};
use serde_json::Value;

use super::form::Form;
use super::node::{Content, Node};
use super::parse::parse;
use super::shape::{pick, resolved};
use crate::source::diagnostic::{Place, Problem, Problems};

/// The order of keys. One that is not named follows, by the alphabet.
pub(super) const ORDER: &[&str] = &[
    "grail",
    "app",
    "include",
    "replaces",
    "name",
    "expression",
    "route",
    "event",
    "bucket",
    "key",
    "version",
    "topic",
    "queue",
    "stream",
    "api",
    "description",
    "defaults",
    "runtime",
    "handler",
    "code",
    "dir",
    "zip",
    "build",
    "python",
    "inline",
    "chalice",
    "s3",
    "image",
    "uri",
    "file",
    "files",
    "requirements",
    "outputs",
    "ignore",
    "role",
    "timeout",
    "memory",
    "ephemeral_storage",
    "architecture",
    "environment",
    "functions",
    "roles",
    "layers",
    "vpc",
    "dead_letter",
    "tracing",
    "reserved_concurrency",
    "provisioned_concurrency",
    "log_retention",
    "snap_start",
    "tags",
    "url",
    "events",
    "prefix",
    "suffix",
    "batch_size",
    "batching_window",
    "maximum_concurrency",
    "visibility_timeout",
    "starting_position",
    "stage",
    "endpoint",
    "openapi",
    "rest_apis",
    "http_apis",
    "websocket_apis",
    "domains",
    "buckets",
    "queues",
    "topics",
    "tables",
    "streams",
    "buses",
    "certificate",
    "tls",
    "mappings",
    "path",
    "trust",
    "statements",
    "policies",
    "boundary",
    "authorizer",
    "authorizers",
    "scopes",
    "cors",
    "enabled",
    "rule",
    "stages",
];

/// Where a key stands among its neighbours.
pub(super) fn rank(key: &str) -> (usize, &str) {
    let at = ORDER.iter().position(|known| *known == key);
    (at.unwrap_or(ORDER.len()), key)
}

/// The text of the YAML file `name` in its canonical form.
///
/// # Errors
/// What is wrong with it as YAML; what cannot be formatted without a risk for what it says.
pub fn format(name: &str, text: &str) -> Result<String, Problems> {
    let once = formatted(name, text)?;
    let again = formatted(name, &once)?;
    let refused = |why: &str| -> Problems {
        let said = format!("`{name}` cannot be formatted without a risk: {why}");
        let hint = "it stays as it is; please report it with the file";
        Problem::error("manifest::format", said)
            .hint(hint)
            .at(Place::file(name))
            .into()
    };
    let values = |text: &str| parse(name, text).map(|root| root.to_json()).map_err(Problems);
    if values(text)? != values(&once)? {
        return Err(refused("its values would not be the same"));
    }
    if lines_of(text) != lines_of(&once) {
        return Err(refused("a line would not be there any more"));
    }
    if again != once {
        return Err(refused("it would not be stable"));
    }
    Ok(once)
}

/// Everything that is written, line by line; dashes apart, since another key may come to stand behind one.
fn lines_of(text: &str) -> Vec<&str> {
    let lines = text
        .lines()
        .map(|line| line.trim().trim_start_matches("- ").trim_start());
    let mut lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    lines
}

fn formatted(name: &str, text: &str) -> Result<String, Problems> {
    let root = parse(name, text).map_err(Problems)?;
    if let Some(what) = strange(text) {
        let said = format!("`{name}` holds {what}, which are not formatted");
        return Err(Problem::error("manifest::format", said)
            .at(Place::file(name))
            .into());
    }
    let schema = Form::schema();
    let mut page = Page {
        lines: text.lines().collect(),
        inner: Vec::new(),
        schema: &schema,
    };
    page.inner = page.inner_lines(&root);
    let whole = page.lines.len();
    let Some(first) = page.block(&root) else {
        let said = "a manifest that stands within braces is not formatted";
        return Err(Problem::error("manifest::format", said)
            .at(root.at.place())
            .into());
    };
    let head = page.head(first);
    let split = page.split(head, whole, first.column, end_of(&root));
    let Some(blocks) = page.map(&root, head, split, Some(&schema)) else {
        let said = format!("`{name}` is written in a way that is not formatted");
        return Err(Problem::error("manifest::format", said)
            .at(root.at.place())
            .into());
    };
    let mut lines: Vec<String> = page.plain(0, head, 0);
    lines.extend(
        blocks
            .into_iter()
            .flat_map(|block| block.lead.into_iter().chain(block.body)),
    );
    lines.extend(page.plain(split, whole, first.column));
    Ok(tidy(&lines))
}

/// What of YAML is not formatted here.
fn strange(text: &str) -> Option<&'static str> {
    let anchored = |event: &Event<'_>| match event {
        Event::Alias(_) => true,
        Event::Scalar(_, _, anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
            *anchor != 0
        }
        _ => false,
    };
    let mut events = Parser::new_from_str(text).flatten();
    events.any(|(event, _)| anchored(&event)).then_some("anchors")
}

/// No blank line at the ends, and no two together; within a block of text they have no line of their own here.
fn tidy(lines: &[String]) -> String {
    let mut out = String::new();
    let mut blank = true;
    for line in lines {
        let is_blank = line.is_empty();
        if !(is_blank && blank) {
            out.push_str(if line.ends_with(BARE) {
                ""
            } else {
                line.trim_end_matches(KEPT)
            });
            out.push('\n');
        }
        blank = is_blank;
    }
    if blank && out.ends_with("\n\n") {
        out.pop();
    }
    out
}

/// Stands at the end of a line that must stay although it is blank: it is part of a text.
const KEPT: char = '\u{1}';
/// Such a line of which nothing is left.
const BARE: &str = "\u{1}\u{1}";

/// Where a block begins: the number of its line from 0, and how many blanks stand before it.
#[derive(Clone, Copy)]
struct Start {
    line: usize,
    column: usize,
}

/// Lines that belong together: comments, and what they are about. Indented from 0.
struct Block {
    lead: Vec<String>,
    body: Vec<String>,
}

struct Page<'a> {
    lines: Vec<&'a str>,
    /// Lines that begin within a text.
    inner: Vec<bool>,
    schema: &'a Value,
}

impl Page<'_> {
    fn inner_lines(&self, root: &Node) -> Vec<bool> {
        let mut inner = vec![false; self.lines.len()];
        root.visit(&mut Vec::new(), &mut |_, node| {
            if !matches!(node.content, Content::Map(_) | Content::List(_)) {
                let lines = inner.iter_mut().take(end_of(node) + 1).skip(node.at.line);
                lines.for_each(|line| *line = true);
            }
        });
        inner
    }

    fn line(&self, at: usize) -> &str {
        self.lines.get(at).copied().unwrap_or_default()
    }

    fn is_blank(&self, at: usize) -> bool {
        !self.inner.get(at).copied().unwrap_or_default() && self.line(at).trim().is_empty()
    }

    fn is_comment(&self, at: usize) -> bool {
        !self.inner.get(at).copied().unwrap_or_default() && self.line(at).trim_start().starts_with('#')
    }

    /// Where a list or an object begins that is a block; `None` for one in brackets, and for what is none.
    fn block(&self, node: &Node) -> Option<Start> {
        let (line, column) = (node.at.line - 1, node.at.column - 1);
        let from = self.line(line).get(column..)?;
        match &node.content {
            Content::Map(entries) => {
                let is_block = !entries.is_empty() && !from.starts_with(['{', '?']);
                is_block.then_some(Start { line, column })
            }
            // A dash stands before its first item. (Where the list begins is told differently where it is not indented.)
            Content::List(items) => {
                let first = items.first().filter(|_| !from.starts_with('['))?;
                let line = first.at.line - 1;
                let before = self.line(line).get(..first.at.column - 1)?.trim_end();
                let column = before.strip_suffix('-')?.len();
                Some(Start { line, column })
            }
            _ => None,
        }
    }

    /// How many of the first lines stay the first: all before a blank line, and the one for editors.
    fn head(&self, first: Start) -> usize {
        let stays = |at: &usize| {
            self.is_blank(*at) || !self.is_comment(*at) || self.line(*at).contains("yaml-language-server")
        };
        (0..first.line).rev().find(stays).map_or(0, |at| at + 1)
    }

    /// From which line on, at the end of `from..to`, what stands there is about something outside of a block at `column`, whose
    /// last value ends in the line `end`.
    fn split(&self, from: usize, to: usize, column: usize, end: usize) -> usize {
        let mut first = to;
        while first > from.max(end + 1) && (self.is_blank(first - 1) || self.is_comment(first - 1)) {
            first -= 1;
        }
        let outside = |at: &usize| self.is_comment(*at) && indent(self.line(*at)) < column;
        (first..to).find(outside).unwrap_or(to)
    }

    /// Comments at the end of a block, which are about nothing in it that could move; and where its last value ends.
    fn tail(&self, from: usize, to: usize, column: usize, end: usize) -> (usize, Option<Block>) {
        let split = self.split(from, to, column + 1, end);
        let block = (split < to).then(|| Block {
            lead: self.plain(split, to, column),
            body: Vec::new(),
        });
        (split, block)
    }

    /// Lines as they are, moved from `column` to 0.
    fn plain(&self, from: usize, to: usize, column: usize) -> Vec<String> {
        let moved = |at: usize| {
            let line = self.line(at);
            let rest = line.get(indent(line).min(column)..).unwrap_or_default();
            match self.inner.get(at) {
                Some(true) if rest.is_empty() => BARE.to_owned(),
                Some(true) if line.trim().is_empty() => format!("{rest}{KEPT}"),
                Some(true) => rest.to_owned(),
                _ => rest.trim_end().to_owned(),
            }
        };
        (from..to).map(moved).collect()
    }

    /// Comments, with the margin of what they are about.
    fn comments(&self, from: usize, to: usize) -> Vec<String> {
        (from..to).map(|at| self.line(at).trim().to_owned()).collect()
    }

    /// Where each thing of a block begins, with the comments above it.
    fn leads(&self, from: usize, starts: &[usize], ends: &[usize], column: usize) -> Vec<usize> {
        let mut leads = vec![from];
        for (start, end) in starts.iter().skip(1).zip(ends) {
            let mut lead = *start;
            let is_about =
                |at: usize| self.is_blank(at) || (self.is_comment(at) && indent(self.line(at)) <= column);
            while lead > end + 1 && is_about(lead - 1) {
                lead -= 1;
            }
            leads.push(lead);
        }
        leads
    }

    /// The entries of an object in their order. `from..to` are its lines, with the comments above it.
    fn map(&self, node: &Node, from: usize, to: usize, schema: Option<&Value>) -> Option<Vec<Block>> {
        let Start { column, .. } = self.block(node)?;
        let schema = schema.and_then(|schema| pick(node, resolved(schema, self.schema), self.schema));
        let schema = schema.map(|schema| resolved(schema, self.schema));
        let known = schema.and_then(|schema| schema.get("properties"));
        let starts: Vec<_> = node.entries().iter().map(|entry| entry.at.line - 1).collect();
        let ends: Vec<_> = node
            .entries()
            .iter()
            .map(|entry| end_of(&entry.value).max(entry.at.line - 1))
            .collect();
        if node.entries().iter().any(|entry| entry.at.column - 1 != column)
            || !starts.is_sorted_by(|a, b| a < b)
        {
            return None;
        }
        let leads = self.leads(from, &starts, &ends, column);
        let (to, tail) = self.tail(from, to, column, end_of(node));
        let mut blocks = Vec::new();
        for (index, entry) in node.entries().iter().enumerate() {
            let (lead, start) = (*leads.get(index)?, *starts.get(index)?);
            let to = leads.get(index + 1).copied().unwrap_or(to);
            let below = known.and_then(|known| known.get(&entry.key));
            let below = below.or_else(|| schema?.get("additionalProperties"));
            let mut body = vec![self.line(start).get(column..)?.trim_end().to_owned()];
            body.extend(self.below(&entry.value, start + 1, to, column, below)?);
            blocks.push((
                entry.key.as_str(),
                Block {
                    lead: self.comments(lead, start),
                    body,
                },
            ));
        }
        if known.is_some() {
            blocks.sort_by(|(a, _), (b, _)| rank(a).cmp(&rank(b)));
        }
        Some(blocks.into_iter().map(|(_, block)| block).chain(tail).collect())
    }

    /// The lines of a value below its key, which stands at `column`.
    fn below(
        &self,
        value: &Node,
        from: usize,
        to: usize,
        column: usize,
        schema: Option<&Value>,
    ) -> Option<Vec<String>> {
        let Some(start) = self.block(value).filter(|start| start.line >= from) else {
            return Some(self.plain(from, to, column));
        };
        let split = self.split(from, to, start.column, end_of(value));
        let blocks = match &value.content {
            Content::Map(_) => self.map(value, from, split, schema)?,
            _ => self.list(value, from, split, schema)?,
        };
        let lines = blocks
            .into_iter()
            .flat_map(|block| block.lead.into_iter().chain(block.body));
        let lines = lines.map(|line| margin("  ", &line));
        // Nothing blank between a key and what it holds.
        let lines = lines.skip_while(String::is_empty);
        Some(lines.chain(self.plain(split, to, column)).collect())
    }

    fn list(&self, node: &Node, from: usize, to: usize, schema: Option<&Value>) -> Option<Vec<Block>> {
        let Content::List(items) = &node.content else {
            return None;
        };
        let Start { column, .. } = self.block(node)?;
        let schema = schema.and_then(|schema| pick(node, resolved(schema, self.schema), self.schema));
        let each = schema.and_then(|schema| schema.get("items"));
        let starts: Vec<_> = items.iter().map(|item| item.at.line - 1).collect();
        let ends: Vec<_> = items.iter().map(end_of).collect();
        let is_dash = |at: &usize| {
            self.line(*at)
                .get(column..)
                .is_some_and(|from| from.starts_with("- "))
        };
        if !starts.iter().all(is_dash) || !starts.is_sorted_by(|a, b| a < b) {
            return None;
        }
        let leads = self.leads(from, &starts, &ends, column);
        let (to, tail) = self.tail(from, to, column, end_of(node));
        let mut blocks = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let (lead, start) = (*leads.get(index)?, *starts.get(index)?);
            let to = leads.get(index + 1).copied().unwrap_or(to);
            blocks.push(self.item(item, (lead, start, to), column, each)?);
        }
        blocks.extend(tail);
        Some(blocks)
    }

    /// An item behind its dash. The comments above what comes to stand there go above the dash.
    fn item(
        &self,
        item: &Node,
        (lead, start, to): (usize, usize, usize),
        column: usize,
        schema: Option<&Value>,
    ) -> Option<Block> {
        let mut lead = self.comments(lead, start);
        let Some(inner) = self.block(item) else {
            let text = self.line(start).get(column..)?.trim_end().to_owned();
            let body = std::iter::once(text)
                .chain(self.plain(start + 1, to, column))
                .collect();
            return Some(Block { lead, body });
        };
        let split = self.split(start, to, inner.column, end_of(item));
        let blocks = match &item.content {
            Content::Map(_) => self.map(item, start, split, schema)?,
            _ => self.list(item, start, split, schema)?,
        };
        let mut body = Vec::new();
        for (index, block) in blocks.into_iter().enumerate() {
            match index {
                0 => lead.extend(block.lead.into_iter().filter(|line| !line.is_empty())),
                _ => body.extend(block.lead),
            }
            body.extend(block.body);
        }
        let dashed = body.iter().enumerate().map(|(index, line)| match index {
            0 => format!("- {line}"),
            _ => margin("  ", line),
        });
        let body = dashed.chain(self.plain(split, to, column)).collect();
        Some(Block { lead, body })
    }
}

fn margin(margin: &str, line: &str) -> String {
    match line.is_empty() {
        true => String::new(),
        false => format!("{margin}{line}"),
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The last line, from 0, in which a value or one in it is known to stand.
fn end_of(node: &Node) -> usize {
    match &node.content {
        Content::Map(entries) => {
            let below = entries
                .iter()
                .map(|entry| end_of(&entry.value).max(entry.at.line - 1));
            below.max().unwrap_or(0).max(node.at.line - 1)
        }
        Content::List(items) => items.iter().map(end_of).max().unwrap_or(0).max(node.at.line - 1),
        // What nothing stands for stands nowhere.
        Content::Null if node.at.written().is_empty() => 0,
        _ => node.at.line - 1 + node.at.written().matches('\n').count(),
    }
}
