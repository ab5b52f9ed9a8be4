//! Sees what is there: everything that is wanted, recorded or still to be deleted, at once and with as few calls as the
//! kinds allow.
//!
//! What has a handle is looked at right away. What has none is found by its natural key, which may lie in a reference (the
//! function of a permission), so it waits until what it refers to was seen. There are no rounds: a look starts when the
//! last thing that it waits for was seen. A reference that stays unknown is a stand-in text.
//!
//! Where nothing at all is recorded, it is likely that nothing is there. Then everything is looked at in one go, as if every
//! reference were to stay unknown, and what turns out to have been asked rightly is not asked again ([`Guesses`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use grail_providers::port::{Catalog, Failure, Locator, Provider, Retry};
use grail_state::template::stand_in;
use grail_state::{Kind, Observed, OutputRef, Record, ResourceId, StepToken, Template};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::call::Look;
use super::limits::Limits;

/// What was seen, by id.
pub type Observations = BTreeMap<ResourceId, Observed>;

/// A look that did not succeed.
#[derive(Debug)]
pub struct LookFailure {
    /// What was looked at.
    pub id: ResourceId,
    /// Why it could not be seen.
    pub failure: Failure,
}

/// One thing to look at.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) id: ResourceId,
    /// What we last knew of it.
    pub(crate) record: Option<Record>,
    /// Its wish, if it has one.
    pub(crate) wish: Option<Template>,
    /// The attempt that may have made it.
    pub(crate) token: Option<StepToken>,
}

/// What a round of looks came to.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) observed: Observations,
    pub(crate) failures: Vec<LookFailure>,
}

type Answer = (ResourceId, Result<Observed, Failure>);

/// Looks at all of `subjects`. `known` is what was seen before: references to it are resolved, and it is not looked at.
pub(crate) async fn observe(
    catalog: &Catalog,
    limits: &Limits,
    subjects: Vec<Subject>,
    known: &Observations,
) -> Seen {
    let mut slots = Slots::new(limits);
    let mut guesses = if known.is_empty() && subjects.iter().all(|subject| subject.record.is_none()) {
        guess(catalog, limits, &subjects, &mut slots).await
    } else {
        Guesses::new()
    };
    let mut queue = Queue::new(subjects, known);
    let mut seen = Seen {
        observed: known.clone(),
        failures: Vec::new(),
    };
    let mut in_flight: FuturesUnordered<BoxFuture<'_, Vec<Answer>>> = FuturesUnordered::new();
    loop {
        if in_flight.is_empty() && queue.ready.is_empty() {
            queue.free_all();
        }
        let (groups, guessed) = queue.take_ready(&seen.observed, &mut guesses);
        for (kind, group) in groups {
            match catalog.provider(&kind) {
                Some(provider) => launch(provider, group, limits, &slots.of(&kind), &mut in_flight),
                None => {
                    for (id, _) in group {
                        queue.answered(&id);
                        seen.failures.push(unknown_kind(id));
                    }
                }
            }
        }
        let answers = match guessed.is_empty() {
            false => Some(guessed),
            true => in_flight.next().await,
        };
        let Some(answers) = answers else {
            if queue.is_empty() {
                break;
            }
            continue;
        };
        for (id, answer) in answers {
            queue.answered(&id);
            match answer {
                Ok(observed) => {
                    seen.observed.insert(id, observed);
                }
                Err(failure) => seen.failures.push(LookFailure { id, failure }),
            }
        }
    }
    seen.observed.retain(|id, _| !known.contains_key(id));
    seen
}

/// Slots for looks: as many for each kind where rates are kept, so that those that wait for a slow one keep nobody else from
/// looking; else for all together.
struct Slots {
    of_each: bool,
    many: usize,
    shared: BTreeMap<Option<Kind>, Arc<Semaphore>>,
}

impl Slots {
    fn new(limits: &Limits) -> Self {
        Self {
            of_each: limits.steps_of_a_kind.is_some(),
            many: limits.steps().max(1),
            shared: BTreeMap::new(),
        }
    }

    fn of(&mut self, kind: &Kind) -> Arc<Semaphore> {
        let whose = self.of_each.then(|| kind.clone());
        let slots = self.shared.entry(whose);
        Arc::clone(slots.or_insert_with(|| Arc::new(Semaphore::new(self.many))))
    }
}

/// What is still to be looked at, and what each waits for.
struct Queue {
    subjects: BTreeMap<ResourceId, Subject>,
    missing: BTreeMap<ResourceId, usize>,
    followers: BTreeMap<ResourceId, Vec<ResourceId>>,
    ready: Vec<ResourceId>,
}

impl Queue {
    fn new(subjects: Vec<Subject>, known: &Observations) -> Self {
        let subjects: BTreeMap<_, _> = subjects
            .into_iter()
            .filter(|subject| !known.contains_key(&subject.id))
            .map(|subject| (subject.id.clone(), subject))
            .collect();
        let mut missing = BTreeMap::new();
        let mut followers: BTreeMap<ResourceId, Vec<ResourceId>> = BTreeMap::new();
        let mut ready = Vec::new();
        for (id, subject) in &subjects {
            let mut needed = references(subject);
            needed.retain(|other| other != id && subject.record.is_none() && subjects.contains_key(other));
            if needed.is_empty() {
                ready.push(id.clone());
            }
            missing.insert(id.clone(), needed.len());
            for other in needed {
                followers.entry(other).or_default().push(id.clone());
            }
        }
        Self {
            subjects,
            missing,
            followers,
            ready,
        }
    }

    fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    fn answered(&mut self, id: &ResourceId) {
        for follower in self.followers.remove(id).unwrap_or_default() {
            if let Some(missing) = self.missing.get_mut(&follower) {
                *missing -= 1;
                if *missing == 0 {
                    self.ready.push(follower);
                }
            }
        }
    }

    /// Wishes that refer to each other in a circle: the planner will say so; here they only must not wait for ever.
    fn free_all(&mut self) {
        self.ready = self.subjects.keys().cloned().collect();
    }

    /// What is ready, by kind; and the answers that are known already, because the question was guessed.
    fn take_ready(&mut self, observed: &Observations, guesses: &mut Guesses) -> (Groups, Vec<Answer>) {
        let mut groups = Groups::new();
        let mut guessed = Vec::new();
        for id in std::mem::take(&mut self.ready) {
            if let Some(subject) = self.subjects.remove(&id) {
                let look = look_of(&subject, observed);
                match guesses.remove(&id) {
                    Some((asked, answer)) if asked == look => guessed.push((id, answer)),
                    _ => groups.entry(id.kind.clone()).or_default().push((id, look)),
                }
            }
        }
        (groups, guessed)
    }
}

/// Looks that go out together, by kind.
type Groups = BTreeMap<Kind, Vec<(ResourceId, Look)>>;

/// Looks that were made before it was known what to ask, with what came of them.
type Guesses = BTreeMap<ResourceId, (Look, Result<Observed, Failure>)>;

/// Looks at everything as if nothing were there.
async fn guess(catalog: &Catalog, limits: &Limits, subjects: &[Subject], slots: &mut Slots) -> Guesses {
    let mut groups = Groups::new();
    for subject in subjects {
        let look = look_of(subject, &Observations::new());
        let group = groups.entry(subject.id.kind.clone()).or_default();
        group.push((subject.id.clone(), look));
    }
    let mut asked: BTreeMap<ResourceId, Look> = groups.values().flatten().cloned().collect();
    let mut in_flight = FuturesUnordered::new();
    for (kind, group) in groups {
        if let Some(provider) = catalog.provider(&kind) {
            launch(provider, group, limits, &slots.of(&kind), &mut in_flight);
        }
    }
    let answers: Vec<Vec<Answer>> = in_flight.collect().await;
    let answers = answers.into_iter().flatten();
    answers
        .filter_map(|(id, answer)| Some((id.clone(), (asked.remove(&id)?, answer))))
        .collect()
}

fn references(subject: &Subject) -> BTreeSet<ResourceId> {
    let mut refs = Vec::new();
    if let Some(wish) = &subject.wish {
        wish.refs(&mut refs);
    }
    refs.into_iter().map(|output| output.of).collect()
}

fn look_of(subject: &Subject, observed: &Observations) -> Look {
    let outputs = |output: &OutputRef| {
        let remote = observed.get(&output.of).and_then(Observed::remote);
        let value = remote.and_then(|remote| remote.outputs.get(&output.output));
        Some(value.cloned().unwrap_or_else(|| Value::String(stand_in(output))))
    };
    let wished = subject.wish.as_ref().and_then(|wish| wish.resolve(&outputs).ok());
    let recorded = subject.record.as_ref().map(|record| record.spec.clone());
    Look {
        handle: subject.record.as_ref().map(|record| record.handle.clone()),
        spec: wished.or(recorded),
        token: subject.token.clone(),
        record: subject.record.clone(),
    }
}

/// Kinds with list calls see the whole group in one; of the others each look takes a slot.
fn launch<'a>(
    provider: &Arc<dyn Provider>,
    group: Vec<(ResourceId, Look)>,
    limits: &'a Limits,
    slots: &Arc<Semaphore>,
    in_flight: &mut FuturesUnordered<BoxFuture<'a, Vec<Answer>>>,
) {
    let pieces: Vec<Vec<_>> = if provider.reads().lists > 0 {
        vec![group]
    } else {
        group.into_iter().map(|one| vec![one]).collect()
    };
    for piece in pieces {
        let (provider, slots) = (Arc::clone(provider), Arc::clone(slots));
        in_flight.push(Box::pin(async move {
            let _slot = slots.acquire_owned().await;
            look_at(&*provider, piece, limits).await
        }));
    }
}

async fn look_at(provider: &dyn Provider, group: Vec<(ResourceId, Look)>, limits: &Limits) -> Vec<Answer> {
    let locators: Vec<Locator<'_>> = group.iter().map(|(id, look)| look.locator(id)).collect();
    let mut answers = provider.observe_many(&locators).await;
    for (place, locator) in locators.iter().enumerate() {
        let Some(answer) = answers.get_mut(place) else {
            break;
        };
        let mut tries = 1;
        while let Some(after) = worth_another_try(answer, tries, limits) {
            tokio::time::sleep(after).await;
            *answer = provider.observe(*locator).await;
            tries += 1;
        }
    }
    drop(locators);
    // A provider that answers too few must not make what it left out look absent.
    let unanswered = || Err(Failure::refused("the look gave no answer for it"));
    let answers = answers.into_iter().chain(std::iter::repeat_with(unanswered));
    group.into_iter().map(|(id, _)| id).zip(answers).collect()
}

fn worth_another_try(answer: &Result<Observed, Failure>, tries: u32, limits: &Limits) -> Option<Duration> {
    let failure = answer.as_ref().err()?;
    match failure.retry {
        Retry::After(asked) | Retry::Await { after: asked, .. } if tries < limits.looks => {
            Some(limits.pause_after(tries, asked))
        }
        _ => None,
    }
}

fn unknown_kind(id: ResourceId) -> LookFailure {
    let failure = Failure::refused(format!("this grail does not know the kind `{}`", id.kind));
    LookFailure { id, failure }
}
