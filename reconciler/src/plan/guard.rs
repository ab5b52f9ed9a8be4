//! What a plan may not do, whatever is wished: end what is protected, or end more than so many things at once.
//!
//! A resource is ended where it is deleted, and where it is made anew: the old one goes with all that it held. What an earlier
//! commit wanted gone and could not delete is no more the resource that is protected.
//!
//! While the configuration says what is protected, that counts. Where it says nothing, be it that it is gone, what the state
//! recorded at the last commit counts: nobody takes a protection away by taking a file away.
//!
//! Beside it each wish says whether its own thing is protected. Where it says nothing the kind counts: what holds something that
//! is lost with it (a table, a bucket, a queue) is. Of a wish that is gone, what was recorded of such a thing counts, so that it is
//! ended only after a deployment whose wish has given its protection up, or by the user's word.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use grail_providers::port::RuleBook;
use grail_state::{DesiredState, Record, ResourceId};

use super::{Action, Consent, Inputs, Plan, PlanError, Why};

/// The limits of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// What the configuration protects; `None` where it says nothing of it.
    pub protects: Option<Vec<Pattern>>,
    /// What the user has given up the protection of, for this command.
    pub lifts: Vec<Pattern>,
    /// How many things may be deleted or made anew, what others have added among them; `None` for any number.
    pub max_deletes: Option<usize>,
    /// True where nothing can be lost (the local cloud): what things hold does not protect them there.
    pub at_play: bool,
}

/// What is known of protection beside the configuration.
#[derive(Clone, Copy)]
struct Known<'a> {
    desired: &'a DesiredState,
    recorded: &'a BTreeSet<ResourceId>,
    rules: &'a dyn RuleBook,
}

impl Known<'_> {
    /// What the wish for `id` says of its protection.
    fn wished(&self, id: &ResourceId) -> Option<bool> {
        self.desired.resources.get(id).and_then(|wish| wish.protect)
    }

    /// Whether `id` is protected by what it is, whatever the configuration says.
    fn by_itself(&self, id: &ResourceId) -> bool {
        let keeps = self.rules.rules(&id.kind).is_some_and(|rules| rules.keeps());
        match self.desired.resources.get(id) {
            Some(wish) => wish.protect.unwrap_or(keeps),
            None => keeps && self.recorded.contains(id),
        }
    }
}

impl Guard {
    /// Whether `id` is protected, where `known.recorded` were at the last commit.
    fn protects(&self, id: &ResourceId, known: Known<'_>) -> bool {
        if self.lifts.iter().any(|lifted| lifted.names(id)) {
            return false;
        }
        let configured = match &self.protects {
            Some(patterns) => patterns.iter().any(|pattern| pattern.names(id)),
            None => known.recorded.contains(id) && known.wished(id) != Some(false),
        };
        configured || !self.at_play && known.by_itself(id)
    }

    /// Of what was `protected` at the last commit, what the configuration says no more, and nothing else does.
    pub fn given_up<'a>(
        &self,
        protected: &'a BTreeSet<ResourceId>,
        desired: &DesiredState,
        rules: &dyn RuleBook,
    ) -> Vec<&'a ResourceId> {
        let Some(patterns) = &self.protects else {
            return Vec::new();
        };
        let known = Known {
            desired,
            recorded: protected,
            rules,
        };
        let kept = |id: &ResourceId| patterns.iter().any(|pattern| pattern.names(id)) || known.by_itself(id);
        protected.iter().filter(|id| !kept(id)).collect()
    }

    /// The patterns of the configuration and of the user that name none of these: most likely they are misspelt.
    pub fn idle<'a>(
        &'a self,
        desired: &'a DesiredState,
        recorded: impl Iterator<Item = &'a ResourceId> + Clone,
    ) -> Vec<&'a Pattern> {
        let patterns = self.protects.iter().flatten().chain(&self.lifts);
        patterns
            .filter(|pattern| pattern.text != "*")
            .filter(|pattern| {
                let mut known = desired.resources.keys().chain(recorded.clone());
                !known.any(|id| pattern.names(id))
            })
            .collect()
    }
}

/// Names resources: `kind.name`, or a kind or a name alone, in which `*` stands for any text and `?` for any letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern {
    text: String,
}

