//! JSON with references: the form in which a source states what it wants before everything is known.
//!
//! A [`Template`] is plain JSON save for two nodes, a reference to an output of another resource and a join of parts into
//! one string. They are written `{"=ref": "<kind>.<name>/<output>"}` and `{"=join": [..]}`; the `=` keeps them apart from the
//! `$ref` of API documents. Resolving needs a look-up function only, so this file knows nothing of plans or providers.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::id::ResourceId;

const REF: &str = "=ref";
const JOIN: &str = "=join";

/// An output (such as `arn`) of another resource of the same stack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputRef {
    /// The resource that has the output.
    pub of: ResourceId,
    /// The name of the output.
    pub output: String,
}

impl fmt::Display for OutputRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.of, self.output)
    }
}

/// JSON in which a value may stand for an output that is not known yet. A form may hold secrets in clear, so that `Debug`
/// shows the references alone.
#[derive(Clone, PartialEq)]
pub enum Template {
    /// A value that holds no reference.
    Lit(Value),
    /// A list, some element of which may hold a reference.
    List(Vec<Template>),
    /// An object, some value of which may hold a reference.
    Map(BTreeMap<String, Template>),
    /// The value of an output.
    Ref(OutputRef),
    /// The texts of the parts, one after the other.
    Join(Vec<Template>),
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut refs = Vec::new();
        self.refs(&mut refs);
        let refs: Vec<_> = refs.iter().map(ToString::to_string).collect();
        f.debug_struct("Template")
            .field("refs", &refs)
            .finish_non_exhaustive()
    }
}

/// A reference that could not be resolved.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unresolved {
    /// The output is not known (yet).
    #[error("`{0}` is not known yet")]
    Unknown(OutputRef),
    /// A join met a value that is no text and no number.
    #[error("only text can be joined, and a part of this one is {0}")]
    NotText(String),
}

/// Looks up the value of an output.
pub type Lookup<'a> = dyn Fn(&OutputRef) -> Option<Value> + 'a;

impl Template {
    /// A reference to `output` of `of`.
    pub fn reference(of: ResourceId, output: impl Into<String>) -> Self {
        Self::Ref(OutputRef {
            of,
            output: output.into(),
        })
    }

    /// An object of the given entries.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Template)>) -> Self {
        Self::Map(entries.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }

    /// The value with every reference replaced by what `lookup` knows.
    ///
    /// # Errors
    /// The first reference that is unknown, or a join of something that is no text.
    pub fn resolve(&self, lookup: &Lookup<'_>) -> Result<Value, Unresolved> {
        match self {
            Self::Lit(value) => Ok(value.clone()),
            Self::List(items) => items
                .iter()
                .map(|item| item.resolve(lookup))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            Self::Map(entries) => {
                let mut object = Map::new();
                for (key, item) in entries {
                    object.insert(key.clone(), item.resolve(lookup)?);
                }
                Ok(Value::Object(object))
            }
            Self::Ref(output) => lookup(output).ok_or_else(|| Unresolved::Unknown(output.clone())),
            Self::Join(parts) => {
                let mut text = String::new();
                for part in parts {
                    text.push_str(&as_text(&part.resolve(lookup)?)?);
                }
                Ok(Value::String(text))
            }
        }
    }

    /// The template with every known reference replaced; unknown ones stay as they are.
    #[must_use]
    pub fn resolve_known(&self, lookup: &Lookup<'_>) -> Template {
        if let Ok(value) = self.resolve(lookup) {
            return Self::Lit(value);
        }
        match self {
            Self::Lit(_) => self.clone(),
            Self::Ref(_) => self.clone(),
            Self::List(items) => Self::List(items.iter().map(|item| item.resolve_known(lookup)).collect()),
            Self::Map(entries) => Self::Map(
                entries
                    .iter()
                    .map(|(k, v)| (k.clone(), v.resolve_known(lookup)))
                    .collect(),
            ),
            Self::Join(parts) => Self::Join(parts.iter().map(|part| part.resolve_known(lookup)).collect()),
        }
    }

    /// The value with a recognisable stand-in text, [`stand_in`], for every reference: for checking a form before its
    /// references are known.
    pub fn with_stand_ins(&self) -> Value {
        self.resolve(&|output| Some(Value::String(stand_in(output))))
            .unwrap_or(Value::Null)
    }

    /// Appends every reference in the template, in reading order, with repetitions.
    pub fn refs(&self, acc: &mut Vec<OutputRef>) {
        match self {
            Self::Lit(_) => {}
            Self::Ref(output) => acc.push(output.clone()),
            Self::List(items) | Self::Join(items) => items.iter().for_each(|item| item.refs(acc)),
            Self::Map(entries) => entries.values().for_each(|item| item.refs(acc)),
        }
    }

    /// True where nothing is left to resolve.
    pub fn is_known(&self) -> bool {
        let mut refs = Vec::new();
        self.refs(&mut refs);
        refs.is_empty()
    }

