//! The pure half of a type of resource: all that planning may ask.

use std::fmt;
use std::time::Duration;

use grail_state::digest::canonical;
use grail_state::template::has_stand_in;
use grail_state::{Handle, Kind, Remote, Template, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The pure half of a type of resource. No IO, no clock, no AWS types.
pub trait Rules: Send + Sync {
    /// The kind that these rules are for.
    fn kind(&self) -> Kind;

    /// Whether `spec` has the form of this kind. References may be unresolved.
    ///
    /// # Errors
    /// Every problem, with the field it is in.
    fn check(&self, spec: &Template) -> Result<(), Vec<Invalid>>;

    /// The form of `spec` that can be compared with what is observed: secrets become keyed digests, code its content
    /// digest, policies their canonical meaning; unresolved references become stand-in texts.
    ///
    /// # Errors
    /// As [`Rules::check`].
    fn project(&self, spec: &Template) -> Result<Value, Vec<Invalid>>;

    /// What must change so that `have` is as `wanted`, a projected form.
    fn compare(&self, wanted: &Value, have: &Remote) -> Diff;

    /// What must change so that `have` is as `want`. Unresolved references differ as "known after deploy".
    ///
    /// # Errors
    /// As [`Rules::check`].
    fn diff(&self, want: &Template, have: &Remote) -> Result<Diff, Vec<Invalid>> {
        Ok(self.compare(&self.project(want)?, have))
    }

    /// Steps in one lane never overlap: they read, change and write one shared thing.
    fn lane(&self, spec: &Value) -> Option<Lane>;

    /// How much longer a call may take that leads to `spec` than calls may as a rule: what the form itself asks for (the steps
    /// of a canary), not what the service needs.
    fn lasts(&self, _spec: &Value) -> Duration {
        Duration::ZERO
    }

    /// How well a deletion can be taken back.
    fn undelete(&self) -> Undelete;

    /// True if the physical name is fixed by the spec, so that a replacement must delete before it creates.
    fn name_bound(&self) -> bool;

    /// True if a deletion leaves the thing, and counts as done, where somebody still uses it. Such a thing is not deleted
    /// while something of ours stands on it that could not be removed: our own use would count as somebody's, and the thing
    /// would be forgotten.
    fn spared_in_use(&self) -> bool;

    /// True if such a thing holds what is lost with it (messages, objects, items): it is protected unless its wish says otherwise.
    fn keeps(&self) -> bool {
        false
    }

    /// Whether an addition of others, in the words in which a look tells it, can be removed by [`super::Provider::prune`].
    fn prunes(&self, _addition: &str) -> bool {
        false
    }

    /// Whether a thing of the wanted form has itself what an addition is, in the words in which a look tells it. What was somebody
    /// else's when it was told may be ours by now.
    fn defines(&self, _wanted: &Template, _addition: &str) -> bool {
        false
    }

    /// The thing of a kind of its own that such an addition to `handle` is, if it is one of ours by now.
    fn child(&self, _handle: &Handle, _addition: &str) -> Option<(Kind, Handle)> {
        None
    }

    /// Where a form of this kind says who may do what.
    fn access(&self) -> Access {
        Access::None
    }

    /// The outputs that an update may change (a digest of the contents, an id of the current version). The others stay as
    /// long as the thing lives, so that who refers to them need not be looked at again when it is updated.
    fn volatile_outputs(&self) -> &'static [&'static str];

    /// How the kind appears in Chalice's file; nothing if it does not.
    fn wires(&self) -> &'static [Wire];

    /// What looking at this kind costs.
    fn reads(&self) -> Cost;

    /// The IAM actions that this kind needs.
    fn actions(&self) -> &'static [&'static str];

    /// The JSON Schema of the spec.
    fn schema(&self) -> Value;

    /// A short physical name for messages (`shop-dev-worker`), from a projected spec.
    fn label(&self, spec: &Value) -> Option<String>;
}

/// What is wrong with a spec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}{}{why}", if .field.is_empty() { "" } else { ": " })]
pub struct Invalid {
    /// The field, as a path (`vpc.subnet_ids`); empty for the whole.
    pub field: String,
    /// What is wrong with it.
    pub why: String,
}

/// Where the form of a kind says who may do what, so that a plan can tell whom a change lets do more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Nowhere.
    #[default]
    None,
    /// A role: in `policies` what it allows, in `trust` who may assume it. Its output `arn` names it.
    Role,
    /// Code that runs as the role whose ARN is `role`.
    Runs,
    /// A statement by which `principal` may call a function for `source_arn` (of `source_account`).
    Invocation,
    /// An API: in `definition` its routes, or the digest of them, and in `endpoint_type` from where it is reached.
    Routes,
    /// An address of its own, which everybody may call where `auth` is `none`.
    Url,
}

/// A resource that steps share (`function:shop-dev`): steps that name the same lane run one after the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lane(pub String);

