//! Carrying out the plan: announce, call, write down, let dependents start.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use grail_providers::port::{Lane, Rules};
use grail_state::digest::Digest;
use grail_state::journal::Doomed;
use grail_state::{Entry, Handle, Keep, Kind, OutputRef, PreImage, Proof, Record, Remote, ResourceId};
use grail_state::{StepToken, Template};
use serde_json::Value;

use super::job::{Job, Stage};
use super::{Machine, Output, Then, Ticket};
use crate::engine::attempt::{Attempt, Claim, Patience, Refusal, Target, Wish, invalid};
use crate::engine::call::{Call, Look};
use crate::engine::frontier::{Frontier, Node};
use crate::event::{Event, Outcome};
use crate::plan::{Action, Plan, Step, StepId};

/// What a step turns out to be once its references are known.
enum Prepared {
    /// There is something to write.
    Write(Box<Attempt>),
    /// What is there is as wanted after all; this is to be remembered.
    Same(Record),
}

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
        let mut lanes: BTreeMap<Lane, usize> = BTreeMap::new();
        let mut nodes = Vec::new();
        let mut jobs = Vec::new();
        for (index, step) in plan.build.iter().enumerate() {
            let after: BTreeSet<usize> = step
                .after
                .iter()
                .filter_map(|id| place.get(id).copied())
                .collect();
            let lane = self.lane_of(step).map(|lane| {
                let next = lanes.len();
                *lanes.entry(lane).or_insert(next)
            });
            nodes.push(Node {
                after: after.into_iter().collect(),
                cost: self.limits.weights.get(&step.resource.kind).copied().unwrap_or(1),
                lane,
            });
            let mut job = Job::new(step.resource.clone());
            job.index = index;
            job.step = Some(step.id);
            jobs.push(job);
        }
        let Some(frontier) = Frontier::new(&nodes, self.limits.parallelism) else {
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
                });
            }
        }
    }

    pub(super) fn secured(&mut self, ticket: Ticket, keep: Keep) {
        if ticket.run != self.run || self.stage != Stage::Build {
            return;
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
        let Some(step) = self.step(job) else {
            return;
        };
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

    fn prepare(&self, step: &Step) -> Result<Prepared, Refusal> {
        let rules = self.rules_of(&step.resource)?;
        let token = self.token(&step.resource);
        let known = self.txn.records().get(&step.resource);
        let patience = Patience {
            attempts: self.limits.attempts,
            refusals: 0,
        };
        let mut claim = Claim {
            tokens: self.txn.tokens(),
            ..Claim::default()
        };
        if let Action::Delete { .. } = step.action {
            let have = step.have.as_ref().ok_or_else(|| unplanned("what is there"))?;
            claim.handles.insert(have.handle.clone());
            let look = look_at(have, Some(have.spec.clone()), known, None);
            let attempt = Attempt::looking(Target::NotBe, look, claim, patience).calling(Call::delete(have));
            return Ok(Prepared::Write(Box::new(attempt)));
        }
        let form = self.resolved(step)?;
        let wish = |form: &Value, token: &StepToken| {
            Target::Be(Wish {
                form: form.clone(),
                token: token.clone(),
                only: None,
                may_replace: false,
            })
        };
        if let Action::Create { .. } = step.action {
            let beside = self.beside(step);
            claim.tokens.insert(token.clone());
            claim.form = rules.project(&Template::Lit(form.clone())).ok();
            claim.never.extend(beside.iter().map(|old| old.handle.clone()));
            let look = Look {
                handle: None,
                // Beside a living thing of the same natural key only the mark tells which is the new one.
                spec: beside.is_none().then(|| form.clone()),
                token: Some(token.clone()),
                record: None,
            };
            let call = Call::Create {
                spec: form.clone(),
                token: token.clone(),
            };
            let attempt = Attempt::looking(wish(&form, &token), look, claim, patience).calling(call);
            return Ok(Prepared::Write(Box::new(attempt)));
        }
        let have = step.have.as_ref().ok_or_else(|| unplanned("what is there"))?;
        let diff = rules
            .diff(&Template::Lit(form.clone()), have)
            .map_err(|problems| invalid(&problems))?;
        if diff.is_empty() {
            let old = known.and_then(|record| record.token.clone());
            return Ok(Prepared::Same(record_of(step, have.clone(), old)));
        }
        claim.handles.insert(have.handle.clone());
        let look = look_at(have, Some(form.clone()), known, Some(token.clone()));
        let call = Call::Update {
            have: have.clone(),
            want: form.clone(),
            diff,
            token: token.clone(),
        };
        let attempt = Attempt::looking(wish(&form, &token), look, claim, patience).calling(call);
        Ok(Prepared::Write(Box::new(attempt)))
    }

    fn intent(&mut self, step: &Step, job: usize) -> Result<Entry, Refusal> {
        let spec = match step.action {
            Action::Delete { .. } => None,
            Action::Create { .. } | Action::Update { .. } => {
                let form = Template::Lit(self.resolved(step)?);
                let projected = self
                    .rules_of(&step.resource)?
                    .project(&form)
                    .map_err(|problems| invalid(&problems))?;
                Some(projected)
            }
        };
        let beside = self.beside(step);
        let record = self.txn.records().get(&step.resource).cloned();
        let pre = match (&beside, &step.action) {
            (Some(old), _) => PreImage::Present {
                remote: old.clone(),
                record,
            },
            (None, Action::Create { .. }) => PreImage::Absent,
            (None, _) => step
                .have
                .clone()
                .map_or(PreImage::Absent, |remote| PreImage::Present { remote, record }),
        };
        let keep = self.jobs.get_mut(job).and_then(|job| job.keep.take());
        Ok(Entry::Intent {
            id: step.resource.clone(),
            token: self.token(&step.resource),
            spec,
            beside: beside.map(|old| old.handle),
            pre,
            keep: keep.unwrap_or(Keep::Nothing),
            depends_on: step.depends_on.clone(),
            rank: step.rank,
            at: self.wall(),
        })
    }

    pub(super) fn conclude_build(&mut self, job: usize) {
        let (Some(step), Some(entry)) = (self.step(job), self.jobs.get_mut(job)) else {
            return;
        };
        let id = entry.id.clone();
        let entry = match entry.last.take() {
            None => Entry::Gone { id },
            Some(remote) => {
                let beside = self.beside(&step).is_some();
                let old = self.txn.records().get(&id).filter(|_| !beside);
                let token = match (&step.action, old) {
                    (Action::Update { .. }, Some(old)) if old.handle == remote.handle => old.token.clone(),
                    (Action::Update { .. }, _) => None,
                    _ => Some(self.token(&id)),
                };
                let record = record_of(&step, remote, token);
                Entry::Done { id, record }
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
        let sweep = plan
            .sweep
            .iter()
            .filter_map(doomed_by)
            .filter(|doomed| !alive.contains(&(&doomed.id.kind, &doomed.handle)))
            .collect();
        self.stage = Stage::Commit;
        self.note(Entry::Commit { sweep, notes }, Then::Sweep);
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

    /// A clear end before anything was written is a refusal; after that the words are other.
    pub(super) fn went_back(&self, why: String) -> Outcome {
        if self.txn.touched().is_empty() {
            Outcome::Refused { why }
        } else {
            Outcome::RolledBack { why }
        }
    }

    pub(super) fn rules_of(&self, id: &ResourceId) -> Result<&dyn Rules, Refusal> {
        self.rules
            .rules(&id.kind)
            .ok_or_else(|| unplanned("a kind that this build has"))
    }

    fn step(&self, job: usize) -> Option<Step> {
        let index = self.jobs.get(job)?.index;
        self.plan.as_ref()?.build.get(index).cloned()
    }

    /// The living thing that a birth takes the place of at the commit: its removal stands in the sweep.
    fn beside(&self, step: &Step) -> Option<Remote> {
        let Action::Create {
            replaces: Some(other),
        } = &step.action
        else {
            return None;
        };
        let plan = self.plan.as_ref()?;
        let removal = plan.sweep.iter().find(|step| step.id == *other)?;
        removal.have.clone()
    }

    fn resolved(&self, step: &Step) -> Result<Value, Refusal> {
        let want = step.want.as_ref().ok_or_else(|| unplanned("its form"))?;
        want.resolve(&|output| self.output(output))
            .map_err(|unresolved| Refusal {
                why: unresolved.to_string(),
                hint: None,
                maybe: false,
            })
    }

    fn output(&self, output: &OutputRef) -> Option<Value> {
        let planned = self.plan.as_ref().and_then(|plan| plan.notes.get(&output.of));
        let done = self.txn.touched().contains_key(&output.of);
        let noted = self.notes.get(&output.of).or(planned).filter(|_| !done);
        let record = match noted {
            Some(note) => note.as_ref(),
            None => self.txn.records().get(&output.of),
        };
        let outputs = match record {
            Some(record) => &record.outputs,
            // Adopted, and its own step is still to come.
            None => self.seen.get(&output.of)?,
        };
        outputs.get(&output.output).cloned()
    }

    /// The attempt that a write to `id` belongs to: the one that is open in this transaction, until it has borne something.
    pub(super) fn token(&self, id: &ResourceId) -> StepToken {
        let last = self
            .txn
            .touched()
            .get(id)
            .and_then(|touched| touched.tokens.last());
        let borne = self
            .txn
            .records()
            .get(id)
            .and_then(|record| record.token.as_ref());
        match last {
            Some(last) if borne != Some(last) => last.clone(),
            _ => token_of(&format!("{}/{id}/{}", self.txn.snapshot().stack, self.nonce)),
        }
    }

    fn lane_of(&self, step: &Step) -> Option<Lane> {
        let form = step
            .wanted
            .as_ref()
            .or_else(|| step.have.as_ref().map(|have| &have.spec))?;
        self.rules.rules(&step.resource.kind)?.lane(form)
    }
}

/// A mark that is short enough for a tag and tells nothing.
pub(super) fn token_of(text: &str) -> StepToken {
    StepToken(Digest::of(text.as_bytes()).0.chars().take(32).collect())
}

pub(super) fn record_of(step: &Step, remote: Remote, token: Option<StepToken>) -> Record {
    let marked = match &remote.proof {
        Proof::Mark(mark) => Some(mark.clone()),
        _ => None,
    };
    Record {
        handle: remote.handle,
        spec: remote.spec,
        outputs: remote.outputs,
        depends_on: step.depends_on.clone(),
        rank: step.rank,
        token: marked.or(token),
    }
}

fn doomed_by(step: &Step) -> Option<Doomed> {
    let have = step.have.as_ref()?;
    Some(Doomed {
        id: step.resource.clone(),
        handle: have.handle.clone(),
        spec: have.spec.clone(),
        outputs: have.outputs.clone(),
        depends_on: step.depends_on.clone(),
        rank: step.rank,
    })
}

fn look_at(have: &Remote, spec: Option<Value>, record: Option<&Record>, token: Option<StepToken>) -> Look {
    let handle: Handle = have.handle.clone();
    Look {
        handle: Some(handle),
        spec,
        token,
        record: record.cloned(),
    }
}

fn unplanned(what: &str) -> Refusal {
    Refusal {
        why: format!("the plan does not hold {what}"),
        hint: None,
        maybe: false,
    }
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
