use std::error::Error as _;
use std::fs;
use std::os::unix::fs::symlink;

use super::testing::{World, script};
use super::*;

fn answering(version: &str, chalice: &str, broken: &str) -> String {
    let answer = format!(
        r#"{{"version": [{version}], "executable": "/opt/python", "platform": "linux-x86_64", "base": "/opt",
            "venv": false, "pip": true, "chalice": {chalice}, "broken": {broken}}}"#
    )
    .replace('\n', " ");
    format!("echo noise\necho 'grail-python:{answer}'")
}

const SOME_CHALICE: &str = r#"{"version": "1.31.0", "app_py": "/c/app.py", "init_py": "/c/__init__.py"}"#;

/// A world whose PATH holds a fake `python3` and the system's shell, and nothing else.
fn world(says: &str) -> (World, Surroundings) {
    let world = World::new();
    let bin = world.path().join("bin");
    script(&bin.join("python3"), says);
    (world, Surroundings::new([("PATH", bin)]))
}

/// A world with a Python that lacks chalice, and a `uv` that makes environments which have it out of nothing. What
/// it is called with is in the file `asked`.
fn world_with_uv() -> (World, Surroundings) {
    let (world, path) = world(&answering("3, 12, 1", "null", "null"));
    script(
        &world.path().join("environment"),
        &answering("3, 12, 1", SOME_CHALICE, "null"),
    );
    let at = world.path();
    let at = at.display();
    let uv = format!(
        "echo \"$@\" >> {at}/asked
        if [ $1 = venv ]; then
            for dir; do :; done
            /bin/mkdir -p $dir/bin && /bin/cp {at}/environment $dir/bin/python3
        fi"
    );
    script(&world.path().join("bin/uv"), &uv);
    (world, path)
}

fn asked(world: &World) -> Vec<String> {
    let asked = fs::read_to_string(world.path().join("asked")).unwrap();
    asked.lines().map(str::to_owned).collect()
}

/// The only environment in the cache.
fn environment(world: &World) -> PathBuf {
    let entries = fs::read_dir(world.cache().join("python")).unwrap();
    let mut dirs = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir());
    let dir = dirs.next().unwrap();
    assert_eq!(dirs.next(), None);
    dir
}

async fn found(world: &World, surroundings: &Surroundings) -> Result<Python, PythonError> {
    project_python(&world.project(), surroundings, &world.cache(), &|notice| {
        world.tell(notice)
    })
    .await
}

#[tokio::test]
async fn the_active_environment_comes_first_then_the_projects_then_the_path() {
    let (world, path) = world(&answering("3, 12, 1", SOME_CHALICE, "null"));
    let python = found(&world, &path).await.unwrap();
    assert_eq!((python.origin, python.version.minor), (Origin::Path, 12));

    script(
        &world.project().join(".venv/bin/python"),
        &answering("3, 13, 0", SOME_CHALICE, "null"),
    );
    let python = found(&world, &path).await.unwrap();
    assert_eq!((python.origin, python.version.minor), (Origin::ProjectVenv, 13));

    let venv = world.path().join("venv");
    script(
        &venv.join("bin/python3"),
        &answering("3, 11, 0", SOME_CHALICE, "null"),
    );
    let python = found(&world, &path.clone().with("VIRTUAL_ENV", &venv))
        .await
        .unwrap();
    assert_eq!((python.origin, python.version.minor), (Origin::VirtualEnv, 11));
    assert_eq!(python.runtime().name, "python3.11");
    assert_eq!(python.chalice.unwrap().version, "1.31.0");
    assert!(world.told().is_empty());

    let gone = path.with("VIRTUAL_ENV", world.path().join("gone"));
    assert_eq!(found(&world, &gone).await.unwrap().origin, Origin::ProjectVenv);
    let told = world.told();
    assert!(told.len() == 1 && told[0].contains("holds no Python"), "{told:?}");
}

#[tokio::test]
async fn no_python_at_all_is_named_with_what_to_do() {
    let world = World::new();
    let nothing = Surroundings::new([("PATH", world.path())]);
    let error = found(&world, &nothing).await.unwrap_err();
    assert!(error.to_string().contains("no python3 on the path"), "{error}");
    assert!(error.hint().unwrap().contains("apt install python3"));
}

#[tokio::test]
async fn an_old_python_without_chalice_is_refused_and_one_with_it_is_not() {
    let (old, path) = world(&answering("3, 8, 18", "null", "null"));
    let error = found(&old, &path).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "/opt/python is Python 3.8.18, which is too old for chalice 1.34.0"
    );
    assert!(error.hint().unwrap().contains("3.10"));

    let (old, path) = world(&answering("3, 8, 18", SOME_CHALICE, "null"));
    let runtime = found(&old, &path).await.unwrap().runtime();
    assert_eq!((runtime.name.as_str(), runtime.differs), ("python3.10", true));
}

