//! YAML and JSON to [`Node`]s.
//!
//! YAML is read by its core schema, with four restrictions that keep a manifest what it looks like: one document, no tags, no
//! number that is written otherwise than JSON writes it (`0123`, `0x1F`, `.inf` are texts, so that the number of an account
//! keeps its zeros), and no key twice. Anchors and aliases are understood, up to [`MAX_NODES`] values. JSON is as strict as
//! `serde_json`, which judges it; where its values stand comes from a second reading.
//!
//! Nothing here can run away: a file has a largest size, values nest to [`MAX_DEPTH`].

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::{Number, Value};

use super::node::{Content, Entry, File, Node, Spot, Text};
use crate::source::diagnostic::{Place, Problem};

/// The largest file, in bytes: ten thousand functions take about three million.
pub(super) const MAX_BYTES: usize = 16 << 20;
/// How deep values nest at most.
const MAX_DEPTH: usize = 64;
/// How many values a file has at most, those of aliases counted each time.
const MAX_NODES: usize = 1_000_000;

/// Reads `text`, which stands in the file `name`.
///
/// # Errors
/// What is wrong with it as YAML or JSON, all that can be told at once.
pub(super) fn parse(name: &str, text: &str) -> Result<Node, Vec<Problem>> {
    if text.len() > MAX_BYTES {
        let said = format!("`{name}` is larger than {} MB", MAX_BYTES >> 20);
        return Err(vec![
            Problem::error("manifest::too-large", said)
                .hint("split it, with `include`")
                .at(Place::file(name)),
        ]);
    }
    let file = File::new(name, text);
    let read = if name.ends_with(".json") {
        json(&file)
    } else {
        Yaml::new(&file).read()
    };
    // Where the secrets are of what cannot be read is not known: nothing of it is shown.
    if let Ok(root) = &read {
        file.hide(&secrets(root));
    }
    read
}

/// The spans of everything below a key `environment`.
fn secrets(root: &Node) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    root.visit(&mut Vec::new(), &mut |path, node| {
        let is_secret = path.contains(&"environment");
        if is_secret && !matches!(node.content, Content::Map(_) | Content::List(_)) {
            spans.push(node.at.span.clone());
        }
    });
    spans
}

struct Yaml<'a> {
    file: &'a Arc<File>,
    /// The byte at which each character begins; empty where all are of one byte.
    offsets: Vec<usize>,
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
    root: Option<Node>,
    problems: Vec<Problem>,
}

/// A list or an object that is being read.
struct Frame {
    at: Spot,
    anchor: usize,
    /// How many values had been read before it.
    before: usize,
    part: Part,
}

enum Part {
    List(Vec<Node>),
    Map(Vec<Entry>, Keys, Option<(String, Spot)>),
}

/// The keys of an object that were read, and where each stands among them: an object may have a million.
type Keys = BTreeMap<String, usize>;

impl<'a> Yaml<'a> {
    fn new(file: &'a Arc<File>) -> Self {
        let text = &file.text;
        let offsets = match text.is_ascii() {
            true => Vec::new(),
            false => text
                .char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .collect(),
        };
        Self {
            file,
            offsets,
            stack: Vec::new(),
            anchors: BTreeMap::new(),
            nodes: 0,
            root: None,
            problems: Vec::new(),
        }
    }

