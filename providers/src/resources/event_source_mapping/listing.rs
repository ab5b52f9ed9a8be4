//! Looking: by UUID, by function and source, and at many at once.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use grail_state::Proof;
use grail_state::template::has_stand_in;
use serde_json::Value;

use super::EventSourceMapping;
use super::form::Spec;
use super::mapping::Mapping;
use super::writing::seen;
use crate::aws::Outcome;
use crate::port::{Failure, Locator, Seen, Sight};

/// How many mappings one answer of `ListEventSourceMappings` holds at most (API reference).
pub(super) const PAGE: u32 = 100;
/// How many looks at single mappings are under way at once.
const AT_ONCE: usize = 8;

/// Before another look at a mapping on which something is going on.
const AFTER_MOVING: Duration = Duration::from_secs(1);

type Sights = Vec<Result<Sight<Spec>, Failure>>;

/// What a look is for.
pub(super) struct Sought<'a> {
    uuid: Option<&'a str>,
    function: Option<&'a str>,
    source: Option<&'a str>,
    position: Option<&'a str>,
}

impl<'a> Sought<'a> {
    pub(super) fn new(at: &Locator<'a>) -> Self {
        let field = |name: &str| {
            let text = at.spec.and_then(|spec| spec.get(name)).and_then(Value::as_str);
            text.filter(|text| !has_stand_in(text))
        };
        Self {
            uuid: at.handle.map(|handle| handle.0.as_str()),
            function: field("function"),
            source: field("source_arn"),
            position: field("starting_position"),
        }
    }

    fn key(&self) -> Option<(&'a str, &'a str)> {
        self.function.zip(self.source)
    }

    /// The one that is meant among `mappings`.
    fn find<'m>(&self, mappings: &'m BTreeMap<String, Mapping>) -> Option<&'m Mapping> {
        let by_uuid = self.uuid.and_then(|uuid| mappings.get(uuid));
        by_uuid
            .filter(|mapping| !mapping.is_leaving())
            .or_else(|| self.key().and_then(|key| living(key, mappings.values())))
    }

    /// A mapping is part of its function: ours if that is the function that is ours. One on which something is going on is
    /// awaited: after a lost answer that is ours, and it is done only when it has ended.
    fn seen(&self, mapping: &Mapping) -> Result<Sight<Spec>, Failure> {
        let Some(form) = mapping.form(self.position) else {
            return Ok(None);
        };
        let ours = self.function == Some(mapping.function_arn.as_str());
        if ours && mapping.is_moving() {
            let told = format!(
                "the event source mapping {} is being made or changed",
                mapping.uuid
            );
            let on = "a change of the event source mapping to end";
            return Err(Failure::awaiting(told, AFTER_MOVING, on));
        }
        Ok(Some(Seen {
            proof: if ours { Proof::Ours } else { Proof::NameOnly },
            additions: mapping.additions.clone(),
            ..seen(&mapping.uuid, &form)
        }))
    }
}

/// The mapping of a source to a function that is not on its way out. Lambda keeps one; of several (emulators keep as many
/// as are made) the first by UUID.
pub(super) fn living<'m>(
    (function, source): (&str, &str),
    mappings: impl IntoIterator<Item = &'m Mapping>,
) -> Option<&'m Mapping> {
    mappings
        .into_iter()
        .filter(|one| one.function_arn == function && one.source_arn == source && !one.is_leaving())
        .min_by(|one, other| one.uuid.cmp(&other.uuid))
}

impl EventSourceMapping {
    /// The mapping `uuid`, in whatever state.
    pub(super) async fn mapping(&self, uuid: &str) -> Result<Option<Mapping>, Failure> {
        let request = self.read().get_event_source_mapping().uuid(uuid);
        let answer = request.send().await.found("lambda:GetEventSourceMapping")?;
        Ok(answer.map(Mapping::from))
    }

    /// All mappings of a source to a function, those on their way out too.
    pub(super) async fn mappings_of(&self, key: (&str, &str)) -> Result<Vec<Mapping>, Failure> {
        let mut found = Vec::new();
        let mut marker = None;
        loop {
            let (page, next) = self.page(Some(key), marker).await?;
            found.extend(page);
            match next {
                Some(next) => marker = Some(next),
                None => return Ok(found),
            }
        }
    }

    /// One page of the mappings of `key`, or of all; and where the next one begins. A function that is gone has none.
    async fn page(
        &self,
        key: Option<(&str, &str)>,
        marker: Option<String>,
    ) -> Result<(Vec<Mapping>, Option<String>), Failure> {
        let (function, source) = key.unzip();
        let answer = self
            .read()
            .list_event_source_mappings()
            .set_function_name(function.map(ToOwned::to_owned))
            .set_event_source_arn(source.map(ToOwned::to_owned))
            .set_marker(marker)
            .send()
            .await;
        let Some(answer) = answer.found("lambda:ListEventSourceMappings")? else {
            return Ok((Vec::new(), None));
        };
        let mappings = answer.event_source_mappings.unwrap_or_default();
        let next = answer.next_marker.filter(|marker| !marker.is_empty());
        Ok((mappings.into_iter().map(Mapping::from).collect(), next))
    }

    /// Looks at one.
    pub(super) async fn look(&self, sought: &Sought<'_>) -> Result<Sight<Spec>, Failure> {
        if let Some(uuid) = sought.uuid
            && let Some(mapping) = self.mapping(uuid).await?.filter(|mapping| !mapping.is_leaving())
        {
            return sought.seen(&mapping);
        }
        let Some(key) = sought.key() else {
            return Ok(None);
        };
        let mappings = self.mappings_of(key).await?;
        living(key, &mappings).map_or(Ok(None), |mapping| sought.seen(mapping))
    }

    /// Looks at many: through the lists as far as they lead, and alone at what is left.
    pub(super) async fn look_at_all(&self, sought: &[Sought<'_>]) -> Sights {
        let (mappings, whole) = match sought.len() {
            0 | 1 => (BTreeMap::new(), false),
            _ => self.gather(sought).await,
        };
        let listed = |one: &Sought<'_>| one.find(&mappings).map(|mapping| one.seen(mapping));
        let mut sights = Vec::with_capacity(sought.len());
        for some in sought.chunks(AT_ONCE) {
            let looks = some.iter().map(|one| async {
                match listed(one) {
                    Some(sight) => sight,
                    None if whole => Ok(None),
                    None => self.look(one).await,
                }
            });
            sights.extend(join_all(looks).await);
        }
        sights
    }

    /// The mappings of the account by UUID, and whether that is all of them. Ends early when every handle was seen, after as
    /// many pages as there are looks, and where a page cannot be had: then the single looks say why.
    async fn gather(&self, sought: &[Sought<'_>]) -> (BTreeMap<String, Mapping>, bool) {
        let mut found = BTreeMap::new();
        let mut marker = None;
        for _ in sought {
            let Ok((page, next)) = self.page(None, marker).await else {
                return (found, false);
            };
            found.extend(page.into_iter().map(|mapping| (mapping.uuid.clone(), mapping)));
            let all_seen = sought
                .iter()
                .all(|one| one.uuid.is_some_and(|uuid| found.contains_key(uuid)));
            match next {
                None => return (found, true),
                Some(_) if all_seen => return (found, false),
                Some(next) => marker = Some(next),
            }
        }
        (found, false)
    }
}
