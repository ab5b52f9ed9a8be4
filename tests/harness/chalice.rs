//! The real Chalice in a project, against an emulator.

use std::ffi::OsString;

use crate::cli::{Program, Run};
use crate::project::Project;
use crate::python;

/// Chalice 1.34.0 from the test environment.
#[derive(Debug, Clone)]
pub struct Chalice {
    program: Program,
}

impl Chalice {
    /// Chalice in this project, speaking to this endpoint.
    ///
    /// Its SDK does not repeat calls: what an emulator cannot do shows at once.
    pub fn new(project: &Project, endpoint: &str) -> Chalice {
        let chalice = python::environment().program("chalice");
        Chalice {
            program: Program::new(&chalice, project, endpoint).env("AWS_MAX_ATTEMPTS", "1"),
        }
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(self, name: &str, value: impl Into<OsString>) -> Chalice {
        Chalice {
            program: self.program.env(name, value),
        }
    }

    /// Runs any command line.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.program.run(arguments)
    }

    /// `chalice deploy` of a stage. Fails where Chalice does.
    pub fn deploy(&self, stage: &str) -> Run {
        self.run(&["deploy", "--stage", stage]).expect_success()
    }

    /// `chalice delete` of a stage. Fails where Chalice does.
    pub fn delete(&self, stage: &str) -> Run {
        self.run(&["delete", "--stage", stage]).expect_success()
    }

    /// `chalice url` of a stage, without the newline. Fails where Chalice does.
    pub fn url(&self, stage: &str) -> String {
        self.run(&["url", "--stage", stage])
            .expect_success()
            .stdout
            .trim_end()
            .to_owned()
    }
}
