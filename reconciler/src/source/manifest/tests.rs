//! Reading of manifests as a whole.

mod corpus;
mod documents;
mod formatting;
mod golden;
mod guides;
mod lowering;
mod merging;
mod packing;
mod rows;
mod schema;

use std::path::Path;

use grail_state::DesiredState;
use serde_json::{Value, json};

use super::lower::{Packages, lower};
use super::shape::stand_in;
use super::*;
use crate::source::chalice::lower::Zip;

/// A folder with these files.
pub(super) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

/// The environment of these tests.
pub(super) fn environment(name: &str) -> Option<String> {
    match name {
        "SECRET" => Some("hunter2".to_owned()),
        "PIN" => Some("48151623".to_owned()),
        "TIMEOUT" => Some("30".to_owned()),
        "EMPTY" => Some(String::new()),
        "MARKED" => Some("a\u{1}b".to_owned()),
        "BRACES" => Some("${stage}".to_owned()),
        _ => None,
    }
}

pub(super) fn read(project: &Path, stage: &str) -> Result<(Manifest, Vec<Problem>), Problems> {
    Manifest::read(project, stage, &environment).map(|read| read.expect("there is a manifest"))
}

/// What is read from this text alone, beside a folder `src`.
pub(super) fn read_text(text: &str, stage: &str) -> Result<Manifest, Problems> {
    let folder = folder(&[
        ("grail.yaml", text),
        ("src/main.py", "def handler(event, context): pass\n"),
    ]);
    read(folder.path(), stage).map(|read| read.0)
}

/// What a text wishes for, in the account of the tests.
pub(super) fn wished(text: &str, stage: &str) -> DesiredState {
    let manifest = read_text(text, stage).unwrap_or_else(|problems| panic!("{}", told(&problems)));
    let mut packages = Packages::default();
    let zip = Zip {
        content: "c0".into(),
        artifact: "a0".into(),
        size: 7,
    };
    let form = manifest.form(&stand_in()).unwrap();
    for (name, _) in form.functions() {
        packages.functions.insert(name.to_owned(), zip.clone());
    }
    for name in form.layers.keys() {
        packages.layers.insert(name.clone(), zip.clone());
    }
    lower(&manifest, &stand_in(), &packages).unwrap()
}

/// Ids in order, and forms with references shown as `<kind>.<name>/<output>`.
pub(super) fn form_of(state: &DesiredState, id: &str) -> Value {
    let found = state.resources.iter().find(|(known, _)| known.to_string() == id);
    let (_, desired) = found.unwrap_or_else(|| panic!("no {id} among {:?}", ids(state)));
    desired
        .spec
        .resolve(&|output| Some(json!(output.to_string())))
        .unwrap()
}

pub(super) fn ids(state: &DesiredState) -> Vec<String> {
    state.resources.keys().map(ToString::to_string).collect()
}

/// Problems as lines.
pub(super) fn told(problems: &Problems) -> String {
    let line = |problem: &Problem| {
        let place = problem
            .place
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let hint = problem
            .hint
            .as_ref()
            .map(|hint| format!(" ({hint})"))
            .unwrap_or_default();
        format!("{place}: {} [{}]{hint}\n", problem.message, problem.code)
    };
    problems.0.iter().map(line).collect()
}

/// Whether what is expected is written anew, with `GRAIL_GOLDEN=write`.
#[expect(clippy::disallowed_methods, reason = "a test is told in the environment")]
pub(super) fn writes_golden() -> bool {
    std::env::var("GRAIL_GOLDEN").is_ok_and(|value| value == "write")
}
