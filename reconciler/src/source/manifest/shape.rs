//! Whether a tree has the form that the schema says, and everything that is wrong with it.
//!
//! The schema is the one that the types of the manifest give ([`Form`](super::form::Form)) and that `grail schema` prints: what
//! an editor underlines is what grail refuses. Of JSON Schema it needs what `schemars` writes and no more; a keyword that is
//! not understood would be a hole, so the tests hold every keyword of the schema against [`KEYWORDS`].
//!
//! A regular expression is not run but looked up among [`PATTERNS`], which say in words what it asks for; the tests compare
//! both ways. Texts that a variable has given, or will give, are judged as far as they are known.

mod choice;
mod publish;

use serde_json::Value;

use self::choice::{allows, branches, constants, tag, types_of};
pub(super) use self::choice::{coerce, pick, resolved};
pub(super) use self::publish::publish;
use super::node::{Content, Entry, Node, Text};
use super::parse::plain;
use super::references::{at_home, refers};
use crate::source::chalice::lower::Account;
use crate::source::diagnostic::{Problem, closest};

/// Marks a text that may hold references to other resources.
pub(super) const REFERENCES: &str = "x-grail-references";

/// Every keyword that the judgement takes into account, or that changes nothing for it.
#[cfg(test)]
pub(super) const KEYWORDS: &[&str] = &[
    "$defs",
    "$ref",
    "$schema",
    "additionalProperties",
    "anyOf",
    "const",
    "default",
    "description",
    "enum",
    "examples",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "oneOf",
    "pattern",
    "properties",
    "required",
    "title",
    "type",
    "propertyNames",
    REFERENCES,
];

/// A form of texts.
type Pattern = (&'static str, fn(&str) -> bool, &'static str);

/// Texts of a certain form: the expression of the schema, the same as a function, and in words.
pub(super) const PATTERNS: &[Pattern] = &[
    (NAME, is_name, "letters, digits, `-` and `_`"),
    (VARIABLE, is_variable, "a letter, then letters, digits and `_`"),
    (RUNTIME, is_runtime, "lower-case letters, digits, `.` and `-`"),
    (FILTER_ID, is_filter, "no control characters"),
    (VERSION, is_version, "the number of a version, or `latest`"),
    (
        DURATION,
        is_duration,
        "a whole number of `s`, `m` or `h`, such as `5m`",
    ),
];

/// Of a function, a role, an API.
pub(super) const NAME: &str = "^[a-zA-Z0-9_-]+$";
/// Of an environment variable.
pub(super) const VARIABLE: &str = "^[a-zA-Z][a-zA-Z0-9_]*$";
/// Of a runtime.
pub(super) const RUNTIME: &str = "^[a-z0-9.-]+$";
/// Of a prefix or suffix of keys.
pub(super) const FILTER_ID: &str = "^[^\\x00-\\x1f]*$";

/// Of a version among the weights of an alias.
pub(super) const VERSION: &str = "^([1-9][0-9]*|latest)$";
/// Of a time.
pub(super) const DURATION: &str = "^[1-9][0-9]*[smh]$";

fn is_version(text: &str) -> bool {
    let number = text.bytes().all(|byte| byte.is_ascii_digit());
    text == "latest" || (number && !text.is_empty() && !text.starts_with('0'))
}

