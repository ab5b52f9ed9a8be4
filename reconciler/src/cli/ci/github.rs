//! GitHub Actions: annotations, groups and the summary of a step, by the rules of its workflow commands.
//!
//! The log shows the first ten errors and ten warnings of a step as annotations; more are printed and not shown.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use super::Finding;
use crate::cli::words;

/// What the summary of a step may hold, in bytes: 1 MiB, less what other tools may need for a last word.
const SUMMARY: usize = (1 << 20) - (16 << 10);
/// What a comment may hold: 65,536 characters, less room for who writes it.
pub(super) const COMMENT: usize = 60_000;

pub(super) const END_OF_GROUP: &str = "::endgroup::\n";
const CUT: &str = "\n\n*More than fits here: see the log.*\n";

/// A problem as a workflow command.
pub(super) fn annotation(finding: &Finding, title: &str) -> String {
    let level = if finding.severe { "error" } else { "warning" };
    let mut properties = Vec::new();
    if let Some(file) = &finding.file {
        properties.push(format!("file={}", property(&file.display().to_string())));
        if finding.line > 0 {
            properties.push(format!("line={}", finding.line));
        }
        if let Some(column) = finding.column.filter(|_| finding.line > 0) {
            properties.push(format!("col={column}"));
        }
    }
    properties.push(format!("title={}", property(&format!("grail, {title}"))));
    format!(
        "::{level} {}::{}\n",
        properties.join(","),
        data(&finding.message())
    )
}

pub(super) fn group(title: &str) -> String {
    format!("::group::{}\n", data(title))
}

/// The text of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Adds to the summary of the step, as much as fits: a summary that is too large is dropped as a whole.
pub(super) fn summarise(file: &Path, text: &str) {
    let there = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
    let room = SUMMARY.saturating_sub(usize::try_from(there).unwrap_or(usize::MAX));
    let text = within(text, room);
    let opened = OpenOptions::new().create(true).append(true).open(file);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    if let Err(error) = written {
        words::words(&format!(
            "warning: the summary of the step could not be written: {error}\n"
        ));
    }
}

/// The beginning of a Markdown text that fits into `room` bytes, cut where a block that unfolds or a line begins.
pub(super) fn within(text: &str, room: usize) -> String {
    if text.len() <= room {
        return text.to_owned();
    }
    let Some(room) = room.checked_sub(CUT.len()) else {
        return String::new();
    };
    let end = (0..=room)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    let whole = |end: usize| {
        let begun = text.get(..end).unwrap_or_default();
        begun
            .rfind('\n')
            .and_then(|line| begun.get(..line))
            .unwrap_or_default()
    };
    let begun = whole(end);
    let inside = begun.matches("<details>").count() > begun.matches("</details>").count();
    let block = begun.rfind("\n<details>").filter(|_| inside);
    let begun = block.and_then(|block| begun.get(..block)).unwrap_or(begun);
    format!("{}{CUT}", begun.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_escaped_by_the_rules() {
        let finding = Finding {
            file: Some("a,b:c/app.py".into()),
            line: 12,
            column: Some(5),
            hint: Some("mend it".to_owned()),
            ..Finding::error("route", "100% wrong,\r\nreally: yes", None)
        };
        assert_eq!(
            annotation(&finding, "stage dev"),
            "::error file=a%2Cb%3Ac/app.py,line=12,col=5,title=grail%2C stage dev::route: 100%25 wrong,%0D%0Areally: yes%0Anext: mend it\n"
        );
        let warning = Finding::warning("x", "look");
        assert_eq!(annotation(&warning, "s"), "::warning title=grail%2C s::look\n");
        let injected = Finding::error("a", "b\n::add-mask::x", None);
        assert_eq!(annotation(&injected, "s").lines().count(), 1);
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_between_its_blocks() {
        let block = "\n<details><summary>x</summary>\n\n```diff\n+ äöü\n```\n\n</details>\n";
        let text = format!("| a |\n| b |\n{}", block.repeat(50));
        assert_eq!(within(&text, text.len()), text);
        for room in 0..text.len() {
            let cut = within(&text, room);
            assert!(cut.len() <= room, "{room}");
            assert_eq!(
                cut.matches("<details>").count(),
                cut.matches("</details>").count(),
                "{room}"
            );
            assert_eq!(cut.matches("```").count() % 2, 0, "{room}");
        }
        assert!(within(&text, 1000).ends_with(CUT));
    }

    #[test]
    fn a_summary_never_grows_beyond_what_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("summary.md");
        std::fs::write(&file, "theirs\n").unwrap();
        for _ in 0..5 {
            summarise(&file, &"a line of a plan\n".repeat(30_000));
        }
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            text.len() <= SUMMARY && text.len() > SUMMARY / 2,
            "{}",
            text.len()
        );
        assert!(text.starts_with("theirs\na line"));
    }
}
