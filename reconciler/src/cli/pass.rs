//! What `plan`, `deploy`, `delete` and `rollback` have in common: a stage, connected, with its session and Chalice's file.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use grail_state::Record;
use grail_state::chalice::{Candidate, Standing};
use grail_state::store::Wait;
use grail_state::txn::{Phase, Txn};
use jiff::Timestamp;
use serde_json::Value;

use super::args::LockArgs;
use super::commands::{local_cloud, status};
use super::exit::Exit;
use super::refusal::{DAMAGED, Fault, Refusal};
use super::settings::Settings;
use super::stage::{self, Beside, ChaliceFile, Cloud, Stage};
use super::wish::{Remark, Remarks};
use crate::engine::{Clock, Engine, EngineError, Limits, Session};
use crate::source::chalice::diagnostic::Problem;

/// A stage and the account that it lives in.
pub struct Connected {
    /// The stage on disk.
    pub stage: Stage,
    /// The account.
    pub cloud: Cloud,
    /// What carries passes out.
    pub engine: Engine,
}

/// How to connect.
#[derive(Clone, Copy, Debug, Default)]
pub struct Connection {
    /// How long a connection may take to come about.
    pub timeout: Option<Duration>,
    /// How many calls may be in flight at once; the default where none is given.
    pub parallelism: Option<u16>,
    /// The port of the local cloud, where it was started already.
    pub port: Option<u16>,
    /// Nothing is to be written, here or there.
    pub only_looks: bool,
}

impl Connected {
    /// Opens the stage and connects to its account; with `--local`, starts the local cloud.
    ///
    /// # Errors
    /// As the stage, the local cloud and the account say.
    pub async fn to(settings: &Settings, app: &str, how: Connection) -> Result<Self, Refusal> {
        let stage = if how.only_looks {
            Stage::look_at(settings, app).await?
        } else {
            Stage::open(settings, app).await?
        };
        let port = match how.port {
            None if settings.local => Some(local_cloud::up_alone(settings).await?.port),
            port => port,
        };
        let mut aws = settings.aws(port, how.timeout);
        let parallelism = how.parallelism.map_or(Limits::default().parallelism, usize::from);
        let paced = aws
            .rates
            .as_mut()
            .map(|rates| rates.in_flight = parallelism)
            .is_some();
        let cloud = stage.connect(aws).await?;
        settings.check_account(&cloud.home().account)?;
        let mut limits = if settings.is_loopback() {
            Limits::loopback()
        } else {
            Limits::default()
        };
        limits.parallelism = parallelism;
        limits.steps_of_a_kind = Limits::paced(parallelism).steps_of_a_kind.filter(|_| paced);
        let engine = Engine {
            catalog: Arc::new(cloud.catalog.clone()),
            store: Arc::clone(&stage.store),
            artifacts: Arc::clone(&stage.artifacts),
            sealer: Arc::new(stage.keys.sealer.clone()),
            limits,
            clock: Clock::starting_at(Timestamp::now()),
            home: Some(cloud.home()),
        };
        Ok(Self { stage, cloud, engine })
    }

