//! Bad manifests and what is told of them, each in a file of its own below `bad/`: the text, and behind a line of dashes what
//! grail says. `GRAIL_GOLDEN=write` writes the latter anew.

use super::*;

const LINE: &str = "\n# ----\n";

#[test]
fn bad_manifests_are_told_as_they_should_be() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/source/manifest/tests/bad");
    let mut files: Vec<_> = std::fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 100, "only {} bad manifests", files.len());
    let writes = super::writes_golden();
    let mut wrong = Vec::new();
    for file in files {
        let whole = std::fs::read_to_string(&file).unwrap();
        let (text, expected) = whole.split_once(LINE).unwrap_or((whole.trim_end(), ""));
        let said = match read_text(&format!("{text}\n"), "dev") {
            Ok(_) => panic!("{} is not bad", file.display()),
            Err(problems) => told(&problems),
        };
        assert!(!said.contains("hunter2"), "{}: a secret is shown", file.display());
        let said: String = said.lines().map(|line| format!("# {line}\n")).collect();
        if writes {
            std::fs::write(&file, format!("{text}{LINE}{said}")).unwrap();
        } else if said != expected {
            wrong.push(format!("{}:\n{said}instead of\n{expected}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_problem_is_drawn_with_a_caret_and_without_secrets() {
    use miette::{GraphicalReportHandler, GraphicalTheme};
    let text = "grail: 1\napp: shop\nfunctions:\n  work:\n    runtime: python3.12\n    handler: main.handler\n    code: src\n    environment: {PASSWORD: hunter2, OTHER: 5}\n    memroy: 256\n";
    let problems = read_text(text, "dev").unwrap_err();
    let drawer = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor());
    let mut drawn = String::new();
    for problem in &problems.0 {
        drawer.render_report(&mut drawn, problem).unwrap();
    }
    assert!(!drawn.contains("hunter2"), "{drawn}");
    insta::assert_snapshot!(drawn);
}
