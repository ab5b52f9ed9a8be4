//! Whose the file is.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use super::{Found, Wires, project};
use crate::digest::Digest;
use crate::id::ResourceId;
use crate::record::Record;

/// How the file stands to what we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is no file.
    Missing,
    /// It says what we would write now.
    Same,
    /// We wrote it, but not last: a stale checkout, or a crash before it was written. To be written again.
    Stale,
    /// Somebody else wrote it: its entries are candidates.
    Foreign,
}

/// How the file stands to `projections` (of the snapshot: the last forms that we wrote, newest last) and, while a transaction
/// is open, to the `open` records: those of the snapshot first, then those after each entry of the journal.
///
/// Entries that no kind covers are taken to belong where the file has them.
pub fn standing<R>(
    found: Option<&Found>,
    projections: &[Digest],
    open: impl IntoIterator<Item = R>,
    wires: &Wires,
) -> Standing
where
    R: Borrow<BTreeMap<ResourceId, Record>>,
{
    let Some(found) = found else {
        return Standing::Missing;
    };
    let verbatim = found.deployed.candidates(wires).unknown;
    let ours = |records: &R| project(records.borrow(), wires, &verbatim).digest() == found.digest;
    let open: Vec<R> = open.into_iter().collect();
    let is_newest = match open.last() {
        Some(records) => ours(records),
        None => projections.last() == Some(&found.digest),
    };
    if is_newest {
        return Standing::Same;
    }
    // The newest first: a crash leaves one of the last.
    if projections.contains(&found.digest) || open.iter().rev().any(ours) {
        Standing::Stale
    } else {
        Standing::Foreign
    }
}
