//! One deployment, from the configuration to the commit: what `deploy` does once, and `watch` with every pass. Nothing of one is
//! kept for the next.

use std::collections::BTreeSet;
use std::time::Duration;

use grail_state::DesiredState;
use grail_state::chalice::DeployedEntry;

use super::args::{OnFailure, PassArgs};
use super::goal::{Goal, Terms};
use super::guard::{guard, tell_doubts};
use super::pass::{Connection, Pass};
use super::refusal::Refusal;
use super::settings::Settings;
use super::signals;
use super::wish::Remarks;
use crate::engine::{self, Approval, Ports, StopSignal};
use crate::event::{EventSink, Outcome};
use crate::plan::Consent;

/// A stage that is connected, to be deployed on these terms.
pub struct Deployment<'a> {
    /// The stage and its project.
    pub goal: Goal,
    settings: &'a Settings,
    args: &'a PassArgs,
    /// What this deployment may end although it is protected.
    lifts: BTreeSet<String>,
    remarks: Remarks,
}

/// Who has a say in a deployment, and who sees it.
pub struct Oversight<'a> {
    /// Where a request to stop comes from.
    pub stop: Stop,
    /// What the planner may do.
    pub consent: Consent,
    /// Whose word the plan needs.
    pub approval: Option<&'a mut dyn Approval>,
    /// Sees what happens.
    pub events: &'a mut dyn EventSink,
    /// Sees what is wanted, once that is known.
    pub wanted: &'a mut (dyn FnMut(&DesiredState) + Send),
}

/// Where a request to stop comes from.
pub enum Stop {
    /// From the signals of this process. Until the stage is locked they end it as they end any program.
    Signals,
    /// From whoever runs more than this one deployment.
    Given(StopSignal),
}

/// What a deployment came to.
pub struct Deployed {
    /// How it ended.
    pub outcome: Outcome,
    /// What Chalice's file says exists now.
    pub entries: Vec<DeployedEntry>,
}

impl<'a> Deployment<'a> {
    /// Reads the configuration and connects.
    ///
    /// # Errors
    /// As [`Goal::begin`].
    pub async fn begin(
        settings: &'a Settings,
        args: &'a PassArgs,
        terms: &Terms,
        remarks: Remarks,
    ) -> Result<Self, Refusal> {
        let how = Connection {
            timeout: args
                .connection_timeout
                .map(|seconds| Duration::from_secs(seconds.into())),
            parallelism: Some(args.parallelism),
            ..Connection::default()
        };
        Ok(Self {
            goal: Goal::begin(settings, terms, how, &remarks).await?,
            settings,
            args,
            lifts: terms.unprotect.clone(),
            remarks,
        })
    }

    /// Takes the lock, reads the project beside looking at the account, plans, and carries the plan out.
    ///
    /// # Errors
    /// Everything that keeps it from beginning. What was taken up before is told by the exit code.
    pub async fn carry_out(&self, oversight: Oversight<'_>) -> Result<Deployed, Refusal> {
        let connected = &self.goal.connected;
        let mut stop = match &oversight.stop {
            Stop::Signals => StopSignal::never(),
            Stop::Given(stop) => stop.clone(),
        };
        let locked = tokio::select! {
            biased;
            why = stop.stopped() => Err(Refusal::new(why)),
            pass = connected.lock(self.settings, self.args.lock, &self.remarks) => pass,
        };
        let mut pass = locked?;
        let ended = self.with(&mut pass, oversight).await;
        let ended = ended.map_err(|refusal| pass.refused(refusal));
        let entries = pass.file.whole(&pass.session.txn().existing()).entries;
        connected.close(pass).await;
        Ok(Deployed {
            outcome: ended?,
            entries,
        })
    }

    async fn with(&self, pass: &mut Pass<'_>, oversight: Oversight<'_>) -> Result<Outcome, Refusal> {
        let context = &self.goal.connected.cloud.context;
        // An interpreter that imports the app has a process group of its own: it ends with the future that is dropped here.
        let (mut stop, _relay) = match oversight.stop {
            Stop::Signals => (signals::listen(Some(context)), None),
            Stop::Given(stop) => {
                let (stop, relay) = signals::relayed(stop, context);
                (stop, Some(relay))
            }
        };
        let read = tokio::select! {
            biased;
            why = stop.stopped() => Err(Refusal::new(why)),
            read = self.goal.read(pass, self.settings, &self.remarks) => read,
        };
        let desired = read?;
        (oversight.wanted)(&desired);
        let guard = guard(self.settings, &self.args.guard, &self.lifts);
        tell_doubts(&guard, &desired, &pass.session, &self.remarks);
        let mut consent = oversight.consent;
        consent.guard = Some(guard);
        let mut ports = Ports {
            records: &mut pass.file,
            events: oversight.events,
            stop,
        };
        let on_failure = match self.args.on_failure {
            OnFailure::Rollback => engine::OnFailure::Rollback,
            OnFailure::Keep => engine::OnFailure::Keep,
        };
        let approval = oversight.approval;
        let ended = pass
            .session
            .deploy(&desired, &consent, on_failure, approval, &mut ports);
        Ok(ended.await?)
    }
}
