//! Brings one thing to one target: call, and where the outcome is not known, look, wait, call again. Pure.
//!
//! Build, sweep and way back all use it; they differ in the target, in what they take for theirs, and in how patient they
//! are ([`Patience`]). What the thing is like decides what is called, not what was called before: absent and wanted means
//! create, there and different means update, there and unwanted means delete. So a lost answer, a partial work and a change
//! by somebody else are one case.
//!
//! # What it does not know
//! Journal, other steps, and secrets: it never says a form.

use std::collections::BTreeSet;
use std::time::Duration;

use grail_providers::port::{Diff, Effect, Failure, Retry, Rules};
use grail_state::{Handle, Observed, Proof, Remote, StepToken};
use serde_json::Value;

use super::call::{Call, Look};
use super::limits::{Limits, Time};
use super::own::OwnFields;

mod refusal;
#[cfg(test)]
mod tests;
mod tries;

pub(crate) use refusal::{Refusal, invalid};

/// How the thing is to be.
#[derive(Clone, PartialEq)]
pub(crate) enum Target {
    /// As this.
    Be(Wish),
    /// Not there.
    NotBe,
    /// As it is, without these additions of others.
    Without(Vec<String>),
}

/// The form that a thing is to have.
#[derive(Clone, PartialEq)]
pub(crate) struct Wish {
    /// The whole form, secrets in clear.
    pub(crate) form: Value,
    /// The attempt that a birth belongs to.
    pub(crate) token: StepToken,
    /// On the way back: the fields to bring back, and the pre-image as projected. `None` means all fields.
    pub(crate) only: Option<(OwnFields, Value)>,
    /// Whether a living thing may be deleted where a field cannot be changed in place.
    pub(crate) may_replace: bool,
    /// On the way back: fields that could not be kept. They stay as they are, and what is gone stays gone: nobody could make
    /// it as it was.
    pub(crate) lost: Vec<String>,
}

/// What may be taken for ours when a look finds it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Claim {
    /// Things with these handles.
    pub(crate) handles: BTreeSet<Handle>,
    /// Things with these marks.
    pub(crate) tokens: BTreeSet<StepToken>,
    /// Things of this form (as projected) that bear no mark at all.
    pub(crate) form: Option<Value>,
    /// For removal: what the thing bore when it was last seen, where its physical name is one that others may take.
    pub(crate) proof: Option<Proof>,
    /// For removal: the form (as projected) that the thing had. Less than that, and nothing else, is what a deletion that
    /// broke off has left, even if what showed it to be ours went first.
    pub(crate) whole: Option<Value>,
    /// Never these: they live on under the same logical name.
    pub(crate) never: BTreeSet<Handle>,
}

/// A write that may still arrive, and what is seen once it has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pending {
    /// From then on it will not.
    pub(crate) until: Time,
    /// The form (as projected) that it leads to; `None` for a deletion.
    pub(crate) effect: Option<Value>,
    /// The mark of what it brings into being.
    pub(crate) born: Option<StepToken>,
}

impl Pending {
    /// True if what is seen is what it leads to. A thing that bears another mark is not what was born, however much like it
    /// it is: where what was born cannot be read yet, its predecessor may be found by name.
    fn has_arrived(&self, observed: &Observed) -> bool {
        shows(observed, self.effect.as_ref()) && bears(observed, self.born.as_ref())
    }
}

/// How much is borne before giving up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Failed calls that are worth another try.
    pub(crate) attempts: u32,
    /// Refusals that are tried again all the same.
    pub(crate) refusals: u32,
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub(crate) enum Move {
    /// Make this call.
    Call(Call),
    /// Look.
    Look(Look),
    /// Wait, then ask [`Attempt::woke`].
    Wait { until: Time, why: Pause },
    /// The target is reached: this is there, or nothing.
    Settled(Option<Remote>),
    /// It cannot be reached.
    Refused(Refusal),
}

/// Why there is a pause.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pause {
    /// Something outside is not ready.
    Awaiting(&'static str),
    /// Another try follows.
    Retrying { why: String, after: Duration },
    /// A request without an answer may still arrive.
    Late,
}

/// One thing on its way to one target.
pub(crate) struct Attempt {
    target: Target,
    look: Look,
    claim: Claim,
    patience: Patience,
    pending: Option<Pending>,
    next: Next,
    in_flight: Option<Call>,
    /// Whether any call was made.
    called: bool,
    /// Since something came of one.
    failed_calls: u32,
    /// What was there at the last look, and how often that was another thing than at the look before.
    shown: (Option<Option<Value>>, u32),
    failed_looks: u32,
    refusals: u32,
    awaiting_since: Option<Time>,
    /// How often that was found not to be ready.
    awaited: u32,
    last: Option<Refusal>,
    theirs: Vec<String>,
    left: Option<Handle>,
    /// What a call answered was not what it wrote, and was looked at once more.
    looked_twice: bool,
}

enum Next {
    Look,
    Call(Box<Call>),
}

impl Attempt {
    /// An attempt that looks first.
    pub(crate) fn looking(target: Target, look: Look, claim: Claim, patience: Patience) -> Self {
        Self {
            target,
            look,
            claim,
            patience,
            pending: None,
            next: Next::Look,
            in_flight: None,
            called: false,
            failed_calls: 0,
            shown: (None, 0),
            failed_looks: 0,
            refusals: 0,
            awaiting_since: None,
            awaited: 0,
            last: None,
            theirs: Vec::new(),
            left: None,
            looked_twice: false,
        }
    }

