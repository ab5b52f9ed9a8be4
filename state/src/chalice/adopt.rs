//! What a file of somebody else's making tells us.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Deployed, DeployedEntry, Wires};
use crate::id::{Handle, Kind, ResourceId};
use crate::wire::Wire;

/// A thing that the file says exists. Whether it does, a look must show.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The name under which we would know it.
    pub id: ResourceId,
    /// Its physical name.
    pub handle: Handle,
    /// Those of its outputs that the file knows.
    pub outputs: BTreeMap<String, Value>,
    /// Its place in the file.
    pub rank: u32,
}

/// An entry that is kept as it is, because no kind covers it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verbatim {
    /// The entry.
    pub entry: DeployedEntry,
    /// The names of the entries before it: the place to put it again.
    pub preceding: Vec<String>,
}

/// All that a file tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidates {
    /// The things of kinds that we have.
    pub known: Vec<Candidate>,
    /// Entries that lead to no resource of ours: of types that no kind covers, or without the key that names the thing. To
    /// be given to [`project`](super::project), or refused.
    pub unknown: Vec<Verbatim>,
}

impl Deployed {
    /// The things that the file says exist, by way of the wires of our kinds.
    pub fn candidates(&self, wires: &Wires) -> Candidates {
        let mut candidates = Candidates::default();
        let mut preceding = Vec::new();
        for (rank, entry) in (0..).zip(&self.entries) {
            let before = candidates.known.len();
            let found = wires
                .iter()
                .filter_map(|(kind, wire)| candidate(entry, kind, wire, rank));
            candidates.known.extend(found);
            if candidates.known.len() == before {
                candidates.unknown.push(Verbatim {
                    entry: entry.clone(),
                    preceding: preceding.clone(),
                });
            }
            preceding.push(entry.name.clone());
        }
        candidates
    }
}

fn candidate(entry: &DeployedEntry, kind: &Kind, wire: &Wire, rank: u32) -> Option<Candidate> {
    let fits = wire.resource_type == entry.resource_type && wire.entry.is_none_or(|name| name == entry.name);
    let handle = entry.get(wire.handle?)?.as_str()?;
    if !fits || handle.is_empty() || entry.name.is_empty() {
        return None;
    }
    let outputs = wire
        .keys
        .iter()
        .filter_map(|(key, output)| Some(((*output).to_owned(), entry.get(key)?.clone())));
    Some(Candidate {
        id: ResourceId::new(kind.clone(), entry.name.clone()),
        handle: Handle(handle.to_owned()),
        outputs: outputs.collect(),
        rank,
    })
}
