//! A project for the tests of packages, and what is in a package.

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use grail_providers::package::{Limits, ZipDigest, content_of_zip};

use super::{Architecture, Package, PackageError, Request, Target, Warning, Zip, build};
use crate::source::python::testing::World;
use crate::source::python::{Chalice, Origin, Python, Version};

/// A world with a project of one file, and this machine's Python with pip, said to have a chalice and to be of
/// another version than it is: what pip takes for this machine then never fits Lambda.
pub(crate) struct Project {
    pub(crate) world: World,
    pub(crate) python: Python,
    /// The tags of a wheel that fits this machine only.
    pub(crate) here: String,
    /// Whether the requirements go into a layer.
    pub(crate) layered: bool,
}

pub(crate) const LAMBDA: Target = Target::Lambda(Architecture::X86_64);

impl Project {
    pub(crate) fn new(requirements: &str) -> Self {
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
        Self {
            world,
            python,
            here,
            layered: false,
        }
    }

    /// The tags of a wheel that fits Lambda on this processor.
    pub(crate) fn tags(&self, machine: &str) -> String {
        let abi = self.python.runtime().abi();
        format!("{abi}-{abi}-manylinux2014_{machine}")
    }

    /// Puts a wheel of one file, named after it, into the index.
    pub(crate) fn simple_wheel(&self, name: &str, tags: &str) {
        self.world.wheel(
            name,
            "1.0",
            tags,
            "",
            &[(&format!("{name}-{}", tags.replace('-', ".")), "")],
        );
    }

    pub(crate) async fn build(&self, target: Target) -> Result<Package, PackageError> {
        let request = Request {
            project_dir: &self.world.project(),
            python: &self.python,
            surroundings: &self.world.surroundings(),
            target,
            layered: self.layered,
            cache: &self.world.cache(),
        };
        build(&request, &|notice| self.world.tell(notice)).await
    }

    /// Builds for Lambda, and checks that the zips hold what they are said to hold.
    pub(crate) async fn package(&self) -> Package {
        let package = self.build(LAMBDA).await.unwrap();
        for packed in std::iter::once(&package.code).chain(&package.layer) {
            let zip = fs::read(&packed.file).unwrap();
            assert_eq!(ZipDigest::of(&zip), packed.sha256);
            assert_eq!(zip.len() as u64, packed.size.zipped);
            let content = content_of_zip(Cursor::new(zip), Limits::default()).unwrap();
            assert_eq!(content, packed.content);
        }
        package
    }
}

/// The names in a package but for the runtime and `app.py`.
pub(crate) fn names(package: &Package) -> Vec<String> {
    let names = names_in(&package.code).into_iter();
    names
        .filter(|name| !name.starts_with("chalice/") && name != "app.py" && !name.contains("dist-info"))
        .collect()
}

/// All names in a zip.
pub(crate) fn names_in(packed: &Zip) -> Vec<String> {
    let archive = zip::ZipArchive::new(fs::File::open(&packed.file).unwrap()).unwrap();
    let names = archive.file_names().map(|name| name.unwrap().into_owned());
    names.collect()
}

pub(crate) fn missing(packages: &[&str]) -> Vec<Warning> {
    vec![Warning::NotForLambda {
        packages: packages.iter().map(|&package| package.to_owned()).collect(),
    }]
}
