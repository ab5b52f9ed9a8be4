//! What cannot be brought back because what it stood on is gone: somebody else has deleted it meanwhile, or it was made again
//! under another identity.
//!
//! Before a way back is given up as stuck, it waits for whatever it stood on that is still to be brought back itself: the order
//! in which things are taken back is a guess where another tool recorded them, and where goals followed each other in a circle.
//! Then it is looked whether everything that the thing stood on is still there as it was. If not, no command that tries again
//! could bring it back; so it ends, the loss is told, and the next `deploy` makes what is missing. Of what another tool has
//! recorded only the order is known: there everything that came before counts as what it stood on.

use std::collections::BTreeSet;

use grail_providers::port::Failure;
use grail_state::txn::{Back, Touched};
use grail_state::{Observed, PreImage, Record, ResourceId};

use super::job::Stage;
use super::{Machine, Output, Ticket};
use crate::engine::attempt::Refusal;
use crate::engine::call::Look;

/// A question for what a thing stood on.
pub(super) struct Asking {
    left: Vec<(ResourceId, Record)>,
    refusal: Refusal,
}

impl Machine {
    /// Lets the thing of `job` wait for those of its parents that are still to be brought back, and tries it anew then. False if
    /// there is none that does not wait for it in turn.
    pub(super) fn wait_for_parents(&mut self, job: usize) -> bool {
        let Some(id) = self.jobs.get(job).map(|job| job.id.clone()) else {
            return false;
        };
        let pending = self.pending_parents(&id);
        let places = self.jobs.iter().enumerate();
        let places = places.filter(|(_, other)| pending.contains(&other.id));
        let places: Vec<usize> = places.map(|(place, _)| place).collect();
        if !self.frontier.postpone(job, &places) {
            return false;
        }
        let anew = self
            .txn
            .touched()
            .get(&id)
            .map(|touched| self.restore_job(&id, touched));
        if let (Some(entry), Some(anew)) = (self.jobs.get_mut(job), anew) {
            *entry = anew;
        }
        true
    }

    /// What the thing of the pre-image stood on and is still to be brought back. What was replaced beside a living thing is there
    /// all the while.
    fn pending_parents(&self, id: &ResourceId) -> BTreeSet<ResourceId> {
        let Some(touched) = self.txn.touched().get(id) else {
            return BTreeSet::new();
        };
        if touched.pre == PreImage::Absent {
            return BTreeSet::new();
        }
        let is_parent = |other: &ResourceId, them: &Touched| {
            let before = !touched.is_order_known() && them.rank < touched.rank;
            before || touched.stood_on().contains(other)
        };
        let pending = self.txn.touched().iter().filter(|(other, them)| {
            *other != id && them.back != Back::Restored && !them.is_birth() && is_parent(other, them)
        });
        pending.map(|(other, _)| other.clone()).collect()
    }

    /// Asks whether what the thing of `job` stood on is still there. False if that was asked before.
    pub(super) fn ask_for_parents(&mut self, job: usize, refusal: &Refusal, out: &mut Vec<Output>) -> bool {
        let Some(id) = self.jobs.get(job).map(|job| job.id.clone()) else {
            return false;
        };
        let left = self.parents_of(&id);
        let Some(entry) = self.jobs.get_mut(job).filter(|job| job.asking.is_none()) else {
            return false;
        };
        entry.asking = Some(Asking {
            left,
            refusal: refusal.clone(),
        });
        self.ask_for_the_next(job, out);
        true
    }

    /// What the thing of the pre-image stood on at the last commit.
    fn parents_of(&self, id: &ResourceId) -> Vec<(ResourceId, Record)> {
        let Some(touched) = self.txn.touched().get(id) else {
            return Vec::new();
        };
        if touched.pre == PreImage::Absent {
            return Vec::new();
        }
        let rank = touched.pre_record().map_or(touched.rank, |record| record.rank);
        let known = touched.stood_on();
        let pending = self.pending_parents(id);
        let mut recorded = self.txn.records().clone();
        recorded.extend(self.txn.snapshot().records.clone());
        recorded.retain(|other, parent| {
            let before = !touched.is_order_known() && parent.rank <= rank;
            // What will be brought back is not gone.
            other != id && !pending.contains(other) && (before || known.contains(other))
        });
        recorded.into_iter().collect()
    }

    fn ask_for_the_next(&mut self, job: usize, out: &mut Vec<Output>) {
        let Some(asking) = self.jobs.get(job).and_then(|job| job.asking.as_ref()) else {
            return;
        };
        let Some((id, record)) = asking.left.last().cloned() else {
            let refusal = asking.refusal.clone();
            return self.refuse_restore(job, &refusal, out);
        };
        self.in_flight += 1;
        out.push(Output::Look {
            ticket: Ticket { run: self.run, job },
            id,
            look: Look {
                handle: Some(record.handle.clone()),
                spec: Some(record.spec.clone()).filter(|spec| !spec.is_null()),
                token: record.token.clone(),
                record: Some(record),
            },
            urgency: self.frontier.urgency(job),
        });
    }

    /// True if `ticket` is for a look at what a thing stood on.
    pub(super) fn asks_for_parents(&self, ticket: Ticket) -> bool {
        let job = self.jobs.get(ticket.job);
        let asks = job.and_then(|job| job.asking.as_ref());
        self.stage == Stage::Restore && ticket.run == self.run && asks.is_some()
    }

    /// What such a look came to.
    pub(super) fn parent_seen(
        &mut self,
        job: usize,
        result: Result<Observed, Failure>,
        out: &mut Vec<Output>,
    ) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let asking = self.jobs.get_mut(job).and_then(|job| job.asking.as_mut());
        let Some((parent, record)) = asking.and_then(|asking| asking.left.pop()) else {
            return;
        };
        let gone = match result {
            Ok(Observed::Absent) => true,
            Ok(Observed::Present(remote)) => remote.handle != record.handle,
            // What could not be seen may be there.
            Err(_) => false,
        };
        if gone {
            self.lose(job, format!("it needs {parent}, which is gone"));
        } else if self.halted.is_none() {
            self.ask_for_the_next(job, out);
        }
    }
}
