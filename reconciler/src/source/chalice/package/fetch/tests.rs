use std::fs;

use crate::source::chalice::package::testing::{LAMBDA, Project, missing, names};
use crate::source::chalice::package::{Architecture, PackageError, Target, Warning};

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
    assert_eq!(package.warnings, std::slice::from_ref(&older));
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
    assert_eq!(project.package().await.code.content, first.code.content);
    assert!(
        project.world.told().is_empty(),
        "building left something that counts"
    );
    project.world.write("libs/mine/mine.py", "value = 2\n");
    assert_ne!(project.package().await.code.content, first.code.content);
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