    fn read(mut self) -> Result<Node, Vec<Problem>> {
        let file = Arc::clone(self.file);
        for event in Parser::new_from_str(&file.text) {
            match event {
                Ok((event, span)) => {
                    if let Err(problem) = self.event(event, span) {
                        self.problems.push(problem);
                        return Err(self.problems);
                    }
                }
                Err(error) => {
                    let at = error.marker();
                    let place = Place::point(&file.name, at.line().max(1), at.col() + 1);
                    let said = format!("`{}` is not valid YAML: {}", file.name, error.info());
                    let hint = "a text that holds `{`, `}`, `[`, `]`, `: ` or ` #` goes in quotes; tabs indent nothing";
                    self.problems
                        .push(Problem::error("manifest::broken-yaml", said).hint(hint).at(place));
                    return Err(self.problems);
                }
            }
        }
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        self.root.ok_or_else(|| {
            let said = format!("`{}` is empty", file.name);
            vec![
                Problem::error("manifest::empty", said)
                    .hint("a manifest begins with `grail: 1` and `app: <name>`")
                    .at(Place::file(&file.name)),
            ]
        })
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let at = self.spot(span);
                self.tag(tag.is_some_and(|tag| !tag.is_yaml_core_schema()), &at);
                let style_is_plain = style == ScalarStyle::Plain;
                if self.wants_key() {
                    self.key(text.into_owned(), at);
                    return Ok(());
                }
                let content = match style_is_plain {
                    true => plain(&text),
                    false => written(&text),
                };
                self.value(Node { at, content }, anchor, self.nodes)
            }
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) if self.wants_key() => {
                let _unused = (anchor, tag);
                let at = self.spot(span);
                Err(
                    Problem::error("manifest::key", "a key is a text here, no list and no object")
                        .at(at.place()),
                )
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(span, anchor, tag.is_some(), Part::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => self.open(
                span,
                anchor,
                tag.is_some(),
                Part::Map(Vec::new(), Keys::new(), None),
            ),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::DocumentStart(_) if self.root.is_some() => {
                let at = self.spot(span);
                Err(Problem::error("manifest::documents", "a manifest is one document")
                    .hint("put what follows the `---` into a file of its own, and name that under `include`")
                    .at(at.place()))
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, span: Span, anchor: usize, tagged: bool, part: Part) -> Result<(), Problem> {
        let mut at = self.spot(span);
        at.span.end = at.span.start;
        self.tag(tagged, &at);
        if self.stack.len() >= MAX_DEPTH {
            let said = format!("values nest deeper than {MAX_DEPTH}");
            return Err(Problem::error("manifest::depth", said).at(at.place()));
        }
        let before = self.nodes;
        self.stack.push(Frame {
            at,
            anchor,
            before,
            part,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Problem> {
        let Some(frame) = self.stack.pop() else {
            return Ok(());
        };
        let content = match frame.part {
            Part::List(items) => Content::List(items),
            Part::Map(entries, ..) => Content::Map(entries),
        };
        let node = Node {
            at: frame.at,
            content,
        };
        self.value(node, frame.anchor, frame.before)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Problem> {
        let at = self.spot(span);
        let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
            return Err(Problem::error("manifest::alias", "this alias leads into itself").at(at.place()));
        };
        if self.wants_key() {
            return Err(Problem::error("manifest::key", "a key is a text here, no alias").at(at.place()));
        }
        self.nodes = self.nodes.saturating_add(size);
        self.value(node, 0, self.nodes)
    }

    /// Puts a value where it belongs. `before` is how many values there were before it.
    fn value(&mut self, node: Node, anchor: usize, before: usize) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let said = format!("there are more than {MAX_NODES} values, those of aliases counted each time");
            return Err(Problem::error("manifest::too-large", said).at(node.at.place()));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before));
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(frame) => match &mut frame.part {
                Part::List(items) => items.push(node),
                Part::Map(entries, _, key) => {
                    if let Some((key, at)) = key.take() {
                        entries.push(Entry { key, at, value: node });
                    }
                }
            },
        }
        Ok(())
    }

    fn wants_key(&self) -> bool {
        let last = self.stack.last().map(|frame| &frame.part);
        matches!(last, Some(Part::Map(_, _, None)))
    }

    fn key(&mut self, key: String, at: Spot) {
        let Some(Frame {
            part: Part::Map(entries, keys, waiting),
            ..
        }) = self.stack.last_mut()
        else {
            return;
        };
        let first = keys.insert(key.clone(), entries.len());
        if let Some(first) = first.and_then(|first| entries.get(first)) {
            self.problems.push(twice(&key, &first.at, &at));
        }
        *waiting = Some((key, at));
    }

    fn tag(&mut self, tagged: bool, at: &Spot) {
        if tagged {
            let problem = Problem::error("manifest::tag", "tags such as `!Ref` mean nothing here");
            let hint = "a reference is written `${functions.resize.arn}`, everything else without a tag";
            self.problems.push(problem.hint(hint).at(at.place()));
        }
    }

    fn spot(&self, span: Span) -> Spot {
        let byte = |index: usize| match self.offsets.is_empty() {
            true => index.min(self.file.text.len()),
            false => self.offsets.get(index).copied().unwrap_or(self.file.text.len()),
        };
        let (start, end) = (byte(span.start.index()), byte(span.end.index()));
        let text = self.file.text.get(start..end).unwrap_or_default();
        Spot {
            file: Arc::clone(self.file),
            line: span.start.line().max(1),
            column: span.start.col() + 1,
            span: start..start + text.trim_end().len(),
        }
    }
}

