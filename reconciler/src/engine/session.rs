//! One holding of the lock: what the commands call.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::OptionFuture;
use grail_providers::port::{Access, RuleBook};
use grail_state::journal::Doomed;
use grail_state::snapshot::Home;
use grail_state::store::{Holder, Lease, Wait};
use grail_state::txn::{Phase, Txn, replay};
use grail_state::{DesiredState, Digest, Entry, Handle, Observed, Record, Remote, ResourceId, Seq, Version};
use grail_state::{Proof, Snapshot};
use tracing::Instrument as _;

use super::limits::Time;
use super::look::{LookFailure, Observations};
use super::settle::settle;
use super::status::Status;
use super::{Approval, Engine, EngineError, Ports, traced};
use crate::event::{Event, Outcome};
use crate::plan::broadening::{Background, broadenings};
use crate::plan::guard::to_record;
use crate::plan::{Broadening, Consent, Inputs, Plan, PlanProblem, Scope, check_plan, plan};

mod drift;
mod import;
mod keeping;
mod pass;
mod report;
mod sight;
mod verify;

pub use drift::Drift;
pub use import::{ImportError, Imported};
use pass::ended;

/// What to do when a step fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Bring everything back.
    #[default]
    Rollback,
    /// Leave the transaction open as it is.
    Keep,
}

/// One holding of the lock, or a look without it.
pub struct Session<'e> {
    engine: &'e Engine,
    lease: Option<Lease>,
    txn: Txn,
    version: Version,
    next: Seq,
    /// Until when writes of an earlier process may still arrive, and until they can be read.
    quiet: Time,
    /// Until when a look may not yet show what was written last.
    fresh: Time,
    /// The snapshot as it is stored, and the journal after it.
    stored: Snapshot,
    journal: Vec<Entry>,
    /// What another tool has recorded under another handle than we.
    rivals: BTreeMap<ResourceId, Record>,
    /// Second ones of what we have, which another tool keeps: to be deleted.
    seconds: Vec<Doomed>,
    observed: Observations,
    failures: Vec<LookFailure>,
    /// What the last planning could not ask about.
    unverified: Vec<LookFailure>,
    /// Of what others may have added, what could not be looked at, and why.
    unexamined: Vec<(ResourceId, String)>,
    /// The artifacts that the goal names.
    named: BTreeSet<Digest>,
    /// Second ones of what we have, which a forced deletion leaves where they are.
    spared: Vec<(ResourceId, Handle)>,
    passes: u32,
    /// Nothing is looked at: what is recorded is taken for what is there.
    blind: bool,
}