    /// Takes the lock, reads the state, and reads Chalice's file beside it.
    ///
    /// # Errors
    /// Somebody else holds the lock; a damaged state or file; another account or region.
    pub async fn lock(
        &self,
        settings: &Settings,
        lock: LockArgs,
        remarks: &Remarks,
    ) -> Result<Pass<'_>, Refusal> {
        let holder = stage::holder(settings, settings.command);
        let wait = settings.lock_wait(lock.lock_timeout);
        if wait != Wait::No
            && let Some(current) = self.stage.store.holder().await?
        {
            remarks(Remark::Notice(format!(
                "Waiting for the stage, which is locked by {current}"
            )));
        }
        let mut session = self.engine.open(holder, wait).await?;
        match self.file_beside(&mut session, remarks).await {
            Ok(file) => Ok(Pass { session, file }),
            Err(refusal) => {
                session.release().await;
                Err(refusal)
            }
        }
    }

    /// Gives the lock back, so that the next command need not wait for it to expire.
    pub async fn close(&self, pass: Pass<'_>) {
        self.cloud.context.leave_rates().await;
        pass.session.release().await;
    }

    /// Reads the state and Chalice's file without the lock.
    ///
    /// # Errors
    /// As [`Connected::lock`], save for the lock.
    pub async fn read(&self, remarks: &Remarks) -> Result<Pass<'_>, Refusal> {
        let mut session = self.engine.read().await?;
        let file = self.file_beside(&mut session, remarks).await?;
        Ok(Pass { session, file })
    }

    async fn file_beside(
        &self,
        session: &mut Session<'_>,
        remarks: &Remarks,
    ) -> Result<ChaliceFile, Refusal> {
        let found = self.stage.deployed()?;
        if let Some(found) = &found {
            found.deployed.check_home(&self.cloud.home())?;
            found.deployed.check_owner(&self.stage.stack)?;
        }
        let wires = self.cloud.catalog.wires();
        let projections = &session.snapshot().projections;
        let now = vec![session.txn().existing()];
        let mut beside = self.stage.beside(found.as_ref(), projections, now, &wires);
        if beside.standing == Standing::Foreign && session.txn().entries() > 0 {
            let prefixes = self.stage.forms(&self.engine.store.load().await?).await?;
            beside = self.stage.beside(found.as_ref(), projections, prefixes, &wires);
        }
        let Beside {
            standing,
            known,
            mut file,
        } = beside;
        if was_never_there(session.txn(), found.is_some()) {
            file.was_not_there();
        }
        // Where the state is shared, others deploy, and the file of this machine is often an older one.
        if standing == Standing::Stale && self.stage.shared.is_none() {
            let said = "the deployed file is an older one of ours (a stale checkout?): it is written anew";
            remarks(Remark::Problem(Problem::warning("deployed.stale", said)));
        }
        session.adopt(
            known
                .into_iter()
                .map(|candidate| (candidate.id.clone(), record(candidate)))
                .collect(),
        )?;
        Ok(file)
    }
}

/// A session with Chalice's file beside it.
pub struct Pass<'e> {
    /// The session.
    pub session: Session<'e>,
    /// Chalice's file, to be written through.
    pub file: ChaliceFile,
}

impl Pass<'_> {
    /// How a command ends that fails now. That nothing was changed is said only where it is so.
    pub fn refused(&self, error: impl Into<Refusal>) -> Refusal {
        let txn = self.session.txn();
        let command = txn.begun().map_or("deploy", |begun| &begun.command);
        ended_early(error.into(), txn.phase(), self.session.passes(), command)
    }
}

fn ended_early(mut refusal: Refusal, phase: Phase, passes: u32, command: &str) -> Refusal {
    if refusal.exit != Exit::Failed {
        return refusal;
    }
    let (exit, said) = match phase {
        Phase::Idle if passes == 0 => return refusal,
        Phase::Idle => (
            Exit::RolledBack,
            "what an earlier command had left open was brought to its end first, and nothing was changed beyond it".to_owned(),
        ),
        open => (Exit::Open, format!("a transaction is open: {}", status::next(open, command))),
    };
    refusal.exit = exit;
    if refusal.faults.is_empty() {
        // Problems with a place have no room for what is no problem of theirs.
        refusal.faults = Refusal::new("could not go on").faults;
    }
    if let Some(fault) = refusal.faults.last_mut() {
        fault.hint = Some(match fault.hint.take() {
            Some(hint) => format!("{hint}; {said}"),
            None => said,
        });
    }
    refusal
}

/// True if at the last commit there was no file of Chalice's. One that is `found` now is of the open transaction's making where
/// that began without one.
fn was_never_there(txn: &Txn, found: bool) -> bool {
    let begun_without = || match txn.phase() {
        Phase::Building | Phase::Aborting => txn.begun().is_some_and(|begun| begun.new_file),
        Phase::Idle | Phase::Sweeping => false,
    };
    txn.snapshot().committed.is_none() && (!found || begun_without())
}

