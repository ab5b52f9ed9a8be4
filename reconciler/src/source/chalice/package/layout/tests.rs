use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use grail_providers::package::Bundle;

use super::{app, vendor};
use crate::source::chalice::package::{PackageError, Warning};
use crate::source::python::Chalice;
use crate::source::python::testing::World;

fn chalice(world: &World) -> Chalice {
    let [app_py, init_py] = ["app.py", "__init__.py"].map(|name| {
        let file = world.path().join(name);
        fs::write(&file, format!("the runtime's {name}")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file
    });
    Chalice {
        version: "1.34.0".to_owned(),
        app_py,
        init_py,
    }
}

fn bundle(world: &World) -> (Result<Bundle, PackageError>, Vec<Warning>) {
    let mut warnings = Vec::new();
    let packed = app(&world.project(), &chalice(world), &mut warnings).and_then(|mut bundle| {
        bundle.overlay(vendor(&world.project(), &mut warnings)?);
        Ok(bundle)
    });
    (packed, warnings)
}

/// The paths of a bundle, with a star where a file may be executed.
fn paths(world: &World) -> Vec<String> {
    let (bundle, _) = bundle(world);
    let path = |(path, entry): (&str, &grail_providers::package::Entry)| {
        format!("{path}{}", if entry.executable { "*" } else { "" })
    };
    bundle.unwrap().iter().map(path).collect()
}

#[test]
fn the_least_project() {
    let world = World::new();
    world.write("app.py", "");
    assert_eq!(paths(&world), ["app.py", "chalice/__init__.py", "chalice/app.py"]);
}

#[test]
fn only_what_chalice_packs_is_packed() {
    let world = World::new();
    for path in [
        "app.py",
        "other.py",
        "chalicelib/a.py",
        "chalicelib/data/b.txt",
        "vendor/lib/c.py",
        "vendor/d.so",
        ".chalice/config.json",
        "tests/test_app.py",
        "requirements.txt",
        "chalicelib/.hidden",
    ] {
        world.write(path, "");
    }
    let run = world.write("vendor/bin/run", "");
    fs::set_permissions(run, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(
        paths(&world),
        [
            "app.py",
            "bin/run*",
            "chalice/__init__.py",
            "chalice/app.py",
            "chalicelib/.hidden",
            "chalicelib/a.py",
            "chalicelib/data/b.txt",
            "d.so",
            "lib/c.py"
        ]
    );
}

#[test]
fn vendor_wins() {
    let world = World::new();
    world.write("app.py", "mine");
    world.write("vendor/app.py", "vendored");
    world.write("vendor/chalice/app.py", "another runtime");
    let bundle = bundle(&world).0.unwrap();
    assert_eq!(bundle.get("app.py").unwrap().size, 8);
    assert_eq!(bundle.get("chalice/app.py").unwrap().size, 15);
}

#[test]
fn links_are_followed_as_chalice_follows_them() {
    let world = World::new();
    world.write("app.py", "");
    let outside = world.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("x.py"), "").unwrap();
    for folder in ["chalicelib", "vendor"] {
        fs::create_dir(world.project().join(folder)).unwrap();
        symlink(&outside, world.project().join(folder).join("folder")).unwrap();
        symlink(outside.join("x.py"), world.project().join(folder).join("file.py")).unwrap();
    }
    assert_eq!(
        paths(&world)[3..],
        [
            "chalicelib/file.py".to_owned(),
            "file.py".to_owned(),
            "folder/x.py".to_owned()
        ]
    );
}

#[test]
fn links_to_nowhere_and_in_circles_are_named() {
    for (link, to) in [
        ("chalicelib/gone", "nowhere"),
        ("vendor/gone", "nowhere"),
        ("vendor/a/circle", "../../vendor"),
    ] {
        let world = World::new();
        world.write("app.py", "");
        let link = world.project().join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(to, &link).unwrap();
        let error = bundle(&world).0.unwrap_err();
        assert!(
            matches!(&error, PackageError::Link { path, .. } if path.ends_with(link.file_name().unwrap())),
            "{error:?}"
        );
        assert!(error.hint().is_some());
    }
}

#[test]
fn litter_is_left_out_and_bytecode_without_its_source_is_told() {
    let world = World::new();
    world.write("app.py", "");
    for path in [
        "chalicelib/__pycache__/a.cpython-312.pyc",
        "chalicelib/.DS_Store",
        "vendor/.git/HEAD",
        "vendor/m.pyc",
        "vendor/m.py",
        "vendor/secret.pyc",
    ] {
        world.write(path, "");
    }
    assert_eq!(
        paths(&world),
        ["app.py", "chalice/__init__.py", "chalice/app.py", "m.py"]
    );
    assert_eq!(
        bundle(&world).1,
        [Warning::NoSource {
            path: "secret.pyc".to_owned()
        }]
    );
}

#[test]
fn what_is_no_file_is_left_out_and_told() {
    let world = World::new();
    world.write("app.py", "");
    let socket = world.write("vendor/x", "").with_file_name("socket");
    let _listening = std::os::unix::net::UnixListener::bind(socket).unwrap();
    assert_eq!(
        bundle(&world).1,
        [Warning::NoFile {
            path: "socket".to_owned()
        }]
    );
    assert!(!paths(&world).contains(&"socket".to_owned()));
}

#[test]
fn a_folder_without_app_is_no_project() {
    let world = World::new();
    let error = bundle(&world).0.unwrap_err();
    assert!(matches!(error, PackageError::NoApp { .. }), "{error}");
}

#[test]
fn a_name_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStrExt as _;
    let world = World::new();
    let file = world
        .write("vendor/x", "")
        .with_file_name(std::ffi::OsStr::from_bytes(b"a\xff"));
    fs::write(world.write("app.py", ""), "").unwrap();
    fs::write(file, "").unwrap();
    assert!(matches!(bundle(&world).0.unwrap_err(), PackageError::Name { .. }));
}
