//! In which order a transaction is taken back (design 6.3, rule 8).
//!
//! A birth is undone after everything that came to lean on it: those births are undone, those updates brought back. A death
//! or an update is undone after the same was done to what it stood on before. What was replaced beside the living thing has
//! only a birth to undo: nothing that stood on the old thing needs to wait for it.
//!
//! Several goals may have followed each other in one transaction, so the two rules may name a circle between them. It is
//! broken at a place that depends on the names alone; the steps themselves are retried, so an order that proves wrong costs
//! time and not correctness.

use std::collections::{BTreeMap, BTreeSet};

use super::{Back, Txn};
use crate::id::ResourceId;

impl Txn {
    /// Every resource still to be restored, with those of them that must be restored first. Free of circles.
    pub fn restore_order(&self) -> BTreeMap<ResourceId, BTreeSet<ResourceId>> {
        let pending: BTreeMap<_, _> = self
            .touched
            .iter()
            .filter(|(_, touched)| touched.back != Back::Restored)
            .collect();
        let mut after: BTreeMap<_, BTreeSet<_>> = pending
            .keys()
            .map(|id| ((*id).clone(), BTreeSet::new()))
            .collect();
        let mut wait = |one: &ResourceId, other: &ResourceId| {
            if one != other {
                after.entry(one.clone()).or_default().insert(other.clone());
            }
        };
        for (&id, &touched) in &pending {
            for needed in &touched.depends_on {
                if pending.get(needed).is_some_and(|needed| needed.is_birth()) {
                    wait(needed, id);
                }
            }
            for stood_on in touched.stood_on().iter().filter(|_| !touched.is_birth()) {
                if pending.get(stood_on).is_some_and(|them| !them.is_birth()) {
                    wait(id, stood_on);
                }
            }
        }
        break_circles(&mut after);
        after
    }
}

fn break_circles(after: &mut BTreeMap<ResourceId, BTreeSet<ResourceId>>) {
    let mut safe = BTreeSet::new();
    let ids: Vec<_> = after.keys().cloned().collect();
    for id in ids {
        let mut path = vec![enter(after, id)];
        let mut on_path: BTreeSet<_> = path.iter().map(|(id, _)| id.clone()).collect();
        while let Some((here, waiting)) = path.last_mut() {
            match waiting.pop() {
                None => {
                    on_path.remove(here);
                    safe.insert(here.clone());
                    path.pop();
                }
                Some(other) if safe.contains(&other) => {}
                Some(other) if on_path.contains(&other) => {
                    if let Some(before) = after.get_mut(here) {
                        before.remove(&other);
                    }
                }
                Some(other) => {
                    on_path.insert(other.clone());
                    path.push(enter(after, other));
                }
            }
        }
    }
}

/// A resource with those that it waits for, the first in order last.
fn enter(
    after: &BTreeMap<ResourceId, BTreeSet<ResourceId>>,
    id: ResourceId,
) -> (ResourceId, Vec<ResourceId>) {
    let waiting = after.get(&id).into_iter().flatten().rev().cloned().collect();
    (id, waiting)
}
