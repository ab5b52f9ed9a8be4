//! Values of environment variables show nowhere, whatever fails.

use grail_tests::cli::Run;
use grail_tests::project::Project;
use grail_tests::proxy::{Fault, On};

use crate::stand::Stand;

#[test]
fn a_secret_shows_nowhere() {
    const CANARY: &str = "canary-5f1c0e7a";
    let stand = Stand::of_the_shop();
    let plant = |value: &str| {
        let value = value.to_owned();
        stand.project.configure(move |config| {
            config["stages"]["dev"]["environment_variables"]["TOKEN"] = value.into();
        });
    };
    let kept = |file: &std::path::Path| file.ends_with("config.json");
    let check = |run: &Run| {
        for text in [&run.stdout, &run.stderr] {
            assert!(!text.contains(CANARY), "the secret shows: {run}");
        }
        for (path, content) in stand.project.files() {
            let found = content
                .windows(CANARY.len())
                .any(|window| window == CANARY.as_bytes());
            assert!(!found || kept(&path), "the secret stands in {}", path.display());
        }
        for (path, content) in files_below(&stand.project) {
            let found = content
                .windows(CANARY.len())
                .any(|window| window == CANARY.as_bytes());
            assert!(!found, "the secret stands in {}", path.display());
        }
    };
    let forms: [&[&str]; 3] = [&[], &["--output", "json"], &["--debug", "--verbose"]];

    // Nothing is deployed yet; then a step fails and the way back is gone; then it succeeds.
    plant(CANARY);
    for form in forms {
        check(&stand.grail.run(&[&["plan"], form].concat()).expect_success());
        stand
            .proxy
            .inject(On::operation("CreateDeployment"), Fault::access_denied());
        check(&stand.grail.run(&[&["deploy"], form].concat()).expect_code(3));
        stand.proxy.heal();
    }
    check(&stand.grail.run(&["deploy", "--debug"]).expect_success());
    let sent = stand.world().section("functions")["shop-dev"].to_string();
    assert!(sent.contains(CANARY), "the function never got it: {sent}");

    // It changes to another secret, and what was before is sealed for the way back.
    for (number, form) in forms.into_iter().enumerate() {
        plant(&format!("{CANARY}-{number}"));
        check(&stand.grail.run(&[&["plan"], form].concat()).expect_success());
        stand.proxy.inject(
            On::operation("UpdateFunctionConfiguration").nth(2),
            Fault::refuse(400, "InvalidParameterValueException", "not this one"),
        );
        check(&stand.grail.run(&[&["deploy"], form].concat()).expect_code(3));
        stand.proxy.heal();
        check(&stand.grail.run(&[&["deploy"], form].concat()).expect_success());
        check(&stand.grail.run(&[&["status"], form].concat()).expect_success());
    }

    // The app itself fails while it holds it in its hands.
    let app = stand.project.read("app.py");
    stand.project.write(
        "app.py",
        &(app + "\nimport os\nraise ValueError(os.environ['TOKEN'])\n"),
    );
    for form in forms {
        check(&stand.grail.run(&[&["deploy"], form].concat()).expect_code(1));
    }
    for form in forms {
        check(&stand.grail.run(&[&["delete"], form].concat()).expect_success());
    }
}

/// What grail left beside the project: caches and its user's configuration.
fn files_below(project: &Project) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut folders = vec![project.beside("home")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(content) = std::fs::read(&path) {
                files.push((path, content));
            }
        }
    }
    files
}
