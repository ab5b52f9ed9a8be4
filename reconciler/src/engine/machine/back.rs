//! The way back: everything touched is brought to its first pre-image (design 6.3, rules 3, 5, 8, 9, 10).
//!
//! What was born is removed, what was changed gets back the fields that we wrote, what died is made again from what was
//! kept. It always looks first: what a lost answer, a crash or an earlier way back has left is found, not guessed. And it
//! begins only when no request without an answer can arrive any more.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use grail_state::txn::{Back, Touched};
use grail_state::{Entry, Keep, Lost, PreImage, Proof, Record, Remote, ResourceId, StepToken};
use serde_json::Value;

use super::job::{Job, Lanes, Pools, Stage, Sweeping};
use super::prepare::token_of;
use super::{Machine, Output, Then};
use crate::engine::attempt::{Attempt, Claim, Patience, Refusal, Target, Wish};
use crate::engine::call::Look;
use crate::engine::frontier::{Frontier, Node};
use crate::engine::own::OwnFields;
use crate::event::{Event, Outcome};

impl Machine {
    pub(super) fn enter_abort(&mut self, why: &str) {
        self.stage = Stage::Abort;
        let abort = Entry::Abort {
            why: why.to_owned(),
            at: self.wall(),
        };
        self.note(abort, Then::Restore);
    }

    pub(super) fn enter_restore(&mut self) {
        self.turning = None;
        let order = self.txn.restore_order();
        let places: BTreeMap<&ResourceId, usize> =
            order.keys().enumerate().map(|(place, id)| (id, place)).collect();
        let (mut lanes, mut pools) = (Lanes::default(), Pools::default());
        let nodes: Vec<Node> = order
            .iter()
            .map(|(id, after)| Node {
                after: after.iter().filter_map(|id| places.get(id).copied()).collect(),
                lane: lanes.number(&*self.rules, &id.kind, self.txn.touched().get(id).and_then(form)),
                pool: pools.number(&self.limits, &id.kind),
                ..Node::costing(1)
            })
            .collect();
        let limit = self.limits.steps();
        let frontier = Frontier::new(&nodes, limit).unwrap_or_else(Frontier::empty);
        let jobs = order
            .keys()
            .filter_map(|id| Some(self.restore_job(id, self.txn.touched().get(id)?)))
            .collect();
        self.enter(Stage::Restore, jobs, frontier);
    }

    pub(super) fn restore_job(&self, id: &ResourceId, touched: &Touched) -> Job {
        let mut job = Job::new(id.clone());
        job.attempts = self.unmake(touched);
        if let PreImage::Present { remote, record } = &touched.pre {
            match self.whole(id, touched, remote) {
                Ok((form, lost)) => {
                    let fields = lost.iter().map(|lost| lost.field.clone()).collect();
                    job.lost = lost;
                    let attempt = self.remake(id, touched, (remote, record.as_ref()), form, fields);
                    job.attempts.push_back(attempt);
                }
                Err(why) => job.blocked = Some(why),
            }
        }
        job
    }

    /// Attempts that remove what was born under this name.
    fn unmake(&self, touched: &Touched) -> VecDeque<Attempt> {
        let mut attempts = VecDeque::new();
        let never: BTreeSet<_> = touched.pre_handle().cloned().into_iter().collect();
        let tokens: BTreeSet<StepToken> = touched.tokens.iter().cloned().collect();
        for made in &touched.made {
            let look = Look {
                handle: Some(made.handle.clone()),
                spec: Some(made.spec.clone()),
                token: touched.tokens.last().cloned(),
                record: Some(made.clone()),
            };
            let claim = Claim {
                handles: BTreeSet::from([made.handle.clone()]),
                tokens: tokens.clone(),
                never: never.clone(),
                ..Claim::default()
            };
            attempts.push_back(self.patiently(Target::NotBe, look, claim));
        }
        let unsettled = touched.open.as_ref().and_then(|open| {
            let born = touched.is_birth() || touched.died;
            open.spec.clone().filter(|_| born).map(|spec| (open, spec))
        });
        if let Some((open, spec)) = unsettled {
            let look = Look {
                handle: None,
                spec: Some(spec.clone()),
                token: Some(open.token.clone()),
                record: None,
            };
            let known = touched.made.iter().map(|made| made.handle.clone());
            let claim = Claim {
                tokens,
                form: Some(spec),
                never: never.into_iter().chain(known).collect(),
                ..Claim::default()
            };
            attempts.push_back(self.patiently(Target::NotBe, look, claim));
        }
        attempts
    }

