//! One append as it is stored: a line of a file, or an object.
//!
//! It is a JSON object whose first member is a checksum over the rest, byte for byte: nothing depends on how JSON is written
//! twice.

use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::digest::Digest;
use crate::journal::{Entry, Seq};

/// The schema version of a line. A line of a newer one is refused, not taken for damage.
const SCHEMA: u32 = 1;
/// How many digits of the SHA-256 a line carries.
const SUM: usize = 16;
const OPENING: &str = "{\"sum\":\"";

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    epoch: u64,
    seq: Seq,
    entries: &'a [Entry],
    #[serde(skip_serializing_if = "Option::is_none")]
    closed: Option<u64>,
}

/// One append.
#[derive(Deserialize)]
pub(super) struct Read {
    pub(super) epoch: u64,
    pub(super) seq: Seq,
    pub(super) entries: Vec<Entry>,
    /// In place of entries: the epoch that has closed this one.
    #[serde(default)]
    pub(super) closed: Option<u64>,
}

#[derive(Deserialize)]
struct Versioned {
    v: u32,
}

/// The line of one append, with its line break.
pub(super) fn line(epoch: u64, seq: Seq, entries: &[Entry], what: &str) -> Result<Vec<u8>, StoreError> {
    let written = Written {
        v: SCHEMA,
        epoch,
        seq,
        entries,
        closed: None,
    };
    write(&written, what)
}

/// What stands at the end of an epoch that the epoch `by` has closed.
pub(super) fn closing(epoch: u64, seq: Seq, by: u64, what: &str) -> Result<Vec<u8>, StoreError> {
    let written = Written {
        v: SCHEMA,
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
    let rest = text.strip_prefix('{').unwrap_or(&text);
    Ok(format!("{OPENING}{}\",{rest}\n", sum(rest.as_bytes())).into_bytes())
}

/// Why it cannot be read.
pub(super) enum Unreadable {
    /// It is not as it was written.
    Damaged,
    /// A newer grail wrote it.
    TooNew(StoreError),
}

/// Reads one, without its line break.
pub(super) fn parse(line: &[u8], what: &str) -> Result<Read, Unreadable> {
    let rest = line.strip_prefix(OPENING.as_bytes()).ok_or(Unreadable::Damaged)?;
    let (found, rest) = rest.split_at_checked(SUM).ok_or(Unreadable::Damaged)?;
    let rest = rest.strip_prefix(b"\",").ok_or(Unreadable::Damaged)?;
    if found != sum(rest).as_bytes() {
        return Err(Unreadable::Damaged);
    }
    let object = [b"{", rest].concat();
    let versioned: Versioned = serde_json::from_slice(&object).map_err(|_| Unreadable::Damaged)?;
    if versioned.v > SCHEMA {
        return Err(Unreadable::TooNew(StoreError::TooNew {
            what: what.to_owned(),
            found: versioned.v,
            known: SCHEMA,
        }));
    }
    serde_json::from_slice(&object).map_err(|_| Unreadable::Damaged)
}

fn sum(bytes: &[u8]) -> String {
    let mut digest = Digest::of(bytes).0;
    digest.truncate(SUM);
    digest
}
