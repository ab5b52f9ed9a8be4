//! GitLab: sections of the log that can be folded, the report `codequality` of problems, the report `terraform` of counts.

use grail_state::Digest;
use jiff::Timestamp;
use serde_json::json;

use super::Finding;
use crate::cli::report::plan::Counts;

/// The beginning of a section. The mark is taken out of the log by who shows it.
pub(super) fn section_start(name: &str, title: &str, at: Timestamp) -> String {
    let title = title.replace(['\r', '\n', '\u{1b}'], " ");
    format!(
        "\u{1b}[0Ksection_start:{}:{name}\r\u{1b}[0K{title}\n",
        at.as_second()
    )
}

/// Its end.
pub(super) fn section_end(name: &str, at: Timestamp) -> String {
    format!("\u{1b}[0Ksection_end:{}:{name}\r\u{1b}[0K\n", at.as_second())
}

/// The problems as a report that merge requests show at their lines. A fingerprint says that two reports mean the same problem:
/// the line is no part of it, since it moves.
pub(super) fn code_quality(findings: &[Finding]) -> String {
    let entry = |finding: &Finding| {
        let path = finding.file.as_ref().map(|file| file.display().to_string());
        let path = path.unwrap_or_else(|| ".".to_owned());
        let identity = json!([finding.code, finding.text, path]);
        json!({
            "description": finding.message(),
            "check_name": finding.code,
            "fingerprint": Digest::of_value(&identity),
            "severity": if finding.severe { "major" } else { "minor" },
            "location": {"path": path, "lines": {"begin": finding.line.max(1)}},
        })
    };
    let entries: Vec<_> = findings.iter().map(entry).collect();
    format!("{:#}\n", json!(entries))
}

/// The counts as a report that merge requests show in a line. A replacement makes one thing and deletes another.
pub(super) fn counts(counts: &Counts) -> String {
    let counted = json!({
        "create": counts.create + counts.replace,
        "update": counts.update,
        "delete": counts.delete + counts.replace,
    });
    format!("{counted}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_marked_as_gitlab_reads_them() {
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        assert_eq!(
            section_start("steps", "1 to\ncreate", at),
            "\u{1b}[0Ksection_start:1700000000:steps\r\u{1b}[0K1 to create\n"
        );
        assert_eq!(
            section_end("steps", at),
            "\u{1b}[0Ksection_end:1700000000:steps\r\u{1b}[0K\n"
        );
    }

    #[test]
    fn a_problem_has_one_fingerprint_wherever_its_line_moves() {
        let of = |line| {
            let finding = Finding {
                file: Some("app.py".into()),
                line,
                ..Finding::error("route", "wrong", Some("mend it"))
            };
            let report: serde_json::Value = serde_json::from_str(&code_quality(&[finding])).unwrap();
            report[0].clone()
        };
        assert_eq!(of(3)["fingerprint"], of(9)["fingerprint"]);
        assert_eq!(
            of(3)["location"],
            json!({"path": "app.py", "lines": {"begin": 3}})
        );
        assert_eq!(of(0)["location"]["lines"]["begin"], 1);
        assert_eq!(of(1)["description"], "route: wrong\nnext: mend it");
    }

    #[test]
    fn a_replacement_counts_on_both_sides() {
        let all = Counts {
            create: 1,
            update: 2,
            replace: 3,
            delete: 4,
            unchanged: 5,
            ..Counts::default()
        };
        assert_eq!(counts(&all), "{\"create\":4,\"delete\":7,\"update\":2}\n");
    }
}
