//! Where a scenario with the local cloud happens: a project, grail in it, and a cloud that ends with the test.

use std::collections::BTreeMap;
use std::path::PathBuf;

use grail_tests::account::Account;
use grail_tests::cli::{Grail, LocalCloudEnd, Program, Run};
use grail_tests::project::Project;
use grail_tests::python;
use serde_json::Value;

/// A project and its local cloud, which grail starts when it needs it.
pub(crate) struct LocalGround {
    // Dropped first: it needs the project's folder.
    _end: LocalCloudEnd,
    grail: Grail,
    /// The project.
    pub(crate) project: Project,
}

impl LocalGround {
    /// With a Python that has Chalice.
    pub(crate) fn new(project: Project) -> LocalGround {
        LocalGround::with(project, |grail| grail)
    }

    /// With grail in another environment.
    pub(crate) fn with(project: Project, change: impl FnOnce(Grail) -> Grail) -> LocalGround {
        let grail = change(Grail::local(env!("CARGO_BIN_EXE_grail"), &project));
        LocalGround {
            _end: grail.ends_local_cloud("dev"),
            grail,
            project,
        }
    }

    /// Runs grail with these words.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.grail.run(arguments)
    }

    /// Deploys; fails where grail does.
    pub(crate) fn deploy(&self) -> Run {
        self.run(&["deploy", "--local"]).expect_success()
    }

    /// Deploys, and gives the steps that were begun: what was done, and to what, in alphabetical order.
    pub(crate) fn deploy_steps(&self) -> Vec<(String, String)> {
        let run = self.run(&["deploy", "--local", "--output", "json"]);
        steps(&run.expect_success())
    }

    /// Where the local cloud answers, which runs already.
    pub(crate) fn endpoint(&self) -> String {
        let run = self
            .run(&["local-cloud", "status", "--output", "json"])
            .expect_success();
        let port = run.events().pop().and_then(|event| event["port"].as_u64());
        let port = port.unwrap_or_else(|| panic!("the local cloud does not run: {run}"));
        format!("http://127.0.0.1:{port}")
    }

    /// The local cloud through the SDK.
    pub(crate) fn account(&self) -> Account {
        Account::at(&self.endpoint())
    }

    /// Runs a script of the project, as its README says, with the Python of the tests.
    pub(crate) fn script(&self, arguments: &[&str]) -> Run {
        let python = python::environment().program("python");
        let program = Program::new(&python, &self.project, "").without("AWS_ENDPOINT_URL");
        program.run(arguments).expect_success()
    }

    /// Everything that grail remembers of its local stage, the emulator's own files and locks apart.
    pub(crate) fn remembered(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = self.project.files();
        files.retain(|path, _| {
            let path = path.to_string_lossy();
            path.starts_with(".chalice/grail/.local/dev/")
                && !path.contains("/cloud/")
                && !path.ends_with("/lock")
                && !path.ends_with("/epoch")
        });
        assert!(
            files.keys().any(|path| path.ends_with("state.json")),
            "{:?}",
            files.keys()
        );
        files
    }
}

/// Ids of the steps that a run began, with what they did.
pub(crate) fn steps(run: &Run) -> Vec<(String, String)> {
    let word = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let events = run.events();
    let started = events.iter().filter(|event| event["event"] == "started");
    let mut steps: Vec<_> = started
        .map(|event| (word(event, "action"), word(event, "id")))
        .collect();
    steps.sort_unstable();
    steps
}
