use std::fs;
use std::io::Cursor;

use grail_providers::package::{Limits, content_of_zip};

use super::*;
use crate::source::python::testing::World;
use crate::source::python::{Chalice, Origin, Version};

/// A world with a project of one file, and this machine's Python with pip, said to have a chalice and to be of
/// another version than it is: what pip takes for this machine then never fits Lambda.
struct Project {
    world: World,
    python: Python,
    /// The tags of a wheel that fits this machine only.
    here: String,
}

const LAMBDA: Target = Target::Lambda(Architecture::X86_64);

impl Project {
    fn new(requirements: &str) -> Self {
        let world = World::new();
        world.write("app.py", "app = 1\n");
        world.write("requirements.txt", requirements);
        let [app_py, init_py] = ["runtime.py", "init.py"].map(|name| {
            let file = world.path().join(name);
            fs::write(&file, name).unwrap();
            file
        });
        let executable = world.surroundings().find_program("python3").unwrap();
        let question =
            "import sys, sysconfig; print(sys.version_info[1], sysconfig.get_platform().replace('-', '_'))";
        let answer = std::process::Command::new(&executable)
            .args(["-c", question])
            .output()
            .unwrap();
        let answer = String::from_utf8(answer.stdout).unwrap();
        let (minor, platform) = answer.trim().split_once(' ').unwrap();
        let here = format!("cp3{minor}-cp3{minor}-{platform}");
        let python = Python {
            executable,
            origin: Origin::Path,
            version: Version {
                major: 3,
                minor: if minor == "12" { 13 } else { 12 },
                micro: 1,
            },
            platform: "linux-x86_64".to_owned(),
            base: PathBuf::from("/usr"),
            venv: true,
            pip: true,
            chalice: Some(Chalice {
                version: "1.34.0".to_owned(),
                app_py,
                init_py,
            }),
        };
        Self { world, python, here }
    }

    /// The tags of a wheel that fits Lambda on this processor.
    fn tags(&self, machine: &str) -> String {
        let abi = self.python.runtime().abi();
        format!("{abi}-{abi}-manylinux2014_{machine}")
    }

    /// Puts a wheel of one file, named after it, into the index.
    fn simple_wheel(&self, name: &str, tags: &str) {
        self.world.wheel(
            name,
            "1.0",
            tags,
            "",
            &[(&format!("{name}-{}", tags.replace('-', ".")), "")],
        );
    }

    async fn build(&self, target: Target) -> Result<Package, PackageError> {
        let request = Request {
            project_dir: &self.world.project(),
            python: &self.python,
            surroundings: &self.world.surroundings(),
            target,
            cache: &self.world.cache(),
        };
        build(&request, &|notice| self.world.tell(notice)).await
    }

    /// Builds for Lambda, and checks that the zip holds what it is said to hold.
    async fn package(&self) -> Package {
        let package = self.build(LAMBDA).await.unwrap();
        let zip = fs::read(&package.zip).unwrap();
        assert_eq!(ZipDigest::of(&zip), package.zip_sha256);
        assert_eq!(zip.len() as u64, package.size.zipped);
        assert_eq!(
            content_of_zip(Cursor::new(zip), Limits::default()).unwrap(),
            package.content
        );
        package
    }
}

/// The names in a package but for the runtime and `app.py`.
fn names(package: &Package) -> Vec<String> {
    let archive = zip::ZipArchive::new(fs::File::open(&package.zip).unwrap()).unwrap();
    let names = archive.file_names().map(|name| name.unwrap().into_owned());
    names
        .filter(|name| !name.starts_with("chalice/") && name != "app.py" && !name.contains("dist-info"))
        .collect()
}

fn missing(packages: &[&str]) -> Vec<Warning> {
    vec![Warning::NotForLambda {
        packages: packages.iter().map(|&package| package.to_owned()).collect(),
    }]
}

