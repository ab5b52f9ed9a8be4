//! A JSON file together with the place of every value in it.
//!
//! `serde_json` is the judge of what is JSON (as strict as Chalice's own reader) and gives the values; `jsonc-parser` reads
//! the same text once more for the positions, which `serde_json` does not keep. Values of environment variables are secrets:
//! the copy of the text that problems may show has them blotted out.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use miette::NamedSource;
use serde_json::Value;

use crate::source::chalice::diagnostic::{Place, Problem, Problems};

/// The path of a value: object keys from the root.
pub(super) type Path = Vec<String>;

/// Makes a [`Path`] of borrowed parts.
pub(super) fn path(parts: &[&str]) -> Path {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

/// A parsed JSON file that knows where everything stands.
#[derive(Clone)]
pub(super) struct Located {
    /// The values.
    pub(super) value: Value,
    source: Arc<NamedSource<String>>,
    line_starts: Vec<usize>,
    text: Arc<str>,
    keys: BTreeMap<Path, Range<usize>>,
    values: BTreeMap<Path, Range<usize>>,
}

impl Located {
    /// Reads `text`, which is shown under the name `file`. Values below a key for which `secret` is true are never shown.
    ///
    /// # Errors
    /// The place at which the text ceases to be JSON. The text itself is not shown then: where the secrets are is unknown.
    pub(super) fn parse(file: &str, text: &str, secret: fn(&str) -> bool) -> Result<Self, Problems> {
        let value: Value = serde_json::from_str(text).map_err(|error| -> Problems {
            let words = error.to_string();
            let what = words.split(" at line ").next().unwrap_or(&words).to_owned();
            let column = characters(text, error.line(), error.column());
            Problem::error(
                "config::broken-json",
                format!("`{file}` is not valid JSON: {what}"),
            )
            .hint("mend it there; JSON has no comments, and no comma after the last entry")
            .at(Place::point(file, error.line(), column.max(1)))
            .into()
        })?;
        let mut walk = Walk {
            secret,
            keys: BTreeMap::new(),
            values: BTreeMap::new(),
            secrets: Vec::new(),
        };
        // Both parsers agree on JSON; should they ever differ, positions are lost and nothing else.
        if let Ok(parsed) = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default())
            && let Some(root) = &parsed.value
        {
            walk.value(root, &mut Path::new(), false);
        }
        let shown = blot_out(text, &walk.secrets);
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Ok(Self {
            value,
            source: Arc::new(NamedSource::new(file, shown)),
            line_starts,
            text: Arc::from(text),
            keys: walk.keys,
            values: walk.values,
        })
    }

    /// Where the key at the end of `path` stands.
    pub(super) fn key(&self, path: &[String]) -> Option<Place> {
        self.keys.get(path).map(|span| self.place(span))
    }

    /// Where the value at `path` stands.
    pub(super) fn at(&self, path: &[String]) -> Option<Place> {
        self.values.get(path).map(|span| self.place(span))
    }

    fn place(&self, span: &Range<usize>) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= span.start);
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self
            .text
            .get(start..span.start)
            .map_or(1, |before| before.chars().count() + 1);
        Place::span(self.source.clone(), line, column, span.clone())
    }
}

struct Walk {
    keys: BTreeMap<Path, Range<usize>>,
    values: BTreeMap<Path, Range<usize>>,
    secrets: Vec<Range<usize>>,
    secret: fn(&str) -> bool,
}

impl Walk {
    fn value(&mut self, value: &ast::Value<'_>, at: &mut Path, hidden: bool) {
        let span = value.range().start..value.range().end;
        match value {
            ast::Value::Object(object) => {
                for property in &object.properties {
                    let name = property.name.as_str().to_owned();
                    let key = property.name.range();
                    let hidden = hidden || (self.secret)(&name);
                    at.push(name);
                    self.keys.insert(at.clone(), key.start..key.end);
                    self.value(&property.value, at, hidden);
                    at.pop();
                }
            }
            ast::Value::Array(array) => {
                for (index, element) in array.elements.iter().enumerate() {
                    at.push(index.to_string());
                    self.value(element, at, hidden);
                    at.pop();
                }
            }
            _ if hidden => self.secrets.push(span.clone()),
            _ => {}
        }
        self.values.insert(at.clone(), span);
    }
}

/// The text with every byte of the `secrets` replaced, line breaks kept, so that all positions stay.
fn blot_out(text: &str, secrets: &[Range<usize>]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for byte in secrets
        .iter()
        .filter_map(|span| text.as_bytes().get(span.clone()).map(|_| span.clone()))
        .flatten()
    {
        if let Some(byte) = bytes.get_mut(byte)
            && *byte != b'\n'
        {
            *byte = b'*';
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Turns the byte column of `serde_json` into one counted in characters.
fn characters(text: &str, line: usize, byte_column: usize) -> usize {
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
    let end = byte_column.min(line.len());
    match line.get(..end) {
        Some(before) => before.chars().count(),
        None => byte_column,
    }
}

#[cfg(test)]
mod tests {
    use miette::SourceCode as _;

    use super::*;

    const TEXT: &str = "{\n  \"é\": {\"b\": [1, \"two\"]},\n  \"environment_variables\": {\"KEY\": \"hünter2\", \"N\": 5}\n}\n";

    fn located() -> Located {
        Located::parse("config.json", TEXT, |key| key == "environment_variables").unwrap()
    }

    #[test]
    fn keys_and_values_have_line_and_column_in_characters() {
        let located = located();
        assert_eq!(located.key(&path(&["é"])).unwrap().to_string(), "config.json:2:3");
        assert_eq!(
            located.at(&path(&["é", "b", "1"])).unwrap().to_string(),
            "config.json:2:18"
        );
        assert_eq!(
            located
                .at(&path(&["environment_variables", "N"]))
                .unwrap()
                .to_string(),
            "config.json:3:52"
        );
        assert!(located.at(&path(&["nowhere"])).is_none());
    }

    #[test]
    fn the_text_that_is_shown_holds_no_secret() {
        let located = located();
        let whole = (0..TEXT.len()).into();
        let shown = located.source.read_span(&whole, 0, 0).unwrap();
        let shown = String::from_utf8_lossy(shown.data()).into_owned();
        assert!(!shown.contains("nter2") && !shown.contains('5'), "{shown}");
        assert!(shown.contains("\"KEY\"") && shown.contains("\"two\""));
        assert_eq!(shown.len(), TEXT.len());
    }

    #[test]
    fn broken_json_is_placed_and_not_quoted() {
        let problems = Located::parse("config.json", "{\n  \"app_name\": \"x\",\n}", |_| false)
            .err()
            .unwrap();
        let problem = &problems.0[0];
        assert_eq!(
            problem.to_string(),
            "`config.json` is not valid JSON: trailing comma"
        );
        assert_eq!(problem.place.as_ref().unwrap().to_string(), "config.json:3:1");
    }

    #[test]
    fn the_last_of_two_equal_keys_counts_as_in_chalice() {
        let located = Located::parse("c", "{\"a\": 1,\n \"a\": 2}", |_| false).unwrap();
        assert_eq!(located.value["a"], 2);
        assert_eq!(located.at(&path(&["a"])).unwrap().to_string(), "c:2:7");
    }
}
