//! What looks of all kinds have in common: the names under which a thing may be found, and what was found there.

use std::collections::BTreeMap;

use grail_state::{Handle, Proof, StepToken};
use serde::Serialize;
use serde_json::Value;

use super::cloud::Cloud;
use super::physics::Progress;
use super::world::World;
use crate::port::{Diff, Failure, Locator, Secured, Seen, Sight};

/// The text at `field` of a wanted or recorded form.
pub(super) fn text<'a>(spec: Option<&'a Value>, field: &str) -> Option<&'a str> {
    spec?.get(field)?.as_str()
}

/// The handle, and then the natural key.
pub(super) fn names(at: &Locator<'_>, natural: Option<String>) -> Vec<String> {
    let handle = at.handle.map(|handle| handle.0.clone());
    let mut names: Vec<_> = handle.into_iter().chain(natural).collect();
    names.dedup();
    names
}

/// The two halves of a handle such as `api/stage`.
pub(super) fn halves(handle: &str) -> (&str, &str) {
    handle.split_once('/').unwrap_or((handle, ""))
}

/// What a mark proves; nothing where there is none.
pub(super) fn by_mark(mark: Option<&String>) -> Proof {
    mark.map_or(Proof::NameOnly, |mark| Proof::Mark(StepToken(mark.clone())))
}

/// A thing as it was read.
pub(super) fn seen<S>(
    handle: impl Into<String>,
    spec: S,
    outputs: impl IntoIterator<Item = (&'static str, Value)>,
    proof: Proof,
) -> Seen<S> {
    let outputs = outputs.into_iter().map(|(name, value)| (name.to_owned(), value));
    Seen {
        handle: Handle(handle.into()),
        spec,
        outputs: outputs.collect::<BTreeMap<_, _>>(),
        proof,
        additions: Vec::new(),
    }
}

/// What restoring a form without secrets needs: all of it.
pub(super) fn whole<S: Serialize>(spec: &S) -> Result<Option<Secured>, Failure> {
    Ok(Some(Secured {
        spec: serde_json::to_value(spec).map_err(Failure::refused)?,
        artifacts: Vec::new(),
        secret: false,
        lost: Vec::new(),
    }))
}

/// A call that changes tags: its name, what it sets, what it drops.
pub(super) type Retag = (&'static str, BTreeMap<String, String>, Vec<String>);

/// The calls that bring the tags of `have` (a projected form) to those of `want`, as far as they differ.
pub(super) fn changed_tags(have: &Value, want: &BTreeMap<String, String>, diff: &Diff) -> Vec<Retag> {
    let touched = |key: &String| diff.touches(&format!("tags.{key}"));
    let set: BTreeMap<_, _> = want
        .iter()
        .filter(|(key, _)| touched(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let had = have.get("tags").and_then(Value::as_object);
    let dropped: Vec<_> = had
        .into_iter()
        .flat_map(|had| had.keys())
        .filter(|key| touched(key) && !want.contains_key(*key))
        .cloned()
        .collect();
    let calls = [
        ("TagResource", set, Vec::new()),
        ("UntagResource", BTreeMap::new(), dropped),
    ];
    calls
        .into_iter()
        .filter(|(_, set, dropped)| !set.is_empty() || !dropped.is_empty())
        .collect()
}

impl Cloud {
    /// Looks under one name after the other until something is there.
    pub(super) async fn find<S>(
        &self,
        operation: &'static str,
        names: Vec<String>,
        see: impl Fn(&World, &str) -> Option<Seen<S>>,
    ) -> Result<Sight<S>, Failure> {
        for name in names {
            if let Some(seen) = self.read(operation, &name, |world| see(world, &name)).await? {
                return Ok(Some(seen));
            }
        }
        Ok(None)
    }

    /// What a call that made or changed `name` leaves behind.
    pub(super) async fn left<S>(
        &self,
        operation: &'static str,
        name: &str,
        progress: &Progress,
        see: impl FnOnce(&World, &str) -> Option<Seen<S>>,
    ) -> Result<Seen<S>, Failure> {
        let found = self.read(operation, name, |world| see(world, name)).await;
        let found = found.map_err(|failure| progress.fail(failure))?;
        found.ok_or_else(|| progress.gone(name))
    }
}
