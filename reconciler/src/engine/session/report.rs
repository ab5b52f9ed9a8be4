//! What a pass came to: heard from its events, kept in the store beside the state, for `history`.

use std::collections::BTreeMap;

use grail_state::store::Lease;
use grail_state::{Report, ResourceId};

use super::Session;
use crate::event::{Event, EventSink, Outcome};

/// Passes events on, and remembers what was done to which resource.
pub(super) struct Chronicle<'a> {
    events: &'a mut dyn EventSink,
    changes: BTreeMap<ResourceId, Vec<String>>,
}

impl<'a> Chronicle<'a> {
    pub(super) fn beside(events: &'a mut dyn EventSink) -> Self {
        Self {
            events,
            changes: BTreeMap::new(),
        }
    }

    pub(super) fn into_changes(self) -> BTreeMap<ResourceId, Vec<String>> {
        self.changes
    }
}

impl EventSink for Chronicle<'_> {
    fn emit(&mut self, event: &Event) {
        let change = match event {
            Event::Finished { id, action, .. } => Some((id, past(action))),
            Event::Swept { id, .. } => Some((id, "deleted")),
            Event::Pruned { id, .. } => Some((id, "freed of what others added")),
            Event::Restored { id, .. } => Some((id, "restored")),
            Event::Stuck { id, .. } => Some((id, "stuck")),
            Event::Failed { id, .. } => Some((id, "failed")),
            _ => None,
        };
        if let Some((id, what)) = change {
            self.changes.entry(id.clone()).or_default().push(what.to_owned());
        }
        self.events.emit(event);
    }
}

fn past(action: &str) -> &'static str {
    match action {
        "create" => "created",
        "update" => "updated",
        _ => "deleted",
    }
}

impl Session<'_> {
    /// Keeps what a pass came to, if it came to anything. That it cannot be kept is no reason to fail.
    pub(super) async fn remember(
        &self,
        lease: &Lease,
        outcome: &Outcome,
        changes: BTreeMap<ResourceId, Vec<String>>,
    ) {
        let (word, why) = match outcome {
            Outcome::Unchanged | Outcome::Done if changes.is_empty() => return,
            Outcome::Unchanged | Outcome::Done => ("done", None),
            Outcome::Refused { why } => ("refused", Some(why.clone())),
            Outcome::RolledBack { why } => ("rolled_back", Some(why.clone())),
            Outcome::Unswept { left } => ("unswept", Some(listed(left))),
            Outcome::Stuck { at } => ("stuck", Some(listed(at))),
            Outcome::Open { why } => ("open", Some(why.clone())),
        };
        let report = Report {
            command: lease.holder.command.clone(),
            who: lease.holder.who.clone(),
            host: lease.holder.host.clone(),
            began: lease.holder.since,
            ended: self.engine.clock.wall(),
            outcome: word.to_owned(),
            why,
            changes,
        };
        if let Err(error) = self.engine.store.add_report(lease, &report).await {
            tracing::warn!(%error, "what was done could not be added to the history");
        }
    }
}

fn listed(resources: &[(ResourceId, String)]) -> String {
    let each: Vec<_> = resources.iter().map(|(id, why)| format!("{id}: {why}")).collect();
    each.join("; ")
}
