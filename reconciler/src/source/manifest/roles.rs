//! What may be said of a role.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::form::{Brief, Document, Phrase, Word};
use super::shape::NAME;

/// A role that functions share. It has what is said here and nothing else.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its name in AWS; without it `<app>-<stage>-<logical name>`.
    #[serde(default)]
    #[schemars(length(max = 64), extend("pattern" = NAME))]
    pub name: Option<String>,
    /// Who may assume it: a policy document, or the file of one. Without it Lambda.
    #[serde(default)]
    pub trust: Option<Brief<Document, Word>>,
    /// Inline policies by their names: documents, or files of them.
    #[serde(default)]
    pub policies: Option<BTreeMap<String, Brief<Document, Word>>>,
    /// Statements of one more inline policy, which has the role's name.
    #[serde(default)]
    pub statements: Option<Vec<Document>>,
    /// The ARN of the policy beyond which the role is allowed nothing.
    #[serde(default)]
    pub boundary: Option<Phrase>,
}

/// What a function's own role allows beside what its logs, events, network and dead letters need.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnRole {
    /// Statements.
    #[serde(default)]
    pub statements: Option<Vec<Document>>,
    /// Inline policies by their names: documents, or files of them.
    #[serde(default)]
    pub policies: Option<BTreeMap<String, Brief<Document, Word>>>,
    /// The ARN of the policy beyond which the role is allowed nothing.
    #[serde(default)]
    pub boundary: Option<Phrase>,
}