fn twice(key: &str, first: &Spot, again: &Spot) -> Problem {
    let said = format!("`{key}` stands here twice: first in line {}", first.line);
    Problem::error("manifest::twice", said).at(again.place())
}

fn written(text: &str) -> Content {
    Content::Text(Text {
        text: text.to_owned(),
        given: false,
        outside: Vec::new(),
    })
}

/// What a text without quotes is.
pub(super) fn plain(text: &str) -> Content {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Content::Null,
        "true" | "True" | "TRUE" => return Content::Bool(true),
        "false" | "False" | "FALSE" => return Content::Bool(false),
        _ => {}
    }
    match number(text) {
        Some(number) => Content::Number(number),
        None => written(text),
    }
}

/// A number as JSON writes one.
fn number(text: &str) -> Option<Number> {
    let looks = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let Value::Number(number) = serde_json::from_str(text).ok().filter(|_| looks)? else {
        return None;
    };
    // `5.0` is a whole number, as JSON Schema sees it.
    let whole = number
        .as_f64()
        .filter(|value| number.is_f64() && value.fract() == 0.0 && value.abs() < 1e15);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it has no fraction and is below 2^53"
    )]
    Some(whole.map_or(number, |value| Number::from(value as i64)))
}

fn json(file: &Arc<File>) -> Result<Node, Vec<Problem>> {
    let broken = |what: &str, line: usize, column: usize| {
        let said = format!("`{}` is not valid JSON: {what}", file.name);
        vec![
            Problem::error("manifest::broken-json", said)
                .hint("JSON has no comments, and no comma after the last entry; `grail.yaml` has both")
                .at(Place::point(&file.name, line.max(1), column.max(1))),
        ]
    };
    if let Err(error) = serde_json::from_str::<Value>(&file.text) {
        let words = error.to_string();
        let what = words.split(" at line ").next().unwrap_or(&words);
        return Err(broken(what, error.line(), error.column()));
    }
    let parsed = parse_to_ast(&file.text, &CollectOptions::default(), &ParseOptions::default());
    let parsed = parsed.map_err(|error| broken(&error.to_string(), 1, 1))?;
    let Some(root) = &parsed.value else {
        return Err(broken("there is no value", 1, 1));
    };
    let starts = std::iter::once(0)
        .chain(file.text.match_indices('\n').map(|(at, _)| at + 1))
        .collect();
    let mut walk = Json {
        file,
        starts,
        problems: Vec::new(),
    };
    let node = walk.node(root);
    match walk.problems.is_empty() {
        true => Ok(node),
        false => Err(walk.problems),
    }
}

/// `serde_json` has refused what nests too deep.
struct Json<'a> {
    file: &'a Arc<File>,
    starts: Vec<usize>,
    problems: Vec<Problem>,
}

impl Json<'_> {
    fn node(&mut self, value: &ast::Value<'_>) -> Node {
        let mut at = self.spot(value.range().start..value.range().end);
        let content = match value {
            ast::Value::NullKeyword(_) => Content::Null,
            ast::Value::BooleanLit(literal) => Content::Bool(literal.value),
            ast::Value::NumberLit(literal) => {
                number(literal.value).map_or_else(|| written(literal.value), Content::Number)
            }
            ast::Value::StringLit(literal) => written(&literal.value),
            ast::Value::Array(array) => {
                at.span.end = at.span.start;
                Content::List(array.elements.iter().map(|item| self.node(item)).collect())
            }
            ast::Value::Object(object) => {
                at.span.end = at.span.start;
                Content::Map(self.entries(object))
            }
        };
        Node { at, content }
    }

    fn entries(&mut self, object: &ast::Object<'_>) -> Vec<Entry> {
        let (mut entries, mut keys): (Vec<Entry>, Keys) = Default::default();
        for property in &object.properties {
            let key = property.name.as_str().to_owned();
            let range = property.name.range();
            let at = self.spot(range.start..range.end);
            let first = keys.insert(key.clone(), entries.len());
            if let Some(first) = first.and_then(|first| entries.get(first)) {
                self.problems.push(twice(&key, &first.at, &at));
            }
            let value = self.node(&property.value);
            entries.push(Entry { key, at, value });
        }
        entries
    }

    fn spot(&self, span: Range<usize>) -> Spot {
        let line = self.starts.partition_point(|start| *start <= span.start);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.file.text.get(start..span.start).unwrap_or_default();
        Spot {
            file: Arc::clone(self.file),
            line,
            column: before.chars().count() + 1,
            span,
        }
    }
}
