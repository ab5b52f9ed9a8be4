//! What tests of Python things are made of: wheels, archives of sources, projects, and a world without an index.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{Notice, Surroundings};

/// A folder with an empty project, a cache, and wheels that stand in for an index.
pub(crate) struct World {
    dir: TempDir,
    told: Mutex<Vec<String>>,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self {
            dir: tempfile::tempdir().unwrap(),
            told: Mutex::default(),
        };
        for dir in [world.project(), world.cache(), world.index()] {
            fs::create_dir(dir).unwrap();
        }
        world
    }

    pub(crate) fn path(&self) -> PathBuf {
        // Without links on the way, as an interpreter tells its own path.
        self.dir.path().canonicalize().unwrap()
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.path().join("project")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.path().join("cache")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.path().join("index")
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, path: &str, text: &str) -> PathBuf {
        let file = self.project().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        file
    }

    /// Surroundings in which pip knows the wheels of this world and no others.
    #[expect(
        clippy::disallowed_methods,
        reason = "tests start the python3 of this machine"
    )]
    pub(crate) fn surroundings(&self) -> Surroundings {
        Surroundings::new([("PATH", std::env::var_os("PATH").unwrap())])
            .with("HOME", self.path())
            .with("PIP_CONFIG_FILE", "/dev/null")
            .with("PIP_NO_INDEX", "1")
            .with("PIP_FIND_LINKS", self.index())
            .with("PIP_NO_CACHE_DIR", "1")
    }

    pub(crate) fn tell(&self, notice: Notice) {
        self.told.lock().unwrap().push(notice.to_string());
    }

    /// What was told since the last time this was asked.
    pub(crate) fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap())
    }

    /// Puts a wheel into the index; `metadata` are further lines such as `Requires-Dist: x`.
    pub(crate) fn wheel(
        &self,
        name: &str,
        version: &str,
        tags: &str,
        metadata: &str,
        files: &[(&str, &str)],
    ) {
        let info = format!("{name}-{version}.dist-info");
        let mut all = vec![
            (
                format!("{info}/METADATA"),
                format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}"),
            ),
            (format!("{info}/WHEEL"), wheel_text(tags)),
        ];
        all.extend(
            files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned())),
        );
        let record: String = all.iter().map(|(path, _)| format!("{path},,\n")).collect();
        all.push((format!("{info}/RECORD"), format!("{record}{info}/RECORD,,\n")));
        fs::write(
            self.index().join(format!("{name}-{version}-{tags}.whl")),
            zip_of(&all),
        )
        .unwrap();
    }

    /// Stand-ins for `chalice` and `boto3` that can be imported.
    pub(crate) fn chalice(&self) {
        self.wheel("boto3", "1.0", "py3-none-any", "", &[("boto3.py", "")]);
        self.wheel(
            "chalice",
            super::CHALICE_PIN,
            "py3-none-any",
            "",
            &[
                ("chalice/__init__.py", "from chalice.app import __version__\n"),
                ("chalice/app.py", "__version__ = '1.34.0'\n"),
                ("chalice/cli/__init__.py", ""),
            ],
        );
    }

    /// Puts sources into the index whose own backend builds a wheel with `tags`, needing nothing but Python. With
    /// `optional` they give a pure wheel where the C compiler is `/var/false`.
    pub(crate) fn sources(&self, name: &str, version: &str, tags: &str, optional: bool) {
        let top = format!("{name}-{version}");
        let files: Vec<(String, String)> = source_files(name, version, tags, optional)
            .into_iter()
            .map(|(path, text)| (format!("{top}/{path}"), text))
            .collect();
        fs::write(self.index().join(format!("{top}.zip")), zip_of(&files)).unwrap();
    }

    /// The same sources as a folder of the project.
    pub(crate) fn source_folder(&self, folder: &str, name: &str, version: &str) {
        for (path, text) in source_files(name, version, "py3-none-any", false) {
            self.write(&format!("{folder}/{path}"), &text);
        }
    }
}

fn wheel_text(tags: &str) -> String {
    format!("Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tags}\n")
}

fn source_files(name: &str, version: &str, tags: &str, optional: bool) -> Vec<(String, String)> {
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    let backend = format!(
        r#"
import os, zipfile
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    tags = {tags:?}
    if {optional} and os.environ.get("CC") == "/var/false":
        tags = "py3-none-any"
    info = "{name}-{version}.dist-info"
    file = "{name}-{version}-%s.whl" % tags
    with zipfile.ZipFile(os.path.join(wheel_directory, file), "w") as z:
        z.writestr("{name}.py", open("{name}.py").read())
        z.writestr(info + "/METADATA", {metadata:?})
        z.writestr(info + "/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: %s\n" % tags)
        z.writestr(info + "/RECORD", "")
    return file
build_editable = build_wheel
"#,
        optional = if optional { "True" } else { "False" },
    );
    [
        (
            "pyproject.toml",
            "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n".to_owned(),
        ),
        ("backend.py", backend),
        ("PKG-INFO", metadata),
        (&format!("{name}.py"), "value = 1\n".to_owned()),
    ]
    .map(|(path, text): (&str, String)| (path.to_owned(), text))
    .into()
}

fn zip_of(files: &[(String, String)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, text) in files {
        // Modes that must not show in a package.
        zip.start_file(
            path.as_str(),
            SimpleFileOptions::default().unix_permissions(0o775),
        )
        .unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Writes a shell script that may run.
///
/// A child writes it: were it open here for writing while another test starts a program, that program would hold it
/// open too, and starting the script would fail as "busy".
pub(crate) fn script(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let write = "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$2\" && chmod 755 \"$2\"";
    let mut command = std::process::Command::new("/bin/sh");
    assert!(
        command
            .args(["-c", write, "sh", text])
            .arg(file)
            .status()
            .unwrap()
            .success()
    );
}
