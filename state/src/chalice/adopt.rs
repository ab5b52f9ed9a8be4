//! What a file of somebody else's making tells us.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

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
            let wires = wires
                .iter()
                .flat_map(|(kind, wires)| wires.iter().map(move |wire| (kind, wire)));
            let found: Vec<_> = wires
                .filter_map(|(kind, wire)| Some((wire, candidate(entry, kind, wire, rank)?)))
                .collect();
            let leads_nowhere = found.is_empty();
            for (wire, candidate) in found {
                candidates.add(wire, candidate);
            }
            if leads_nowhere {
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

impl Candidates {
    /// Adds `found`, or what it says to the candidate that stands for several such entries.
    fn add(&mut self, wire: &Wire, found: Candidate) {
        let before = self.known.iter_mut().find(|known| known.id == found.id);
        match (wire.several, before) {
            (Some(several), Some(before)) => {
                let entries = before
                    .outputs
                    .get_mut(several.output)
                    .and_then(Value::as_object_mut);
                let new = found.outputs.get(several.output).and_then(Value::as_object);
                if let (Some(entries), Some(new)) = (entries, new) {
                    entries.extend(new.clone());
                }
            }
            _ => self.known.push(found),
        }
    }
}

fn candidate(entry: &DeployedEntry, kind: &Kind, wire: &Wire, rank: u32) -> Option<Candidate> {
    let text = |key| entry.get(key)?.as_str();
    let handle = match wire.beneath {
        Some((above, list)) => {
            let first = entry.get(list)?.get(0)?.get("key")?.as_str()?;
            format!("{}{first}", text(above)?)
        }
        None => text(wire.handle?)?.to_owned(),
    };
    if wire.resource_type != entry.resource_type || handle.is_empty() || entry.name.is_empty() {
        return None;
    }
    let known = wire
        .keys
        .iter()
        .filter_map(|(key, output)| Some(((*output).to_owned(), entry.get(key)?.clone())));
    let mut outputs: BTreeMap<String, Value> = known.collect();
    if let Some((output, text)) = wire.when {
        outputs.insert(output.to_owned(), Value::from(text));
    }
    let mut name = entry.name.as_str();
    if let Some(several) = wire.several {
        let says: Map<String, Value> = entry.keys.iter().cloned().collect();
        let says = Map::from_iter([(entry.name.clone(), Value::Object(says))]);
        outputs.insert(several.output.to_owned(), Value::Object(says));
        name = &handle;
    }
    Some(Candidate {
        id: ResourceId::new(kind.clone(), name),
        handle: Handle(handle),
        outputs,
        rank,
    })
}
