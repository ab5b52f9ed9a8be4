//! After the commit: deleting what cannot be taken back. Dependents first; a refusal does not stop the rest, save for what
//! would take what is left for the use of others and stay ([`Rules::spared_in_use`](grail_providers::port::Rules)).
//!
//! What this pass has not seen itself (what an earlier one left over, or was deleting when it died) is looked at first: a
//! name that is free again may be somebody else's by now. What is there is deleted only if it bears what the doomed thing
//! bore.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use grail_state::journal::{Doomed, Prune};
use grail_state::{Entry, Handle, Proof, Record, ResourceId};

use super::job::{Job, Lanes, Pools, Stage, Sweeping};
use super::{Machine, Output, Then};
use crate::engine::attempt::{Attempt, Claim, Patience, Refusal, Target};
use crate::engine::call::{Call, Look};
use crate::engine::frontier::{Frontier, Node};
use crate::event::{Event, Outcome};
use crate::plan::{Action, Step, Why};

impl Machine {
    pub(super) fn enter_sweep(&mut self) {
        let doomed: Vec<Doomed> = self.txn.doomed().iter().cloned().collect();
        let mut places: BTreeMap<&ResourceId, Vec<usize>> = BTreeMap::new();
        for (place, thing) in doomed.iter().enumerate() {
            places.entry(&thing.id).or_default().push(place);
        }
        let (mut lanes, mut pools) = (Lanes::default(), Pools::default());
        let prunes = self.prunes();
        let losing = prunes.iter().map(|(id, _, record)| (id, &record.spec));
        let going = doomed.iter().map(|thing| (&thing.id, &thing.spec));
        let mut nodes: Vec<Node> = going
            .chain(losing)
            .map(|(id, spec)| Node {
                lane: lanes.number(&*self.rules, &id.kind, Some(spec)),
                pool: pools.number(&self.limits, &id.kind),
                ..Node::costing(1)
            })
            .collect();
        let free: Vec<Node> = nodes.clone();
        for (place, thing) in doomed.iter().enumerate() {
            for needed in thing.depends_on.iter().filter_map(|id| places.get(id)).flatten() {
                if let Some(node) = nodes.get_mut(*needed).filter(|_| *needed != place) {
                    node.after.push(place);
                }
            }
        }
        let limit = self.limits.steps();
        // Records of several goals may name a circle; then the order is left to the retries.
        let frontier = Frontier::new(&nodes, limit)
            .or_else(|| Frontier::new(&free, limit))
            .unwrap_or_else(Frontier::empty);
        let planned = self.planned_deletions();
        let calling: Vec<bool> = doomed
            .iter()
            .map(|thing| planned.contains(&(&thing.id, &thing.handle)))
            .collect();
        let things = doomed.into_iter().zip(calling);
        let jobs = things.map(|(thing, was_planned)| self.sweep_job(thing, was_planned));
        let additions = prunes.into_iter();
        let jobs = jobs.chain(additions.map(|(id, prune, record)| self.prune_job(id, prune, record)));
        self.enter(Stage::Sweep, jobs.collect(), frontier);
    }

    /// What is to go from things that are recorded still.
    fn prunes(&self) -> Vec<(ResourceId, Prune, Record)> {
        let prunes = self.txn.pruning().filter_map(|(id, prune)| {
            let record = self.txn.records().get(id)?;
            (record.handle == prune.handle).then(|| (id.clone(), prune.clone(), record.clone()))
        });
        prunes.collect()
    }

    fn sweep_job(&self, thing: Doomed, was_planned: bool) -> Job {
        let proof = thing.proof.clone();
        let mut attempt = self.sweeping(&thing.id, Target::NotBe, thing.to_record(), proof);
        if was_planned {
            attempt = attempt.calling(Call::Delete {
                handle: thing.handle.clone(),
                spec: thing.spec.clone(),
                outputs: thing.outputs.clone(),
            });
        }
        let mut job = Job::new(thing.id.clone());
        job.attempts = VecDeque::from([attempt]);
        job.sweeping = Some(Sweeping::Thing(thing));
        job
    }

