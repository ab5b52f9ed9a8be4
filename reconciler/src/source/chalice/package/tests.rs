use std::fs;
use std::path::Path;

use super::testing::{LAMBDA, Project, names, names_in};
use super::{Target, Warning};

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
    let mut archive = zip::ZipArchive::new(fs::File::open(&package.code.file).unwrap()).unwrap();
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
        (second.code.content, second.code.sha256),
        (first.code.content.clone(), first.code.sha256)
    );
    assert!(project.world.told().is_empty());

    // The code changes: still no tool runs.
    project.world.write("chalicelib/x.py", "");
    let third = project.package().await;
    assert_ne!(third.code.content, first.code.content);
    assert!(project.world.told().is_empty());

    project.world.write("requirements.txt", "lib>=1\n");
    let fourth = project.package().await;
    assert_eq!(project.world.told().len(), 1);
    assert_ne!(fourth.code.content, third.code.content);
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
    assert_ne!(one.code.file, two.code.file);
    assert_eq!(one.code.sha256, two.code.sha256);
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
    assert_eq!(second.code.sha256, first.code.sha256);
    assert!(!left.exists());
}

#[tokio::test]
async fn two_who_build_the_same_build_it_once() {
    let project = Project::new("lib\n");
    project.simple_wheel("lib", "py3-none-any");
    let (one, two) = tokio::join!(project.build(LAMBDA), project.build(LAMBDA));
    assert_eq!(one.unwrap().code.sha256, two.unwrap().code.sha256);
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
async fn only_the_last_few_packages_are_kept_once_they_are_no_longer_in_use() {
    let project = Project::new("");
    let packages = project.world.cache().join("packages");
    let kept = || -> Vec<_> {
        let zips = fs::read_dir(&packages)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        zips.filter(|path| path.extension().is_some_and(|extension| extension == "zip"))
            .collect()
    };
    let pack = async |number: usize| {
        project.world.write("app.py", &format!("app = {number}"));
        project.package().await
    };
    for number in 0..20 {
        pack(number).await;
    }
    assert_eq!(kept().len(), 20, "those of one run may all be read yet");
    for zip in kept() {
        let file = fs::File::options().append(true).open(&zip).unwrap();
        let hour = std::time::Duration::from_secs(3600);
        let before = zip.metadata().unwrap().modified().unwrap() - hour;
        file.set_modified(before).unwrap();
        let _ = fs::remove_file(zip.with_extension("used"));
    }
    let last = pack(20).await.code.file;
    assert_eq!(kept().len(), 16);
    assert!(kept().contains(&last));
}

#[tokio::test]
async fn with_a_layer_the_code_is_the_projects_own_and_the_rest_lies_where_lambda_imports_it() {
    let mut project = Project::new("lib\n");
    let files = [("lib.py", "lib"), ("shadowed.py", "of the dependency")];
    project.world.wheel("lib", "1.0", "py3-none-any", "", &files);
    project.world.write("chalicelib/a.py", "");
    project.world.write("vendor/shadowed.py", "vendored");
    project.world.write("vendor/chalicelib/b.py", "");
    project.layered = true;
    let package = project.package().await;
    assert_eq!(
        names_in(&package.code),
        [
            "app.py",
            "chalice/__init__.py",
            "chalice/app.py",
            "chalicelib/a.py"
        ]
    );
    let layer = package.layer.as_ref().unwrap();
    let folder = format!("python/lib/{}/site-packages", package.runtime.name);
    let inside: Vec<_> = ["chalicelib/b.py", "lib.py", "shadowed.py"]
        .map(|name| format!("{folder}/{name}"))
        .into();
    let found = names_in(layer);
    assert_eq!(
        found
            .iter()
            .filter(|name| !name.contains("dist-info"))
            .cloned()
            .collect::<Vec<_>>(),
        inside
    );
    let mut archive = zip::ZipArchive::new(fs::File::open(&layer.file).unwrap()).unwrap();
    let mut file = archive.by_name(&inside[2]).unwrap();
    assert_eq!(std::io::read_to_string(&mut file).unwrap(), "vendored");
    drop(file);

    // A change of the code leaves the layer as it is, and the same again is the same to the byte.
    project.world.write("app.py", "app = 2\n");
    let changed = project.package().await;
    assert_ne!(changed.code.content, package.code.content);
    assert_eq!(changed.layer.unwrap().sha256, layer.sha256);
    // A change of what is vendored leaves the code as it is.
    project.world.write("app.py", "app = 1\n");
    project.world.write("vendor/more.py", "");
    let changed = project.package().await;
    assert_eq!(changed.code.sha256, package.code.sha256);
    assert_ne!(changed.layer.unwrap().content, layer.content);
}

#[tokio::test]
async fn a_layer_without_a_byte_is_none() {
    let mut project = Project::new("");
    project.layered = true;
    assert!(project.package().await.layer.is_none());
    project.world.write("vendor/empty/__init__.py", "");
    assert!(
        project.package().await.layer.is_none(),
        "Lambda takes no layer of empty files"
    );
    project.world.write("vendor/empty/__init__.py", "1");
    assert!(project.package().await.layer.is_some());
}

/// Chalice's digest is of bytes alone, so that a renamed file leaves the old package in use.
#[tokio::test]
async fn package_hash_counts_names_and_modes() {
    let project = Project::new("");
    let file = project.world.write("chalicelib/a.py", "x = 1");
    let first = project.package().await;
    fs::rename(&file, file.with_file_name("b.py")).unwrap();
    let renamed = project.package().await;
    assert_ne!(renamed.code.content, first.code.content);
    fs::set_permissions(
        file.with_file_name("b.py"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    assert_ne!(project.package().await.code.content, renamed.code.content);
}
