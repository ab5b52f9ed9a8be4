//! From decisions to steps in order.
//!
//! The build makes things in order of their dependencies, then deletes, dependents first, behind all that is made. What is
//! replaced in its place is cleared before it is made, dependents that are replaced or that go for good before it.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use grail_state::ResourceId;

use super::decide::{Decided, Fate};
use super::graph::{self, Before};
use super::replace::Manner;
use super::retire::{Going, GoingKey, Retired};
use super::{Action, Step, StepId, Why};

/// A step before it has a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    /// The deletion that makes room for a replacement.
    Clear(ResourceId),
    /// A creation or an update.
    Make(ResourceId),
    /// A deletion for good.
    Retire(GoingKey),
}

/// The steps of build and sweep.
pub(super) fn arrange<'a>(
    order: &[ResourceId],
    needs: &Before<ResourceId>,
    mut decided: BTreeMap<&'a ResourceId, Decided<'a>>,
    mut retired: Retired,
) -> (Vec<Step>, Vec<Step>) {
    let mut before = making(order, needs, &decided);
    let firsts: BTreeSet<_> = before.values().flatten().cloned().collect();
    let lasts: BTreeSet<_> = before
        .keys()
        .filter(|node| !firsts.contains(*node))
        .cloned()
        .collect();
    let leaving = retiring(&retired, false);
    let early = before_clearing(&retired, &leaving, &mut before);
    before.extend(leaving.into_iter().map(|(node, mut needs)| {
        if !early.contains(&node) {
            needs.extend(lasts.iter().cloned());
        }
        (node, needs)
    }));
    let after_commit = retiring(&retired, true);
    let desired_rank = |id: &ResourceId| decided.get(id).map_or(0, |one| one.desired.rank);
    let priority = |node: &Node| match node {
        Node::Clear(id) | Node::Make(id) => (0, i64::from(desired_rank(id))),
        Node::Retire(key) => (
            1,
            retired.going.get(key).map_or(0, |going| -i64::from(going.rank)),
        ),
    };
    let build = in_order(&before, priority);
    let sweep = in_order(&after_commit, priority);
    let places: BTreeMap<&Node, StepId> = build
        .iter()
        .chain(&sweep)
        .zip(0..)
        .map(|(node, at)| (node, StepId(at)))
        .collect();
    let mut forge = Forge {
        needs,
        places: &places,
        decided: &mut decided,
        retired: &mut retired,
    };
    let build = build
        .iter()
        .filter_map(|node| forge.step(node, &before))
        .collect();
    let sweep = sweep
        .iter()
        .filter_map(|node| forge.step(node, &after_commit))
        .collect();
    (build, sweep)
}

/// What is cleared and made, and in which order.
fn making(
    order: &[ResourceId],
    needs: &Before<ResourceId>,
    decided: &BTreeMap<&ResourceId, Decided<'_>>,
) -> Before<Node> {
    let chosen = |wanted: &dyn Fn(&Fate) -> bool| -> BTreeSet<ResourceId> {
        decided
            .iter()
            .filter(|(_, one)| wanted(&one.fate))
            .map(|(id, _)| (*id).clone())
            .collect()
    };
    let made = chosen(&|fate| !matches!(fate, Fate::Keep(_)));
    let cleared = chosen(&|fate| matches!(fate, Fate::Replace(Manner::InItsPlace, _)));
    let mut before: Before<Node> = Before::new();
    let makers = graph::nearest(order, needs, &made);
    for id in &made {
        let firsts = makers.get(id).into_iter().flatten().cloned().map(Node::Make);
        before.insert(Node::Make(id.clone()), firsts.collect());
    }
    let backwards: Vec<_> = order.iter().rev().cloned().collect();
    let needed_by = graph::reversed(needs);
    let dependents = graph::nearest(&backwards, &needed_by, &cleared);
    let parents = graph::nearest(order, needs, &cleared);
    for id in &cleared {
        let mut firsts: BTreeSet<_> = dependents
            .get(id)
            .into_iter()
            .flatten()
            .cloned()
            .map(Node::Clear)
            .collect();
        // Kept short is the time without it: what it needs is made first, unless that has to wait for this very clearing.
        if parents.get(id).is_none_or(BTreeSet::is_empty) {
            firsts.extend(makers.get(id).into_iter().flatten().cloned().map(Node::Make));
        }
        before.insert(Node::Clear(id.clone()), firsts);
        before
            .entry(Node::Make(id.clone()))
            .or_default()
            .insert(Node::Clear(id.clone()));
    }
    before
}

/// The deletions of one phase: dependents first.
fn retiring(retired: &Retired, sweep: bool) -> Before<Node> {
    let going: BTreeMap<&GoingKey, &Going> = retired
        .going
        .iter()
        .filter(|(_, going)| going.sweep == sweep)
        .collect();
    let mut before: Before<Node> = going
        .keys()
        .map(|key| (Node::Retire((*key).clone()), BTreeSet::new()))
        .collect();
    let mut namesakes: BTreeMap<&ResourceId, Vec<&GoingKey>> = BTreeMap::new();
    for key in going.keys() {
        namesakes.entry(&key.0).or_default().push(key);
    }
    for (key, one) in &going {
        let needed = one.depends_on.iter().filter_map(|id| namesakes.get(id));
        for other in needed.flatten().filter(|other| *other != key) {
            let first = Node::Retire((*key).clone());
            before
                .entry(Node::Retire((*other).clone()))
                .or_default()
                .insert(first);
        }
    }
    by_rank(&going, &mut before);
    before
}

