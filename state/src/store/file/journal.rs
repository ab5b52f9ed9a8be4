//! The lines of the journal file.
//!
//! One append is one line, so that it is there whole or not at all; what stands in it is told in `store/line.rs`.
//!
//! A crash in an append leaves the beginning of a line at the end of the file. That is dropped, and cut off by the next
//! append. Anything else that does not fit its checksum, that stands where it cannot stand (a line is missing, doubled or in
//! another's place), or that belongs to another stack or another snapshot is refused by the number of its line, and the file
//! is left as it is. What cannot be seen is that whole lines are missing at the end: that is what a crash before them would
//! have left.

use std::fs::{self, File};
use std::io::{self, SeekFrom};
use std::path::Path;

use super::StoreError;
use crate::disk;
use crate::id::StackId;
use crate::journal::{Entry, Seq};
use crate::snapshot::Folded;
use crate::store::line::{Read, Unreadable, parse};

/// Reads the journal of `stack`: the entries that `folded` does not cover, and where the next goes.
pub(super) fn read(
    text: &[u8],
    folded: Folded,
    stack: &StackId,
    what: &str,
) -> Result<(Vec<Entry>, Cursor), StoreError> {
    let mut cursor = Cursor::at(folded);
    let mut live = Vec::new();
    for (number, line) in numbered(text) {
        let whole = line.strip_suffix(b"\n");
        let read = match parse(whole.unwrap_or(line)) {
            Ok(read) => read,
            Err(Unreadable::Damaged) if whole.is_none() && !is_but_for_its_end(line) => break,
            Err(unreadable) => return Err(refused(&unreadable, whole.is_some(), number, what)),
        };
        cursor.sound += line.len() as u64;
        cursor.needs_break = whole.is_none();
        check_stack(&read, stack, number, what)?;
        if (read.epoch, read.seq) < (folded.epoch, folded.seq) {
            continue;
        }
        cursor.follow(&read).map_err(|why| corrupt(what, number, &why))?;
        live.extend(read.entries);
    }
    cursor.length = text.len() as u64;
    Ok((live, cursor))
}

/// The number of the line that holds the entry `number` of those that [`read`] gives.
pub(super) fn line_of(text: &[u8], folded: Folded, number: usize) -> Option<usize> {
    let mut entries = 0;
    for (place, line) in numbered(text) {
        let read = parse(line.strip_suffix(b"\n").unwrap_or(line)).ok()?;
        if (read.epoch, read.seq) >= (folded.epoch, folded.seq) {
            entries += read.entries.len();
        }
        if entries > number {
            return Some(place);
        }
    }
    None
}

/// Lines, counted from 1, with their line breaks.
fn numbered(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    (1..).zip(text.split_inclusive(|byte| *byte == b'\n'))
}

/// True for a whole line of which only the line break was changed, which is not the beginning of one.
fn is_but_for_its_end(line: &[u8]) -> bool {
    line.split_last().is_some_and(|(_, rest)| parse(rest).is_ok())
}

fn corrupt(what: &str, line: usize, why: &str) -> StoreError {
    StoreError::Corrupt {
        what: what.to_owned(),
        why: format!("line {line} {why}"),
    }
}

fn refused(why: &Unreadable, has_end: bool, line: usize, what: &str) -> StoreError {
    match why {
        Unreadable::Damaged if has_end => corrupt(what, line, "does not fit its checksum"),
        Unreadable::Damaged => corrupt(what, line, "has no line break"),
        Unreadable::TooNew(found) => StoreError::TooNew {
            what: format!("line {line} of {what}"),
            found: *found,
            known: Unreadable::KNOWN,
        },
    }
}

fn check_stack(read: &Read, stack: &StackId, line: usize, what: &str) -> Result<(), StoreError> {
    match &read.stack {
        Some(found) if found != stack => Err(StoreError::OtherStack {
            what: format!("line {line} of {what}"),
            found: found.clone(),
            expected: stack.clone(),
        }),
        _ => Ok(()),
    }
}

