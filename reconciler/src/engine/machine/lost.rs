//! What no way back can restore: code that cannot be fetched, a form that cannot be read whole.
//!
//! It is told before the first write to the resource. A deletion for good waits for the commit then, as every deletion that
//! cannot be taken back does. On the way back all else is restored, what is missing is named, and nothing is stuck because of
//! it: a command that tries again could not bring it back either.

use grail_state::txn::{Back, Touched};
use grail_state::{Entry, Keep, Lost, Remote, ResourceId, Template};
use serde_json::Value;

use super::job::Job;
use super::{Machine, Output, Then};
use crate::engine::own::OwnFields;
use crate::event::Event;
use crate::plan::{Action, Step};

impl Machine {
    /// What of the pre-image of `id` is lost with `keep`. A projected form that is the whole form needs nothing kept.
    pub(super) fn lost_with(&self, id: &ResourceId, keep: &Keep, projected: &Value) -> Vec<Lost> {
        let whole = matches!(keep, Keep::Unavailable { .. }) && self.is_whole(id, projected);
        if whole { Vec::new() } else { keep.lost() }
    }

    fn is_whole(&self, id: &ResourceId, projected: &Value) -> bool {
        let again =
            |rules: &dyn grail_providers::port::Rules| rules.project(&Template::Lit(projected.clone()));
        let again = self.rules.rules(&id.kind).map(again);
        matches!(again, Some(Ok(again)) if again == *projected)
    }

    /// What a way back from `step` could not restore. What was kept first counts.
    fn lost_by(&self, step: &Step, keep: Option<&Keep>) -> Vec<Lost> {
        let touched = self.txn.touched().get(&step.resource);
        let (Some(keep), Some(have)) = (touched.map(|touched| &touched.keep).or(keep), &step.have) else {
            return Vec::new();
        };
        let mut lost = self.lost_with(&step.resource, keep, &have.spec);
        if let Action::Update { diff } = &step.action {
            lost.retain(|lost| lost.field.is_empty() || diff.concerns(&lost.field));
        }
        lost
    }

    /// Tells what could not be kept for a way back from the step of `job`.
    pub(super) fn tell_lost(&self, step: &Step, keep: &Keep, out: &mut Vec<Output>) {
        let lost = self.lost_by(step, Some(keep));
        let Some(first) = lost.first() else { return };
        let what = what(&lost);
        let follows = match step.action {
            Action::Delete { replaced_by: None } => "it is deleted when all else is done".to_owned(),
            Action::Delete { .. } => "once deleted, it cannot be made again as it is".to_owned(),
            _ => format!("should this have to be taken back, all else comes back and {what} does not"),
        };
        let id = &step.resource;
        out.push(Output::Emit(Event::Said {
            code: "keep.lost".to_owned(),
            text: format!("{id}: {what} cannot be kept ({}): {follows}", first.why),
            warning: true,
        }));
    }

    /// Whether the deletion of `step` could not be taken back, or stands under one that could not: it waits for the commit.
    pub(super) fn waits_for_commit(&self, step: &Step, keep: Option<&Keep>) -> bool {
        matches!(step.action, Action::Delete { replaced_by: None })
            && (step.after.iter().any(|first| self.postponed.contains(first))
                || !self.lost_by(step, keep).is_empty())
    }

    /// Ends the way back of a resource that was part of one which cannot be made again. False if it was not.
    pub(super) fn lose_with_parent(&mut self, job: usize) -> bool {
        let Some(id) = self.jobs.get(job).map(|job| job.id.clone()) else {
            return false;
        };
        let Some(touched) = self.txn.touched().get(&id) else {
            return false;
        };
        let Some(parent) = touched.stood_on().iter().find(|id| self.is_lost(id)).cloned() else {
            return false;
        };
        self.lose(job, format!("it needs {parent}, which could not be made again"));
        true
    }

    /// Ends the way back of a resource that cannot be brought back by any command.
    pub(super) fn lose(&mut self, job: usize, why: String) {
        let at = Some(self.wall());
        let Some(entry) = self.jobs.get_mut(job) else {
            return;
        };
        let id = entry.id.clone();
        entry.loss = Some(why);
        let touched = self.txn.touched().get(&id);
        let record = touched.and_then(|touched| touched.pre_record().filter(|_| !touched.died));
        let record = record.cloned();
        self.note(Entry::Restored { id, record, at }, Then::Finish(job));
    }

    fn is_lost(&self, id: &ResourceId) -> bool {
        let gone = |touched: &Touched| touched.back == Back::Restored && touched.pre_record().is_some();
        self.txn.touched().get(id).is_some_and(gone) && !self.txn.records().contains_key(id)
    }
}

impl Job {
    /// What of a resource was not brought back that is now like `there`, in words.
    pub(super) fn loss(&self, touched: &Touched, pre: &Remote, there: Option<&Remote>) -> Option<String> {
        let first = self.lost.first()?;
        if there.is_none() {
            return Some(format!(
                "it is gone, and without {} it cannot be made again ({})",
                what(&self.lost),
                first.why
            ));
        }
        let own = OwnFields::of(&pre.spec, &touched.wants);
        let changed = |lost: &&Lost| touched.died || own.has(&lost.field);
        let lost: Vec<_> = self.lost.iter().filter(changed).cloned().collect();
        let first = lost.first()?;
        Some(format!("{} is not as it was ({})", what(&lost), first.why))
    }
}

fn what(lost: &[Lost]) -> String {
    if lost.iter().any(|lost| lost.field.is_empty()) {
        return "what it is like now".to_owned();
    }
    let fields: Vec<_> = lost.iter().map(|lost| format!("`{}`", lost.field)).collect();
    fields.join(", ")
}
