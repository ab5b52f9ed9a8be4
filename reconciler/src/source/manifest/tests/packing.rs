//! Packages, as they are made of what a manifest says of code.

use std::ffi::OsString;
use std::sync::Mutex;

use super::super::code::{Built, Workshop, build};
use super::*;
use crate::source::python::{Notice, Surroundings};

/// What building `project` came to, and what was told meanwhile.
async fn built(project: &Path) -> (Result<Built, Problems>, Vec<String>) {
    let (manifest, _) = read(project, "dev").unwrap_or_else(|problems| panic!("{}", told(&problems)));
    let cache = tempfile::tempdir().unwrap();
    let surroundings = Surroundings::new([("PATH", OsString::from("/usr/local/bin:/usr/bin:/bin"))]);
    let said = Mutex::new(Vec::new());
    let tell = |notice: Notice| said.lock().unwrap().push(notice.to_string());
    let workshop = Workshop {
        cache: cache.path(),
        surroundings: &surroundings,
        local: false,
        tell: &tell,
    };
    let built = build(&manifest, &workshop).await;
    (built, said.into_inner().unwrap())
}

const BUILD: &str = "\
grail: 1
app: shop
defaults:
  runtime: python3.12
  code: {build: 'echo x >> ran; mkdir -p out; echo 1 > out/a.py', outputs: [out]}
functions:
  one: {handler: a.one}
  two: {handler: a.two, architecture: arm64}
  three: {handler: a.three, runtime: python3.13, code: {build: 'echo x >> ran; mkdir -p out; echo 1 > out/a.py', outputs: [out/a.py]}}
";

#[tokio::test]
async fn a_build_is_run_once_whatever_the_functions_are() {
    let folder = folder(&[("grail.yaml", BUILD)]);
    let (made, said) = built(folder.path()).await;
    let made = made.unwrap();
    assert_eq!(std::fs::read_to_string(folder.path().join("ran")).unwrap(), "x\n");
    assert_eq!(made.functions.len(), 3);
    assert_eq!(made.functions["one"].content, made.functions["three"].content);
    assert_eq!(said.len(), 1, "{said:?}");
}

#[tokio::test]
async fn a_build_that_fails_is_told_once() {
    let folder = folder(&[("grail.yaml", &BUILD.replace("mkdir -p out", "exit 3"))]);
    let problems = built(folder.path()).await.0.unwrap_err();
    assert_eq!(problems.0.len(), 1, "{}", told(&problems));
    assert_eq!(std::fs::read_to_string(folder.path().join("ran")).unwrap(), "x\n");
}

#[tokio::test]
async fn a_command_is_shown_as_it_is_written() {
    let text = "\
grail: 1
app: shop
functions:
  work: {runtime: python3.12, handler: a.b, code: {build: '${env:SECRET} --login', outputs: [out]}}
";
    let folder = folder(&[("grail.yaml", text)]);
    let (made, said) = built(folder.path()).await;
    let told = told(&made.unwrap_err());
    assert!(
        !told.contains("hunter2") && told.contains("${env:SECRET}"),
        "{told}"
    );
    assert!(told.contains("not found"), "what the shell says is told: {told}");
    assert!(
        !said[0].contains("hunter2") && said[0].contains("${env:SECRET}"),
        "{said:?}"
    );
}

#[test]
fn what_comes_from_outside_is_told_as_it_is_written() {
    for said in [
        "{runtime: python3.12, handler: a.b, code: '${env:SECRET}'}",
        "{runtime: python3.12, handler: a.b, code: {dir: 'x/${env:SECRET}'}}",
        "{runtime: python3.12, handler: a.b, code: {zip: '${env:SECRET}.zip'}}",
        "{runtime: '${env:SECRET}', handler: a.b, code: src}",
        "{runtime: python3.12, handler: a.b, code: src, events: [{http: '${env:SECRET} /x'}]}",
        "{runtime: python3.12, handler: a.b, code: src, events: [{http: 'GET ${env:SECRET}'}]}",
        "{runtime: python3.12, handler: a.b, code: src, events: [{schedule: 'rate(${env:SECRET})'}]}",
        "{runtime: python3.12, handler: a.b, code: src, events: [{s3: {bucket: goods, events: ['${env:SECRET}']}}]}",
        "{runtime: python3.12, handler: a.b, code: src, timeout: '${env:PIN}'}",
        "{runtime: python3.12, handler: a.b, code: src, events: [{http: {route: GET /, api: '${env:SECRET}'}}]}",
    ] {
        let text = format!("grail: 1\napp: shop\nfunctions:\n  work: {said}\n");
        let told = told(&read_text(&text, "dev").unwrap_err());
        assert!(!told.contains("hunter2") && !told.contains("HUNTER2"), "{told}");
        assert!(!told.contains("48151623"), "{told}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_ignored_is_not_looked_into() {
    let text = "\
grail: 1
app: shop
functions:
  work: {runtime: nodejs22.x, handler: a.b, code: {dir: src, ignore: [node_modules, '*.lnk']}}
";
    let folder = folder(&[
        ("grail.yaml", text),
        ("src/a.js", ""),
        ("src/node_modules/x/y.js", ""),
    ]);
    let src = folder.path().join("src");
    std::os::unix::fs::symlink("..", src.join("node_modules/x/loop")).unwrap();
    std::os::unix::fs::symlink("nowhere", src.join("node_modules/gone")).unwrap();
    std::os::unix::fs::symlink("nowhere", src.join("b.lnk")).unwrap();
    built(folder.path())
        .await
        .0
        .unwrap_or_else(|problems| panic!("{}", told(&problems)));
    // What is not ignored is told all the same.
    std::os::unix::fs::symlink("nowhere", src.join("c.js")).unwrap();
    let said = told(&built(folder.path()).await.0.unwrap_err());
    assert!(said.contains("c.js"), "{said}");
}
