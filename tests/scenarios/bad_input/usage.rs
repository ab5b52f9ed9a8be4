//! Command lines that mean nothing.

use super::assert_says;
use crate::stand::Stand;

#[test]
fn wrong_usage_has_its_own_code_and_a_suggestion() {
    let stand = Stand::of_the_shop();
    let untouched = stand.project.files();
    let cases: [(&[&str], &str); 9] = [
        (&["deply"], "did you mean `deploy`?"),
        (&["rollbck"], "did you mean `rollback`?"),
        (&["frobnicate"], "grail help"),
        (&["deploy", "--paralelism", "3"], "'--parallelism'"),
        (&["deploy", "--parallelism", "0"], "0"),
        (&["deploy", "--parallelism", "many"], "many"),
        (&["deploy", "--on-failure", "cry"], "rollback"),
        (
            &["deploy", "--local", "--endpoint-url", "http://127.0.0.1:1"],
            "--endpoint-url",
        ),
        (&[], "Usage"),
    ];
    for (words, says) in cases {
        let run = stand.grail.run(words).expect_code(64);
        assert!(run.stderr.contains(says), "{run}");
        assert_eq!(run.stdout, "", "{run}");
    }
    for stage in ["../dev", ".dev", ""] {
        let run = stand.grail.run(&["deploy", "--stage", stage]);
        assert_says(&run.expect_code(1), &["cannot be the name of a stage"]);
    }
    let run = stand
        .grail
        .run(&["deploy", "--project-dir", "nowhere"])
        .expect_code(1);
    assert_says(&run, &["there is no project folder nowhere", "--project-dir"]);
    assert_eq!(stand.project.files(), untouched);
    assert!(stand.proxy.calls().is_empty());
    for words in [["--help"], ["--version"]] {
        assert!(!stand.grail.run(&words).expect_success().stdout.is_empty());
    }
}