#[tokio::test]
async fn where_nothing_is_required_no_tool_runs() {
    let mut project = Project::new("# nothing yet\n\n");
    project.python.executable = "/nowhere/python".into();
    project.python.pip = false;
    let package = project.package().await;
    assert_eq!(names(&package), [""; 0]);
    assert_eq!(package.runtime, project.python.runtime());
    assert_eq!(package.warnings, []);
    assert!(project.world.told().is_empty());
}

#[tokio::test]
async fn wheels_are_packed_as_chalice_unzips_them() {
    let project = Project::new("lib\n");
    project.world.wheel(
        "lib",
        "1.0",
        "py3-none-any",
        "Requires-Dist: chalice\nRequires-Dist: dep\n",
        &[
            ("lib/__init__.py", "root"),
            ("lib/__pycache__/__init__.cpython-312.pyc", "x"),
            ("lib-1.0.data/purelib/lib/__init__.py", "purelib wins"),
            ("lib-1.0.data/platlib/fast.so", "x"),
            ("lib-1.0.data/scripts/lib-tool", "x"),
            ("other-1.0.data/purelib/x.py", "of another package"),
            ("shadowed.py", "of the dependency"),
        ],
    );
    project
        .world
        .wheel("dep", "2.0", "py3-none-any", "", &[("dep.py", "")]);
    project.world.chalice();
    project.world.write("vendor/shadowed.py", "vendored");
    let package = project.package().await;
    assert_eq!(
        names(&package),
        [
            "dep.py",
            "fast.so",
            "lib-1.0.data/scripts/lib-tool",
            "lib/__init__.py",
            "other-1.0.data/purelib/x.py",
            "shadowed.py"
        ]
    );
    let mut archive = zip::ZipArchive::new(fs::File::open(&package.zip).unwrap()).unwrap();
    for (name, text) in [
        ("lib/__init__.py", "purelib wins"),
        ("shadowed.py", "vendored"),
        ("chalice/app.py", "runtime.py"),
        ("chalice/__init__.py", "init.py"),
    ] {
        let mut file = archive.by_name(name).unwrap();
        assert_eq!(std::io::read_to_string(&mut file).unwrap(), text, "{name}");
        assert_eq!(file.unix_mode(), Some(0o100_644), "{name}");
    }
    assert!(archive.by_name("chalice/cli/__init__.py").is_err());
    assert!(archive.by_name("chalice-1.34.0.dist-info/METADATA").is_ok());
    assert!(archive.by_name("lib-1.0.dist-info/INSTALLER").is_err());
    assert_eq!(package.warnings, []);
    let told = project.world.told();
    assert!(
        told.len() == 1 && told[0].contains(" on x86_64 (once"),
        "{told:?}"
    );
}

#[tokio::test]
async fn what_was_resolved_stays_until_the_requirements_change() {
    let project = Project::new("lib\n");
    project
        .world
        .wheel("lib", "1.0", "py3-none-any", "", &[("lib.py", "1")]);
    let first = project.package().await;
    project.world.told();

    // A newer release, another comment, and another time: nothing changes, and nothing runs.
    project
        .world
        .wheel("lib", "1.1", "py3-none-any", "", &[("lib.py", "11")]);
    project.world.write("requirements.txt", "# why\nlib\n");
    project.world.write("app.py", "app = 1\n");
    let second = project.package().await;
    assert_eq!(
        (second.content, second.zip_sha256),
        (first.content.clone(), first.zip_sha256)
    );
    assert!(project.world.told().is_empty());

    // The code changes: still no tool runs.
    project.world.write("chalicelib/x.py", "");
    let third = project.package().await;
    assert_ne!(third.content, first.content);
    assert!(project.world.told().is_empty());

    project.world.write("requirements.txt", "lib>=1\n");
    let fourth = project.package().await;
    assert_eq!(project.world.told().len(), 1);
    assert_ne!(fourth.content, third.content);
}

