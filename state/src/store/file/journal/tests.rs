//! Appends to a disk that has no room left.

use std::io::{Read as _, Seek, Write};

use super::*;
use crate::store::conformance::{entries, stack};
use crate::store::line::{self, Place};

/// A file on a disk that takes only so many bytes more.
struct Full {
    file: File,
    room: usize,
    /// True if the disk cannot be told to shorten the file either.
    rigid: bool,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        // In pieces, as a disk may.
        let most = bytes.len().min(self.room).min(64);
        let written = self.file.write(&bytes[..most])?;
        self.room -= written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Full {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Tail for Full {
    fn cut(&self, length: u64) -> io::Result<()> {
        match self.rigid {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => self.file.set_len(length),
        }
    }

    /// A disk that promises room which it has not finds out when it is asked to keep.
    fn keep(&self) -> io::Result<()> {
        match self.room {
            0 => Err(io::ErrorKind::StorageFull.into()),
            _ => self.file.sync_data(),
        }
    }
}

fn lines() -> [Vec<u8>; 2] {
    let place = |seq| Place {
        stack: &SHOP,
        after: Folded {
            epoch: u64::from(seq > 0),
            seq,
        },
        epoch: 1,
        seq,
    };
    let line = |seq: u64, from| line::line(&place(seq), &entries(from..from + 2), "j").unwrap();
    [line(0, 0), line(2, 2)]
}

static SHOP: std::sync::LazyLock<StackId> = std::sync::LazyLock::new(stack);

/// After `before`, the second line meets a disk with `room` bytes; then there is room again.
fn append_to(before: &[u8], room: usize, rigid: bool) -> Vec<u8> {
    let [_, second] = lines();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(before).unwrap();
    let (_, mut cursor) = read(before, Folded::default(), &SHOP, "j").unwrap();
    cursor.open(1);
    let mut full = Full { file, room, rigid };
    let failed = cursor.put(&mut full, &second).unwrap_err();
    assert_eq!(failed.kind(), io::ErrorKind::StorageFull);
    let mut left = Vec::new();
    full.file.rewind().unwrap();
    full.file.read_to_end(&mut left).unwrap();
    left
}

#[test]
fn what_a_full_disk_has_taken_of_a_line_is_cut_off_again() {
    let [first, second] = lines();
    for room in 0..=second.len() {
        assert_eq!(append_to(&first, room, false), first, "room for {room} bytes");
    }
}

#[test]
fn what_cannot_be_cut_off_is_a_torn_line_or_one_that_counts() {
    let [first, second] = lines();
    // With the line break before it that a torn end had lacked, too.
    for before in [&first[..], &first[..first.len() - 1]] {
        let lacking = first.len() - before.len();
        for room in 0..=second.len() + lacking {
            let left = append_to(before, room, true);
            assert_eq!(left.len(), before.len() + room);
            let (live, cursor) = read(&left, Folded::default(), &SHOP, "j").unwrap();
            // Without its line break the line is whole already.
            let counts = room + 1 >= second.len() + lacking;
            assert_eq!(
                live,
                entries(0..if counts { 4 } else { 2 }),
                "room for {room} bytes"
            );
            // The next one finds its place.
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&left).unwrap();
            if counts {
                continue;
            }
            cursor.put(&mut file, &second).unwrap();
            let mut text = Vec::new();
            file.rewind().unwrap();
            file.read_to_end(&mut text).unwrap();
            assert_eq!(text, [&first[..], &second].concat(), "room for {room} bytes");
        }
    }
}
