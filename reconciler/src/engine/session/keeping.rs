//! Which artifacts stay after a commit: what the new state names, what the one before it named, and what the goal names.
//!
//! The one before stays because its code is what the next thing that goes wrong is brought back to by hand, and because
//! packages alternate while people try things. Where nothing is left at all (`delete`), nothing is kept.

use std::collections::BTreeSet;

use grail_state::artifacts::named_in;
use grail_state::{DesiredState, Digest, Snapshot};

use super::Session;
use crate::engine::Ports;
use crate::engine::drive::chain;
use crate::event::Event;

impl Session<'_> {
    /// Deletes what nobody needs any more. That it could not be deleted is told and is no failure.
    pub(super) fn sweep_artifacts(&self, before: &Snapshot, ports: &mut Ports<'_>) {
        let now = self.txn.snapshot();
        let mut keep = self.named.clone();
        add_named_by(now, &mut keep);
        if !now.records.is_empty() || !now.doomed.is_empty() {
            add_named_by(before, &mut keep);
        }
        if let Err(error) = self.engine.artifacts.sweep(&keep) {
            ports.events.emit(&Event::Said {
                code: "artifacts.unswept".to_owned(),
                text: format!(
                    "packages that nobody needs any more could not be deleted: {}",
                    chain(&error)
                ),
                warning: true,
            });
        }
    }
}

/// The artifacts that the wishes name.
pub(super) fn named_by(desired: &DesiredState) -> BTreeSet<Digest> {
    let mut named = BTreeSet::new();
    for wish in desired.resources.values() {
        named_in(&wish.spec.with_stand_ins(), &mut named);
    }
    named
}

fn add_named_by(snapshot: &Snapshot, keep: &mut BTreeSet<Digest>) {
    let records = snapshot
        .records
        .values()
        .map(|record| (&record.spec, &record.outputs));
    let doomed = snapshot
        .doomed
        .iter()
        .map(|doomed| (&doomed.spec, &doomed.outputs));
    for (spec, outputs) in records.chain(doomed) {
        named_in(spec, keep);
        outputs.values().for_each(|value| named_in(value, keep));
    }
}
