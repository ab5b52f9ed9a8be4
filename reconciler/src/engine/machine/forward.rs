//! Carrying out the plan: announce, call, write down, let dependents start.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use grail_state::journal::{Doomed, Prune};
use grail_state::{Entry, Handle, Keep, Kind, Record, ResourceId};

use super::job::{Job, Lanes, Pools, Stage};
use super::prepare::{Prepared, record_of};
use super::{Machine, Output, Then, Ticket};
use crate::engine::attempt::Refusal;
use crate::engine::frontier::{Frontier, Node};
use crate::event::{Event, Outcome};
use crate::plan::prune::{is_one_of, left_elsewhere};
use crate::plan::{Action, Plan, Step, StepId};

impl Machine {
    pub(super) fn enter_build(&mut self, out: &mut Vec<Output>) {
        let Some(plan) = &self.plan else {
            return;
        };
        let place: BTreeMap<StepId, usize> = plan
            .build
            .iter()
            .enumerate()
            .map(|(index, step)| (step.id, index))
            .collect();
        let (mut lanes, mut pools) = (Lanes::default(), Pools::default());
        let mut nodes = Vec::new();
        let mut jobs = Vec::new();
        for (index, step) in plan.build.iter().enumerate() {
            let after: BTreeSet<usize> = step
                .after
                .iter()
                .filter_map(|id| place.get(id).copied())
                .collect();
            let form = step
                .wanted
                .as_ref()
                .or_else(|| step.have.as_ref().map(|have| &have.spec));
            let lane = lanes.number(&*self.rules, &step.resource.kind, form);
            nodes.push(Node {
                after: after.into_iter().collect(),
                cost: self.limits.weights.get(&step.resource.kind).copied().unwrap_or(1),
                lane,
                pool: pools.number(&self.limits, &step.resource.kind),
            });
            let mut job = Job::new(step.resource.clone());
            job.index = index;
            job.step = Some(step.id);
            jobs.push(job);
        }
        let Some(frontier) = Frontier::new(&nodes, self.limits.steps()) else {
            self.halted = Some("the steps of the plan wait for each other".to_owned());
            return;
        };
        self.seen = plan
            .build
            .iter()
            .filter(|step| matches!(step.action, Action::Update { .. }))
            .filter_map(|step| Some((step.resource.clone(), step.have.as_ref()?.outputs.clone())))
            .collect();
        self.enter(Stage::Build, jobs, frontier);
        self.secure_all(out);
    }

    /// Asks at once for everything that a way back may need: these are reads, and no step should wait for them in turn.
    fn secure_all(&mut self, out: &mut Vec<Output>) {
        let Some(plan) = &self.plan else {
            return;
        };
        let run = self.run;
        let mut asked = BTreeSet::new();
        for (job, step) in plan.build.iter().enumerate() {
            let new = !self.txn.touched().contains_key(&step.resource);
            let (Action::Update { .. } | Action::Delete { .. }, Some(have)) = (&step.action, &step.have)
            else {
                continue;
            };
            if new && asked.insert(step.resource.clone()) {
                if let Some(entry) = self.jobs.get_mut(job) {
                    entry.securing = true;
                }
                out.push(Output::Secure {
                    ticket: Ticket { run, job },
                    id: step.resource.clone(),
                    have: have.clone(),
                    going: matches!(step.action, Action::Delete { .. }),
                    urgency: self.frontier.urgency(job),
                });
            }
        }
    }

    pub(super) fn secured(&mut self, ticket: Ticket, keep: Keep, out: &mut Vec<Output>) {
        if ticket.run != self.run || self.stage != Stage::Build {
            return;
        }
        if let Some(step) = self.step(ticket.job) {
            self.tell_lost(&step, &keep, out);
        }
        if let Some(job) = self.jobs.get_mut(ticket.job) {
            job.securing = false;
            job.keep = Some(keep);
            self.frontier.resume(ticket.job);
        }
    }

