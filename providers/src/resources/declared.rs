//! What the types of things that hold something have in common: queues, topics, buckets, tables, streams, event buses.
//!
//! Each has a name that the wish fixes and tags that say whose it is, so that all are looked for, made and brought to a form
//! in the same way; what is asked of AWS stands with each of them. The handle is the name.
//!
//! Identity: the tag `grail` with the stage and the application, which every creation sets. A thing of our name without it
//! is somebody else's. Tags that others have set are differences like other fields, but for those that AWS reserves (`aws:`).
//!
//! What such a thing holds (messages, objects, items, records) is lost with it. So none is deleted before the commit, and the
//! planner protects all of them, unless a wish says otherwise ([`Resource::KEEPS`]).

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use grail_state::template::has_stand_in;
use grail_state::{Handle, Proof, StackId};
use serde_json::{Value, json};

use super::lambda_function;
use crate::aws::outcome::Sequence;
use crate::aws::wait;
use crate::port::{Birth, Change, Diff, Failure, Locator, Resource, Seen, Sight};

/// Tags by their keys.
pub(super) type Tags = BTreeMap<String, String>;

/// The most tags that a thing may have (AWS's general limit).
const MOST_TAGS: usize = 50;

/// A thing that is known by its name and its tags.
pub(super) trait Declared: Resource {
    /// True if the call that makes one does not say that there was one already.
    const SILENT: bool = false;

    /// Whose things these are.
    fn stack(&self) -> &StackId;

    /// The name in a form.
    fn name(spec: &Self::Spec) -> &str;

    /// What there is of this name. What is on its way out counts as absent.
    fn there(&self, name: &str) -> impl Future<Output = Result<Sight<Self::Spec>, Failure>> + Send;

    /// True for what a try that died before its mark may have left. Only asked where there was a try.
    fn is_left(&self, _there: &Seen<Self::Spec>) -> impl Future<Output = Result<bool, Failure>> + Send {
        async { Ok(false) }
    }

    /// Makes it, whole and usable; `None` if something of that name is there.
    fn make(
        &self,
        want: &Self::Spec,
        requests: &mut Sequence,
    ) -> impl Future<Output = Result<Sight<Self::Spec>, Failure>> + Send;

    /// Brings what is there to the wanted form; what it is then.
    fn settle(
        &self,
        have: Seen<Self::Spec>,
        want: &Self::Spec,
        requests: &mut Sequence,
    ) -> impl Future<Output = Result<Seen<Self::Spec>, Failure>> + Send;

    /// A reading of a thing with these tags.
    fn seen(&self, spec: Self::Spec, tags: &Tags, more: &[(&str, Value)]) -> Seen<Self::Spec> {
        let name = Self::name(&spec).to_owned();
        let mut outputs = BTreeMap::from([("name".to_owned(), json!(name))]);
        outputs.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        Seen {
            handle: Handle(name),
            spec,
            outputs,
            proof: lambda_function::proof(tags, self.stack()),
            additions: Vec::new(),
        }
    }
}

/// How many looks may miss what was made or seen before: readings lag behind. Together they take about five seconds.
const STALE: u32 = 6;

/// Waits until `look` gives something that `is_ready`. What is missing is gone, unless it was `made` just now.
pub(super) async fn until_ready<T, L, F>(
    what: &str,
    on: &'static str,
    made: bool,
    look: L,
    is_ready: impl Fn(&T) -> bool,
) -> Result<T, Failure>
where
    L: Fn() -> F,
    F: Future<Output = Result<Option<T>, Failure>>,
{
    let missing = AtomicU32::new(if made { 0 } else { STALE });
    let answer = |there: Option<T>| match there {
        Some(there) => Ok(Some(there).filter(&is_ready)),
        None if missing.fetch_add(1, Ordering::Relaxed) < STALE => Ok(None),
        None => Err(Failure::refused(format!("`{what}` is gone"))),
    };
    if let Some(ready) = answer(look().await?)? {
        return Ok(ready);
    }
    wait::until(on, || async { answer(look().await?) }).await
}

/// The names to look for, most telling first.
fn names(at: &Locator<'_>) -> Vec<String> {
    let handle = at.handle.map(|handle| handle.0.clone());
    let natural = at.spec.and_then(|spec| spec.get("name")).and_then(Value::as_str);
    let natural = natural.filter(|name| !has_stand_in(name)).map(ToOwned::to_owned);
    let mut names: Vec<_> = handle.into_iter().chain(natural).collect();
    names.dedup();
    names
}

/// Looks by the handle, else by the name of the form.
pub(super) async fn observe<K: Declared>(kind: &K, at: Locator<'_>) -> Result<Sight<K::Spec>, Failure> {
    for name in names(&at) {
        if let Some(there) = there(kind, &name, at.token.is_some()).await? {
            return Ok(Some(there));
        }
    }
    Ok(None)
}

/// What there is of this name, whose it is with regard to whether we have `tried` to make it.
async fn there<K: Declared>(kind: &K, name: &str, tried: bool) -> Result<Sight<K::Spec>, Failure> {
    let mut there = kind.there(name).await?;
    if let Some(there) = there
        .as_mut()
        .filter(|there| tried && there.proof == Proof::NameOnly)
        && kind.is_left(there).await?
    {
        there.proof = Proof::Ours;
    }
    Ok(there)
}