    /// What others have added goes only from a thing that is seen to be ours still.
    fn prune_job(&self, id: ResourceId, prune: Prune, record: Record) -> Job {
        let proof = Proof::recorded(record.token.as_ref());
        let target = Target::Without(prune.children.clone());
        let attempt = self.sweeping(&id, target, record, proof);
        let mut job = Job::new(id);
        job.attempts = VecDeque::from([attempt]);
        job.sweeping = Some(Sweeping::Additions(prune));
        job
    }

    fn sweeping(&self, id: &ResourceId, target: Target, thing: Record, proof: Proof) -> Attempt {
        let patience = Patience {
            attempts: self.limits.attempts,
            refusals: 0,
        };
        let rules = self.rules.rules(&id.kind);
        let nameable = rules.is_none_or(|rules| rules.name_bound());
        let claim = Claim {
            handles: BTreeSet::from([thing.handle.clone()]),
            proof: nameable.then_some(proof),
            whole: Some(thing.spec.clone()),
            ..Claim::default()
        };
        let look = Look {
            handle: Some(thing.handle.clone()),
            spec: Some(thing.spec.clone()),
            token: None,
            record: Some(thing),
        };
        Attempt::looking(target, look, claim, patience)
    }

    /// The deletions that this pass has planned from what it saw, or from what the record says where it could see nothing.
    fn planned_deletions(&self) -> BTreeSet<(&ResourceId, &Handle)> {
        let deletes =
            |step: &&Step| step.why != Why::LeftOver && matches!(step.action, Action::Delete { .. });
        let steps = self.plan.iter().flat_map(|plan| plan.steps());
        steps
            .filter(deletes)
            .filter_map(|step| Some((&step.resource, &step.have.as_ref()?.handle)))
            .collect()
    }

    pub(super) fn launch_sweep(&mut self, job: usize, out: &mut Vec<Output>) {
        match self.still_used(job) {
            Some(user) => {
                let refusal = Refusal {
                    why: format!("{user}, which uses it, could not be deleted"),
                    hint: None,
                    maybe: false,
                };
                self.refuse_sweep(job, &refusal, out);
            }
            None => self.act(job, out),
        }
    }

    /// What of ours still stands on a thing that would outlive its deletion for that.
    fn still_used(&self, job: usize) -> Option<ResourceId> {
        let Sweeping::Thing(thing) = self.jobs.get(job)?.sweeping.as_ref()? else {
            return None;
        };
        let rules = self.rules.rules(&thing.id.kind)?;
        let mut left = self.unswept.iter().map(|(id, _)| id);
        let stands_on_it = |id: &&ResourceId| {
            let mut things = self.txn.doomed().iter();
            things.any(|other| other.id == **id && other.depends_on.contains(&thing.id))
        };
        left.find(stands_on_it).filter(|_| rules.spared_in_use()).cloned()
    }

    pub(super) fn conclude_sweep(&mut self, job: usize) {
        let Some(entry) = self.jobs.get(job) else {
            return;
        };
        let swept = match entry.sweeping.clone() {
            None => return,
            Some(Sweeping::Thing(thing)) => Entry::Swept {
                id: thing.id,
                handle: thing.handle,
                at: Some(self.wall()),
            },
            Some(Sweeping::Additions(prune)) => Entry::Pruned {
                id: entry.id.clone(),
                handle: prune.handle,
                at: self.wall(),
            },
        };
        self.note(swept, Then::Finish(job));
    }

    pub(super) fn refuse_sweep(&mut self, job: usize, refusal: &Refusal, out: &mut Vec<Output>) {
        let Some(id) = self.jobs.get(job).map(|job| job.id.clone()) else {
            return;
        };
        self.unswept.push((id.clone(), refusal.why.clone()));
        let failed = Entry::Failed {
            id: id.clone(),
            maybe: refusal.maybe,
            why: refusal.why.clone(),
            at: Some(self.wall()),
        };
        self.note(failed, Then::Finish(job));
        out.push(Output::Emit(Event::Failed {
            id,
            why: refusal.why.clone(),
            hint: refusal.hint.clone(),
        }));
    }

    pub(super) fn end_of_sweep(&mut self, out: &mut Vec<Output>) {
        if !self.frontier.is_done() {
            return;
        }
        let left = std::mem::take(&mut self.unswept);
        let outcome = if left.is_empty() {
            Outcome::Done
        } else {
            Outcome::Unswept { left }
        };
        self.over(outcome, out);
    }
}