    pub(super) fn launch_build(&mut self, job: usize, out: &mut Vec<Output>) {
        let Some(entry) = self.jobs.get(job) else {
            return;
        };
        if entry.announced {
            return self.act(job, out);
        }
        if entry.securing {
            // The slot is for calls; the answer resumes it.
            return self.frontier.pause(job);
        }
        let keep = entry.keep.as_ref();
        let Some(step) = self.step(job) else {
            return;
        };
        if self.waits_for_commit(&step, keep) {
            self.postponed.insert(step.id);
            return self.frontier.finish(job);
        }
        match self.prepare(&step) {
            Ok(Prepared::Write(attempt)) => {
                let intent = self.intent(&step, job);
                if let Some(entry) = self.jobs.get_mut(job) {
                    entry.announced = true;
                    entry.attempts = VecDeque::from([*attempt]);
                }
                match intent {
                    Ok(intent) => {
                        self.note(intent, Then::Act(job));
                        out.push(Output::Emit(started(&step)));
                    }
                    Err(refusal) => self.refuse_build(job, &refusal, out),
                }
            }
            Ok(Prepared::Same(record)) => {
                if self.txn.records().get(&step.resource) != Some(&record) {
                    self.notes.insert(step.resource.clone(), Some(record));
                }
                self.frontier.finish(job);
            }
            Err(refusal) => self.refuse_build(job, &refusal, out),
        }
    }

    pub(super) fn conclude_build(&mut self, job: usize) {
        let at = Some(self.wall());
        let (Some(step), Some(entry)) = (self.step(job), self.jobs.get_mut(job)) else {
            return;
        };
        let (id, last) = (entry.id.clone(), entry.last.take());
        let entry = match last {
            None => Entry::Gone { id, at },
            Some(remote) => {
                let beside = self.beside(&step).is_some();
                let old = self.known(&id).filter(|_| !beside);
                let token = match (&step.action, old) {
                    (Action::Update { .. }, Some(old)) if old.handle == remote.handle => old.token.clone(),
                    (Action::Update { .. }, _) => None,
                    _ => Some(self.token(&id)),
                };
                let record = record_of(&step, remote, token);
                Entry::Done { id, record, at }
            }
        };
        self.note(entry, Then::Finish(job));
    }

    pub(super) fn refuse_build(&mut self, job: usize, refusal: &Refusal, out: &mut Vec<Output>) {
        let Some(entry) = self.jobs.get(job) else {
            return;
        };
        let id = entry.id.clone();
        let announced = self
            .txn
            .touched()
            .get(&id)
            .is_some_and(|touched| touched.open.is_some());
        if announced {
            let failed = Entry::Failed {
                id: id.clone(),
                maybe: refusal.maybe,
                why: refusal.why.clone(),
                at: Some(self.wall()),
            };
            self.note(failed, Then::Nothing);
        }
        out.push(Output::Emit(Event::Failed {
            id: id.clone(),
            why: refusal.why.clone(),
            hint: refusal.hint.clone(),
        }));
        let why = format!("{id}: {}", refusal.why);
        if self.keep_on_failure {
            self.halted.get_or_insert(why);
        } else if self.turning.is_none() && self.halted.is_none() {
            out.push(Output::Emit(Event::TurningBack { because: why.clone() }));
            self.turning = Some(why);
        }
    }

    pub(super) fn end_of_build(&mut self, out: &mut Vec<Output>) {
        if let Some(why) = self.turning.clone() {
            let attempts = self.jobs.iter().filter_map(|job| job.attempts.front());
            let late = attempts
                .filter_map(|attempt| Some(attempt.pending()?.until))
                .max();
            if let Some(late) = late {
                self.hold_until(late, out);
            }
            self.hold_for_readings();
            return self.enter_abort(&why);
        }
        if !self.frontier.is_done() {
            return;
        }
        let Some(plan) = &self.plan else {
            return;
        };
        let mut notes = plan.notes.clone();
        notes.append(&mut self.notes);
        notes.retain(|id, note| self.txn.records().get(id) != note.as_ref());
        let alive = self.wanted_things(plan);
        let postponed = plan.build.iter().filter(|step| self.postponed.contains(&step.id));
        let steps: Vec<_> = postponed.chain(&plan.sweep).collect();
        let mut later: BTreeMap<StepId, Vec<&ResourceId>> = BTreeMap::new();
        for step in &steps {
            for first in &step.after {
                later.entry(*first).or_default().push(&step.resource);
            }
        }
        let later = |step: &Step| later.get(&step.id).into_iter().flatten().copied();
        let sweep: Vec<_> = steps
            .iter()
            .filter_map(|step| doomed_by(step, later(step)))
            .filter(|doomed| !alive.contains(&(&doomed.id.kind, &doomed.handle)))
            .collect();
        let left = left_elsewhere(self.txn.prune(), plan);
        let prune = self.pruned(plan, &left, &notes, &sweep);
        let commit = Entry::Commit {
            later: left.into_keys().filter(|id| prune.contains_key(id)).collect(),
            prune,
            sweep,
            notes,
            protected: plan.protected.clone(),
            at: Some(self.wall()),
        };
        self.stage = Stage::Commit;
        self.note(commit, Then::Sweep);
    }

