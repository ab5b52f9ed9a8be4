//! What a pass shows of itself to whoever traces: a span for the pass, and one for each of its steps.
//!
//! These are spans of `tracing` and nothing else: who hears them, and where they go, is the command line's. A step begins with
//! the first thing that is asked of the outside for it and ends when its end is durable; what is asked meanwhile (calls, looks)
//! lies inside. Names of resources and the words of failures are all that they hold: never a form.

use std::collections::BTreeMap;

use grail_state::txn::Phase;
use grail_state::{Handle, ResourceId, StackId};
use tracing::Span;
use tracing::field::Empty;

use super::EngineError;
use super::call::Call;
use super::drive::chain;
use super::machine::Ticket;
use crate::event::{Event, Outcome};
use crate::plan::StepId;

/// The span of one pass over a stack.
pub(super) fn pass(command: &'static str, stack: &StackId) -> Span {
    tracing::info_span!(
        "pass",
        otel.name = format!("pass {}/{}", stack.app, stack.stage),
        command,
        app = %stack.app,
        stage = %stack.stage,
        outcome = Empty,
        otel.status_description = Empty,
    )
}

/// Writes down how a pass ended.
pub(super) fn passed(span: &Span, ended: &Result<Outcome, EngineError>) {
    let (outcome, why) = match ended {
        Ok(Outcome::Unchanged) => ("unchanged", None),
        Ok(Outcome::Done) => ("done", None),
        Ok(Outcome::Refused { why }) => ("refused", Some(why.clone())),
        Ok(Outcome::RolledBack { why }) => ("rolled_back", Some(why.clone())),
        Ok(Outcome::Unswept { left }) => ("unswept", Some(listed(left))),
        Ok(Outcome::Stuck { at }) => ("stuck", Some(listed(at))),
        Ok(Outcome::Open { why }) => ("open", Some(why.clone())),
        Err(error) => ("failed", Some(chain(error))),
    };
    span.record("outcome", outcome);
    if let Some(why) = why {
        fail(span, &why);
    }
}

/// The span of looking at `many` things.
pub(super) fn look(many: usize) -> Span {
    tracing::info_span!("look", resources = many)
}

/// The span of keeping what the way back of a resource will need.
pub(super) fn keep(id: &ResourceId) -> Span {
    tracing::debug_span!("keep", otel.name = format!("keep {id}"), resource = %id)
}

fn listed(resources: &[(ResourceId, String)]) -> String {
    let each: Vec<_> = resources.iter().map(|(id, why)| format!("{id}: {why}")).collect();
    each.join("; ")
}

fn fail(span: &Span, why: &str) {
    span.record("otel.status_description", why);
}

/// The spans of the steps that are under way.
#[derive(Default)]
pub(super) struct Steps {
    /// Announced, and nothing asked for yet.
    announced: Vec<Announced>,
    open: BTreeMap<Ticket, Open>,
}

struct Announced {
    step: StepId,
    id: ResourceId,
    action: String,
    label: Option<String>,
}

struct Open {
    id: ResourceId,
    step: Option<StepId>,
    /// In a sweep, which thing.
    handle: Option<Handle>,
    span: Span,
}

impl Steps {
    /// The span in which `call` is made.
    pub(super) fn calling(&mut self, phase: Phase, ticket: Ticket, id: &ResourceId, call: &Call) -> Span {
        let handle = match call {
            Call::Delete { handle, .. } | Call::Prune { handle, .. } => Some(handle),
            Call::Create { .. } | Call::Update { .. } => None,
        };
        self.of(phase, ticket, id, call.verb(), handle)
    }

    /// The span in which a step looks before it calls, or after.
    pub(super) fn looking(
        &mut self,
        phase: Phase,
        ticket: Ticket,
        id: &ResourceId,
        handle: Option<&Handle>,
    ) -> Span {
        self.of(phase, ticket, id, "settle", handle)
    }

