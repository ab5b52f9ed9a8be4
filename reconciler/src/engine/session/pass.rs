//! Passes that write: taking up what is open, carrying out a plan, going back, and the swap that ends a transaction.

use std::sync::Arc;

use grail_providers::port::RuleBook;
use grail_state::txn::{Phase, Txn};
use grail_state::{Entry, Snapshot};
use tracing::Instrument as _;

use super::report::Chronicle;
use super::{OnFailure, Session};
use crate::engine::drive::{Opener, Outside, chain, run};
use crate::engine::machine::{Course, Machine, Setup};
use crate::engine::{EngineError, Ports, traced};
use crate::event::{Event, Outcome};
use crate::plan::Plan;
use crate::plan::prune::left_elsewhere;

/// Tells the end of a command.
pub(super) fn ended(outcome: Outcome, ports: &mut Ports<'_>) -> Outcome {
    ports.events.emit(&Event::Ended {
        outcome: outcome.clone(),
    });
    outcome
}

impl Session<'_> {
    /// Takes up what an earlier command left open: goes on restoring or sweeping to the end, settles what is in doubt. The
    /// answer is an outcome where the pass cannot go on after that.
    ///
    /// # Errors
    /// Where something could not be looked at or written down.
    pub async fn take_up(&mut self, ports: &mut Ports<'_>) -> Result<Option<Outcome>, EngineError> {
        if self.txn.phase() == Phase::Idle {
            return Ok(None);
        }
        ports.events.emit(&Event::Resumed {
            phase: self.txn.phase().as_str().to_owned(),
            touched: self.txn.touched().keys().cloned().collect(),
        });
        match self.txn.phase() {
            Phase::Idle => Ok(None),
            Phase::Building => self.settle_all(ports).await,
            Phase::Sweeping | Phase::Aborting => {
                let outcome = self.run(Course::Finish, OnFailure::Rollback, ports).await?;
                self.forget_looks();
                Ok(match outcome {
                    Outcome::Open { .. } | Outcome::Stuck { .. } => Some(outcome),
                    _ => None,
                })
            }
        }
    }

    async fn settle_all(&mut self, ports: &mut Ports<'_>) -> Result<Option<Outcome>, EngineError> {
        let late = self.quiet.saturating_sub(self.engine.clock.elapsed());
        if !late.is_zero() && self.txn.unsettled().next().is_some() {
            ports.events.emit(&Event::Said {
                code: "waiting.late".to_owned(),
                text: format!(
                    "seeing what became of the last writes; those without an answer may arrive for another {} s",
                    late.as_secs_f64().ceil()
                ),
                warning: false,
            });
        }
        let mut stop = ports.stop.clone();
        let entries = tokio::select! {
            biased;
            entries = self.doubts() => entries?,
            why = stop.stopped() => return Ok(Some(Outcome::Open { why })),
        };
        if !entries.is_empty() {
            self.was_written_to();
            self.append(&entries).await?;
            ports.records.write(&self.txn).map_err(EngineError::Projection)?;
            self.forget_looks();
        }
        Ok(None)
    }

    async fn append(&mut self, entries: &[Entry]) -> Result<(), EngineError> {
        let lease = self.lease.as_ref().ok_or(EngineError::ReadOnly)?;
        self.engine.store.append(lease, self.next, entries).await?;
        self.next += entries.len() as u64;
        for entry in entries {
            self.txn.apply(entry)?;
        }
        Ok(())
    }

    /// Carries out a plan that this session has made.
    ///
    /// # Errors
    /// As [`Session::deploy`].
    pub async fn carry_out(
        &mut self,
        plan: Plan,
        command: &str,
        on_failure: OnFailure,
        ports: &mut Ports<'_>,
    ) -> Result<Outcome, EngineError> {
        if self.lease.is_none() {
            return Err(EngineError::ReadOnly);
        }
        ports.events.emit(&Event::Planned {
            plan: Box::new(plan.without_secrets()),
        });
        let outcome = if plan.is_empty() && self.txn.phase() == Phase::Idle {
            self.note_only(&plan, ports).await?;
            // What an earlier command had left to do was done by this one.
            if self.passes == 0 {
                Outcome::Unchanged
            } else {
                Outcome::Done
            }
        } else {
            let course = Course::Forward {
                plan: Box::new(plan),
                command: command.to_owned(),
            };
            self.run(course, on_failure, ports).await?
        };
        Ok(ended(outcome, ports))
    }

    /// Brings everything back to the last commit. After a commit the way is forward only, and is gone to its end.
    ///
    /// # Errors
    /// As [`Session::deploy`].
    pub async fn rollback(&mut self, ports: &mut Ports<'_>) -> Result<Outcome, EngineError> {
        let span = traced::pass("rollback", &self.snapshot().stack);
        let ended = self.go_back(ports).instrument(span.clone()).await;
        traced::passed(&span, &ended);
        ended
    }

    async fn go_back(&mut self, ports: &mut Ports<'_>) -> Result<Outcome, EngineError> {
        let course = match self.txn.phase() {
            Phase::Idle => return Ok(Outcome::Unchanged),
            Phase::Building => {
                if let Some(outcome) = self.settle_all(ports).await? {
                    return Ok(ended(outcome, ports));
                }
                Course::Back {
                    why: "it was asked for".to_owned(),
                }
            }
            Phase::Sweeping | Phase::Aborting => Course::Finish,
        };
        let outcome = self.run(course, OnFailure::Rollback, ports).await?;
        Ok(ended(outcome, ports))
    }

    async fn run(
        &mut self,
        course: Course,
        on_failure: OnFailure,
        ports: &mut Ports<'_>,
    ) -> Result<Outcome, EngineError> {
        if !matches!(course, Course::Forward { .. }) {
            self.until_fresh().await;
        }
        let engine = self.engine;
        let lease = self.lease.as_ref().ok_or(EngineError::ReadOnly)?;
        self.passes += 1;
        let rules: Arc<dyn RuleBook + Send + Sync> = Arc::clone(&engine.catalog) as _;
        let mut machine = Machine::new(Setup {
            txn: self.txn.clone(),
            course,
            rules,
            unseal: Arc::new(Opener(Arc::clone(&engine.sealer))),
            limits: engine.limits.clone(),
            keep_on_failure: on_failure == OnFailure::Keep,
            by: format!("{} on {}", lease.holder.who, lease.holder.host),
            home: engine.home.clone(),
            new_file: ports.records.is_new(),
            nonce: format!("{}/{}/{}", lease.epoch, self.passes, engine.clock.wall()),
            epoch: engine.clock.epoch(),
            quiet: self.quiet,
        });
        let outside = Outside {
            catalog: &engine.catalog,
            store: &*engine.store,
            lease,
            sealer: &engine.sealer,
            limits: &engine.limits,
            clock: &engine.clock,
        };
        let mut chronicle = Chronicle::beside(&mut *ports.events);
        let mut heard = Ports {
            records: &mut *ports.records,
            events: &mut chronicle,
            stop: ports.stop.clone(),
        };
        let outcome = run(&mut machine, &outside, &mut self.next, &mut heard).await;
        let changes = chronicle.into_changes();
        self.txn = machine.into_txn();
        self.was_written_to();
        let outcome = self.concluded(outcome, ports).await;
        if let Some(lease) = &self.lease {
            self.remember(lease, &outcome, changes).await;
        }
        Ok(outcome)
    }

    /// Ends the transaction where the pass came to an end of it.
    async fn concluded(&mut self, outcome: Outcome, ports: &mut Ports<'_>) -> Outcome {
        // Where not even the beginning could be written down, there is nothing to end.
        if matches!(outcome, Outcome::Open { .. } | Outcome::Stuck { .. }) || self.txn.phase() == Phase::Idle
        {
            return outcome;
        }
        let Some(next) = self.txn.finished(self.engine.clock.wall()) else {
            return Outcome::Open {
                why: "the transaction is not complete".to_owned(),
            };
        };
        let (before, committed) = (self.stored.clone(), self.txn.phase() == Phase::Sweeping);
        if !committed {
            // A commit tells the next command when it was; a way back leaves no such word.
            self.until_fresh().await;
        }
        match self.close(next, ports).await {
            Ok(()) => {
                if committed {
                    self.sweep_artifacts(&before, ports);
                }
                outcome
            }
            // All is done and journalled: the next command closes it.
            Err(error) => Outcome::Open { why: chain(&error) },
        }
    }

    /// Ends a pass that writes nothing outside: what was learnt becomes durable, if anything was.
    async fn note_only(&mut self, plan: &Plan, ports: &mut Ports<'_>) -> Result<(), EngineError> {
        let mut next = self.txn.snapshot().clone();
        for (id, note) in &plan.notes {
            match note {
                Some(record) => next.records.insert(id.clone(), record.clone()),
                None => next.records.remove(id),
            };
        }
        if let Some(protected) = &plan.protected {
            next.protected.clone_from(protected);
        }
        // Of what the plan has looked at, nothing is left to remove: it would be in the plan.
        next.prune = left_elsewhere(&next.prune, plan);
        next.keep_to_records();
        self.close(next, ports).await
    }

    pub(super) async fn close(
        &mut self,
        mut next: Snapshot,
        ports: &mut Ports<'_>,
    ) -> Result<(), EngineError> {
        let lease = self.lease.as_ref().ok_or(EngineError::ReadOnly)?;
        let shown = Txn::new(next.clone());
        let digest = ports.records.write(&shown).map_err(EngineError::Projection)?;
        if let Some(digest) = digest {
            next.remember_projection(digest);
        }
        if self.engine.home.is_some() {
            next.home.clone_from(&self.engine.home);
        }
        let idle = self.txn.phase() == Phase::Idle;
        if idle && next == self.stored {
            return Ok(());
        }
        self.version = self.engine.store.swap(lease, &self.version, &next).await?;
        self.stored = next.clone();
        self.journal.clear();
        self.rivals.clear();
        self.txn = Txn::new(next);
        Ok(())
    }

    fn forget_looks(&mut self) {
        self.observed.clear();
        self.failures.clear();
    }
}