    fn remake(
        &self,
        id: &ResourceId,
        touched: &Touched,
        (remote, record): (&Remote, Option<&Record>),
        form: Value,
        lost: Vec<String>,
    ) -> Attempt {
        let token = self.back_token(id, touched);
        let deleting = touched.open.as_ref().is_some_and(|open| open.spec.is_none());
        let own = OwnFields::of(&remote.spec, &touched.wants).and_what_is_gone(touched.unmade);
        let wish = Wish {
            form,
            token: token.clone(),
            // What died and is made again is ours as a whole.
            only: (!touched.died || deleting).then(|| (own, remote.spec.clone())),
            may_replace: true,
            lost,
        };
        let mut tokens = self.txn.tokens_of(id);
        tokens.insert(token.clone());
        let claim = Claim {
            handles: BTreeSet::from([remote.handle.clone()]),
            tokens,
            form: Some(remote.spec.clone()),
            never: touched.made.iter().map(|made| made.handle.clone()).collect(),
            ..Claim::default()
        };
        let latest = self
            .txn
            .records()
            .get(id)
            .filter(|latest| latest.handle == remote.handle);
        let look = Look {
            handle: Some(remote.handle.clone()),
            spec: Some(with_ours(&remote.spec, &touched.wants)),
            token: Some(token),
            record: latest.or(record).cloned(),
        };
        self.patiently(Target::Be(wish), look, claim)
    }

    /// The form of the pre-image, whole but for what is lost.
    fn whole(
        &self,
        id: &ResourceId,
        touched: &Touched,
        remote: &Remote,
    ) -> Result<(Value, Vec<Lost>), String> {
        let form = match &touched.keep {
            Keep::Nothing | Keep::Unavailable { .. } => remote.spec.clone(),
            Keep::Plain { spec, .. } => spec.clone(),
            Keep::Sealed { sealed, .. } => self.unseal.unseal(sealed)?,
        };
        Ok((form, self.lost_with(id, &touched.keep, &remote.spec)))
    }

    /// The mark of what is made again: the same in every process that goes this way back.
    fn back_token(&self, id: &ResourceId, touched: &Touched) -> StepToken {
        let last = touched.tokens.last().map_or("", |token| token.0.as_str());
        token_of(&format!("back/{id}/{last}"))
    }

    fn patiently(&self, target: Target, look: Look, claim: Claim) -> Attempt {
        let patience = Patience {
            attempts: self.limits.attempts.saturating_mul(4),
            refusals: self.limits.refusals_back,
        };
        Attempt::looking(target, look, claim, patience)
    }

    pub(super) fn conclude_restore(&mut self, job: usize) {
        let at = Some(self.wall());
        let Some(entry) = self.jobs.get_mut(job) else {
            return;
        };
        let (id, last) = (entry.id.clone(), entry.last.take());
        let touched = self.txn.touched().get(&id);
        if let Some(touched) = touched
            && let PreImage::Present { remote, .. } = &touched.pre
        {
            entry.loss = entry.loss(touched, remote, last.as_ref());
        }
        let record = touched.and_then(|touched| Some(restored(touched.pre_record()?, last?)));
        self.note(Entry::Restored { id, record, at }, Then::Finish(job));
    }

