//! What every type of resource must keep to, tried on any catalogue: the model kinds over their make-believe cloud, the real
//! ones over an emulator.
//!
//! The rules are those of the port's contract and of CloudFormation's for resource types, in words that a type can be held
//! to. They know no kind: what a kind needs around it, and what it looks like, is the [`Ground`]'s to say. Each rule is tried
//! on a thing of its own, so that one that is broken hides no other.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use grail_state::{Kind, ResourceId};
use serde_json::Value;

use crate::port::Catalog;

mod rules;
#[cfg(test)]
mod tests;
mod trial;

/// A thing to try the rules on.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its logical name.
    pub id: ResourceId,
    /// Its whole form, resolved. What it refers to exists.
    pub spec: Value,
    /// Another form of the same thing, to which it can be changed; `None` where nothing of it can be.
    pub changed: Option<Value>,
}

/// Where the rules are tried.
#[async_trait]
pub trait Ground: Send + Sync {
    /// The kinds.
    fn catalog(&self) -> &Catalog;

    /// Prepares all that a thing of `kind` needs, and says what it is to be. Every answer is another thing. `None` where the
    /// ground cannot have one.
    async fn sample(&self, kind: &Kind) -> Option<Sample>;

    /// Puts somebody else's thing where the sample's would be. False where nobody else's can be there: the service chooses
    /// the id, or the place is a part of what is ours.
    async fn squat(&self, sample: &Sample) -> bool;

    /// How many requests were made that change something.
    fn writes(&self) -> usize;

    /// How long a call may be told that something is not ready before that counts as its answer.
    fn patience(&self) -> Duration {
        Duration::from_secs(3600)
    }

    /// What others have, in full: the rules see that it stays.
    async fn strangers(&self) -> Value;
}

/// A rule of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// The same birth a second time gives the same thing.
    CreateCreate,
    /// What was made is seen, by its handle and without it.
    CreateRead,
    /// What was changed is seen, under the same handle (or one that a volatile output tells), and changing it again is harmless.
    UpdateRead,
    /// A change of what is gone does not succeed with nothing there.
    UpdateGone,
    /// What was deleted is not seen.
    DeleteRead,
    /// Deleting it again is harmless.
    DeleteDelete,
    /// It can be made again.
    DeleteCreate,
    /// What was made shows that it is ours, and goes on doing so when it was changed.
    Marks,
    /// A look changes nothing.
    LooksOnly,
    /// What was kept of it brings it back.
    SecureRestore,
    /// Somebody else's thing in its place is refused and left as it is.
    Foreign,
    /// A wish and what came of it are equal as projected, and each form as its kind reads it.
    Projection,
    /// A look takes forms of any age: with stand-ins, as projected, or none.
    Lenient,
    /// Chalice's file leads back to it.
    Wires,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::CreateCreate,
        Self::CreateRead,
        Self::UpdateRead,
        Self::UpdateGone,
        Self::DeleteRead,
        Self::DeleteDelete,
        Self::DeleteCreate,
        Self::Marks,
        Self::LooksOnly,
        Self::SecureRestore,
        Self::Foreign,
        Self::Projection,
        Self::Lenient,
        Self::Wires,
    ];
}

/// What came of trying one rule on one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is kept.
    Kept,
    /// It says nothing here: the ground has no such thing, or the kind no such case.
    Silent,
    /// It is broken.
    Broken(String),
}

/// The verdicts on all kinds of a catalogue.
#[derive(Clone, Debug, Default)]
pub struct Verdicts(pub BTreeMap<(Kind, Rule), Verdict>);

impl Verdicts {
    /// The rules that are broken.
    pub fn broken(&self) -> impl Iterator<Item = (&Kind, Rule, &str)> {
        self.0.iter().filter_map(|((kind, rule), verdict)| match verdict {
            Verdict::Broken(how) => Some((kind, *rule, how.as_str())),
            Verdict::Kept | Verdict::Silent => None,
        })
    }

    /// How many rules were tried and kept.
    pub fn kept(&self) -> usize {
        self.0
            .values()
            .filter(|verdict| **verdict == Verdict::Kept)
            .count()
    }

    /// The rules that said nothing about `kind`.
    pub fn silent(&self, kind: &Kind) -> Vec<Rule> {
        let of_kind = self.0.iter().filter(|((of, _), _)| of == kind);
        of_kind
            .filter(|(_, verdict)| **verdict == Verdict::Silent)
            .map(|((_, rule), _)| *rule)
            .collect()
    }
}

impl fmt::Display for Verdicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, rule, how) in self.broken() {
            writeln!(f, "{kind} breaks {rule:?}: {how}")?;
        }
        Ok(())
    }
}

/// Tries every rule on every kind of the ground's catalogue.
pub async fn judge(ground: &dyn Ground) -> Verdicts {
    let mut verdicts = Verdicts::default();
    for provider in ground.catalog().iter() {
        for rule in Rule::ALL {
            let verdict = judge_one(ground, &provider.kind(), rule).await;
            verdicts.0.insert((provider.kind(), rule), verdict);
        }
    }
    verdicts
}

/// Tries one rule on one kind.
pub async fn judge_one(ground: &dyn Ground, kind: &Kind, rule: Rule) -> Verdict {
    let (Some(provider), Some(sample)) = (ground.catalog().provider(kind), ground.sample(kind).await) else {
        return Verdict::Silent;
    };
    let trial = trial::Trial::new(ground, &**provider, sample);
    match rules::keeps(&trial, rule).await {
        Ok(true) => Verdict::Kept,
        Ok(false) => Verdict::Silent,
        Err(how) => Verdict::Broken(how),
    }
}
