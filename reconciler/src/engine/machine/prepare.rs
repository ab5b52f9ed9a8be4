//! What a step writes, once its references are known: its form, its attempt, its announcement.

use grail_providers::port::Rules;
use grail_state::digest::Digest;
use grail_state::{
    Entry, Handle, Keep, OutputRef, PreImage, Proof, Record, Remote, ResourceId, StepToken, Template,
};
use serde_json::Value;

use super::Machine;
use crate::engine::attempt::{Attempt, Claim, Patience, Refusal, Target, Wish, invalid};
use crate::engine::call::{Call, Look};
use crate::plan::{Action, Step};

/// What a step turns out to be once its references are known.
pub(super) enum Prepared {
    /// There is something to write.
    Write(Box<Attempt>),
    /// What is there is as wanted after all; this is to be remembered.
    Same(Record),
}

impl Machine {
    pub(super) fn prepare(&self, step: &Step) -> Result<Prepared, Refusal> {
        let rules = self.rules_of(&step.resource)?;
        let token = self.token(&step.resource);
        let known = self.known(&step.resource);
        let patience = Patience {
            attempts: self.limits.attempts,
            refusals: 0,
        };
        let mut claim = Claim {
            tokens: self.txn.tokens_of(&step.resource),
            ..Claim::default()
        };
        claim.tokens.extend(known.and_then(|record| record.token.clone()));
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
                lost: Vec::new(),
            })
        };
        if let Action::Create { .. } = step.action {
            let beside = self.beside(step);
            claim.tokens.insert(token.clone());
            claim.form = rules.project(&Template::Lit(form.clone())).ok();
            claim.never.extend(beside.iter().map(|old| old.handle.clone()));
            let look = Look {
                handle: None,
                // Beside a living thing of the same natural key only the mark tells which is the new one: the old one is
                // never believed. What bears no mark has another natural key.
                spec: Some(form.clone()),
                token: Some(token.clone()),
                record: None,
            };
            // A token that the open transaction knows may have been sent by a pass that ended.
            let known = self.txn.touched().get(&step.resource);
            let call = Call::Create {
                spec: form.clone(),
                first: known.is_none_or(|touched| !touched.tokens.contains(&token)),
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

    pub(super) fn intent(&mut self, step: &Step, job: usize) -> Result<Entry, Refusal> {
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
        let record = self.known(&step.resource).cloned();
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

    pub(super) fn rules_of(&self, id: &ResourceId) -> Result<&dyn Rules, Refusal> {
        self.rules
            .rules(&id.kind)
            .ok_or_else(|| unplanned("a kind that this build has"))
    }

    /// What is recorded of a resource. Until the commit, what moves is recorded under its old id.
    pub(super) fn known(&self, id: &ResourceId) -> Option<&Record> {
        let records = self.txn.records();
        let old = || self.plan.as_ref()?.moves.get(id);
        records.get(id).or_else(|| records.get(old()?))
    }

    /// The living thing that a birth takes the place of at the commit: its removal stands in the sweep.
    pub(super) fn beside(&self, step: &Step) -> Option<Remote> {
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
        // What has a note is not written to by this pass; an earlier one may have tried to.
        let record = match self.notes.get(&output.of).or(planned) {
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
        let borne = self.known(id).and_then(|record| record.token.as_ref());
        match last {
            Some(last) if borne != Some(last) => last.clone(),
            _ => token_of(&format!("{}/{id}/{}", self.txn.snapshot().stack, self.nonce)),
        }
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