#[tokio::test]
async fn the_same_project_gives_the_same_bytes_elsewhere() {
    let build = async |late: bool| {
        let project = Project::new("lib\ndep\n");
        let files: &[(&str, &str)] = &[("lib.py", "1"), ("x/__init__.py", "lib"), ("x/a.py", "2")];
        // Made in another order, at another time.
        if late {
            project.world.wheel(
                "dep",
                "1.0",
                "py3-none-any",
                "",
                &[("x/__init__.py", "dep"), ("x/a.py", "3")],
            );
        }
        project.world.wheel("lib", "1.0", "py3-none-any", "", files);
        if !late {
            project.world.wheel(
                "dep",
                "1.0",
                "py3-none-any",
                "",
                &[("x/__init__.py", "dep"), ("x/a.py", "3")],
            );
        }
        for path in if late { ["b", "a"] } else { ["a", "b"] } {
            project.world.write(&format!("chalicelib/{path}.py"), path);
        }
        project.package().await
    };
    let (one, two) = (build(false).await, build(true).await);
    assert_ne!(one.zip, two.zip);
    assert_eq!(one.zip_sha256, two.zip_sha256);
}

#[tokio::test]
async fn each_processor_gets_its_own_wheels() {
    let project = Project::new("fast==1.0\n");
    let (intel, arm) = (project.tags("x86_64"), project.tags("aarch64"));
    for tags in [&project.here, &intel, &arm] {
        project.simple_wheel("fast", tags);
    }
    let package = project.package().await;
    assert_eq!(names(&package), [format!("fast-{}", intel.replace('-', "."))]);
    assert_eq!(package.warnings, []);
    let package = project.build(Target::Lambda(Architecture::Arm64)).await.unwrap();
    assert_eq!(names(&package), [format!("fast-{}", arm.replace('-', "."))]);
    assert_eq!(package.warnings, []);
    let package = project.build(Target::Host).await.unwrap();
    assert_eq!(
        names(&package),
        [format!("fast-{}", project.here.replace('-', "."))]
    );
}

#[tokio::test]
async fn what_cannot_be_had_for_lambda_is_named_and_the_rest_goes_on() {
    let project = Project::new("only-here\nfast\npure\n");
    for (name, tags) in [
        ("only_here", project.here.as_str()),
        ("fast", &project.here),
        ("fast", &project.tags("x86_64")),
        ("pure", "py3-none-any"),
    ] {
        project.simple_wheel(name, tags);
    }
    let package = project.package().await;
    assert_eq!(names(&package).len(), 2, "{:?}", names(&package));
    assert_eq!(package.warnings, missing(&["only-here==1.0"]));
    assert!(package.warnings[0].hint().contains("vendor/"));

    // Told again, though nothing is built again.
    project.world.told();
    assert_eq!(project.package().await.warnings, missing(&["only-here==1.0"]));
    assert!(project.world.told().is_empty());

    // Brought along by hand.
    project.world.write("vendor/only_here-1.0.dist-info/METADATA", "");
    assert_eq!(project.package().await.warnings, []);
}