    fn of(
        &mut self,
        phase: Phase,
        ticket: Ticket,
        id: &ResourceId,
        verb: &str,
        handle: Option<&Handle>,
    ) -> Span {
        if let Some(open) = self.open.get(&ticket) {
            return open.span.clone();
        }
        let place = self.announced.iter().position(|announced| announced.id == *id);
        let announced = match phase {
            Phase::Building => place.map(|place| self.announced.remove(place)),
            _ => None,
        };
        let action = match (&announced, phase) {
            (Some(announced), _) => announced.action.as_str(),
            (None, Phase::Aborting) => "restore",
            (None, Phase::Sweeping) => "sweep",
            (None, _) => verb,
        };
        let label = announced
            .as_ref()
            .and_then(|announced| announced.label.as_deref());
        let open = Open {
            id: id.clone(),
            step: announced.as_ref().map(|announced| announced.step),
            handle: handle.cloned(),
            span: step(id, action, label, phase),
        };
        let span = open.span.clone();
        self.open.insert(ticket, open);
        span
    }

    /// Writes down what an event tells of a step, and lets go of the span where that was its end.
    pub(super) fn hear(&mut self, phase: Phase, event: &Event) {
        match event {
            Event::Started {
                step,
                id,
                action,
                label,
            } => self.announced.push(Announced {
                step: *step,
                id: id.clone(),
                action: action.clone(),
                label: label.clone(),
            }),
            Event::Waiting { id, on } => {
                tracing::info!(parent: &self.span_of(id), %id, on, "waits");
            }
            Event::Retrying { id, why, after } => {
                let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                tracing::info!(parent: &self.span_of(id), %id, why, after_ms, "tries again");
            }
            Event::Finished { step, .. } => self.end("done", None, |open| open.step == Some(*step)),
            Event::Restored { id, .. } => self.end("restored", None, |open| open.id == *id),
            Event::Pruned { id, .. } => self.end("pruned", None, |open| open.id == *id),
            Event::Swept { id, handle } => self.end("swept", None, |open| {
                open.id == *id && open.handle.as_ref().is_none_or(|of| of == handle)
            }),
            Event::Stuck { id, why } => self.end("stuck", Some(why), |open| open.id == *id),
            Event::Failed { id, why, .. } if self.named(id).is_some() => {
                self.end("failed", Some(why), |open| open.id == *id);
            }
            // It failed before anything could be asked for.
            Event::Failed { id, why, .. } => {
                let place = self.announced.iter().position(|announced| announced.id == *id);
                let announced = place.map(|place| self.announced.remove(place));
                let action = announced
                    .as_ref()
                    .map_or("prepare", |announced| &announced.action);
                let span = step(id, action, None, phase);
                span.record("outcome", "failed");
                fail(&span, why);
            }
            _ => {}
        }
    }

    fn span_of(&self, id: &ResourceId) -> Span {
        self.named(id)
            .map_or_else(Span::current, |open| open.span.clone())
    }

    fn named(&self, id: &ResourceId) -> Option<&Open> {
        self.open.values().rev().find(|open| open.id == *id)
    }

    /// Ends the step that is meant, the latest of several.
    fn end(&mut self, outcome: &str, why: Option<&str>, is_meant: impl Fn(&Open) -> bool) {
        let found = self.open.iter().rev().find(|(_, open)| is_meant(open));
        let Some(ticket) = found.map(|(ticket, _)| *ticket) else {
            return;
        };
        if let Some(open) = self.open.remove(&ticket) {
            open.span.record("outcome", outcome);
            if let Some(why) = why {
                fail(&open.span, why);
            }
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        for open in self.open.values() {
            open.span.record("outcome", "unfinished");
        }
    }
}

fn step(id: &ResourceId, action: &str, label: Option<&str>, phase: Phase) -> Span {
    tracing::info_span!(
        "step",
        otel.name = format!("{action} {id}"),
        resource = %id,
        kind = %id.kind,
        action,
        label,
        phase = phase.as_str(),
        outcome = Empty,
        otel.status_description = Empty,
    )
}