impl Pattern {
    /// The pattern that is written so; `None` if there is nothing in it.
    pub fn written(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self {
            text: text.to_owned(),
        })
    }

    /// Whether it names `id`.
    pub fn names(&self, id: &ResourceId) -> bool {
        if self.text.contains('.') {
            return matches(&self.text, &id.to_string());
        }
        matches(&self.text, id.kind.as_str()) || matches(&self.text, &id.name)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether `text` is as `pattern` says: `*` stands for any text, `?` for any letter.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut read) = (0, 0);
    // The last star, and up to where it has been taken to reach.
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(letter) if *letter == '?' || Some(letter) == text.get(read) => {
                at += 1;
                read += 1;
            }
            _ => match star {
                Some((place, reached)) => {
                    star = Some((place, reached + 1));
                    at = place + 1;
                    read = reached + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|letter| *letter == '*')
}

/// What of `plan` goes beyond what `consent` allows. Without a guard nothing does.
pub(super) fn refusals(plan: &Plan, inputs: &Inputs<'_>) -> Vec<PlanError> {
    let consent = inputs.consent;
    let Some(guard) = &consent.guard else {
        return Vec::new();
    };
    let moved = moved(&consent.protected, &plan.moves);
    let known = Known {
        desired: inputs.desired,
        recorded: moved.as_ref().unwrap_or(&consent.protected),
        rules: inputs.rules,
    };
    let mut problems = Vec::new();
    let (mut deleted, mut replaced, mut count) = (BTreeSet::new(), BTreeSet::new(), 0);
    for step in plan.steps() {
        let Action::Delete { replaced_by } = &step.action else {
            continue;
        };
        count += 1;
        if step.why == Why::LeftOver || !guard.protects(&step.resource, known) {
            continue;
        }
        let ended = if replaced_by.is_some() {
            &mut replaced
        } else {
            &mut deleted
        };
        ended.insert(step.resource.clone());
    }
    count += plan
        .prune
        .values()
        .map(|prune| prune.children.len())
        .sum::<usize>();
    if !deleted.is_empty() || !replaced.is_empty() {
        problems.push(PlanError::Protected { deleted, replaced });
    }
    if let Some(allowed) = guard.max_deletes.filter(|allowed| count > *allowed) {
        problems.push(PlanError::TooManyDeletions { count, allowed });
    }
    problems
}

/// What the state is to record as protected once `plan` is carried out; `None` to leave that as it is.
///
/// `desired` and `recorded` are all that is wanted and known, also where the plan is for a part of it: what is outside that part
/// stays protected.
pub(crate) fn to_record(
    consent: &Consent,
    plan: &Plan,
    desired: &DesiredState,
    recorded: &BTreeMap<ResourceId, Record>,
    rules: &dyn RuleBook,
) -> Option<BTreeSet<ResourceId>> {
    let guard = consent.guard.as_ref()?;
    let moved = moved(&consent.protected, &plan.moves);
    let before = moved.as_ref().unwrap_or(&consent.protected);
    let of_itself = Known {
        desired,
        recorded: before,
        rules,
    };
    let ids = desired.resources.keys().chain(recorded.keys());
    let ids = ids.filter(|id| !plan.moves.values().any(|old| old == *id));
    let mut protected: BTreeSet<ResourceId> = match &guard.protects {
        Some(patterns) => {
            let named = ids
                .clone()
                .filter(|id| patterns.iter().any(|pattern| pattern.names(id)));
            named.cloned().collect()
        }
        None => {
            let kept = before.iter().filter(|id| of_itself.wished(id) != Some(false));
            kept.cloned().collect()
        }
    };
    if !guard.at_play {
        protected.extend(ids.filter(|id| of_itself.by_itself(id)).cloned());
    }
    (guard.protects.is_some() || protected != consent.protected).then_some(protected)
}

/// What is `protected`, under the new ids of `moves`; `None` if that is as it was.
pub(super) fn moved(
    protected: &BTreeSet<ResourceId>,
    moves: &BTreeMap<ResourceId, ResourceId>,
) -> Option<BTreeSet<ResourceId>> {
    let mut now = protected.clone();
    for (new, old) in moves {
        if now.remove(old) {
            now.insert(new.clone());
        }
    }
    (now != *protected).then_some(now)
}
