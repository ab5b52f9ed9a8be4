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
use grail_state::{Handle, Observed, Proof, Remote, StepToken, Template};
use serde_json::Value;

use super::call::{Call, Look};
use super::limits::{Limits, Time};
use super::own::OwnFields;

#[cfg(test)]
mod tests;

/// How the thing is to be.
#[derive(Clone, PartialEq)]
pub(crate) enum Target {
    /// As this.
    Be(Wish),
    /// Not there.
    NotBe,
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

/// Why a target cannot be reached.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    /// The cause, in words.
    pub(crate) why: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// True if the world may have changed all the same.
    pub(crate) maybe: bool,
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
    failed_calls: u32,
    failed_looks: u32,
    refusals: u32,
    awaiting_since: Option<Time>,
    last: Option<Refusal>,
    theirs: Vec<String>,
}

#[expect(clippy::large_enum_variant, reason = "made and used up within one call")]
enum Next {
    Look,
    Call(Call),
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
            failed_calls: 0,
            failed_looks: 0,
            refusals: 0,
            awaiting_since: None,
            last: None,
            theirs: Vec::new(),
        }
    }

    /// The same, beginning with a call because it is known what is there.
    pub(crate) fn calling(mut self, call: Call) -> Self {
        self.next = Next::Call(call);
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

    /// What to do first, and after each wait.
    pub(crate) fn woke(&mut self) -> Move {
        match std::mem::replace(&mut self.next, Next::Look) {
            Next::Look => Move::Look(self.look.clone()),
            Next::Call(call) => self.call(call),
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
            Ok(remote) => return self.succeeded(call, remote),
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
            (Retry::After(asked), Some(call)) => self.again(Next::Call(call), asked, limits, now),
            (Retry::Await { after, on }, Some(call)) => {
                self.await_it(Next::Call(call), after, on, limits, now)
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
            if now < pending.until && !shows(&observed, pending.effect.as_ref()) {
                let until = pending.until;
                return self.wait(Next::Look, until, Pause::Late);
            }
            self.pending = None;
        }
        match (&self.target, observed) {
            (Target::NotBe, Observed::Absent) => Move::Settled(None),
            (Target::NotBe, Observed::Present(remote)) => {
                if self.is_meant(&remote) {
                    self.try_call(Call::delete(&remote), limits, now)
                } else {
                    // It is no longer ours (or never was): there is nothing of ours to remove.
                    Move::Settled(None)
                }
            }
            (Target::Be(wish), Observed::Absent) => {
                let call = Call::Create {
                    spec: wish.form.clone(),
                    token: wish.token.clone(),
                };
                self.try_call(call, limits, now)
            }
            (Target::Be(_), Observed::Present(remote)) => self.found(remote, rules, limits, now),
        }
    }

    fn found(&mut self, remote: Remote, rules: &dyn Rules, limits: &Limits, now: Time) -> Move {
        let Target::Be(wish) = &self.target else {
            return Move::Settled(Some(remote));
        };
        if !self.is_ours(&remote) {
            return Move::Refused(foreign(&remote));
        }
        let diff = match rules.diff(&Template::Lit(wish.form.clone()), &remote) {
            Ok(diff) => diff,
            Err(problems) => return Move::Refused(invalid(&problems)),
        };
        let (diff, theirs, want) = match &wish.only {
            Some((own, pre)) if !diff.replaces() => {
                let (ours, theirs) = own.split(diff);
                (ours, theirs, own.with_theirs(&wish.form, pre, &remote.spec))
            }
            _ => (diff, Vec::new(), wish.form.clone()),
        };
        let may_replace = wish.may_replace;
        let token = wish.token.clone();
        self.theirs = theirs;
        if diff.is_empty() {
            return Move::Settled(Some(remote));
        }
        if diff.replaces() {
            if may_replace {
                return self.try_call(Call::delete(&remote), limits, now);
            }
            return Move::Refused(immutable(&diff));
        }
        let call = Call::Update {
            have: remote,
            want,
            diff,
            token,
        };
        self.try_call(call, limits, now)
    }

    fn succeeded(&mut self, call: Option<Call>, remote: Option<Remote>) -> Move {
        self.pending = None;
        match (&self.target, call) {
            // The first half of a replacement: what stood in the way is gone.
            (Target::Be(wish), Some(Call::Delete { .. })) => {
                let call = Call::Create {
                    spec: wish.form.clone(),
                    token: wish.token.clone(),
                };
                self.call(call)
            }
            (Target::Be(_), _) => Move::Settled(remote),
            (Target::NotBe, _) => Move::Settled(None),
        }
    }

    /// Notes what a call without a clear outcome may still lead to.
    fn doubt(
        &mut self,
        call: Option<&Call>,
        failure: &Failure,
        rules: &dyn Rules,
        limits: &Limits,
        now: Time,
    ) {
        let wait = if failure.unanswered {
            limits.late
        } else {
            limits.grace
        };
        let effect = match call {
            Some(Call::Create { spec, .. }) => rules.project(&Template::Lit(spec.clone())).ok(),
            Some(Call::Update { want, .. }) => rules.project(&Template::Lit(want.clone())).ok(),
            Some(Call::Delete { .. }) | None => None,
        };
        let until = now.saturating_add(wait);
        let later = self
            .pending
            .as_ref()
            .map_or(until, |earlier| earlier.until.max(until));
        self.pending = Some(Pending { until: later, effect });
    }

    fn after_maybe(&mut self, retry: Retry, refusal: Refusal, limits: &Limits, now: Time) -> Move {
        match retry {
            Retry::Await { after, on } => self.await_it(Next::Look, after, on, limits, now),
            Retry::After(_) => {
                self.failed_calls += 1;
                Move::Look(self.look.clone())
            }
            // Partial work and then a refusal: calling again would be refused again.
            Retry::Never => self.refused(refusal, limits, now),
        }
    }

    fn refused(&mut self, refusal: Refusal, limits: &Limits, now: Time) -> Move {
        self.refusals += 1;
        if self.refusals > self.patience.refusals {
            return Move::Refused(refusal);
        }
        let after = limits.pause_after(self.refusals + 3, Duration::ZERO);
        let why = refusal.why;
        let until = now.saturating_add(after);
        self.wait(Next::Look, until, Pause::Retrying { why, after })
    }

    fn again(&mut self, next: Next, asked: Duration, limits: &Limits, now: Time) -> Move {
        self.failed_calls += 1;
        if self.failed_calls >= self.patience.attempts {
            return Move::Refused(self.given_up());
        }
        let after = limits.pause_after(self.failed_calls, asked);
        let why = self.last_words();
        self.wait(next, now.saturating_add(after), Pause::Retrying { why, after })
    }

    fn await_it(
        &mut self,
        next: Next,
        after: Duration,
        on: &'static str,
        limits: &Limits,
        now: Time,
    ) -> Move {
        let since = *self.awaiting_since.get_or_insert(now);
        if now.saturating_sub(since) >= limits.propagation {
            let mut refusal = self.given_up();
            refusal.why = format!(
                "waited {} s for {on}: {}",
                limits.propagation.as_secs(),
                refusal.why
            );
            return Move::Refused(refusal);
        }
        self.wait(next, now.saturating_add(after), Pause::Awaiting(on))
    }

    fn could_not_look(&mut self, failure: &Failure, limits: &Limits, now: Time) -> Move {
        self.failed_looks += 1;
        let (Retry::After(asked) | Retry::Await { after: asked, .. }) = failure.retry else {
            return self.refused(could_not_look(failure), limits, now);
        };
        if self.failed_looks >= limits.looks {
            return Move::Refused(could_not_look(failure));
        }
        let after = limits.pause_after(self.failed_looks, asked);
        let why = failure.chain();
        self.wait(
            Next::Look,
            now.saturating_add(after),
            Pause::Retrying { why, after },
        )
    }

    /// Makes a call after a look, with a pause if an earlier one has failed.
    fn try_call(&mut self, call: Call, limits: &Limits, now: Time) -> Move {
        if self.failed_calls == 0 {
            return self.call(call);
        }
        if self.failed_calls >= self.patience.attempts {
            return Move::Refused(self.given_up());
        }
        let after = limits.pause_after(self.failed_calls, Duration::ZERO);
        let why = self.last_words();
        self.wait(
            Next::Call(call),
            now.saturating_add(after),
            Pause::Retrying { why, after },
        )
    }

    fn call(&mut self, call: Call) -> Move {
        self.in_flight = Some(call.clone());
        Move::Call(call)
    }

    fn wait(&mut self, next: Next, until: Time, why: Pause) -> Move {
        self.next = next;
        Move::Wait { until, why }
    }

    fn last_words(&self) -> String {
        self.last
            .as_ref()
            .map_or_else(String::new, |last| last.why.clone())
    }

    fn given_up(&self) -> Refusal {
        self.last.clone().unwrap_or_else(|| Refusal {
            why: "it could not be brought about".to_owned(),
            hint: None,
            maybe: true,
        })
    }

    fn only_ours_counts(&self, observed: Observed) -> Observed {
        match observed {
            Observed::Present(remote) if self.claim.never.contains(&remote.handle) => Observed::Absent,
            other => other,
        }
    }

    /// For removal: where the handle is known, another thing that merely belongs to us is not meant.
    fn is_meant(&self, remote: &Remote) -> bool {
        let known = self.claim.handles.is_empty() || self.claim.handles.contains(&remote.handle);
        let marked = matches!(&remote.proof, Proof::Mark(token) if self.claim.tokens.contains(token));
        (known || marked) && self.is_ours(remote)
    }

    fn is_ours(&self, remote: &Remote) -> bool {
        match &remote.proof {
            Proof::Theirs { .. } => false,
            Proof::Ours => true,
            Proof::Mark(token) => {
                self.claim.tokens.contains(token) || self.claim.handles.contains(&remote.handle)
            }
            Proof::NameOnly => {
                self.claim.handles.contains(&remote.handle)
                    || self
                        .claim
                        .form
                        .as_ref()
                        .is_some_and(|form| same(form, &remote.spec))
            }
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

fn same(one: &Value, other: &Value) -> bool {
    Diff::between(one, other, &[]).is_empty()
}

fn foreign(remote: &Remote) -> Refusal {
    let failure = Failure::foreign(&remote.handle);
    Refusal {
        why: failure.chain(),
        hint: failure.hint,
        maybe: false,
    }
}

fn immutable(diff: &Diff) -> Refusal {
    let fields: Vec<_> = diff
        .fields
        .iter()
        .filter(|field| field.replaces)
        .map(|field| field.path.as_str())
        .collect();
    Refusal {
        why: format!("{} cannot be changed in place", fields.join(", ")),
        hint: None,
        maybe: false,
    }
}

pub(crate) fn invalid(problems: &[grail_providers::port::Invalid]) -> Refusal {
    let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
    Refusal {
        why: format!("its resolved form is not valid: {}", said.join("; ")),
        hint: None,
        maybe: false,
    }
}

fn could_not_look(failure: &Failure) -> Refusal {
    Refusal {
        why: format!("could not look at it: {}", failure.chain()),
        hint: failure.hint.clone(),
        maybe: true,
    }
}
