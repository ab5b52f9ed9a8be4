//! What Chalice's decorators take, and what projects say to them.
//!
//! The installed Chalice says what there is; the sources of the projects are parsed by Python's own parser.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde::Deserialize;

use crate::fixtures::Fixture;
use crate::python;

const SCRIPT: &str = include_str!("python/decorators.py");

/// Parameters by decorator, or by class whose instances are passed to one.
#[derive(Debug, Deserialize)]
pub struct Decorators {
    /// Every parameter that Chalice knows, in its order.
    pub known: BTreeMap<String, Vec<String>>,
    /// The parameters that each project gives.
    pub used: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

impl Decorators {
    /// Of these fixtures.
    ///
    /// # Panics
    /// Where a source is no Python.
    pub fn of(fixtures: &[Fixture]) -> Decorators {
        let folder = python::repository().join("tests/fixtures");
        let output = Command::new(python::environment().program("python"))
            .args(["-c", SCRIPT])
            .args(fixtures.iter().map(|fixture| folder.join(fixture.name)))
            .output()
            .expect("running the script that reads decorators");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "reading decorators: {complaint}");
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("the script that reads decorators answered no JSON: {error}"))
    }

    /// The fixtures that use a parameter; without one, those that use the decorator at all.
    pub fn users(&self, decorator: &str, parameter: Option<&str>) -> Vec<&str> {
        let uses = |used: &BTreeMap<String, BTreeSet<String>>| match (used.get(decorator), parameter) {
            (Some(given), Some(parameter)) => given.contains(parameter),
            (found, _) => found.is_some(),
        };
        let users = self.used.iter().filter(|(_, used)| uses(used));
        users.map(|(fixture, _)| fixture.as_str()).collect()
    }
}