#[tokio::test]
async fn an_earlier_version_that_runs_is_taken_before_the_newest_is_compiled() {
    let project = Project::new("fast\n./libs/mine\nsourced\n");
    project.world.source_folder("libs/mine", "mine", "1.0");
    project.world.sources("sourced", "1.0", "py3-none-any", false);
    let tags = project.tags("x86_64");
    project.world.wheel(
        "fast",
        "2.0",
        &project.here,
        "Requires-Dist: new\n",
        &[("fast.py", "2")],
    );
    project
        .world
        .wheel("fast", "1.9", &tags, "", &[("fast.py", "1.9")]);
    project
        .world
        .wheel("fast", "1.8", &tags, "", &[("fast.py", "1.8")]);
    project.simple_wheel("new", "py3-none-any");
    let package = project.package().await;
    assert_eq!(names(&package), ["fast.py", "mine.py", "sourced.py"]);
    let older = Warning::Older {
        packages: vec![("fast==2.0".to_owned(), "1.9".to_owned())],
    };
    assert_eq!(
        older.to_string(),
        "took versions whose wheels run on Lambda: 1.9 instead of fast==2.0"
    );
    assert_eq!(package.warnings, [older.clone()]);
    assert_eq!(project.package().await.warnings, [older]);

    // Of a pinned version the sources are built, here to no avail.
    project.world.write("requirements.txt", "fast==2.0\nsourced\n");
    let package = project.package().await;
    assert_eq!(package.warnings, missing(&["fast==2.0"]));
    project.world.sources("fast", "2.0", "py3-none-any", false);
    project.world.write("requirements.txt", "sourced\nfast==2.0\n");
    let package = project.package().await;
    assert_eq!(package.warnings, []);
    assert!(names(&package).contains(&"fast.py".to_owned()));
}

#[tokio::test]
async fn a_wheel_of_another_machine_that_runs_anyway_is_the_last_choice() {
    let project = Project::new("pyyaml\n");
    project.simple_wheel("pyyaml", &project.here);
    let here = project.package().await;
    assert_eq!(names(&here).len(), 1);
    assert_eq!(here.warnings, []);
    project.simple_wheel("pyyaml", &project.tags("x86_64"));
    project.world.write("requirements.txt", "PyYAML\n");
    let lambda = project.package().await;
    assert_eq!(
        names(&lambda),
        [format!("pyyaml-{}", project.tags("x86_64").replace('-', "."))]
    );
}

#[tokio::test]
async fn sources_are_built_and_without_a_compiler_if_that_helps() {
    let project = Project::new("pure\noptional\ncompiled\n");
    project.world.sources("pure", "1.0", "py3-none-any", false);
    project.world.sources("optional", "1.0", &project.here, true);
    project.world.sources("compiled", "1.0", &project.here, false);
    let package = project.package().await;
    assert_eq!(names(&package), ["optional.py", "pure.py"]);
    assert_eq!(package.warnings, missing(&["compiled==1.0"]));
    let package = project.build(Target::Host).await.unwrap();
    assert_eq!(names(&package), ["compiled.py", "optional.py", "pure.py"]);
    assert_eq!(package.warnings, []);
}

#[tokio::test]
async fn folders_of_the_project_are_built_and_nothing_of_their_name_is_fetched() {
    let project = Project::new("./libs/mine\n-e ./libs/yours\n");
    project.world.source_folder("libs/mine", "mine", "1.0");
    project.world.source_folder("libs/yours", "yours", "1.0");
    for name in ["mine", "yours"] {
        project
            .world
            .wheel(name, "1.0", &project.tags("x86_64"), "", &[("stranger.py", "")]);
    }
    let first = project.package().await;
    assert_eq!(names(&first), ["mine.py", "yours.py"]);
    assert_eq!(first.warnings, []);
    project.world.told();
    assert_eq!(project.package().await.content, first.content);
    assert!(
        project.world.told().is_empty(),
        "building left something that counts"
    );
    project.world.write("libs/mine/mine.py", "value = 2\n");
    assert_ne!(project.package().await.content, first.content);
}

#[tokio::test]
async fn a_requirement_that_does_not_exist_is_named() {
    let project = Project::new("no-such-package >= 2\n");
    let error = project.build(LAMBDA).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no package satisfies the requirement no-such-package>=2"
    );
    assert!(error.hint().unwrap().contains("requirements.txt"));
    assert!(
        fs::read_dir(project.world.cache().join("trees"))
            .unwrap()
            .all(|entry| {
                // Nothing but the lock stays.
                entry
                    .unwrap()
                    .path()
                    .extension()
                    .is_some_and(|extension| extension == "lock")
            })
    );
}

