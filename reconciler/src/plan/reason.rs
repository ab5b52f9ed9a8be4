//! Why something differs: the third leg of the comparison. What is recorded explains a difference and never decides one.

use grail_providers::port::Diff;
use serde_json::{Map, Value};

use super::Why;

/// Why the fields of `diff`, which is `wanted` against `have`, differ.
///
/// `recorded` is the form that we last wrote or saw; `None` or `Null` if we never did. Secrets that are recorded under
/// another key say nothing, and so are never taken for a change made outside.
pub(super) fn of_update(diff: &Diff, wanted: &Value, have: &Value, recorded: Option<&Value>) -> Why {
    let Some(recorded) = recorded.filter(|spec| !spec.is_null()) else {
        return Why::Adopted;
    };
    let recorded = comparable(recorded, have);
    let outside = Diff::between(have, &recorded, &[]);
    let config = Diff::between(wanted, &recorded, &[]);
    let (mut by_config, mut by_outside, mut by_dependency) = (false, false, false);
    for field in &diff.fields {
        let drifted = overlaps(&outside, &field.path);
        by_outside |= drifted;
        if field.known_after_deploy() {
            by_dependency = true;
        } else {
            by_config |= overlaps(&config, &field.path);
        }
    }
    match (by_config, by_outside) {
        (true, true) => Why::Both,
        (true, false) => Why::ConfigurationChanged,
        (false, true) => Why::ChangedOutside,
        (false, false) if by_dependency => Why::DependencyChanged,
        (false, false) => Why::ConfigurationChanged,
    }
}

/// Whether two projected forms say the same, as far as they can be compared.
pub(super) fn same_form(have: &Value, recorded: &Value) -> bool {
    Diff::between(have, recorded, &[]).is_empty()
}

/// `recorded` with every secret that was digested under another key than its counterpart in `have` replaced by that: what
/// cannot be compared does not differ.
pub(super) fn comparable(recorded: &Value, have: &Value) -> Value {
    match (recorded, have) {
        (Value::Object(was), Value::Object(is)) => {
            Value::Object(Map::from_iter(was.iter().map(|(key, item)| {
                let item = is
                    .get(key)
                    .map_or_else(|| item.clone(), |now| comparable(item, now));
                (key.clone(), item)
            })))
        }
        (Value::Array(was), Value::Array(is)) if was.len() == is.len() => {
            Value::Array(was.iter().zip(is).map(|(was, is)| comparable(was, is)).collect())
        }
        (Value::String(was), Value::String(is)) => match (key_of(was), key_of(is)) {
            (Some(old), Some(new)) if old != new => have.clone(),
            _ => recorded.clone(),
        },
        _ => recorded.clone(),
    }
}

/// The key id of a keyed digest (`secret:<key id>:<digits>`).
fn key_of(text: &str) -> Option<&str> {
    text.strip_prefix("secret:")?.split_once(':').map(|(key, _)| key)
}

fn overlaps(diff: &Diff, path: &str) -> bool {
    diff.touches(path)
        || diff.fields.iter().any(|field| {
            path.strip_prefix(field.path.as_str())
                .is_some_and(|rest| rest.starts_with('.'))
        })
}