/// Where a journal ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cursor {
    /// The newest epoch known.
    pub(super) epoch: u64,
    /// The number of the next entry in that epoch.
    pub(super) next: Seq,
    /// Up to where all that is there reaches, in the epoch of the last entry.
    reaches: Folded,
    /// How many bytes are whole lines.
    sound: u64,
    /// How many there are.
    length: u64,
    /// True if the last whole line lacks its line break.
    needs_break: bool,
}

impl Cursor {
    fn at(folded: Folded) -> Self {
        Self {
            epoch: folded.epoch,
            next: folded.seq,
            reaches: folded,
            sound: 0,
            length: 0,
            needs_break: false,
        }
    }

    /// Up to where a snapshot folds that is made now.
    pub(super) fn end(&self) -> Folded {
        Folded {
            epoch: self.epoch,
            seq: self.next,
        }
    }

    /// Knows that `epoch` has been opened.
    pub(super) fn open(&mut self, epoch: u64) {
        if epoch > self.epoch {
            (self.epoch, self.next) = (epoch, 0);
        }
    }

    /// What the next line comes after.
    pub(super) fn reaches(&self) -> Folded {
        self.reaches
    }

    fn follow(&mut self, line: &Read) -> Result<(), String> {
        self.open(line.epoch);
        if (line.epoch, line.seq) != (self.epoch, self.next) {
            return Err(format!(
                "has entry {} of epoch {} where entry {} of epoch {} is expected: lines are missing or not in order",
                line.seq, line.epoch, self.next, self.epoch
            ));
        }
        if let Some(after) = line.after
            && after != self.reaches
        {
            return Err(format!(
                "follows on entry {} of epoch {}, and all before it reaches up to entry {} of epoch {}: lines are missing, or \
                 the state is not the one that it was written for",
                after.seq, after.epoch, self.reaches.seq, self.reaches.epoch
            ));
        }
        self.count(line.entries.len());
        Ok(())
    }

    fn count(&mut self, entries: usize) {
        self.next = self.next.saturating_add(entries as u64);
        self.reaches = self.end();
    }

    /// True while the file is as long as we left it.
    pub(super) fn fits(&self, path: &Path) -> bool {
        fs::metadata(path).map_or(0, |found| found.len()) == self.length
    }

    /// Appends a line of `entries` entries, durably. Where that fails the file is cut back, so that the same number can be
    /// tried again.
    pub(super) fn append(&mut self, path: &Path, line: &[u8], entries: usize) -> io::Result<()> {
        self.put(&mut disk::open_private(path)?, line)?;
        if self.sound == 0 {
            // The file may be new.
            disk::sync_folder_of(path)?;
        }
        self.sound += line.len() as u64 + u64::from(self.needs_break);
        self.length = self.sound;
        self.needs_break = false;
        self.count(entries);
        Ok(())
    }

    /// Writes the line behind the last whole one, or nothing.
    fn put(&self, file: &mut impl Tail, line: &[u8]) -> io::Result<()> {
        if self.length > self.sound {
            file.cut(self.sound)?;
        }
        let written = self.write(file, line);
        if written.is_err() {
            // Where this fails too, what is left is the beginning of a line, or a line of which nobody knows: both are
            // provided for.
            let _ = file.cut(self.sound);
        }
        written
    }

    fn write(&self, file: &mut impl Tail, line: &[u8]) -> io::Result<()> {
        file.seek(SeekFrom::Start(self.sound))?;
        if self.needs_break {
            file.write_all(b"\n")?;
        }
        file.write_all(line)?;
        file.keep()
    }

    /// Empties the file, of which all is folded into a snapshot; the numbers go on.
    pub(super) fn empty(&mut self, path: &Path) -> io::Result<()> {
        if self.length > 0 {
            let file = disk::open_private(path)?;
            file.set_len(0)?;
            file.sync_data()?;
        }
        (self.sound, self.length, self.needs_break) = (0, 0, false);
        self.reaches = self.end();
        Ok(())
    }
}

/// What an append needs of a file.
trait Tail: io::Write + io::Seek {
    /// Makes it `length` bytes long.
    fn cut(&self, length: u64) -> io::Result<()>;

    /// Makes what was written durable.
    fn keep(&self) -> io::Result<()>;
}

impl Tail for File {
    fn cut(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn keep(&self) -> io::Result<()> {
        self.sync_data()
    }
}

#[cfg(test)]
mod tests;
