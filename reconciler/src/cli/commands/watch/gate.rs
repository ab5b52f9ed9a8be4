//! What a watch keeps a plan from: being carried out again after it was taken back, and repairing where only telling was asked
//! for. A plan that goes on with an open transaction is always carried out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use grail_state::Digest;

use crate::cli::args::RequireApproval;
use crate::cli::ask::Nobody;
use crate::engine::{Approval, EngineError};
use crate::plan::{Action, Plan, Why};

/// Has its say on one plan.
pub(in crate::cli::commands) struct Gate {
    spared: Option<Digest>,
    reports: bool,
    /// What of it a person has to agree to, of whom there is none.
    nobody: Nobody,
    resumed: Arc<AtomicBool>,
    /// The fingerprint of the plan, once there is one.
    pub(in crate::cli::commands) plan: Option<Digest>,
    /// Why it was held.
    pub(in crate::cli::commands) verdict: Option<Verdict>,
}

/// Why a plan is not carried out.
pub(in crate::cli::commands) enum Verdict {
    /// It was taken back before.
    Spared,
    /// It would only repair what others have changed.
    Reported(Box<Plan>),
}

impl Gate {
    /// Holds the plan with the fingerprint `spared`, and with `reports` every plan that only repairs.
    pub(in crate::cli::commands) fn new(
        spared: Option<Digest>,
        reports: bool,
        required: RequireApproval,
    ) -> Self {
        Self {
            spared,
            reports,
            nobody: Nobody { required },
            resumed: Arc::default(),
            plan: None,
            verdict: None,
        }
    }

    /// To be set when a transaction that was left open is taken up.
    pub(in crate::cli::commands) fn resumed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.resumed)
    }
}

#[async_trait]
impl Approval for Gate {
    async fn approve(&mut self, plan: &Plan) -> Result<(), EngineError> {
        let fingerprint = fingerprint(plan);
        self.plan = Some(fingerprint.clone());
        if plan.is_empty() || self.resumed.load(Ordering::Acquire) {
            return self.nobody.approve(plan).await;
        }
        if self.spared == Some(fingerprint) {
            self.verdict = Some(Verdict::Spared);
        } else if self.reports && only_repairs(plan) {
            self.verdict = Some(Verdict::Reported(Box::new(plan.without_secrets())));
        }
        match self.verdict {
            Some(_) => Err(EngineError::Declined),
            None => self.nobody.approve(plan).await,
        }
    }
}

/// What would be done to what, whatever ids things have got on a way back: equal where goal and world are.
pub(super) fn fingerprint(plan: &Plan) -> Digest {
    let steps: Vec<_> = plan
        .steps()
        .map(|step| {
            let what = match step.action {
                Action::Create { .. } => "create",
                Action::Update { .. } => "update",
                Action::Delete { .. } => "delete",
            };
            let have = step.have.as_ref().map(|have| &have.spec);
            (&step.resource, what, &step.wanted, have)
        })
        .collect();
    Digest::of_written(&(steps, &plan.prune))
}

/// True if nothing would be done but for what others have changed.
fn only_repairs(plan: &Plan) -> bool {
    let repairs = |why: Why| matches!(why, Why::Missing | Why::ChangedOutside);
    let follows = |why: Why| matches!(why, Why::DependencyChanged | Why::Replaced);
    (plan.steps().any(|step| repairs(step.why)) || !plan.prune.is_empty())
        && plan.steps().all(|step| repairs(step.why) || follows(step.why))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::report::plan::tests::{created, deleted, planned};

    fn plan(whys: &[Why]) -> Plan {
        let step = |(at, why): (usize, &Why)| {
            let mut step = created(
                u32::try_from(at).unwrap(),
                "lambda_function.f",
                json!({"name": "f"}),
            );
            step.why = *why;
            step
        };
        planned(whys.iter().enumerate().map(step).collect(), vec![])
    }

    async fn asked(mut gate: Gate, plan: &Plan) -> (bool, Gate) {
        let agreed = gate.approve(plan).await.is_ok();
        (agreed, gate)
    }

    #[tokio::test]
    async fn only_a_plan_of_nothing_but_repairs_is_reported() {
        use Why::*;
        for (whys, carried_out) in [
            (vec![Missing], false),
            (vec![ChangedOutside, DependencyChanged], false),
            (vec![ChangedOutside, ConfigurationChanged], true),
            (vec![DependencyChanged], true),
            (vec![Both], true),
            (vec![New], true),
            (vec![], true),
        ] {
            let (agreed, gate) = asked(Gate::new(None, true, RequireApproval::Never), &plan(&whys)).await;
            assert_eq!(agreed, carried_out, "{whys:?}");
            assert_eq!(matches!(gate.verdict, Some(Verdict::Reported(_))), !carried_out);
            assert!(
                asked(Gate::new(None, false, RequireApproval::Never), &plan(&whys))
                    .await
                    .0
            );
        }
    }

    #[tokio::test]
    async fn a_plan_that_was_taken_back_is_held_whatever_its_ids() {
        let of = |name: &str, handle: &str| planned(vec![], vec![deleted(0, name, handle)]);
        let spared = || Some(fingerprint(&of("rest_api.a", "one")));
        assert!(
            !asked(
                Gate::new(spared(), false, RequireApproval::Never),
                &of("rest_api.a", "two")
            )
            .await
            .0
        );
        assert!(
            asked(
                Gate::new(spared(), false, RequireApproval::Never),
                &of("rest_api.b", "one")
            )
            .await
            .0
        );
        let gate = Gate::new(spared(), true, RequireApproval::Never);
        gate.resumed().store(true, Ordering::Release);
        assert!(
            asked(gate, &of("rest_api.a", "one")).await.0,
            "what is open is brought to its end"
        );
    }
}
