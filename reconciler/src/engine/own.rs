//! Which fields are ours to bring back (design 6.3, rule 9).
//!
//! Ours are the fields in which some form that we wrote, or may have written, differs from the pre-image. What others
//! changed meanwhile in other fields stays as it is, and is named to the user.

use grail_providers::port::{Diff, FieldChange};
use serde_json::Value;

/// The fields of one resource that we wrote since the last commit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OwnFields {
    paths: Vec<String>,
    /// A deletion was begun: whatever is gone may have gone by it.
    taken: bool,
}

impl OwnFields {
    /// The fields in which one of the `written` forms differs from the pre-image (all as projected).
    pub(crate) fn of(pre: &Value, written: &[Value]) -> Self {
        let paths = written
            .iter()
            .flat_map(|want| Diff::between(want, pre, &[]).fields)
            .map(|field| field.path)
            .collect();
        Self { paths, taken: false }
    }

    /// The same after a deletion that may have been cut off between two of its requests: what is gone is ours as well.
    #[must_use]
    pub(crate) fn and_what_is_gone(mut self, taken: bool) -> Self {
        self.taken = taken;
        self
    }

    /// Whether `whole`, kept for the way back of a deletion, says what no reading shows (what hung on the thing): then a thing that
    /// looks as it did may have been made again without that.
    pub(crate) fn may_lack(&self, whole: &Value, pre: &Value) -> bool {
        let unseen = |(key, value): (&String, &Value)| pre.get(key).is_none() && !is_nothing(value);
        self.taken && whole.as_object().is_some_and(|whole| whole.iter().any(unseen))
    }

    /// Splits a difference into what is ours to bring back and the paths that others changed.
    pub(crate) fn split(&self, diff: Diff) -> (Diff, Vec<String>) {
        let (ours, theirs): (Vec<FieldChange>, Vec<FieldChange>) = diff
            .fields
            .into_iter()
            .partition(|field| self.is_ours(&field.path, field.have.as_ref()));
        (
            Diff { fields: ours },
            theirs.into_iter().map(|field| field.path).collect(),
        )
    }

    /// The whole form to send when only own fields are brought back: `whole` with what others changed laid over it,
    /// wherever a value can be read back (a secret cannot: it keeps the value that it had).
    pub(crate) fn with_theirs(&self, whole: &Value, pre: &Value, now: &Value) -> Value {
        let mut form = whole.clone();
        self.lay_over("", &mut form, pre, now);
        form
    }

    fn is_ours(&self, path: &str, now: Option<&Value>) -> bool {
        self.has(path) || (self.taken && now.is_none_or(is_nothing))
    }

    /// Whether we wrote at, below or around `path`. An empty path stands for any.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.paths.iter().any(|own| {
            let (short, long) = if own.len() <= path.len() {
                (own.as_str(), path)
            } else {
                (path, own.as_str())
            };
            short.is_empty()
                || long == short
                || long.strip_prefix(short).is_some_and(|rest| rest.starts_with('.'))
        })
    }

    fn lay_over(&self, path: &str, form: &mut Value, pre: &Value, now: &Value) {
        if let (Value::Object(whole), Value::Object(was), Value::Object(is)) = (&mut *form, pre, now) {
            let mut keys: Vec<_> = was.keys().chain(is.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let below = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                let mut field = whole.get(key).cloned().unwrap_or_default();
                let before = field.clone();
                let absent = Value::Null;
                let (was, is) = (was.get(key).unwrap_or(&absent), is.get(key).unwrap_or(&absent));
                self.lay_over(&below, &mut field, was, is);
                if field.is_null() {
                    whole.remove(key);
                } else if field != before {
                    whole.insert(key.clone(), field);
                }
            }
        } else if pre != now && *form == *pre && !self.is_ours(path, Some(now)) {
            *form = now.clone();
        }
    }
}

/// A field that says nothing.
pub(crate) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_changed_stays_and_is_named() {
        let pre = json!({"memory": 128, "timeout": 60, "tags": {"team.a": "x"}, "env": {"A": "digest of a"}});
        let want =
            json!({"memory": 256, "timeout": 60, "tags": {"team.a": "x"}, "env": {"A": "digest of a"}});
        let now = json!({"memory": 256, "timeout": 90, "tags": {"team.a": "y", "b": "z"}, "env": {"A": "digest of b"}});
        let own = OwnFields::of(&pre, &[want]);
        let (ours, theirs) = own.split(Diff::between(&pre, &now, &[]));
        assert_eq!(
            ours.fields.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(),
            ["memory"]
        );
        assert_eq!(theirs, ["env.A", "tags.b", "tags.team.a", "timeout"]);

        let whole = json!({"memory": 128, "timeout": 60, "tags": {"team.a": "x"}, "env": {"A": "a"}});
        let form = own.with_theirs(&whole, &pre, &now);
        assert_eq!(
            form,
            json!({"memory": 128, "timeout": 90, "tags": {"team.a": "y", "b": "z"}, "env": {"A": "a"}})
        );
    }

    #[test]
    fn a_block_that_is_gone_is_ours_where_one_of_its_fields_is() {
        let pre = json!({"env": {"A": "1"}});
        let own = OwnFields::of(&pre, &[json!({"env": {"A": "2"}})]);
        let (ours, theirs) = own.split(Diff::between(&pre, &json!({}), &[]));
        assert_eq!((ours.fields.len(), theirs.len()), (1, 0));
    }

    #[test]
    fn what_a_deletion_took_is_ours_and_what_others_changed_meanwhile_is_not() {
        let pre = json!({"target": "us", "policies": {"main": 1}, "trust": "them"});
        let now = json!({"target": "", "policies": {}, "trust": "others"});
        let own = OwnFields::of(&pre, &[]).and_what_is_gone(true);
        let (ours, theirs) = own.split(Diff::between(&pre, &now, &[]));
        let paths: Vec<_> = ours.fields.iter().map(|field| field.path.as_str()).collect();
        assert_eq!(paths, ["policies.main", "target"]);
        assert_eq!(theirs, ["trust"]);
        let form = own.with_theirs(&pre, &pre, &now);
        assert_eq!(
            form,
            json!({"target": "us", "policies": {"main": 1}, "trust": "others"})
        );
    }
}
