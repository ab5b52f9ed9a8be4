//! What `status` shows: where the transaction stands and what it touched. Needs no lock and no provider.

use std::collections::BTreeMap;

use grail_state::ResourceId;
use grail_state::journal::Prune;
use grail_state::store::Holder;
use grail_state::txn::{Back, Phase, Touched, Txn};
use jiff::Timestamp;
use serde::Serialize;

/// Where a stack stands.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// `idle`, `building`, `sweeping` or `aborting`.
    pub phase: &'static str,
    /// The command that is, or was, at it.
    pub command: Option<String>,
    /// Who ran it.
    pub by: Option<String>,
    /// When it began, by their clock.
    pub since: Option<Timestamp>,
    /// Why the way back began; before that, what failed.
    pub cause: Option<String>,
    /// Who holds the lock now.
    #[serde(skip)]
    pub holder: Option<Holder>,
    /// What was touched since the last commit, and how far each is.
    pub touched: Vec<(ResourceId, String)>,
    /// What is still to be deleted.
    pub left: Vec<ResourceId>,
    /// What others have added to things that stay, and is still to go.
    pub unpruned: BTreeMap<ResourceId, Prune>,
    /// How many resources are recorded.
    pub recorded: usize,
}

impl Status {
    pub(crate) fn of(txn: &Txn, holder: Option<Holder>) -> Self {
        Self {
            phase: txn.phase().as_str(),
            command: txn.begun().map(|begun| begun.command.clone()),
            by: txn.begun().and_then(|begun| begun.by.clone()),
            since: txn.begun().map(|begun| begun.at),
            cause: txn.cause().map(ToOwned::to_owned),
            holder,
            touched: txn
                .touched()
                .iter()
                .map(|(id, touched)| (id.clone(), standing(touched, txn.phase())))
                .collect(),
            left: txn.doomed().iter().map(|doomed| doomed.id.clone()).collect(),
            unpruned: txn.prune().clone(),
            recorded: txn.records().len(),
        }
    }
}

fn standing(touched: &Touched, phase: Phase) -> String {
    match (&touched.back, &touched.open) {
        (Back::Restored, _) => "as it was".to_owned(),
        (Back::Stuck(why), _) => format!("stuck: {why}"),
        (Back::Pending, _) if phase == Phase::Aborting => "to be brought back".to_owned(),
        (Back::Pending, Some(open)) => match &open.failed {
            Some(why) => format!("in doubt: {why}"),
            None => "in doubt".to_owned(),
        },
        (Back::Pending, None) => "done".to_owned(),
    }
}
