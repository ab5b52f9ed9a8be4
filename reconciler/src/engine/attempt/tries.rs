//! What follows from what was found, and how often it is tried.

use std::time::Duration;

use grail_providers::port::{Diff, Failure, Retry, Rules};
use grail_state::{Observed, Proof, Remote, Template};
use serde_json::Value;

use super::refusal::{could_not_look, foreign, immutable, invalid};
use super::{Attempt, Move, Next, Pause, Pending, Refusal, Target, Wish, same};
use crate::engine::call::Call;
use crate::engine::limits::{Limits, Time};
use crate::engine::own::is_nothing;

impl Attempt {
    pub(super) fn found(&mut self, remote: Remote, rules: &dyn Rules, limits: &Limits, now: Time) -> Move {
        let Target::Be(wish) = &self.target else {
            return Move::Settled(Some(remote));
        };
        if !self.is_ours(&remote) {
            return Move::Refused(foreign(&remote));
        }
        self.brought_to(wish.clone(), remote, rules, limits, now)
    }

    /// Changes what differs from the wish.
    fn brought_to(
        &mut self,
        wish: Wish,
        remote: Remote,
        rules: &dyn Rules,
        limits: &Limits,
        now: Time,
    ) -> Move {
        // What is as it was needs nothing. Nothing is kept of a thing that was never touched, and then its projected form,
        // which is all there is, need not be one that can be read.
        if let Some((own, pre)) = &wish.only
            && same(pre, &remote.spec)
            && !own.may_lack(&wish.form, pre)
        {
            return Move::Settled(Some(remote));
        }
        let diff = match rules.diff(&Template::Lit(wish.form.clone()), &remote) {
            Ok(diff) => diff.without(&wish.lost),
            // Not even the form is whole: nothing can be brought back with it.
            Err(_) if !wish.lost.is_empty() => return Move::Settled(Some(remote)),
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
            if !wish.lost.is_empty() {
                return Move::Settled(Some(remote));
            }
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

    pub(super) fn succeeded(
        &mut self,
        call: Option<Call>,
        remote: Option<Remote>,
        rules: &dyn Rules,
        limits: &Limits,
        now: Time,
    ) -> Move {
        self.pending = None;
        if let (Some(form), Some(remote)) = (call.as_ref().and_then(Call::form), &remote)
            && self.may_be_old(form, remote, rules, limits, now)
        {
            return Move::Look(self.look.clone());
        }
        match (&self.target, call) {
            // A birth may be answered with what an earlier try, or another tool in our name, has made. It is ours, and may
            // be of another form.
            (Target::Be(wish), Some(Call::Create { .. })) => match remote {
                Some(remote) if !only_replaceable(rules, &wish.form, &remote) => {
                    self.brought_to(wish.clone(), remote, rules, limits, now)
                }
                other => Move::Settled(other),
            },
            // The first half of a replacement: what stood in the way is gone.
            (Target::Be(wish), Some(Call::Delete { .. })) => {
                let call = Call::Create {
                    spec: wish.form.clone(),
                    token: wish.token.clone(),
                    first: false,
                };
                self.call(call)
            }
            (Target::Be(_), _) => Move::Settled(remote),
            (Target::NotBe | Target::Without(_), _) => Move::Settled(None),
        }
    }

    /// What a call answers is often read after the write, and a reading may be older than that. What is not as it was written
    /// is looked at once more before anything follows from it.
    fn may_be_old(
        &mut self,
        form: &Value,
        remote: &Remote,
        rules: &dyn Rules,
        limits: &Limits,
        now: Time,
    ) -> bool {
        if self.looked_twice || limits.grace.is_zero() {
            return false;
        }
        let differs = |diff: Diff| !diff.is_empty() && !diff.replaces();
        let wanted = Template::Lit(form.clone());
        self.looked_twice = rules.diff(&wanted, remote).is_ok_and(differs);
        if self.looked_twice {
            self.pending = Some(Pending {
                until: now.saturating_add(limits.grace),
                effect: rules.project(&wanted).ok(),
                born: None,
            });
        }
        self.looked_twice
    }

    /// Notes what a call without a clear outcome may still lead to.
    pub(super) fn doubt(
        &mut self,
        call: Option<&Call>,
        failure: &Failure,
        rules: &dyn Rules,
        limits: &Limits,
        now: Time,
    ) {
        // What arrives at the last moment can be read after the grace.
        let wait = if failure.unanswered {
            limits.late + limits.grace
        } else {
            limits.grace
        };
        let effect = match call {
            Some(Call::Create { spec, .. }) => rules.project(&Template::Lit(spec.clone())).ok(),
            Some(Call::Update { want, .. }) => rules.project(&Template::Lit(want.clone())).ok(),
            Some(Call::Delete { .. } | Call::Prune { .. }) | None => None,
        };
        let born = match call {
            Some(Call::Create { token, .. }) => Some(token.clone()),
            _ => None,
        };
        let until = now.saturating_add(wait);
        let later = self
            .pending
            .as_ref()
            .map_or(until, |earlier| earlier.until.max(until));
        self.pending = Some(Pending {
            until: later,
            effect,
            born,
        });
    }

    /// A call of many requests gets further each time, however often it is cut short: what brings something about is no call
    /// that failed in vain. Somebody who changes the thing to and fro is borne as often as calls that fail.
    pub(super) fn note_progress(&mut self, observed: &Observed) {
        let shown = observed.remote().map(|remote| remote.spec.clone());
        let (before, times) = &mut self.shown;
        let moved = before.as_ref().is_some_and(|before| *before != shown);
        if self.failed_calls > 1 && moved && *times < self.patience.attempts {
            *times += 1;
            self.failed_calls = 1;
        }
        *before = Some(shown);
    }

    pub(super) fn after_maybe(&mut self, retry: Retry, refusal: Refusal, limits: &Limits, now: Time) -> Move {
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

    pub(super) fn refused(&mut self, refusal: Refusal, limits: &Limits, now: Time) -> Move {
        self.refusals += 1;
        if self.refusals > self.patience.refusals {
            return Move::Refused(refusal);
        }
        let after = limits.pause_after(self.refusals + 3, Duration::ZERO);
        let why = refusal.why;
        let until = now.saturating_add(after);
        self.wait(Next::Look, until, Pause::Retrying { why, after })
    }

    pub(super) fn again(&mut self, next: Next, asked: Duration, limits: &Limits, now: Time) -> Move {
        self.failed_calls += 1;
        if self.failed_calls >= self.patience.attempts {
            return Move::Refused(self.given_up());
        }
        let after = limits.pause_after(self.failed_calls, asked);
        let why = self.last_words();
        self.wait(next, now.saturating_add(after), Pause::Retrying { why, after })
    }

    pub(super) fn await_it(
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
        let after = limits.probe_after(self.awaited, after);
        self.awaited += 1;
        self.wait(next, now.saturating_add(after), Pause::Awaiting(on))
    }

    pub(super) fn could_not_look(&mut self, failure: &Failure, limits: &Limits, now: Time) -> Move {
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
    pub(super) fn try_call(&mut self, call: Call, limits: &Limits, now: Time) -> Move {
        if self.failed_calls == 0 {
            return self.call(call);
        }
        if self.failed_calls >= self.patience.attempts {
            return Move::Refused(self.given_up());
        }
        let after = limits.pause_after(self.failed_calls, Duration::ZERO);
        let why = self.last_words();
        self.wait(
            Next::Call(Box::new(call)),
            now.saturating_add(after),
            Pause::Retrying { why, after },
        )
    }

    pub(super) fn call(&mut self, mut call: Call) -> Move {
        if let Call::Create { first, .. } = &mut call {
            *first &= !self.called;
        }
        self.called = true;
        self.in_flight = Some(call.clone());
        Move::Call(call)
    }

    pub(super) fn wait(&mut self, next: Next, until: Time, why: Pause) -> Move {
        self.next = next;
        Move::Wait { until, why }
    }

    pub(super) fn last_words(&self) -> String {
        self.last
            .as_ref()
            .map_or_else(String::new, |last| last.why.clone())
    }

    pub(super) fn given_up(&self) -> Refusal {
        self.last.clone().unwrap_or_else(|| Refusal {
            why: "it could not be brought about".to_owned(),
            hint: None,
            maybe: true,
        })
    }

    pub(super) fn only_ours_counts(&self, observed: Observed) -> Observed {
        match observed {
            Observed::Present(remote) if self.claim.never.contains(&remote.handle) => Observed::Absent,
            other => other,
        }
    }

    /// For removal: where the handle is known, another thing that merely belongs to us is not meant.
    pub(super) fn is_meant(&self, remote: &Remote) -> bool {
        let known = self.claim.handles.is_empty() || self.claim.handles.contains(&remote.handle);
        let marked = matches!(&remote.proof, Proof::Mark(token) if self.claim.tokens.contains(token));
        let same = self.claim.proof.as_ref();
        let same = same.is_none_or(|proof| proof.continues_in(&remote.proof)) || self.is_what_remains(remote);
        (known || marked) && same && self.is_ours(remote)
    }

    fn is_what_remains(&self, remote: &Remote) -> bool {
        self.claim.whole.as_ref().is_some_and(|whole| {
            let lacks = Diff::between(whole, &remote.spec, &[]).fields;
            !lacks.is_empty()
                && lacks
                    .iter()
                    .all(|field| field.have.as_ref().is_none_or(is_nothing))
        })
    }

    pub(super) fn is_ours(&self, remote: &Remote) -> bool {
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

/// True where nothing but a replacement brings `remote` to `form`: the next plan sees to that.
fn only_replaceable(rules: &dyn Rules, form: &Value, remote: &Remote) -> bool {
    let diff = rules.diff(&Template::Lit(form.clone()), remote);
    diff.map_or(true, |diff| diff.replaces())
}
