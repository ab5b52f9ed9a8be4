//! Bad input gets an answer: what is wrong, where, and what to do next; and nothing at all is changed.

mod application;
mod configuration;
mod domains;
mod record;
mod rights;
mod secrets;
mod settings;
mod sources;
mod surroundings;
mod usage;

use grail_tests::account::Account;
use grail_tests::cli::{Grail, Run};
use grail_tests::project::Project;
use serde_json::Value;

use crate::stand::Stand;

const CONFIG: &str = ".chalice/config.json";

/// A deployed shop whose files are spoilt one at a time.
struct Spoilt {
    stand: Stand,
}

impl Spoilt {
    fn shop() -> Spoilt {
        Spoilt {
            stand: Stand::with_the_shop_open(),
        }
    }

    /// Runs grail with one file of the project as `text`, expects a refusal that changes nothing, and mends the file.
    fn with_file(&self, file: &str, text: &str, words: &[&str], says: &[&str]) -> Run {
        let project = &self.stand.project;
        let before = project.has(file).then(|| project.read(file));
        project.write(file, text);
        let run = self.refused(words, says);
        match before {
            Some(before) => project.write(file, &before),
            None => project.remove(file),
        }
        run
    }

    /// The same for an edit of the one place that reads `old`.
    fn with_edit(&self, file: &str, (old, new): (&str, &str), says: &[&str]) -> Run {
        let text = self.stand.project.read(file);
        assert_eq!(text.matches(old).count(), 1, "{file} does not read {old:?} once");
        self.with_file(file, &text.replace(old, new), &["deploy"], says)
    }

    /// The same for lines at the end of `app.py`.
    fn with_lines(&self, lines: &str, says: &[&str]) -> Run {
        let text = self.stand.project.read("app.py") + lines;
        self.with_file("app.py", &text, &["deploy"], says)
    }

    /// The same for the stage's configuration.
    fn with_setting(&self, key: &str, value: Value, says: &[&str]) -> Run {
        let mut config: Value = serde_json::from_str(&self.stand.project.read(CONFIG)).unwrap();
        config["stages"]["dev"][key] = value;
        self.with_file(CONFIG, &format!("{config:#}\n"), &["deploy"], says)
    }

    fn refused(&self, words: &[&str], says: &[&str]) -> Run {
        refused(&self.stand, &self.stand.grail, words, says)
    }
}

/// A project that was never deployed, in an account with nothing in it but what the test puts there.
struct Fresh {
    stand: Stand,
    account: Account,
}

/// What stands before the lines of a test in `app.py`: they begin on line 6.
const HEAD: &str = "from chalice import Chalice\n\napp = Chalice(app_name='late')\n\n\n";
const SETTINGS: &str = "{\"version\": \"2.0\", \"app_name\": \"late\", \"stages\": {\"dev\": {}}}\n";

impl Fresh {
    /// With these lines after the making of the app, and no settings.
    fn with_lines(lines: &str) -> Fresh {
        Fresh::new(lines, SETTINGS)
    }

    /// With these lines and this `config.json`.
    fn new(lines: &str, config: &str) -> Fresh {
        let project = Project::empty();
        project.write("app.py", &format!("{HEAD}{lines}"));
        project.write(CONFIG, config);
        let stand = Stand::of(project);
        let account = Account::at(&stand.proxy.quiet_endpoint());
        Fresh { stand, account }
    }

    /// Fails unless `plan` and `deploy` end with 1 and say all of this and what to do, and neither writes nor records anything.
    #[track_caller]
    fn refused(&self, says: &[&str]) {
        for command in ["plan", "deploy"] {
            let (run, calls) = self.stand.run(&[command]);
            let run = run.expect_code(1);
            assert_says(&run, says);
            let advises = ["next:", "help:"].iter().any(|word| run.stderr.contains(word));
            assert!(advises, "it names no next step: {run}");
            assert!(
                calls.writes().is_empty(),
                "it wrote {:?}: {run}",
                calls.writes().names()
            );
            assert!(
                !self.stand.project.has(".chalice/deployed/dev.json"),
                "it recorded something: {run}"
            );
        }
    }
}

/// Fails unless the run ends with 1, says all of this and a next step on standard error, and changes nothing anywhere.
#[track_caller]
fn refused(stand: &Stand, grail: &Grail, words: &[&str], says: &[&str]) -> Run {
    let memory = stand.memory();
    stand.proxy.forget_calls();
    let run = grail.run(words).expect_code(1);
    assert_says(&run, says);
    let advises = ["next:", "help:", "expected"]
        .iter()
        .any(|word| run.stderr.contains(word));
    assert!(advises, "it names no next step: {run}");
    for word in ["panicked", "DispatchFailure {", "Some("] {
        assert!(!run.stderr.contains(word), "{word} is for programmers: {run}");
    }
    let writes = stand.proxy.calls().writes();
    assert!(writes.is_empty(), "it wrote {:?}: {run}", writes.names());
    let now = stand.memory();
    assert_eq!(
        now.keys().collect::<Vec<_>>(),
        memory.keys().collect::<Vec<_>>(),
        "files came or went: {run}"
    );
    for (path, content) in &memory {
        assert!(
            now.get(path) == Some(content),
            "{} was changed: {run}",
            path.display()
        );
    }
    run
}

/// Looks in the words of standard error, drawn or not: frames and line breaks of a drawing do not count.
#[track_caller]
fn assert_says(run: &Run, says: &[&str]) {
    let words = |text: &str| {
        let kept = text
            .split_whitespace()
            .filter(|word| !word.chars().all(|c| "│╭╰─├▶·×⚠┬┆".contains(c)));
        kept.collect::<Vec<_>>().join(" ")
    };
    let said = words(&run.stderr);
    for wanted in says {
        assert!(said.contains(&words(wanted)), "it does not say {wanted:?}: {run}");
    }
}
