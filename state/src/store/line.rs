//! One append as it is stored: a line of a file, or an object of a shared store.
//!
//! It is a JSON object whose first member is a checksum over the rest, byte for byte: nothing depends on how JSON is written
//! twice. Its members:
//!
//! | Member | Meaning |
//! |---|---|
//! | `sum` | the first sixteen digits of the SHA-256 of all that follows its comma |
//! | `v` | the schema version of the line: 2; of version 1, all can be read |
//! | `stack` | whose it is; earlier grails did not say, and of an object its key does |
//! | `after` | up to where all before it reaches: the entry that would have come next in the epoch before, or where the snapshot folds; earlier grails did not say, and objects need not |
//! | `epoch`, `seq` | the number of its first entry |
//! | `entries` | the entries |
//! | `closed` | of an object, in place of entries: the epoch that has closed this one |

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::StoreError;
use crate::digest::checksum;
use crate::id::StackId;
use crate::journal::{Entry, Seq};
use crate::older::set_prunings_apart;
use crate::snapshot::Folded;

/// The schema version of a line. A line of a newer one is refused, not taken for damage.
const SCHEMA: u32 = 2;
const OPENING: &[u8] = b"{\"sum\":\"";

/// What a line says of the place where it belongs.
pub(super) struct Place<'a> {
    pub(super) stack: &'a StackId,
    pub(super) after: Folded,
    pub(super) epoch: u64,
    pub(super) seq: Seq,
}

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<&'a StackId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Folded>,
    epoch: u64,
    seq: Seq,
    entries: &'a [Entry],
    #[serde(skip_serializing_if = "Option::is_none")]
    closed: Option<u64>,
}

/// One append.
#[derive(Deserialize)]
pub(super) struct Read {
    #[serde(default)]
    pub(super) stack: Option<StackId>,
    #[serde(default)]
    pub(super) after: Option<Folded>,
    pub(super) epoch: u64,
    pub(super) seq: Seq,
    pub(super) entries: Vec<Entry>,
    #[serde(default)]
    pub(super) closed: Option<u64>,
}

#[derive(Deserialize)]
struct Versioned {
    v: u32,
}

/// The line of one append, with its line break.
pub(super) fn line(place: &Place<'_>, entries: &[Entry], what: &str) -> Result<Vec<u8>, StoreError> {
    let written = Written {
        v: SCHEMA,
        stack: Some(place.stack),
        after: Some(place.after),
        epoch: place.epoch,
        seq: place.seq,
        entries,
        closed: None,
    };
    write(&written, what)
}

/// The object of one append: its key says to which stack it belongs.
pub(super) fn object(epoch: u64, seq: Seq, entries: &[Entry], what: &str) -> Result<Vec<u8>, StoreError> {
    let written = Written {
        v: SCHEMA,
        stack: None,
        after: None,
        epoch,
        seq,
        entries,
        closed: None,
    };
    write(&written, what)
}

/// The object at the end of an epoch that the epoch `by` has closed.
pub(super) fn closing(epoch: u64, seq: Seq, by: u64, what: &str) -> Result<Vec<u8>, StoreError> {
    let written = Written {
        v: SCHEMA,
        stack: None,
        after: None,
        epoch,
        seq,
        entries: &[],
        closed: Some(by),
    };
    write(&written, what)
}

fn write(written: &Written<'_>, what: &str) -> Result<Vec<u8>, StoreError> {
    let text = serde_json::to_string(written).map_err(|error| StoreError::Corrupt {
        what: what.to_owned(),
        why: format!("an entry has no form in JSON: {error}"),
    })?;
    Ok(summed(text.strip_prefix('{').unwrap_or(&text)))
}

/// `rest`, of an object of which the opening brace is missing, behind its checksum.
fn summed(rest: &str) -> Vec<u8> {
    let sum = checksum(rest.as_bytes());
    [OPENING, sum.as_bytes(), b"\",", rest.as_bytes(), b"\n"].concat()
}

/// Why it cannot be read.
pub(super) enum Unreadable {
    /// It is not as it was written.
    Damaged,
    /// A newer grail wrote it, in this version of the schema.
    TooNew(u32),
}

impl Unreadable {
    /// The version that this build reads.
    pub(super) const KNOWN: u32 = SCHEMA;
}

/// Reads one, without its line break.
pub(super) fn parse(line: &[u8]) -> Result<Read, Unreadable> {
    let rest = checked(line).ok_or(Unreadable::Damaged)?;
    let object = [b"{", rest].concat();
    let versioned: Versioned = serde_json::from_slice(&object).map_err(|_| Unreadable::Damaged)?;
    if versioned.v > SCHEMA {
        return Err(Unreadable::TooNew(versioned.v));
    }
    if versioned.v == 1 {
        return of_the_first_version(&object).ok_or(Unreadable::Damaged);
    }
    serde_json::from_slice(&object).map_err(|_| Unreadable::Damaged)
}

fn of_the_first_version(object: &[u8]) -> Option<Read> {
    let mut read: Value = serde_json::from_slice(object).ok()?;
    let entries = read.get_mut("entries").and_then(Value::as_array_mut);
    for entry in entries.into_iter().flatten() {
        if entry.get("entry").and_then(Value::as_str) == Some("commit") {
            set_prunings_apart(entry, "sweep").ok()?;
        }
    }
    serde_json::from_value(read).ok()
}

/// What follows the checksum, if it fits.
fn checked(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(OPENING)?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    let (sum, rest) = rest.split_at_checked(end)?;
    let rest = rest.strip_prefix(b"\",")?;
    (sum == checksum(rest).as_bytes()).then_some(rest)
}