/// How well the deletion of a kind can be taken back (design 6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undelete {
    /// Made again, it is what it was.
    Exact,
    /// Made again, it serves as before, and some identity or stranger's addition is lost.
    Close,
    /// Its identity is lost for good: deleted only after the commit.
    Never,
}

/// What looking at a kind costs in read calls, so that tests can assert exact sums (design decision 14).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Calls for each resource of the kind that exists.
    pub each: u32,
    /// Calls for each full or partial page of `page` resources of the kind in the account.
    pub lists: u32,
    /// The size of such a page; 0 where there are no list calls.
    pub page: u32,
}

/// The difference between a wanted and an observed form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Diff {
    /// Field by field, in order of the path.
    pub fields: Vec<FieldChange>,
}

/// One field that differs. Values are projected: secrets show as digests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// Its path, such as `environment.TABLE`.
    pub path: String,
    /// What is there; `None` if the field is absent.
    pub have: Option<Value>,
    /// What is wanted; `None` if the field is to go. May hold stand-ins for what is known after the deploy only.
    pub want: Option<Value>,
    /// True if the field cannot be changed on a living resource.
    pub replaces: bool,
}

impl Diff {
    /// Compares two projected forms. A field under one of the paths in `immutable` calls for a replacement.
    ///
    /// Objects are compared key by key; everything else, lists included, as a whole. `null` and absent are the same.
    pub fn between(want: &Value, have: &Value, immutable: &[&str]) -> Self {
        let mut fields = Vec::new();
        compare("", Some(want), Some(have), &mut fields);
        for field in &mut fields {
            field.replaces = immutable.iter().any(|path| covers(path, &field.path));
        }
        Self { fields }
    }

    /// True if nothing differs.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// True if some field calls for a replacement.
    pub fn replaces(&self) -> bool {
        self.fields.iter().any(|field| field.replaces)
    }

    /// True if `path` or something below it differs.
    pub fn touches(&self, path: &str) -> bool {
        self.fields.iter().any(|field| covers(path, &field.path))
    }

    /// True if `path`, something below it, or something that holds it differs.
    pub fn concerns(&self, path: &str) -> bool {
        self.touches(path) || self.fields.iter().any(|field| covers(&field.path, path))
    }

    /// The same without what lies at, below or around one of these paths; an empty path stands for all.
    #[must_use]
    pub fn without(mut self, paths: &[String]) -> Self {
        self.fields.retain(|field| {
            let hidden = |path: &String| covers(path, &field.path) || covers(&field.path, path);
            !paths.iter().any(|path| path.is_empty() || hidden(path))
        });
        self
    }
}

impl FieldChange {
    /// True if the wanted value is known only after the deploy.
    pub fn known_after_deploy(&self) -> bool {
        self.want
            .as_ref()
            .is_some_and(|want| has_stand_in(&canonical(want)))
    }
}

impl fmt::Display for Undelete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "exact",
            Self::Close => "close",
            Self::Never => "never",
        })
    }
}

fn covers(path: &str, field: &str) -> bool {
    field == path || field.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
}

fn compare(path: &str, want: Option<&Value>, have: Option<&Value>, fields: &mut Vec<FieldChange>) {
    let want = want.filter(|value| !value.is_null());
    let have = have.filter(|value| !value.is_null());
    match (want, have) {
        (None, None) => {}
        (Some(Value::Object(wanted)), Some(Value::Object(had))) => {
            let mut keys: Vec<_> = wanted.keys().chain(had.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let below = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                compare(&below, wanted.get(key), had.get(key), fields);
            }
        }
        (want, have) if want == have => {}
        (want, have) => fields.push(FieldChange {
            path: path.to_owned(),
            have: have.cloned(),
            want: want.cloned(),
            replaces: false,
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_diff_names_each_field_and_treats_null_as_absent() {
        let want = json!({"memory": 256, "env": {"A": "1", "C": null}, "layers": ["x"], "name": "n"});
        let have = json!({"memory": 128, "env": {"A": "1", "B": "2"}, "layers": ["x"], "name": "m"});
        let diff = Diff::between(&want, &have, &["name"]);
        let paths: Vec<_> = diff
            .fields
            .iter()
            .map(|f| (f.path.as_str(), f.replaces))
            .collect();
        assert_eq!(paths, [("env.B", false), ("memory", false), ("name", true)]);
        assert!(diff.replaces() && diff.touches("env") && !diff.touches("en"));
        assert!(diff.concerns("env") && diff.concerns("memory.max") && !diff.concerns("layers"));
        assert!(Diff::between(&json!({"a": null}), &json!({}), &[]).is_empty());
        let rest = diff
            .clone()
            .without(&["env".to_owned(), "name.first".to_owned(), "mem".to_owned()]);
        assert!(rest.fields.len() == 1 && rest.touches("memory"));
        assert!(diff.without(&[String::new()]).is_empty());
    }
}
