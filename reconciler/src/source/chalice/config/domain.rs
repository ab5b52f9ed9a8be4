//! Custom domains, as `api_gateway_custom_domain` and `websocket_api_custom_domain` describe them.
//!
//! Chalice looks up the whole object and does not merge it. It ends in a KeyError without a name or a certificate, and takes
//! anything else for granted: an unknown key is silence, and so is a TLS version that it does not know.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::keys::kind_of;
use super::position::Path;
use super::stage::{Source, StageConfig, is_truthy};
use crate::source::chalice::diagnostic::{Place, Problem, closest};
use crate::source::chalice::names;

/// What Chalice puts in place of a TLS version that is missing or that it does not know.
const DEFAULT_TLS: &str = "TLS_1_2";
/// The TLS versions that Chalice knows.
const TLS: [&str; 3] = ["TLS_1_0", "TLS_1_1", "TLS_1_2"];
/// The keys of a custom domain that Chalice reads.
pub const DOMAIN_KEYS: [&str; 5] = [
    "domain_name",
    "certificate_arn",
    "tls_version",
    "url_prefix",
    "tags",
];

/// A custom domain and the path under which it leads to the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// The domain's name.
    pub name: String,
    /// The ARN of its certificate.
    pub certificate_arn: String,
    /// The oldest TLS version that it takes: `TLS_1_0`, `TLS_1_1` or `TLS_1_2`.
    pub tls_version: String,
    /// The path before the paths of the API, without slashes at its ends; empty for none.
    pub prefix: String,
    /// Tags of the domain.
    pub tags: BTreeMap<String, String>,
}

impl StageConfig {
    /// The domain of the REST API.
    pub fn rest_domain(&self) -> Option<Domain> {
        self.domain(names::REST_DOMAIN)
    }

    /// The domain of the WebSocket API.
    pub fn websocket_domain(&self) -> Option<Domain> {
        self.domain(names::WEBSOCKET_DOMAIN)
    }

    fn domain(&self, key: &str) -> Option<Domain> {
        let (value, _) = self.look_up(key, None)?;
        let entries = value.as_object().filter(|entries| !entries.is_empty())?;
        let text = |name: &str| entries.get(name).and_then(Value::as_str).map(str::to_owned);
        // `(none)` is Chalice's own word for the empty prefix.
        let prefix = text("url_prefix").filter(|prefix| prefix != "(none)");
        let tags = entries.get("tags").and_then(Value::as_object);
        let tags = tags.into_iter().flatten();
        Some(Domain {
            name: text("domain_name")?,
            certificate_arn: text("certificate_arn")?,
            tls_version: text("tls_version")
                .filter(|version| TLS.contains(&version.as_str()))
                .unwrap_or_else(|| DEFAULT_TLS.to_owned()),
            prefix: prefix.unwrap_or_default().trim_matches('/').to_owned(),
            tags: tags
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect(),
        })
    }

    /// What is wrong with the domain that `key` describes, as it counts for this stage. Chalice reads it only where the app has
    /// the API that it leads to.
    pub fn domain_problems(&self, key: &str) -> Vec<Problem> {
        match self.look_up(key, None) {
            Some((Value::Object(entries), Source::File(at))) if !entries.is_empty() => {
                let check = Check {
                    config: self,
                    key,
                    at,
                    entries: &entries,
                };
                check.problems()
            }
            _ => Vec::new(),
        }
    }
}

struct Check<'a> {
    config: &'a StageConfig,
    key: &'a str,
    at: Path,
    entries: &'a Map<String, Value>,
}

impl Check<'_> {
    fn problems(&self) -> Vec<Problem> {
        let missing = ["domain_name", "certificate_arn"]
            .into_iter()
            .filter(|name| !self.entries.get(*name).is_some_and(is_truthy))
            .filter(|name| {
                !self
                    .entries
                    .get(*name)
                    .is_some_and(|value| !value.is_null() && !value.is_string())
            })
            .map(|name| {
                let told = format!("`{}` has no `{name}`", self.key);
                let place = self.config.file.at(&self.at);
                let place = place.map(|place| {
                    Place::point(place.path(), place.line_number(), place.column().unwrap_or(1))
                });
                Problem::error("config::domain", told).at(place)
            });
        let entries = self.entries.iter();
        let entries = entries.filter_map(|(name, value)| self.entry(name, value));
        missing
            .chain(entries)
            .chain(self.levels())
            .chain(self.tags())
            .collect()
    }

    /// A prefix of several parts needs a regional domain and TLS 1.2 (API Gateway, "API mappings with multiple levels").
    fn levels(&self) -> Option<Problem> {
        let domain = self.config.domain(self.key)?;
        let regional =
            self.key == names::WEBSOCKET_DOMAIN || self.config.api_gateway_endpoint_type() != "EDGE";
        let why = if !domain.prefix.contains('/') {
            return None;
        } else if !regional {
            "an edge-optimised domain"
        } else if domain.tls_version != DEFAULT_TLS {
            "a domain that takes older TLS than 1.2"
        } else {
            return None;
        };
        let told = format!(
            "`url_prefix` of `{}` is `{}`: {why} takes no prefix of several parts",
            self.key, domain.prefix
        );
        let hint = "use one part, or a domain that is `REGIONAL` (`api_gateway_endpoint_type`) with TLS_1_2";
        let at = self.below(&["url_prefix"]);
        Some(
            Problem::error("config::domain", told)
                .hint(hint)
                .at(self.config.file.at(&at)),
        )
    }

    fn entry(&self, name: &str, value: &Value) -> Option<Problem> {
        let at = self.below(&[name]);
        match (name, value) {
            (name, _) if !DOMAIN_KEYS.contains(&name) => {
                let told = format!("unknown key `{name}` in `{}`", self.key);
                let mut problem = Problem::warning("config::unknown-key", told).at(self.config.file.key(&at));
                problem.hint = closest(name, DOMAIN_KEYS).map(|near| format!("did you mean `{near}`?"));
                Some(problem)
            }
            (_, Value::Null) => None,
            ("tags", Value::Object(_)) => None,
            ("tags", other) => Some(self.wrong(&at, "tags", "an object of strings", other)),
            ("tls_version", Value::String(version)) if !TLS.contains(&version.as_str()) => {
                let told = format!(
                    "`tls_version` of `{}` is `{version}`: Chalice takes {DEFAULT_TLS} in its place, and so does grail",
                    self.key
                );
                let hint = "write TLS_1_0, TLS_1_1 or TLS_1_2";
                let problem = Problem::warning("config::doubtful-value", told);
                Some(problem.hint(hint).at(self.config.file.at(&at)))
            }
            (_, Value::String(_)) => None,
            (name, other) => Some(self.wrong(&at, name, "a string", other)),
        }
    }

    fn tags(&self) -> Vec<Problem> {
        let Some(Value::Object(tags)) = self.entries.get("tags") else {
            return Vec::new();
        };
        let wrong = tags.iter().filter(|(_, value)| !value.is_string());
        wrong
            .map(|(tag, value)| {
                let at = self.below(&["tags", tag]);
                self.wrong(&at, &format!("tags.{tag}"), "a string", value)
            })
            .collect()
    }

    fn wrong(&self, at: &Path, name: &str, expected: &str, found: &Value) -> Problem {
        let found = kind_of(found);
        let told = format!("`{name}` of `{}`: expected {expected}, found {found}", self.key);
        Problem::error("config::wrong-type", told).at(self.config.file.at(at))
    }

    fn below(&self, names: &[&str]) -> Path {
        let names = names.iter().map(|name| (*name).to_owned());
        self.at.iter().cloned().chain(names).collect()
    }
}
