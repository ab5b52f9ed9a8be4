use std::fs;

use super::line::logical_lines;
use super::{Requirements, RequirementsError};
use crate::source::python::testing::World;

fn read(world: &World) -> Requirements {
    Requirements::read(&world.project()).unwrap()
}

/// The requirements of a project with only this `requirements.txt`.
fn of(text: &str) -> Requirements {
    let world = World::new();
    world.write("requirements.txt", text);
    read(&world)
}

#[test]
fn nothing_asked_for_is_empty() {
    assert!(read(&World::new()).is_empty());
    for text in [
        "",
        "\n \n",
        "# requests\n  # more\n",
        "--index-url https://example.org\n",
        "-c /dev/null\n",
    ] {
        assert!(of(text).is_empty(), "{text:?}");
    }
    for text in [
        "requests",
        "./lib",
        "-e ./lib",
        "-r https://example.org/r.txt",
        "git+https://example.org/x",
    ] {
        assert!(!of(text).is_empty(), "{text:?}");
    }
}

#[test]
fn comments_and_blanks_are_no_change() {
    let plain = of("requests==2.0\nflask\n");
    assert_eq!(
        of("# why\nrequests==2.0   # pinned\n\n  flask").digest(),
        plain.digest()
    );
    assert_eq!(of("requests==\\\n2.0\nflask\n").digest(), plain.digest());
    assert_eq!(of("\u{feff}requests==2.0\r\nflask\r\n").digest(), plain.digest());
    assert_ne!(of("requests==2.1\nflask\n").digest(), plain.digest());
    assert_ne!(of("flask\nrequests==2.0\n").digest(), plain.digest());
    assert_ne!(
        of("x @ https://e.org/x.zip#sha256=1\n").digest(),
        of("x @ https://e.org/x.zip\n").digest()
    );
}

#[test]
fn a_file_in_utf16_is_read() {
    let world = World::new();
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend("requests==2.0\r\n".encode_utf16().flat_map(u16::to_le_bytes));
    fs::write(world.project().join("requirements.txt"), bytes).unwrap();
    assert_eq!(read(&world).digest(), of("requests==2.0").digest());
    assert!(read(&world).names("requests"));
}

#[test]
fn names_are_known_in_their_normal_form() {
    let requirements = of(
        "Foo_Bar[x]>=1 ; python_version > '3'\nbaz;x=='a/b'\nqux @ https://e.org/q.whl\n\
        git+https://me@e.org/n.git@main#egg=Egg\n--no-binary other\nchalice~=1.30\n",
    );
    for name in ["foo-bar", "baz", "qux", "egg", "chalice"] {
        assert!(requirements.names(name), "{name}");
    }
    for name in ["other", "git", "n", "requests"] {
        assert!(!requirements.names(name), "{name}");
    }
    assert!(requirements.places("qux") && requirements.places("egg"));
    assert!(!requirements.places("baz") && !requirements.places("chalice"));
}

#[test]
fn included_files_count_and_circles_end() {
    let world = World::new();
    world.write("requirements.txt", "-r sub/base.txt\n--constraint=limits.txt\n");
    world.write("sub/base.txt", "-r ../requirements.txt\n--requirement deep.txt\n");
    world.write("sub/deep.txt", "requests\n");
    world.write("limits.txt", "flask<3\n");
    let before = read(&world);
    assert!(!before.is_empty() && before.names("requests"));
    assert!(!before.names("flask"), "a constraint asks for nothing");
    world.write("limits.txt", "flask<4\n");
    assert_ne!(read(&world).digest(), before.digest());
    world.write("limits.txt", "flask<3\n");
    assert_eq!(read(&world).digest(), before.digest());
    world.write("sub/deep.txt", "requests<3\n");
    assert_ne!(read(&world).digest(), before.digest());
}

#[test]
fn a_missing_include_is_named_with_its_line() {
    let world = World::new();
    let file = world.write("requirements.txt", "requests\n\n-r gone.txt\n");
    let error = Requirements::read(&world.project()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.ends_with(&format!("gone.txt, which {}:3 includes", file.display())),
        "{text}"
    );
    assert!(matches!(error, RequirementsError::Read { .. }));
    assert!(error.hint().unwrap().contains("line 3"));
}

#[test]
fn the_contents_of_local_folders_and_wheels_count() {
    let world = World::new();
    world.write(
        "requirements.txt",
        "./lib[extra]\n-e ./other\nx @ file://wheels/x.whl\n-f wheels\n",
    );
    world.write("lib/lib.py", "1");
    world.write("other/other.py", "1");
    world.write("wheels/x.whl", "1");
    let before = read(&world);
    let folders = ["./lib", "./other"].map(|folder| world.project().join(folder));
    assert_eq!(before.folders(), folders);
    for file in ["lib/lib.py", "other/other.py", "wheels/x.whl", "wheels/new.whl"] {
        world.write(file, "2");
        assert_ne!(read(&world).digest(), before.digest(), "{file}");
        if file.contains("new") {
            fs::remove_file(world.project().join(file)).unwrap();
        } else {
            world.write(file, "1");
        }
        assert_eq!(read(&world).digest(), before.digest(), "{file}");
    }
    for file in [
        "lib/build/x",
        "lib/x.egg-info/y",
        "lib/__pycache__/l.pyc",
        "lib/.git/HEAD",
    ] {
        world.write(file, "left by a build");
    }
    assert_eq!(read(&world).digest(), before.digest());
}

#[test]
fn lines_keep_their_numbers() {
    let lines = logical_lines("a\n\n# c \\\nb \\\n  c # d\nx#y\n#z\nlast \\");
    let lines: Vec<(usize, &str)> = lines
        .iter()
        .map(|(number, line)| (*number, line.as_str()))
        .collect();
    assert_eq!(lines, [(1, "a"), (4, "b   c"), (6, "x#y"), (8, "last")]);
}