impl Engine {
    /// Takes the lock and reads the state.
    ///
    /// # Errors
    /// [`EngineError::Lock`] if somebody else holds it; a state that is damaged or belongs to another account is refused and
    /// left as it is.
    pub async fn open(&self, holder: Holder, wait: Wait) -> Result<Session<'_>, EngineError> {
        let lease = self.store.acquire(holder, wait).await?;
        match self.session().await {
            Ok(session) => Ok(Session {
                lease: Some(lease),
                ..session
            }),
            Err(error) => {
                self.store.release(lease).await;
                Err(error)
            }
        }
    }

    /// Reads the state without the lock: enough for `plan`, `status` and `drift`.
    ///
    /// # Errors
    /// As [`Engine::open`], save for the lock.
    pub async fn read(&self) -> Result<Session<'_>, EngineError> {
        self.session().await
    }

    async fn session(&self) -> Result<Session<'_>, EngineError> {
        let loaded = self.store.load().await?;
        self.at_home(&loaded.snapshot, &loaded.journal)?;
        let stored = loaded.snapshot.clone();
        let txn = match replay(loaded.snapshot, &loaded.journal) {
            Ok(txn) => txn,
            Err(corrupt) => return Err(self.store.misplaced(&corrupt).await.into()),
        };
        let quiet = self.quiet_from(&txn);
        let fresh = self.fresh_from(&txn);
        Ok(Session {
            engine: self,
            lease: None,
            txn,
            version: loaded.version,
            next: loaded.next,
            quiet,
            fresh,
            stored,
            journal: loaded.journal,
            rivals: BTreeMap::new(),
            seconds: Vec::new(),
            observed: Observations::new(),
            failures: Vec::new(),
            unverified: Vec::new(),
            unexamined: Vec::new(),
            named: BTreeSet::new(),
            spared: Vec::new(),
            passes: 0,
            blind: false,
        })
    }

    /// Refuses to work elsewhere than what is recorded. Before the first commit only the open transaction says where that is:
    /// to one who looks elsewhere, all that it has made would seem to be gone.
    fn at_home(&self, snapshot: &Snapshot, journal: &[Entry]) -> Result<(), EngineError> {
        let begun = journal.iter().filter_map(|entry| match entry {
            Entry::Begin { home, .. } => home.as_ref(),
            _ => None,
        });
        let elsewhere = |recorded: &&Home| self.home.as_ref().is_some_and(|current| current != *recorded);
        match (snapshot.home.iter().chain(begun).find(elsewhere), &self.home) {
            (Some(recorded), Some(current)) => Err(EngineError::Elsewhere {
                recorded: recorded.clone(),
                current: current.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// The last write of an earlier process was sent before we got the lock, and not later than the longest step after its
    /// last entry.
    fn quiet_from(&self, txn: &Txn) -> Time {
        let now = self.clock.elapsed();
        let Some(last) = txn.sign_of_life() else {
            return now;
        };
        if self.store.is_shared() {
            // The clock of another machine wrote it: how long ago that is, nobody knows.
            return now + self.limits.late;
        }
        let longest = self.limits.propagation + self.limits.call;
        let silent = self.clock.wall().duration_since(last);
        if silent.unsigned_abs() > longest && !silent.is_negative() {
            now
        } else {
            now + self.limits.late + self.limits.grace
        }
    }

    /// When a look shows what earlier commands have written. One that died wrote until it did, which was before we got the
    /// lock; one that went back has waited for that itself.
    fn fresh_from(&self, txn: &Txn) -> Time {
        let (now, grace) = (self.clock.elapsed(), self.limits.grace);
        if self.quiet_from(txn) > now {
            return now + grace;
        }
        let silent = txn
            .snapshot()
            .committed
            .map(|committed| self.clock.wall().duration_since(committed));
        match silent {
            Some(silent) if silent.is_negative() => now + grace,
            Some(silent) => now + grace.saturating_sub(silent.unsigned_abs()),
            None => now,
        }
    }
}

impl<'e> Session<'e> {
    /// Gives the lock back, if it was taken.
    pub async fn release(self) {
        if let Some(lease) = self.lease {
            self.engine.store.release(lease).await;
        }
    }

    /// Where the transaction stands.
    pub fn txn(&self) -> &Txn {
        &self.txn
    }

    /// How many passes this session has run, what it took up of earlier commands included. Where there are any, something may
    /// have been changed although the command itself failed.
    pub fn passes(&self) -> u32 {
        self.passes
    }

    /// The rules of every kind.
    pub fn rules(&self) -> &dyn RuleBook {
        &*self.engine.catalog
    }

    /// The last commit.
    pub fn snapshot(&self) -> &Snapshot {
        self.txn.snapshot()
    }

    /// Which commit was read.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// What was seen so far.
    pub fn observed(&self) -> &Observations {
        &self.observed
    }

    /// What could not be seen.
    pub fn failures(&self) -> &[LookFailure] {
        &self.failures
    }

    /// Where the stack stands, for people.
    ///
    /// # Errors
    /// If the holder of the lock cannot be read.
    pub async fn status(&self) -> Result<Status, EngineError> {
        let holder = match &self.lease {
            Some(_) => None,
            None => self.engine.store.holder().await?,
        };
        Ok(Status::of(&self.txn, holder))
    }

    /// Names things that another tool has recorded (Chalice's file). What our state does not know counts as recorded from
    /// now on, with a form that is not known yet; where both know a resource and name different things, the one that exists
    /// counts. To be called before the first look.
    ///
    /// # Errors
    /// [`EngineError::Corrupt`] if the journal does not fit, which it did before.
    pub fn adopt(&mut self, candidates: BTreeMap<ResourceId, Record>) -> Result<(), EngineError> {
        let mut base = self.stored.clone();
        for (id, theirs) in candidates {
            match base.records.get(&id) {
                None => drop(base.records.insert(id, theirs)),
                Some(ours) if ours.handle != theirs.handle => drop(self.rivals.insert(id, theirs)),
                Some(_) => {}
            }
        }
        self.txn = replay(base, &self.journal)?;
        Ok(())
    }

    /// Takes what is recorded for what is there, from now on: for a plan without a call. Not for a pass that writes.
    pub fn without_looking(&mut self) {
        self.blind = true;
    }

    /// What we know of each resource. What another tool named, and was found alive in place of our dead record, takes its
    /// place.
    fn recorded(&self) -> BTreeMap<ResourceId, Record> {
        let mut records = self.txn.records().clone();
        for (id, theirs) in &self.rivals {
            let alive = self.observed.get(id).and_then(Observed::remote);
            if alive.is_some_and(|remote| remote.handle == theirs.handle) {
                records.insert(id.clone(), theirs.clone());
            }
        }
        records
    }

    /// What would be done now. Looks at what was not looked at yet, and asks whether what the plan names outside is there;
    /// writes nothing.
    ///
    /// In a transaction that an earlier command left open, what is in doubt is settled in memory first.
    ///
    /// # Errors
    /// What could not be seen, and every problem that the planner finds or that is found in what is named outside.
    pub async fn preview(&mut self, desired: &DesiredState, consent: &Consent) -> Result<Plan, EngineError> {
        let entries = self.doubts().await?;
        if !entries.is_empty() {
            self.was_written_to();
        }
        for entry in entries {
            self.txn.apply(&entry)?;
        }
        self.plan(desired, consent).await
    }

    /// Waits until a look shows what was written last.
    pub(super) async fn until_fresh(&self) {
        tokio::time::sleep_until(self.engine.clock.instant(self.fresh)).await;
    }

    /// Something was written, or seen to have arrived, up to now.
    pub(super) fn was_written_to(&mut self) {
        self.fresh = self.engine.clock.elapsed() + self.engine.limits.grace;
    }

    async fn doubts(&self) -> Result<Vec<Entry>, EngineError> {
        if self.txn.phase() != Phase::Building || self.blind {
            return Ok(Vec::new());
        }
        let engine = self.engine;
        self.until_fresh().await;
        settle(
            &self.txn,
            &engine.catalog,
            &engine.limits,
            &engine.clock,
            self.quiet,
        )
        .await
        .map_err(EngineError::Look)
    }

    async fn plan(&mut self, desired: &DesiredState, consent: &Consent) -> Result<Plan, EngineError> {
        // A part of what is wanted is not foreseen: what the rest names is nobody's question.
        let foreseen = (!self.blind && consent.only.is_empty()).then(|| self.foresee(desired));
        let foreseen = OptionFuture::from(foreseen);
        let (seen, foreseen) = futures::join!(self.observe_wanted(desired), foreseen);
        seen?;
        if !self.failures.is_empty() {
            return Err(EngineError::Look(std::mem::take(&mut self.failures)));
        }
        if consent.prune && !self.blind {
            self.look_for_additions().await;
        }
        let plan = self.plan_from(desired, consent, &self.observed)?;
        if !self.blind {
            let foreseen = foreseen.unwrap_or_default();
            self.verify(&plan, desired, foreseen).await?;
        }
        Ok(plan)
    }

    /// What somebody may do by `plan` and could not do before.
    fn broadened_by(&self, plan: &Plan, recorded: &BTreeMap<ResourceId, Record>) -> Vec<Broadening> {
        let kept = |digest: &Digest| {
            let bytes = self.engine.artifacts.get(digest).ok().flatten()?;
            serde_json::from_slice(&bytes).ok()
        };
        let background = Background {
            recorded,
            definition: &kept,
            account: self.engine.home.as_ref().map(|home| home.account.as_str()),
            access: &|kind| {
                let rules = self.engine.catalog.rules(kind);
                rules.map_or(Access::None, |rules| rules.access())
            },
        };
        broadenings(plan, &background)
    }

    fn plan_from(
        &self,
        desired: &DesiredState,
        consent: &Consent,
        observed: &Observations,
    ) -> Result<Plan, EngineError> {
        let mut consent = consent.clone();
        consent.tokens.extend(self.txn.tokens());
        consent.protected.clone_from(&self.txn.snapshot().protected);
        let recorded = self.recorded();
        let doomed: Vec<Doomed> = self.txn.doomed().iter().chain(&self.seconds).cloned().collect();
        let placed = |problems| EngineError::Plan(PlanProblem::placed(problems, desired));
        let scope = match consent.only.is_empty() {
            true => None,
            false => Some(Scope::of(&consent.only, desired, &recorded).map_err(placed)?),
        };
        let inputs = Inputs {
            desired: scope.as_ref().map_or(desired, |scope| &scope.desired),
            recorded: scope.as_ref().map_or(&recorded, |scope| &scope.recorded),
            observed,
            doomed: &doomed,
            unpruned: self.txn.prune(),
            rules: &*self.engine.catalog,
            consent: &consent,
            base: &self.version,
        };
        let mut plan = plan(&inputs).map_err(placed)?;
        check_plan(&plan, &inputs).map_err(EngineError::Unsound)?;
        plan.broadenings = self.broadened_by(&plan, &recorded);
        plan.protected = to_record(&consent, &plan, desired, &recorded, &*self.engine.catalog);
        if let Some(scope) = &scope {
            let wrong = scope.left_wrong(&plan, desired, &recorded, &*self.engine.catalog);
            if !wrong.is_empty() {
                return Err(placed(wrong));
            }
        }
        Ok(plan)
    }
}

/// The same consent with a guard: what is protected is protected from whoever writes.
fn guarded(consent: &Consent) -> Consent {
    let mut consent = consent.clone();
    consent.guard.get_or_insert_default();
    consent
}

/// What a record says is there: for a deletion where nothing could be seen.
fn remembered(record: &Record) -> Observed {
    Observed::Present(Remote {
        handle: record.handle.clone(),
        spec: record.spec.clone(),
        outputs: record.outputs.clone(),
        proof: Proof::recorded(record.token.as_ref()),
        additions: Vec::new(),
    })
}

impl Session<'_> {
    /// Brings the stack to `desired`: takes up what was left open, plans, carries out. `approval` has its
    /// say before anything is written.
    ///
    /// # Errors
    /// Where nothing was changed by this pass. Everything else is an [`Outcome`].
    pub async fn deploy(
        &mut self,
        desired: &DesiredState,
        consent: &Consent,
        on_failure: OnFailure,
        approval: Option<&mut dyn Approval>,
        ports: &mut Ports<'_>,
    ) -> Result<Outcome, EngineError> {
        let span = traced::pass("deploy", &self.snapshot().stack);
        let deployed = self.deploy_to(desired, consent, on_failure, approval, ports);
        let ended = deployed.instrument(span.clone()).await;
        traced::passed(&span, &ended);
        ended
    }

    async fn deploy_to(
        &mut self,
        desired: &DesiredState,
        consent: &Consent,
        on_failure: OnFailure,
        approval: Option<&mut dyn Approval>,
        ports: &mut Ports<'_>,
    ) -> Result<Outcome, EngineError> {
        self.named = keeping::named_by(desired);
        let consent = &guarded(consent);
        if let Some(outcome) = self.take_up(ports).await? {
            return Ok(ended(outcome, ports));
        }
        if !consent.only.is_empty() && self.txn.phase() != Phase::Idle {
            return Err(EngineError::OpenForTargets);
        }
        let mut stop = ports.stop.clone();
        let planned = tokio::select! {
            biased;
            plan = self.plan(desired, consent) => Ok(plan?),
            why = stop.stopped() => Err(why),
        };
        match planned {
            Ok(plan) => {
                self.unverified()
                    .iter()
                    .for_each(|event| ports.events.emit(event));
                if let Some(approval) = approval {
                    let agreed = tokio::select! {
                        biased;
                        agreed = approval.approve(&plan) => Ok(agreed?),
                        why = stop.stopped() => Err(why),
                    };
                    if let Err(why) = agreed {
                        return Ok(ended(self.stopped(why), ports));
                    }
                }
                self.carry_out(plan, "deploy", on_failure, ports).await
            }
            Err(why) => Ok(ended(self.stopped(why), ports)),
        }
    }

    /// Deletes everything that the state records. Commits first: a refusal does not stop the rest, and the next `delete`
    /// goes on. What could not be looked at is deleted by what the record says of it. With `consent.force`, what this grail cannot
    /// delete is left and told.
    ///
    /// # Errors
    /// As [`Session::deploy`].
    pub async fn delete(&mut self, consent: &Consent, ports: &mut Ports<'_>) -> Result<Outcome, EngineError> {
        let span = traced::pass("delete", &self.snapshot().stack);
        let ended = self.delete_all(consent, ports).instrument(span.clone()).await;
        traced::passed(&span, &ended);
        ended
    }

    async fn delete_all(&mut self, consent: &Consent, ports: &mut Ports<'_>) -> Result<Outcome, EngineError> {
        if let Some(outcome) = self.take_up(ports).await? {
            return Ok(ended(outcome, ports));
        }
        let consent = &guarded(consent);
        let mut stop = ports.stop.clone();
        let planned = tokio::select! {
            biased;
            plan = self.plan_deletion(consent) => Ok(plan?),
            why = stop.stopped() => Err(why),
        };
        match planned {
            Ok(plan) => {
                for (id, handle) in self.spared.drain(..) {
                    ports.events.emit(&Event::Said {
                        code: "delete.spared".to_owned(),
                        text: format!(
                            "{id}: Chalice's file names {handle}, and the state another: {handle} is left"
                        ),
                        warning: true,
                    });
                }
                self.carry_out(plan, "delete", OnFailure::Rollback, ports).await
            }
            Err(why) => Ok(ended(self.stopped(why), ports)),
        }
    }

    /// The end of a pass that was stopped before it wrote anything.
    fn stopped(&self, why: String) -> Outcome {
        match self.txn.phase() {
            Phase::Idle => Outcome::Refused { why },
            _ => Outcome::Open { why },
        }
    }

    /// What `delete` would do.
    ///
    /// # Errors
    /// As [`Session::deploy`].
    pub async fn plan_deletion(&mut self, consent: &Consent) -> Result<Plan, EngineError> {
        let nothing = DesiredState::empty(self.txn.snapshot().stack.clone());
        let mut looked = self.observe_wanted(&nothing).await;
        while let Err(EngineError::TwoLive { id, theirs, .. }) = &looked
            && consent.force
        {
            self.rivals.remove(id);
            self.spared.push((id.clone(), theirs.clone()));
            looked = self.observe_rivals().await;
        }
        looked?;
        let mut observed = self.observed.clone();
        let recorded = self.recorded();
        for failed in self.failures.drain(..) {
            if let Some(record) = recorded.get(&failed.id) {
                observed.insert(failed.id, remembered(record));
            }
        }
        self.plan_from(&nothing, consent, &observed)
    }
}