fn is_duration(text: &str) -> bool {
    let number = text.strip_suffix(['s', 'm', 'h']).unwrap_or_default();
    number != "latest" && is_version(number)
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn is_variable(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_runtime(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
    !text.is_empty() && text.chars().all(plain)
}

fn is_filter(text: &str) -> bool {
    !text.chars().any(|c| c < ' ')
}

/// What a tree is judged by.
pub(super) struct Shape<'a> {
    schema: &'a Value,
    /// Variables have been put in; before that, a text with one in it may become anything.
    filled: bool,
    problems: Vec<Problem>,
}

/// Everything in which `node` is not as `schema` says. With `filled`, its variables have been put in.
pub(super) fn judge(node: &Node, schema: &Value, filled: bool) -> Vec<Problem> {
    let mut shape = Shape {
        schema,
        filled,
        problems: Vec::new(),
    };
    shape.node(node, schema, &mut Vec::new(), None);
    shape.problems
}

impl Shape<'_> {
    fn node<'n>(&mut self, node: &'n Node, schema: &Value, path: &mut Vec<&'n str>, key: Option<&Entry>) {
        let root = self.schema;
        let schema = resolved(schema, root);
        if let Some(constants) = constants(schema, root) {
            return self.constant(node, &constants, path);
        }
        let Some(chosen) = pick(node, schema, root) else {
            return self.no_branch(node, schema, key);
        };
        if let Some(constants) = constants(chosen, root) {
            return self.constant(node, &constants, path);
        }
        let open = !self.filled && node.as_text().is_some_and(|text| text.contains("${"));
        if open {
            return;
        }
        if !types_of(&node.content).iter().any(|name| allows(chosen, name)) {
            return self.other_type(node, chosen, path);
        }
        match &node.content {
            Content::Text(text) => self.text(node, text, chosen, path),
            Content::Number(number) => self.number(node, number.as_f64().unwrap_or(f64::NAN), chosen, path),
            Content::List(items) => self.list(node, items, chosen, path, key),
            Content::Map(_) => self.map(node, chosen, path, key),
            _ => {}
        }
    }

    fn tell(
        &mut self,
        node: &Node,
        key: Option<&Entry>,
        code: &'static str,
        said: String,
        hint: Option<String>,
    ) {
        let at = key.map_or(&node.at, |key| &key.at);
        let problem = Problem::error(code, said).at(at.place());
        self.problems.push(match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
    }

    fn other_type(&mut self, node: &Node, schema: &Value, path: &[&str]) {
        let wanted = wanted(schema);
        let said = format!("{} is {wanted}, not {}", subject(path), node.word());
        let is_secret = path.contains(&"environment");
        let hint = match (&node.content, wanted) {
            (Content::Number(_) | Content::Bool(_), "text") if is_secret => {
                Some("put it in quotes".to_owned())
            }
            (Content::Number(number), "text") => Some(format!("put it in quotes: \"{number}\"")),
            (Content::Bool(value), "text") => Some(format!("put it in quotes: \"{value}\"")),
            (Content::Text(text), "a number" | "a whole number")
                if !text.given && plain(&text.text).is_number() =>
            {
                Some("leave out the quotes".to_owned())
            }
            (Content::Text(text), "true or false")
                if matches!(text.text.as_str(), "yes" | "no" | "on" | "off") =>
            {
                Some("write `true` or `false`".to_owned())
            }
            (_, "a list") => Some("each of its items stands in a line of its own behind `- `".to_owned()),
            _ => None,
        };
        self.tell(node, None, "manifest::type", said, hint);
    }

    fn no_branch(&mut self, node: &Node, schema: &Value, key: Option<&Entry>) {
        let root = self.schema;
        let all: Vec<_> = branches(schema)
            .into_iter()
            .flatten()
            .map(|branch| resolved(branch, root))
            .collect();
        let tags: Vec<_> = all.iter().filter_map(|branch| tag(branch)).collect();
        let Content::Map(entries) = &node.content else {
            let wanted: Vec<_> = all.iter().map(|branch| wanted(branch)).collect();
            let mut wanted: Vec<_> = wanted.into_iter().filter(|word| *word != "nothing").collect();
            wanted.dedup();
            let said = format!("this is {}, not {}", wanted.join(" or "), node.word());
            return self.tell(node, None, "manifest::type", said, None);
        };
        let quoted: Vec<_> = tags.iter().map(|tag| format!("`{tag}`")).collect();
        let near = entries
            .iter()
            .find_map(|entry| Some((entry, closest(&entry.key, tags.iter().copied())?)));
        match near {
            Some((entry, meant)) => self.tell(
                node,
                Some(entry),
                "manifest::unknown-key",
                format!("there is no `{}` here", entry.key),
                Some(format!("did you mean `{meant}`?")),
            ),
            None => self.tell(
                node,
                entries.first().or(key),
                "manifest::unknown-key",
                format!("one of {} is expected here", quoted.join(", ")),
                None,
            ),
        }
    }

    fn constant(&mut self, node: &Node, constants: &[&Value], path: &[&str]) {
        let open = !self.filled && node.as_text().is_some_and(|text| text.contains("${"));
        let value = node.to_json();
        if open || constants.contains(&&value) {
            return;
        }
        let words: Vec<_> = constants
            .iter()
            .map(|value| {
                format!(
                    "`{}`",
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), ToOwned::to_owned)
                )
            })
            .collect();
        let hint = match &node.content {
            Content::Text(text) if !text.given => {
                let known = constants.iter().filter_map(|value| value.as_str());
                closest(&text.text, known).map(|meant| format!("did you mean `{meant}`?"))
            }
            _ => None,
        };
        let said = format!("{} is one of {}", subject(path), words.join(", "));
        self.tell(node, None, "manifest::value", said, hint);
    }

    fn text(&mut self, node: &Node, text: &Text, schema: &Value, path: &[&str]) {
        if refers(&text.text) {
            if schema.get(REFERENCES).is_none() {
                let said = format!("{} can hold no reference to another resource", subject(path));
                self.tell(node, None, "manifest::reference", said, None);
            }
            return;
        }
        let known = at_home(&text.text, &stand_in());
        let limit = |key: &str| schema.get(key).and_then(Value::as_u64);
        let length = known.chars().count() as u64;
        let quoted = match text.given {
            true => String::new(),
            false => format!(", not {length}"),
        };
        if let Some(max) = limit("maxLength").filter(|max| length > *max) {
            let said = format!("{} has at most {max} characters{quoted}", subject(path));
            self.tell(node, None, "manifest::length", said, None);
        }
        if let Some(min) = limit("minLength").filter(|min| length < *min) {
            let said = format!("{} has at least {min} character(s){quoted}", subject(path));
            self.tell(node, None, "manifest::length", said, None);
        } else if let Some(words) = misfit(schema.get("pattern"), &known) {
            let said = format!("{} is made of {words}", subject(path));
            self.tell(node, None, "manifest::name", said, None);
        }
    }

    fn number(&mut self, node: &Node, number: f64, schema: &Value, path: &[&str]) {
        let limit = |key: &str| schema.get(key).and_then(Value::as_f64);
        let (min, max) = (limit("minimum"), limit("maximum"));
        let below = min.is_some_and(|min| number < min);
        let above = max.is_some_and(|max| number > max);
        if !below && !above {
            return;
        }
        let wanted = match (min, max) {
            (Some(min), Some(max)) if min == max => min.to_string(),
            (Some(min), Some(max)) => format!("between {min} and {max}"),
            (Some(min), None) => format!("at least {min}"),
            (_, max) => format!("at most {}", max.unwrap_or_default()),
        };
        let said = match node.is_given() {
            true => format!("{} is {wanted}", subject(path)),
            false => format!("{} is {wanted}, not {number}", subject(path)),
        };
        self.tell(node, None, "manifest::limit", said, None);
    }

    fn list<'n>(
        &mut self,
        node: &Node,
        items: &'n [Node],
        schema: &Value,
        path: &mut Vec<&'n str>,
        key: Option<&Entry>,
    ) {
        let limit = |key: &str| schema.get(key).and_then(Value::as_u64);
        let count = items.len() as u64;
        if let Some(max) = limit("maxItems").filter(|max| count > *max) {
            let said = format!("{} has at most {max} items, not {count}", subject(path));
            self.tell(node, key, "manifest::limit", said, None);
        }
        if let Some(min) = limit("minItems").filter(|min| count < *min) {
            let said = format!("{} has at least {min} item(s)", subject(path));
            self.tell(node, key, "manifest::limit", said, None);
        }
        if let Some(each) = schema.get("items") {
            items.iter().for_each(|item| self.node(item, each, path, None));
        }
    }

    fn map<'n>(&mut self, node: &'n Node, schema: &Value, path: &mut Vec<&'n str>, key: Option<&Entry>) {
        let known = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        for entry in node.entries() {
            if let Some(words) = misfit(schema.pointer("/propertyNames/pattern"), &entry.key) {
                let said = format!("`{}` cannot be a name here: it is made of {words}", entry.key);
                self.tell(node, Some(entry), "manifest::name", said, None);
            }
            let below = known.and_then(|known| known.get(&entry.key));
            match (below, others) {
                (Some(below), _) => {
                    path.push(&entry.key);
                    self.node(&entry.value, below, path, Some(entry));
                    path.pop();
                }
                (None, Some(Value::Bool(false))) => {
                    let names = known.into_iter().flat_map(|known| known.keys());
                    self.unknown(node, entry, names.map(String::as_str));
                }
                (None, Some(below)) => {
                    path.push(&entry.key);
                    self.node(&entry.value, below, path, Some(entry));
                    path.pop();
                }
                (None, None) => {}
            }
        }
        let required = schema.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if node.get(name).is_none() {
                let said = format!("{} lacks `{name}`", subject(path));
                self.tell(node, key, "manifest::missing", said, None);
            }
        }
        self.exclusive(node, schema, path, key);
    }

    /// Where a schema asks for exactly one of several keys.
    fn exclusive(&mut self, node: &Node, schema: &Value, path: &[&str], key: Option<&Entry>) {
        if schema.get("properties").is_none() {
            return;
        }
        let Some(Value::Array(choices)) = schema.get("oneOf") else {
            return;
        };
        let names: Vec<_> = choices.iter().filter_map(tag).collect();
        let chosen: Vec<_> = node
            .entries()
            .iter()
            .filter(|entry| names.contains(&entry.key.as_str()))
            .collect();
        let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        match chosen.as_slice() {
            [_] => {}
            [] => {
                let said = format!("{} needs one of {}", subject(path), quoted.join(", "));
                self.tell(node, key, "manifest::missing", said, None);
            }
            [first, second, ..] => {
                let said = format!("`{}` and `{}` exclude each other", first.key, second.key);
                self.tell(node, Some(second), "manifest::exclusive", said, None);
            }
        }
    }

    fn unknown<'k>(&mut self, node: &Node, entry: &Entry, known: impl Iterator<Item = &'k str>) {
        let hint = match (entry.key.as_str(), closest(&entry.key, known)) {
            ("<<", _) => Some(
                "YAML's merge key is not used here: put what functions share under `defaults`".to_owned(),
            ),
            (_, meant) => meant.map(|meant| format!("did you mean `{meant}`?")),
        };
        let said = format!("there is no `{}` here", entry.key);
        self.tell(node, Some(entry), "manifest::unknown-key", said, hint);
    }
}

fn misfit(pattern: Option<&Value>, text: &str) -> Option<&'static str> {
    let pattern = pattern?.as_str()?;
    let (_, fits, words) = PATTERNS.iter().find(|(known, ..)| *known == pattern)?;
    (!fits(text)).then_some(words)
}

/// What a schema asks for, in words.
fn wanted(schema: &Value) -> &'static str {
    let first = match schema.get("type") {
        Some(Value::String(one)) => one.as_str(),
        Some(Value::Array(several)) => several.first().and_then(Value::as_str).unwrap_or_default(),
        _ => "",
    };
    match first {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "an object",
        "null" => "nothing",
        _ => "something else",
    }
}

fn subject(path: &[&str]) -> String {
    match path.last() {
        Some(last) => format!("`{last}`"),
        None => "a manifest".to_owned(),
    }
}

/// An account for judging what is known only of the real one.
pub(super) fn stand_in() -> Account {
    Account {
        account: "123456789012".to_owned(),
        region: "eu-central-1".to_owned(),
        partition: "aws".to_owned(),
    }
}

impl Content {
    fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }
}
