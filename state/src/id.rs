//! Names: of kinds, of resources inside a stack, of things outside, of attempts.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The type of a resource, such as `lambda_function`. Lower-case words joined by `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Kind(Cow<'static, str>);

impl Kind {
    /// A kind known at compile time.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// A kind read from a file.
    pub fn named(name: impl Into<String>) -> Self {
        Self(Cow::Owned(name.into()))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The logical name of a resource inside one stack: `lambda_function.api_handler`.
///
/// It is the only key that plan, state and journal share. The `name` part of a resource that Chalice knows is Chalice's own
/// name for it (`default-role`, `rest_api`), so that the two state files speak of the same things.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    /// The type of the resource.
    pub kind: Kind,
    /// Its name among the resources of that kind in this stack.
    pub name: String,
}

impl ResourceId {
    /// The id of the resource of `kind` called `name`.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind, self.name)
    }
}

/// A text that is no resource id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no resource id: expected `<kind>.<name>`")]
pub struct BadResourceId(pub String);

impl FromStr for ResourceId {
    type Err = BadResourceId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('.') {
            Some((kind, name)) if !kind.is_empty() && !name.is_empty() => {
                Ok(Self::new(Kind::named(kind), name))
            }
            _ => Err(BadResourceId(text.to_owned())),
        }
    }
}

// A plain string, so that an id can be the key of a JSON object.
impl Serialize for ResourceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for ResourceId {
    fn schema_name() -> Cow<'static, str> {
        "ResourceId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[^.]+\\..+$",
            "description": "`<kind>.<name>`: what the state, the plan and the commands call a resource.",
        })
    }
}

impl<'de> Deserialize<'de> for ResourceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// The physical name of a thing outside: an ARN, an API id, a bucket. Opaque to all but the provider that made it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Handle(pub String);

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of one attempt to bring a thing into being. It stays the same over retries and restarts of that attempt, and a
/// kind that can carries it as a mark on the thing, so that an unknown outcome can be settled by looking.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct StepToken(pub String);

/// Which application and stage a stack of resources belongs to. The pair names everything that Chalice makes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StackId {
    /// `app_name` of the configuration.
    pub app: String,
    /// The Chalice stage (`dev`, `prod`), not the stage of an API.
    pub stage: String,
}

impl fmt::Display for StackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.app, self.stage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_form() {
        let id: ResourceId = "lambda_function.worker.v2".parse().unwrap();
        assert_eq!(
            (id.kind.as_str(), id.name.as_str()),
            ("lambda_function", "worker.v2")
        );
        assert_eq!(id.to_string(), "lambda_function.worker.v2");
    }

    #[test]
    fn a_text_without_both_parts_is_refused() {
        for text in ["", "role", ".x", "x."] {
            assert_eq!(text.parse::<ResourceId>(), Err(BadResourceId(text.to_owned())));
        }
    }
}
