//! The lines of the journal file.
//!
//! One append is one line, so that it is there whole or not at all.
//!
//! A crash in an append leaves the beginning of a line at the end of the file. That is dropped, and cut off by the next
//! append. Anything else that does not fit its checksum, or is missing, is damage: it is named by its line, and the file is
//! left as it is.

use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::StoreError;
use crate::disk;
use crate::journal::{Entry, Seq};
use crate::snapshot::Folded;
use crate::store::line::{Read, Unreadable, parse};

/// Reads a journal: the entries that `folded` does not cover, and where the next goes.
pub(super) fn read(text: &[u8], folded: Folded, what: &str) -> Result<(Vec<Entry>, Cursor), StoreError> {
    let mut cursor = Cursor::at(folded);
    let mut live = Vec::new();
    for (number, line) in (1..).zip(text.split_inclusive(|byte| *byte == b'\n')) {
        let corrupt = |why: &str| StoreError::Corrupt {
            what: what.to_owned(),
            why: format!("line {number} {why}"),
        };
        let whole = line.strip_suffix(b"\n");
        let read = match (parse(whole.unwrap_or(line), what), whole) {
            (Ok(read), _) => read,
            (Err(Unreadable::TooNew(error)), _) => return Err(error),
            (Err(Unreadable::Damaged), Some(_)) => return Err(corrupt("does not fit its checksum")),
            (Err(Unreadable::Damaged), None) => {
                // The beginning of a line, unless only its line break was changed.
                if line
                    .split_last()
                    .is_some_and(|(_, rest)| parse(rest, what).is_ok())
                {
                    return Err(corrupt("has no line break"));
                }
                break;
            }
        };
        cursor.sound += line.len() as u64;
        cursor.needs_break = whole.is_none();
        if (read.epoch, read.seq) < (folded.epoch, folded.seq) {
            continue;
        }
        cursor.follow(&read).map_err(|why| corrupt(&why))?;
        live.extend(read.entries);
    }
    cursor.length = text.len() as u64;
    Ok((live, cursor))
}

/// Where a journal ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cursor {
    /// The newest epoch known.
    pub(super) epoch: u64,
    /// The number of the next entry in that epoch.
    pub(super) next: Seq,
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

    fn follow(&mut self, line: &Read) -> Result<(), String> {
        self.open(line.epoch);
        if (line.epoch, line.seq) != (self.epoch, self.next) {
            return Err(format!(
                "has entry {} of epoch {} where entry {} of epoch {} is expected: lines are missing",
                line.seq, line.epoch, self.next, self.epoch
            ));
        }
        self.next += line.entries.len() as u64;
        Ok(())
    }

    /// True while the file is as long as we left it.
    pub(super) fn fits(&self, path: &Path) -> bool {
        fs::metadata(path).map_or(0, |found| found.len()) == self.length
    }

    /// Appends a line of `entries` entries, durably. Where that fails the file is cut back, so that the same number can be
    /// tried again.
    pub(super) fn append(&mut self, path: &Path, line: &[u8], entries: usize) -> io::Result<()> {
        let mut file = disk::open_private(path)?;
        if self.length > self.sound {
            file.set_len(self.sound)?;
        }
        if let Err(error) = self.write(&mut file, line) {
            let _ = file.set_len(self.sound);
            return Err(error);
        }
        if self.sound == 0 {
            // The file may be new.
            disk::sync_folder_of(path)?;
        }
        self.sound += line.len() as u64 + u64::from(self.needs_break);
        self.length = self.sound;
        self.needs_break = false;
        self.next += entries as u64;
        Ok(())
    }

    fn write(&self, file: &mut File, line: &[u8]) -> io::Result<()> {
        file.seek(SeekFrom::Start(self.sound))?;
        if self.needs_break {
            file.write_all(b"\n")?;
        }
        file.write_all(line)?;
        file.sync_data()
    }

    /// Empties the file; the numbers go on.
    pub(super) fn empty(&mut self, path: &Path) -> io::Result<()> {
        if self.length > 0 {
            let file = disk::open_private(path)?;
            file.set_len(0)?;
            file.sync_data()?;
        }
        (self.sound, self.length, self.needs_break) = (0, 0, false);
        Ok(())
    }
}