#[tokio::test]
async fn pip_that_fails_or_is_missing_is_told() {
    let mut project = Project::new("--no-such-option\nlib\n");
    let error = project.build(LAMBDA).await.unwrap_err();
    assert_eq!(error.to_string(), "downloading the requirements with pip");
    let said = std::error::Error::source(&error).unwrap().to_string();
    assert!(said.contains("no-such-option"), "{said}");
    project.python.pip = false;
    assert!(matches!(
        project.build(LAMBDA).await.unwrap_err(),
        PackageError::NoPip { .. }
    ));
    project.python.chalice = None;
    assert!(matches!(
        project.build(LAMBDA).await.unwrap_err(),
        PackageError::NoChalice { .. }
    ));
}

#[tokio::test]
async fn a_broken_wheel_is_named() {
    let project = Project::new("lib\n");
    project
        .world
        .wheel("lib", "1.0", "py3-none-any", "", &[("lib.py", &"x".repeat(5000))]);
    let file = project.world.index().join("lib-1.0-py3-none-any.whl");
    let mut bytes = fs::read(&file).unwrap();
    // In the compressed bytes of the file, which pip does not read.
    let at = bytes.windows(6).position(|window| window == b"lib.py").unwrap() + 10;
    bytes[at] ^= 0xff;
    fs::write(file, bytes).unwrap();
    let error = project.build(LAMBDA).await.unwrap_err();
    assert_eq!(error.to_string(), "unzipping lib-1.0-py3-none-any.whl");
}

#[tokio::test]
async fn what_a_killed_build_left_is_cleared_and_does_not_count() {
    let project = Project::new("lib\n");
    project.simple_wheel("lib", "py3-none-any");
    let first = project.package().await;
    let trees = project.world.cache().join("trees");
    let zip = |dir: &Path| {
        let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        paths
            .into_iter()
            .find(|path| path.extension().is_some_and(|extension| extension == "zip"))
            .unwrap()
    };
    let tree = zip(&trees);
    fs::remove_file(tree.with_extension("json")).unwrap();
    fs::write(&tree, "half").unwrap();
    let left = trees.join(format!(
        "{}-downloads-x",
        tree.file_stem().unwrap().to_str().unwrap()
    ));
    fs::create_dir(&left).unwrap();
    fs::write(zip(&project.world.cache().join("packages")), "half").unwrap();
    let second = project.package().await;
    assert_eq!(second.zip_sha256, first.zip_sha256);
    assert!(!left.exists());
}

#[tokio::test]
async fn two_who_build_the_same_build_it_once() {
    let project = Project::new("lib\n");
    project.simple_wheel("lib", "py3-none-any");
    let (one, two) = tokio::join!(project.build(LAMBDA), project.build(LAMBDA));
    assert_eq!(one.unwrap().zip_sha256, two.unwrap().zip_sha256);
    let told = project.world.told();
    assert_eq!(
        told.iter().filter(|line| line.starts_with("Building")).count(),
        1,
        "{told:?}"
    );
}

#[tokio::test]
async fn a_python_that_lambda_does_not_run_is_told() {
    let mut project = Project::new("");
    project.python.version.minor = 9;
    let package = project.package().await;
    assert_eq!(package.runtime.name, "python3.10");
    assert_eq!(
        package.warnings,
        [Warning::OtherPython {
            runtime: "python3.10".to_owned()
        }]
    );
    assert_eq!(project.build(Target::Host).await.unwrap().warnings, []);
}

#[tokio::test]
async fn only_the_last_few_packages_are_kept() {
    let project = Project::new("");
    for number in 0..12 {
        project.world.write("app.py", &format!("app = {number}"));
        project.package().await;
    }
    let packages = project.world.cache().join("packages");
    let zips = fs::read_dir(packages).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(
        zips.filter(|path| path.extension().is_some_and(|extension| extension == "zip"))
            .count(),
        8
    );
}
