//! Asks each kind, before anything is written, whether what its forms name outside the stack is there and fits: the bucket,
//! the topic, the certificate. So a plan finds what its deploy would fail of.
//!
//! Asked is only for what the plan makes, changes or replaces; what stays as it is was fit once, and what goes needs nothing.
//! A question that gets no answer (the credentials may deploy and not look) stops nobody: it is told as a warning.

use std::sync::Arc;

use futures::stream::{self, StreamExt};
use grail_providers::port::{Failure, Invalid, Provider, Retry};
use grail_state::{DesiredState, ResourceId};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::Session;
use crate::engine::EngineError;
use crate::engine::limits::Limits;
use crate::engine::look::LookFailure;
use crate::event::Event;
use crate::plan::{Action, Plan, PlanError, PlanProblem};

impl Session<'_> {
    /// Verifies what `plan` makes and changes. What cannot be told is remembered for [`Session::unverified`].
    ///
    /// # Errors
    /// [`EngineError::Plan`] with everything that is missing or does not fit.
    pub(super) async fn verify(&mut self, plan: &Plan, desired: &DesiredState) -> Result<(), EngineError> {
        let engine = self.engine;
        let limits = &engine.limits;
        let questions = plan.build.iter().filter_map(|step| {
            let asked = matches!(step.action, Action::Create { .. } | Action::Update { .. });
            let provider = engine.catalog.provider(&step.resource.kind)?;
            let form = step.want.as_ref().filter(|_| asked)?.with_stand_ins();
            Some((step.resource.clone(), Arc::clone(provider), form))
        });
        let answers: Vec<_> = stream::iter(questions)
            .map(|(id, provider, form)| async move { (id, ask(&*provider, &form, limits).await) })
            .buffered(limits.parallelism.max(1))
            .collect()
            .await;
        let mut problems = Vec::new();
        self.unverified.clear();
        for (id, answer) in answers {
            match answer {
                Ok(wrong) if wrong.is_empty() => {}
                Ok(wrong) => problems.push(PlanError::Unfit { id, problems: wrong }),
                Err(failure) => self.unverified.push(LookFailure { id, failure }),
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(EngineError::Plan(PlanProblem::placed(problems, desired)))
    }

    /// What the last planning could not verify, as warnings.
    pub fn unverified(&self) -> Vec<Event> {
        let unexamined = self.unexamined.iter().map(|(id, why)| Event::Said {
            code: "plan.unexamined".to_owned(),
            text: format!("what others have added to `{id}` could not be seen whole: {why}"),
            warning: true,
        });
        self.unverified.iter().map(warning).chain(unexamined).collect()
    }
}

async fn ask(provider: &dyn Provider, form: &Value, limits: &Limits) -> Result<Vec<Invalid>, Failure> {
    let mut tries = 1;
    loop {
        let answer = timeout(limits.call, provider.verify(form)).await;
        let too_slow = |_| Failure::refused(format!("no end after {} s", limits.call.as_secs()));
        let failure = match answer.map_err(too_slow).flatten() {
            Ok(problems) => return Ok(problems),
            Err(failure) => failure,
        };
        match failure.retry {
            Retry::After(asked) | Retry::Await { after: asked, .. } if tries < limits.looks => {
                sleep(limits.pause_after(tries, asked)).await;
                tries += 1;
            }
            _ => return Err(failure),
        }
    }
}

fn warning(unverified: &LookFailure) -> Event {
    let LookFailure { id, failure } = unverified;
    let id: &ResourceId = id;
    let mut text = format!("could not check what `{id}` names outside: {}", failure.chain());
    if let Some(hint) = &failure.hint {
        text.push_str(&format!(" ({hint})"));
    }
    Event::Said {
        code: "plan.unverified".to_owned(),
        text,
        warning: true,
    }
}
