//! A manifest as it was read: values that know where they stand.
//!
//! Everything that is told about a manifest points at a place, so nothing here forgets its own: not the value that an
//! override replaced, not one from an included file. What types make of the values comes later, from [`Node::to_json`].

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use miette::NamedSource;
use serde_json::{Map, Number, Value};

use crate::source::diagnostic::Place;

/// A file that a manifest is read from.
pub(super) struct File {
    /// Its name relative to the project.
    pub(super) name: String,
    /// Its text.
    pub(super) text: String,
    /// The text without the values of environment variables: what may be shown. Set when the file has been read.
    shown: OnceLock<Arc<NamedSource<String>>>,
}

impl File {
    pub(super) fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            text: text.into(),
            shown: OnceLock::new(),
        })
    }

    /// Settles what may be shown of the text: all of it but the `secrets`.
    pub(super) fn hide(&self, secrets: &[Range<usize>]) {
        let mut bytes = self.text.clone().into_bytes();
        for byte in secrets.iter().cloned().flatten() {
            if let Some(byte) = bytes.get_mut(byte)
                && *byte != b'\n'
            {
                *byte = b'*';
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let _again = self.shown.set(Arc::new(NamedSource::new(&self.name, text)));
    }
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "File({})", self.name)
    }
}

/// Where something stands.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) file: Arc<File>,
    /// From 1.
    pub(super) line: usize,
    /// From 1, in characters.
    pub(super) column: usize,
    /// In bytes.
    pub(super) span: Range<usize>,
}

impl Spot {
    /// The place, with the text around it where that may be shown.
    pub(super) fn place(&self) -> Place {
        match self.file.shown.get() {
            Some(source) => Place::span(Arc::clone(source), self.line, self.column, self.span.clone()),
            None => Place::point(&self.file.name, self.line, self.column),
        }
    }

    /// What is written there.
    pub(super) fn written(&self) -> &str {
        self.file.text.get(self.span.clone()).unwrap_or_default()
    }

    /// `grail.yaml:12`.
    pub(super) fn origin(&self) -> String {
        format!("{}:{}", self.file.name, self.line)
    }
}

/// A value at a place.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) at: Spot,
    pub(super) content: Content,
}

/// What a value is.
#[derive(Clone)]
pub(super) enum Content {
    Null,
    Bool(bool),
    Number(Number),
    Text(Text),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A text.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) text: String,
    /// A variable has put it there: it may be what its place asks for (a number, `true`), and it is never shown.
    pub(super) given: bool,
    /// What of it comes from the environment and from files. It may be a secret.
    pub(super) outside: Vec<String>,
}

/// A shorter piece from outside is hidden only where it stands by itself: `1` is part of too much.
const TELLING: usize = 4;

/// A key with its value.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Spot,
    pub(super) value: Node,
}

impl Node {
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(&text.text),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.content, Content::Null)
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        let entries = self.entries();
        // Those of large sections are sorted: a manifest may have thousands of functions.
        let at = entries.binary_search_by(|entry| entry.key.as_str().cmp(key));
        match at {
            Ok(at) => entries.get(at),
            Err(_) => entries.iter().find(|entry| entry.key == key),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Takes the entry at `key` out.
    pub(super) fn take(&mut self, key: &str) -> Option<Entry> {
        let Content::Map(entries) = &mut self.content else {
            return None;
        };
        let at = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(at))
    }

    /// The spot of what stands at `path` (keys, and numbers in lists), or of the nearest that holds it: the value where it is
    /// one, the key of a list or an object.
    pub(super) fn spot(&self, path: &[&str]) -> Spot {
        let (mut node, mut spot) = (self, self.at.clone());
        for part in path {
            match &node.content {
                Content::Map(_) => {
                    let Some(entry) = node.entry(part) else {
                        return spot;
                    };
                    node = &entry.value;
                    spot = entry.at.clone();
                }
                Content::List(items) => {
                    let Some(item) = part.parse().ok().and_then(|at: usize| items.get(at)) else {
                        return spot;
                    };
                    node = item;
                    spot = item.at.clone();
                }
                _ => return spot,
            }
        }
        match node.content {
            Content::Map(_) | Content::List(_) => spot,
            _ => node.at.clone(),
        }
    }

    /// What stands at `path`, or the nearest that holds it.
    pub(super) fn nearest(&self, path: &[&str]) -> &Node {
        let mut node = self;
        for part in path {
            let below = match &node.content {
                Content::Map(_) => node.get(part),
                Content::List(items) => part.parse().ok().and_then(|at: usize| items.get(at)),
                _ => None,
            };
            let Some(below) = below else { return node };
            node = below;
        }
        node
    }

    /// Whether a variable has given it, or a part of it.
    pub(super) fn is_given(&self) -> bool {
        match &self.content {
            Content::Text(text) => text.given,
            Content::Map(_) | Content::List(_) => false,
            // It has become what its place asks for.
            _ => self.at.written().contains("${"),
        }
    }

    /// A text as it may be shown: as it is written, where something comes from outside.
    pub(super) fn shown(&self) -> &str {
        match &self.content {
            Content::Text(text) if text.outside.is_empty() => &text.text,
            _ => self.at.written(),
        }
    }

    /// What is said of this value or one in it, without what comes from outside.
    pub(super) fn hide(&self, said: &str) -> String {
        let mut said = said.to_owned();
        self.visit(&mut Vec::new(), &mut |_, node| {
            let Content::Text(text) = &node.content else {
                return;
            };
            if text.outside.is_empty() {
                return;
            }
            said = said.replace(&format!("`{}`", text.text), &format!("`{}`", node.shown()));
            for piece in &text.outside {
                said = match piece.len() >= TELLING {
                    true => said.replace(piece, "***"),
                    false => said.replace(&format!("`{piece}`"), "`***`"),
                };
            }
        });
        said
    }

    /// The place at `path`, as [`Node::spot`] finds it.
    pub(super) fn place(&self, path: &[&str]) -> Place {
        self.spot(path).place()
    }

    /// Visits every value, with the keys that lead to it.
    pub(super) fn visit<'a>(&'a self, path: &mut Vec<&'a str>, each: &mut dyn FnMut(&[&'a str], &'a Node)) {
        each(path, self);
        match &self.content {
            Content::Map(entries) => {
                for entry in entries {
                    path.push(&entry.key);
                    entry.value.visit(path, each);
                    path.pop();
                }
            }
            Content::List(items) => items.iter().for_each(|item| item.visit(path, each)),
            _ => {}
        }
    }

    /// The value as JSON, its place forgotten. Of two entries of one key the last counts.
    pub(super) fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.text.clone()),
            Content::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Content::Map(entries) => {
                let pairs = entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_json()));
                Value::Object(
                    pairs
                        .collect::<BTreeMap<_, _>>()
                        .into_iter()
                        .collect::<Map<_, _>>(),
                )
            }
        }
    }

    /// The word for what it is.
    pub(super) fn word(&self) -> &'static str {
        match &self.content {
            Content::Null => "nothing",
            Content::Bool(_) => "true or false",
            Content::Number(_) => "a number",
            Content::Text(_) => "text",
            Content::List(_) => "a list",
            Content::Map(_) => "an object",
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}:{}", self.word(), self.at.origin(), self.at.column)
    }
}