    pub(super) fn refuse_restore(&mut self, job: usize, refusal: &Refusal, out: &mut Vec<Output>) {
        if self.lose_with_parent(job) || self.wait_for_parents(job) || self.ask_for_parents(job, refusal, out)
        {
            return;
        }
        let Some(id) = self.jobs.get(job).map(|job| job.id.clone()) else {
            return;
        };
        let why = refusal.why.clone();
        self.stuck.push((id.clone(), why.clone()));
        let stuck = Entry::Stuck {
            id: id.clone(),
            why: why.clone(),
            at: Some(self.wall()),
        };
        self.note(stuck, Then::Nothing);
        // It never finishes, so that what waits for it stays; its slot and its lane are for the others.
        self.frontier.abandon(job);
        out.push(Output::Emit(Event::Stuck { id, why }));
    }

    pub(super) fn end_of_restore(&mut self, out: &mut Vec<Output>) {
        if self.frontier.is_done() {
            let why = self.txn.cause().unwrap_or_default().to_owned();
            let outcome = self.went_back(why);
            return self.over(outcome, out);
        }
        if self.stuck.is_empty() || !self.waking.is_empty() {
            return;
        }
        let mut at = std::mem::take(&mut self.stuck);
        for (id, touched) in self.txn.touched() {
            if touched.back == Back::Pending {
                at.push((id.clone(), "waits for what is stuck".to_owned()));
            }
        }
        self.over(Outcome::Stuck { at }, out);
    }

    /// Events for what has become durable.
    pub(super) fn told_by(&self, entry: &Entry, then: Then, out: &mut Vec<Output>) {
        let job = match then {
            Then::Finish(job) => self.jobs.get(job),
            _ => None,
        };
        match entry {
            Entry::Commit { .. } => out.push(Output::Emit(Event::Committed)),
            Entry::Swept { .. } | Entry::Pruned { .. } if job.is_some_and(|job| job.left) => {}
            Entry::Pruned { id, .. } => {
                if let Some(Sweeping::Additions(prune)) = job.and_then(|job| job.sweeping.as_ref()) {
                    out.push(Output::Emit(Event::Pruned {
                        id: id.clone(),
                        children: prune.children.clone(),
                    }));
                }
            }
            Entry::Swept { id, handle, .. } => out.push(Output::Emit(Event::Swept {
                id: id.clone(),
                handle: handle.clone(),
            })),
            Entry::Restored { id, .. } => {
                for path in job.into_iter().flat_map(|job| &job.theirs) {
                    out.push(Output::Emit(Event::Said {
                        code: "restore.foreign".to_owned(),
                        text: format!("{id}: {path} was changed outside meanwhile and stays as it is"),
                        warning: true,
                    }));
                }
                out.push(Output::Emit(Event::Restored {
                    id: id.clone(),
                    lost: job.and_then(|job| job.loss.clone()),
                }));
            }
            _ => {}
        }
    }
}

/// A form that the resource has or had: for its lane.
fn form(touched: &Touched) -> Option<&Value> {
    let pre = match &touched.pre {
        PreImage::Present { remote, .. } => Some(&remote.spec),
        PreImage::Absent => None,
    };
    let made = touched.made.last().map(|made| &made.spec);
    let open = touched.open.as_ref().and_then(|open| open.spec.as_ref());
    pre.or(made).or(open)
}

/// The record of what is as it was: the old one, with what being made again has changed.
fn restored(old: &Record, now: Remote) -> Record {
    let mut record = old.clone();
    if let Proof::Mark(mark) = now.proof {
        record.token = Some(mark);
    }
    record.handle = now.handle;
    record.outputs.extend(now.outputs);
    record
}

/// A form with what the `written` ones have besides. A kind that owns a part of a thing (some tags of a domain, some entries
/// of a document) is shown all that we may have put there; else it would take what we added for somebody else's.
fn with_ours(form: &Value, written: &[Value]) -> Value {
    fn add(form: &mut Value, written: &Value) {
        let (Value::Object(form), Value::Object(written)) = (form, written) else {
            return;
        };
        for (key, value) in written {
            match form.get_mut(key) {
                Some(there) => add(there, value),
                None => drop(form.insert(key.clone(), value.clone())),
            }
        }
    }
    let mut whole = form.clone();
    written.iter().for_each(|written| add(&mut whole, written));
    whole
}