/// Puts before each clearing the deletion of what may be a part of the cleared thing (a statement in the policy of a
/// function): it would go with it, unseen, and the way back would not bring it back. The answer is these deletions, with
/// those that must come before them.
fn before_clearing(retired: &Retired, leaving: &Before<Node>, before: &mut Before<Node>) -> BTreeSet<Node> {
    let mut early = BTreeSet::new();
    for (key, one) in retired.going.iter().filter(|(_, one)| !one.sweep && one.exact) {
        for parent in &one.depends_on {
            if let Some(needs) = before.get_mut(&Node::Clear(parent.clone())) {
                needs.insert(Node::Retire(key.clone()));
                early.insert(Node::Retire(key.clone()));
            }
        }
    }
    let mut open: Vec<_> = early.iter().cloned().collect();
    while let Some(node) = open.pop() {
        for first in leaving.get(&node).into_iter().flatten() {
            if early.insert(first.clone()) {
                open.push(first.clone());
            }
        }
    }
    early
}

/// Where only Chalice's order is known, it is walked backwards, one run of equal kinds at a time, as Chalice does.
fn by_rank(going: &BTreeMap<&GoingKey, &Going>, before: &mut Before<Node>) {
    let mut order: Vec<_> = going.iter().filter(|(_, one)| one.ordered_by_rank).collect();
    order.sort_by_key(|(key, one)| (Reverse(one.rank), *key));
    let runs: Vec<_> = order
        .chunk_by(|(one, _), (other, _)| one.0.kind == other.0.kind)
        .collect();
    for pair in runs.windows(2) {
        let [earlier, later] = pair else { continue };
        for (key, _) in *later {
            let firsts = earlier.iter().map(|(first, _)| Node::Retire((**first).clone()));
            before
                .entry(Node::Retire((**key).clone()))
                .or_default()
                .extend(firsts);
        }
    }
}

/// All nodes in order. Remembered dependencies may form a circle (a damaged state): then its nodes come last, as they are.
fn in_order<P: Ord>(before: &Before<Node>, priority: impl Fn(&Node) -> P) -> Vec<Node> {
    let mut order = graph::sorted(before, &priority);
    let placed: BTreeSet<_> = order.iter().cloned().collect();
    let mut rest: Vec<_> = before
        .keys()
        .filter(|node| !placed.contains(*node))
        .cloned()
        .collect();
    rest.sort_by_key(|node| (priority(node), node.clone()));
    order.extend(rest);
    order
}

/// Makes steps of nodes that have their place. What was decided is taken, not copied: it may be large.
struct Forge<'f, 'a> {
    needs: &'f Before<ResourceId>,
    places: &'f BTreeMap<&'f Node, StepId>,
    decided: &'f mut BTreeMap<&'a ResourceId, Decided<'a>>,
    retired: &'f mut Retired,
}

impl Forge<'_, '_> {
    fn step(&mut self, node: &Node, before: &Before<Node>) -> Option<Step> {
        let id = self.place(node)?;
        let firsts = before.get(node).into_iter().flatten();
        let firsts = firsts.filter_map(|first| self.place(first));
        let mut after: Vec<_> = firsts.filter(|first| *first < id).collect();
        after.sort_unstable();
        match node {
            Node::Make(resource) => self.make(id, after, resource),
            Node::Clear(resource) => self.clear(id, after, resource),
            Node::Retire(key) => self.retire(id, after, key),
        }
    }

    fn place(&self, node: &Node) -> Option<StepId> {
        self.places.get(node).copied()
    }

    fn make(&mut self, id: StepId, after: Vec<StepId>, resource: &ResourceId) -> Option<Step> {
        let one = self.decided.remove(resource)?;
        let mut have = one.have;
        let (action, why) = match one.fate {
            Fate::Keep(_) => return None,
            Fate::Create(why) => (Action::Create { replaces: None }, why),
            Fate::Update(diff, why) => (Action::Update { diff }, why),
            Fate::Replace(Manner::InItsPlace, why) => {
                // It is gone by the time that the new one is made.
                have = None;
                let replaces = self.place(&Node::Clear(resource.clone()));
                (Action::Create { replaces }, why)
            }
            Fate::Replace(Manner::Beside, why) => {
                let old = have.as_ref().map(|have| (resource.clone(), have.handle.clone()));
                let replaces = old.and_then(|old| self.place(&Node::Retire(old)));
                (Action::Create { replaces }, why)
            }
        };
        Some(Step {
            id,
            resource: resource.clone(),
            action,
            want: Some(one.want),
            wanted: Some(one.wanted),
            have: have.map(Cow::into_owned),
            depends_on: self.needs.get(resource).cloned().unwrap_or_default(),
            after,
            rank: one.desired.rank,
            why,
            label: one.label,
        })
    }

    fn clear(&self, id: StepId, after: Vec<StepId>, resource: &ResourceId) -> Option<Step> {
        let one = self.decided.get(resource)?;
        let replaced_by = self.place(&Node::Make(resource.clone()));
        Some(Step {
            id,
            resource: resource.clone(),
            action: Action::Delete { replaced_by },
            want: None,
            wanted: None,
            have: one.have.clone().map(Cow::into_owned),
            depends_on: self.needs.get(resource).cloned().unwrap_or_default(),
            after,
            rank: one.desired.rank,
            why: Why::Replaced,
            label: one.label.clone(),
        })
    }

    fn retire(&mut self, id: StepId, after: Vec<StepId>, key: &GoingKey) -> Option<Step> {
        let going = self.retired.going.remove(key)?;
        let replaced_by = match going.why {
            Why::Replaced => self.place(&Node::Make(key.0.clone())),
            _ => None,
        };
        Some(Step {
            id,
            resource: key.0.clone(),
            action: Action::Delete { replaced_by },
            want: None,
            wanted: None,
            have: Some(going.have),
            depends_on: going.depends_on,
            after,
            rank: going.rank,
            why: going.why,
            label: going.label,
        })
    }
}