/// Makes one, or takes what an earlier try of ours has made.
pub(super) async fn create<K: Declared>(
    kind: &K,
    request: Birth<'_, K::Spec>,
) -> Result<Seen<K::Spec>, Failure> {
    let want = request.spec;
    let mut requests = Sequence::default();
    if (K::SILENT || !request.first)
        && let Some(there) = there(kind, K::name(want), !request.first).await?
    {
        return take(kind, there, want, &mut requests).await;
    }
    if let Some(made) = kind.make(want, &mut requests).await? {
        return Ok(made);
    }
    let Some(there) = requests.look(there(kind, K::name(want), !request.first).await)? else {
        let text = format!(
            "{} exists and cannot be seen yet, or is being deleted",
            K::name(want)
        );
        return Err(Failure::later(text, Duration::from_secs(1)));
    };
    take(kind, there, want, &mut requests).await
}

/// What stands under our name, in the wanted form, if it is ours.
async fn take<K: Declared>(
    kind: &K,
    there: Seen<K::Spec>,
    want: &K::Spec,
    requests: &mut Sequence,
) -> Result<Seen<K::Spec>, Failure> {
    let name = K::name(want).to_owned();
    if there.proof != Proof::Ours {
        return Err(Failure::foreign(format!("`{name}`")));
    }
    let form = |spec: &K::Spec| serde_json::to_value(spec).unwrap_or(Value::Null);
    let diff = Diff::between(&form(want), &form(&there.spec), K::IMMUTABLE);
    if diff.replaces() {
        let fixed = diff.fields.iter().filter(|field| field.replaces);
        let fixed: Vec<_> = fixed.map(|field| format!("`{}`", field.path)).collect();
        return Err(Failure::refused(format!(
            "`{name}` is there with another {}, which never changes",
            fixed.join(", ")
        )));
    }
    kind.settle(there, want, requests).await
}

/// Changes what differs from what was seen.
pub(super) async fn update<K: Declared>(
    kind: &K,
    request: Change<'_, K::Spec>,
) -> Result<Seen<K::Spec>, Failure> {
    let mut requests = Sequence::default();
    let have = match serde_json::from_value::<K::Spec>(request.have.clone()) {
        Ok(spec) => Seen {
            handle: request.handle.clone(),
            spec,
            outputs: request.outputs.clone(),
            proof: Proof::Ours,
            additions: Vec::new(),
        },
        Err(_) => match kind.there(&request.handle.0).await? {
            Some(there) => there,
            None => return Err(Failure::refused(format!("`{}` is gone", request.handle))),
        },
    };
    kind.settle(have, request.want, &mut requests).await
}

/// The tags to set, and the keys of those to take away.
pub(super) fn tag_changes(have: &Tags, want: &Tags) -> (Tags, Vec<String>) {
    let set = want.iter().filter(|(key, value)| have.get(*key) != Some(value));
    let set = set.map(|(key, value)| (key.clone(), value.clone())).collect();
    let spare = have.keys().filter(|key| !want.contains_key(*key)).cloned();
    (set, spare.collect())
}

/// Without the tags that AWS sets.
pub(super) fn plain_tags(tags: impl IntoIterator<Item = (String, String)>) -> Tags {
    let plain = tags.into_iter().filter(|(key, _)| !key.starts_with("aws:"));
    plain.collect()
}

/// What is wrong with tags.
pub(super) fn tag_problem(tags: &Tags) -> Option<String> {
    if let Some(key) = tags.keys().find(|key| key.starts_with("aws:")) {
        return Some(format!("`{key}`: tags that begin with `aws:` are AWS's"));
    }
    let long = |(key, value): (&String, &String)| key.chars().count() > 128 || value.chars().count() > 256;
    if let Some((key, _)) = tags.iter().find(|(key, value)| long((key, value))) {
        return Some(format!(
            "`{key}`: a key has 128 characters at most, and a value 256"
        ));
    }
    (tags.len() > MOST_TAGS).then(|| format!("{} tags, and {MOST_TAGS} are taken", tags.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(all: &[(&str, &str)]) -> Tags {
        let each = all.iter();
        each.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn tags_are_set_and_taken_away_by_their_difference() {
        let have = plain_tags(tags(&[("a", "1"), ("b", "2"), ("c", "3"), ("aws:x", "y")]));
        let (set, spare) = tag_changes(&have, &tags(&[("a", "1"), ("b", "3"), ("d", "4")]));
        assert_eq!(set, tags(&[("b", "3"), ("d", "4")]));
        assert_eq!(spare, ["c"]);
    }

    #[test]
    fn tags_that_aws_refuses_are_named() {
        assert_eq!(tag_problem(&tags(&[("team", "x")])), None);
        assert!(tag_problem(&tags(&[("aws:x", "y")])).unwrap().contains("`aws:x`"));
        assert!(tag_problem(&tags(&[("k", &"v".repeat(257))])).is_some());
        let many: Tags = (0..51).map(|n| (n.to_string(), String::new())).collect();
        assert!(tag_problem(&many).unwrap().starts_with("51 tags"));
    }
}
