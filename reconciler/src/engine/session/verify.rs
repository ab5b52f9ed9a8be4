//! Asks each kind, before anything is written, whether what its forms name outside the stack is there and fits: the bucket,
//! the topic, the certificate. So a plan finds what its deploy would fail of.
//!
//! Asked is only for what the plan makes, changes or replaces; what stays as it is was fit once, and what goes needs nothing.
//! What nobody has recorded will most likely be made: it is asked for while it is looked for, not after that, unless it is so
//! much that asking in vain would be dear, because the state is lost and all is there. A question that gets no answer (the
//! credentials may deploy and not look) stops nobody: it is told as a warning.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use grail_providers::port::{Failure, Invalid, Provider, Retry};
use grail_state::{DesiredState, ResourceId, Template};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::Session;
use crate::engine::limits::Limits;
use crate::engine::look::LookFailure;
use crate::engine::{Engine, EngineError};
use crate::event::Event;
use crate::plan::{Action, Plan, PlanError, PlanProblem};

/// As many new things are asked about before it is known that they are not there.
const FORESEEN: usize = 200;

/// What to ask: of which resource, and the form that names what lies outside.
#[derive(Clone, PartialEq)]
pub(super) struct Question {
    id: ResourceId,
    form: Value,
}

impl Question {
    fn new(id: &ResourceId, form: &Template) -> Self {
        Self {
            id: id.clone(),
            form: form.with_stand_ins(),
        }
    }
}

/// What does not fit.
type Answer = Result<Vec<Invalid>, Failure>;

/// What was asked, with the answers.
pub(super) type Answers = Vec<(Question, Answer)>;

impl<'e> Session<'e> {
    /// Asks about what is wanted and not recorded. To be awaited beside the looks.
    pub(super) fn foresee(&self, desired: &DesiredState) -> impl Future<Output = Answers> + use<'e> {
        let (records, catalog) = (self.recorded(), &self.engine.catalog);
        let new = desired.resources.iter().filter(|(id, wish)| {
            let fits = |provider: &Arc<dyn Provider>| provider.check(&wish.spec).is_ok();
            !records.contains_key(*id) && catalog.provider(&id.kind).is_some_and(fits)
        });
        let mut questions: Vec<_> = new.map(|(id, wish)| Question::new(id, &wish.spec)).collect();
        if questions.len() > FORESEEN {
            questions.clear();
        }
        ask_all(self.engine, questions)
    }

    /// Verifies what `plan` makes and changes, with the answers that are known beforehand. What cannot be told is remembered
    /// for [`Session::unverified`].
    ///
    /// # Errors
    /// [`EngineError::Plan`] with everything that is missing or does not fit.
    pub(super) async fn verify(
        &mut self,
        plan: &Plan,
        desired: &DesiredState,
        known: Answers,
    ) -> Result<(), EngineError> {
        let asked = plan
            .build
            .iter()
            .filter(|step| matches!(step.action, Action::Create { .. } | Action::Update { .. }));
        let questions: Vec<_> = asked
            .filter_map(|step| Some(Question::new(&step.resource, step.want.as_ref()?)))
            .collect();
        let by_id = |(question, answer): (Question, Answer)| (question.id.clone(), (question, answer));
        let mut known: BTreeMap<_, _> = known.into_iter().map(by_id).collect();
        let is_open = |asked: &&Question| known.get(&asked.id).is_none_or(|(known, _)| known != *asked);
        let open = questions.iter().filter(is_open).cloned().collect();
        known.extend(ask_all(self.engine, open).await.into_iter().map(by_id));
        let mut problems = Vec::new();
        self.unverified.clear();
        for Question { id, .. } in questions {
            match known.remove(&id) {
                Some((_, Ok(wrong))) if !wrong.is_empty() => {
                    problems.push(PlanError::Unfit { id, problems: wrong });
                }
                Some((_, Err(failure))) => self.unverified.push(LookFailure { id, failure }),
                _ => {}
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

async fn ask_all(engine: &Engine, questions: Vec<Question>) -> Answers {
    let limits = &engine.limits;
    let asked = questions.into_iter().filter_map(|question| {
        let provider = engine.catalog.provider(&question.id.kind)?;
        Some((question, Arc::clone(provider)))
    });
    stream::iter(asked)
        .map(|(question, provider)| async move {
            let answer = ask(&*provider, &question.form, limits).await;
            (question, answer)
        })
        .buffered(limits.parallelism.max(1))
        .collect()
        .await
}

async fn ask(provider: &dyn Provider, form: &Value, limits: &Limits) -> Answer {
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