/// What Chalice's file says of a thing, as a record: its form is unknown until it is looked at.
fn record(candidate: Candidate) -> Record {
    Record {
        handle: candidate.handle,
        spec: Value::Null,
        outputs: candidate.outputs,
        depends_on: BTreeSet::new(),
        rank: candidate.rank,
        token: None,
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        let hint = error.hint();
        match error {
            EngineError::Lock(lock) => lock.into(),
            EngineError::Store(store) => store.into(),
            EngineError::Plan(problems) => problems.into(),
            EngineError::PlanChanged(changes) => {
                let mut refusal = Self::new("the plan that was approved is no longer current");
                if let Some(fault) = refusal.faults.first_mut() {
                    fault.causes = changes;
                    fault.hint = hint;
                }
                refusal
            }
            EngineError::Unapproved(what) => {
                let mut refusal = Self::of(&EngineError::Unapproved(Vec::new()));
                if let Some(fault) = refusal.faults.first_mut() {
                    fault.causes = what;
                    fault.hint = hint;
                }
                refusal.lasting()
            }
            EngineError::Look(failures) => {
                let fault = |failed: crate::engine::look::LookFailure| Fault {
                    what: format!("could not see what is there of `{}`", failed.id),
                    origin: None,
                    causes: vec![failed.failure.chain()],
                    hint: failed.failure.hint,
                };
                Self {
                    exit: Exit::Failed,
                    faults: failures.into_iter().map(fault).collect(),
                    problems: None,
                    lasts: false,
                }
            }
            damaged @ EngineError::Corrupt(_) => Self::of(&damaged).hint(DAMAGED).lasting(),
            other => {
                let refusal = match &other {
                    EngineError::TwoLive { .. } | EngineError::Elsewhere { .. } | EngineError::Unsound(_) => {
                        Self::of(&other).lasting()
                    }
                    _ => Self::of(&other),
                };
                match hint {
                    Some(hint) => refusal.hint(hint),
                    None => refusal,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use grail_state::{Digest, Entry, Snapshot, StackId};

    use super::*;

    fn ended(phase: Phase, passes: u32) -> (Exit, Option<String>) {
        let refusal = Refusal::new("could not plan").hint("mend it");
        let mut refusal = ended_early(refusal, phase, passes, "deploy");
        (refusal.exit, refusal.faults.remove(0).hint)
    }

    #[test]
    fn what_was_changed_or_left_open_before_a_failure_is_told_by_the_exit_code() {
        assert_eq!(ended(Phase::Idle, 0), (Exit::Failed, Some("mend it".to_owned())));
        let (exit, hint) = ended(Phase::Idle, 1);
        assert_eq!(exit, Exit::RolledBack);
        assert!(
            hint.unwrap()
                .starts_with("mend it; what an earlier command had left open")
        );
        for phase in [Phase::Building, Phase::Sweeping, Phase::Aborting] {
            let (exit, hint) = ended(phase, 0);
            assert_eq!(exit, Exit::Open);
            assert!(
                hint.unwrap()
                    .starts_with("mend it; a transaction is open: `grail ")
            );
        }
    }

    #[test]
    fn an_empty_file_that_chalice_left_is_no_file_of_ours() {
        let txn = |new_file: bool| {
            let mut txn = Txn::new(Snapshot::empty(StackId {
                app: "shop".into(),
                stage: "dev".into(),
            }));
            txn.apply(&Entry::Begin {
                goal: Digest::default(),
                command: "deploy".into(),
                by: None,
                home: None,
                new_file,
                at: Timestamp::UNIX_EPOCH,
            })
            .unwrap();
            txn
        };
        assert!(was_never_there(&txn(true), true) && was_never_there(&txn(false), false));
        assert!(!was_never_there(&txn(false), true));
        let idle = Txn::new(txn(true).snapshot().clone());
        assert!(was_never_there(&idle, false) && !was_never_there(&idle, true));
    }

    #[test]
    fn problems_with_a_place_and_other_exits_are_kept() {
        let problem = Problem::error("app::syntax", "no Python");
        let problems = crate::source::chalice::diagnostic::Problems(vec![problem]);
        let refusal = ended_early(problems.into(), Phase::Building, 0, "deploy");
        assert_eq!((refusal.exit, refusal.faults.len()), (Exit::Open, 1));
        assert!(refusal.problems.is_some());
        let locked = Refusal::new("locked").exit(Exit::Locked);
        assert_eq!(
            ended_early(locked, Phase::Building, 0, "deploy").exit,
            Exit::Locked
        );
    }
}