    /// What others have added to things that stay: what the plan names, and what an earlier commit has `left` elsewhere.
    fn pruned(
        &self,
        plan: &Plan,
        left: &BTreeMap<ResourceId, Prune>,
        notes: &BTreeMap<ResourceId, Option<Record>>,
        sweep: &[Doomed],
    ) -> BTreeMap<ResourceId, Prune> {
        let known = |id: &ResourceId| match notes.get(id) {
            Some(note) => note.as_ref(),
            None => self.txn.records().get(id),
        };
        let stays = |id: &ResourceId, prune: &Prune| {
            let goes = sweep
                .iter()
                .any(|thing| thing.id.kind == id.kind && thing.handle == prune.handle);
            !goes && known(id).is_some_and(|record| record.handle == prune.handle)
        };
        let records = self.txn.records().iter();
        let ours = records.map(|(id, record)| (&id.kind, &record.handle)).collect();
        let mut all = BTreeMap::new();
        for (id, prune) in left
            .iter()
            .chain(&plan.prune)
            .filter(|(id, prune)| stays(id, prune))
        {
            let Some(rules) = self.rules.rules(&id.kind) else {
                continue;
            };
            let mut prune = prune.clone();
            // What was made meanwhile may stand where an addition stood.
            prune
                .children
                .retain(|child| !is_one_of(&ours, rules, &prune.handle, child));
            if !prune.children.is_empty() {
                all.insert(id.clone(), prune);
            }
        }
        all
    }

    /// Things that this plan has made or changed, by their physical names. One of them may stand where a thing stood that was
    /// to be swept and went by itself (a statement, with the function that it belonged to): it stays.
    fn wanted_things<'a>(&'a self, plan: &'a Plan) -> BTreeSet<(&'a Kind, &'a Handle)> {
        plan.build
            .iter()
            .filter(|step| !matches!(step.action, Action::Delete { .. }))
            .filter_map(|step| {
                let record = self.txn.records().get(&step.resource)?;
                Some((&step.resource.kind, &record.handle))
            })
            .collect()
    }

    pub(super) fn finish(&mut self, job: usize, out: &mut Vec<Output>) {
        let (Some(entry), now) = (self.jobs.get(job), self.now) else {
            return;
        };
        let build = self.plan.as_ref().filter(|_| self.stage == Stage::Build);
        let step = build.and_then(|plan| plan.build.get(entry.index));
        if let Some(step) = step {
            out.push(Output::Emit(Event::Finished {
                step: step.id,
                id: step.resource.clone(),
                action: verb(&step.action).to_owned(),
                took: now.saturating_sub(entry.started.unwrap_or(now)),
            }));
        }
        self.frontier.finish(job);
    }

    /// A clear end of a way forward before anything was written is a refusal; after that the words are other. So they are where
    /// the way back is what was asked for: it was gone to its end.
    pub(super) fn went_back(&self, why: String) -> Outcome {
        if self.plan.is_some() && self.txn.touched().is_empty() {
            Outcome::Refused { why }
        } else {
            Outcome::RolledBack { why }
        }
    }

    fn step(&self, job: usize) -> Option<Step> {
        let index = self.jobs.get(job)?.index;
        self.plan.as_ref()?.build.get(index).cloned()
    }
}

/// What a deletion after the commit is to delete. What the plan sweeps `later` counts as what it stands on: of what Chalice
/// has recorded, nothing but the order is known.
fn doomed_by<'a>(step: &'a Step, later: impl Iterator<Item = &'a ResourceId>) -> Option<Doomed> {
    let have = step.have.as_ref()?;
    let later = later.filter(|id| **id != step.resource);
    Some(Doomed {
        id: step.resource.clone(),
        handle: have.handle.clone(),
        spec: have.spec.clone(),
        outputs: have.outputs.clone(),
        depends_on: step.depends_on.iter().chain(later).cloned().collect(),
        rank: step.rank,
        proof: have.proof.clone(),
    })
}

fn started(step: &Step) -> Event {
    Event::Started {
        step: step.id,
        id: step.resource.clone(),
        action: verb(&step.action).to_owned(),
        label: step.label.clone(),
    }
}

fn verb(action: &Action) -> &'static str {
    match action {
        Action::Create { .. } => "create",
        Action::Update { .. } => "update",
        Action::Delete { .. } => "delete",
    }
}