    /// The part at `key`, where the template is an object.
    pub fn get(&self, key: &str) -> Option<Template> {
        match self {
            Self::Map(entries) => entries.get(key).cloned(),
            Self::Lit(Value::Object(object)) => object.get(key).cloned().map(Self::Lit),
            _ => None,
        }
    }

    /// The template's written form (see the module).
    pub fn to_value(&self) -> Value {
        match self {
            Self::Lit(value) => value.clone(),
            Self::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Self::Map(entries) => {
                Value::Object(entries.iter().map(|(k, v)| (k.clone(), v.to_value())).collect())
            }
            Self::Ref(output) => marker(REF, Value::String(output.to_string())),
            Self::Join(parts) => marker(JOIN, Value::Array(parts.iter().map(Self::to_value).collect())),
        }
    }

    /// Reads the written form. What looks like a marker but is none stays a literal.
    pub fn from_value(value: Value) -> Self {
        match value {
            Value::Array(items) => Self::collect_list(items.into_iter().map(Self::from_value).collect()),
            Value::Object(object) => Self::from_object(object),
            plain => Self::Lit(plain),
        }
    }

    fn from_object(object: Map<String, Value>) -> Self {
        if object.len() == 1 {
            if let Some(output) = object.get(REF).and_then(Value::as_str).and_then(parse_ref) {
                return Self::Ref(output);
            }
            if let Some(Value::Array(parts)) = object.get(JOIN) {
                return Self::Join(parts.iter().cloned().map(Self::from_value).collect());
            }
        }
        let entries: BTreeMap<_, _> = object
            .into_iter()
            .map(|(k, v)| (k, Self::from_value(v)))
            .collect();
        if entries.values().all(|item| matches!(item, Self::Lit(_))) {
            let literal = |item: Self| {
                if let Self::Lit(value) = item {
                    value
                } else {
                    Value::Null
                }
            };
            return Self::Lit(Value::Object(
                entries.into_iter().map(|(k, v)| (k, literal(v))).collect(),
            ));
        }
        Self::Map(entries)
    }

    fn collect_list(items: Vec<Template>) -> Self {
        if items.iter().all(|item| matches!(item, Self::Lit(_))) {
            let literal = |item: Self| {
                if let Self::Lit(value) = item {
                    value
                } else {
                    Value::Null
                }
            };
            return Self::Lit(Value::Array(items.into_iter().map(literal).collect()));
        }
        Self::List(items)
    }
}

impl From<Value> for Template {
    fn from(value: Value) -> Self {
        Self::from_value(value)
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer)
            .map(Self::from_value)
            .map_err(D::Error::custom)
    }
}

/// How a [`stand_in`] begins; it ends with the next `)`.
pub const STAND_IN: &str = "(known after deploy: ";

/// The text that stands for an unknown output in a value that is only looked at, never sent.
pub fn stand_in(output: &OutputRef) -> String {
    format!("{STAND_IN}{output})")
}

/// True for a text that holds a [`stand_in`].
pub fn has_stand_in(text: &str) -> bool {
    text.contains(STAND_IN)
}

fn marker(key: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), value)]))
}

fn parse_ref(text: &str) -> Option<OutputRef> {
    let (of, output) = text.rsplit_once('/')?;
    Some(OutputRef {
        of: of.parse().ok()?,
        output: output.to_owned(),
    })
}

fn as_text(value: &Value) -> Result<String, Unresolved> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(Unresolved::NotText(crate::digest::canonical(other))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::id::Kind;

    fn role_arn() -> OutputRef {
        OutputRef {
            of: ResourceId::new(Kind::new("iam_role"), "default-role"),
            output: "arn".into(),
        }
    }

    #[test]
    fn a_template_survives_its_written_form() {
        let written = json!({"role": {"=ref": "iam_role.default-role/arn"}, "uri": {"=join": ["a/", {"=ref": "iam_role.default-role/arn"}]}, "plain": [1, {"$ref": "#/x"}]});
        let template = Template::from_value(written.clone());
        assert_eq!(template.to_value(), written);
        let mut refs = Vec::new();
        template.refs(&mut refs);
        assert_eq!(refs, [role_arn(), role_arn()]);
        let known = template.resolve(&|_| Some(json!("ARN"))).unwrap();
        assert_eq!(
            known,
            json!({"role": "ARN", "uri": "a/ARN", "plain": [1, {"$ref": "#/x"}]})
        );
    }

    #[test]
    fn debug_shows_references_and_no_value() {
        let template = Template::from_value(json!({
            "role": {"=ref": "iam_role.default-role/arn"}, "environment": {"PASSWORD": "hunter2"},
        }));
        let shown = format!("{template:?}");
        assert!(
            shown.contains("iam_role.default-role/arn") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    #[test]
    fn an_unknown_reference_is_named() {
        let template = Template::Join(vec![Template::Lit(json!("x")), Template::Ref(role_arn())]);
        assert_eq!(template.resolve(&|_| None), Err(Unresolved::Unknown(role_arn())));
        assert!(!template.resolve_known(&|_| None).is_known());
        assert!(has_stand_in(template.with_stand_ins().as_str().unwrap()));
    }
}