#[tokio::test]
async fn a_broken_chalice_is_an_error_and_no_reason_for_another() {
    let (broken, path) = world(&answering("3, 12, 1", "null", r#""ImportError: no six""#));
    let error = found(&broken, &path).await.unwrap_err();
    assert_eq!(error.to_string(), "importing chalice with /opt/python");
    assert_eq!(error.source().unwrap().to_string(), "ImportError: no six");
}

#[tokio::test]
async fn a_python_that_cannot_make_environments_names_the_package_that_is_missing() {
    let (debian, path) = world(&answering("3, 11, 2", "null", "null"));
    let error = found(&debian, &path).await.unwrap_err();
    assert!(matches!(error, PythonError::NoVenv { .. }), "{error}");
    assert!(error.hint().unwrap().contains("python3-venv"));
}

#[tokio::test]
async fn a_python_that_does_not_answer_is_quoted() {
    let (mute, path) = world("echo 'cannot open shared object' >&2; exit 127");
    let error = found(&mute, &path).await.unwrap_err();
    assert!(matches!(error, PythonError::Mute { .. }));
    assert_eq!(error.source().unwrap().to_string(), "cannot open shared object");
    let (odd, path) = world("echo 'grail-python:[1]'");
    assert!(matches!(
        found(&odd, &path).await.unwrap_err(),
        PythonError::Mute { .. }
    ));
}

#[tokio::test]
async fn a_managed_environment_is_made_once_and_holds_chalice_and_the_requirements() {
    let world = World::new();
    world.chalice();
    world.wheel("lib", "1.0", "py3-none-any", "", &[("lib.py", "")]);
    world.write("requirements.txt", "lib\n");
    // A module that would stand in for the standard one, if tools looked in the project's folder.
    world.write("queue.py", "raise SystemExit('the wrong module')\n");
    let surroundings = world.surroundings();

    let python = found(&world, &surroundings).await.unwrap();
    assert_eq!(python.origin, Origin::Managed);
    assert!(python.executable.starts_with(world.cache()), "{python:?}");
    let chalice = python.chalice.clone().unwrap();
    assert_eq!(chalice.version, CHALICE_PIN);
    for module in ["../lib.py", "../boto3.py"] {
        assert!(chalice.app_py.with_file_name(module).exists(), "{module}");
    }
    assert!(chalice.init_py.ends_with("chalice/__init__.py"));
    let told = world.told();
    assert!(told.len() == 1 && told[0].contains("chalice 1.34.0"), "{told:?}");

    // Without an index a second making could not succeed.
    fs::remove_dir_all(world.index()).unwrap();
    assert_eq!(
        found(&world, &surroundings).await.unwrap().executable,
        python.executable
    );
    assert!(world.told().is_empty());
}

#[tokio::test]
async fn half_an_environment_does_not_count() {
    let (world, path) = world_with_uv();
    found(&world, &path).await.unwrap();
    let dir = environment(&world);
    fs::remove_file(dir.join("grail-environment.json")).unwrap();
    fs::write(dir.join("left-by-a-kill"), "").unwrap();
    found(&world, &path).await.unwrap();
    assert_eq!(world.told().len(), 2);
    assert!(!dir.join("left-by-a-kill").exists());

    // Nor does one whose Python has gone.
    fs::remove_file(dir.join("bin/python3")).unwrap();
    symlink("/nowhere/python3", dir.join("bin/python3")).unwrap();
    found(&world, &path).await.unwrap();
    assert_eq!(world.told().len(), 1);
    found(&world, &path).await.unwrap();
    assert!(world.told().is_empty());
}

#[tokio::test]
async fn two_who_need_the_same_environment_make_one() {
    let (world, path) = world_with_uv();
    let (one, two) = tokio::join!(found(&world, &path), found(&world, &path));
    assert_eq!(one.unwrap().executable, two.unwrap().executable);
    assert_eq!(asked(&world).len(), 2);
}

#[tokio::test]
async fn other_requirements_are_another_environment() {
    let (world, path) = world_with_uv();
    found(&world, &path).await.unwrap();
    world.write("requirements.txt", "# nothing\n");
    found(&world, &path).await.unwrap();
    assert_eq!(asked(&world).len(), 2);
    world.write("requirements.txt", "flask\n");
    found(&world, &path).await.unwrap();
    assert_eq!(asked(&world).len(), 4);
}

#[tokio::test]
async fn what_pip_says_when_it_fails_is_kept() {
    let world = World::new();
    world.chalice();
    world.write("requirements.txt", "no-such-package==9\n");
    let error = found(&world, &world.surroundings()).await.unwrap_err();
    assert!(
        matches!(error, PythonError::Install { tool: "pip", .. }),
        "{error}"
    );
    let said = error.source().unwrap().to_string();
    assert!(said.contains("no-such-package==9"), "{said}");
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn uv_is_taken_where_it_is_at_hand() {
    let (world, path) = world_with_uv();
    let python = found(&world, &path).await.unwrap();
    assert_eq!(python.origin, Origin::Managed);
    let asked = asked(&world);
    assert!(
        asked[0].starts_with("venv --no-project --python /opt/python "),
        "{asked:?}"
    );
    assert!(
        asked[1].starts_with("pip install ") && asked[1].ends_with("/bin/python3 chalice==1.34.0 boto3"),
        "{asked:?}"
    );
    assert!(world.told()[0].contains("(uv, once)"));
}

#[tokio::test]
async fn requirements_that_name_chalice_decide_which() {
    let (world, path) = world_with_uv();
    world.write("requirements.txt", "-r more.txt\n");
    world.write("more.txt", "Chalice < 1.31\nboto3\n");
    found(&world, &path).await.unwrap();
    assert!(asked(&world)[1].ends_with("/project/requirements.txt"));
    let told = world.told();
    assert!(told.len() == 1 && !told[0].contains("1.34.0"), "{told:?}");
}

#[tokio::test]
async fn uv_that_fails_is_quoted() {
    let (world, path) = world(&answering("3, 12, 1", "null", "null"));
    script(
        &world.path().join("bin/uv"),
        "echo 'no such index https://me:secret@example.org/' >&2; exit 2",
    );
    let error = found(&world, &path).await.unwrap_err();
    assert!(matches!(error, PythonError::Make { tool: "uv", .. }), "{error}");
    assert_eq!(
        error.source().unwrap().to_string(),
        "no such index https://***@example.org/"
    );
}
