//! What the services show: problems at their lines, plans in the summary, sections and reports.

use grail_tests::cli::Grail;
use serde_json::Value;

use crate::stand::Stand;

/// grail as a job of GitHub Actions has it; the summary of its step.
fn in_github(stand: &Stand) -> (Grail, std::path::PathBuf) {
    let summary = stand.project.beside("ci").join("summary.md");
    let workspace = stand.project.root().parent().expect("a folder above the project");
    let grail = stand
        .grail
        .clone()
        .env("CI", "true")
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_WORKSPACE", workspace)
        .env("GITHUB_STEP_SUMMARY", &summary);
    (grail, summary)
}

#[test]
fn github_shows_problems_at_their_lines_and_plans_in_the_summary() {
    let stand = Stand::of_the_shop();
    let (grail, summary) = in_github(&stand);
    let read = || std::fs::read_to_string(&summary).unwrap_or_default();
    // Without `--ci` nothing is written into anybody's summary.
    grail.run(&["plan"]).expect_success();
    assert_eq!(read(), "");

    let run = grail.run(&["plan", "--ci"]).expect_success();
    assert!(run.stdout.contains("Plan: 7 to create."), "{run}");
    assert!(
        read().starts_with("### grail plan: stage dev\n\n**Plan:** 7 to create."),
        "{}",
        read()
    );
    let run = grail.run(&["deploy", "--ci"]).expect_success();
    assert!(run.stderr.contains("::group::stage dev: 7 to create\n"), "{run}");
    assert_eq!(run.stderr.matches("::endgroup::").count(), 1, "{run}");
    assert!(!run.stdout.contains("::"), "data stays data: {run}");
    assert!(read().ends_with("Done.\n\n"), "{}", read());

    stand.project.write("app.py", "import chalice\n\ndef broken(:\n");
    let run = grail.run(&["plan", "--ci", "--output", "json"]).expect_code(1);
    let folder = stand
        .project
        .root()
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let wanted = format!("::error file={folder}/app.py,line=3,");
    assert!(
        run.stderr.lines().any(|line| line.starts_with(&wanted)),
        "no {wanted}: {run}"
    );
    run.events();
}

#[test]
fn gitlab_has_sections_and_reports() {
    let stand = Stand::of_the_shop();
    let root = stand.project.root().to_path_buf();
    let grail = stand
        .grail
        .clone()
        .env("GITLAB_CI", "true")
        .env("CI_PROJECT_DIR", &root);
    let reports = stand.project.beside("reports");
    let folder = reports.display().to_string();
    let report = |name: &str| -> Value {
        let bytes = std::fs::read(reports.join(name)).expect("a report");
        serde_json::from_slice(&bytes).expect("a report is JSON")
    };
    let run = grail
        .run(&["deploy", "--ci", "--ci-reports", &folder])
        .expect_success();
    assert_eq!(run.stderr.matches("section_start:").count(), 1, "{run}");
    assert_eq!(run.stderr.matches("section_end:").count(), 1, "{run}");
    assert_eq!(
        report("plan.json"),
        serde_json::json!({"create": 7, "update": 0, "delete": 0})
    );
    let markdown = std::fs::read_to_string(reports.join("plan.md")).expect("a plan");
    assert!(markdown.contains("| create |"), "{markdown}");
    stand.project.write("app.py", "def broken(:\n");
    grail
        .run(&["plan", "--ci", "--ci-reports", &folder])
        .expect_code(1);
    let location = serde_json::json!({"path": "app.py", "lines": {"begin": 1}});
    assert_eq!(report("problems.json")[0]["location"], location);
    stand
        .grail
        .run(&["plan", "--ci-reports", &folder])
        .expect_code(64);
}
