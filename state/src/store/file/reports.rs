//! The file of reports: one JSON object a line, the newest last. A line that is damaged is passed over, since nothing depends
//! on it, and the oldest go when there are too many.

use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::disk::{self, Readers};
use crate::report::Report;

/// How many reports stay when the file is cut. It is cut when it has twice as many.
const KEPT: usize = 500;

/// Adds a report.
pub(super) fn add(path: &Path, report: &Report) -> io::Result<()> {
    let line = serde_json::to_string(report).map_err(io::Error::other)?;
    let text = disk::read(path)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    if lines.len() >= 2 * KEPT {
        let newest = lines.iter().rev().take(KEPT - 1).rev();
        let kept: String = newest
            .chain([&line.as_str()])
            .flat_map(|line| [line, "\n"])
            .collect();
        return disk::replace(path, kept.as_bytes(), Readers::Owner);
    }
    // A line that was cut off by a crash does not take this one with it.
    let apart = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let mut file = disk::open_private(path)?;
    file.seek(SeekFrom::End(0))?;
    file.write_all(format!("{apart}{line}\n").as_bytes())
}

/// All reports, the oldest first.
pub(super) fn read(path: &Path) -> io::Result<Vec<Report>> {
    let text = disk::read(path)?.unwrap_or_default();
    let lines = text.split(|byte| *byte == b'\n');
    Ok(lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn report(number: usize) -> Report {
        Report {
            command: format!("deploy {number}"),
            who: "ann".into(),
            host: "build-7".into(),
            began: Timestamp::UNIX_EPOCH,
            ended: Timestamp::UNIX_EPOCH,
            outcome: "done".into(),
            why: None,
            changes: Default::default(),
        }
    }

    #[test]
    fn a_damaged_line_costs_itself_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reports.ndjson");
        assert_eq!(read(&path).unwrap(), []);
        add(&path, &report(1)).unwrap();
        let mut torn = std::fs::read(&path).unwrap();
        torn.extend(b"{\"command\": \"del");
        std::fs::write(&path, torn).unwrap();
        add(&path, &report(2)).unwrap();
        assert_eq!(read(&path).unwrap(), [report(1), report(2)]);
    }

    #[test]
    fn the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reports.ndjson");
        for number in 0..=2 * KEPT {
            add(&path, &report(number)).unwrap();
        }
        let kept = read(&path).unwrap();
        assert_eq!(kept.len(), KEPT);
        assert_eq!(kept.last(), Some(&report(2 * KEPT)));
        assert_eq!(kept.first(), Some(&report(KEPT + 1)));
    }
}