    /// The same, beginning with a call because it is known what is there.
    pub(crate) fn calling(mut self, call: Call) -> Self {
        self.next = Next::Call(Box::new(call));
        self
    }

    /// The write that may still arrive.
    pub(crate) fn pending(&self) -> Option<&Pending> {
        self.pending.as_ref()
    }

    /// The fields that others changed and that were left as they are.
    pub(crate) fn theirs(&self) -> &[String] {
        &self.theirs
    }

    /// What stands under the name of the thing to be removed, is not that thing, and was left alone.
    pub(crate) fn left(&self) -> Option<&Handle> {
        self.left.as_ref()
    }

    /// What to do first, and after each wait.
    pub(crate) fn woke(&mut self) -> Move {
        match std::mem::replace(&mut self.next, Next::Look) {
            Next::Look => Move::Look(self.look.clone()),
            Next::Call(call) => self.call(*call),
        }
    }

    /// What to do after the answer to the call.
    pub(crate) fn answered(
        &mut self,
        result: Result<Option<Remote>, Failure>,
        rules: &dyn Rules,
        limits: &Limits,
        now: Time,
    ) -> Move {
        let call = self.in_flight.take();
        let failure = match result {
            Ok(remote) => return self.succeeded(call, remote, rules, limits, now),
            Err(failure) => failure,
        };
        let refusal = Refusal {
            why: failure.chain(),
            hint: failure.hint.clone(),
            maybe: failure.effect == Effect::Maybe,
        };
        self.last = Some(refusal.clone());
        if failure.effect == Effect::Maybe {
            self.doubt(call.as_ref(), &failure, rules, limits, now);
            return self.after_maybe(failure.retry, refusal, limits, now);
        }
        match (failure.retry, call) {
            (Retry::Never, _) => self.refused(refusal, limits, now),
            (Retry::After(asked), Some(call)) => self.again(Next::Call(Box::new(call)), asked, limits, now),
            (Retry::Await { after, on }, Some(call)) => {
                self.await_it(Next::Call(Box::new(call)), after, on, limits, now)
            }
            (Retry::After(asked), None) => self.again(Next::Look, asked, limits, now),
            (Retry::Await { after, on }, None) => self.await_it(Next::Look, after, on, limits, now),
        }
    }

    /// What to do after a look.
    pub(crate) fn seen(
        &mut self,
        result: Result<Observed, Failure>,
        rules: &dyn Rules,
        limits: &Limits,
        now: Time,
    ) -> Move {
        let observed = match result {
            Ok(observed) => self.only_ours_counts(observed),
            Err(failure) => return self.could_not_look(&failure, limits, now),
        };
        self.failed_looks = 0;
        if let Some(pending) = &self.pending {
            if now < pending.until && !pending.has_arrived(&observed) {
                let until = pending.until;
                return self.wait(Next::Look, until, Pause::Late);
            }
            self.pending = None;
        }
        self.note_progress(&observed);
        match (&self.target, observed) {
            (Target::NotBe | Target::Without(_), Observed::Absent) => Move::Settled(None),
            (Target::Without(children), Observed::Present(remote)) => {
                if !self.is_meant(&remote) {
                    self.left = Some(remote.handle).filter(|handle| self.claim.handles.contains(handle));
                    return Move::Settled(None);
                }
                let call = Call::Prune {
                    handle: remote.handle,
                    spec: remote.spec,
                    outputs: remote.outputs,
                    children: children.clone(),
                };
                self.try_call(call, limits, now)
            }
            (Target::NotBe, Observed::Present(remote)) => {
                if self.is_meant(&remote) {
                    self.try_call(Call::delete(&remote), limits, now)
                } else {
                    // It is no longer ours (or never was): there is nothing of ours to remove.
                    self.left = Some(remote.handle).filter(|handle| self.claim.handles.contains(handle));
                    Move::Settled(None)
                }
            }
            (Target::Be(wish), Observed::Absent) if !wish.lost.is_empty() => Move::Settled(None),
            (Target::Be(wish), Observed::Absent) => {
                let call = Call::Create {
                    spec: wish.form.clone(),
                    token: wish.token.clone(),
                    first: false,
                };
                self.try_call(call, limits, now)
            }
            (Target::Be(_), Observed::Present(remote)) => self.found(remote, rules, limits, now),
        }
    }
}

/// True if what is seen is what a write leads to.
pub(crate) fn shows(observed: &Observed, effect: Option<&Value>) -> bool {
    match (observed, effect) {
        (Observed::Absent, None) => true,
        (Observed::Present(remote), Some(form)) => same(form, &remote.spec),
        _ => false,
    }
}

/// False if what is seen bears another mark than `born`.
pub(crate) fn bears(observed: &Observed, born: Option<&StepToken>) -> bool {
    match (observed.remote().map(|remote| &remote.proof), born) {
        (Some(Proof::Mark(mark)), Some(born)) => mark == born,
        _ => true,
    }
}

fn same(one: &Value, other: &Value) -> bool {
    Diff::between(one, other, &[]).is_empty()
}
